"""The bit explorer without a browser: what it takes, refuses and computes."""

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import simfp as sf
from simfp.bits import exact_decimal
from simfp.explain import parse_number
from simfp.widgets import BitExplorer

TYPED = ["1e-400", "0x1.8p-14", "2^-24", "inf", "-0", "nan", "0.1", "65520", "1e39"]


@pytest.mark.parametrize("typed", TYPED)
def test_every_row_holds_what_encode_makes_of_the_typed_value(typed: str) -> None:
    widget = BitExplorer(typed)
    for fmt in widget.formats:
        assert widget.codes[fmt.name] == sf.explain(typed, fmt).code


@pytest.mark.parametrize("typed", ["1,5", "", "9" * 1_000_000])
def test_a_wrong_value_is_refused_with_a_word_and_the_last_good_one_kept(typed: str) -> None:
    widget = BitExplorer("0.5")
    widget.value = typed
    assert widget.value == "0.5"
    assert widget.message.endswith("; kept '0.5'")
    with pytest.raises(ValueError, match="number"):
        BitExplorer(typed)


def test_every_code_of_float8_and_a_sweep_of_float16_is_the_value_of_all_rows() -> None:
    widget = BitExplorer()
    for name, codes in [("float8_e4m3fn", range(256)), ("float16", range(0, 65536, 997))]:
        for code in codes:
            widget.set_code(name, code)
            value = float(sf.decode(code, name))
            assert widget.codes[name] == code
            if np.isfinite(value):
                assert widget.codes["float32"] == int(sf.encode(value, "float32"))
                row = next(row for row in widget._rows if row.fmt.name == name)
                assert row.decimal == exact_decimal(value)


@pytest.mark.parametrize(
    "fmt",
    [
        "float8_e5m2",
        "float8_e4m3fn",
        "float4_e2m1fn",
        sf.Format("bare", exponent_bits=4, mantissa_bits=0, infinities=False),
        sf.Format("flat", exponent_bits=3, mantissa_bits=2, subnormals=False),
        sf.Format("whole", exponent_bits=3, mantissa_bits=2, infinities=False, nans=False),
    ],
    ids=str,
)
def test_every_code_of_small_and_odd_formats_is_shown_with_its_neighbours(fmt: Any) -> None:
    own = sf.as_format(fmt)
    widget = BitExplorer(formats=[own, "float32"])
    for code in range(1 << own.bits):
        widget.set_code(own.name, code)
        row = widget._rows[0]
        value = float(sf.decode(code, own))
        assert row.code == code
        assert widget.message == ""
        if math.isnan(value):
            assert (row.below, row.above) == ("none", "none")
            continue
        if value == 0 and code & ((1 << (own.bits - 1)) - 1):
            continue  # in the gap of a format without subnormals: one of many codes of zero
        for told, step in ((row.below, sf.next_down), (row.above, sf.next_up)):
            beside = float(step(value, own))
            assert told == "none" if beside == value or math.isnan(beside) else float(parse_number(told)) == beside
        for name, place in (("up", 1), ("down", -1)):
            widget._touched(None, {"row": 0, "do": "step", "to": name}, None)
            stepped = widget._rows[0]
            there = {1: row.above, -1: row.below}[place]
            assert stepped.code == code if there == "none" else stepped.value == float(parse_number(there))
            widget.set_code(own.name, code)


def test_another_rounding_leaves_a_touched_code_as_it_is() -> None:
    flat = sf.Format("flat", exponent_bits=3, mantissa_bits=2, subnormals=False)
    widget = BitExplorer(formats=["float16", flat])
    widget.set_code("float16", 0x7C07)  # a NaN with something to say
    widget.rounding = "toward_zero"
    assert widget.codes["float16"] == 0x7C07
    widget.set_code("flat", 3)  # in the gap below the smallest normal number: it stands for zero
    widget.rounding = "to_odd"
    assert widget.codes["flat"] == 3
    widget.value = "nan"
    assert widget.codes["float16"] == sf.float16.nan_code
    widget.value = "1"
    widget.value = "nan"
    assert widget.codes["float16"] == sf.float16.nan_code


@pytest.mark.parametrize(
    ("given", "exactly"),
    [
        (np.int64(7), Fraction(7)),
        (np.float32(0.1), Fraction(float(np.float32(0.1)))),
        (np.float64(2.0**-60), Fraction(1, 2**60)),
        (np.float16(0.5), Fraction(1, 2)),
        (Fraction(1, 3), None),
        (3, Fraction(3)),
    ],
)
def test_numbers_of_any_kind_are_taken_exactly(given: Any, exactly: Fraction | None) -> None:
    if exactly is None:
        with pytest.raises(ValueError, match="understood"):
            BitExplorer(given)
        return
    assert parse_number(BitExplorer(given).value) == exactly


