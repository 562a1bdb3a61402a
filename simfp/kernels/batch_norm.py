"""Sums that torch's batch_norm makes of each channel on CUDA: means, variances, and two sums of its gradients.

There are two kernels for each. Where channels are neighbours in memory, threads of a block, and then blocks, share the
rows of a channel, and each thread keeps four sums. Where they are planes, a block has a plane. A product and a sum that
stand together round once, as nvcc fuses them. (aten/src/ATen/native/cuda/Normalization.cuh)
"""

from __future__ import annotations

import numpy as np
from numba import njit

from simfp.kernels.elementary import fma

__all__ = ["column_gradients", "column_moments", "plane_gradients", "plane_moments"]

TURNS = 4  # sums that a thread keeps, where channels are neighbours
WARP = 32
TURN, THREAD, PLANE = 0, 1, 2


@njit(forceinline=True, error_model="numpy")
def _merge(parts, a, others, b, way, one):
    """Part b of `others` (mean, squared distances, count) is merged into part a. Even an empty one makes it round.

    way: which kernel's, and where; the formula is one, but nvcc fuses another product of the two in the mean.
    """
    mean, other, count, more = parts[0, a], others[0, b], parts[2, a], others[2, b]
    factor = one / max(one, count + more)
    square = (mean - other) * (mean - other)
    parts[0, a] = (fma(other, more, mean * count) if way == TURN else fma(count, mean, more * other)) * factor
    square = square * count * more if way == PLANE else square * more * count
    parts[1, a] += fma(square, factor, others[1, b])
    parts[2, a] = count + more


@njit(forceinline=True, error_model="numpy")
def _keep(parts, place, others):
    """Part 0 of `others` becomes a part; number by number, which compiles in far less time than a column."""
    for each in range(parts.shape[0]):
        parts[each, place] = others[each, 0]


@njit(forceinline=True, error_model="numpy")
def _add(sums, a, others, b):
    sums[0, a] += others[0, b]
    sums[1, a] += others[1, b]


@njit(forceinline=True, error_model="numpy")
def _down(parts, height, one):
    """Part 0 of `height` of them, a power of two, takes in all: the upper half goes into the lower, and so on."""
    half = height // 2
    while half:
        for a in range(half):
            _merge(parts, a, parts, a + half, THREAD, one)
        half //= 2


@njit(nogil=True, cache=True, error_model="numpy")
def column_moments(columns, first, last, height, blocks, means, variances):
    """Mean and variance of channels from `first` to `last`, each of which `height` threads of some blocks share.

    columns: (channels, rows).
    """
    one = np.ones(1, columns.dtype)[0]
    turns, threads = np.empty((3, TURNS), columns.dtype), np.empty((3, height), columns.dtype)
    partial = np.empty((3, blocks), columns.dtype)
    step = height * blocks
    for column in range(first, last):
        for block in range(blocks):
            for y in range(height):
                turns[:] = 0
                turn = 0
                for row in range(block * height + y, columns.shape[1], step):
                    x = columns[column, row]
                    count = turns[2, turn] + one
                    delta = x - turns[0, turn]
                    turns[0, turn] = fma(delta, one / count, turns[0, turn])
                    turns[1, turn] += delta * (x - turns[0, turn])  # times 1, and that is fused with the sum
                    turns[2, turn] = count
                    turn = (turn + 1) % TURNS
                for turn in range(1, TURNS):
                    _merge(turns, 0, turns, turn, TURN, one)
                _keep(threads, y, turns)
            _down(threads, height, one)
            _keep(partial, block, threads)
        if blocks > 1:
            threads[:] = 0
            for block in range(blocks):
                _merge(threads, block % height, partial, block, THREAD, one)
            _down(threads, height, one)
        means[column] = threads[0, 0]
        variances[column] = threads[1, 0] / threads[2, 0]


@njit(nogil=True, cache=True, error_model="numpy")
def column_gradients(slopes, columns, means, first, last, height, blocks, sums, products):
    """Of each channel the sum of its gradients, and that of them times the distance from the mean."""
    turns, threads = np.empty((2, TURNS), columns.dtype), np.empty((2, height), columns.dtype)
    partial = np.empty((2, blocks), columns.dtype)
    step = height * blocks
    for column in range(first, last):
        for block in range(blocks):
            for y in range(height):
                turns[:] = 0
                turn = 0
                for row in range(block * height + y, columns.shape[1], step):
                    g = slopes[column, row]
                    turns[0, turn] += g
                    turns[1, turn] = fma(g, columns[column, row] - means[column], turns[1, turn])
                    turn = (turn + 1) % TURNS
                for turn in range(1, TURNS):
                    _add(turns, 0, turns, turn)
                _keep(threads, y, turns)
            _halve(threads, height)
            _keep(partial, block, threads)
        if blocks > 1:
            threads[:] = 0
            for block in range(blocks):
                _add(threads, block % height, partial, block)
            _halve(threads, height)
        sums[column], products[column] = threads[0, 0], threads[1, 0]


@njit(forceinline=True, error_model="numpy")
def _halve(sums, width):
    half = width // 2
    while half:
        for a in range(half):
            _add(sums, a, sums, a + half)
        half //= 2


@njit(nogil=True, cache=True, error_model="numpy")
def plane_moments(planes, first, last, width, height, means, variances):
    """Mean and variance of planes[:, channel, :], for channels from `first` to `last`, by width x height threads."""
    one = np.ones(1, planes.dtype)[0]
    threads, warps = np.empty((3, width * height), planes.dtype), np.empty((3, WARP), planes.dtype)
    for channel in range(first, last):
        threads[:] = 0
        for y in range(height):
            for x in range(width):
                thread = y * width + x
                mean, squares, count = threads[0, thread], threads[1, thread], threads[2, thread]
                for sample in range(y, planes.shape[0], height):
                    for place in range(x, planes.shape[2], width):
                        value = planes[sample, channel, place]
                        delta = value - mean
                        count += one
                        mean += delta / count
                        squares = fma(delta, value - mean, squares)
                threads[0, thread], threads[1, thread], threads[2, thread] = mean, squares, count
        warps[:] = 0
        for warp in range(width * height // WARP):
            _exchange(threads, warp * WARP, one)
            for each in range(3):
                warps[each, warp] = threads[each, warp * WARP]
        _exchange(warps, 0, one)
        means[channel] = warps[0, 0]
        variances[channel] = warps[1, 0] / planes.dtype.type(planes.shape[0] * planes.shape[2])


@njit(forceinline=True, error_model="numpy")
def _exchange(parts, first, one):
    """Neighbours are merged, then pairs of them, and so on, as lanes do that exchange their parts."""
    step = 1
    while step < WARP:
        for a in range(first, first + WARP, 2 * step):
            _merge(parts, a, parts, a + step, PLANE, one)
        step *= 2


@njit(nogil=True, cache=True, error_model="numpy")
def plane_gradients(slopes, planes, means, first, last, width, height, given, fused, threads):
    """Of each plane what `column_gradients` makes of a channel, as sums that are still one for each thread.

    given: the products already rounded, where they are not `fused`. threads: (2, channels, width x height), zeros.
    """
    for channel in range(first, last):
        for y in range(height):
            for x in range(width):
                thread = y * width + x
                for sample in range(y, planes.shape[0], height):
                    for place in range(x, planes.shape[2], width):
                        g = slopes[sample, channel, place]
                        threads[0, channel, thread] += g
                        if fused:
                            away = planes[sample, channel, place] - means[channel]
                            threads[1, channel, thread] = fma(g, away, threads[1, channel, thread])
                        else:
                            threads[1, channel, thread] += given[sample, channel, place]
