"""Sums in a stated order, held against exact fractions added one by one, and against NumPy and Python."""

import math
import os
import subprocess
import sys
import time
from fractions import Fraction
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import simfp as sf
from simfp.accumulation import WORTH_A_THREAD, Accumulator, NumPyProduct, as_accumulator, in_threads
from simfp.rounding import ROUNDING_MODES
from tests import exact
from tests.slow_sums import Slow, same

FORMATS = ("float32", "tfloat32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2")
MODES = [mode for mode in ROUNDING_MODES if mode != "stochastic"]
SPECIAL = (0.0, -0.0, math.inf, -math.inf, math.nan)


def samples(fmt: str, count: int, seed: int, spread: int = 3) -> np.ndarray:
    """Values of a format, around 1."""
    rng = np.random.default_rng(seed)
    return np.asarray(sf.round_to(rng.standard_normal(count) * 2.0 ** rng.integers(-spread, spread + 1, count), fmt))


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("rounding", MODES)
def test_every_order_in_every_mode_rounds_each_addition_once(fmt: str, rounding: str) -> None:
    slow = Slow(fmt, rounding)
    for seed, count in enumerate((1, 2, 3, 7, 8, 9, 17, 40)):
        x = samples(fmt, count, seed)
        if fmt == "float8_e4m3fn":
            x = np.asarray(sf.round_to(x / 8, fmt))
        terms = x.tolist()
        assert same(sf.SequentialSum(fmt, rounding)(x), slow.sequential(terms))
        assert same(sf.PairwiseSum(fmt, rounding)(x), slow.pairwise(terms, 128, 8))
        assert same(sf.PairwiseSum(fmt, rounding, leaf=1, lanes=1)(x), slow.pairwise(terms, 1, 1))
        assert same(sf.PairwiseSum(fmt, rounding, leaf=4, lanes=2)(x), slow.pairwise(terms, 4, 2))
        assert same(sf.KahanSum(fmt, rounding)(x), slow.kahan(terms))
        total = exact.round_exact(slow.zeroless(sum(map(Fraction, terms), Fraction(0))), slow.fmt, rounding)
        assert float(sf.ExactSum(fmt, rounding)(x)) == total
        blocks = [slow.sequential(terms[start : start + 4]) for start in range(0, count, 4)]
        assert same(sf.BlockedSum(4, sf.SequentialSum(fmt, rounding))(x), slow.sequential(blocks))


@pytest.mark.parametrize("rounding", MODES)
def test_infinities_nans_and_signed_zeros_add_as_ieee_754_says(rounding: str) -> None:
    slow = Slow("float16", rounding)
    with np.errstate(all="ignore"):
        for x in SPECIAL:
            for y in SPECIAL:
                for terms in ([x], [x, y], [1.0, x, y], [x, 1.0, -1.0, y]):
                    assert same(sf.SequentialSum("float16", rounding)(np.array(terms)), slow.sequential(terms))
                    wide = np.tile(np.array(terms)[:, None], 70)  # whole lanes, and what is left over
                    assert all(
                        same(each, slow.sequential(terms))
                        for each in sf.SequentialSum("float16", rounding)(wide, axis=0)
                    )


@pytest.mark.parametrize("rounding", ["nearest_even", "toward_zero", "to_odd"])
@pytest.mark.parametrize("fma", [False, True])
def test_products_are_rounded_before_they_are_added_unless_fused(rounding: str, fma: bool) -> None:
    slow = Slow("float16", rounding)
    a, b = samples("float16", 60, 1).reshape(5, 12), samples("float16", 84, 2).reshape(12, 7)
    made = sf.matmul(
        sf.array(a, "fp16"), sf.array(b, "fp16"), accumulator=sf.SequentialSum("float16", rounding, fma=fma)
    )
    kahan = sf.KahanSum("float16", rounding, fma=fma).products(a, b, sf.float16)
    for m in range(5):
        for n in range(7):
            products: list[Any] = [
                Fraction(x) * Fraction(y) for x, y in zip(a[m].tolist(), b[:, n].tolist(), strict=True)
            ]
            rounded = [exact.round_exact(each, slow.fmt, rounding) for each in products]
            terms = [rounded[0], *products[1:]] if fma else rounded
            assert float(made[m, n]) == slow.sequential(terms)
            assert kahan[m, n] == slow.kahan(terms)


