"""Sums over axes in the order in which torch's reduction kernel adds on CUDA.

Each thread has four running sums. They take every fourth of the terms that fall to it, or, where rows are read in
vectors of four, each a place of the vector; then they are added up, first to last, and the threads' sums in halves:
thread i takes that of thread i + n/2, and so on. How many threads share a sum follows from the shape. (Read in
aten/src/ATen/native/cuda/Reduce.cuh; a GPU's own orders, found by asking, are in lessons/recordings.)
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Launch", "launch_for", "summed_over"]

LANES = 4  # running sums of a thread, and the values of a vector
MOST_THREADS = 512
WARP = 32
MANY_VALUES = 256  # terms of one thread beyond which warps, and then blocks, share a sum


class Launch(NamedTuple):
    """How many threads share one sum, and whether they read vectors."""

    threads: int
    vectors: bool


@lru_cache(maxsize=1024)
def launch_for(terms: int, sums: int, along_rows: bool, row: int) -> Launch:
    """How the kernel is launched for `sums` sums of `terms` terms each.

    along_rows: whether the terms of a sum lie one after the other in memory, and not the sums.
    row: where they do not, the length of the innermost axis that is kept.

    Sums of so many terms that several blocks would share one are taken as those of a single block.
    """
    width, height, most = (terms, sums, MOST_THREADS) if along_rows else (sums, terms, MOST_THREADS)
    vectors = along_rows and terms >= 128
    if vectors:
        width //= LANES
    if not along_rows:
        vector = math.gcd(LANES, row)
        width, most = width // vector, most // vector
    block_width, block_height = _block(width, height, most)
    threads = block_width if along_rows else 1
    if -(-terms // threads) >= min(16 * block_height, MANY_VALUES):
        threads *= block_height
    return Launch(threads, vectors)


def _block(width: int, height: int, most: int) -> tuple[int, int]:
    """The block's threads along the fastest axis, and across it."""
    widest, highest = (1 << max(min(length, most), 1).bit_length() - 1 for length in (width, height))
    block_width = min(widest, WARP)
    block_height = min(highest, most // block_width)
    return min(widest, most // block_height), block_height


def summed_over(x: NDArray[Any], axes: tuple[int, ...]) -> NDArray[Any]:
    """The sums of contiguous `x` over `axes`, in its type and in the kernel's order; the axes are gone."""
    kept = [axis for axis in range(x.ndim) if axis not in axes]
    shape = [x.shape[axis] for axis in kept]
    terms, sums = math.prod(x.shape[axis] for axis in axes), math.prod(shape)
    if not terms or not sums:
        return np.zeros(shape, x.dtype)
    lengths = [axis for axis in range(x.ndim) if x.shape[axis] > 1]
    along_rows = not lengths or lengths[-1] in axes
    launch = launch_for(terms, sums, along_rows, x.shape[lengths[-1]] if lengths else 1)
    columns = x.transpose([*axes, *kept]).reshape(terms, sums)
    return _added(columns, launch).reshape(shape)


def _added(columns: NDArray[Any], launch: Launch) -> NDArray[Any]:
    """The sum of each column."""
    terms, sums = columns.shape
    threads, vectors = launch
    whole = terms - terms % LANES if vectors else terms
    turns = -(-whole // (LANES * threads))
    padded = columns[:whole]
    if whole < turns * LANES * threads:  # with zeros, which change no sum
        padded = np.zeros((turns * LANES * threads, sums), columns.dtype)
        padded[:whole] = columns[:whole]
    shape = (turns, threads, LANES, sums) if vectors else (turns, LANES, threads, sums)
    with np.errstate(all="ignore"):
        running = np.zeros(shape[1:], columns.dtype)
        for turn in padded.reshape(shape):
            running += turn
        if vectors:
            running = running.swapaxes(0, 1)
            running[0, : terms - whole] += columns[whole:]
        total = running[0]
        for lane in running[1:]:
            total = total + lane
        while len(total) > 1:
            half = len(total) // 2
            total = total[:half] + total[half:]
    return total[0]
