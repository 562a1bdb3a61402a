"""round_to, encode, fate, ulp and the neighbours, against the twin in exact fractions."""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from fractions import Fraction
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import simfp as sf
from simfp.formats import NAMED_FORMATS, STORAGE_DTYPES, Format
from simfp.rounding import OVERFLOWS, ROUNDING_MODES, SUBNORMALS
from tests import exact
from tests.examples import examples
from tests.samples import (
    CUSTOM_FORMATS,
    DETERMINISTIC,
    FORMATS,
    OPTIONS,
    SMALL_FORMATS,
    as_float64,
    assert_same,
    boundaries,
    float32_boundaries,
    near_the_ends,
)

per_format = pytest.mark.parametrize("fmt", FORMATS, ids=str)
per_named_format = pytest.mark.parametrize("fmt", NAMED_FORMATS.values(), ids=str)
per_mode = pytest.mark.parametrize("rounding", DETERMINISTIC)


def twin(points: np.ndarray, fmt: Format, rounding: str, **options: str) -> np.ndarray:
    """The exact twin's answers, in the type of the points."""
    answers = np.array([exact.round_exact(float(x), fmt, rounding, **options) for x in points])
    with np.errstate(over="ignore"):  # what float32 cannot hold of a format with wider exponents
        return answers.astype(points.dtype)


def test_every_mode_and_option_has_a_twin() -> None:
    assert {*exact.GOES_OUT, "stochastic"} == ROUNDING_MODES.keys() == exact.MAKES_INFINITY.keys()
    assert [(row["subnormals"], row["overflow"]) for row in OPTIONS] == [(s, o) for s in SUBNORMALS for o in OVERFLOWS]


# -- every boundary


@per_mode
@per_format
def test_float64_is_rounded_right_at_every_boundary(fmt: Format, rounding: str) -> None:
    points = boundaries(fmt)
    assert_same(sf.round_to(points, fmt, rounding), twin(points, fmt, rounding), points)


@per_mode
@per_format
def test_float32_is_rounded_right_at_every_boundary(fmt: Format, rounding: str) -> None:
    points = float32_boundaries(fmt)
    rounded = sf.round_to(points, fmt, rounding)
    assert rounded.dtype == np.float32
    assert_same(rounded, twin(points, fmt, rounding), points)


@per_mode
@per_format
def test_flush_and_saturate_are_right_at_every_boundary(fmt: Format, rounding: str) -> None:
    for points in (near_the_ends(boundaries(fmt), fmt)[::3], near_the_ends(float32_boundaries(fmt), fmt)[::3]):
        for options in OPTIONS[1:]:
            assert_same(sf.round_to(points, fmt, rounding, **options), twin(points, fmt, rounding, **options), points)


@per_format
def test_every_value_of_a_format_stays_in_every_mode(fmt: Format) -> None:
    values = sf.decode(np.arange(2 ** min(fmt.bits, 16), dtype=np.uint64) << max(0, fmt.bits - 16), fmt)
    for rounding in ROUNDING_MODES:
        assert_same(sf.round_to(values, fmt, rounding, rng=1), values, values)
        assert_same(sf.round_to(as_float64(values), fmt, rounding, rng=1), values, values)


@per_mode
@pytest.mark.parametrize("fmt", SMALL_FORMATS, ids=str)
def test_a_rounding_is_the_neighbour_that_the_sorted_table_names(fmt: Format, rounding: str) -> None:
    """A second twin, by search instead of arithmetic: it shares no formula with the first."""
    table = sorted({v * s for v in exact.magnitudes(fmt) for s in (1, -1)})
    points = [x for x in boundaries(fmt) if abs(x) <= fmt.max]
    if not fmt.subnormals:
        points = [x for x in points if abs(x) >= fmt.smallest_normal]
    rounded = sf.round_to(np.array(points), fmt, rounding)
    for x, result in zip(map(Fraction, map(float, points)), map(float, rounded)):
        below, above = table[bisect_right(table, x) - 1], table[bisect_left(table, x)]
        allowed = {
            "toward_zero": [min(below, above, key=abs)],
            "toward_positive": [above],
            "toward_negative": [below],
            "to_odd": [below, above],
        }.get(rounding, [v for v in (below, above) if abs(v - x) == min(x - below, above - x)])
        assert result in allowed
        if rounding == "to_odd" and below != above:
            assert int(sf.encode(result, fmt)) % 2 == 1 or fmt.mantissa_bits == 0


# -- arbitrary numbers


any_float64 = st.floats(allow_nan=True, allow_subnormal=True)
any_float32 = st.floats(allow_nan=True, allow_subnormal=True, width=32)
any_format = st.sampled_from(FORMATS)
any_mode = st.sampled_from(DETERMINISTIC)
any_options = st.sampled_from(OPTIONS)


