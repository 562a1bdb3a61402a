"""Means and squared distances from them by torch's WelfordOps (SharedReduceOps.h), in the orders of CUDA's kernels.

A part of a row is told by three numbers: its mean, the sum of squared distances from that, and how many values it has.
One more value is taken in by Welford's update, and two parts are merged by Chan's formula. A product and a sum that
stand together round once, as nvcc fuses them; quotients are correctly rounded. All is in the type of the input.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from simfp.kernels.elementary import fma

__all__ = ["reduced", "rows_of_blocks"]

TURNS = 2  # parts that a thread of `reduced` keeps
WARP = 32


@njit(forceinline=True, error_model="numpy")
def _take(parts, place, x, one):
    mean, squares, count = parts[0, place], parts[1, place], parts[2, place] + one
    delta = x - mean
    mean = mean + delta / count
    parts[0, place], parts[1, place], parts[2, place] = mean, fma(delta, x - mean, squares), count


@njit(forceinline=True, error_model="numpy")
def _merge(parts, a, others, b):
    """Part b of `others` is merged into part a."""
    count_a, count_b = parts[2, a], others[2, b]
    if count_b == 0:
        return
    if count_a == 0:
        parts[0, a], parts[1, a], parts[2, a] = others[0, b], others[1, b], count_b
        return
    delta, count = others[0, b] - parts[0, a], count_a + count_b
    share = count_b / count
    parts[1, a] = fma(delta * delta * count_a, share, parts[1, a] + others[1, b])
    parts[0, a] = fma(delta, share, parts[0, a])
    parts[2, a] = count


@njit(forceinline=True, error_model="numpy")
def _keep(parts, a, others, b):
    """Part b of `others` becomes part a; number by number, which compiles in far less time than a column."""
    for each in range(3):
        parts[each, a] = others[each, b]


@njit(forceinline=True, error_model="numpy")
def _tree(parts, first, width):
    """Part `first` of `width` of them, a power of two, takes in all: the upper half goes into the lower, and so on."""
    half = width // 2
    while half:
        for place in range(first, first + half):
            _merge(parts, place, parts, place + half)
        half //= 2


@njit(forceinline=True, error_model="numpy")
def _of_thread(terms, row, vector, thread, first, step, takes_ends, turns, one):
    """What one thread takes of a row, as in `simfp.kernels.device_sums`; it stands in the first part."""
    start, stop = 0, terms.shape[1]
    turns[:] = 0
    if vector > 1:
        shift = (row * stop) % vector
        if shift:
            start = vector - shift
            if takes_ends and shift <= thread < vector:
                _take(turns, 0, terms[row, thread - shift], one)
        place = start + first * vector
        while place + vector <= stop:
            for i in range(vector):
                _take(turns, i, terms[row, place + i], one)
            place += step * vector
        rest = stop - (stop - start) % vector + thread
        if takes_ends and rest < stop:
            _take(turns, 0, terms[row, rest], one)
    else:
        turn = 0
        for place in range(first, stop, step):
            _take(turns, turn, terms[row, place], one)
            turn = (turn + 1) % TURNS
    for i in range(1, TURNS):
        _merge(turns, 0, turns, i)


@njit(cache=True, nogil=True, error_model="numpy")
def reduced(terms, first, last, width, height, blocks, vector, out):
    """out[:, row] = the mean, the squared distances and the count of a row, by Reduce.cuh, for rows `first` to `last`.

    width, height, blocks, vector: as in `simfp.kernels.device_sums.reduced`; vector is TURNS or 1.
    """
    one = np.ones(1, terms.dtype)[0]
    turns, lanes = np.zeros((3, TURNS), terms.dtype), np.zeros((3, width), terms.dtype)
    rows, partial = np.zeros((3, height), terms.dtype), np.zeros((3, blocks), terms.dtype)
    step = width * height * blocks
    for row in range(first, last):
        for block in range(blocks):
            for y in range(height):
                for x in range(width):
                    place = x + width * (y + height * block)
                    _of_thread(terms, row, vector, x, place, step, y == 0 and block == 0, turns, one)
                    _keep(lanes, x, turns, 0)
                _tree(lanes, 0, width)
                _keep(rows, y, lanes, 0)
            _tree(rows, 0, height)
            _keep(partial, block, rows, 0)
        if blocks == 1:
            _keep(out, row, partial, 0)
            continue
        for x in range(width):  # the last block to end: a thread for each block, and the trees the other way round
            rows[:] = 0
            for y in range(height):
                for block in range(x + y * width, blocks, width * height):
                    _merge(rows, y, partial, block)
            _tree(rows, 0, height)
            _keep(lanes, x, rows, 0)
        _tree(lanes, 0, width)
        _keep(out, row, lanes, 0)


@njit(cache=True, nogil=True, error_model="numpy")
def rows_of_blocks(rows, first, last, threads, out):
    """The same by a block of threads for each row: trees of 32, and a tree of those (RowwiseMomentsCUDAKernel)."""
    one = np.ones(1, rows.dtype)[0]
    parts, warps = np.empty((3, threads), rows.dtype), np.empty((3, WARP), rows.dtype)
    for row in range(first, last):
        parts[:] = 0
        warps[:] = 0
        for start in range(0, rows.shape[1], threads):
            for thread in range(min(threads, rows.shape[1] - start)):
                _take(parts, thread, rows[row, start + thread], one)
        for warp in range(threads // WARP):
            _tree(parts, warp * WARP, WARP)
            _keep(warps, warp, parts, warp * WARP)
        _tree(warps, 0, WARP)
        _keep(out, row, warps, 0)
