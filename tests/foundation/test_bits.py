"""Values and codes: decode, encode, fields, steps, exact decimals."""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import simfp as sf
from simfp import bits
from simfp.formats import NAMED_FORMATS, STORAGE_DTYPES, Format
from tests import exact
from tests.samples import FORMATS, SIXTEEN_BIT_FORMATS, all_codes, as_float64, assert_same, different

per_format = pytest.mark.parametrize("fmt", FORMATS, ids=str)
per_16_bit_format = pytest.mark.parametrize("fmt", SIXTEEN_BIT_FORMATS, ids=str)


def some_codes(fmt: Format) -> np.ndarray:
    """All codes up to 19 bits; of wider formats a million drawn ones, and the ends of each binade."""
    if fmt.bits <= 19:
        return all_codes(fmt)
    drawn = np.random.default_rng(0).integers(0, 2**fmt.bits, 1_000_000, dtype=np.uint64)
    starts = np.arange(2 ** (1 + fmt.exponent_bits), dtype=np.uint64) << np.uint64(fmt.mantissa_bits)
    ends = [(starts + np.uint64(i)) & np.uint64(2**fmt.bits - 1) for i in (0, 1, 2**64 - 1)]
    return np.concatenate([drawn, *ends]).astype(fmt.code_dtype)


# -- decode


@per_16_bit_format
def test_every_code_decodes_to_what_it_means(fmt: Format) -> None:
    codes = all_codes(fmt)
    decoded = sf.decode(codes, fmt)
    assert decoded.dtype == fmt.carrier
    assert_same(decoded, [exact.decode(int(code), fmt) for code in codes])


@pytest.mark.parametrize("name", STORAGE_DTYPES)
def test_codes_decode_as_numpys_and_ml_dtypes_views_of_them(name: str) -> None:
    fmt, dtype = NAMED_FORMATS[name], STORAGE_DTYPES[name]
    codes = some_codes(fmt)
    with np.errstate(invalid="ignore"):
        assert_same(sf.decode(codes, fmt), codes.view(dtype).astype(np.float64))


def test_tfloat32_codes_are_the_upper_19_bits_of_float32() -> None:
    codes = all_codes(sf.tfloat32)
    assert (sf.decode(codes, "tf32").view(np.uint32) == codes << 13).all()


def test_float32_codes_are_their_values() -> None:
    codes = some_codes(sf.float32)
    assert (sf.decode(codes, "float32").view(np.uint32) == codes).all()


def test_nans_decode_with_sign_payload_and_quietness() -> None:
    nan = sf.decode([0x7C01, 0xFE00, 0x7FFF], "float16").view(np.uint32)
    assert [hex(pattern) for pattern in nan] == ["0x7f802000", "0xffc00000", "0x7fffe000"]
    assert [hex(pattern) for pattern in sf.decode([0x7F, 0xFF], "e4m3").view(np.uint32)] == ["0x7fc00000", "0xffc00000"]


# -- round trips


@per_format
def test_every_code_comes_back_nans_payload_and_all(fmt: Format) -> None:
    codes = some_codes(fmt)
    if not fmt.subnormals:  # codes whose exponent field is zero stand for zero, and come back as its code
        zero = (codes >> fmt.mantissa_bits) & (2**fmt.exponent_bits - 1) == 0
        sign_bit = codes.dtype.type(2 ** (fmt.bits - 1))
        codes = np.where(zero, codes & sign_bit, codes)
    for encode in (lambda values: sf.encode(values, fmt), lambda values: bits.codes_of(values, fmt)):
        back = encode(sf.decode(codes, fmt))
        assert back.dtype == fmt.code_dtype
        assert (back == codes).all()


@per_format
def test_every_value_but_a_nan_comes_back_from_float64_too(fmt: Format) -> None:
    values = as_float64(sf.decode(some_codes(fmt), fmt))
    values = values[~np.isnan(values)]
    assert_same(sf.decode(sf.encode(values, fmt), fmt), values)
    assert_same(sf.decode(bits.codes_of(values, fmt), fmt), values)


def test_codes_of_a_value_that_has_none_is_an_error() -> None:
    for fmt in (sf.float6_e2m3fn, sf.float4_e2m1fn):
        with pytest.raises(ValueError, match=f"{fmt} has no code for NaN"):
            bits.codes_of(np.array([1.0, np.nan]), fmt)
        with pytest.raises(ValueError, match=f"{fmt} has no code for infinity"):
            bits.codes_of(np.array([1.0, np.inf]), fmt)
    with pytest.raises(ValueError, match="float8_e4m3fn has no code for infinity"):
        bits.codes_of(np.array([-np.inf]), sf.float8_e4m3fn)


# -- the shapes and types of codes


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.int64, np.uint64, ">u2", ">i8"])
def test_codes_may_have_any_integer_type(dtype: Any) -> None:
    assert sf.decode(np.array([0x38, 0x3C], dtype), "float8_e5m2").tolist() == [0.5, 1.0]


@pytest.mark.parametrize("shape", [(), (0,), (2, 0), (3, 4)])
def test_decode_keeps_the_shape(shape: tuple[int, ...]) -> None:
    decoded = sf.decode(np.full(shape, 0x3C00), "float16")
    assert decoded.shape == shape
    assert (decoded == 1).all()


