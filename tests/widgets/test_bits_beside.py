"""A device's answers beside simfp's: elements of a report, and what the widget takes, keeps and sends."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

import simfp as sf
from simfp.figures.silicon import bits_beside as figures
from simfp.silicon import bit_comparison, recordings
from simfp.silicon.bit_comparison import Beside, beside
from simfp.widgets import BitsBeside

RECORDING = recordings.load("h200_operations")
ROWS = {row["name"]: row for row in RECORDING["rows"]}
SOURCE = recordings.source(RECORDING)
FP16 = sf.as_format("float16")


@pytest.mark.parametrize("name", bit_comparison.SHOWN)
def test_elements_that_differ_come_first_and_only_those_of_the_frontier_do(name: str) -> None:
    elements = beside(RECORDING, ROWS[name])
    equal = [each.equal for each in elements]
    assert equal == sorted(equal)
    assert all(equal) == (not ROWS[name]["differing"])
    assert max(each.ulps for each in elements) <= ROWS[name]["worst_ulp"]


def test_what_went_in_is_told_where_one_number_or_two_make_an_element() -> None:
    for each in beside(RECORDING, ROWS["div float16"]):
        x, y = each.given
        with np.errstate(all="ignore"):
            best = np.float16(np.float16(x) / np.float16(y))
        made = np.uint16(each.made).view(np.float16)
        assert best == made or (np.isnan(best) and np.isnan(made))
    assert beside(RECORDING, ROWS["sum of rows float32"])[0].given == ()


def test_nan_is_equal_to_nan_and_zeros_of_two_signs_are_not() -> None:
    assert Beside("result", (0,), (), FP16, 0x7E00, 0xFFFF).equal
    zeros = Beside("result", (), (), FP16, 0x0000, 0x8000)
    assert not zeros.equal
    told = figures.story(zeros, live=True)
    assert told.told == "zeros of two signs"
    assert [row[2] for row in told.rows] == ["0", "−0"]
    assert told.marks == (True, *[False] * 17)
    assert told.rows[0][0] == "the GPU"


def test_the_widget_tells_what_it_shows_in_words_bits_and_a_picture() -> None:
    widget = BitsBeside(RECORDING, source=SOURCE, check="attention float16")
    words = widget.alternative()
    assert words.startswith("attention float16: result, element ")
    assert "1 ulp apart." in words
    assert f"The answers were {SOURCE}." in words
    data, metadata = widget._repr_mimebundle_()
    assert data["text/plain"] == words == metadata["image/png"]["alt"]
    with Image.open(io.BytesIO(base64.b64decode(data["image/png"]))) as picture:
        assert min(picture.size) > 100
    (_, first, _), (_, second, _) = widget._story["rows"]
    assert widget._story["marks"] == [x != y for x, y in zip(first, second)]
    assert widget.figure(dark=True).get_facecolor()[0] < 0.2


def test_a_wrong_setting_raises_at_first_and_later_keeps_the_last_good_one() -> None:
    for wrong in ({"check": "fft"}, {"element": -1}, {"element": "first"}):
        with pytest.raises(ValueError, match=r"expected one of|must be a whole number"):
            BitsBeside(RECORDING, **wrong)
    widget = BitsBeside(RECORDING)
    widget.check = "fft"
    assert widget.check == bit_comparison.SHOWN[0]
    assert widget.message.startswith("unknown check 'fft'")
    widget.element = 999
    assert widget.message == ""
    last = widget._story["title"]
    widget.element = widget._story["count"] - 1
    assert widget._story["title"] == last
    with pytest.raises(ValueError, match="no check whose elements can be shown"):
        BitsBeside(RECORDING | {"rows": []})


@pytest.mark.parametrize("name", ["gelu bfloat16", "conv2d float16"])
def test_moving_it_shows_that_element(name: str) -> None:
    widget: Any = BitsBeside(RECORDING)
    widget.check = name
    every = widget.elements()
    for place, each in enumerate(every):
        widget.element = place
        assert widget._story["rows"][0][1] == sf.bits.bit_string(each.told, each.fmt)
        assert widget._story["rows"][1][1] == sf.bits.bit_string(each.made, each.fmt)
        assert (widget._story["told"] == "equal, bit for bit") == each.equal
