"""In which order torch's CUDA kernels add: sums over axes, and those of softmax.

The source is that of torch 2.13 (aten/src/ATen/native/cuda: Reduce.cuh, PersistentSoftmax.cuh, SoftMax.cu).
How a reduction is shared among threads and blocks depends on the GPU's size; here it is an H100's. Tensors count as
contiguous, and as beginning where a vector does.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simfp.accumulation import in_threads
from simfp.kernels import block_sums, welford
from simfp.kernels import device_sums as kernels

__all__ = ["by_warp", "of_softmax", "over_axes", "squares_over_axes"]

Values = NDArray[Any]

PROCESSORS, THREADS_OF_EACH = 132, 2048  # of an H100
THREADS, WARP = 512, 32  # at most in a block of a reduction; in a warp
OUTPUTS = 4  # results that a thread has at most

# of softmax's kernels
OF_A_WARP = 1024  # values that a warp takes at most, backward; forward twice as many
MOST_THREADS, MOST_COLUMNS = 1024, 64  # of a block
IN_REGISTERS = 9  # values that a thread keeps at most
LOADED = 16  # bytes that a thread loads at once
SHARED_MEMORY = 49_152  # bytes that a block has, where it asks for no more


class Launch(NamedTuple):
    """How the terms of one result are shared out; the arguments of `kernels.reduced`."""

    width: int
    height: int
    blocks: int
    vector: int


def over_axes(values: Values, axes: tuple[int, ...], bits: int = 32) -> Values:
    """The sums over some axes, which are gone from the result; in the type of `values`.

    bits: of the format that the values are stored in. Of 16-bit ones a thread loads eight at once, of others four.
    """
    terms, shape = _terms(values, axes)
    if not values.size:
        return np.zeros(shape, values.dtype)
    out = np.empty(len(terms), values.dtype)
    kernels.reduced(terms, out, *_launch(values.shape, frozenset(axes), 8 if bits <= 16 else 4))
    return out.reshape(shape)


def squares_over_axes(values: Values, axes: tuple[int, ...]) -> Values:
    """The sums of squared distances from the mean over some axes, as torch's kernel for variances makes them."""
    terms, shape = _terms(values, axes)
    if not values.size:
        return np.zeros(shape, values.dtype)
    plan, out = _launch(values.shape, frozenset(axes), welford.TURNS), np.empty((3, len(terms)), values.dtype)
    in_threads(lambda first, last: welford.reduced(terms, first, last, *plan, out), len(terms), 4 * terms.size)
    return out[1].reshape(shape)


def _terms(values: Values, axes: tuple[int, ...]) -> tuple[Values, tuple[int, ...]]:
    """A row for each result of a reduction over some axes, and the results' shape."""
    kept = tuple(axis for axis in range(values.ndim) if axis not in axes)
    shape = tuple(values.shape[axis] for axis in kept)
    count = math.prod(values.shape[axis] for axis in axes)
    turned = np.ascontiguousarray(values.transpose(*kept, *axes))
    return turned.reshape(math.prod(shape), count), shape