def test_one_column_and_many_take_different_loops_to_the_same_bits() -> None:
    x = samples("float16", 3000, 5, spread=12)
    for accumulator in (
        sf.SequentialSum("float16"),
        sf.SequentialSum("bfloat16"),  # of terms that it does not own
        sf.PairwiseSum("float16"),
        sf.KahanSum("bfloat16"),
        sf.BlockedSum(7, "float16", sf.ExactSum("float32")),
    ):
        one = accumulator(x)
        assert np.array_equal(accumulator(np.tile(x[:, None], 131), axis=0), np.full(131, one))
        assert np.array_equal(accumulator(np.tile(x, (3, 1)), axis=1), np.full(3, one))


ODD_FORMATS = (
    *FORMATS,
    sf.Format("flushing", exponent_bits=5, mantissa_bits=4, subnormals=False),
    sf.Format("wide", exponent_bits=9, mantissa_bits=9),
)


@pytest.mark.parametrize("fmt", ODD_FORMATS, ids=str)
@pytest.mark.parametrize("rounding", MODES)
def test_a_long_sum_alone_has_the_bits_of_one_among_others_in_every_mode(fmt: Any, rounding: str) -> None:
    fmt = sf.as_format(fmt)
    rng = np.random.default_rng(8)
    for size in (2 * fmt.smallest_normal, 1.0, fmt.max / 16):
        x = np.asarray(sf.round_to(rng.standard_normal(700) * size * 2.0 ** rng.integers(-9, 1, 700), fmt))
        x[100:110], x[300:400] = -0.0, np.abs(x[300:400])
        for total in (
            sf.SequentialSum(fmt, rounding),
            sf.PairwiseSum(fmt, rounding),
            sf.PairwiseSum(fmt, rounding, leaf=64, lanes=32),
            sf.KahanSum(fmt, rounding),
        ):
            alone, among = np.array(total(x)), total(np.stack([x, x], axis=1), 0)
            assert np.array_equal(among, [alone, alone], equal_nan=True)
            for fma in (False, True):
                way = type(total)(fmt, rounding, fma=fma)
                row, column = x[None, :200], x[200:400, None]
                products = way.products(row, np.tile(column, 2), fmt)
                assert np.array_equal(products[:, :1], way.products(row, column, fmt), equal_nan=True)


@pytest.mark.parametrize("fmt", ["float32", "float16", "float8_e5m2"])
def test_a_long_kahan_sum_is_that_of_fractions(fmt: str) -> None:
    slow, rng = Slow(fmt), np.random.default_rng(9)
    for sign in (1, -1):
        x = sign * np.abs(samples(fmt, 800, 9)) * 2.0 ** -rng.integers(0, 12, 800)
        x = np.asarray(sf.round_to(x, fmt))
        x[400:500] *= -1  # through powers of two, both ways
        x[600:610] = 0.0
        assert same(sf.KahanSum(fmt)(x), slow.kahan(x.tolist()))


@pytest.mark.parametrize("kind", [sf.SequentialSum, sf.PairwiseSum, sf.KahanSum])
def test_a_nan_of_any_payload_stays_one_in_a_long_sum(kind: Any) -> None:
    x = np.ones(500)
    for bits in (0x7FFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF, 0x7FF8000000000000, 0x7FF0000000000001):
        x[250] = np.array(bits, np.uint64).view(np.float64)
        assert math.isnan(float(kind("float32")(x)))


# ---- anchors that nobody here wrote ----


def test_numpy_s_float32_sum_is_the_pairwise_sum_bit_for_bit() -> None:
    x = samples("float32", 100_003, 3).astype(np.float32)
    for count in (*range(1, 300), 1000, 1023, 1024, 5000, 99_999, 100_003):
        assert np.float32(sf.PairwiseSum("float32")(x[:count])) == x[:count].sum()


@pytest.mark.parametrize(
    ("fmt", "dtype"), [("float32", np.float32), ("float16", np.float16), ("bfloat16", ml_dtypes.bfloat16)]
)
def test_numpy_s_cumulative_sum_is_the_sequential_one(fmt: str, dtype: Any) -> None:
    x = samples(fmt, 5000, 4).astype(dtype)
    assert np.cumsum(x)[-1] == dtype(sf.SequentialSum(fmt)(x))


