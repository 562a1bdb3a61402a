"""Values of a format and their codes: encode, decode, fields, neighbours, exact decimal expansion.

Everything here is exact and expects values that the format owns; what it does not own is rounded first, in
`simfp.rounding`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simfp.formats import Format, as_format
from simfp.kernels import codes as kernels

__all__ = ["Fields", "bit_string", "codes_of", "decode", "exact_decimal", "fields", "step_codes"]

NEVER = 1 << 62  # stands for a code that no format has


class Fields(NamedTuple):
    """The three fields of a code, as unsigned integers."""

    sign: Any
    exponent: Any
    mantissa: Any


def decode(codes: ArrayLike, fmt: Any) -> Any:
    """The values that `codes` stand for, in `fmt`'s carrier: float32, or float64 for very wide exponents.

    codes: unsigned codes, any integer type and shape; the result has the same shape. NaNs keep their payload.

    >>> float(decode(0x3C00, "float16"))
    1.0

    Raises TypeError for codes that are not integers, ValueError for one that `fmt` does not have.
    """
    fmt = as_format(fmt)
    given = checked_codes(codes, fmt)
    flat = np.ascontiguousarray(given, dtype=fmt.code_dtype).reshape(-1)
    out = np.empty(flat.shape, fmt.carrier)
    infinity = -1 if fmt.infinity_code is None else fmt.infinity_code
    first_nan = fmt.max_code + 1 + fmt.infinities if fmt.nans else NEVER
    loop, uint = (kernels.decode32, np.uint32) if fmt.carrier == np.float32 else (kernels.decode64, np.uint64)
    loop(flat, out.view(uint), fmt.exponent_bits, fmt.mantissa_bits, fmt.bias, infinity, first_nan, fmt.subnormals)
    return out.reshape(given.shape)[()]


def codes_of(values: NDArray[Any], fmt: Format) -> NDArray[Any]:
    """Codes of float32 or float64 `values`, every one of which `fmt` must own.

    Raises ValueError for a NaN in a format that has none, and for an infinity likewise.
    """
    flat = np.ascontiguousarray(values).reshape(-1)
    if not fmt.nans and np.isnan(flat).any():
        raise ValueError(f"{fmt} has no code for NaN")
    if not fmt.infinities and np.isinf(flat).any():
        raise ValueError(f"{fmt} has no code for infinity")
    codes = np.empty(flat.shape, fmt.code_dtype)
    infinity, nan = fmt.infinity_code or 0, fmt.nan_code or 0
    loop, uint = (kernels.encode32, np.uint32) if flat.dtype == np.float32 else (kernels.encode64, np.uint64)
    payloads = fmt.infinities and fmt.nans
    loop(flat.view(uint), codes, fmt.exponent_bits, fmt.mantissa_bits, fmt.bias, infinity, nan, payloads)
    return codes.reshape(np.shape(values))


def checked_codes(codes: ArrayLike, fmt: Format) -> NDArray[Any]:
    """`codes` as an array of integers, each of which is a code of `fmt`."""
    given = np.asarray(codes)
    if given.size == 0 and given.dtype == np.float64:  # an empty list has no better type
        given = given.astype(fmt.code_dtype)
    if given.dtype.kind not in "ui":
        raise TypeError(f"`codes` must be integers, got {given.dtype}")
    largest = (1 << fmt.bits) - 1
    if given.size and (int(given.min()) < 0 or int(given.max()) > largest):
        wrong = given[(given < 0) | (given > largest)].flat[0]
        raise ValueError(f"{int(wrong)} is no code of {fmt}; codes run from 0 to {largest} ({fmt.bits} bits)")
    return given


def fields(codes: ArrayLike, fmt: Any) -> Fields:
    """Sign, exponent and mantissa fields of `codes`, arrays of the same shape.

    >>> fields(0xC000, "float16")
    Fields(sign=1, exponent=16, mantissa=0)
    """
    fmt = as_format(fmt)
    given = checked_codes(codes, fmt).astype(np.uint64)
    mantissa = given & np.uint64((1 << fmt.mantissa_bits) - 1)
    exponent = (given >> np.uint64(fmt.mantissa_bits)) & np.uint64((1 << fmt.exponent_bits) - 1)
    sign = given >> np.uint64(fmt.bits - 1)
    narrow = [part.astype(fmt.code_dtype) for part in (sign, exponent, mantissa)]
    return Fields(*(int(part) if part.ndim == 0 else part for part in narrow))


def bit_string(code: int, fmt: Any, separator: str = " ") -> str:
    """The bits of one code as text, its three fields set apart.

    >>> bit_string(0x3C00, "float16")
    '0 01111 0000000000'
    """
    fmt = as_format(fmt)
    digits = format(int(checked_codes(code, fmt)), f"0{fmt.bits}b")
    parts = digits[0], digits[1 : 1 + fmt.exponent_bits], digits[1 + fmt.exponent_bits :]
    return separator.join(part for part in parts if part)


def step_codes(codes: NDArray[Any], fmt: Format, direction: int) -> NDArray[Any]:
    """Codes of the next larger (`direction` 1) or next smaller (-1) values.

    NaNs stay. The largest value steps to infinity, or stays where `fmt` has none; infinity stays.
    """
    sign_bit = 1 << (fmt.bits - 1)
    wide = codes.astype(np.int64)
    negative, magnitude = wide >= sign_bit, wide & (sign_bit - 1)
    top = fmt.max_code + fmt.infinities
    floor = 0 if fmt.subnormals else (1 << fmt.mantissa_bits) - 1  # magnitudes 1 .. floor do not exist
    outward = negative == (direction < 0)
    outward |= magnitude <= 0
    step = np.where(outward, 1, -1)
    moved = magnitude + step
    moved = np.where((moved > 0) & (moved <= floor), np.where(outward, floor + 1, 0), moved)
    moved = np.where(magnitude >= top, np.where(outward, magnitude, moved), moved)
    moved = np.where(magnitude > top, magnitude, moved)  # NaN
    leaves_zero = magnitude == 0
    sign = np.where(leaves_zero, direction < 0, negative)
    stepped: NDArray[Any] = (moved | (sign * sign_bit)).astype(fmt.code_dtype)
    return stepped


def exact_decimal(x: float) -> str:
    """Every decimal digit of a binary number; all of them are finite.

    >>> exact_decimal(2.0**-12)
    '0.000244140625'
    """
    return format(Decimal(float(x)), "f")
