"""Array: what it is made from, what it holds, how it is read, written, shown and multiplied."""

from __future__ import annotations

import copy
import math
import pickle
import re
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import simfp as sf
from simfp.array_text import shortest_decimals
from simfp.formats import NAMED_FORMATS
from simfp.observe import Rounding, listening
from tests.samples import FORMATS, SIXTEEN_BIT_FORMATS, all_codes, assert_same

STORED = [fmt for fmt in NAMED_FORMATS.values() if fmt.storage_dtype]
WIDE = sf.Format("e10m9", exponent_bits=10, mantissa_bits=9)


def codes_without_nan(fmt: sf.Format) -> np.ndarray:
    codes = all_codes(fmt)
    return codes[~np.isnan(sf.decode(codes, fmt))]


# --- from what, to what -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "fmt"),
    [
        (0.5, sf.float32),
        ([1, 2], sf.float32),
        (True, sf.float32),
        (np.array([0.5]), sf.float32),
        (np.array([1], np.int8), sf.float32),
        (np.float64(0.5), sf.float32),
        (np.array([0.5], np.float32), sf.float32),
        (np.array([0.5], ">f2"), sf.float16),
        (np.float16(0.5), sf.float16),
        ([], sf.float32),
        *((np.array([0.5], fmt.storage_dtype), fmt) for fmt in STORED),
        *((sf.array([0.5], fmt), fmt) for fmt in NAMED_FORMATS.values()),
    ],
    ids=repr,
)
def test_without_a_dtype_formats_stay_and_numbers_become_float32(x: Any, fmt: sf.Format) -> None:
    a = sf.array(x)
    assert a.dtype == fmt
    assert_same(a.values, np.asarray(x, np.float64))


def test_values_are_rounded_once() -> None:
    assert sf.array(1 + 2.0**-8 + 2.0**-40, sf.bfloat16).item() == 1.0078125
    assert sf.array(2**24 + 1, sf.float32).item() == 2.0**24
    assert sf.array([2**60 + 2**36 + 1], sf.float32).tolist() == [2.0**60 + 2.0**37]


def test_rounding_and_its_options_can_be_chosen() -> None:
    assert sf.array([0.1, 70000], "fp16", "toward_zero").tolist() == [float(np.float16(0.1)), 65504.0]
    assert sf.array([500.0], "e4m3", overflow="saturate").tolist() == [448.0]
    stochastic = sf.array(np.full(1000, 1 + 2.0**-11), "fp16", "stochastic", rng=1)
    assert set(stochastic.tolist()) == {1.0, 1 + 2.0**-10}
    assert sf.array([2.0**-20], "fp32").astype("fp16", subnormals="flush").tolist() == [0.0]


def test_a_format_wider_than_float32_takes_what_rounds_beyond_float32() -> None:
    largest = np.finfo(np.float32).max
    assert sf.array(np.array([largest]), WIDE).tolist() == [2.0**128]
    assert sf.array(np.array([largest], np.float32), WIDE).tolist() == [2.0**128]


def test_an_array_is_a_copy_of_what_it_was_made_from() -> None:
    source = np.array([1.0, 2.0], np.float32)
    a = sf.array(source)
    b = sf.array(a)
    c = a.astype(sf.float32)
    source[0] = a[1] = 9
    assert a.tolist() == [1.0, 9.0]
    assert b.tolist() == c.tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    "bad", [1j, "1", ["a"], np.array([object()]), np.array(["2020"], "M8"), None], ids=lambda bad: repr(bad)[:15]
)
def test_what_holds_no_real_numbers_is_refused(bad: Any) -> None:
    with pytest.raises(TypeError, match="cannot round"):
        sf.array(bad)


def test_unknown_formats_and_options_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="unknown format 'fp17'"):
        sf.array(1.0, "fp17")
    with pytest.raises(ValueError, match="unknown rounding 'up'"):
        sf.array(1.0, "fp16", "up")
    with pytest.raises(ValueError, match="float64"):
        sf.array(1.0, np.float64)
    with pytest.raises(TypeError, match="truncate"):
        sf.array(1.0, "fp16", truncate=True)