@st.composite
def floats_near(draw: Any, fmt: Format) -> float:
    """A float64 within the exponents of a format, often with a few bits only."""
    exponent = draw(st.integers(fmt.min_exponent - fmt.mantissa_bits - 3, fmt.max_exponent + 2))
    bits = draw(st.sampled_from([fmt.precision, fmt.precision + 1, fmt.precision + 2, 53]))
    significand = draw(st.integers(2 ** (bits - 1), 2**bits - 1))
    return draw(st.sampled_from([1, -1])) * math.ldexp(significand, exponent - bits + 1)


@given(any_format.flatmap(lambda fmt: st.tuples(st.just(fmt), st.one_of(floats_near(fmt), any_float64))),
       any_mode, any_options)  # fmt: skip
@examples(2000)
def test_any_float64_is_rounded_as_the_twin_rounds_it(
    case: tuple[Format, float], rounding: str, options: dict[str, str]
) -> None:
    fmt, x = case
    assert_same(sf.round_to(x, fmt, rounding, **options), exact.round_exact(x, fmt, rounding, **options), x)


@given(any_float32, any_format, any_mode, any_options)
@examples(1000)
def test_any_float32_is_rounded_as_the_twin_rounds_it(
    x: float, fmt: Format, rounding: str, options: dict[str, str]
) -> None:
    rounded = sf.round_to(np.float32(x), fmt, rounding, **options)
    assert type(rounded) is np.float32
    assert_same(rounded, twin(np.array([x], np.float32), fmt, rounding, **options)[0], x)


@given(st.one_of(st.integers(), st.integers(-(2**70), 2**70), st.integers(-(2**1200), 2**1200)),
       any_format, any_mode, any_options)  # fmt: skip
@examples(1000)
def test_any_python_integer_is_rounded_once(n: int, fmt: Format, rounding: str, options: dict[str, str]) -> None:
    expected = exact.round_exact(Fraction(n) or 0.0, fmt, rounding, **options)
    assert_same(sf.round_to(n, fmt, rounding, **options), expected)


@given(st.integers(-(2**63), 2**63 - 1), st.integers(0, 2**64 - 1), any_format, any_mode)
@examples(500)
def test_any_64_bit_integer_array_is_rounded_once(signed: int, unsigned: int, fmt: Format, rounding: str) -> None:
    for n, dtype in ((signed, np.int64), (unsigned, np.uint64)):
        expected = exact.round_exact(Fraction(n) or 0.0, fmt, rounding)
        assert_same(sf.round_to(np.array([n], dtype), fmt, rounding), [expected])


@given(any_float64, any_format, any_mode)
@examples(500)
def test_rounding_twice_to_the_same_format_changes_nothing(x: float, fmt: Format, rounding: str) -> None:
    once = sf.round_to(x, fmt, rounding)
    assert_same(sf.round_to(once, fmt, rounding, overflow="inf" if fmt.infinities else "saturate"), once, x)


@given(st.floats(allow_nan=False), st.floats(allow_nan=False), any_format, any_mode, any_options)
@examples(500)
def test_rounding_keeps_order(x: float, y: float, fmt: Format, rounding: str, options: dict[str, str]) -> None:
    first, second = (sf.round_to(z, fmt, rounding, **options) for z in sorted((x, y)))
    assert first <= second or math.isnan(first) or math.isnan(second)


@given(any_float64, any_format)
@examples(500)
def test_modes_mirror_at_zero(x: float, fmt: Format) -> None:
    mirrored = {"toward_positive": "toward_negative", "toward_negative": "toward_positive"}
    for rounding in DETERMINISTIC:
        assert_same(sf.round_to(-x, fmt, rounding), -sf.round_to(x, fmt, mirrored.get(rounding, rounding)), x)


# -- values that are told apart with care


def test_a_sum_that_float32_cannot_hold_is_not_rounded_twice() -> None:
    assert sf.round_to(1 + 2**-8 + 2**-40, "bfloat16") == 1.0078125


@per_format
def test_minus_zero_stays_minus_zero(fmt: Format) -> None:
    for rounding in ROUNDING_MODES:
        for x in (-0.0, np.float32(-0.0), np.array([-0.0])):
            assert np.signbit(sf.round_to(x, fmt, rounding, rng=1)).all()


@per_format
def test_a_negative_number_that_becomes_zero_becomes_minus_zero(fmt: Format) -> None:
    for rounding in ("nearest_even", "nearest_away", "toward_zero", "toward_positive"):
        zero = sf.round_to(-fmt.smallest_subnormal / 8, fmt, rounding)
        assert zero == 0
        assert np.signbit(zero)


