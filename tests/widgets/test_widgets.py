"""Widgets without a browser: what they take, refuse, compute, send and leave behind."""

import base64
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

import simfp as sf
from simfp.experiments.numbers import gradients
from simfp.experiments.numbers.underflow import SHIFTS
from simfp.widgets import Underflow
from simfp.widgets.parts import front_end

# setting, a wrong value, and what is said of it
WRONG = [
    ("k", 999, "k must be a whole number from -30 to 140, got 999"),
    ("k", -31, "k must be a whole number from -30 to 140, got -31"),
    ("k", "abc", "k must be a whole number from -30 to 140, got 'abc'"),
    ("k", 2.5, "k must be a whole number from -30 to 140, got 2.5"),
    ("k", True, "k must be a whole number from -30 to 140, got True"),
    ("k", None, "k must be a whole number from -30 to 140, got None"),
    ("data", "nope", "unknown data 'nope'; expected one of recorded, lognormal, uniform, two heaps"),
    ("significand", "2", "unknown significand '2'; expected one of 1, 1.5, 4/3, 1.999"),
    ("subnormals", "x", "unknown subnormals 'x'; expected one of keep, flush"),
    ("show", "all", "unknown show 'all'; expected one of both, value, gradients"),
    ("close_up", "yes", "close_up must be True or False, got 'yes'"),
]
GOOD = {"k": 24, "data": "lognormal", "significand": "4/3", "subnormals": "flush", "show": "value", "close_up": True}


@pytest.mark.parametrize(("name", "value", "said"), WRONG)
def test_a_wrong_value_set_later_keeps_the_last_good_one_and_says_so(name: str, value: object, said: str) -> None:
    widget = Underflow(**GOOD)
    setattr(widget, name, value)
    assert getattr(widget, name) == GOOD[name]
    assert widget.message == f"{said}; kept {GOOD[name]!r}"
    widget.k = 25
    assert widget.message == ""


@pytest.mark.parametrize(("name", "value", "said"), WRONG)
def test_a_wrong_value_to_begin_with_is_an_error(name: str, value: object, said: str) -> None:
    with pytest.raises((ValueError, TypeError), match=re.escape(said)):
        Underflow(**{name: value})


def test_a_wrong_value_from_the_screen_is_refused_and_the_kept_one_sent_back() -> None:
    widget = Underflow(k=4)
    sent: list[object] = []
    widget.send_state = lambda key=None: sent.append(key)
    widget.set_state({"k": 999})
    assert widget.k == 4
    assert "k" in sent


def test_unknown_formats_settings_and_no_format_are_errors() -> None:
    with pytest.raises(ValueError, match="unknown format 'fp17'"):
        Underflow(formats=["fp17"])
    with pytest.raises(ValueError, match="at least one format"):
        Underflow(formats=[])
    with pytest.raises(TypeError, match=r"unknown setting 'shift'; expected one of formats, k, data"):
        Underflow(shift=3)


def test_whole_numbers_of_numpy_are_taken() -> None:
    widget = Underflow(k=np.int64(7))
    widget.k = np.int16(-3)
    assert (widget.k, type(widget.k)) == (-3, int)


def test_whoever_observes_k_is_told() -> None:
    widget = Underflow()
    told: list[int] = []
    widget.observe(lambda change: told.append(change["new"]), names="k")
    widget.k = 24
    widget.k = 999
    widget.k = 25
    assert told == [24, 25]


@pytest.mark.parametrize("name", gradients.NAMES)
def test_what_is_sent_is_small_and_holds_counts_instead_of_gradients(name: str) -> None:
    widget = Underflow(data=name)
    assert len(json.dumps(widget._table)) < 100_000
    assert len(widget._esm) + len(widget._css) < 40_000
    assert sum(widget._table["bars"]["heights"]) == gradients.load(name).values.size
    assert len(widget._table["bars"]["heights"]) < 500


def test_the_table_follows_every_setting_that_it_depends_on() -> None:
    widget = Underflow()
    seen = [widget._table]
    for name, value in [("data", "uniform"), ("significand", "1.5"), ("subnormals", "flush")]:
        setattr(widget, name, value)
        assert all(widget._table != table for table in seen), name
        seen.append(widget._table)
    widget.k, widget.show, widget.close_up = 9, "value", True
    assert widget._table == seen[-1]


def test_any_format_can_stand_in_a_lane() -> None:
    toy = sf.Format("toy", exponent_bits=3, mantissa_bits=2, subnormals=False)
    widget = Underflow(formats=["fp32", "fp6_e2m3", "fp4", np.float16, toy], k=3)
    assert [lane["label"] for lane in widget._table["lanes"]] == ["fp32", "fp6 e2m3", "fp4 e2m1", "fp16", "toy"]
    assert [row["label"] for row in widget._table["rows"]] == ["fp32", "fp6 e2m3", "fp4 e2m1", "fp16", "toy"]
    assert widget.alternative().count("toy: ") == 2


def test_a_reader_without_a_kernel_gets_a_picture_and_its_words() -> None:
    widget = Underflow(k=20)
    data, metadata = widget._repr_mimebundle_()
    assert set(data) == {"text/plain", "image/png", "application/vnd.jupyter.widget-view+json"}
    assert data["text/plain"] == metadata["image/png"]["alt"] == widget.alternative()
    picture = base64.b64decode(data["image/png"])
    assert len(picture) < 30_000
    assert Image.open(io.BytesIO(picture)).format == "PNG"


def test_the_fate_shown_for_a_tie_is_the_one_that_rounding_gives() -> None:
    row = next(row for row in Underflow()._table["rows"] if row["label"] == "fp16")
    told = {k: row["became"][SHIFTS.index(k)] for k in (14, 15, 24, 25, -16)}
    assert told == {
        14: "exact",
        15: "subnormal, exact: 10 of 11 bits left",
        24: "subnormal, exact: 1 of 11 bits left",
        25: "zero: lost",
        -16: "too large: ∞",
    }
    flushed = next(row for row in Underflow(subnormals="flush")._table["rows"] if row["label"] == "fp16")
    assert flushed["became"][SHIFTS.index(15)] == "flushed to zero: lost"
    assert flushed["became"][SHIFTS.index(25)] == "zero: lost"


def test_a_front_end_is_one_module_that_asks_for_nothing() -> None:
    text = front_end.module("underflow")
    assert re.findall(r"^(?:import|export).*", text, re.MULTILINE) == ["export default { render };"]
    addresses = re.findall(r"\w+://[^\"'`\s]+", text + front_end.style("lanes"))
    assert set(addresses) <= {"http://www.w3.org/2000/svg"}  # a name, not an address
    assert not re.search(r"\bfetch\(|XMLHttpRequest|WebSocket|@import|url\((?!#)", text + front_end.style("lanes"))
