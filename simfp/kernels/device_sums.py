"""Sums in the order in which the threads of CUDA's kernels add: every loop and tree of them, in the type of its input.

A tree halves: of 8 partial sums 0 takes in 4, 1 takes in 5 and so on, then 0 takes in 2 and 1 takes in 3, then 0 takes
in 1.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from simfp.kernels.elementary import fma

__all__ = ["block_of_products", "reduced", "row_moments"]

TURNS = 4  # partial sums that a thread keeps
VECTOR = 4  # values that a thread of layer_norm loads at once
WARP = 32
BLOCK = 128  # threads of layer_norm's kernels


@njit(inline="always")
def _tree(lanes, width):
    """lanes[0] = the sum of the first `width` of them, a power of two."""
    half = width // 2
    while half > 0:
        for j in range(half):
            lanes[j] += lanes[j + half]
        half //= 2


@njit(inline="always")
def _strided(terms, row, first, step, sums):
    """What one thread adds of a row: every `step`th term, in turns to four sums, which are added at the end."""
    for i in range(TURNS):
        sums[i] = 0
    turn = 0
    for k in range(first, terms.shape[1], step):
        sums[turn] += terms[row, k]
        turn = (turn + 1) % TURNS
    for i in range(1, TURNS):
        sums[0] += sums[i]
    return sums[0]


@njit(inline="always")
def _vectorized(terms, row, vector, thread, first, step, takes_ends, sums):
    """The same where a thread loads `vector` neighbours at once, from places in memory that are multiples of that."""
    start, stop = 0, terms.shape[1]
    for i in range(vector):
        sums[i] = 0
    shift = (row * terms.shape[1]) % vector
    if shift > 0:
        start = vector - shift
        if takes_ends and shift <= thread < vector:
            sums[0] += terms[row, thread - shift]
    place = first
    while start + place * vector + vector - 1 < stop:
        for i in range(vector):
            sums[i] += terms[row, start + place * vector + i]
        place += step
    rest = stop - (stop - start) % vector + thread
    if takes_ends and rest < stop:
        sums[0] += terms[row, rest]
    for i in range(1, vector):
        sums[0] += sums[i]
    return sums[0]


@njit(cache=True, nogil=True, error_model="numpy")
def reduced(terms, out, width, height, blocks, vector):
    """out[row] = the sum of a row, by Reduce.cuh: threads, then a tree over x, one over y, then the blocks.

    width, height: how many threads of a block share a row along x and y; blocks: how many blocks do. vector: how many
    neighbours a thread loads at once; 1 where these belong to other rows.
    """
    sums, lanes = np.zeros(max(vector, TURNS), terms.dtype), np.zeros(width, terms.dtype)
    rows, partial = np.zeros(height, terms.dtype), np.zeros(blocks, terms.dtype)
    step = width * height * blocks
    for row in range(terms.shape[0]):
        for block in range(blocks):
            for y in range(height):
                for x in range(width):
                    first = x + width * (y + height * block)
                    if vector > 1:
                        lanes[x] = _vectorized(terms, row, vector, x, first, step, y == 0 and block == 0, sums)
                    else:
                        lanes[x] = _strided(terms, row, first, step, sums)
                _tree(lanes, width)
                rows[y] = lanes[0]
            _tree(rows, height)
            partial[block] = rows[0]
        if blocks == 1:
            out[row] = partial[0]
            continue
        for x in range(width):  # the last block to end: a thread for each block, and the trees the other way round
            for y in range(height):
                rows[y] = 0
                for block in range(x + y * width, blocks, width * height):
                    rows[y] += partial[block]
            _tree(rows, height)
            lanes[x] = rows[0]
        _tree(lanes, width)
        out[row] = lanes[0]


@njit(cache=True, nogil=True, error_model="numpy")
def block_of_products(a, b, out):
    """out[row] = the sum of a[row, k] * b[row, k], fused, by a block of 128 threads that take four terms at a time."""
    lanes, warps = np.zeros(WARP, a.dtype), np.zeros(WARP, a.dtype)
    count = a.shape[1]
    for row in range(a.shape[0]):
        for warp in range(BLOCK // WARP):
            for lane in range(WARP):
                lanes[lane] = 0
                for start in range((warp * WARP + lane) * VECTOR, count, BLOCK * VECTOR):
                    for k in range(start, min(start + VECTOR, count)):
                        lanes[lane] = fma(a[row, k], b[row, k], lanes[lane])
            _tree(lanes, WARP)
            warps[warp] = lanes[0]
        _tree(warps, BLOCK // WARP)
        out[row] = warps[0]


@njit(inline="always")
def _combined(mean, square, count, j, other):
    """Chan's update: the statistics at `other` join those at j."""
    one = mean.dtype.type(1)
    delta = mean[other] - mean[j]
    both = count[j] + count[other]
    if both > 0:
        share = one / both
        here, there = count[j] * share, count[other] * share
        mean[j] = fma(here, mean[j], there * mean[other])
        square[j] = fma(delta * delta * count[j], there, square[j] + square[other])
    else:
        mean[j] = 0
        square[j] = 0
    count[j] = both


@njit(cache=True, nogil=True, error_model="numpy")
def row_moments(x, means, variances):
    """Mean and variance of each row by layer_norm's kernel for lengths that are multiples of 4.

    Each of 128 threads follows Welford's method over every 128th group of four values; trees join what they found.
    """
    mean, square, count = np.zeros(BLOCK, x.dtype), np.zeros(BLOCK, x.dtype), np.zeros(BLOCK, x.dtype)
    one = x.dtype.type(1)
    for row in range(x.shape[0]):
        for thread in range(BLOCK):
            m, s, n = x.dtype.type(0), x.dtype.type(0), x.dtype.type(0)
            for start in range(thread * VECTOR, x.shape[1], BLOCK * VECTOR):
                for k in range(start, start + VECTOR):
                    value = x[row, k]
                    delta = value - m
                    n += one
                    m = fma(delta, one / n, m)
                    s = fma(delta, value - m, s)
            mean[thread], square[thread], count[thread] = m, s, n
        half = WARP // 2
        while half > 0:
            for warp in range(0, BLOCK, WARP):
                for j in range(warp, warp + half):
                    _combined(mean, square, count, j, j + half)
            half //= 2
        apart = BLOCK // 2
        while apart >= WARP:
            for j in range(0, apart, WARP):
                _combined(mean, square, count, j, j + apart)
            apart //= 2
        means[row] = mean[0]
        variances[row] = square[0] / x.dtype.type(x.shape[1])
