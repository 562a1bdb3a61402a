"""Sums, products, quotients, square roots and fused multiply-adds in float64, rounded *to odd*.

Round to odd keeps an exact result and otherwise takes, of the two float64 neighbours, the one whose last bit
is one. That last bit then says "there was more", and any one later rounding, in whatever mode, to at most
53 - 2 bits gives what rounding the exact result would have given (Boldo and Melquiond, 2008).

Each loop computes the operation in round-to-nearest and the sign of what that left over, exactly:

    x + y    Knuth's TwoSum
    x * y    fma(x, y, -p)
    x / y    fma(-q, y, x), the remainder
    sqrt(x)  fma(-r, r, x), the remainder

Factors are first brought into [1, 4), and the result's exponent is put back last, held within 2^-1010..2^1010:
beyond 2^1000 and below 2^-1000 every format that simfp knows has overflowed, or lost everything but the sign.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from simfp.kernels.intrinsics import fma as fused_multiply_add
from simfp.kernels.intrinsics import number, pattern

__all__ = ["add", "divide", "fma", "multiply", "scaled_add", "sqrt"]

LARGEST = np.finfo(np.float64).max
HIGHEST, LOWEST = 1010, -1010


@njit(inline="always")
def _odd(nearest, left_over):
    """`nearest`, or where something was left over its neighbour on that side, whichever is odd."""
    bits = np.int64(pattern(nearest))
    if left_over != 0.0 and bits & 1 == 0:
        bits += 1 if (left_over > 0.0) == (nearest > 0.0) else -1
    return number(np.uint64(bits))


@njit(inline="always")
def _split(x):
    """x as m * 2^e with 1 <= |m| < 2, for finite x other than zero."""
    scale = 0
    if abs(x) < 2.0**-1000:
        x *= 2.0**100
        scale = -100
    bits = np.int64(pattern(x))
    exponent = ((bits >> 52) & 0x7FF) - 1023
    return number(np.uint64(bits - (exponent << 52))), exponent + scale


@njit(inline="always")
def _times_power(x, exponent):
    """x * 2^exponent for 2^-450 <= |x| < 2^450, the exponent of the result held to where no format reaches."""
    bits = np.int64(pattern(x))
    own = ((bits >> 52) & 0x7FF) - 1023
    return number(np.uint64(bits + ((min(max(own + exponent, LOWEST), HIGHEST) - own) << 52)))


@njit(inline="always")
def _plain(x):
    """Whether x is finite and not zero."""
    return x != 0.0 and abs(x) <= LARGEST


@njit(inline="always")
def _add(x, y):
    total = x + y
    part = total - x
    left_over = (x - (total - part)) + (y - part)
    if abs(total) <= 2.0**1000:
        return _odd(total, left_over)
    if abs(total) > LARGEST and abs(x) <= LARGEST and abs(y) <= LARGEST:
        return LARGEST if total > 0 else -LARGEST  # too large for any format, but not infinite
    return total


@njit(inline="always")
def _multiply(x, y):
    if not (_plain(x) and _plain(y)):
        return x * y
    a, i = _split(x)
    b, j = _split(y)
    product = a * b
    return _times_power(_odd(product, fused_multiply_add(a, b, -product)), i + j)


@njit(inline="always")
def _divide(x, y):
    if not (_plain(x) and _plain(y)):
        return x / y
    a, i = _split(x)
    b, j = _split(y)
    quotient = a / b
    remainder = fused_multiply_add(-quotient, b, a)
    return _times_power(_odd(quotient, remainder if b > 0 else -remainder), i - j)


@njit(inline="always")
def _sqrt(x):
    if not (_plain(x) and x > 0):
        return np.sqrt(x)
    a, i = _split(x)
    if i & 1:
        a, i = 2.0 * a, i - 1
    root = np.sqrt(a)
    return _times_power(_odd(root, fused_multiply_add(-root, root, a)), i >> 1)


@njit(inline="always")
def _fused(x, y, z):
    if not (_plain(x) and _plain(y)):
        return x * y + z
    if not _plain(z):
        return z if z != 0.0 else _multiply(x, y)
    a, i = _split(x)
    b, j = _split(y)
    c, k = _split(z)
    # The exponents relative to each other matter within 106 + 53 bits; farther off, the smaller only leaves a trace.
    distance = min(max(k - (i + j), -400), 400)
    exponent = k - 400 if distance == 400 else i + j
    c = number(np.uint64(np.int64(pattern(c)) + (distance << 52)))
    high = a * b
    low = fused_multiply_add(a, b, -high)  # a * b = high + low, exactly
    upper = c + low
    part = upper - c
    lower = (c - (upper - part)) + (low - part)  # c + low = upper + lower
    total = high + upper
    part = total - high
    rest = (high - (total - part)) + (upper - part)  # high + upper = total + rest
    if total == 0.0 and rest == 0.0 and lower == 0.0:
        return total
    tail = _add(rest, lower)  # to odd, so that it knows whether there was more
    nearest = total + tail
    part = nearest - total
    left_over = (total - (nearest - part)) + (tail - part)
    if nearest == 0.0:
        return 0.0
    return _times_power(_odd(nearest, left_over), exponent)


# One loop for each: a loop made for an operation that it is given would have a new key in Numba's cache each time.


@njit(cache=True, nogil=True, error_model="numpy")
def add(x, y, out):
    """out[i] = the result for element i of each of the flat float64 arrays."""
    for i in range(out.size):
        out[i] = _add(x[i], y[i])


@njit(cache=True, nogil=True, error_model="numpy")
def multiply(x, y, out):
    """out[i] = the result for element i of each of the flat float64 arrays."""
    for i in range(out.size):
        out[i] = _multiply(x[i], y[i])


@njit(cache=True, nogil=True, error_model="numpy")
def divide(x, y, out):
    """out[i] = the result for element i of each of the flat float64 arrays."""
    for i in range(out.size):
        out[i] = _divide(x[i], y[i])


@njit(cache=True, nogil=True, error_model="numpy")
def sqrt(x, out):
    """out[i] = the result for element i of each of the flat float64 arrays."""
    for i in range(out.size):
        out[i] = _sqrt(x[i])


@njit(inline="always")
def _product_is_exact(x, y, z):
    """Whether x * y is exact, as products of float32 numbers are, and nothing comes near float64's ends."""
    product = x * y
    within = abs(product) <= 2.0**900 and abs(z) <= 2.0**900 and (abs(product) >= 2.0**-900 or x == 0.0 or y == 0.0)
    return within and fused_multiply_add(x, y, -product) == 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def fma(x, y, z, out):
    """out[i] = the result for element i of each of the flat float64 arrays."""
    exact = 0
    for i in range(out.size):  # as if all products were exact: in vectors
        exact += _product_is_exact(x[i], y[i], z[i])
        product = x[i] * y[i]
        total = product + z[i]
        part = total - product
        out[i] = _odd(total, (product - (total - part)) + (z[i] - part))
    if exact < out.size:
        for i in range(out.size):
            if not _product_is_exact(x[i], y[i], z[i]):
                out[i] = _fused(x[i], y[i], z[i])


@njit(cache=True, nogil=True, error_model="numpy")
def scaled_add(factor, x, y, out):
    """out[i] = factor * x[i] + y[i] for a float32 number and flat float32 arrays; `out` is float64."""
    wide = np.float64(factor)
    for i in range(out.size):
        product = wide * np.float64(x[i])  # exact: 2 * 24 bits, and far from float64's ends
        total = product + y[i]
        part = total - product
        odd = _odd(total, (product - (total - part)) + (y[i] - part))
        out[i] = odd if abs(total) <= LARGEST else total
