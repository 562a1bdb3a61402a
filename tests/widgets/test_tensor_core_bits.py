"""Recorded products beside a core of one's own: counts against simfp, and what the widget takes, keeps and sends."""

import base64
import io
import re
from typing import Any

import numpy as np
import pytest
from PIL import Image

import simfp as sf
from simfp.figures.silicon import tensor_core_bits as figures
from simfp.silicon import product_cases, recordings, tensor_core_bits
from simfp.silicon.tensor_core_bits import NO_DISTANCE, ROUNDINGS, TERMS, compare, shown, unit
from simfp.tensor_core import HOPPER
from simfp.widgets import TensorCoreBits

ANSWERS = recordings.answers("h100_products")
BY_NAME = {row.case.name: row for row in ANSWERS}
FIRST = "float16 spread 48x64x48"


def test_those_that_are_shown_are_a_choice_of_the_recorded_tensor_core_products() -> None:
    chosen = shown(ANSWERS)
    assert list(chosen) == [case.name for case in tensor_core_bits.SHOWN]
    assert {row.case.fmt for row in chosen.values()} == {"float16", "bfloat16", "tfloat32", "float8_e4m3fn"}
    others = [row for row in ANSWERS if row.case not in tensor_core_bits.SHOWN]
    assert len(shown(others)) > 40  # all that fit, where none of the choice is there
    assert all(max(row.answer.shape) <= 64 and row.case.fmt != "float32" for row in shown(others).values())


@pytest.mark.parametrize("name", shown(ANSWERS))
def test_the_picture_goes_dark_at_hopper_s_parameters_and_for_plain_inputs_nowhere_else(name: str) -> None:
    row = BY_NAME[name]
    core = HOPPER.core(row.case.fmt)
    dark = [
        (terms, bits, rounding)
        for terms in TERMS
        for bits in range(core.fraction_bits - 3, min(core.fraction_bits + 4, 31))
        for rounding in ROUNDINGS
        if not compare(row, unit(row.case, terms, bits, rounding)).differs.any()
    ]
    assert (core.terms, core.fraction_bits, "toward_zero") in dark
    assert len(dark) == 1 or row.case.kind == "subnormal"  # there little is ever cut


def test_differences_are_those_of_the_bits_and_distances_count_numbers_between() -> None:
    row = BY_NAME[FIRST]
    core = sf.TensorCore(8, 24)
    found = compare(row, core)
    made = core.products(*product_cases.values(row.case), sf.float16).astype(np.float32)
    assert np.array_equal(found.differs, made.view(np.uint32) != row.answer)
    told = row.answer.view(np.float32)
    for m, n in np.argwhere(found.distance == 3)[:20]:
        x = made[m, n]
        for _ in range(3):
            x = np.nextafter(x, told[m, n])
        assert x == told[m, n]
    assert (found.distance > 0).sum() == found.differs.sum()
    across = product_cases.Recorded(row.case, np.where(made > 0, np.uint32(0x80000001), row.answer).astype(np.uint32))
    assert compare(across, core).worst == int(made.view(np.int32)[made > 0].max()) + 1  # through zero


def test_nan_and_infinity_are_compared_too() -> None:
    row = BY_NAME["float16 special 48x64x48"]
    assert not compare(row, unit(row.case, 16, 25, "toward_zero")).differs.any()
    changed = row.answer.copy()
    nan = np.isnan(changed.view(np.float32))
    changed[nan] = 0x7FC00000  # another NaN
    same = compare(product_cases.Recorded(row.case, changed), unit(row.case, 16, 25, "toward_zero"))
    assert not same.differs.any()
    changed[nan] = 0
    other = compare(product_cases.Recorded(row.case, changed), unit(row.case, 16, 25, "toward_zero"))
    assert set(other.distance[other.differs].tolist()) == {NO_DISTANCE}
    assert other.differs.sum() == nan.sum() > 0
    assert "none by a distance that can be counted" in figures.reading(other)


def test_the_story_tells_both_answers_in_bits_and_marks_where_they_differ() -> None:
    row, core = BY_NAME[FIRST], sf.TensorCore(8, 24)
    found = compare(row, core)
    for m, n in ((3, 5), (0, 0), (47, 47)):
        told = figures.story(row, found, core, m, n)
        texts = [bits.replace(" ", "") for _, bits, _ in told.rows]
        a, b = product_cases.values(row.case)
        best = sf.ExactSum("fp32").products(a[m : m + 1], b[:, n : n + 1], sf.float16)[0, 0]
        codes = [int(row.answer[m, n]), int(found.made[m, n]), int(np.float32(best).view(np.uint32))]
        assert [int(text, 2) for text in texts] == codes
        assert sum(told.marks) == (codes[0] ^ codes[1]).bit_count()
        assert (told.told == "equal, bit for bit") == (codes[0] == codes[1])