@lru_cache(maxsize=4096)
def _launch(shape: tuple[int, ...], axes: frozenset[int], vector: int) -> Launch:
    """What setReduceConfig decides. Axes of length 1 do not count, and neighbours that share their fate are one."""
    runs: list[list[Any]] = []  # [whether it is reduced, how long]
    for axis, length in enumerate(shape):
        if length == 1:
            continue
        if runs and runs[-1][0] == (axis in axes):
            runs[-1][1] *= length
        else:
            runs.append([axis in axes, length])
    count = math.prod(length for gone, length in runs if gone)
    results = math.prod(length for gone, length in runs if not gone)
    along = not runs or runs[-1][0]  # the axis whose values are neighbours in memory is reduced
    if not (along and count >= 128 and sum(gone for gone, _ in runs) == 1):
        vector = 1
    across_results = 1 if along else math.gcd(runs[-1][1], OUTPUTS)
    first, second = (count // vector, results) if along else (results // across_results, count)

    most = THREADS // across_results
    first_power, second_power = (_power_below(min(length, most)) for length in (first, second))
    width = min(first_power, WARP)
    height = min(second_power, most // width)
    width = min(first_power, most // height)

    step, results_step = (width, 1) if along else (1, width)
    shared_down = -(-count // step) >= min(height * 16, 256)
    if shared_down:
        step *= height
    else:
        results_step *= height
    blocks, each = 1, -(-count // step)
    grid = -(-(results // across_results) // results_step)
    room = PROCESSORS * (THREADS_OF_EACH // (width * height))
    if shared_down and each >= 256 and grid <= room:
        blocks = max(min(-(-room // grid), -(-each // 16)), -(-each // 256))
    return Launch(width if along else 1, height if shared_down else 1, blocks, vector)


def _power_below(length: int) -> int:
    """The largest power of two that is not above a length."""
    return 1 << (length.bit_length() - 1) if length else 1


def of_softmax(values: Values, axis: int, *, bits: int, promoted: bool = False, backward: bool = False) -> Values:
    """The sums along an axis, which stays as 1, of exponentials or, backward, of gradients, as in softmax's kernels.

    bits: of the format that the kernel loads: softmax's input, or the gradient of its result. promoted: whether a
    float16 input gives a float32 result, for which torch has kernels of its own.
    """
    count, inner = values.shape[axis], math.prod(values.shape[axis + 1 :])
    if not values.size:
        return np.zeros([*values.shape[:axis], 1, *values.shape[axis + 1 :]], values.dtype)
    if inner > 1:
        threads = _power_below(min(MOST_THREADS // inner, count)) if inner <= MOST_COLUMNS <= count else 1
        turned = np.moveaxis(values, axis, -1)
        sums = _by_block(turned.reshape(-1, count), (threads, 1, False, block_sums.TREE))
        return np.expand_dims(sums.reshape(turned.shape[:-1]), axis)
    rows = values.reshape(-1, count)
    if count <= OF_A_WARP * (1 if backward or promoted else 2):
        sums = by_warp(rows)
    else:
        sums = _by_block(rows, _plan(count, 2 if bits <= 16 else 4, promoted, backward))
    return sums.reshape(*values.shape[:axis], *[1] * (values.ndim - axis))


def _plan(count: int, size: int, promoted: bool, backward: bool) -> tuple[int, int, bool, int]:
    """The arguments of `block_sums.summed` for rows of so many values of so many bytes."""
    vector, threads = LOADED // size, MOST_THREADS
    if backward:  # the first power of two that is not below half the vectors
        threads = max(1 << (min(count // vector, MOST_THREADS) // 2 - 1).bit_length(), WARP)
    elif not promoted and count <= IN_REGISTERS * threads:
        return threads, 1, False, block_sums.WARPS
    shared = count % vector == 0 and count < (SHARED_MEMORY - 4 * (threads // WARP)) // size
    return threads, vector, shared, block_sums.WARPS if shared or not backward else block_sums.IN_ORDER


def _by_block(rows: Values, plan: tuple[int, int, bool, int]) -> Values:
    rows, out = np.ascontiguousarray(rows), np.empty(len(rows), rows.dtype)
    in_threads(lambda first, last: block_sums.summed(rows, first, last, *plan, out), len(rows), rows.size)
    return out


def by_warp(values: Values) -> Values:
    """The sums over the last axis, which stays as 1, of softmax's kernel for short rows.

    Each of 32 lanes adds every 32nd value; a tree adds the lanes.
    """
    count = values.shape[-1]
    padded = 1 << max(count - 1, 0).bit_length()
    lanes = min(padded, WARP)
    whole = np.zeros((*values.shape[:-1], padded), values.dtype)
    whole[..., :count] = values
    turns = whole.reshape(*values.shape[:-1], padded // lanes, lanes)
    sums = turns[..., 0, :]
    for turn in range(1, padded // lanes):
        sums = sums + turns[..., turn, :]
    while lanes > 1:
        lanes //= 2
        sums = sums[..., :lanes] + sums[..., lanes:]
    return sums