@pytest.mark.parametrize("fmt", SIXTEEN_BIT_FORMATS, ids=str)
def test_codes_are_those_of_the_format(fmt: sf.Format) -> None:
    codes = codes_without_nan(fmt)
    a = sf.array(sf.decode(codes, fmt), fmt)
    back = a.codes
    assert back.dtype == fmt.code_dtype
    expected = codes if fmt.subnormals else sf.encode(sf.decode(codes, fmt), fmt)
    assert (back == expected).all()


@pytest.mark.parametrize("fmt", [fmt for fmt in STORED if fmt.bits <= 16], ids=str)
def test_numpy_arrays_come_and_go_with_every_code_unchanged(fmt: sf.Format) -> None:
    codes = all_codes(fmt)
    plain = codes.view(fmt.storage_dtype)
    back = sf.array(plain).to_numpy()
    assert back.dtype == fmt.storage_dtype
    nan = np.isnan(sf.decode(codes, fmt))  # which ml_dtypes may make quiet
    assert ((back.view(fmt.code_dtype) == codes) | nan).all()
    assert (np.isnan(back.astype(np.float32)) == nan).all()


def test_to_numpy_of_other_formats_gives_the_values() -> None:
    for fmt, dtype in ((sf.tfloat32, np.float32), (WIDE, np.float64), (sf.float32, np.float32)):
        a = sf.array([0.5, 2], fmt)
        plain = a.to_numpy()
        assert plain.dtype == dtype
        plain[0] = 7
        assert a.tolist() == [0.5, 2.0]


def test_numpy_asks_for_an_array_and_gets_the_same_values() -> None:
    a = sf.array([0.1, 2], sf.bfloat16)
    assert np.asarray(a).dtype == ml_dtypes.bfloat16
    assert_same(np.asarray(a, np.float64), a.values)
    with pytest.raises(ValueError, match="bfloat16 codes cannot be had without copying"):
        np.asarray(a, copy=False)
    shared = np.asarray(sf.array([0.1]), copy=False)
    assert not shared.flags.writeable
    copied = np.array(sf.array([0.1]))
    assert copied.flags.writeable


def test_values_cannot_be_written_to() -> None:
    a = sf.array([1.0, 2.0], sf.float16)
    with pytest.raises(ValueError, match="read-only"):
        a.values[0] = 0.1
    assert np.shares_memory(a.values, a)


def test_a_nan_has_no_code_where_the_format_has_none() -> None:
    a = sf.array([1.0, math.nan], sf.float6_e2m3fn)
    assert math.isnan(a.tolist()[1])
    with pytest.raises(ValueError, match="float6_e2m3fn has no code for NaN"):
        a.to_numpy()


@pytest.mark.parametrize("make", [copy.copy, copy.deepcopy, lambda a: pickle.loads(pickle.dumps(a)), sf.Array.copy])
def test_copies_and_pickles_hold_the_same_and_share_nothing(make: Any) -> None:
    for fmt in FORMATS:
        a = sf.array([[0.5, 1], [2, 3]], fmt)
        b = make(a)
        assert b.dtype == fmt
        assert_same(b.values, a.values)
        b[0] = 0
        assert_same(a.values, sf.array([[0.5, 1], [2, 3]], fmt).values)


# --- reading and writing --------------------------------------------------------------------------------------------


def test_shape_and_its_like_are_those_of_the_values() -> None:
    a = sf.array([[1, 2, 3], [4, 5, 6]], sf.bfloat16)
    assert (a.shape, a.ndim, a.size, len(a)) == ((2, 3), 2, 6, 2)
    assert a.T.shape == (3, 2)
    assert a.reshape(3, 2).tolist() == a.reshape((3, -1)).tolist() == [[1, 2], [3, 4], [5, 6]]
    assert a.ravel().shape == (6,)
    assert a.transpose(1, 0).tolist() == a.T.tolist() == [[1, 4], [2, 5], [3, 6]]