def test_scalar_codes_give_scalars_and_lists_give_arrays() -> None:
    assert type(sf.decode(0x3C00, "float16")) is np.float32
    assert sf.decode([[0x3C00], [0xC000]], "float16").tolist() == [[1.0], [-2.0]]
    assert sf.decode([], "float16").tolist() == []


def test_codes_in_any_arrangement_are_read_and_left_alone() -> None:
    codes = np.arange(24, dtype=np.uint16).reshape(4, 6)
    codes.flags.writeable = False
    for view in (codes.T, codes[::-1, ::2], np.asfortranarray(codes)):
        assert_same(sf.decode(view, "float16"), sf.decode(view.copy(order="C"), "float16"))


@pytest.mark.parametrize("call", [sf.decode, bits.fields])
@pytest.mark.parametrize("fmt", NAMED_FORMATS.values(), ids=str)
def test_a_code_out_of_range_is_named_with_the_range(call: Any, fmt: Format) -> None:
    largest = 2**fmt.bits - 1
    for wrong in (largest + 1, -1, 2**62):
        message = f"{wrong} is no code of {fmt}; codes run from 0 to {largest} ({fmt.bits} bits)"
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            call(np.array([0, largest, wrong]), fmt)


@pytest.mark.parametrize("wrong", [1.0, "1", None, 1j, True, [0.5], np.array([], "U1"), 2**70])
def test_codes_that_are_no_integers_are_refused(wrong: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"`codes` must be integers, got |is no code of float16"):
        sf.decode(wrong, "float16")


# -- fields, bit strings, steps


@per_16_bit_format
def test_fields_are_the_bits_of_the_code(fmt: Format) -> None:
    codes = all_codes(fmt)
    fields = bits.fields(codes, fmt)
    joined = [
        f"{s:b}{e:0{fmt.exponent_bits}b}" + (f"{m:0{fmt.mantissa_bits}b}" if fmt.mantissa_bits else "")
        for s, e, m in zip(*(field.tolist() for field in fields))
    ]
    assert [int(text, 2) for text in joined] == codes.tolist()
    assert all(len(text) == fmt.bits for text in joined)
    assert all(field.dtype == fmt.code_dtype for field in fields)


def test_fields_of_one_code_are_plain_integers() -> None:
    assert bits.fields(0xC001, "float16") == (1, 16, 1)
    assert all(type(field) is int for field in bits.fields(0xC001, "float16"))
    assert bits.fields(0xFFFFFFFF, "float32") == (1, 255, 2**23 - 1)


@per_16_bit_format
def test_bit_strings_hold_every_bit(fmt: Format) -> None:
    for code in all_codes(fmt)[:: 1 + 2**fmt.bits // 512]:
        text = bits.bit_string(int(code), fmt)
        assert int(text.replace(" ", ""), 2) == code
        assert [len(part) for part in text.split()] == [n for n in (1, fmt.exponent_bits, fmt.mantissa_bits) if n]


def test_bit_strings_take_a_separator() -> None:
    assert bits.bit_string(0xC001, "float16", "|") == "1|10000|0000000001"


@per_16_bit_format
def test_a_step_leads_to_the_next_value(fmt: Format) -> None:
    positive = [float(value) for value in exact.magnitudes(fmt)[1:]]
    table = [*(-x for x in reversed(positive)), 0.0, *positive]
    if fmt.infinities:
        table = [-np.inf, *table, np.inf]
    codes = sf.encode(table, fmt)
    up, down = (sf.decode(bits.step_codes(codes, fmt, direction), fmt) for direction in (1, -1))
    assert (up == np.array([*table[1:], table[-1]])).all()
    assert (down == np.array([table[0], *table[:-1]])).all()
    minus_zero = np.array([2 ** (fmt.bits - 1)], fmt.code_dtype)
    assert sf.decode(bits.step_codes(minus_zero, fmt, 1), fmt)[0] == fmt.smallest_subnormal
    assert sf.decode(bits.step_codes(minus_zero, fmt, -1), fmt)[0] == -fmt.smallest_subnormal


@pytest.mark.parametrize("fmt", [fmt for fmt in SIXTEEN_BIT_FORMATS if fmt.nans], ids=str)
def test_a_step_leaves_nans_alone(fmt: Format) -> None:
    codes = all_codes(fmt)
    nans = codes[np.isnan(sf.decode(codes, fmt))]
    for direction in (1, -1):
        assert (bits.step_codes(nans, fmt, direction) == nans).all()


# -- exact decimals


@given(st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=True))
@settings(deadline=None)
def test_exact_decimals_say_the_very_number(x: float) -> None:
    text = bits.exact_decimal(x)
    assert Fraction(Decimal(text)) == Fraction(x)
    assert "e" not in text.lower()


def test_exact_decimals_of_known_numbers() -> None:
    assert bits.exact_decimal(2.0**-24) == "0.000000059604644775390625"
    assert bits.exact_decimal(0.1) == "0.1000000000000000055511151231257827021181583404541015625"
    assert bits.exact_decimal(-65504.0) == "-65504"


def test_the_twins_own_comparison_tells_zeros_apart_and_takes_nans_as_equal() -> None:
    left, right = np.array([0.0, np.nan, 1.0]), np.array([-0.0, -np.nan, 1.0])
    assert different(left, right).tolist() == [True, False, False]
