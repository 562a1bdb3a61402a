"""add, subtract, multiply, divide, sqrt and fma: one rounding of the exact result, in every mode."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import simfp as sf
from simfp import arithmetic
from simfp.formats import NAMED_FORMATS, Format
from simfp.rounding import ROUNDING_MODES
from tests import exact
from tests.examples import examples
from tests.samples import CUSTOM_FORMATS, DETERMINISTIC, FORMATS, OPTIONS, all_codes, assert_same

OPERANDS = {"add": 2, "subtract": 2, "multiply": 2, "divide": 2, "sqrt": 1, "fma": 3}
BINARY = [name for name, count in OPERANDS.items() if count == 2]
LARGE_FORMATS = [fmt for fmt in FORMATS if fmt.bits > 8]
FIVE_BIT_FORMATS = [fmt for fmt in FORMATS if fmt.bits <= 5]
SIX_BIT_FORMATS = [fmt for fmt in FORMATS if fmt.bits == 6]

per_operation = pytest.mark.parametrize("operation", OPERANDS)


def test_every_operation_has_a_twin_and_is_public() -> None:
    assert OPERANDS.keys() == exact.OPERATIONS.keys() == set(arithmetic.__all__)
    for operation in OPERANDS:
        assert getattr(sf, operation) is getattr(arithmetic, operation)
        assert operation in sf.__all__


class Results:
    """The exact results of an operation on many operands: computed once, then rounded in any mode."""

    def __init__(self, operation: str, operands: Iterable[tuple[float, ...]]) -> None:
        self.operation = operation
        self.rows = [tuple(map(float, row)) for row in operands]
        self.columns = [np.array(column) for column in zip(*self.rows)]
        nearest = [exact.exact_result(operation, row) for row in self.rows]
        # of the other modes one gives another result, and that only the sign of a zero
        downward = [
            result if isinstance(result, Fraction) else exact.exact_result(operation, row, "toward_negative")
            for result, row in zip(nearest, self.rows)
        ]
        self.modes = {"nearest_even": distinct(nearest), "toward_negative": distinct(downward)}

    def rounded(self, fmt: Format, rounding: str, **options: str) -> np.ndarray:
        results, index = self.modes.get(rounding, self.modes["nearest_even"])
        return np.array([exact.round_exact(result, fmt, rounding, **options) for result in results])[index]

    def hold(self, fmt: Format, modes: Sequence[str] = DETERMINISTIC, options: Any = OPTIONS[:1]) -> None:
        """simfp gives all of them, in each mode and with each option."""
        operate = getattr(sf, self.operation)
        for rounding, option in itertools.product(modes, options):
            got = operate(*self.columns, fmt, rounding, **option)
            assert_same(got, self.rounded(fmt, rounding, **option), *self.columns)


def distinct(results: list[Any]) -> tuple[list[Any], np.ndarray]:
    """The distinct ones among exact results, and which of them stands in each place."""
    first: dict[Any, int] = {}
    keys = [result if isinstance(result, Fraction) else repr(result) for result in results]
    index = np.array([first.setdefault(key, len(first)) for key in keys], np.int64)
    return [key if isinstance(key, Fraction) else float(key) for key in first], index


def values_of(fmt: Format) -> list[float]:
    return [exact.decode(int(code), fmt) for code in all_codes(fmt)]


# -- every pair, every triple


@pytest.mark.parametrize("operation", BINARY)
@pytest.mark.parametrize("fmt", [*FIVE_BIT_FORMATS, *SIX_BIT_FORMATS], ids=str)
def test_all_pairs_of_values_of_the_small_formats(fmt: Format, operation: str) -> None:
    Results(operation, itertools.product(values_of(fmt), repeat=2)).hold(fmt, options=OPTIONS)


@pytest.mark.parametrize("operation", BINARY)
@pytest.mark.parametrize("fmt", [sf.float8_e4m3fn, pytest.param(sf.float8_e5m2, marks=pytest.mark.long)], ids=str)
def test_all_pairs_of_8_bit_values(fmt: Format, operation: str) -> None:
    Results(operation, itertools.product(values_of(fmt), repeat=2)).hold(fmt, options=OPTIONS[::3])


@pytest.mark.parametrize("fmt", FIVE_BIT_FORMATS, ids=str)
def test_all_triples_of_values_of_4_and_5_bit_formats_through_fma(fmt: Format) -> None:
    Results("fma", itertools.product(values_of(fmt), repeat=3)).hold(fmt, options=OPTIONS)


@pytest.mark.long  # 2^18 of each format; some of 8 bits are drawn below
@pytest.mark.parametrize("fmt", [sf.float6_e2m3fn, sf.float6_e3m2fn], ids=str)
def test_all_triples_of_6_bit_values_through_fma(fmt: Format) -> None:
    Results("fma", itertools.product(values_of(fmt), repeat=3)).hold(fmt)


@pytest.mark.parametrize("fmt", [fmt for fmt in FORMATS if fmt.bits <= 12], ids=str)
def test_the_square_root_of_every_value(fmt: Format) -> None:
    Results("sqrt", [(x,) for x in values_of(fmt)]).hold(fmt, options=OPTIONS)


@pytest.mark.parametrize("fmt", [sf.float16, sf.bfloat16], ids=str)
def test_the_square_root_of_every_16_bit_value_in_the_mode_that_all_others_follow(fmt: Format) -> None:
    """Rounded to odd and to nearest; the mantissas of two binades meet every case, and all exponents come by."""
    positive = values_of(fmt)[: 2**15]
    Results("sqrt", [(x,) for x in positive[::2] + positive[1::16]]).hold(fmt, ["nearest_even", "to_odd"])


# -- samples of the large formats


def hard_operands(fmt: Format, operation: str, seed: int, n: int) -> Iterable[tuple[float, ...]]:
    """Operands of the format itself, chosen so that results fall on, and just beside, values and midpoints."""
    draw = np.random.default_rng(seed)
    low, high = fmt.min_exponent - fmt.mantissa_bits, fmt.max_exponent

    def value(exponent: int) -> float:
        significand = draw.integers(2 ** (fmt.precision - 1), 2**fmt.precision)
        if draw.random() < 0.3:  # few bits set, so that exact results and ties are common
            significand &= ~((1 << int(draw.integers(0, fmt.precision))) - 1)
            significand |= 2 ** (fmt.precision - 1)
        x = float(draw.choice([1, -1])) * int(significand) * 2.0 ** (exponent - fmt.mantissa_bits)
        return exact.round_exact(x, fmt, "toward_zero", overflow="saturate")

    for _ in range(n):
        middle = (low + high) // 2
        e = int(draw.integers(low, high + 1)) if draw.random() < 0.5 else int(draw.integers(middle - 20, middle + 20))
        x = value(e)
        if operation == "sqrt":
            yield (abs(x),)
        elif operation in ("add", "subtract"):
            yield x, value(e + int(draw.integers(-fmt.precision - 3, fmt.precision + 4)))
        else:
            target = int(draw.integers(low - 2, high + 2))  # the result's exponent: the ends are hit as often as not
            y = value(min(max(target - e if operation != "divide" else e - target, low), high))
            if operation == "fma":
                product = exact.exact_result("multiply", (x, y))
                nearby = -exact.round_exact(product, fmt, "nearest_even", overflow="saturate")
                distance = int(draw.integers(-3 * fmt.precision, 3 * fmt.precision))
                far = value(target + distance)
                yield x, y, nearby if draw.random() < 0.3 else far
            else:
                yield x, y


@per_operation
@pytest.mark.parametrize("fmt", LARGE_FORMATS, ids=str)
def test_values_of_the_large_formats_whose_results_lie_near_ties(fmt: Format, operation: str) -> None:
    Results(operation, hard_operands(fmt, operation, 1, 600)).hold(fmt, options=OPTIONS[::3])


@pytest.mark.parametrize("fmt", [fmt for fmt in FORMATS if fmt.bits in (7, 8)], ids=str)
def test_triples_of_8_bit_values_through_fma(fmt: Format) -> None:
    draw = np.random.default_rng(3)
    Results("fma", draw.choice(values_of(fmt), (3000, 3))).hold(fmt)


# -- operands that no format holds


ENDS = [0.0, 5e-324, 2.0**-1022 - 5e-324, 2.0**-1000, 2.0**-540, 2.0**-149 * 1.5, 2.0**-24, 1 - 2.0**-53, 1.0, 1.5]
ENDS += [1 + 2.0**-52, 2.0**24 - 1, 65520.0, 2.0**128, 2.0**500 / 3, 2.0**1000, np.finfo(np.float64).max, np.inf]
ENDS = [*ENDS, *(-x for x in ENDS), np.nan]
END_FORMATS = [sf.float16, sf.float32, sf.float8_e4m3fn, sf.float4_e2m1fn, CUSTOM_FORMATS[-1], CUSTOM_FORMATS[-2]]


@per_operation
def test_operands_at_the_ends_of_float64(operation: str) -> None:
    ends = ENDS if operation != "fma" else ENDS[::2] + ENDS[1::6]
    results = Results(operation, itertools.product(ends, repeat=OPERANDS[operation]))
    for fmt in END_FORMATS:
        results.hold(fmt, options=OPTIONS[::3])


any_operands = st.lists(st.floats(allow_nan=True, allow_subnormal=True), min_size=3, max_size=3)


@given(any_operands, st.sampled_from(FORMATS), st.sampled_from(DETERMINISTIC), st.sampled_from(OPTIONS))
@examples(400)
def test_any_float64_operands(operands: list[float], fmt: Format, rounding: str, options: dict[str, str]) -> None:
    for operation, count in OPERANDS.items():
        expected = exact.exact_result(operation, tuple(operands[:count]), rounding)
        result = getattr(sf, operation)(*operands[:count], fmt, rounding, **options)
        assert_same(result, exact.round_exact(expected, fmt, rounding, **options))


significands = st.integers(-(2**53) + 1, 2**53 - 1)


@st.composite
def cancelling_fma(draw: Any) -> tuple[float, float, float]:
    """x * y + z where z is near -(x * y), at any distance of exponents, all with up to 53 bits."""
    x, y = (float(draw(significands)) * 2.0 ** draw(st.integers(-150, 100)) for _ in range(2))
    z = -(x * y) * 2.0 ** draw(st.sampled_from([0, 0, 0, -1, 1, 50, 53, 54, 106, 107, 108, -52, -53, -54, -106, -107]))
    step = draw(st.integers(-3, 3))
    return x, y, z + step * float(np.spacing(z)) if z else 0.0


@given(cancelling_fma(), st.sampled_from(LARGE_FORMATS))
@examples(1000)
def test_fused_multiply_adds_of_53_bits_that_cancel(operands: tuple[float, float, float], fmt: Format) -> None:
    for rounding in DETERMINISTIC:
        expected = exact.round_exact(exact.exact_result("fma", operands, rounding), fmt, rounding)
        assert_same(sf.fma(*operands, fmt, rounding), expected)


@given(significands, significands, st.integers(-120, 120), st.sampled_from(LARGE_FORMATS))
@examples(1000)
def test_sums_and_quotients_of_53_bits(m: int, n: int, exponent: int, fmt: Format) -> None:
    x, y = float(m), float(n) * 2.0**exponent
    for rounding, operation in itertools.product(DETERMINISTIC, BINARY):
        expected = exact.round_exact(exact.exact_result(operation, (x, y), rounding), fmt, rounding)
        assert_same(getattr(sf, operation)(x, y, fmt, rounding), expected)


# -- the traps


def test_a_tiny_addend_breaks_the_tie_of_a_bfloat16_fma() -> None:
    assert sf.fma(7, 37, -(2.0**-100), "bfloat16") == 258  # through float64: 260


def test_a_tiny_addend_breaks_the_tie_of_a_float16_fma() -> None:
    assert sf.fma(3, 683, 2.0**-24, "float16") == 2050  # through float32: 2048


def test_a_tfloat32_product_among_the_subnormals_is_rounded_once() -> None:
    x, y = np.array([0x2191A000, 0x1BDD8000], np.uint32).view(np.float32)
    assert sf.multiply(x, y, "tfloat32") == 31 * 2.0**-136  # through float32, whose subnormals end at 2^-149, another


@pytest.mark.parametrize("fmt", FORMATS, ids=str)
def test_directed_modes_feel_the_tiniest_addend(fmt: Format) -> None:
    x = float(exact.magnitudes(fmt)[-3]) if fmt.bits <= 12 else 1.0
    up, down = float(sf.next_up(x, fmt)), float(sf.next_down(x, fmt))
    for operate in (lambda y, mode: sf.add(x, y, fmt, mode), lambda y, mode: sf.fma(1.0, x, y, fmt, mode)):
        for tiny in (5e-324, 2.0**-1000, 2.0**-200 * x):
            assert operate(tiny, "toward_positive") == up
            assert operate(-tiny, "toward_negative") == down
            assert operate(-tiny, "toward_zero") == down
            assert operate(tiny, "toward_zero") == operate(tiny, "nearest_even") == x


def test_an_exact_zero_sum_is_plus_zero_but_toward_negative() -> None:
    for rounding in DETERMINISTIC:
        zeros = [sf.add(1.5, -1.5, "float16", rounding), sf.subtract(2.0, 2.0, "float16", rounding)]
        zeros += [sf.fma(2.0, 3.0, -6.0, "float16", rounding), sf.add(0.0, -0.0, "float16", rounding)]
        assert_same(zeros, [-0.0 if rounding == "toward_negative" else 0.0] * 4)
        assert_same(sf.add(-0.0, -0.0, "float16", rounding), -0.0)
        assert_same(sf.subtract(-0.0, 0.0, "float16", rounding), -0.0)
        assert_same(sf.fma(-0.0, 5.0, -0.0, "float16", rounding), -0.0)


def test_a_product_that_vanishes_keeps_its_sign() -> None:
    assert_same(sf.multiply(-1e-300, 1e-300, "float16"), -0.0)
    assert_same(sf.fma(-1e-300, 1e-300, 0.0, "float16"), -0.0)
    assert_same(sf.multiply(-1e-300, 1e-300, "float16", "toward_negative"), -(2.0**-24))


def test_special_results_come_without_a_warning() -> None:
    assert_same(sf.divide([1.0, -1.0, 0.0], 0.0, "float16"), [np.inf, -np.inf, np.nan])
    assert_same(sf.sqrt([-1.0, -0.0, np.inf], "float16"), [np.nan, -0.0, np.inf])
    assert_same(sf.add(np.inf, -np.inf, "float16"), np.nan)
    assert_same(sf.multiply(np.inf, 0.0, "float16"), np.nan)
    assert_same(sf.fma(np.inf, 0.0, np.nan, "float16"), np.nan)
    assert_same(sf.divide(1.0, 0.0, "float8_e4m3fn"), np.nan)
    assert_same(sf.divide(-1.0, 0.0, "float4_e2m1fn"), -6.0)
    signalling = np.array([0x7F800001], np.uint32).view(np.float32)
    assert_same(sf.add(signalling, 1.0, "float16"), [np.nan])


# -- shapes, types, options


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_shapes_broadcast_and_the_type_is_that_of_the_operands(dtype: Any) -> None:
    column, row = np.ones((3, 1), dtype), np.ones((1, 4), dtype)
    for operation in BINARY:
        result = getattr(sf, operation)(column, row, "float16")
        assert (result.shape, result.dtype) == ((3, 4), dtype)
    fused = sf.fma(column, row, 2, "float16")
    assert (fused.shape, fused.dtype) == ((3, 4), dtype)
    assert sf.sqrt(np.ones((2, 0, 3), dtype), "float16").shape == (2, 0, 3)
    assert type(sf.add(dtype(1), dtype(2), "float16")) is dtype
    assert type(sf.add(np.array(1, dtype), 2, "float16")) is dtype
    assert type(sf.add(1, 2.0, "float16")) is np.float64


def test_a_float64_operand_makes_the_result_float64() -> None:
    assert sf.add(np.ones(2, np.float32), np.ones(2), "float16").dtype == np.float64
    assert sf.add(np.ones(2, np.float32), np.float64(1), "float16").dtype == np.float64
    assert sf.add(np.ones(2, np.float32), 1.0, "float16").dtype == np.float32
    assert sf.add(np.ones(2, np.float16), np.ones(2, np.float32), "float16").dtype == np.float32


def test_operands_are_never_modified_and_need_not_be_contiguous() -> None:
    x = np.arange(1.0, 25.0).reshape(4, 6)
    y = np.asfortranarray(x[::-1])
    before = x.copy(), y.copy()
    x.flags.writeable = y.flags.writeable = False
    for operation, count in OPERANDS.items():
        for rounding in DETERMINISTIC:
            arrays = (x, y, x[:, ::-1])[:count]
            flat = [array.flatten() for array in arrays]
            operate = getattr(sf, operation)
            assert_same(operate(*arrays, "bfloat16", rounding), operate(*flat, "bfloat16", rounding).reshape(4, 6))
    assert (x == before[0]).all()
    assert (y == before[1]).all()


def test_big_endian_and_integer_operands_are_taken() -> None:
    assert sf.add(np.array([1.5], ">f4"), np.array([2], ">i8"), "float16").tolist() == [3.5]
    assert sf.multiply(2**53, -1, "float16") == -np.inf
    with pytest.raises(ValueError, match="which float64 holds, got one of 1329 bits"):
        sf.multiply(10**400, -1, "float16")
    assert sf.subtract(True, 3, "float16") == -2.0


@per_operation
def test_arithmetic_has_no_stochastic_mode_and_says_so(operation: str) -> None:
    operands = [1.0] * OPERANDS[operation]
    valid = ", ".join(DETERMINISTIC)
    for rounding in ("stochastic", "upwards", None):
        message = re.escape(f"unknown rounding of {operation} {rounding!r}; expected one of {valid}")
        with pytest.raises(ValueError, match=f"^{message}$"):
            getattr(sf, operation)(*operands, "float16", rounding)
    assert {*DETERMINISTIC, "stochastic"} == ROUNDING_MODES.keys()


@per_operation
def test_a_wrong_option_format_or_operand_is_named(operation: str) -> None:
    operate, operands = getattr(sf, operation), [1.0] * OPERANDS[operation]
    with pytest.raises(TypeError, match=f"{operation} has no option 'rng'; expected subnormals or overflow"):
        operate(*operands, "float16", rng=1)
    with pytest.raises(ValueError, match="unknown subnormals 'drop'; expected one of keep, flush"):
        operate(*operands, "float16", subnormals="drop")
    with pytest.raises(ValueError, match="unknown overflow 'wrap'; expected one of inf, saturate"):
        operate(*operands, "float16", overflow="wrap")
    with pytest.raises(ValueError, match="unknown format 'fp17'"):
        operate(*operands, "fp17")
    for wrong in (1j, "one", None, np.longdouble(1)):
        with pytest.raises(TypeError, match=r"cannot round .* values; expected float32 or float64"):
            operate(wrong, *operands[1:], "float16")


def test_shapes_that_do_not_broadcast_are_named() -> None:
    with pytest.raises(ValueError, match=r"add: shapes \(2,\) and \(3,\) do not broadcast"):
        sf.add(np.ones(2), np.ones(3), "float16")
    with pytest.raises(ValueError, match=r"fma: shapes \(2,\) and \(\) and \(3, 1, 4\) do not broadcast"):
        sf.fma(np.ones(2), 1.0, np.ones((3, 1, 4)), "float16")


@pytest.mark.parametrize("fmt", NAMED_FORMATS.values(), ids=str)
def test_operations_agree_with_round_to_where_float64_is_exact(fmt: Format) -> None:
    draw = np.random.default_rng(8)
    x, y = (sf.round_to(draw.normal(size=2000).astype(np.float32), fmt, overflow="saturate") for _ in range(2))
    wide = x.astype(np.float64) * y.astype(np.float64)
    for rounding in DETERMINISTIC:
        assert_same(sf.multiply(x, y, fmt, rounding), sf.round_to(wide, fmt, rounding), x, y)