def test_an_index_gives_an_array_of_the_same_format() -> None:
    a = sf.array([[1, 2, 3], [4, 5, 6]], sf.float8_e4m3fn)
    for key, expected in (
        (0, [1, 2, 3]),
        ((1, 2), 6),
        ((slice(None), 1), [2, 5]),
        ([1, 0], [[4, 5, 6], [1, 2, 3]]),
        (a > 4, [5, 6]),
        ((None, 0), [[1, 2, 3]]),
        (..., [[1, 2, 3], [4, 5, 6]]),
    ):
        part = a[key]
        assert (type(part), part.dtype, part.tolist()) == (sf.Array, a.dtype, expected)
    with pytest.raises(IndexError):
        a[2]


def test_a_slice_is_a_view() -> None:
    a = sf.array([[1, 2, 3], [4, 5, 6]], sf.float16)
    a[0][1] = 9
    a.T[2, 1] = 7
    a.reshape(-1)[0] = 8
    assert a.tolist() == [[8, 9, 3], [4, 5, 7]]


@pytest.mark.parametrize("x", [0.1, np.array([0.1, 0.1]), [0.1, 0.1], sf.array([0.1, 0.1], sf.float32)], ids=repr)
def test_what_is_written_is_rounded_to_the_format(x: Any) -> None:
    a = sf.array([1, 2], sf.bfloat16)
    heard: list[Rounding] = []
    with listening(heard.append):
        a[:] = x
    assert a.tolist() == [float(ml_dtypes.bfloat16(0.1))] * 2
    assert [told.operation for told in heard] == ["setitem"]


def test_what_cannot_be_written_is_refused() -> None:
    a = sf.array([1, 2], sf.bfloat16)
    with pytest.raises(TypeError, match="cannot round"):
        a[0] = "x"
    with pytest.raises(ValueError, match=r"\(3,\).*\(2,\)"):
        a[:] = [1, 2, 3]


def test_iterating_gives_arrays() -> None:
    rows = list(sf.array([[1, 2], [3, 4]], sf.float16))
    assert [(row.dtype, row.tolist()) for row in rows] == [(sf.float16, [1, 2]), (sf.float16, [3, 4])]
    assert [x.shape for x in rows[0]] == [(), ()]
    for ask in (iter, len):
        with pytest.raises(TypeError):
            ask(sf.array(1.0))


def test_one_value_is_a_number_and_many_are_not() -> None:
    one = sf.array([[2.5]], sf.float16)
    assert (float(one), int(one), bool(one), one.item()) == (2.5, 2, True, 2.5)
    assert not sf.array(0.0)
    assert f"{sf.array(2.5):.2f}" == "2.50"
    two = sf.array([1, 2])
    assert two.item(1) == 2.0
    for ask in (float, int, bool):
        with pytest.raises(ValueError, match=r"size 1|more than one element"):
            ask(two)


def test_an_array_has_no_hash() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(sf.array(1.0))


def test_results_with_no_axes_stay_arrays() -> None:
    a = sf.array([1, 2], sf.float16)
    for result in (a[0], a.sum(), a.max(), a[0] + a[1], np.exp(a[0]), a @ a, -a[0], a.mean()):
        assert (type(result), result.dtype, result.shape) == (sf.Array, sf.float16, ())