@per_format
def test_a_nan_keeps_its_payload_in_every_mode(fmt: Format) -> None:
    patterns32 = np.array([0x7F800001, 0x7FC00000, 0xFFFFFFFF, 0xFF801000, 0x7FABCDEF], np.uint32)
    patterns64 = np.array([0x7FF0000000000001, 0x7FF8000000000000, 0xFFFFFFFFFFFFFFFF], np.uint64)
    if fmt.carrier == np.float32:
        for rounding in ROUNDING_MODES:
            nans = sf.round_to(patterns32.view(np.float32), fmt, rounding, rng=1)
            assert (nans.view(np.uint32) == patterns32).all()
    for rounding in ROUNDING_MODES:
        nans = sf.round_to(patterns64.view(np.float64), fmt, rounding, rng=1)
        assert (nans.view(np.uint64) == patterns64).all()


@per_format
def test_infinity_stays_or_becomes_what_overflow_says(fmt: Format) -> None:
    expected = np.inf if fmt.infinities else np.nan if fmt.nans else fmt.max
    for rounding in ROUNDING_MODES:
        assert_same(sf.round_to([np.inf, -np.inf], fmt, rounding, rng=1), [expected, -expected])
        saturated = sf.round_to([np.inf, -np.inf], fmt, rounding, overflow="saturate", rng=1)
        assert_same(saturated, [fmt.max, -fmt.max])


@pytest.mark.parametrize(
    ("fmt", "stays", "goes"),
    [
        ("float16", 65519.999, 65520.0),
        ("bfloat16", np.nextafter(2.0**128 - 2.0**119, 0), 2.0**128 - 2.0**119),
        ("float32", np.nextafter(2.0**128 - 2.0**103, 0), 2.0**128 - 2.0**103),
        ("float8_e5m2", 61439.99, 61440.0),
        ("float8_e4m3fn", 464.0, 464.0001),  # 448 is even: the tie stays
    ],
)
def test_overflow_begins_at_half_a_unit_beyond_the_largest_number(fmt: str, stays: float, goes: float) -> None:
    largest = sf.as_format(fmt).max
    assert sf.round_to(stays, fmt) == largest
    assert not np.isfinite(sf.round_to(goes, fmt))
    assert sf.round_to(goes, fmt, overflow="saturate") == largest


def test_float8_e4m3fn_overflows_to_nan_or_saturates_as_told() -> None:
    assert_same(sf.round_to([500.0, -1e9], "float8_e4m3fn"), [np.nan, np.nan])
    assert_same(sf.round_to([500.0, -1e9], "float8_e4m3fn", overflow="saturate"), [448.0, -448.0])


def test_formats_without_infinity_and_nan_saturate() -> None:
    for fmt in (sf.float6_e2m3fn, sf.float6_e3m2fn, sf.float4_e2m1fn):
        assert_same(sf.round_to([1e9, -np.inf], fmt), [fmt.max, -fmt.max])


# -- stochastic rounding


def random_words(seed: int, n: int) -> np.ndarray:
    """The words that values 0 to n - 1 are given: SplitMix64 over a counter, keyed by the seed's generator."""
    key, twist = np.random.default_rng(seed).integers(2**64, size=2, dtype=np.uint64)
    words = (key + np.arange(n, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)) ^ twist
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        words = (words ^ (words >> np.uint64(shift))) * np.uint64(factor)
    return words ^ (words >> np.uint64(31))


@pytest.mark.parametrize("random_bits", [1, 2, 3, 8, 23, 32, None])
@pytest.mark.parametrize("fmt", [*NAMED_FORMATS.values(), CUSTOM_FORMATS[0], CUSTOM_FORMATS[10]], ids=str)
def test_a_value_goes_out_where_its_random_bits_lie_below_the_exact_fraction(
    fmt: Format, random_bits: int | None
) -> None:
    draw = np.random.default_rng(1)
    scale = [fmt.smallest_subnormal / 4, fmt.smallest_normal / 2, 1.0, fmt.max]
    points = [s * x for s in scale for x in draw.uniform(0.6, 1.6, 6) * draw.choice([1, -1], 6)]
    points += [fmt.smallest_subnormal * x for x in (2**-9, 1e-5, 1e-30, 0.5, -0.25)]
    for seed, x in enumerate(points):
        for real, width in ((np.float32, 32), (np.float64, 64)):
            with np.errstate(over="ignore"):
                value = real(x)
            if not np.isfinite(value) or value == 0:
                continue
            bits = random_bits or width
            inner, outer, probability = exact.stochastic(float(value), fmt, bits)
            random = random_words(seed, 1000) >> np.uint64(64 - bits)
            goes_out = random.astype(object) < probability * 2**bits
            values = np.full(1000, value, real)
            results = sf.round_to(values, fmt, "stochastic", rng=seed, random_bits=random_bits)
            assert_same(results, np.where(goes_out, outer, inner).astype(real), values)


