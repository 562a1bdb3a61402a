"""Sums in the order in which the threads of CUDA's kernels add: every loop and tree of them, in the type of its input.

A tree halves: of 8 partial sums 0 takes in 4, 1 takes in 5 and so on, then 0 takes in 2 and 1 takes in 3, then 0 takes
in 1.
"""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["reduced"]

TURNS = 4  # partial sums that a thread keeps


@njit(forceinline=True, error_model="numpy")
def _tree(lanes, width):
    """lanes[0] = the sum of the first `width` of them, a power of two."""
    half = width // 2
    while half > 0:
        for j in range(half):
            lanes[j] += lanes[j + half]
        half //= 2


@njit(forceinline=True, error_model="numpy")
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


@njit(forceinline=True, error_model="numpy")
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