@pytest.mark.parametrize("columns", [1, 40])  # one by one, and side by side
@pytest.mark.parametrize(
    "terms",
    [[0.0, 0.0], [-0.0, -0.0], [0.0, -0.0], [1.0, -1.0], [-1.0, 0.0, 1.0], [1.0, -1.0, 2.0**-1000, -(2.0**-1000)]],
)
def test_an_exact_sum_of_zero_has_the_sign_that_additions_of_the_mode_give_it(terms: list[float], columns: int) -> None:
    x = np.repeat(np.array(terms)[:, None], columns, axis=1)
    for rounding in MODES:
        slow = terms[0]
        for term in terms[1:]:
            slow = exact.exact_result("add", (slow, term), rounding) if slow + term == 0 else slow + term
        got = sf.ExactSum("float32", rounding)(x, axis=0)
        assert np.array_equal(np.signbit(got), np.full(columns, math.copysign(1, slow) < 0))
        assert not got.any()


def test_the_exact_sum_is_that_of_python_s_fsum_and_of_fractions() -> None:
    rng = np.random.default_rng(7)
    for _ in range(200):
        x = rng.standard_normal(50) * 2.0 ** rng.integers(-200, 200, 50)
        x = np.concatenate([x, -x[: rng.integers(0, 50)], [2.0**-1074, -(2.0**-1074), 2.0**900, -(2.0**900)]])
        rng.shuffle(x)
        total = sum(map(Fraction, x.tolist()), Fraction(0))
        assert float(sf.ExactSum("float32")(x)) == exact.round_exact(total or 0.0, sf.float32, "nearest_even")
        if total == Fraction(math.fsum(x)):
            assert float(sf.ExactSum("float32")(x)) == float(sf.round_to(math.fsum(x), "float32"))


def test_a_long_exact_sum_of_all_magnitudes_is_that_of_fractions() -> None:
    rng = np.random.default_rng(10)
    for count in (1023, 1024, 1025, 5000):  # significands are gathered 1,024 at a time
        x = rng.standard_normal(count) * 2.0 ** rng.integers(-1070, 900, count)
        x = np.concatenate([x, -x[5:], np.full(count, np.nextafter(2.0, 0)), np.full(count, -(2.0**-1074))])
        total = sum(map(Fraction, x.tolist()), Fraction(0))
        for fmt in (sf.float32, sf.Format("wide", exponent_bits=10, mantissa_bits=22)):
            assert float(sf.ExactSum(fmt)(x)) == exact.round_exact(total, fmt, "nearest_even")
        rng.shuffle(x)
        assert float(sf.ExactSum("float32")(x)) == exact.round_exact(total, sf.float32, "nearest_even")


def test_an_exact_sum_breaks_a_tie_by_a_last_bit_a_thousand_places_below() -> None:
    tie = [1.0, 2.0**-11]  # half way from 1 to the next float16
    assert sf.ExactSum("float16")(tie) == 1
    assert sf.ExactSum("float16")([*tie, 2.0**-1074]) == 1 + 2.0**-10
    assert sf.ExactSum("float16")([*tie, -(2.0**-1074)]) == 1
    assert math.copysign(1, float(sf.ExactSum("float16")([-0.0, -0.0]))) == -1
    assert math.isnan(float(sf.ExactSum("float16")([math.inf, -math.inf])))
    assert float(sf.ExactSum("float16")([math.inf, 1.0])) == math.inf


# ---- what textbooks say ----


def test_4096_times_a_tenth_in_float16_is_256_and_kahan_recovers_it() -> None:
    tenths = sf.array(np.full(4096, 0.1), "float16")
    assert float(sf.sum(tenths, accumulator="float16")) == 256
    assert float(sf.sum(tenths, accumulator=sf.KahanSum("float16"))) == float(
        sf.round_to(4096 * 0.0999755859375, "fp16")
    )
    assert float(sf.sum(tenths, accumulator=sf.SequentialSum("float32"), out_dtype="float32")) == 409.5


def test_2048_and_one_is_2048_in_float16() -> None:
    assert float(sf.sum(sf.array([2048, 1], "float16"), accumulator="float16")) == 2048
    assert float(sf.sum(sf.array(np.ones(5000), "float16"), accumulator="float16")) == 2048
    assert float(sf.sum(sf.array(np.ones(5000), "bfloat16"), accumulator="bfloat16")) == 256
    assert float(sf.sum(sf.array([2048, 1, 1], "float16"), accumulator=sf.KahanSum("float16"))) == 2050


