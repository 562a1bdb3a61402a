"""Counting what roundings did: fates, swallowed updates, and a histogram of magnitudes, in passes over flat arrays."""

from __future__ import annotations

import numpy as np
from numba import njit

from simfp.kernels.intrinsics import pattern

__all__ = ["tally"]

MANTISSA, EXPONENT, BIAS = np.int64(52), np.int64(0x7FF), np.int64(1023)  # of float64


@njit(cache=True, nogil=True)
def tally(before, after, fates, start, lowest, counts, histogram):
    """Adds to `counts` and `histogram`; returns whether any result is infinite, and whether any is NaN.

    before, after: float32 or float64, the values before a rounding and after it. fates: uint8, below 6.
    start: the values that an update was to change, or an empty array.
    counts: int64; of each fate, of values that were zero before, that were infinite before, of updates that were
    something, and of those among them that changed nothing.
    histogram: int64; of the binades of finite values that were not zero, the first being that of 2**lowest, with all
    below it, and the last with all above; or an empty array, for none.
    """
    for fate in range(6):  # each a pass that the processor takes in vectors
        found = 0
        for i in range(fates.size):
            found += fates[i] == fate
        counts[fate] += found
    zeros, infinities, infinite, nan = 0, 0, 0, 0
    for i in range(before.size):
        zeros += before[i] == 0
        infinities += abs(before[i]) == np.inf
    for i in range(after.size):
        infinite += abs(after[i]) == np.inf
        nan += after[i] != after[i]
    counts[6] += zeros
    counts[7] += infinities
    updates, swallowed = 0, 0
    for i in range(start.size):
        updates += before[i] != start[i]
        swallowed += before[i] != start[i] and after[i] == start[i]
    counts[8] += updates
    counts[9] += swallowed
    last = histogram.size - 1
    if last >= 0:
        for i in range(before.size):
            x = abs(np.float64(before[i]))
            if 0 < x < np.inf:
                exponent = ((np.int64(pattern(x)) >> MANTISSA) & EXPONENT) - BIAS
                histogram[min(max(exponent - lowest, 0), last)] += 1
    return infinite > 0, nan > 0
