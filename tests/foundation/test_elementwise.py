"""Ufuncs on Arrays: each result is rounded once, in the format that the operands meet in."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest

import simfp as sf
from simfp.elementwise import MEET_IN_FLOAT32, UFUNCS, promote, working_dtype
from simfp.formats import NAMED_FORMATS
from simfp.observe import Rounding, listening
from tests import exact
from tests.samples import CUSTOM_FORMATS, FORMATS, all_codes, as_float64, assert_same

ARITHMETIC = {"add": 2, "subtract": 2, "multiply": 2, "divide": 2, "sqrt": 1}
NUMPY_UFUNCS = sorted({value for value in vars(np).values() if isinstance(value, np.ufunc)}, key=lambda u: u.__name__)
per_format = pytest.mark.parametrize("fmt", FORMATS, ids=str)


def operands(fmt: sf.Format, count: int, size: int = 1 << 16) -> list[np.ndarray]:
    """Every pair of values of a small format; else random codes, half of them near one another in magnitude."""
    rng = np.random.default_rng(5)
    if 2 ** (count * fmt.bits) <= size:
        codes = np.meshgrid(*[all_codes(fmt)] * count)
        return [sf.decode(part.reshape(-1), fmt) for part in codes]
    first = rng.integers(0, 2**fmt.bits, size)
    near = (first + rng.integers(-(2**fmt.mantissa_bits) * 2, 2**fmt.mantissa_bits * 2, size)) % 2**fmt.bits
    second = np.where(rng.random(size) < 0.5, near, rng.integers(0, 2**fmt.bits, size))
    tiny = rng.integers(0, 2 ** (fmt.mantissa_bits + 2), size)  # subnormals and the like, half of the time
    first = np.where(rng.random(size) < 0.3, tiny, first)
    return [sf.decode(part, fmt) for part in (first, second)][:count]


# --- correct rounding -------------------------------------------------------------------------------------------------


@per_format
@pytest.mark.parametrize("operation", ARITHMETIC)
def test_arithmetic_is_one_rounding_of_the_exact_result_in_every_format(operation: str, fmt: sf.Format) -> None:
    values = operands(fmt, ARITHMETIC[operation])
    expected = getattr(sf, operation)(*map(as_float64, values), fmt=fmt)
    actual = getattr(np, operation)(*(sf.array(value, fmt) for value in values))
    assert actual.dtype == fmt
    assert actual.values.dtype == fmt.carrier
    assert_same(actual.values, expected, *values)


@per_format
def test_square_and_reciprocal_are_the_product_and_the_quotient(fmt: sf.Format) -> None:
    (x,) = operands(fmt, 1)
    a = sf.array(x, fmt)
    assert_same(np.square(a).values, (a * a).values, x)
    assert_same(np.reciprocal(a).values, sf.divide(1, as_float64(x), fmt), x)


@pytest.mark.parametrize("fmt", CUSTOM_FORMATS, ids=str)
@pytest.mark.parametrize("operation", ["add", "multiply", "divide"])
def test_arithmetic_is_that_of_fractions(operation: str, fmt: sf.Format) -> None:
    x, y = (value[:2000] for value in operands(fmt, 2))
    exact_results = [exact.exact_result(operation, (float(a), float(b))) for a, b in zip(x, y)]
    expected = [exact.round_exact(result, fmt, "nearest_even") for result in exact_results]
    assert_same(getattr(np, operation)(sf.array(x, fmt), sf.array(y, fmt)).values, expected, x, y)


def test_the_tf32_product_that_float32_rounds_twice() -> None:
    x, y = np.array([0x2191A000, 0x1BDD8000], np.uint32).view(np.float32)
    assert (sf.array(x, sf.tfloat32) * sf.array(y, sf.tfloat32)).item() == 31 * 2.0**-136
    assert sf.round_to(x * y, sf.tfloat32) == 32 * 2.0**-136


def test_float32_is_used_where_it_suffices() -> None:
    narrow = {fmt.name for fmt in NAMED_FORMATS.values() if working_dtype(fmt) is np.float32}
    assert narrow == NAMED_FORMATS.keys() - {"float32", "tfloat32"}


def wrong_products_through_float32(fmt: sf.Format) -> int:
    """How many of the products near half the smallest subnormal come out wrong if float32 computes them."""
    significands = np.arange(2**fmt.mantissa_bits, 2**fmt.precision, dtype=np.float64)
    x, y = np.meshgrid(significands, significands)
    exact_product = x * y * fmt.smallest_subnormal * 2.0 ** (1 - 2 * fmt.precision)
    with np.errstate(under="ignore"):
        twice = sf.round_to(exact_product.astype(np.float32).astype(np.float64), fmt)
    return int((twice != sf.round_to(exact_product, fmt)).sum())


@pytest.mark.parametrize(("mantissa_bits", "lowest"), [(7, -126), (8, -123), (10, -117)])
def test_float32_is_used_as_far_down_as_its_products_are_right(mantissa_bits: int, lowest: int) -> None:
    for min_exponent in (lowest, lowest - 1):
        fmt = sf.Format("edge", exponent_bits=5, mantissa_bits=mantissa_bits, exponent_bias=1 - min_exponent)
        suffices = working_dtype(fmt) is np.float32
        assert suffices == (min_exponent == lowest)
        if suffices:
            assert wrong_products_through_float32(fmt) == 0
    assert wrong_products_through_float32(sf.tfloat32) > 0


def floor_divide(x: float, y: float) -> Fraction | float:
    return Fraction(math.floor(Fraction(x) / Fraction(y)))


def remainder(x: float, y: float) -> Fraction | float:
    return Fraction(x) - math.floor(Fraction(x) / Fraction(y)) * Fraction(y)


def fmod(x: float, y: float) -> Fraction | float:
    return Fraction(x) - math.trunc(Fraction(x) / Fraction(y)) * Fraction(y)


FRACTIONS: dict[str, Callable[..., Any]] = {
    "floor_divide": floor_divide,
    "remainder": remainder,
    "fmod": fmod,
    "floor": lambda x: Fraction(math.floor(Fraction(x))),
    "ceil": lambda x: Fraction(math.ceil(Fraction(x))),
    "trunc": lambda x: Fraction(math.trunc(Fraction(x))),
    "rint": lambda x: Fraction(round(Fraction(x))),
    "sign": lambda x: Fraction((x > 0) - (x < 0)),
}


@per_format
@pytest.mark.parametrize("name", FRACTIONS)
def test_whole_numbers_and_remainders_are_those_of_fractions_in_every_format(name: str, fmt: sf.Format) -> None:
    count = FRACTIONS[name].__code__.co_argcount
    columns = np.array(operands(fmt, count, 1 << 11))
    columns = columns[:, np.isfinite(columns).all(axis=0)]
    columns = columns[:, columns[-1] != 0]
    results = [FRACTIONS[name](*map(float, row)) for row in columns.T]
    expected = np.array([exact.round_exact(result, fmt, "nearest_even") for result in results])
    actual = getattr(np, name)(*(sf.array(column, fmt) for column in columns)).values
    assert_same(actual + np.float32(0), expected + 0.0, *columns)  # a zero's sign apart: a fraction has none


def test_divmod_and_modf_give_both_their_parts() -> None:
    a, b = sf.array([7.5, -7.5], sf.float16), sf.array([2, 2], sf.float16)
    quotient, rest = divmod(a, b)
    assert (quotient.tolist(), rest.tolist()) == ([3.0, -4.0], [1.5, 0.5])
    fraction, whole = np.modf(a)
    assert (fraction.tolist(), whole.tolist()) == ([0.5, -0.5], [7.0, -7.0])


@per_format
@pytest.mark.parametrize(
    "ufunc", [ufunc for ufunc, kind in UFUNCS.items() if kind == "exact"], ids=lambda u: u.__name__
)
def test_what_is_not_rounded_is_in_the_format_already(ufunc: np.ufunc, fmt: sf.Format) -> None:
    values = operands(fmt, ufunc.nin, 1 << 14)
    heard: list[Rounding] = []
    arrays = [sf.array(value, fmt) for value in values]
    with listening(heard.append):
        results = ufunc(*arrays)
    assert heard == []
    for result in results if isinstance(results, tuple) else (results,):
        assert_same(result.values, sf.round_to(result.values, fmt), *values)


def test_every_ufunc_of_numpy_works_or_refuses_by_name() -> None:
    a = sf.array([1.0, 0.5], sf.float16)
    for ufunc in NUMPY_UFUNCS:
        if ufunc in UFUNCS or ufunc is np.matmul:
            ufunc(*[a] * ufunc.nin)
        else:
            with pytest.raises(TypeError, match=rf"np\.{ufunc.__name__} does not work on Arrays; call it on a\.values"):
                ufunc(*[a] * ufunc.nin)
    assert UFUNCS.keys() <= set(NUMPY_UFUNCS)


def test_nothing_warns_of_overflow_or_division_by_zero() -> None:
    a, zero = sf.array([65504.0, 1.0, 0.0], sf.float16), sf.array([0.0, 0.0, 0.0], sf.float16)
    assert (a * a).tolist() == [math.inf, 1.0, 0.0]
    assert (a / zero).tolist()[:2] == [math.inf, math.inf]
    assert np.isnan((a / zero).values[2])
    assert np.log(zero).tolist() == [-math.inf] * 3


def test_a_format_without_infinity_gives_its_largest_number_or_nan() -> None:
    one, zero = sf.array(1.0, sf.float4_e2m1fn), sf.array(0.0, sf.float4_e2m1fn)
    assert (one / zero).item() == 6.0
    e4m3 = sf.array(448.0, sf.float8_e4m3fn)
    assert math.isnan((e4m3 + e4m3).item())


# --- formats meet -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("x", "y"), list(product(MEET_IN_FLOAT32, repeat=2)), ids=str)
def test_formats_of_16_and_more_bits_meet_in_float32(x: sf.Format, y: sf.Format) -> None:
    expected = x if x == y else sf.float32
    assert promote(x, y) == expected
    assert (sf.array([1], x) + sf.array([1], y)).dtype == expected


@pytest.mark.parametrize("other", [fmt for fmt in FORMATS if fmt not in MEET_IN_FLOAT32], ids=str)
def test_no_others_meet(other: sf.Format) -> None:
    assert promote(other, other) == other
    with pytest.raises(TypeError, match=rf"{other} and float16 have no common format; .*astype"):
        sf.array([0], other) + sf.array([0], sf.float16)


def test_the_sum_of_two_formats_is_rounded_in_float32_only() -> None:
    total = sf.array([1.0], sf.float16) + sf.array([2.0**-20], sf.bfloat16)
    assert total.item() == 1 + 2.0**-20


@pytest.mark.parametrize("fmt", NAMED_FORMATS.values(), ids=str)
@pytest.mark.parametrize(
    "scalar", [2, 0.5, True, np.float64(0.5), np.float32(0.5), np.int64(2), np.float16(1)], ids=repr
)
def test_a_scalar_takes_the_format_of_the_array(scalar: Any, fmt: sf.Format) -> None:
    a = sf.array([1.0, 2.0], fmt)
    for result in (a * scalar, scalar * a, a + scalar, np.maximum(a, scalar)):
        assert result.dtype == fmt
    assert_same((a * scalar).values, a.values * np.float64(scalar))


def test_a_scalar_of_arithmetic_is_a_float32() -> None:
    x = sf.decode(all_codes(sf.float16), sf.float16)
    a, w = sf.array(x, sf.float16), np.float32(0.1)
    with np.errstate(all="ignore"):
        assert_same((a * 0.1).values, sf.round_to(x * w, "float16"), x)
        assert_same((a + 0.1).values, sf.round_to(x + w, "float16"), x)
        assert_same((0.1 - a).values, sf.round_to(w - x, "float16"), x)
        assert_same((a / 0.1).values, sf.round_to(x / w, "float16"), x)
        assert_same((0.1 / a).values, sf.round_to(w / x, "float16"), x)
    assert (sf.array([1.0], sf.float16) * 70000).item() == math.inf
    assert (sf.array([0.5], sf.float16) * 70000).item() == 35008.0


def test_a_scalar_beside_a_format_wider_than_float32_is_rounded_to_that() -> None:
    wide = sf.Format("e10m9", exponent_bits=10, mantissa_bits=9)
    assert (sf.array([2.0**-400], wide) * 2.0**-60).item() == 2.0**-460


def test_elsewhere_a_scalar_is_rounded_to_the_format_first() -> None:
    a = sf.array([0.1], sf.float16)
    assert (a == 0.1).tolist() == [True]
    assert (a < 0.1).tolist() == [False]
    assert np.maximum(a, 0.2).item() == float(np.float16(0.2))
    assert (sf.array([1000], sf.float16) ** (1 / 3)).item() == float(np.float16(1000 ** float(np.float16(1 / 3))))


def test_integer_arrays_are_rounded_to_the_format_first() -> None:
    a = sf.array([1.0, 1.0], sf.float16)
    total = a + np.array([2049, 2051])
    assert (total.dtype, total.tolist()) == (sf.float16, [2048.0, 2052.0])
    assert (a + np.array([True, False])).tolist() == [2.0, 1.0]
    assert (sf.array([2048], sf.float16) == np.array([2049])).tolist() == [True]


def test_integers_of_more_than_53_bits_are_rounded_once() -> None:
    total = sf.array([0.0], sf.float32) + np.array([2**60 + 2**36 + 1])
    assert total.item() == 2.0**60 + 2.0**37


def test_a_0d_array_takes_the_format_of_one_with_dimensions() -> None:
    small, large = sf.array([1.0, 2.0], sf.float16), sf.array(0.1, sf.float32)
    assert (small * large).dtype == (large * small).dtype == sf.float16
    assert_same((small * large).values, (small * sf.array(0.1, sf.float16)).values)
    assert (small[0] * large).dtype == sf.float32


@pytest.mark.parametrize(
    ("dtype", "fmt"), [(fmt.storage_dtype, fmt) for fmt in NAMED_FORMATS.values() if fmt.storage_dtype]
)
def test_a_numpy_array_brings_its_format(dtype: Any, fmt: sf.Format) -> None:
    plain = np.array([1.0, 2.0], dtype)
    a = sf.array(plain)
    assert (a + plain).dtype == (plain + a).dtype == fmt
    assert_same((plain - a).values, np.zeros(2))


def test_float64_arrays_are_refused_but_in_comparisons() -> None:
    a = sf.array([0.1, 0.5], sf.float16)
    with pytest.raises(TypeError, match=r"a float64 array is in no format of simfp; say which: sf\.array\(x, dtype"):
        a + np.array([0.1, 0.5])
    assert (a == np.array([0.1, 0.5])).tolist() == [False, True]


@pytest.mark.parametrize("other", [[1.0], "1", None, object()], ids=lambda x: type(x).__name__)
def test_what_is_no_number_is_refused_by_its_type(other: Any) -> None:
    with pytest.raises(TypeError, match=rf"cannot compute with a {type(other).__name__} here; make it an Array"):
        sf.array([1.0]) + other


def test_an_operand_may_take_over() -> None:
    class Taker:
        __array_ufunc__ = None  # NumPy's way to say: leave it to my operators

        def __rmul__(self, other: Any) -> str:
            return f"took over from {type(other).__name__}"

    assert sf.array([1.0]) * Taker() == "took over from Array"


def test_complex_numbers_are_refused() -> None:
    for other in (1j, np.array([1j])):
        with pytest.raises(TypeError, match="complex"):
            sf.array([1.0]) + other


def test_shapes_that_do_not_broadcast_are_both_named() -> None:
    with pytest.raises(ValueError, match=r"\(3,\) \(2,\)"):
        sf.array([1, 2, 3]) + sf.array([1, 2])


# --- truth ------------------------------------------------------------------------------------------------------------


def test_comparisons_give_numpys_bool_arrays() -> None:
    a = sf.array([[1.0, math.nan, -0.0]], sf.bfloat16)
    for result in (a == a, a < 1, np.isnan(a), np.signbit(a), np.logical_not(a), a >= sf.array([0.0], sf.float32)):
        assert type(result) is np.ndarray
        assert (result.dtype, result.shape) == (np.bool_, (1, 3))
    assert (a == a).tolist() == [[True, False, True]]
    assert np.signbit(a).tolist() == [[False, False, True]]


def test_values_of_any_two_formats_can_be_compared() -> None:
    assert (sf.array([0.1], sf.float8_e4m3fn) > sf.array([0.1], sf.float32)).tolist() == [True]


# --- who is told ------------------------------------------------------------------------------------------------------


def test_observers_are_told_the_operation_the_format_and_the_values_before() -> None:
    a = sf.array([2.0**-14, 1.0], sf.float16)
    heard: list[Rounding] = []
    with listening(heard.append):
        a * a
        np.exp(a)
    assert [(told.operation, told.fmt) for told in heard] == [("multiply", sf.float16), ("exp", sf.float16)]
    assert heard[0].before.tolist() == [2.0**-28, 1.0]
    assert heard[0].after.tolist() == [0.0, 1.0]


def test_observers_of_float32_are_told_what_float32_lost() -> None:
    x, y = operands(sf.float32, 2)
    for ufunc in (np.add, np.subtract, np.multiply, np.divide):
        unheard = ufunc(sf.array(x), sf.array(y))
        heard: list[Rounding] = []
        with listening(heard.append):
            a, b = sf.array(x), sf.array(y)
            result = ufunc(a, b)
        assert_same(result.values, unheard.values, x, y)
        assert heard[-1].before.dtype == np.float64
        assert (heard[-1].before != heard[-1].after).any()


# --- out, reduce and their like ---------------------------------------------------------------------------------------


def test_in_place_operators_keep_array_and_format() -> None:
    a = sf.array([1.0, 2.0], sf.float16)
    same, view = a, a[1:]
    a += sf.array([0.1, 0.2], sf.float32)
    a *= 3
    assert a is same
    assert a.dtype == sf.float16
    assert_same(view.values, a.values[1:])
    step = (np.array([1.0, 2.0], np.float32) + np.array([0.1, 0.2], np.float32)).astype(np.float16)
    assert_same(a.values, (step.astype(np.float32) * 3).astype(np.float16))


def test_an_array_that_is_added_to_itself_in_place_is_doubled() -> None:
    a = sf.array([1.0, 2.0, 3.0])
    a += a[::-1]
    assert a.tolist() == [4.0, 4.0, 4.0]


def test_out_takes_the_result_rounded_to_its_format() -> None:
    a, out = sf.array([1.0, 3.0], sf.float32), sf.array([0.0, 0.0], sf.float8_e5m2)
    assert np.divide(a, 3, out=out) is out
    assert out.tolist() == [0.3125, 1.0]
    truth = np.zeros(2, bool)
    assert np.isnan(a, out=truth) is truth


def test_out_of_another_shape_or_kind_is_refused() -> None:
    a = sf.array([1.0, 3.0])
    with pytest.raises(ValueError, match=r"shape \(2,\), but `out` has \(3,\)"):
        np.add(a, a, out=sf.array([1, 2, 3]))
    with pytest.raises(TypeError, match="`out` must be an Array for this result, got ndarray"):
        np.add(a, a, out=np.zeros(2, np.float32))
    with pytest.raises(TypeError, match="`out` must be a NumPy array for this result, got Array"):
        np.isnan(a, out=a)
    plain = np.zeros(2, np.float32)
    with pytest.raises(TypeError, match="`out` must be an Array"):
        plain += a


def test_reduce_and_outer_are_the_functions_of_numpy() -> None:
    a = sf.array([[1.0, 2.0], [3.0, 4.0]], sf.float16)
    assert np.add.reduce(a).tolist() == [4.0, 6.0]
    assert np.maximum.reduce(a, axis=None).item() == 4.0
    assert np.logical_and.reduce(a, axis=1).tolist() == [True, True]
    assert np.multiply.outer(a[0], a[1]).tolist() == [[3.0, 4.0], [6.0, 8.0]]
    assert np.subtract.outer(a[0], [1, 2, 3]).tolist() == [[0.0, -1.0, -2.0], [1.0, 0.0, -1.0]]


def test_other_methods_and_options_of_ufuncs_are_refused_by_name() -> None:
    a = sf.array([1.0, 2.0])
    for method, arguments in {"accumulate": (a,), "reduceat": (a, [0]), "at": (a, [0], 1)}.items():
        with pytest.raises(TypeError, match=rf"np\.add\.{method} does not work on Arrays"):
            getattr(np.add, method)(*arguments)
    with pytest.raises(TypeError, match=r"np\.subtract\.reduce does not work on Arrays"):
        np.subtract.reduce(a)
    with pytest.raises(TypeError, match=r"np\.add of Arrays takes no `where`; see np\.where"):
        np.add(a, a, where=np.array([True, False]))
    with pytest.raises(TypeError, match=r"takes no `dtype`"):
        np.add(a, a, dtype=np.float64)