@pytest.mark.parametrize("random_bits", [1, 2, 3, 4, 6])
def test_limited_random_bits_cut_the_probability_to_as_many(random_bits: int) -> None:
    n, share = 1 << 18, 2**random_bits
    x = 1 + (0.37 + np.arange(share)) / share * 2**-10  # in each of 2^random_bits slots between two float16 values
    results = sf.round_to(np.repeat(x, n), "float16", "stochastic", rng=12, random_bits=random_bits)
    counts = np.count_nonzero(results.reshape(share, n) > 1, axis=1)
    assert counts[0] == 0  # what the bits cannot tell from a value never moves
    expected = np.arange(share) * n / share
    assert (np.abs(counts - expected) <= 5 * np.sqrt(n) / 2).all()


@pytest.mark.parametrize("seed", [0, 1, 2**32])
def test_random_words_are_uniform_and_neighbours_unrelated(seed: int) -> None:
    n = 1 << 20
    up = sf.round_to(np.full(n, np.float32(1 + 2**-11)), "float16", "stochastic", rng=seed) > 1  # a coin
    runs = [up, up[1:] ^ up[:-1], up[2:] ^ up[:-2], up[64:] ^ up[:-64]]
    for tosses in runs:
        assert abs(np.count_nonzero(tosses) - tosses.size / 2) < 5 * math.sqrt(tosses.size) / 2
    bins = np.bincount((random_words(seed, n) >> np.uint64(56)).astype(int), minlength=256)
    assert np.abs(bins - n / 256).max() < 5 * math.sqrt(n / 256)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_stochastic_rounding_is_unbiased(dtype: Any) -> None:
    n = 1_000_000
    for x in (1 + 2**-12, -(1 + 3 * 2**-12), 2.0**-25 * 0.7, 0.1, 1234.5678):
        value = float(dtype(x))
        inner, outer, probability = exact.stochastic(value, sf.float16)
        results = sf.round_to(np.full(n, x, dtype), sf.float16, "stochastic", rng=2024)
        assert set(np.unique(results)) == {inner, outer}
        went_out = np.count_nonzero(results == outer)
        deviation = math.sqrt(n * probability * (1 - probability))
        assert abs(went_out - n * probability) < 5 * deviation


def test_stochastic_rounding_below_the_smallest_subnormal_keeps_the_mean() -> None:
    n = 1 << 20
    for dtype in (np.float32, np.float64):
        for k in (25, 28, 30):
            results = sf.round_to(np.full(n, 2.0**-k, dtype), "float16", "stochastic", rng=3)
            assert set(np.unique(results)) == {0.0, 2.0**-24}
            p = 2.0 ** (24 - k)
            assert abs(np.count_nonzero(results) - n * p) < 5 * math.sqrt(n * p * (1 - p))


def test_stochastic_rounding_overflows_with_its_probability() -> None:
    n = 1 << 20
    results = sf.round_to(np.full(n, 65504 + 12.0), "float16", "stochastic", rng=3)  # 3/8 of the way to 65536
    assert set(np.unique(results)) == {65504.0, np.inf}
    assert abs(np.count_nonzero(results == np.inf) - n * 3 / 8) < 5 * math.sqrt(n * 15 / 64)


def test_the_same_seed_gives_the_same_stochastic_rounding() -> None:
    x = np.random.default_rng(3).normal(size=100_000)
    first, again, other = (sf.round_to(x, "float8_e5m2", "stochastic", rng=seed) for seed in (7, 7, 8))
    generator = np.random.default_rng(7)
    from_generator = [sf.round_to(x, "float8_e5m2", "stochastic", rng=generator) for _ in range(2)]
    assert_same(first, again)
    assert_same(first, from_generator[0])
    assert (first != other).any()
    assert (from_generator[0] != from_generator[1]).any()


def test_without_a_seed_stochastic_rounding_differs_each_time() -> None:
    x = np.full(10_000, 1 + 2**-12)
    assert (sf.round_to(x, "float16", "stochastic") != sf.round_to(x, "float16", "stochastic")).any()


