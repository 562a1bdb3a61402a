"""In which order torch's CUDA kernels add: sums over axes, and those of softmax.

The source is that of torch 2.13 (aten/src/ATen/native/cuda: Reduce.cuh, PersistentSoftmax.cuh).
How a reduction is shared among threads and blocks depends on the GPU's size; here it is an H100's. Tensors count as
contiguous, and as beginning where a vector does.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simfp.kernels import device_sums as kernels

__all__ = ["by_warp", "over_axes"]

Values = NDArray[Any]

PROCESSORS, THREADS_OF_EACH = 132, 2048  # of an H100
THREADS, WARP = 512, 32  # at most in a block of a reduction; in a warp
OUTPUTS = 4  # results that a thread has at most


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
    kept = tuple(axis for axis in range(values.ndim) if axis not in axes)
    shape = tuple(values.shape[axis] for axis in kept)
    count = math.prod(values.shape[axis] for axis in axes)
    if not values.size:
        return np.zeros(shape, values.dtype)
    terms = np.ascontiguousarray(values.transpose(*kept, *axes)).reshape(-1, count)
    out = np.empty(len(terms), values.dtype)
    kernels.reduced(terms, out, *_launch(values.shape, frozenset(axes), 8 if bits <= 16 else 4))
    return out.reshape(shape)


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


def by_warp(values: Values) -> Values:
    """The sums over the last axis, which stays as 1, of softmax's kernel for rows of up to 1,024 values.

    Each of 32 lanes adds every 32nd value; a tree adds the lanes. Longer rows are added as by `over_axes`, which is not
    their kernel's order.
    """
    count = values.shape[-1]
    if count > 1024 or not count:
        return over_axes(values, (values.ndim - 1,))[..., None]
    padded = 1 << (count - 1).bit_length()
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
