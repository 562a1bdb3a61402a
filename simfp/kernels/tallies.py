"""Counting what roundings did: fates, swallowed updates, and a histogram of magnitudes, in passes over flat arrays."""

from __future__ import annotations

import numpy as np
from numba import njit

from simfp.kernels.intrinsics import pattern

__all__ = ["tally"]

MANTISSA, BIAS = np.int64(52), np.int64(1023)  # of float64


AT_ONCE = 1023
MANY = 4096  # values from which on several histograms, of which no two additions in a row meet the same, are quicker


@njit(inline="always")
def _bin(x, lowest, lanes):
    """Counts binades; the last column takes what is zero, infinite or NaN."""
    mantissa, bias, top = (23, 127, 255) if x.itemsize == 4 else (52, 1023, 2047)
    last, none, mask = lanes.shape[1] - 2, lanes.shape[1] - 1, lanes.shape[0] - 1
    for i in range(x.size):
        exponent = np.int64(pattern(abs(x[i])) >> mantissa)
        place = min(max(exponent - bias - lowest, 0), last)
        if exponent == 0 or exponent == top:
            wide = abs(np.float64(x[i]))  # float32's subnormals are normal there
            place = min(max((np.int64(pattern(wide)) >> MANTISSA) - BIAS - lowest, 0), last)
            place = place if 0 < wide < np.inf else none
        lanes[i & mask, place] += 1


@njit(cache=True, nogil=True)
def tally(before, after, fates, start, lowest, counts, others, histogram):
    """Adds to `counts`, `others` and `histogram`; returns whether any result is infinite, and whether any is NaN.

    before, after: float32 or float64, the values before a rounding and after it. fates: uint8, below 6.
    start: the values that an update was to change, or an empty array.
    counts, others: int64; of each fate, of values that were zero before, that were infinite before, of updates that
    were something, and of those among them that changed nothing.
    histogram: int64; of the binades of finite values that were not zero, the first being that of 2**lowest, with all
    below it, and the last with all above; or an empty array, for none.
    """
    found = np.zeros(counts.size, np.int64)
    for begin in range(0, fates.size, AT_ONCE):  # six counters of 10 bits in one word
        word = np.uint64(0)
        for i in range(begin, min(begin + AT_ONCE, fates.size)):
            word += np.uint64(1) << np.uint64(10 * fates[i])
        for fate in range(6):
            found[fate] += np.int64((word >> np.uint64(10 * fate)) & np.uint64(AT_ONCE))
    zeros, infinities, infinite, nan = 0, 0, 0, 0
    for i in range(before.size):
        zeros += before[i] == 0
        infinities += abs(before[i]) == np.inf
    for i in range(after.size):
        infinite += abs(after[i]) == np.inf
        nan += after[i] != after[i]
    found[6], found[7] = zeros, infinities
    updates, swallowed = 0, 0
    for i in range(start.size):
        updates += before[i] != start[i]
        swallowed += before[i] != start[i] and after[i] == start[i]
    found[8], found[9] = updates, swallowed
    counts += found
    others += found
    if histogram.size:
        lanes = np.zeros((1 if before.size < MANY else 4, histogram.size + 1), np.int64)
        _bin(before, lowest, lanes)
        for lane in range(lanes.shape[0]):
            histogram += lanes[lane, :-1]
    return infinite > 0, nan > 0