@pytest.mark.parametrize(("fmt", "stops_at"), [("float16", 513), ("bfloat16", 65)])
def test_the_harmonic_series_stops_where_a_term_is_half_a_step(fmt: str, stops_at: int) -> None:
    terms = np.asarray(sf.round_to(1 / np.arange(1.0, 5000), fmt))
    sums = [float(sf.SequentialSum(fmt)(terms[:count])) for count in range(1, 1200)]
    last = next(count for count in range(1, 1199) if len(set(sums[count - 1 :])) == 1)
    assert last == stops_at - 1
    assert terms[stops_at - 1] <= float(sf.ulp(sums[-1], fmt)) / 2  # from here on each term is absorbed
    assert sf.SequentialSum(fmt)(terms) == sums[-1]


def test_errors_stay_within_their_bounds() -> None:
    """Higham's (4.4) and (4.6): n - 1 and log2 n roundings; Kahan's (4.8): two, and terms of second order."""
    unit = 2.0**-11
    for count in (10, 100, 1000, 10_000):
        x = np.abs(samples("float16", count, count, spread=0))
        size, truth = float(np.sum(x)), math.fsum(x)
        if truth > 60_000:
            continue
        assert abs(float(sf.SequentialSum("float16")(x)) - truth) <= (count - 1) * unit * size * 1.01
        tree = sf.PairwiseSum("float16", leaf=1, lanes=1)
        assert abs(float(tree(x)) - truth) <= math.ceil(math.log2(count)) * unit * size * 1.01
        assert abs(float(sf.KahanSum("float16")(x)) - truth) <= (2 * unit + 2 * count * unit**2) * size
        assert abs(float(sf.ExactSum("float16")(x)) - truth) <= unit * size


def test_stochastic_sums_go_on_where_nearest_stops_and_are_repeatable() -> None:
    ones = np.ones((4096, 200))
    made = sf.SequentialSum("bfloat16", "stochastic", rng=1)(ones, axis=0)
    again = sf.SequentialSum("bfloat16", "stochastic", rng=1)(ones, axis=0)
    assert np.array_equal(made, again)
    assert len(set(made.tolist())) > 20
    assert abs(made.mean() - 4096) < 4096 * 0.01  # one sum spreads by some 4 %
    alone = [float(sf.SequentialSum("bfloat16", "stochastic", rng=seed)(ones[:, 0])) for seed in range(20)]
    assert len(set(alone)) > 5


def test_every_exact_sum_throws_its_own_coins_and_a_seed_settles_them() -> None:
    x = np.array([1.0, 2.0**-9])  # half a step of bfloat16 above 1
    one, other = (sf.ExactSum("bfloat16", "stochastic", rng=5) for _ in range(2))
    thrown = [float(one(x)) for _ in range(64)]
    assert set(thrown) == {1.0, 1.0 + 2.0**-7}
    assert thrown == [float(other(x)) for _ in range(64)]


# ---- axes, shapes, formats ----


def test_sums_run_over_any_axis_and_matmul_takes_stacks_and_vectors() -> None:
    x = sf.array(samples("float16", 2 * 3 * 4, 9).reshape(2, 3, 4), "float16")
    way = sf.SequentialSum("float16")
    for axis in (0, 1, 2, -1, (0, 2), (2, 0), None):
        made = sf.sum(x, axis, accumulator=way)
        assert made.shape == np.sum(x.values, axis=axis).shape
        assert sf.sum(x, axis, accumulator=way, keepdims=True).shape == np.sum(x.values, axis=axis, keepdims=True).shape
    for place in np.ndindex(2, 4):
        column = x.values[place[0], :, place[1]]
        assert float(sf.sum(x, 1, accumulator=way)[place]) == float(way(column))
    rows = sf.sum(x, (0, 2), accumulator=way)
    assert float(rows[1]) == float(way(x.values[:, 1, :].reshape(-1)))
    stack = sf.array(samples("float16", 5 * 1 * 4 * 6, 10).reshape(5, 1, 4, 6), "float16")
    made = sf.matmul(x, stack, accumulator=way)
    assert made.shape == (5, 2, 3, 6)
    one = sf.matmul(x[1], stack[3, 0], accumulator=way)
    assert np.array_equal(made.values[3, 1], one.values)
    assert sf.matmul(x[0, 0], stack[0, 0], accumulator=way).shape == (6,)
    assert sf.matmul(x, stack[0, 0, :, 0], accumulator=way).shape == (2, 3)
    assert sf.dot(x[0, 0], stack[0, 0, :, 0], accumulator=way).shape == ()
    assert np.array_equal(sf.matmul(x, stack).values, (x @ stack).values)


