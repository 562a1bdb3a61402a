"""Sums of rows as softmax's CUDA kernels make them: a block of threads for each row, in the type of the input.

Each thread adds what it loads, one after the other. Then the threads' sums are joined in one of three ways, JOINS.
(Read in aten/src/ATen/native/cuda: SoftMax.cu, block_reduce.cuh.)
"""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["IN_ORDER", "TREE", "WARPS", "summed"]

WARP = 32
TREE, WARPS, IN_ORDER = 0, 1, 2  # JOINS: one tree; trees of 32 and a tree of those; 32 in a row and those in a row


@njit(forceinline=True, error_model="numpy")
def _halved(sums, first, count):
    """sums[first] = the sum of `count` of them, a power of two: the upper half is added to the lower, and so on."""
    half = count // 2
    while half:
        for place in range(first, first + half):
            sums[place] += sums[place + half]
        half //= 2


@njit(forceinline=True, error_model="numpy")
def _joined(sums, threads, warps, join):
    if join == TREE:
        _halved(sums, 0, threads)
        return sums[0]
    count = threads // WARP
    warps[:] = 0
    for warp in range(count):
        if join == WARPS:
            _halved(sums, warp * WARP, WARP)
            warps[warp] = sums[warp * WARP]
        else:
            for place in range(warp * WARP, (warp + 1) * WARP):
                warps[warp] += sums[place]
    if join == WARPS:
        _halved(warps, 0, WARP)
        return warps[0]
    total = warps[0]
    for warp in range(1, count):
        total += warps[warp]
    return total


@njit(nogil=True, cache=True, error_model="numpy")
def summed(rows, first, last, threads, vector, to_the_end, join, out):
    """out[row] = the sum of a row, for rows from `first` to `last`.

    vector: how many neighbours a thread loads at once, from places in memory that are multiples of that. to_the_end:
    whether whole vectors make up every row; or else what comes before the first, and what does not fill a vector for
    each thread, is loaded one by one.
    """
    length = rows.shape[1]
    sums, warps = np.empty(threads, rows.dtype), np.empty(WARP, rows.dtype)
    round_of_all = threads * vector
    for row in range(first, last):
        sums[:] = 0
        start = 0
        if vector > 1 and not to_the_end:
            shift = (row * length) % vector
            if shift:
                start = min(threads - shift, length)
                for place in range(start):
                    sums[place + shift] += rows[row, place]
        end = length if to_the_end else length - (length - start) % round_of_all
        while start < end:
            for thread in range(min(threads, (end - start) // vector)):
                for place in range(start + thread * vector, start + (thread + 1) * vector):
                    sums[thread] += rows[row, place]
            start += round_of_all
        start = min(start, end)
        while start < length:
            for thread in range(min(threads, length - start)):
                sums[thread] += rows[row, start + thread]
            start += threads
        out[row] = _joined(sums, threads, warps, join)
