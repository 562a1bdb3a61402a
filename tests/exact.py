"""The slow, obvious twin of simfp: IEEE 754's definitions in exact fractions, one value at a time.

Nothing of simfp runs here. Of a format only the independent numbers are read: `exponent_bits`, `mantissa_bits`,
`bias`, `infinities`, `nans` and `subnormals`. Results are Python floats, in which every value of a format of at
most 24 bits within 2^-1000 and 2^1000 is exact, and which know infinities, NaN and -0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from functools import cache, lru_cache
from typing import Any

HALF = Fraction(1, 2)
INFINITY = "infinity"
NAN = "nan"


def meaning(code: int, fmt: Any) -> Fraction | str:
    """What a code stands for, its sign left out: a fraction, INFINITY or NAN."""
    exponent = (code >> fmt.mantissa_bits) & (2**fmt.exponent_bits - 1)
    mantissa = code & (2**fmt.mantissa_bits - 1)
    all_ones = exponent == 2**fmt.exponent_bits - 1
    if fmt.infinities and fmt.nans and all_ones:
        return INFINITY if mantissa == 0 else NAN
    if (fmt.infinities or fmt.nans) and all_ones and mantissa == 2**fmt.mantissa_bits - 1:
        return NAN if fmt.nans else INFINITY
    fraction = Fraction(mantissa, 2**fmt.mantissa_bits)
    if exponent == 0:
        return fraction * power(1 - fmt.bias) * fmt.subnormals
    return (1 + fraction) * power(exponent - fmt.bias)


def decode(code: int, fmt: Any) -> float:
    """The value of a code."""
    negative = code >> (fmt.exponent_bits + fmt.mantissa_bits)
    magnitude = meaning(code, fmt)
    return signed({INFINITY: math.inf, NAN: math.nan}.get(magnitude) or float(magnitude), negative)


@cache
def magnitudes(fmt: Any) -> list[Fraction]:
    """Zero and the finite positive values, in order."""
    meanings = (meaning(code, fmt) for code in range(2 ** (fmt.exponent_bits + fmt.mantissa_bits)))
    return sorted({value for value in meanings if isinstance(value, Fraction)})


@cache
def largest(fmt: Any) -> Fraction:
    """The largest finite value: that of the last code that is a number."""
    code = 2 ** (fmt.exponent_bits + fmt.mantissa_bits) - 1
    if fmt.infinities and fmt.nans:
        code -= 2**fmt.mantissa_bits - 1
    return meaning(code - 1, fmt) if fmt.infinities or fmt.nans else meaning(code, fmt)


def spacing(magnitude: Fraction, fmt: Any) -> Fraction:
    """The distance between the numbers of the format around a magnitude, were its exponent unbounded above."""
    return power(max(binade(magnitude), 1 - fmt.bias) - fmt.mantissa_bits)


def binade(magnitude: Fraction) -> int:
    """The e with 2^e <= magnitude < 2^(e + 1); for zero, one lower than any."""
    if not magnitude:
        return -(10**6)
    e = magnitude.numerator.bit_length() - magnitude.denominator.bit_length()
    return e if magnitude >= power(e) else e - 1


def power(e: int) -> Fraction:
    """2^e."""
    return Fraction(2**e) if e >= 0 else Fraction(1, 2**-e)


# Whether a mode takes the outer one of the two neighbours: `part` of the way lies inside, 0 < part < 1; `odd` tells
# whether the inner neighbour's significand is odd (of two odd ones IEEE 754 takes the outer: a precision of 1).
GOES_OUT: dict[str, Callable[[Fraction, bool, bool], bool]] = {
    "nearest_even": lambda part, odd, negative: part > HALF or (part == HALF and odd),
    "nearest_away": lambda part, odd, negative: part >= HALF,
    "toward_zero": lambda part, odd, negative: False,
    "toward_positive": lambda part, odd, negative: not negative,
    "toward_negative": lambda part, odd, negative: negative,
    "to_odd": lambda part, odd, negative: not odd,
}

# Whether a mode makes an infinity of a result too large.
MAKES_INFINITY: dict[str, Callable[[bool], bool]] = {
    "nearest_even": lambda negative: True,
    "nearest_away": lambda negative: True,
    "toward_zero": lambda negative: False,
    "toward_positive": lambda negative: not negative,
    "toward_negative": lambda negative: negative,
    "to_odd": lambda negative: False,
    "stochastic": lambda negative: True,
}


def round_exact(x: Fraction | float, fmt: Any, rounding: str, subnormals: str = "keep", overflow: str = "inf") -> float:
    """A number rounded to the format; a float may also be -0, an infinity or NaN."""
    if isinstance(x, float) and (x == 0 or not math.isfinite(x)):
        return x if x == 0 or math.isnan(x) else signed(infinite(fmt, overflow), x < 0)
    inner, outer, part, odd = between(abs(Fraction(x)), fmt)
    rounded = outer if part and GOES_OUT[rounding](part, odd, x < 0) else inner
    return settle(rounded, x < 0, fmt, rounding, subnormals, overflow)


def stochastic(
    x: float, fmt: Any, random_bits: int | None = None, subnormals: str = "keep", overflow: str = "inf"
) -> tuple[float, float, Fraction]:
    """The inner and the outer result of a stochastic rounding, and the probability of the outer one."""
    inner, outer, part, _ = between(abs(Fraction(x)), fmt)
    if random_bits is not None:
        part = Fraction(math.floor(part * 2**random_bits), 2**random_bits)
    results = (settle(rounded, x < 0, fmt, "stochastic", subnormals, overflow) for rounded in (inner, outer))
    return *results, part


@lru_cache(2**17)
def between(magnitude: Fraction, fmt: Any) -> tuple[Fraction, Fraction, Fraction, bool]:
    """The neighbours inside (or equal) and outside, how far between them it lies, and whether the inner is odd.

    The exponent is unbounded above, and subnormals are on the grid whether the format has them or not.
    """
    unit = spacing(magnitude, fmt)
    significand = math.floor(magnitude / unit)
    return significand * unit, (significand + 1) * unit, magnitude / unit - significand, significand % 2 == 1


def settle(magnitude: Fraction, negative: bool, fmt: Any, rounding: str, subnormals: str, overflow: str) -> float:
    """A rounded magnitude after flushing and overflow, with its sign."""
    if magnitude < power(1 - fmt.bias) and (subnormals == "flush" or not fmt.subnormals):
        return signed(0.0, negative)
    if magnitude > largest(fmt):
        beyond = infinite(fmt, overflow) if MAKES_INFINITY[rounding](negative) else float(largest(fmt))
        return signed(beyond, negative)
    return signed(float(magnitude), negative)


def infinite(fmt: Any, overflow: str) -> float:
    """What stands for +infinity."""
    if overflow == "saturate" or not (fmt.infinities or fmt.nans):
        return float(largest(fmt))
    return math.inf if fmt.infinities else math.nan


def signed(magnitude: float, negative: bool) -> float:
    return -magnitude if negative else magnitude


def exact_result(operation: str, operands: tuple[float, ...], rounding: str = "nearest_even") -> Fraction | float:
    """The result before rounding: a fraction, or a float that is a zero, an infinity or NaN.

    Of a square root, a fraction that no format of 24 bits can tell from it.
    """
    if any(math.isnan(x) for x in operands):
        return math.nan
    return OPERATIONS[operation](*operands, rounding)


def add(x: float, y: float, rounding: str) -> Fraction | float:
    if math.isinf(x) or math.isinf(y):
        return x + y if math.isinf(x) and math.isinf(y) else x if math.isinf(x) else y
    return Fraction(x) + Fraction(y) or zero_sum(x, y, rounding)


def zero_sum(x: float, y: float, rounding: str) -> float:
    """x + y = 0: the sign of both, or where these differ + (but - toward negative)."""
    if math.copysign(1, x) == math.copysign(1, y):
        return math.copysign(0.0, x)
    return -0.0 if rounding == "toward_negative" else 0.0


def multiply(x: float, y: float, rounding: str) -> Fraction | float:
    negative = is_negative(x) != is_negative(y)
    if math.isinf(x) or math.isinf(y):
        return math.nan if 0 in (x, y) else signed(math.inf, negative)
    return Fraction(x) * Fraction(y) or signed(0.0, negative)


def divide(x: float, y: float, rounding: str) -> Fraction | float:
    negative = is_negative(x) != is_negative(y)
    if (math.isinf(x) and math.isinf(y)) or (x == 0 and y == 0):
        return math.nan
    if math.isinf(x) or y == 0:
        return signed(math.inf, negative)
    return signed(0.0, negative) if math.isinf(y) else Fraction(x) / Fraction(y) or signed(0.0, negative)


def sqrt(x: float, rounding: str) -> Fraction | float:
    if x == 0 or x == math.inf:
        return x
    if x < 0:
        return math.nan
    # 100 bits and a sticky one: between two neighbouring integers the root passes no value and no midpoint
    exact = Fraction(x)
    shift = 2 * max(0, 100 - binade(exact) // 2)
    scaled = math.floor(exact * 2**shift)
    root = math.isqrt(scaled)
    inexact = root * root != exact * 2**shift
    return (root + HALF * inexact) / 2 ** (shift // 2)


def fma(x: float, y: float, z: float, rounding: str) -> Fraction | float:
    product = multiply(x, y, rounding)
    if isinstance(product, float):
        return math.nan if math.isnan(product) else add(product, z, rounding)
    if math.isinf(z):
        return z
    return product + Fraction(z) or zero_sum(-1.0 if product < 0 else 1.0, z, rounding)


def is_negative(x: float) -> bool:
    return math.copysign(1, x) < 0


OPERATIONS: dict[str, Callable[..., Fraction | float]] = {
    "add": add,
    "subtract": lambda x, y, rounding: add(x, -y, rounding),
    "multiply": multiply,
    "divide": divide,
    "sqrt": sqrt,
    "fma": fma,
}
