"""Sums, differences, products and quotients of 16-bit codes in integers alone, rounded once, in every mode.

A code becomes an integer times a power of two; the exact result is an integer too, or for a quotient an integer and
the word that something was left over. No floating-point number occurs, and nothing of simfp runs here.
Numba compiles it, because 2^32 pairs are many.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

OPERATIONS = ("add", "subtract", "multiply", "divide")
MODES = ("nearest_even", "nearest_away", "toward_zero", "toward_positive", "toward_negative", "to_odd")
NEAREST_EVEN, NEAREST_AWAY, TOWARD_ZERO, TOWARD_POSITIVE, TOWARD_NEGATIVE, TO_ODD = range(len(MODES))
MANTISSA_BITS = {"float16": 10, "bfloat16": 7}

SIGN = 0x8000
NAN = 0x7FFF
FAR = 48  # a difference of exponents beyond which the smaller term only says "a little more" or "a little less"
QUOTIENT_BITS = 40  # before dividing; at least 29 remain, of which 12 are needed


def expected_codes(
    operation: str, x: NDArray[np.uint16], y: NDArray[np.uint16], fmt: str, rounding: str
) -> NDArray[np.uint16]:
    """The codes of x + y, x - y, x * y or x / y; `x` and `y` are flat arrays of codes; 0x7FFF for NaN."""
    out = np.empty_like(x)
    _operate(OPERATIONS.index(operation), x, y, MANTISSA_BITS[fmt], MODES.index(rounding), out)
    return out


@njit(cache=True, nogil=True)
def _operate(operation: int, x: Any, y: Any, mantissa_bits: int, mode: int, out: Any) -> None:
    add, subtract, multiply = range(3)
    for i in range(x.size):
        a, b = np.int64(x[i]), np.int64(y[i])
        if operation == add:
            out[i] = _sum(a, b, mantissa_bits, mode)
        elif operation == subtract:
            out[i] = _sum(a, b ^ SIGN, mantissa_bits, mode)
        elif operation == multiply:
            out[i] = _product(a, b, mantissa_bits, mode)
        else:
            out[i] = _quotient(a, b, mantissa_bits, mode)


@njit(inline="always")
def _infinity(mantissa_bits: int) -> int:
    return 0x7FFF >> mantissa_bits << mantissa_bits


@njit(inline="always")
def _number(magnitude: int, mantissa_bits: int) -> tuple[int, int]:
    """A finite code without its sign as integer and exponent, in units of the smallest subnormal."""
    exponent = magnitude >> mantissa_bits
    if exponent == 0:
        return magnitude, 0
    return magnitude - ((exponent - 1) << mantissa_bits), exponent - 1


@njit(inline="always")
def _grid(mantissa_bits: int) -> int:
    """The smallest subnormal is 2^-_grid."""
    return (1 << (14 - mantissa_bits)) - 2 + mantissa_bits


@njit
def _sum(a: int, b: int, mantissa_bits: int, mode: int) -> int:
    infinity = _infinity(mantissa_bits)
    magnitude_a, magnitude_b = a & ~SIGN, b & ~SIGN
    if magnitude_a > infinity or magnitude_b > infinity:
        return NAN
    if magnitude_a == infinity:
        return NAN if magnitude_b == infinity and a != b else a
    if magnitude_b == infinity:
        return b
    if magnitude_a < magnitude_b:
        a, b, magnitude_a, magnitude_b = b, a, magnitude_b, magnitude_a
    large, exponent = _number(magnitude_a, mantissa_bits)
    small, small_exponent = _number(magnitude_b, mantissa_bits)
    distance = exponent - small_exponent
    if distance > FAR:
        distance = FAR
        small = 1 if small else 0  # far below half a unit in the last place of `large`, which is normal
    large <<= distance
    total = large + small if (a ^ b) & SIGN == 0 else large - small
    if total == 0:  # both are zero, or they cancel
        if a == b:
            return a
        return SIGN if mode == TOWARD_NEGATIVE else 0
    return _rounded(total, exponent - distance, False, a & SIGN, mantissa_bits, mode)


@njit
def _product(a: int, b: int, mantissa_bits: int, mode: int) -> int:
    infinity = _infinity(mantissa_bits)
    magnitude_a, magnitude_b, sign = a & ~SIGN, b & ~SIGN, (a ^ b) & SIGN
    if magnitude_a > infinity or magnitude_b > infinity:
        return NAN
    if magnitude_a == infinity or magnitude_b == infinity:
        return NAN if magnitude_a == 0 or magnitude_b == 0 else infinity | sign
    if magnitude_a == 0 or magnitude_b == 0:
        return sign
    first, exponent_a = _number(magnitude_a, mantissa_bits)
    second, exponent_b = _number(magnitude_b, mantissa_bits)
    exponent = exponent_a + exponent_b - _grid(mantissa_bits)
    return _rounded(first * second, exponent, False, sign, mantissa_bits, mode)


@njit
def _quotient(a: int, b: int, mantissa_bits: int, mode: int) -> int:
    infinity = _infinity(mantissa_bits)
    magnitude_a, magnitude_b, sign = a & ~SIGN, b & ~SIGN, (a ^ b) & SIGN
    if magnitude_a > infinity or magnitude_b > infinity:
        return NAN
    if magnitude_a == infinity or magnitude_b == 0:
        return NAN if magnitude_a == magnitude_b else infinity | sign
    if magnitude_a == 0 or magnitude_b == infinity:
        return sign
    first, exponent_a = _number(magnitude_a, mantissa_bits)
    second, exponent_b = _number(magnitude_b, mantissa_bits)
    exponent = exponent_a - exponent_b + _grid(mantissa_bits) - QUOTIENT_BITS
    quotient, rest = divmod(first << QUOTIENT_BITS, second)
    return _rounded(quotient, exponent, rest != 0, sign, mantissa_bits, mode)


@njit
def _rounded(integer: int, exponent: int, more: bool, sign: int, mantissa_bits: int, mode: int) -> int:
    """The code of integer * 2^exponent smallest subnormals, and a little more where `more` says so."""
    length = 0
    rest = integer
    while rest:
        length += 1
        rest >>= 1
    unit = max(length + exponent - mantissa_bits - 1, 0)  # exponent of the result's last place
    drop = unit - exponent
    if drop <= 0:
        kept, beyond_half, half, exact = integer << -drop, False, False, not more
    elif drop > length + 1:  # less than a quarter of the last place
        kept, beyond_half, half, exact = 0, False, False, False
    else:
        kept = integer >> drop
        left = integer - (kept << drop)
        middle = 1 << (drop - 1)
        half = left == middle and not more
        beyond_half = left > middle or (left == middle and more)
        exact = left == 0 and not more
    odd = kept & 1 == 1
    away = (mode == TOWARD_POSITIVE and sign == 0) or (mode == TOWARD_NEGATIVE and sign != 0)
    if mode == NEAREST_EVEN:
        up = beyond_half or (half and odd)
    elif mode == NEAREST_AWAY:
        up = beyond_half or half
    elif mode == TO_ODD:
        up = not exact and not odd
    else:
        up = not exact and away
    # a carry out of the significand goes on into the exponent by itself
    code = (unit << mantissa_bits) + kept + (1 if up else 0)
    infinity = _infinity(mantissa_bits)
    if code >= infinity:
        code = infinity if mode in (NEAREST_EVEN, NEAREST_AWAY) or away else infinity - 1
    return code | sign
