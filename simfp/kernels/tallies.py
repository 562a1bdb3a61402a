"""Counting what a rounding did: fates, absorbed updates, and a histogram of magnitudes.

One pass over the values before and after, in blocks that stay in cache: first comparisons of bit patterns, of which the
compiler makes vectors, then the histogram, which costs an access to memory for each value.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from simfp.kernels.intrinsics import pattern, shift_right

__all__ = ["tally32", "tally64"]

BLOCK = 1 << 12  # values
LANES = 4  # histograms at once, as two additions in a row to one place would wait for each other ...
MANY = 2048  # ... which from so many values on is worth while
ONE = np.uint32(1)

# Helpers stand out here, and are told the width; `simfp.kernels.rounding` says why.


@njit(inline="always")
def _all_ordinary(before, after, limits, found, uint, real, sign_bit, infinity):
    """Adds fates and zeros to `found` and returns True; or False, where anything overflows, is infinite or NaN."""
    zero, one = uint(0), uint(1)
    above_subnormals, over = uint(limits[0] - one), min(limits[1], limits[2])
    exact, subnormal, zeroed, zeros, others = zero, zero, zero, zero, zero  # of the patterns' width, to fit vectors
    for i in range(before.size):
        was = uint(pattern(before[i]) & ~sign_bit)
        now = uint(pattern(real(after[i])) & ~sign_bit)
        small = uint(now - one) < above_subnormals  # zero is not: one less is the largest of all
        exact = uint(exact + uint((was == now) & (not small)))
        subnormal = uint(subnormal + uint(small))
        zeroed = uint(zeroed + uint((now == zero) & (was != zero)))
        zeros = uint(zeros + uint(was == zero))
        others = uint(others + uint((was >= over) | (now >= infinity)))
    if others > zero:
        return False
    found[0] += exact
    found[1] += uint(before.size) - exact - subnormal - zeroed
    found[2] += subnormal
    found[3] += zeroed
    found[6] += zeros
    return True


@njit(inline="always")
def _any_kind(before, after, limits, found, uint, real, sign_bit, infinity):
    """Adds fates, zeros and infinities to `found`; how many results are infinite, and how many NaN."""
    smallest_normal, over_positive, over_negative = limits[0], limits[1], limits[2]
    infinite, nan, zero = 0, 0, uint(0)
    for i in range(before.size):
        signed = pattern(before[i])
        was = uint(signed & ~sign_bit)
        now = uint(pattern(real(after[i])) & ~sign_bit)
        over = over_positive if signed == was else over_negative
        fate = 0 if was == now else 1
        fate = 2 if zero < now < smallest_normal else fate
        fate = 3 if now == zero and was > zero else fate
        fate = 4 if was != now and (was >= over or now >= infinity) else fate
        found[5 if was > infinity else fate] += 1
        found[6] += was == zero
        found[7] += was == infinity
        infinite += now == infinity
        nan += now > infinity
    return infinite, nan


@njit(inline="always")
def _field(value, uint, mantissa, sign_bit):
    """The exponent as it stands in the pattern."""
    return np.uint64(shift_right(uint(pattern(value) & ~sign_bit), mantissa))


@njit(inline="always")
def _count_fields(values, fields, uint, mantissa, sign_bit):
    """Counts the values by their fields, in turns in each row of `fields` where that has LANES of them."""
    if fields.shape[0] == LANES:
        whole = values.size // LANES
        for i in range(whole):
            for lane in range(LANES):
                value = values[np.uint64(LANES) * np.uint64(i) + np.uint64(lane)]
                fields[lane, _field(value, uint, mantissa, sign_bit)] += ONE
        values = values[LANES * whole :]
    for i in range(values.size):
        fields[0, _field(values[i], uint, mantissa, sign_bit)] += ONE


@njit(inline="always")
def _sum(counts):
    total = 0
    for i in range(counts.size):
        total += counts[i]
    return total


@njit(inline="always")
def _fold(fields, first_binade, histogram):
    """Adds counts of exponent fields to those of binades, the first of which has the field `first_binade`."""
    last = histogram.size - 1
    first, end = max(first_binade, 1), min(first_binade + last, fields.size - 1)
    own, binades = fields[first:end], histogram[first - first_binade : end - first_binade]
    for i in range(own.size):
        binades[i] += own[i]
    histogram[0] += _sum(fields[1:first])
    histogram[last] += _sum(fields[end:-1])


@njit(inline="always")
def _bin_subnormals(values, lowest, histogram, uint, sign_bit, mantissa):
    """Adds the values below the smallest normal number of their own type."""
    one = uint(1)
    for i in range(values.size):
        magnitude = uint(pattern(values[i]) & ~sign_bit)
        if uint(magnitude - one) < uint((one << mantissa) - one):
            # float32's are normal numbers of float64; float64's are below all binades
            exponent = np.int64(pattern(abs(np.float64(values[i]))) >> np.uint64(52)) - 1023
            histogram[min(max(exponent - lowest, 0), histogram.size - 1)] += 1


def _compile(width: int) -> Any:
    """The loop for values that are `width` bits wide before rounding."""
    uint, real = (np.uint32, np.float32) if width == 32 else (np.uint64, np.float64)
    mantissa, bias = (uint(23), 127) if width == 32 else (uint(52), 1023)
    sign_bit, infinity = uint(1 << (width - 1)), uint((2 * bias + 1) << int(mantissa))

    @njit(cache=True, nogil=True)
    def tally(before, after, start, limits, lowest, counts, others, histogram):
        """Adds to `counts`, `others` and `histogram`; returns how many results are infinite, and how many are NaN.

        before, after: float32 or float64, the values before a rounding and after it, these at most as wide.
        start: the values that an update was to change, in the type of `after`, or an empty array.
        limits: three patterns, as `classify` takes them.
        counts, others: int64; of each fate, of values that were zero before, that were infinite before, of updates
        that were something, and of those among them that changed nothing.
        histogram: int64; of the binades of finite values that were not zero, the first being that of 2**lowest, with
        all below it, and the last with all above; or an empty array, for none.
        """
        found = np.zeros(10, np.int64)
        infinite, nan = 0, 0
        lanes = LANES if before.size >= MANY else 1
        # the first field is that of zeros and subnormals, the last that of infinities and NaNs
        fields = np.zeros((lanes if histogram.size else 0, 2 * bias + 2), np.uint32)
        for begin in range(0, before.size, BLOCK):
            was, now = before[begin : begin + BLOCK], after[begin : begin + BLOCK]
            if not _all_ordinary(was, now, limits, found, uint, real, sign_bit, infinity):
                more_infinite, more_nan = _any_kind(was, now, limits, found, uint, real, sign_bit, infinity)
                infinite += more_infinite
                nan += more_nan
            if histogram.size:
                _count_fields(was, fields, uint, mantissa, sign_bit)
        for i in range(start.size):
            found[8] += before[i] != start[i]
            found[9] += (before[i] != start[i]) & (after[i] == start[i])
        for i in range(found.size):
            counts[i] += found[i]
            others[i] += found[i]
        if histogram.size:
            for lane in range(lanes):
                _fold(fields[lane], bias + lowest, histogram)
            if _sum(fields[:, 0]) > found[6]:
                _bin_subnormals(before, lowest, histogram, uint, sign_bit, mantissa)
        return infinite, nan

    return tally


tally32, tally64 = _compile(32), _compile(64)