@per_format
def test_stochastic_rounding_goes_to_a_neighbour(fmt: Format) -> None:
    points = boundaries(fmt)
    points = points[np.isfinite(points)]
    for options in OPTIONS:
        results = sf.round_to(points, fmt, "stochastic", rng=11, **options)
        for x, result in list(zip(points, results))[:: 1 + len(points) // 500]:
            inner, outer, part = exact.stochastic(float(x), fmt, **options)
            allowed = [*([inner] if part < 1 else []), *([outer] if part > 0 else [])]
            assert any(result == a or (math.isnan(result) and math.isnan(a)) for a in allowed)


# -- what may be handed in


def test_python_numbers_give_float64_scalars() -> None:
    for x in (0.1, 3, True, False, 10**400, -(2**60)):
        assert type(sf.round_to(x, "float16")) is np.float64
    assert sf.round_to(True, "float16") == 1.0


@pytest.mark.parametrize("n", [10**400, 2**1024, 2**1023 + 2**1000, 10**4000], ids=lambda n: f"{n.bit_length()} bits")
def test_integers_beyond_float64_overflow_as_any_number_does(n: int) -> None:
    assert_same([sf.round_to(n, "float16"), sf.round_to(-n, "float16")], [np.inf, -np.inf])
    assert sf.round_to(n, "float16", "toward_zero") == 65504.0
    assert sf.round_to(-n, "float32", overflow="saturate") == -sf.float32.max


@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
def test_wide_integers_do_not_pass_through_float64(dtype: Any) -> None:
    n = 2**62 + 2**38 + 1  # float64 would drop the 1 and make a tie of it
    assert sf.round_to(np.array([n], dtype), "float32")[0] == 2**62 + 2**39
    assert sf.round_to(n, "float32") == 2**62 + 2**39
    assert sf.round_to(np.array([2**53 + 1], dtype), "float32", "toward_positive")[0] == 2**53 + 2**30
    assert sf.round_to(np.array([2**63 - 1], dtype), "float32", "toward_zero")[0] == 2**63 - 2**39


def test_the_ends_of_the_64_bit_integers_are_rounded_once() -> None:
    assert sf.round_to(np.array([-(2**63), -(2**63) + 1]), "float32").tolist() == [-(2.0**63)] * 2
    assert sf.round_to(np.array([-(2**63) + 1]), "float32", "toward_zero")[0] == -(2.0**63) + 2**39
    assert sf.round_to(np.array([2**64 - 1], np.uint64), "float32", "toward_zero")[0] == 2.0**64 - 2**40


@pytest.mark.parametrize("dtype", [np.bool_, np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64])
def test_integer_arrays_come_back_as_float64(dtype: Any) -> None:
    rounded = sf.round_to(np.array([[0, 1]], dtype), "float16")
    assert rounded.dtype == np.float64
    assert rounded.tolist() == [[0.0, 1.0]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scalars_and_zero_dimensional_arrays_come_back_as_scalars_of_their_type(dtype: Any) -> None:
    for x in (dtype(0.1), np.array(0.1, dtype)):
        rounded = sf.round_to(x, "bfloat16")
        assert type(rounded) is dtype
        assert rounded == 0.10009765625


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0, 2), (1,), (2, 3, 4)])
def test_shape_and_type_come_back(shape: tuple[int, ...], dtype: Any) -> None:
    for rounding in ROUNDING_MODES:
        rounded = sf.round_to(np.full(shape, 0.1, dtype), "float16", rounding)
        assert rounded.shape == shape
        assert rounded.dtype == dtype


def test_an_empty_list_gives_an_empty_array() -> None:
    assert sf.round_to([], "float16").shape == (0,)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "arranged",
    [
        lambda x: x[::2],
        lambda x: x[::-1],
        lambda x: x[:, ::3],
        lambda x: x.T,
        lambda x: np.asfortranarray(x),
        lambda x: np.broadcast_to(x[0], (4, x.shape[1])),
        lambda x: x.reshape(4, 5, 6).swapaxes(0, 2),
    ],
    ids=["every second", "reversed", "columns", "transposed", "Fortran", "broadcast", "three axes"],
)
def test_the_arrangement_in_memory_does_not_matter(arranged: Any, dtype: Any) -> None:
    x = arranged(np.random.default_rng(0).normal(size=(20, 6)).astype(dtype))
    before = x.copy()
    for rounding in DETERMINISTIC:
        assert_same(sf.round_to(x, "float16", rounding), sf.round_to(np.array(x, order="C"), "float16", rounding))
    assert sf.round_to(x, "float16").shape == x.shape
    assert (x == before).all()


@pytest.mark.parametrize("dtype", [">f4", ">f8", "<f4", "<f8"])
def test_byte_order_does_not_matter(dtype: str) -> None:
    x = np.array([0.1, -7e-6, 1e6, np.nan], dtype)
    rounded = sf.round_to(x, "float16")
    assert rounded.dtype == np.dtype(dtype).newbyteorder("=")
    assert_same(rounded, sf.round_to(x.astype(rounded.dtype), "float16"))


