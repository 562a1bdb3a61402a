"""Long sums, which have quicker ways than one rounding for each addition: where these begin and end, bit for bit."""

import itertools
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import simfp as sf
from simfp.accumulation import Values
from simfp.kernels.rounded_additions import LANES, NARROW
from simfp.kernels.sum_programs import MERGE, pairwise_program
from tests import exact
from tests.slow_sums import Slow, same

FORMATS = (
    "float32",
    "float16",
    "bfloat16",
    "float8_e4m3fn",
    "float8_e5m2",
    "float4_e2m1fn",
    sf.Format("coarse", exponent_bits=5, mantissa_bits=1),
    sf.Format("flushing", exponent_bits=5, mantissa_bits=4, subnormals=False),
    sf.Format("narrow", exponent_bits=2, mantissa_bits=3),
    sf.Format("wide", exponent_bits=9, mantissa_bits=9),
)
COUNT = 300  # terms: enough for a total to be raised


def sums_are_those_of_fractions(x: Values, fmt: Any) -> None:
    """Alone, beside one other, and among many: each has loops of its own."""
    slow, terms = Slow(fmt), x.tolist()
    for total, expected in (
        (sf.SequentialSum(fmt), slow.sequential(terms)),
        (sf.KahanSum(fmt), slow.kahan(terms)),
        (sf.PairwiseSum(fmt), slow.pairwise(terms, 128, 8)),
    ):
        assert same(total(x), expected)
        for width in (2, NARROW + 1):
            assert all(same(each, expected) for each in total(np.repeat(x[:, None], width, axis=1), 0))