# --- text -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "text"),
    [
        (sf.array([0.1, 1], sf.float16), "Array([0.1, 1. ], dtype=float16)"),
        (sf.array([0.1, 1], sf.bfloat16), "Array([0.1, 1. ], dtype=bfloat16)"),
        (sf.array([[0.1, -1], [math.nan, math.inf]]), "Array([[ 0.1, -1. ],\n       [ nan,  inf]], dtype=float32)"),
        (sf.array(65504, sf.float16), "Array(65500., dtype=float16)"),
        (sf.array([2.0**-24, -0.0], sf.float16), "Array([6e-08,   -0.], dtype=float16)"),
        (sf.array([3e38], sf.bfloat16), "Array([3e+38], dtype=bfloat16)"),
        (sf.array([1 / 3], sf.Format("toy", exponent_bits=3, mantissa_bits=2)), "Array([0.3], dtype=toy)"),
        (sf.array([]), "Array([], dtype=float32)"),
        (sf.array(np.zeros((0, 3))), "Array([], shape=(0, 3), dtype=float32)"),
        (sf.array([1 + 2.0**-400], WIDE), "Array([1.], dtype=e10m9)"),
    ],
)
def test_an_array_shows_its_shortest_digits_and_its_format(a: sf.Array, text: str) -> None:
    assert repr(a) == np.array_repr(a) == text


def test_str_shows_the_values_alone() -> None:
    assert str(sf.array([0.1, 1], sf.float16)) == np.array_str(sf.array([0.1, 1], sf.float16)) == "[0.1 1. ]"
    assert f"{sf.array([0.1, 1])}" == "[0.1 1. ]"


def test_a_long_array_shows_its_ends() -> None:
    text = repr(sf.array(np.arange(5000), sf.float16))
    assert text == "Array([   0.,    1.,    2., ..., 4996., 5000., 5000.], dtype=float16)"


@pytest.mark.parametrize("fmt", SIXTEEN_BIT_FORMATS, ids=str)
def test_the_digits_of_every_value_round_to_it_and_one_less_would_not(fmt: sf.Format) -> None:
    values = sf.decode(codes_without_nan(fmt)[:: 1 if fmt.bits < 16 else 7], fmt)
    words = shortest_decimals(values, fmt)
    assert_same(sf.round_to(np.array([float(word) for word in words]), fmt), values)
    finite = values[np.isfinite(values) & (values != 0)].astype(np.float64)
    digits = [len(word.partition("e")[0].replace(".", "").strip("-0")) for word in shortest_decimals(finite, fmt)]
    shorter = np.array([float(f"{x:.{n - 2}e}") if n > 1 else math.nan for x, n in zip(finite, digits)])
    assert not (sf.round_to(shorter, fmt) == finite).any()


def test_the_digits_of_float16_are_numpys() -> None:
    values = sf.decode(codes_without_nan(sf.float16), "float16").astype(np.float16)
    words = shortest_decimals(values, sf.float16)
    longer = [
        (word, numpys)
        for word, numpys in zip(words, (np.format_float_scientific(x, unique=True) for x in values))
        if float(word) != float(numpys)
    ]
    assert longer == []


# --- products ---------------------------------------------------------------------------------------------------------


def test_a_product_is_accumulated_in_float32_and_rounded_once() -> None:
    a = sf.array([[2048.0, 1.0, 1.0]], sf.float16)
    assert (a @ sf.array([1.0, 1.0, 1.0], sf.float16)).tolist() == [2050.0]
    rng = np.random.default_rng(6)
    x, y = (rng.standard_normal(shape).astype(np.float16) for shape in ((7, 300), (300, 5)))
    # in NumPy's order, which is nobody's to promise; an order of any kind is as near as this to the exact sums
    exact = x.astype(np.float64) @ y.astype(np.float64)
    sizes = np.abs(x).astype(np.float64) @ np.abs(y).astype(np.float64)
    assert (np.abs(sf.matmul(x, y, out_dtype=sf.float32).values - exact) <= 300 * 2.0**-24 * sizes).all()
    for made in (sf.array(x) @ sf.array(y), x @ sf.array(y), np.matmul(sf.array(x), y)):
        assert (np.abs(made.values - exact) <= 0.5 * sf.ulp(made.values, "float16") + 300 * 2.0**-24 * sizes).all()
    # of integers every order has the same sums, and a sum of halves that is a tie goes to even, once
    few, many = (rng.integers(-9, 10, shape).astype(np.float16) for shape in ((7, 300), (300, 5)))
    sums = few.astype(np.int64) @ many.astype(np.int64)
    assert_same(sf.matmul(few, many, out_dtype=sf.float32).values, sums)
    assert_same((sf.array(few) @ sf.array(many)).values, sf.round_to(sums.astype(np.float64), "float16"))