def test_small_integers_beside_wide_ones_keep_all_their_bits() -> None:
    x = np.array([2**62, 5, -5, 2**53, 2**53 + 2, -(2**63), 1])
    assert sf.round_to(x, "float32").tolist() == [2**62, 5, -5, 2**53, 2**53, -(2**63), 1]


def test_big_endian_integers_are_rounded_once() -> None:
    n = 2**62 + 2**38 + 1
    assert sf.round_to(np.array([n, 5], ">i8"), "float32").tolist() == [2**62 + 2**39, 5]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("fmt", ["float8_e4m3fn", CUSTOM_FORMATS[-1]], ids=str)
def test_input_is_never_modified(fmt: Any, dtype: Any) -> None:
    x = np.array([1, 17, 300, 100], dtype)
    before = x.copy()
    x.flags.writeable = False
    for call in (sf.round_to, sf.encode, sf.fate, sf.ulp, sf.next_up, sf.next_down):
        call(x, fmt)
        assert (x == before).all()
    assert not np.shares_memory(sf.round_to(x, fmt), x)


def test_views_of_read_only_buffers_can_be_rounded() -> None:
    x = np.frombuffer(np.array([0.1, 0.2]).tobytes())
    assert sf.round_to(x, "float16").tolist() == [0.0999755859375, 0.199951171875]


@pytest.mark.parametrize("dtype", [*STORAGE_DTYPES.values()], ids=str)
def test_arrays_of_16_bits_and_fewer_come_back_as_float32(dtype: Any) -> None:
    x = np.array([0.5, 1.5, 2.0], dtype)
    rounded = sf.round_to(x, "float16")
    assert rounded.dtype == np.float32
    assert rounded.tolist() == [0.5, 1.5, 2.0]


def test_lists_of_numbers_are_rounded_as_numpy_reads_them() -> None:
    assert sf.round_to([[1, 0.1], [2, 3]], "bfloat16").tolist() == [[1.0, 0.10009765625], [2.0, 3.0]]


# -- encode


@per_mode
@pytest.mark.parametrize("fmt", [fmt for fmt in FORMATS if fmt.bits <= 16], ids=str)
def test_encode_gives_the_code_of_what_round_to_gives(fmt: Format, rounding: str) -> None:
    points = boundaries(fmt)
    rounded = sf.round_to(points, fmt, rounding)
    sure = ~np.isnan(rounded) if not fmt.nans else np.ones(rounded.shape, bool)
    codes = sf.encode(points[sure], fmt, rounding)
    assert codes.dtype == fmt.code_dtype
    assert_same(sf.decode(codes, fmt), rounded[sure], points[sure])


def test_encode_takes_the_options_of_round_to() -> None:
    assert sf.encode(1e9, "float16") == 0x7C00
    assert sf.encode(1e9, "float16", overflow="saturate") == 0x7BFF
    assert sf.encode(-1e9, "float16", "toward_positive") == 0xFBFF
    assert sf.encode(-1e-7, "float16", subnormals="flush") == 0x8000
    tossed = sf.encode(np.full(99, 1 + 2**-12), "float16", "stochastic", rng=1)
    assert_same(sf.decode(tossed, "float16"), sf.round_to(np.full(99, 1 + 2**-12), "float16", "stochastic", rng=1))


def test_encode_keeps_the_sign_and_what_fits_of_a_nans_payload() -> None:
    nan = np.array([0x7FC12345, 0xFFABE000, 0x7F800001], np.uint32).view(np.float32)
    assert [hex(code) for code in sf.encode(nan, "float16")] == ["0x7e09", "0xfd5f", "0x7e00"]


def test_every_float32_nan_is_a_nan_in_every_format_that_has_one() -> None:
    """A payload in the low bits alone must not turn into an infinity, nor into a zero."""
    low = np.arange(1, 1 << 13, dtype=np.uint32)
    payloads = np.concatenate([low, np.arange(0, 1 << 23, 1 << 10, dtype=np.uint32)[1:]])
    nans = np.concatenate([payloads | 0x7F800000, payloads | 0xFF800000]).astype(np.uint32).view(np.float32)
    for fmt in FORMATS:
        if fmt.nans:
            assert np.isnan(sf.decode(sf.encode(nans, fmt), fmt)).all()
            assert np.isnan(sf.round_to(nans, fmt)).all()


def test_a_nan_has_no_code_where_the_format_has_none() -> None:
    with pytest.raises(ValueError, match="float4_e2m1fn has no code for NaN"):
        sf.encode([1.0, np.nan], "fp4")


