"""What is typed into a widget, or set in Python, is taken, or the last good value stays and `message` says why."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from simfp import widgets
from simfp.experiments.mixed_precision.scaler_machine import Machine
from simfp.explain import parse_number
from simfp.silicon import recordings
from simfp.widgets import BitExplorer, NumberLine, ScalerMachine, UpdateViewer
from simfp.widgets.parts.settings import Kept

WIDGETS: dict[str, Callable[[], Any]] = {
    "BitsBeside": lambda: widgets.BitsBeside(recordings.load("h200_operations")),
    "FusedStep": lambda: widgets.FusedStep([1.0, 2.0], [3.0, 0.5]),
    "ScaleWindow": lambda: widgets.ScaleWindow(network="mlp"),
    "TensorCoreBits": lambda: widgets.TensorCoreBits(recordings.answers("h100_products")),
}
WIDGETS |= {name: getattr(widgets, name) for name in widgets.__all__ if name not in WIDGETS}

TOO_LARGE = ("1e400", "-1e400", "2^2000", "0x1p+1100", "2^1024", "1.7976931348623159e308", "1" * 400, "1e1000")
SMALL = ("1e-400", "2^-3000", "-0", "0x0.0p-5")
NO_NUMBERS = (
    "",
    " ",
    "x",
    "0x",
    "2^",
    "1e",
    "--1",
    "1e1001",
    "2^3001",
    "1" * 1001,
    "1,5",
    "1 2",
    "\0",
    "½",
    "1e9999999999",
)
NASTY = (*TOO_LARGE, *SMALL, *NO_NUMBERS, "inf", "nan", None, True, 10**400, -(10**400), math.inf, -math.inf, math.nan,
         1e308, -1, 2.5, [], ["fp16"], {}, b"1", 1j, np.float32(3), np.int64(4), np.array([1.0, 2.0]),
         Fraction(1, 3))  # fmt: skip


def settings_of(widget: Any) -> list[str]:
    """The settings that a hand or Python may set to anything."""
    return [name for name, trait in widget.traits(sync=True).items() if isinstance(trait, Kept)]


def shown(widget: Any) -> dict[str, Any]:
    """What the front end is told."""
    return {name: value for name in widget.trait_names(sync=True) if isinstance(value := getattr(widget, name), dict)}


@pytest.mark.parametrize("name", widgets.__all__)
def test_nasty_values_are_taken_or_refused_with_a_word(name: str) -> None:
    widget = WIDGETS[name]()
    for setting in settings_of(widget):
        for given in NASTY:
            before, pictured = getattr(widget, setting), shown(widget)
            setattr(widget, setting, given)
            now = getattr(widget, setting)
            if widget.message:
                assert now == before, f"{setting} = {given!r}"
                assert "kept " in widget.message
                assert all(table is pictured[name] for name, table in shown(widget).items()), "nothing was made anew"
            elif isinstance(given, str):
                assert str(now) == given.strip(), f"{setting} = {given!r}"
    if hasattr(widget, "alternative"):
        assert widget.alternative()
    widget.close()


@pytest.mark.parametrize("text", TOO_LARGE)
def test_the_number_line_says_that_a_number_is_beyond_float64(text: str) -> None:
    line = NumberLine("0.1")
    before = line._table
    line.x = text
    assert (line.x, line.value) == ("0.1", 0.1)
    assert line.message.startswith("x must be at most 1.79769e+308 in magnitude (float64's), got '")
    assert text[:40] in line.message
    assert line._table is before
    with pytest.raises(ValueError, match=r"x must be at most 1\.79769e"):
        NumberLine(text)


def test_the_number_line_takes_the_largest_float64_and_what_rounds_to_it() -> None:
    line = NumberLine("1.797693134862315807e308")
    assert line.value == np.finfo(float).max
    line.x = 2**1023
    assert (line.x, line.message) == (str(2**1023), "")
    for number in (10**400, np.array(10)[()] * 1j):
        with pytest.raises((TypeError, ValueError), match="x must be"):
            NumberLine(number)


@pytest.mark.parametrize("text", [*TOO_LARGE, *SMALL, "inf", "nan"])
def test_the_bit_explorer_takes_every_number_that_can_be_read(text: str) -> None:
    explorer = BitExplorer("1")
    explorer.value = text
    assert (explorer.value, explorer.message) == (text, "")
    number = parse_number(text)
    for fmt in explorer.formats:
        code, largest = explorer.codes[fmt.name], fmt.max_code
        if isinstance(number, Fraction) and abs(number) > fmt.max * 2:
            beyond = {fmt.infinity_code, fmt.nan_code if not fmt.infinities else None} - {None} or {largest}
            assert code & ((1 << (fmt.bits - 1)) - 1) in beyond


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_what_is_no_number_is_named_and_nothing_changes(text: str) -> None:
    for widget, setting in ((NumberLine("2.5"), "x"), (BitExplorer("2.5"), "value")):
        setattr(widget, setting, text)
        assert getattr(widget, setting) == "2.5"
        assert widget.message.endswith("; kept '2.5'")
        assert repr(text[:40].strip()) in widget.message or "too long" in widget.message


@pytest.mark.parametrize("number", [10**400, math.inf, -math.inf, math.nan, 1001])
def test_the_update_viewer_keeps_its_numbers(number: float) -> None:
    viewer = UpdateViewer()
    for setting in ("weight", "lr", "gradient"):
        before = getattr(viewer, setting)
        setattr(viewer, setting, number)
        assert getattr(viewer, setting) == before
        assert viewer.message.startswith(f"{setting} must be")
    with pytest.raises(ValueError, match="weight must be"):
        UpdateViewer(weight=number)


@pytest.mark.parametrize(
    "scale", [math.inf, -math.inf, math.nan, 0, -0.0, -1, 3.4028235e38, 10**400, 1e-46, "1", None, True]
)
def test_a_scaler_that_could_not_scale_is_refused(scale: Any) -> None:
    for make in (ScalerMachine, Machine):
        with pytest.raises(ValueError, match=r"`init_scale` must be a number above 0 and finite in float32"):
            make(init_scale=scale)


@pytest.mark.parametrize("interval", [0, -1, 1.5, "3", None, True, 10**400])
def test_a_scaler_with_no_interval_is_refused(interval: Any) -> None:
    with pytest.raises(ValueError, match=r"`growth_interval` must be a whole number from 1"):
        ScalerMachine(growth_interval=interval)


@pytest.mark.parametrize("scale", [2.0**-149, float(np.finfo(np.float32).max), 1, np.float32(2.0**20)])
def test_the_scaler_tells_of_the_smallest_and_the_largest_scale(scale: Any) -> None:
    machine = ScalerMachine(init_scale=scale)
    machine.outlier_a = True
    machine.press("a whole iteration", "a whole iteration")
    assert machine.alternative()
    assert [call.wrong for call in machine.machine.history] == [False] * 10