@pytest.mark.parametrize("fmt", FORMATS, ids=str)
@pytest.mark.parametrize("sign", [1, -1])
def test_a_total_that_goes_to_and_fro_about_a_power_of_two(fmt: Any, sign: int) -> None:
    fmt = sf.as_format(fmt)
    rng = np.random.default_rng(fmt.bits)
    for exponent in {fmt.min_exponent, fmt.min_exponent + 1, (fmt.min_exponent + fmt.max_exponent) // 2}:
        power = 2.0**exponent
        step = float(sf.ulp(power, fmt))
        parts = [part for part in (0.125, 0.25, 0.375, 0.5, 0.75, 1, 1.5) if step * part >= fmt.smallest_subnormal]
        terms = rng.choice([*parts, *(-part for part in parts), 0.0, -0.0], COUNT) * step
        sums_are_those_of_fractions(sign * np.concatenate([[power], np.asarray(sf.round_to(terms, fmt))]), fmt)


@pytest.mark.parametrize("fmt", FORMATS, ids=str)
def test_totals_among_the_smallest_numbers_go_through_zero(fmt: Any) -> None:
    fmt = sf.as_format(fmt)
    rng = np.random.default_rng(1)
    x = rng.integers(-3, 4, COUNT) * fmt.smallest_subnormal
    for start in (0.0, -0.0, fmt.smallest_normal, -2 * fmt.smallest_normal, fmt.smallest_subnormal):
        whole = np.asarray(sf.round_to(np.concatenate([[start, -0.0], x, -x[:50], [-0.0]]), fmt))
        sums_are_those_of_fractions(whole, fmt)
        sums_are_those_of_fractions(np.concatenate([whole, -whole[::-1]]), fmt)


@pytest.mark.parametrize("sign", [0.0, -0.0])
def test_a_long_sum_of_zeros_keeps_their_sign(sign: float) -> None:
    x = np.full(COUNT, sign)
    for total in (sf.SequentialSum("float16"), sf.KahanSum("float16"), sf.PairwiseSum("float16"), sf.ExactSum()):
        for made in (total(x), *total(np.stack([x, x], axis=1), 0)):
            assert math.copysign(1, float(made)) == math.copysign(1, sign)


@pytest.mark.parametrize("fmt", FORMATS, ids=str)
def test_overflow_begins_half_a_step_above_the_largest_number(fmt: Any) -> None:
    fmt = sf.as_format(fmt)
    step = float(sf.ulp(fmt.max, fmt))
    for last in (0.25, 0.5, 0.75, 1.0, math.inf, math.nan):
        x = np.full(COUNT, step / 4)
        x[0], x[COUNT // 2 :] = fmt.max - step, 0.0
        x[COUNT // 2 + 3] = last * step
        x[COUNT // 2 + 9] = -fmt.max / 2
        with np.errstate(invalid="ignore"):
            x = np.asarray(sf.round_to(x, fmt))
        sums_are_those_of_fractions(x, fmt)
        sums_are_those_of_fractions(-x, fmt)


@pytest.mark.parametrize("fmt", ["float32", "bfloat16", "wide"])
def test_terms_of_very_different_size_meet_in_a_kahan_sum(fmt: Any) -> None:
    """So different that x + y is not exact in float64."""
    fmt = sf.Format("wide", exponent_bits=9, mantissa_bits=9) if fmt == "wide" else sf.as_format(fmt)
    rng = np.random.default_rng(2)
    for spread in (20, 60, 120):
        x = rng.standard_normal(COUNT) * 2.0 ** rng.integers(-spread, 1, COUNT)
        sums_are_those_of_fractions(np.asarray(sf.round_to(x, fmt)), fmt)
        sums_are_those_of_fractions(np.sort(np.abs(np.asarray(sf.round_to(x, fmt)))), fmt)


@pytest.mark.parametrize("fmt", FORMATS, ids=str)
def test_terms_that_are_no_values_of_the_format_are_rounded_with_the_total_once(fmt: Any) -> None:
    fmt = sf.as_format(fmt)
    rng = np.random.default_rng(3)
    step = float(sf.ulp(1.0, fmt))
    near_ties = np.array([0.5, 0.25, 1.0])[:, None] * (1 + np.array([-1, 0, 1]) * 2.0**-50)
    for x in (
        rng.standard_normal(COUNT),
        rng.choice(near_ties.ravel(), COUNT) * step * rng.choice([1, -1], COUNT),
        rng.standard_normal(COUNT) * fmt.smallest_subnormal,
    ):
        sums_are_those_of_fractions(np.concatenate([[1.0], x]), fmt)


@pytest.mark.parametrize("fmt", ["float16", "float8_e5m2"])
def test_a_negative_sum_that_is_rounded_to_zero_is_minus_zero(fmt: str) -> None:
    least = sf.as_format(fmt).smallest_subnormal
    x = np.tile([1.0, -1.25], COUNT // 2) * least
    sums_are_those_of_fractions(x, fmt)
    assert math.copysign(1, float(sf.SequentialSum(fmt)(x))) == -1


# ---- random words ----


def word(lane: int, key: int, twist: int) -> int:
    """SplitMix64, in Python's integers."""
    mask = 2**64 - 1
    x = (key + lane * 0x9E3779B97F4A7C15 & mask) ^ twist
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & mask
    x = (x ^ x >> 27) * 0x94D049BB133111EB & mask
    return x ^ x >> 31


@pytest.mark.parametrize("width", [1, 2, NARROW + 1, LANES + 2])
def test_a_stochastic_sum_takes_a_random_word_for_each_rounding(width: int) -> None:
    """float16's sums of these terms stay within 1 and 2, where the dropped part is that beyond 10 binary places."""
    x = np.random.default_rng(4).uniform(0, 2.0**-8, (60, width))
    x = np.asarray(sf.round_to(x, "float16"))
    x[0] = 1.0
    key, twist = (int(each) for each in np.random.default_rng(5).integers(2**64, size=2, dtype=np.uint64))

    def chance(value: Fraction, column: int, step: int) -> Fraction:
        task, lane = column // LANES, column % LANES
        drawn = word(lane, (key + ((task << 40) + step) * 0xD1342543DE82EF95) % 2**64, twist)
        kept, dropped = divmod(value * 2**10, 1)
        return (kept + (drawn < int(dropped * 2**64))) / Fraction(2**10)

    made = sf.SequentialSum("float16", "stochastic", rng=5)(x, 0)
    for column in range(width):
        total = Fraction(1)  # exact: the first rounding changes nothing
        for step, term in enumerate(x[1:, column].tolist(), 2):
            total = chance(total + Fraction(term), column, step)
        assert made[column] == total


# ---- exact sums ----


@pytest.mark.parametrize("count", [3, 100, 1030])
@pytest.mark.parametrize("width", [1, NARROW, NARROW + 1, LANES + 1])
def test_an_exact_sum_of_any_range_of_magnitudes_is_that_of_fractions(count: int, width: int) -> None:
    rng = np.random.default_rng(count)
    for exponents in itertools.pairwise((0, 20, 45, 60, 75, 90, 105, 120)):  # from where one part is enough to limbs
        x = rng.standard_normal((count, width)) * 2.0 ** -rng.integers(0, exponents[1], (count, width))
        x[0], x[-1] = 2.0, 2.0 ** -exponents[1]
        x[1, 0], x[-1, 0] = -2.0, -(2.0 ** -exponents[0])
        for scale in (1.0, 2.0**120, 2.0**-130):
            made = sf.ExactSum("float32")(x * scale, 0)
            for column in {0, 1, width - 1} & set(range(width)):
                total = sum(map(Fraction, (x[:, column] * scale).tolist()), Fraction(0))
                assert made[column] == exact.round_exact(total or 0.0, sf.float32, "nearest_even")


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ([2.0**1023, 2.0**1023, -(2.0**1023), -(2.0**1023), 1.0], 1.0),
        ([2.0**-1074, -(2.0**-1074), 2.0**-1074, 1.0, -1.0, 2.0**100, -(2.0**100)], 0.0),
        ([2.0**-1022, -(2.0**-1074), 1.0], 1.0),
        ([2.0**-150, 2.0**-1074], 2.0**-149),  # a tie, and more than that
        ([2.0**-150, -(2.0**-1074)], 0.0),
        ([math.inf, 1.0], math.inf),
        ([math.inf, -math.inf], math.nan),
        ([math.nan, 1.0], math.nan),
    ],
)
def test_exact_sums_reach_to_the_ends_of_float64(terms: list[float], expected: float) -> None:
    wide = np.repeat(np.array(terms)[:, None], NARROW + 1, axis=1)
    wide[:, 1] = 3.0  # the magnitudes of one column are nothing to the next
    made = sf.ExactSum("float32")(wide, 0)
    assert same(made[0], expected)
    assert made[1] == 3.0 * len(terms)
    assert same(sf.ExactSum("float32")(terms), expected)


@pytest.mark.parametrize("lanes", [1, 2, 8, 64])
@pytest.mark.parametrize("leaf", [1, 2, 5, 16, 128])
def test_a_pairwise_program_has_room_for_its_lines_and_takes_every_term_once(leaf: int, lanes: int) -> None:
    for count in [*range(1, 20), *range(20, 700, 31), 1024]:
        program, depth = pairwise_program.py_func(count, leaf, lanes)  # in Python, which would miss the room
        compiled, same_depth = pairwise_program(count, leaf, lanes)
        assert np.array_equal(program, compiled)
        assert depth == same_depth
        taken = program[program[:, 0] != MERGE]
        assert (taken[0, 1], taken[-1, 2]) == (0, count)
        assert np.array_equal(taken[1:, 1], taken[:-1, 2])