# -- fate


@per_format
def test_fate_says_what_happened(fmt: Format) -> None:
    points = boundaries(fmt)[:: 1 + len(boundaries(fmt)) // 600]
    for rounding in DETERMINISTIC:
        for options in OPTIONS:
            words = sf.fate(points, fmt, rounding, **options)
            for x, word in zip(map(float, points), words):
                assert word == expected_fate(x, fmt, rounding, options), f"{x!r} {rounding} {options}"


def expected_fate(x: float, fmt: Format, rounding: str, options: dict[str, str]) -> str:
    if math.isnan(x):
        return "nan"
    result = exact.round_exact(x, fmt, rounding, **options)
    if result == 0 and x != 0:
        return "zeroed"
    if result == x:
        return "subnormal" if 0 < abs(x) < fmt.smallest_normal else "exact"
    unbounded = abs(Fraction(x)) if math.isfinite(x) else None
    if unbounded is not None:
        inner, outer, part, odd = exact.between(unbounded, fmt)
        unbounded = outer if part and exact.GOES_OUT[rounding](part, odd, x < 0) else inner
    if unbounded is None or unbounded > exact.largest(fmt):
        return "overflowed"
    return "subnormal" if abs(result) < fmt.smallest_normal else "rounded"


def test_an_overflow_that_chance_decides_is_told_by_the_result() -> None:
    x = np.full(100, 65504 + 12.0)  # 3/8 of the way to 65536
    words, results = (call(x, "float16", "stochastic", rng=4) for call in (sf.fate, sf.round_to))
    assert set(words) == {"overflowed", "rounded"}
    assert ((words == "overflowed") == np.isinf(results)).all()


def test_fate_of_a_scalar_is_a_string() -> None:
    assert sf.fate(0.1, "float16") == "rounded"
    assert type(sf.fate(0.1, "float16")) is str
    assert sf.fate(np.zeros((2, 3)), "float16").shape == (2, 3)
    assert sf.fate(np.zeros((0, 3)), "float16").shape == (0, 3)


# -- ulp and neighbours


@per_format
def test_ulp_is_the_spacing_of_the_binade(fmt: Format) -> None:
    points = boundaries(fmt)[:: 1 + len(boundaries(fmt)) // 3000]
    spacings = sf.ulp(points, fmt)
    for x, spacing in zip(map(float, points), map(float, spacings)):
        if not math.isfinite(x):
            assert math.isnan(spacing)
            continue
        size = min(abs(Fraction(x)), exact.largest(fmt))
        below_normal = size < exact.power(1 - fmt.bias)
        expected = exact.power(1 - fmt.bias) if below_normal and not fmt.subnormals else exact.spacing(size, fmt)
        assert Fraction(spacing) == expected, x


@pytest.mark.parametrize("fmt", [fmt for fmt in FORMATS if fmt.bits <= 10], ids=str)
def test_neighbours_are_those_of_the_sorted_table(fmt: Format) -> None:
    values = sorted({sign * value for value in exact.magnitudes(fmt) for sign in (1, -1)})
    ends = [math.inf] if fmt.infinities else []
    table = [*(-x for x in ends), *map(float, values), *ends]
    points = boundaries(fmt)
    points = points[~np.isnan(points) & (np.isfinite(points) | fmt.infinities)]
    for x, up, down in zip(points, sf.next_up(points, fmt), sf.next_down(points, fmt)):
        assert up == next((value for value in table if value > x), table[-1])
        assert down == next((value for value in reversed(table) if value < x), table[0])


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32, ml_dtypes.float8_e5m2])
def test_neighbours_of_ieee_formats_are_those_of_nextafter(dtype: Any) -> None:
    fmt = sf.as_format(dtype)
    codes = np.arange(2 ** min(fmt.bits, 16), dtype=np.uint64) << max(0, fmt.bits - 16)
    values = codes.astype(fmt.code_dtype).view(dtype)
    with np.errstate(invalid="ignore", over="ignore"):
        finite = values[np.isfinite(values)]
        up, down = (np.nextafter(finite, dtype(end)).astype(np.float32) for end in (np.inf, -np.inf))
    got_up, got_down = (step(finite.astype(np.float32), fmt) for step in (sf.next_up, sf.next_down))
    assert (got_up == up).all()
    assert (got_down == down).all()


