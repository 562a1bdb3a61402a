"""Sums of float32 values in a stated order, every addition rounded to float32, to nearest: by the processor itself.

The order is a program, as in ordered_sums.py, whose answers these are; LANES columns stand side by side.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from simfp.kernels.rounded_additions import LANES
from simfp.kernels.sum_programs import MERGE, OPEN
from simfp.kernels.updates import fma32

__all__ = ["in_order32"]


@njit(cache=True, nogil=True, error_model="numpy")
def in_order32(program, depth, a, b, out, first, last, fused):
    """out[m, n] = the sum over k of a[m, k] * b[k, n], for tasks first <= t < last: one row m and LANES columns each.

    a: (M, K), or one column for ones, b: (K, N), out: (M, N), all float32. fused: products are not rounded before they
    are added.
    """
    columns, wide = out.shape[1], np.int64(a.shape[1] > 1)
    blocks = (columns + LANES - 1) // LANES
    most = max(1, program[:, 3].max())
    stack, turns = np.empty((depth + most, LANES), np.float32), np.empty(most, np.float32)
    for task in range(first, last):
        m, n0 = task // blocks, (task % blocks) * LANES
        width = min(LANES, columns - n0)
        top = -1
        for line in range(program.shape[0]):
            kind, start, stop, strides = program[line, 0], program[line, 1], program[line, 2], program[line, 3]
            if kind == MERGE:
                top -= 1
                _add(stack[top], stack[top], stack[top + 1], width)
                continue
            if kind == OPEN:
                top += 1
                for k in range(start, start + strides):
                    factor = a[m, k * wide]
                    for j in range(width):
                        stack[top + k - start, j] = factor * b[k, n0 + j]
                start += strides
            if width == 1 and strides == 1:
                stack[top, 0] = _chain(stack[top, 0], a, b, m, n0, start, stop, wide, fused)
            elif width == 1:
                for i in range(strides):
                    turns[i] = stack[top + i, 0]
                _chains(turns[:strides], a, b, m, n0, start, stop, wide, fused)
                for i in range(strides):
                    stack[top + i, 0] = turns[i]
            else:
                for k in range(start, stop):
                    _add_products(stack[top + ((k - start) & (strides - 1))], a[m, k * wide], b[k, n0:], width, fused)
            while strides > 1:  # in pairs
                strides //= 2
                for i in range(strides):
                    _add(stack[top + i], stack[top + 2 * i], stack[top + 2 * i + 1], width)
        for j in range(width):
            out[m, n0 + j] = stack[0, j]


@njit(inline="always")
def _chain(total, a, b, m, n, start, stop, wide, fused):
    if fused:
        for k in range(start, stop):
            total = fma32(a[m, k * wide], b[k, n], total)
    else:
        for k in range(start, stop):
            total += a[m, k * wide] * b[k, n]
    return total


@njit(inline="always")
def _chains(totals, a, b, m, n, start, stop, wide, fused):
    """Adds the terms to the totals in turns; there are so many for each."""
    for k in range(start, stop, totals.size):
        for i in range(totals.size):
            if fused:
                totals[i] = fma32(a[m, (k + i) * wide], b[k + i, n], totals[i])
            else:
                totals[i] += a[m, (k + i) * wide] * b[k + i, n]


@njit(inline="always")
def _add_products(totals, factor, row, width, fused):
    if fused:
        for j in range(width):
            totals[j] = fma32(factor, row[j], totals[j])
    else:
        for j in range(width):
            totals[j] += factor * row[j]


@njit(inline="always")
def _add(out, left, right, width):
    for j in range(width):
        out[j] = left[j] + right[j]
