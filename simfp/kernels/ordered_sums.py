"""Sums in a stated order, every addition rounded to a format.

All loops add up products a[m, k] * b[k, n] over k; an `a` of one column stands for that column again and again, so
that a plain sum has a = [[1]]. They work on *lanes*: LANES columns n side by side, so that the processor adds many sums
at once while each keeps its order. A column alone, or one of a few, has loops of its own, with the same roundings.

The order is a program; see sum_programs.py.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from simfp.kernels.rounded_additions import (
    ANY,
    LANES,
    NARROW,
    NEAREST,
    STOCHASTIC,
    lane_rounded,
    raised,
    rounded,
    sum_to_odd,
    to_nearest,
)
from simfp.kernels.rounding import plan_fields
from simfp.kernels.sum_programs import MERGE, OPEN

__all__ = ["in_order"]

LONG = 64  # from so many terms on, raising a total pays
COARSE = np.uint64(53 - 5)  # bits dropped by formats of 5 bits' precision; totals of fewer rarely stay raised for long


@njit(cache=True, nogil=True, error_model="numpy")
def in_order(program, depth, a, b, out, first, last, plan, how, below, magic, fused, down, short, key, twist, unused):
    """out[m, n] for tasks first <= t < last, of which each is one row m and LANES columns.

    program: (instructions, 4) int64; depth: how many partial sums there are at once; a: (M, K), b: (K, N), out: (M, N)
    float64. fused: products are not rounded before they are added. plan, how ... as `lane_rounded` takes them.
    """
    columns = out.shape[1]
    blocks = (columns + LANES - 1) // LANES
    most = max(1, program[:, 3].max())
    stack, stack_of_one = np.zeros((depth + most, LANES)), np.zeros(depth + most)
    for task in range(first, last):
        m, n0 = task // blocks, (task % blocks) * LANES
        width = min(LANES, columns - n0)
        step = np.int64(task) << 40
        if width == 1 or (width <= NARROW and how == NEAREST):
            for n in range(n0, n0 + width):
                out[m, n] = _one(
                    program, stack_of_one, a, b, m, n, plan, how, below, magic, fused, down, short, key, twist, unused,
                    step,
                )  # fmt: skip
            continue
        _lanes(
            program, stack, width, a, b, m, n0, plan, how, below, magic, fused, down, short, key, twist, unused,
            step,
        )  # fmt: skip
        for j in range(width):
            out[m, n0 + j] = stack[0, j]


# ---- one sum ----


@njit(cache=True, nogil=True, error_model="numpy")
def _one(program, stack, a, b, m, n, plan, how, below, magic, fused, down, short, key, twist, unused, step):
    """The sum of one column; the strides of a partial sum stand one after the other on the stack.

    The strides do not wait for each other, so the processor adds several at a time.
    """
    wide = np.int64(a.shape[1] > 1)
    top = -1
    for line in range(program.shape[0]):
        kind, start, stop, strides = program[line, 0], program[line, 1], program[line, 2], program[line, 3]
        if kind == MERGE:
            top -= 1
            step += 1
            total = sum_to_odd(stack[top], stack[top + 1], down, short)
            stack[top] = rounded(total, plan, how, below, magic, key, twist, unused, step)
            continue
        if kind == OPEN:
            top += 1
            for i in range(strides):
                step += 1
                term = a[m, (start + i) * wide] * b[start + i, n]
                stack[top + i] = rounded(term, plan, how, below, magic, key, twist, unused, step)
            start += strides
        if strides == 1:
            if how == NEAREST:
                stack[top] = _run_to_nearest(stack[top], a, b, m, n, start, stop, plan, below, magic, fused, short)
            else:
                stack[top] = _run(
                    stack[top], a, b, m, n, start, stop, plan, how, below, magic, fused, down, key, twist, unused, step
                )
            step += 2 * (stop - start)
            continue
        if how == NEAREST:
            _strides_to_nearest(stack[top:], a, b, m, n, start, stop, strides, plan, below, magic, fused, short)
            start = stop
        for k in range(start, stop):
            at = top + ((k - start) & (strides - 1))
            term = a[m, k * wide] * b[k, n]
            if not fused:
                step += 1
                term = rounded(term, plan, how, below, magic, key, twist, unused, step)
            step += 1
            total = sum_to_odd(stack[at], term, down, short)
            stack[at] = rounded(total, plan, how, below, magic, key, twist, unused, step)
        while strides > 1:  # in pairs
            strides //= 2
            for i in range(strides):
                step += 1
                total = sum_to_odd(stack[top + 2 * i], stack[top + 2 * i + 1], down, short)
                stack[top + i] = rounded(total, plan, how, below, magic, key, twist, unused, step)
    return stack[0]


@njit(cache=True, nogil=True, error_model="numpy")
def _run(total, a, b, m, n, start, stop, plan, how, below, magic, fused, down, key, twist, unused, step):
    """`total` after the terms start <= k < stop of one column; `step` counts roundings."""
    wide = np.int64(a.shape[1] > 1)
    for k in range(start, stop):
        term = a[m, k * wide] * b[k, n]
        if not fused:
            step += 1
            term = rounded(term, plan, how, below, magic, key, twist, unused, step)
        step += 1
        total = sum_to_odd(total, term, down, False)
        total = rounded(total, plan, how, below, magic, key, twist, unused, step)
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def _run_to_nearest(total, a, b, m, n, start, stop, plan, below, magic, fused, short):
    """The same in nearest-even: most additions of a long run are a single one, to the total that is held raised."""
    wide = np.int64(a.shape[1] > 1)
    raise_it = stop - start > LONG and not (short and plan[0] > COARSE)
    low, high, lift, held = 1.0, -1.0, 0.0, 0.0
    for k in range(start, stop):
        term = a[m, k * wide] * b[k, n]
        if not fused:
            term = to_nearest(term, plan, below, magic)
        if low <= total + term <= high:
            held += term
            total = held - lift
            continue
        total = to_nearest(sum_to_odd(total, term, False, short), plan, below, magic)
        if raise_it:
            low, high, lift = raised(total, plan, below, short)
            held = lift + total
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def _strides_to_nearest(totals, a, b, m, n, start, stop, strides, plan, below, magic, fused, short):
    """Adds the terms start <= k < stop to totals in turns, in nearest-even and without calls."""
    wide = np.int64(a.shape[1] > 1)
    for k in range(start, stop, strides):
        for i in range(strides):
            term = a[m, (k + i) * wide] * b[k + i, n]
            if not fused:
                term = to_nearest(term, plan, below, magic)
            totals[i] = to_nearest(sum_to_odd(totals[i], term, False, short), plan, below, magic)


# ---- many at once ----


@njit(cache=True, nogil=True, error_model="numpy")
def _lanes(program, stack, width, a, b, m, n0, plan, how, below, magic, fused, down, short, key, twist, unused, step):
    """The sums of columns n0 + j, into stack[0, j]; rows of the stack are used as in `_one`."""
    wide = np.int64(a.shape[1] > 1)
    fields = plan_fields(plan)
    top = -1
    for line in range(program.shape[0]):
        kind, start, stop, strides = program[line, 0], program[line, 1], program[line, 2], program[line, 3]
        if kind == MERGE:
            top -= 1
            step += 1
            _merge(
                stack[top, :width],
                stack[top, :width],
                stack[top + 1, :width],
                plan,
                how,
                below,
                magic,
                down,
                short,
                key,
                twist,
                unused,
                step,
            )
            continue
        top += kind == OPEN
        opened = start + strides if kind == OPEN else start
        for k in range(start, stop):
            totals, row = stack[top + ((k - start) & (strides - 1)), :width], b[k, n0 : n0 + width]
            factor = a[m, k * wide]
            step += 1
            if how == NEAREST:
                _add(
                    totals, factor, row, k < opened, fields, NEAREST, below, magic, fused, down, short,
                    key, twist, unused, step,
                )  # fmt: skip
            elif how == ANY:
                _add(
                    totals, factor, row, k < opened, fields, ANY, below, magic, fused, down, False,
                    key, twist, unused, step,
                )  # fmt: skip
            else:
                _add(
                    totals, factor, row, k < opened, fields, STOCHASTIC, below, magic, fused, down, False,
                    key, twist, unused, step,
                )  # fmt: skip
            step += k >= opened and not fused
        while strides > 1:  # in pairs
            strides //= 2
            for i in range(strides):
                step += 1
                left, right = stack[top + 2 * i, :width], stack[top + 2 * i + 1, :width]
                _merge(
                    stack[top + i, :width], left, right, plan, how, below, magic, down, short, key, twist, unused, step
                )


@njit(forceinline=True, error_model="numpy")
def _add(totals, factor, row, is_first, fields, how, below, magic, fused, down, short, key, twist, unused, step):
    """Adds factor * row[j] to each total, or makes that the total where it is the first term."""
    if is_first:
        for j in range(totals.size):
            totals[j] = lane_rounded(factor * row[j], fields, how, below, magic, j, key, twist, unused, step)
    elif fused and short:
        for j in range(totals.size):
            total = sum_to_odd(totals[j], factor * row[j], False, True)
            totals[j] = lane_rounded(total, fields, how, below, magic, j, key, twist, unused, step)
    elif fused:
        for j in range(totals.size):
            total = sum_to_odd(totals[j], factor * row[j], down, False)
            totals[j] = lane_rounded(total, fields, how, below, magic, j, key, twist, unused, step)
    else:
        for j in range(totals.size):
            term = lane_rounded(factor * row[j], fields, how, below, magic, j, key, twist, unused, step)
            total = sum_to_odd(totals[j], term, down, how == NEAREST)
            totals[j] = lane_rounded(total, fields, how, below, magic, j, key, twist, unused, step + 1)


@njit(cache=True, nogil=True, error_model="numpy")
def _merge(out, left, right, plan, how, below, magic, down, short, key, twist, unused, step):
    """out[j] = left[j] + right[j], rounded; out may be one of the two."""
    fields = plan_fields(plan)
    if how == NEAREST:
        for j in range(out.size):
            total = sum_to_odd(left[j], right[j], False, True)  # totals are values of the format
            out[j] = lane_rounded(total, fields, NEAREST, below, magic, j, key, twist, unused, step)
    elif how == ANY:
        for j in range(out.size):
            total = sum_to_odd(left[j], right[j], down, False)
            out[j] = lane_rounded(total, fields, ANY, below, magic, j, key, twist, unused, step)
    else:
        for j in range(out.size):
            total = sum_to_odd(left[j], right[j], down, False)
            out[j] = lane_rounded(total, fields, STOCHASTIC, below, magic, j, key, twist, unused, step)