def test_neighbours_of_the_special_values() -> None:
    assert sf.next_up(np.inf, "float16") == np.inf
    assert sf.next_down(np.inf, "float16") == 65504.0
    assert sf.next_up(-np.inf, "float16") == -65504.0
    assert sf.next_up(65504.0, "float16") == np.inf
    assert sf.next_up(6.0, "float4_e2m1fn") == 6.0
    assert sf.next_up(448.0, "float8_e4m3fn") == 448.0
    assert sf.next_up(-0.0, "float16") == 2.0**-24
    assert sf.next_down(0.0, "float16") == -(2.0**-24)
    assert np.isnan(sf.next_up(np.nan, "float16"))
    assert np.signbit(sf.next_up(-(2.0**-24), "float16"))  # IEEE 754: the zero there is -0


def test_neighbours_of_a_number_that_is_no_value_of_the_format() -> None:
    assert sf.next_up(0.1, "bfloat16") == 0.10009765625
    assert sf.next_down(0.1, "bfloat16") == 0.099609375
    assert sf.next_down(1e9, "float16") == 65504.0


def test_neighbours_come_in_the_type_and_shape_of_what_was_given() -> None:
    assert sf.next_up(np.ones((2, 3), np.float32), "float16").dtype == np.float32
    assert sf.next_up(np.ones((2, 3), ">f8"), "float16").dtype == np.float64
    assert sf.next_up(np.ones((2, 3)), "float16").shape == (2, 3)
    assert type(sf.next_up(1, "float16")) is np.float64


# -- bad input


@pytest.mark.parametrize("call", [sf.round_to, sf.encode, sf.fate])
def test_a_wrong_option_is_named_with_the_right_ones(call: Any) -> None:
    modes = ", ".join(ROUNDING_MODES)
    with pytest.raises(ValueError, match=f"unknown rounding 'upwards'; expected one of {modes}"):
        call(1.0, "float16", "upwards")
    with pytest.raises(ValueError, match="unknown rounding None; expected one of nearest_even, "):
        call(1.0, "float16", None)
    with pytest.raises(ValueError, match="unknown subnormals 'drop'; expected one of keep, flush"):
        call(1.0, "float16", subnormals="drop")
    with pytest.raises(ValueError, match="unknown overflow 'wrap'; expected one of inf, saturate"):
        call(1.0, "float16", overflow="wrap")
    with pytest.raises(ValueError, match="unknown format 'fp17'; expected one of float32, "):
        call(1.0, "fp17")


def test_unhashable_options_are_named_too() -> None:
    with pytest.raises(ValueError, match=r"unknown rounding \['nearest_even'\]; expected one of"):
        sf.round_to(1.0, "float16", ["nearest_even"])
    with pytest.raises(ValueError, match=r"unknown overflow \{\}; expected one of inf, saturate"):
        sf.round_to(1.0, "float16", overflow={})


@pytest.mark.parametrize("random_bits", [0, 33, -1, 64])
def test_too_few_or_too_many_random_bits_are_refused(random_bits: int) -> None:
    with pytest.raises(ValueError, match=f"`random_bits` must be 1 to 32 or None, got {random_bits}"):
        sf.round_to(1.0, "float16", "stochastic", random_bits=random_bits)


@pytest.mark.parametrize("random_bits", [1.0, "8", True])
def test_random_bits_must_be_an_integer(random_bits: Any) -> None:
    message = re.escape(f"`random_bits` must be an integer from 1 to 32 or None, got {random_bits!r}")
    with pytest.raises(TypeError, match=message):
        sf.round_to(1.0, "float16", "stochastic", random_bits=random_bits)


def test_random_bits_go_with_stochastic_rounding_only() -> None:
    with pytest.raises(ValueError, match="`random_bits` goes with rounding='stochastic', got rounding='to_odd'"):
        sf.round_to(1.0, "float16", "to_odd", random_bits=8)


@pytest.mark.parametrize(
    ("x", "dtype"),
    [
        (1 + 2j, "complex128"),
        (np.zeros(2, np.complex64), "complex64"),
        ("1.0", "<U3"),
        (np.array(["1"]), "<U1"),
        (b"1", r"\|S1"),
        (None, "object"),
        (np.array([0.1, None]), "object"),
        (np.array(["2020-01-01"], "M8[D]"), r"datetime64\[D\]"),
        (np.zeros(2, np.longdouble), "float128"),
        (np.zeros(2, ml_dtypes.float8_e4m3b11fnuz), "float8_e4m3b11fnuz"),
        (np.zeros(2, "f4, f4"), r"\[\('f0'"),
    ],
)
@pytest.mark.parametrize("call", [sf.round_to, sf.encode, sf.fate, sf.ulp, sf.next_up, sf.next_down])
def test_what_is_no_real_number_is_refused_by_its_type(call: Any, x: Any, dtype: str) -> None:
    with pytest.raises(TypeError, match=f"cannot round {dtype}.* values; expected float32 or float64"):
        call(x, "float16")
