"""Sums without an error, rounded to odd once.

The quick way cuts each term in two, and adds the upper parts and the lower parts: with so many bits' room that both
sums are exact in float64. Where magnitudes are so far apart that something is left over, integers do it.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from simfp.kernels.intrinsics import number, pattern
from simfp.kernels.rounded_additions import LANES, NARROW, sum_to_odd

__all__ = ["exact"]

INFINITE = np.uint64(0x7FF0000000000000)
MANTISSA = np.uint64(52)


@njit(cache=True, nogil=True, error_model="numpy")
def exact(a, b, out, first, last, down):
    """out[m, n] = the exact sum over k of a[m, k] * b[k, n], rounded to odd in float64.

    For tasks first <= t < last, of which each is one row m and LANES columns. An `a` of one column stands for that
    column again and again. down: whether a sum of 0 is -0 unless all terms are +0, as where sums are rounded toward
    -infinity.
    """
    columns, wide = out.shape[1], np.int64(a.shape[1] > 1)
    blocks = (columns + LANES - 1) // LANES
    room = np.uint64(2)  # bits above the largest term
    while np.uint64(1) << room < np.uint64(4 * b.shape[0]):
        room += np.uint64(1)
    largest = np.zeros(LANES, np.uint64)
    lanes = np.zeros((5, LANES))
    limbs, gathered = np.zeros(LIMBS, np.int64), np.zeros(2048, np.int64)
    for task in range(first, last):
        m, n0 = task // blocks, (task % blocks) * LANES
        width = min(LANES, columns - n0)
        high, low, lost = lanes[0, :width], lanes[1, :width], lanes[2, :width]
        high_lift, low_lift = lanes[3, :width], lanes[4, :width]
        _find_largest(a, b, m, n0, largest[:width])
        for j in range(width):
            high_lift[j], low_lift[j] = _lifts(largest[j], room)
            high[j], low[j], lost[j] = high_lift[j], low_lift[j], 0.0
        if width <= NARROW:
            for j in range(width):
                upper, lower, over = high[j], low[j], 0.0
                for k in range(b.shape[0]):
                    upper, lower, left = _cut(upper, lower, a[m, k * wide] * b[k, n0 + j])
                    over += left
                high[j], low[j], lost[j] = upper, lower, over
        else:
            for k in range(b.shape[0]):
                factor, row = a[m, k * wide], b[k, n0 : n0 + width]
                for j in range(width):
                    high[j], low[j], left = _cut(high[j], low[j], factor * row[j])
                    lost[j] += left
        for j in range(width):
            if lost[j] == 0.0 and largest[j] > np.uint64(0) and high_lift[j] > 0.0:
                total = sum_to_odd(high[j] - high_lift[j], low[j] - low_lift[j], False, False)
                out[m, n0 + j] = -0.0 if down and total == 0.0 else total
            else:
                out[m, n0 + j] = _in_limbs(a, b, m, n0 + j, limbs, gathered, down)


# ---- the quick way ----


@njit(cache=True, nogil=True, error_model="numpy")
def _find_largest(a, b, m, n0, largest):
    """largest[j] = the bits of the largest magnitude in column n0 + j."""
    wide = np.int64(a.shape[1] > 1)
    width = largest.size
    if width <= NARROW:
        for j in range(width):
            found = np.uint64(0)
            for k in range(b.shape[0]):
                found = max(found, pattern(abs(a[m, k * wide] * b[k, n0 + j])))
            largest[j] = found
        return
    largest[:] = 0
    for k in range(b.shape[0]):
        factor, row = a[m, k * wide], b[k, n0 : n0 + width]
        for j in range(width):
            largest[j] = max(largest[j], pattern(abs(factor * row[j])))


@njit(forceinline=True, error_model="numpy")
def _lifts(largest, room):
    """What to raise the two sums by: 1.5 times powers of two, so that float64 adds to each in steps 2^-52 times that.

    Neither sum ever leaves its power of two: `room` bits are enough for all terms, of which the lower parts are at most
    half a step of the upper ones. Zeros where there is no room.
    """
    power = largest & INFINITE
    up, down = power + (room << MANTISSA), (np.uint64(54) - room) << MANTISSA
    if largest >= INFINITE or up >= INFINITE or up <= down + (MANTISSA << MANTISSA):
        return 0.0, 0.0
    return 1.5 * number(up), 1.5 * number(up - down)


@njit(forceinline=True, error_model="numpy")
def _cut(high, low, term):
    """The two sums with one more term, and how much of it is in neither."""
    upper = high + term
    rest = term - (upper - high)
    lower = low + rest
    return upper, lower, abs(rest - (lower - low))


# ---- integers ----


LIMB_BITS = 32
LOWEST_BIT = -1152  # two limbs below float64's own, 2^-1074, so that there are always two below a number
LIMBS = 70  # up to 2^1088
GATHERED = 1 << 10  # significands of 53 bits have a sum of 63


@njit(cache=True, nogil=True, error_model="numpy")
def _in_limbs(a, b, m, n, limbs, gathered, down):
    """The sum of column n as a whole number of 2^LOWEST_BIT, held in limbs of 32 bits with room for carries.

    Before that, integer significands gather by exponent: that is one addition a term.
    """
    wide = np.int64(a.shape[1] > 1)
    limbs[:] = 0
    special, lowest, highest = 0.0, 2047, 0
    negative_zeros = positive_zeros = b.shape[0] > 0  # whether all terms are
    for k in range(b.shape[0]):
        term = a[m, k * wide] * b[k, n]
        bits = pattern(term)
        exponent = np.int64((bits >> MANTISSA) & np.uint64(0x7FF))
        negative_zeros = negative_zeros and bits == np.uint64(1) << np.uint64(63)
        positive_zeros = positive_zeros and bits == np.uint64(0)
        if exponent == 0x7FF:
            special += term
            continue
        significand = np.int64(bits & np.uint64((1 << 52) - 1))
        significand |= np.int64(exponent > 0) << 52
        exponent = max(exponent, 1)
        gathered[exponent] += -significand if term < 0 else significand
        lowest, highest = min(lowest, exponent), max(highest, exponent)
        if k % GATHERED == GATHERED - 1:
            _pour(gathered, lowest, highest, limbs)
            lowest, highest = 2047, 0
    _pour(gathered, lowest, highest, limbs)
    if special != 0.0:  # infinite, or NaN
        return special
    total = _collect(limbs)
    return -0.0 if total == 0.0 and (negative_zeros or (down and not positive_zeros)) else total


@njit(cache=True, nogil=True)
def _pour(gathered, lowest, highest, limbs):
    """Moves the significands of exponents lowest .. highest into the limbs."""
    for exponent in range(lowest, highest + 1):
        place = exponent - 1075 - LOWEST_BIT
        limb, offset = place // LIMB_BITS, place % LIMB_BITS
        low, high = (gathered[exponent] & 0xFFFFFFFF) << offset, (gathered[exponent] >> 32) << offset
        limbs[limb] += low & 0xFFFFFFFF
        limbs[limb + 1] += (low >> 32) + (high & 0xFFFFFFFF)
        limbs[limb + 2] += high >> 32
        gathered[exponent] = 0
    _carry(limbs)


@njit(forceinline=True, error_model="numpy")
def _carry(limbs):
    """Brings all limbs but the last into 0 .. 2^32 - 1."""
    for i in range(LIMBS - 1):
        over = limbs[i] >> 32
        limbs[i] -= over << 32
        limbs[i + 1] += over


@njit(forceinline=True, error_model="numpy")
def _collect(limbs):
    """The number that the limbs hold, rounded to odd."""
    _carry(limbs)
    negative = limbs[LIMBS - 1] < 0
    if negative:
        for i in range(LIMBS):
            limbs[i] = -limbs[i]
        _carry(limbs)
    top = LIMBS - 1
    while top > 2 and limbs[top] == 0:
        top -= 1
    word = np.uint64(limbs[top] << 32 | limbs[top - 1])
    if word == np.uint64(0):
        return 0.0
    width = 0
    while width < 64 and word >> np.uint64(width) != np.uint64(0):
        width += 1
    low = np.uint64(limbs[top - 2])
    missing = 53 - width
    if missing > 0:
        word = (word << np.uint64(missing)) | (low >> np.uint64(32 - missing))
        rest = low & np.uint64((1 << (32 - missing)) - 1)
    else:
        rest = low | (word & np.uint64((1 << -missing) - 1))
        word >>= np.uint64(-missing)
    for i in range(top - 2):
        rest |= np.uint64(limbs[i])
    if rest != np.uint64(0):
        word |= np.uint64(1)
    value = np.ldexp(np.float64(word), (top - 1) * LIMB_BITS + LOWEST_BIT - missing)
    return -value if negative else value
