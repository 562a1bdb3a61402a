"""The order of a sum as a program, a row for each instruction, that works on a stack of partial sums.

    OPEN   start stop strides  a new partial sum of the terms start <= k < stop, the first taken as it is; of several
                               strides (2, 4, 8 ...), each has every so many-th term, and their sums are then added in
                               pairs
    GO_ON  start stop 1        those terms, added to the topmost partial sum
    MERGE                      the two topmost become their sum: the lower one plus the upper one

Strides are independent of each other, so even a single pairwise sum is many additions at once.
"""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["GO_ON", "MERGE", "OPEN", "pairwise_program"]

OPEN, GO_ON, MERGE = 0, 1, 2


@njit(cache=True)
def pairwise_program(n, leaf, lanes):
    """The program of a pairwise sum of n terms, and its depth: halves of halves, down to `leaf` terms.

    A leaf with at least `lanes` terms is summed in `lanes` strides, these in pairs, and its last terms one by one. With
    lanes = 8 and leaf = 128 that is NumPy's order; with 1 and 1 a plain tree.
    """
    # a half has at least so many terms, and each leaf two lines at most and one to merge it
    fewest = max(lanes, max(leaf + 1, 2 * lanes) // 2 - lanes + 1)
    lines = np.empty((3 * (n // fewest + 1), 4), np.int64)
    count, depth, height = 0, 1, 0
    starts, sizes = np.empty(128, np.int64), np.empty(128, np.int64)
    starts[0], sizes[0], waiting = 0, n, 1
    while waiting > 0:
        waiting -= 1
        start, size = starts[waiting], sizes[waiting]
        if size < 0:  # both halves are done
            lines[count] = (MERGE, 0, 0, 1)
            count += 1
            height -= 1
        elif size <= leaf or size < 2 * lanes:
            if size < lanes or lanes == 1:
                lines[count] = (OPEN, start, start + size, 1)
                count += 1
                height += 1
                depth = max(depth, height)
            else:
                whole = size - size % lanes
                lines[count] = (OPEN, start, start + whole, lanes)
                count += 1
                height += 1
                depth = max(depth, height)
                lines[count] = (GO_ON, start + whole, start + size, 1)
                count += 1
        else:
            half = size // 2
            half -= half % lanes
            sizes[waiting] = -1
            starts[waiting + 1], sizes[waiting + 1] = start + half, size - half
            starts[waiting + 2], sizes[waiting + 2] = start, half
            waiting += 3
    return lines[:count].copy(), depth