@pytest.mark.parametrize("given", [True, None, [1], 1j, np.bool_(True)])
def test_what_is_no_number_is_refused(given: Any) -> None:
    with pytest.raises(TypeError, match="value must be a text or a number"):
        BitExplorer(given)


@pytest.mark.parametrize(
    "told",
    [
        "nonsense",
        None,
        {},
        {"row": 0},
        {"row": 99, "do": "step", "to": "up"},
        {"row": -1, "do": "step", "to": "up"},
        {"row": [0], "do": "step", "to": "up"},
        {"row": 0, "do": "explode"},
        {"row": 0, "do": "step", "to": "sideways"},
        {"row": 0, "do": "step", "to": ["up"]},
        {"row": 0, "do": "step"},
        {"row": 0, "do": "paint", "to": 1},
        {"row": 0, "do": "paint", "bits": [0]},
        {"row": 0, "do": "paint", "bits": [99], "to": 1},
        {"row": 0, "do": "paint", "bits": [0.0], "to": 1},
        {"row": 0, "do": "paint", "bits": 3, "to": 1},
        {"row": 0, "do": "paint", "bits": [3], "to": "on"},
        {"row": 0, "do": "landmark", "to": "the moon"},
        {"row": 0, "do": "code", "to": 5},
    ],
    ids=str,
)
def test_a_message_that_makes_no_sense_is_answered_and_changes_nothing(told: Any) -> None:
    widget = BitExplorer("0.5")
    before, answered = dict(widget.codes), widget._table["answered"]
    widget._touched(widget, told, None)
    assert widget.codes == before
    assert widget._table["answered"] == answered + 1
    assert widget.message == f"not understood: {str(told)[:80]}"
    widget._touched(widget, {"row": 0, "do": "step", "to": "up"}, None)
    assert widget._table["answered"] == answered + 2
    assert widget.message == ""


def test_what_is_touched_is_answered_by_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    widget = BitExplorer("0.5")
    sent: list[Any] = []
    monkeypatch.setattr(widget, "send_state", lambda keys: sent.append(sorted(keys)))
    for told in (
        {"row": 0, "do": "step", "to": "up"},
        {"row": 0, "do": "code", "to": "zz"},
        {"row": 0, "do": "code", "to": "0"},
    ):
        widget._touched(widget, told, None)
    assert sent == [["_table", "value"], ["_table", "message"], ["_table", "message", "value"]]


def test_a_format_that_has_no_code_for_nan_says_so_and_is_touched_from_zero() -> None:
    whole = sf.Format("whole", exponent_bits=3, mantissa_bits=2, infinities=False, nans=False)
    widget = BitExplorer("nan", formats=[whole, "float16"])
    row = widget._table["rows"][0]
    assert widget.codes == {"whole": None, "float16": sf.float16.nan_code}
    assert (row["bits"], row["steps"], row["python"]) == ("–" * 6, [False, False], None)
    assert dict(row["facts"])["formula"] == "whole has no code for it"
    assert dict(row["landmarks"])["NaN"] == "it has no NaN"
    for told in ({"do": "step", "to": "up"}, {"do": "landmark", "to": "NaN"}):
        widget._touched(widget, {"row": 0, **told}, None)
        assert widget.codes["whole"] is None
    widget._touched(widget, {"row": 0, "do": "paint", "bits": [5], "to": 1}, None)
    assert widget.codes["whole"] == 1


@pytest.mark.parametrize("name", ["max", "one", "smallest normal", "smallest subnormal", "infinity", "NaN"])
@pytest.mark.parametrize(
    "fmt",
    [
        sf.Format("bare", exponent_bits=4, mantissa_bits=0, infinities=False),
        sf.Format("flat", exponent_bits=3, mantissa_bits=2, subnormals=False),
        sf.Format("whole", exponent_bits=3, mantissa_bits=2, infinities=False, nans=False),
    ],
    ids=str,
)
def test_landmarks_of_odd_formats_stand_where_they_should_or_give_a_reason(fmt: sf.Format, name: str) -> None:
    expected = {
        "max": fmt.max,
        "one": 1.0,
        "smallest normal": fmt.smallest_normal,
        "smallest subnormal": fmt.smallest_subnormal if fmt.subnormals and fmt.mantissa_bits else None,
        "infinity": math.inf if fmt.infinities else None,
        "NaN": math.nan if fmt.nans else None,
    }[name]
    widget = BitExplorer("0", formats=[fmt])
    reason = dict(widget._table["rows"][0]["landmarks"])[name]
    assert (reason == "") == (expected is not None)
    before = dict(widget.codes)
    widget._touched(widget, {"row": 0, "do": "landmark", "to": name}, None)
    if expected is None:
        assert widget.codes == before
    else:
        np.testing.assert_array_equal(widget._rows[0].value, expected)
