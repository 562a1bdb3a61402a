"""One step of a tensor core in Python's integers, held against the kernels; and the widget that shows it."""

import base64
import io
import re
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from PIL import Image

import simfp as sf
from simfp.experiments.numbers import fused_step
from simfp.experiments.numbers.fused_step import cut, exponent, steps
from simfp.figures.numbers import fused_step as figures
from simfp.silicon.tensor_core_bits import ROUNDINGS, TERMS
from simfp.tensor_core import HOPPER
from simfp.widgets import FusedStep

FORMATS = ("float16", "bfloat16", "tfloat32", "float8_e4m3fn", "float8_e5m2")


def drawn(rng: np.random.Generator, fmt: Any, count: int, span: int) -> np.ndarray:
    """Values of `fmt` around 1, over so many binades and beyond, with zeros among them."""
    x = rng.choice([-1.0, 1.0, 1.0, 0.0], count, p=[0.4, 0.4, 0.1, 0.1]) * rng.uniform(1, 2, count)
    return np.asarray(sf.round_to(x * 2.0 ** rng.integers(-span, 4, count), fmt, overflow="saturate"), float)


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("terms", TERMS)
def test_the_steps_end_in_the_sum_that_the_core_makes_bit_for_bit(fmt: str, rounding: str, terms: int) -> None:
    rng = np.random.default_rng(terms)
    for bits in (10, 13, 19, 24, 25, 30):
        core = sf.TensorCore(terms, bits, HOPPER.core(fmt).accumulator, rounding)
        for span in (2, 8, 16):
            a, b = drawn(rng, fmt, 40, span), drawn(rng, fmt, 40, span)
            made = core.products(a[None], b[:, None], sf.as_format(fmt))[0, 0]
            found = steps(a, b, fmt, core)
            assert found[-1].result == made
            assert len(found) == -(-40 // terms)
            assert [step.first for step in found] == list(range(0, 40, terms))


def test_sums_in_the_subnormal_range_of_float32_end_alike() -> None:
    rng = np.random.default_rng(1)
    a, b = (drawn(rng, "bfloat16", 32, 4) * 2.0**-68 for _ in range(2))
    for core in (sf.TensorCore(16, 25), sf.TensorCore(16, 12), sf.TensorCore(4, 30, rounding="nearest_even")):
        made = core.products(a[None], b[:, None], sf.bfloat16)[0, 0]
        assert steps(a, b, "bf16", core)[-1].result == made
        assert 0 < abs(made) < 2.0**-126


def test_a_step_tells_what_is_kept_what_is_lost_and_what_would_be_best() -> None:
    (step,) = steps([32, -32, 2.0**-8], [32, 32, 2.0**-8], "fp16", HOPPER.core("fp16"))
    assert step.largest_exponent == 10
    assert [term.exponent for term in step.terms] == [None, 10, 10, -16]
    assert [term.lost for term in step.terms] == [0, 0, 0, Fraction(1, 2**16)]
    assert (step.total, step.result, step.exact, step.once) == (0, 0.0, Fraction(1, 2**16), 2.0**-16)
    assert figures.outcome(step, HOPPER.core("fp16"))[-1] == ("the step is off by", "all of it: nothing is left")


def test_the_exact_sum_is_rounded_once() -> None:
    ties = {2**24 + 1: 2**24, 2**24 + 3: 2**24 + 4, -(2**25) - 2: -(2**25), 2**60 + 2**36: 2**60, 3: 3, 0: 0}
    for number, right in {**ties, 2**60 + 2**36 + 1: 2**60 + 2**37}.items():
        assert fused_step.nearest(Fraction(number)) == right
    assert fused_step.nearest(Fraction(1) + Fraction(1, 2**24)) == 1.0
    assert fused_step.nearest(Fraction(1) + Fraction(1, 2**24) + Fraction(1, 2**90)) == 1 + 2.0**-23


def test_a_cut_goes_toward_zero_and_an_exponent_is_that_of_the_format() -> None:
    assert [cut(Fraction(x, 4), 0, 1) for x in (-7, 7, 1, -1)] == [Fraction(-3, 2), Fraction(3, 2), 0, 0]
    assert [exponent(x, "fp16") for x in (65504.0, 1.0, 2.0**-14, 2.0**-24)] == [15, 0, -14, -14]


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        ([1, 2], [1], "`a` and `b` must be two vectors of one length, got 2 and 1 numbers"),
        ([], [], "two vectors of one length, got 0 and 0"),
        ([[1]], [1], "`a` must be a vector, got shape (1, 1)"),
        ([np.nan], [1], "`a` must hold finite values of float16, got"),
        ([1], [0.1], "`b` must hold finite values of float16, got"),
    ],
)
def test_what_cannot_be_shown_is_refused(a: Any, b: Any, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        FusedStep(a, b)


def test_a_sum_in_parts_and_one_that_overflows_are_refused() -> None:
    with pytest.raises(ValueError, match="only a sum in one part"):
        steps([1, 2], [1, 2], "fp16", HOPPER.core("fp16").with_order(split_k=1))
    with pytest.raises(ValueError, match="the running sum leaves float32: it would be 3"):
        steps([2.0**64] * 2, [2.0**63] * 2, "bf16", HOPPER.core("bf16"))


# ---- rows of bits ----


def weight(row: figures.Row, bottom: int) -> Fraction:
    """What the bits of a row say, its first bit below the line weighing 2^(bottom - 1)."""
    kept = int(row.kept.strip() or "0", 2) * Fraction(2) ** bottom
    lost = sum(Fraction(2) ** (bottom - 1 - place) for place, digit in enumerate(row.lost) if digit == "1")
    return (kept + lost) * (-1 if row.sign == "−" else 1)


@pytest.mark.parametrize("fmt", FORMATS)
def test_the_bits_of_every_row_are_those_of_its_term(fmt: str) -> None:
    rng = np.random.default_rng(3)
    for terms, bits in ((16, 25), (4, 14), (32, 30), (1, 10)):
        core = sf.TensorCore(terms, bits, HOPPER.core(fmt).accumulator)
        for step in steps(drawn(rng, fmt, 40, 5), drawn(rng, fmt, 40, 5), fmt, core):
            bottom = step.largest_exponent - bits
            table = figures.rows(step, core)
            assert [row.name for row in table] == ["c", *map(str, range(step.first, step.first + len(step.terms) - 1)),
                                                   "sum"]  # fmt: skip
            assert len({len(row.kept) for row in table[:-1]}) == 1
            for row, term in zip(table, step.terms, strict=False):
                assert int(row.kept.strip() or "0", 2) * Fraction(2) ** bottom == abs(term.kept)
                assert bool(row.gone) == bool(term.lost)
                if "…" not in row.lost:
                    assert weight(row, bottom) == term.exact
            total = table[-1]
            assert int((total.kept + total.lost).strip() or "0", 2) * Fraction(2) ** bottom == abs(step.total)
            kept_places = len(total.kept.strip())
            assert kept_places <= core.accumulator.precision
            shifted = Fraction(2) ** (bottom + len(total.lost))
            assert int(total.kept.strip() or "0", 2) * shifted == abs(Fraction(step.result))


# ---- the widget ----

GOOD = {"terms": 4, "fraction_bits": 20, "rounding": "nearest_even", "step": 2}
WRONG = [
    ("terms", 3, "terms must be one of 1, 2, 4, 8, 16, 32, got 3"),
    ("terms", True, "terms must be one of 1, 2, 4, 8, 16, 32, got True"),
    ("fraction_bits", 31, "fraction_bits must be a whole number from 10 to 30, got 31"),
    ("fraction_bits", 2.5, "fraction_bits must be a whole number from 10 to 30, got 2.5"),
    ("rounding", "up", "unknown rounding 'up'; expected one of toward_zero, nearest_even"),
    ("step", 0, "step must be a whole number from 1 to 4096, got 0"),
]
A, B = [1.5, -0.25, 2.0**-11, 3.0, 7.0, 2.0**-20], [1.25, 3.0, 2.0**-9, -1.0, 2.0**-8, 5.0]


@pytest.mark.parametrize(("name", "value", "said"), WRONG)
def test_a_wrong_setting_is_an_error_and_set_later_it_is_not_taken(name: str, value: Any, said: str) -> None:
    with pytest.raises((ValueError, TypeError), match=re.escape(said)):
        FusedStep(A, B, **{name: value})
    widget = FusedStep(A, B, **GOOD)
    setattr(widget, name, value)
    assert getattr(widget, name) == GOOD[name]
    assert widget.message == f"{said}; kept {GOOD[name]!r}"


def test_unknown_settings_and_formats_are_refused() -> None:
    with pytest.raises(TypeError, match="unknown setting 'bits'; expected one of terms, fraction_bits, rounding, step"):
        FusedStep(A, B, bits=3)
    with pytest.raises(ValueError, match="Hopper's tensor cores take"):
        FusedStep(A, B, "float32")


def test_the_sliders_change_what_is_shown_and_a_step_beyond_the_last_is_the_last() -> None:
    widget = FusedStep(A, B, terms=2, step=2)
    assert widget.shown().first == 2
    widget.step = 9
    assert widget._table["step"] == 3
    widget.terms = 16
    assert (widget._table["steps"], widget._table["step"], widget.shown().first) == (1, 1, 0)
    told = {row[0]: row[5] for row in widget._table["rows"]}
    widget.fraction_bits = 10
    assert {row[0]: row[5] for row in widget._table["rows"]} != told
    assert "step 1 of 1: products 0 to 5; largest exponent 1, cut below 2⁻⁹" in widget.alternative()


def test_a_setting_in_which_the_sum_overflows_says_so_and_the_screen_stays() -> None:
    widget = FusedStep([2.0**64, 2.0**64, -(2.0**64)], [2.0**63] * 3, "bf16", terms=4)
    before = widget._table
    widget.terms = 2
    assert widget.message == "with these settings the running sum leaves float32: it would be 3.40282e+38"
    assert widget._table is before
    widget.terms = 4
    assert widget.message == ""


def test_readers_without_a_kernel_get_a_picture_and_words() -> None:
    widget = FusedStep(sf.array(A, "fp16"), sf.array(B, "fp16"))
    data, metadata = widget._repr_mimebundle_()
    assert data["text/plain"] == widget.alternative() == metadata["image/png"]["alt"]
    for dark in (False, True):
        assert widget.figure(dark=dark).get_facecolor()[0] == pytest.approx(1.0 if not dark else 0x11 / 255)
    with Image.open(io.BytesIO(base64.b64decode(data["image/png"]))) as picture:
        assert picture.size[0] == 800
