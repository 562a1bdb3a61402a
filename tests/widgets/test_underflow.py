"""What the underflow slider shows is what rounding each number says."""

import math
import time

import numpy as np
import pytest

import simfp as sf
from simfp.experiments.numbers import gradients
from simfp.experiments.numbers.gradients import Gradients
from simfp.experiments.numbers.underflow import (
    BINS_PER_OCTAVE,
    FATES,
    SHIFTS,
    histogram,
    landing,
    limits_of,
    scene,
    shares,
    staircase,
)
from simfp.formats import NAMED_FORMATS
from simfp.rounding import SUBNORMALS

CUSTOM = (
    sf.Format("no subnormals", exponent_bits=5, mantissa_bits=10, subnormals=False),
    sf.Format("no mantissa", exponent_bits=4, mantissa_bits=0, infinities=False),
    sf.Format("wide", exponent_bits=10, mantissa_bits=20),
)
FORMATS = pytest.mark.parametrize("fmt", [*NAMED_FORMATS.values(), *CUSTOM], ids=str)
KEPT_OR_FLUSHED = pytest.mark.parametrize("subnormals", SUBNORMALS)

# the fates of `simfp.fate` that count as each of FATES
COUNTED_AS = {"exact": "normal", "rounded": "normal"} | {name: name for name in FATES[1:]}


@FORMATS
@KEPT_OR_FLUSHED
def test_a_limit_is_the_first_magnitude_of_its_fate(fmt: sf.Format, subnormals: str) -> None:
    limits = limits_of(fmt, subnormals=subnormals)
    kept, normal, _ = limits
    before = [COUNTED_AS[sf.fate(np.nextafter(limit, 0), fmt, subnormals=subnormals)] for limit in limits]
    after = [COUNTED_AS[sf.fate(limit, fmt, subnormals=subnormals)] for limit in limits]
    assert before == ["zeroed", "zeroed" if kept == normal else "subnormal", "normal"]
    assert after == ["normal" if kept == normal else "subnormal", "normal", "overflowed"]


def test_the_limits_of_float16_are_those_of_the_textbook() -> None:
    kept, normal, overflowed = limits_of(sf.float16)
    assert kept == math.nextafter(2.0**-25, 1)  # 2^-25 is a tie, and goes to even: to zero
    assert normal == 2.0**-14 - 2.0**-25  # here the tie goes up
    assert overflowed == 65520.0
    assert limits_of(sf.float16, subnormals="flush") == (normal, normal, overflowed)


@FORMATS
@KEPT_OR_FLUSHED
def test_shares_are_what_rounding_every_gradient_gives(fmt: sf.Format, subnormals: str) -> None:
    limits = limits_of(fmt, subnormals=subnormals)
    rng = np.random.default_rng(3)
    values = rng.choice([-1, 1], 3000) * np.exp2(rng.uniform(-60, 20, 3000))
    hard = [value for limit in limits for value in (limit, np.nextafter(limit, 0), -limit)]
    data = Gradients("test", np.array([*values, *hard]), "")  # float64 here: more ways to go wrong
    shifts = [-30, -8, 0, 1, 14, 25, 140]
    counts = shares(data, fmt, subnormals=subnormals, shifts=shifts)
    for k, row in zip(shifts, counts, strict=True):
        fates = sf.fate(np.ldexp(data.values, -k), fmt, subnormals=subnormals)
        words = [COUNTED_AS[str(word)] for word in fates]
        assert row.tolist() == [words.count(name) for name in FATES]


@FORMATS
@KEPT_OR_FLUSHED
def test_a_landing_is_what_simfp_says_of_each_value(fmt: sf.Format, subnormals: str) -> None:
    shown = landing(4 / 3, fmt, subnormals=subnormals)
    for index, k in enumerate(SHIFTS):
        x = 4 / 3 * 2.0**-k
        assert shown.before[index] == x
        after = sf.round_to(x, fmt, subnormals=subnormals)
        assert np.array_equal(shown.after[index], after, equal_nan=True)
        assert shown.fates[index] == sf.fate(x, fmt, subnormals=subnormals)
        if not np.isnan(after) or fmt.nans:
            assert shown.codes[index] == sf.encode(x, fmt, subnormals=subnormals)


def test_a_subnormal_loses_one_bit_with_each_halving() -> None:
    shown = landing(1.0, sf.float16)
    left = {k: int(shown.bits_left[SHIFTS.index(k)]) for k in range(13, 27)}
    assert left == {13: 11, 14: 11} | {k: 25 - k for k in range(15, 25)} | {25: 0, 26: 0}


def test_the_floor_is_as_thick_as_its_numbers_have_bits() -> None:
    assert staircase(sf.float8_e4m3fn) == [(-9, 1), (-8, 2), (-7, 3), (-6, 4)]
    assert staircase(sf.float8_e4m3fn, subnormals="flush") == [(-6, 4)]
    assert staircase(CUSTOM[0]) == [(-14, 11)]


@pytest.mark.parametrize("name", gradients.NAMES)
def test_a_histogram_holds_every_gradient_in_its_bin(name: str) -> None:
    data = gradients.load(name)
    bins = histogram(data)
    assert bins.counts.sum() == data.values.size
    edges = np.exp2(bins.first + np.arange(bins.counts.size + 1) / BINS_PER_OCTAVE)
    counts, _ = np.histogram(np.abs(data.values.astype(np.float64)), edges)
    assert counts.tolist() == bins.counts.tolist()


def test_a_whole_scene_is_there_in_less_than_a_second() -> None:
    formats = tuple(sf.as_format(name) for name in ("fp16", "bf16", "e4m3", "e5m2"))
    scene("lognormal", formats)  # the first call reads compiled loops from the disk
    started = time.process_time()  # of this process alone: others may run beside it
    scene("lognormal", formats, significand="1.5", subnormals="flush")
    assert time.process_time() - started < 1