def test_the_product_of_two_formats_is_in_the_format_that_they_meet_in() -> None:
    a, b = sf.array([[1.0, 2.0]], sf.float16), sf.array([[1.0], [2.0**-20]], sf.bfloat16)
    assert ((a @ b).dtype, (a @ b).item()) == (sf.float32, 1 + 2.0**-19)
    assert sf.matmul(a, b, out_dtype="bf16").item() == 1.0
    assert (a @ np.array([[1], [2]])).item() == 5.0


def test_an_8_bit_product_keeps_its_format_unless_told_otherwise() -> None:
    a = sf.array([[1.0, 1.125]], sf.float8_e4m3fn)
    assert ((a @ a.T).dtype, (a @ a.T).item()) == (sf.float8_e4m3fn, 2.25)
    assert sf.matmul(a, a.T, out_dtype=sf.float32).item() == 2.265625


def test_formats_that_float32_does_not_hold_are_accumulated_in_float64() -> None:
    e8m15 = sf.Format("e8m15", exponent_bits=8, mantissa_bits=15)
    x = sf.array([1.0, 2.0**-12, 2.0**-12], e8m15)
    assert sf.matmul(x, x, out_dtype="fp32").item() == 1 + 2.0**-23
    small = sf.array([2.0**-300], WIDE)
    assert (small @ small).item() == 0.0 != (small * sf.array([2.0**-100], WIDE)).item()


def test_out_of_range_products_do_not_warn() -> None:
    a = sf.array([[65504.0, math.inf]], sf.float16)
    assert math.isinf((a @ a.T).item())
    assert math.isnan((a @ sf.array([[0.0], [0.0]], sf.float16)).item())


@pytest.mark.parametrize(("x", "y"), [((2, 3), (4, 5)), ((3,), (2,)), ((2, 2, 3), (2, 3)), ((3,), (2, 2, 2))])
def test_shapes_that_do_not_multiply_are_both_named(x: tuple[int, ...], y: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=re.escape(f"shapes {x} and {y} do not multiply")):
        sf.array(np.zeros(x)) @ sf.array(np.zeros(y))


def test_a_product_with_a_scalar_is_refused() -> None:
    with pytest.raises(TypeError, match=r"matmul needs at least one axis on both sides, got shapes \(1,\) and \(\)"):
        sf.array([1.0]) @ 2
    with pytest.raises(TypeError, match="float8_e4m3fn and float16 have no common format"):
        sf.array([1.0], "e4m3") @ sf.array([1.0], "fp16")
    with pytest.raises(TypeError, match="a float64 array is in no format"):
        sf.array([1.0]) @ np.array([1.0])


def test_sums_are_made_in_float32_and_rounded_once() -> None:
    a = sf.array([2048.0, 1.0, 1.0, 1.0], sf.float16)
    assert (a.sum().item(), a.mean().item()) == (2052.0, 513.0)
    heard: list[Rounding] = []
    with listening(heard.append):
        a.sum()
        a @ a
    assert [(told.operation, told.before.tolist()) for told in heard] == [("sum", [2051.0]), ("matmul", [4194307.0])]
    overflow = sf.array([65504.0, 65504.0, -65504.0, -65504.0], sf.float16)
    assert overflow.sum().item() == 0.0


def test_reductions_take_an_axis() -> None:
    a = sf.array([[1, 2, 3], [4, 5, 6]], sf.float16)
    assert a.sum(0).tolist() == [5, 7, 9]
    assert a.mean(axis=1, keepdims=True).tolist() == [[2], [5]]
    assert a.max(axis=0).tolist() == [4, 5, 6]
    assert a.min(axis=-1).tolist() == [1, 4]
    assert math.isnan(sf.array([]).mean().item())
    with pytest.raises(ValueError, match="zero-size array"):
        sf.array([]).max()
