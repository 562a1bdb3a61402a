"""Sums that torch's group_norm makes of its gradients on CUDA (group_norm_kernel.cu)."""

from __future__ import annotations

import numpy as np
from numba import njit

from simfp.kernels.elementary import fma

__all__ = ["over_samples", "rows_of_blocks"]

WARP = 32


@njit(forceinline=True, error_model="numpy")
def _halve(sums, first, width):
    half = width // 2
    while half:
        for a in range(first, first + half):
            sums[0, a] += sums[0, a + half]
            sums[1, a] += sums[1, a + half]
        half //= 2


@njit(nogil=True, cache=True, error_model="numpy")
def rows_of_blocks(slopes, others, first, last, threads, out):
    """out[:, row] = the sums of a row's slopes, and of slopes times others, by a block of threads for each row.

    A tree adds the sums of each 32 threads, and another one theirs.
    """
    sums, warps = np.empty((2, threads), slopes.dtype), np.empty((2, WARP), slopes.dtype)
    for row in range(first, last):
        sums[:] = 0
        warps[:] = 0
        for start in range(0, slopes.shape[1], threads):
            for thread in range(min(threads, slopes.shape[1] - start)):
                g = slopes[row, start + thread]
                sums[0, thread] += g
                sums[1, thread] = fma(g, others[row, start + thread], sums[1, thread])
        for warp in range(threads // WARP):
            _halve(sums, warp * WARP, WARP)
            warps[0, warp], warps[1, warp] = sums[0, warp * WARP], sums[1, warp * WARP]
        _halve(warps, 0, WARP)
        out[0, row], out[1, row] = warps[0, 0], warps[1, 0]


@njit(nogil=True, cache=True, error_model="numpy")
def over_samples(levels, inner, scales, first, last, turns, out):
    """out[:, channel] = the sums over samples of `levels`, and of inner times scales, in `turns` turns, then a tree."""
    sums = np.empty((2, turns), levels.dtype)
    for channel in range(first, last):
        sums[:] = 0
        for sample in range(levels.shape[0]):
            turn = sample % turns
            sums[0, turn] += levels[sample, channel]
            sums[1, turn] = fma(inner[sample, channel], scales[sample, channel], sums[1, turn])
        _halve(sums, 0, turns)
        out[0, channel], out[1, channel] = sums[0, 0], sums[1, 0]