# ---- the widget ----

GOOD = {"terms": 8, "fraction_bits": 24, "rounding": "toward_zero", "row": 3, "column": 5}
WRONG = [
    ("terms", 5, "terms must be one of 1, 2, 4, 8, 16, 32, got 5"),
    ("fraction_bits", 9, "fraction_bits must be a whole number from 10 to 30, got 9"),
    ("rounding", "odd", "unknown rounding 'odd'; expected one of toward_zero, nearest_even"),
    ("row", -1, "row must be a whole number from 0 to 63, got -1"),
    ("column", 64, "column must be a whole number from 0 to 63, got 64"),
    ("case", "fp16", "unknown case 'fp16'; expected one of float16 spread 48x64x48, float16 near one"),
]


@pytest.mark.parametrize(("name", "value", "said"), WRONG)
def test_a_wrong_setting_is_an_error_and_set_later_it_is_not_taken(name: str, value: Any, said: str) -> None:
    with pytest.raises((ValueError, TypeError), match=re.escape(said)):
        TensorCoreBits(ANSWERS, **{name: value})
    widget = TensorCoreBits(ANSWERS, **GOOD)
    kept = getattr(widget, name)
    setattr(widget, name, value)
    assert getattr(widget, name) == kept
    assert widget.message.startswith(said)
    assert widget.message.endswith(f"; kept {kept!r}")
    widget.terms = 2
    assert widget.message == ""


def test_what_cannot_be_shown_is_refused() -> None:
    with pytest.raises(ValueError, match="holds no product whose elements can be shown"):
        TensorCoreBits([row for row in ANSWERS if row.case.fmt == "float32"])
    with pytest.raises(TypeError, match="unknown setting 'L'; expected one of source, case, terms"):
        TensorCoreBits(ANSWERS, L=16)


def test_two_widgets_with_other_answers_keep_their_own_menus() -> None:
    one = TensorCoreBits(ANSWERS)
    other = TensorCoreBits([BY_NAME["float16 special 48x64x48"]])
    one.case = "tfloat32 spread 32x32x32"
    assert one.case == "tfloat32 spread 32x32x32"
    other.case = one.case
    assert other.case == "float16 special 48x64x48"


def test_the_sliders_change_the_grid_and_an_element_the_story_alone() -> None:
    widget = TensorCoreBits(ANSWERS, source="asked of nobody", **GOOD)
    grid, story = widget._grid, widget._story
    assert sum(distance > 0 for distance in grid["distances"]) == widget.comparison().differs.sum()
    assert grid["reading"].startswith("1,547 of 2,304 elements differ")
    widget.row = 7
    assert widget._grid is grid
    assert widget._story != story
    assert widget._story["title"] == "row 7, column 5"
    widget.terms, widget.fraction_bits = 16, 25
    assert widget._grid["equal"]
    assert not any(widget._grid["distances"])
    assert widget._grid["reading"] == "0 of 2,304 elements differ: every bit is the GPU's"
    assert widget._story["told"] == "equal, bit for bit"
    widget.row = widget.column = 63
    widget.case = "tfloat32 spread 32x32x32"
    assert widget.place() == (31, 31)
    assert (widget._grid["rows"], widget._grid["columns"]) == (32, 32)
    a, b = widget.element()
    assert (
        sf.HOPPER.products(a[None], b[:, None], sf.tfloat32)[0, 0] == widget.recorded().answer.view(np.float32)[31, 31]
    )
    assert "The product was asked of nobody." in widget.alternative()


def test_readers_without_a_kernel_get_a_picture_and_words() -> None:
    widget = TensorCoreBits(ANSWERS, **GOOD)
    data, metadata = widget._repr_mimebundle_()
    assert data["text/plain"] == widget.alternative() == metadata["image/png"]["alt"]
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).convert("RGB")).astype(int)
    glowing = (picture[..., 0] > 120) & (picture[..., 0] - picture[..., 2] > 80)
    widget.terms, widget.fraction_bits = 16, 25
    dark = np.asarray(
        Image.open(io.BytesIO(base64.b64decode(widget._repr_mimebundle_()[0]["image/png"]))).convert("RGB")
    )
    dark = dark.astype(int)
    assert glowing.mean() > 0.1
    assert ((dark[..., 0] > 120) & (dark[..., 0] - dark[..., 2] > 80)).mean() == 0