def test_the_result_is_rounded_once_more_to_its_own_format() -> None:
    x = sf.array([2048, 1], "float16")
    assert sf.sum(x, accumulator="float32").dtype == sf.float16
    assert float(sf.sum(x, accumulator="float32")) == 2048
    wide = sf.sum(x, accumulator="float32", out_dtype="float32")
    assert (float(wide), wide.dtype) == (2049, sf.float32)


def test_sums_of_nothing_are_zero() -> None:
    empty = sf.array(np.zeros((0, 3)), "float16")
    assert sf.sum(empty, 0, accumulator="float16").values.tolist() == [0, 0, 0]
    assert sf.sum(empty, 1, accumulator="float16").shape == (0,)
    made = sf.matmul(empty.T, empty, accumulator=sf.KahanSum("float16"))
    assert made.values.tolist() == np.zeros((3, 3)).tolist()
    assert sf.matmul(empty, empty.T, accumulator=sf.ExactSum("float16")).shape == (0, 0)


# ---- what cannot be ----


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: sf.SequentialSum("float99"), ValueError, "unknown format 'float99'"),
        (lambda: sf.KahanSum("float16", "upwards"), ValueError, "unknown rounding 'upwards'; expected one of"),
        (lambda: sf.SequentialSum("float16", fma=1), TypeError, "`fma` must be True or False, got 1"),
        (lambda: sf.PairwiseSum("float16", lanes=3), ValueError, "power of two from 1 to 64, got 3"),
        (lambda: sf.PairwiseSum("float16", leaf=0), ValueError, "`leaf` must be at least 1, got 0"),
        (lambda: sf.BlockedSum(0, "float16"), ValueError, "`block` must be at least 1, got 0"),
        (lambda: sf.BlockedSum(1.5, "float16"), TypeError, "`block` must be an integer, got 1.5"),
        (lambda: sf.BlockedSum(4, 7), TypeError, "cannot read 7 as a format"),
        (lambda: sf.sum(sf.array([1.0], "fp16"), 1, accumulator="fp16"), ValueError, "axis 1 is out of bounds"),
        (lambda: sf.sum(sf.array([[1.0]], "fp16"), (0, 0), accumulator="fp16"), ValueError, "names an axis twice"),
        (lambda: sf.sum(sf.array([1.0], "fp16"), 0.5, accumulator="fp16"), TypeError, "`axis` must be an integer"),
        (lambda: sf.sum(sf.array([1.0], "fp16"), accumulator=sf.HOPPER), TypeError, "adds up products"),
        (lambda: sf.matmul(sf.array([1.0], "fp16"), 2.0, accumulator="fp16"), TypeError, "at least one axis"),
        (lambda: sf.matmul(np.ones((2, 3), "f4"), np.ones((2, 3), "f4"), accumulator="fp32"), ValueError,
         "rows of 3 values against columns of 2"),
        (lambda: sf.matmul(np.ones((2, 3, 3), "f4"), np.ones((4, 3, 3), "f4"), accumulator="fp32"), ValueError,
         "do not broadcast"),
        (lambda: sf.matmul(np.ones((2, 3, 3), "f4"), np.ones((4, 3, 3), "f4")), ValueError, "do not broadcast"),
        (lambda: sf.sum(sf.array([1.0], "fp16"), accumulator=None), TypeError, "NumPy's order is that of Array.sum"),
        (lambda: sf.dot(np.ones((2, 3), "f4"), np.ones(3, "f4"), accumulator="fp32"), ValueError, "two vectors"),
        (lambda: sf.matmul(*[sf.array([[1.0]], sf.Format("wide", exponent_bits=10, mantissa_bits=5))] * 2,
                           accumulator="fp32"), ValueError, "go beyond 2"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_name(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_accumulators_are_values() -> None:
    assert sf.SequentialSum("fp16") == sf.SequentialSum(sf.float16)
    assert sf.SequentialSum("fp16") != sf.SequentialSum("fp16", fma=True)
    assert isinstance(sf.HOPPER, Accumulator)
    assert len({sf.KahanSum("fp16"), sf.KahanSum("float16"), sf.KahanSum("bf16")}) == 2


def test_none_stands_for_numpys_product_and_a_format_for_its_sequential_sum() -> None:
    assert as_accumulator(None) == NumPyProduct()
    assert as_accumulator("fp16") == sf.SequentialSum(sf.float16)
    assert as_accumulator(sf.HOPPER) is sf.HOPPER
    rng = np.random.default_rng(4)
    for x, y in (((7,), (7,)), ((3, 7), (7, 5)), ((2, 3, 7), (7, 5)), ((2, 1, 3, 7), (4, 7, 5)), ((3, 0), (0, 2))):
        a, b = sf.array(rng.standard_normal(x), "bf16"), sf.array(rng.standard_normal(y), "bf16")
        for each in (None, NumPyProduct()):
            assert np.array_equal(sf.matmul(a, b, accumulator=each, out_dtype="fp32"), a.values @ b.values)


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32", "float8_e4m3fn", "float8_e5m2"])
@pytest.mark.parametrize("kind", ["SequentialSum", "KahanSum", "PairwiseSum"])
@pytest.mark.parametrize("size", ["small", "middling", "large"])
def test_one_long_sum_has_the_bits_of_the_same_sum_among_others(name: str, kind: str, size: str) -> None:
    """A single column is added in a loop of its own, which stays within a power of two for as long as it can."""
    fmt = sf.as_format(name)
    x = np.random.default_rng(5).standard_normal(20_000)
    x *= {"small": 8 * fmt.smallest_subnormal, "middling": 1.0, "large": fmt.max / 64}[size]
    x = np.asarray(sf.round_to(x, fmt))
    x[5000:5010] = -0.0
    total = getattr(sf, kind)(fmt)
    starts = (0, 10, 3000, 5000, 19_000)
    for start in starts:
        alone, among = total(x[start:]), total(np.stack([x[start:], x[start:]], axis=1), 0)
        assert np.array(alone).tobytes() == among[:1].tobytes() == among[1:].tobytes()


# ---- threads


@pytest.mark.parametrize("tasks", [1, 1000])
def test_every_task_is_done_once_whatever_the_number_of_threads(tasks: int) -> None:
    done = np.zeros(tasks, int)

    def part(first: int, last: int) -> None:
        done[first:last] += 1

    for work in (1, WORTH_A_THREAD):
        in_threads(part, tasks, work)
    assert (done == 2).all()


def test_an_error_in_a_thread_comes_out_when_nothing_goes_on_any_more() -> None:
    ended: list[int] = []

    def part(first: int, last: int) -> None:
        if first == 0:
            raise ArithmeticError("the first part")
        time.sleep(0.01)
        ended.append(first)

    with pytest.raises(ArithmeticError, match="the first part"):
        in_threads(part, 1000, WORTH_A_THREAD)
    count = len(ended)
    time.sleep(0.05)
    assert len(ended) == count


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system makes no process by fork")
def test_a_forked_process_has_threads_of_its_own() -> None:
    program = """import os
from simfp.accumulation import WORTH_A_THREAD, in_threads
in_threads(lambda first, last: None, 8, WORTH_A_THREAD)
child = os.fork()
in_threads(lambda first, last: None, 8, WORTH_A_THREAD)
if child:
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))"""
    made = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, timeout=60)
    assert made.stdout.strip() == "0", made.stderr


@pytest.mark.parametrize(
    "shape",
    [(1, 1, 1), (5, 3, 2), (64, 128, 128), (129, 64, 130), (7, 5, 300), (40, 9, 3), (3, 1000, 1), (2, 0, 3), (0, 4, 3)],
)
def test_a_float64_sum_takes_one_product_after_the_other(shape: tuple[int, int, int]) -> None:
    m, k, n = shape
    rng = np.random.default_rng(m)
    a, b = (rng.integers(-(1 << 24), 1 << 24, (2, *size)) / 2.0**20 for size in ((m, k), (k, n)))
    expected = np.zeros((2, m, n))
    for term in range(k):
        expected += a[:, :, term, None] * b[:, term, None, :]
    made = sf.Float64Sum().products(a.astype(np.float32), b.astype(np.float32), sf.float32)
    np.testing.assert_array_equal(made, expected)
    np.testing.assert_array_equal(sf.Float64Sum().products(a[0], b[0], sf.float32), expected[0])
    if k:
        np.testing.assert_array_equal(sf.Float64Sum().add_products(a[1], b[1]), expected[1])
