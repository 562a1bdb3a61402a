"""Kahan's compensated sums, each of their four operations rounded to a format.

With the total s, the correction c and R one rounding: y = R(x - c), t = R(s + y), c = R(R(t - s) - y), s = t.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from simfp.kernels.intrinsics import number, shortened
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

__all__ = ["kahan"]


@njit(cache=True, nogil=True, error_model="numpy")
def kahan(a, b, out, first, last, plan, how, below, magic, fused, down, short, key, twist, unused):
    """Kahan's compensated sum, in the order of k; the arguments of `ordered_sums.in_order`."""
    columns = out.shape[1]
    blocks = (columns + LANES - 1) // LANES
    total, rest, worth = np.zeros(LANES), np.zeros(LANES), np.zeros(LANES)
    for task in range(first, last):
        m, n0 = task // blocks, (task % blocks) * LANES
        width = min(LANES, columns - n0)
        step = np.int64(task) << 40
        if width == 1 or (width <= NARROW and how == NEAREST):
            for n in range(n0, n0 + width):
                out[m, n] = _one(a, b, m, n, plan, how, below, magic, fused, down, short, key, twist, unused, step)
            continue
        _lanes(
            total[:width], rest[:width], worth[:width], a, b, m, n0, plan, how, below, magic, fused, down, short,
            key, twist, unused, step,
        )  # fmt: skip
        for j in range(width):
            out[m, n0 + j] = total[j]


# ---- one sum ----


@njit(cache=True, nogil=True, error_model="numpy")
def _one(a, b, m, n, plan, how, below, magic, fused, down, short, key, twist, unused, step):
    """Kahan's sum of one column.

    In nearest-even two of the four operations do nothing, as long as terms are no larger than the total: what was added
    is exact, and so is what was too much of it, the error of a sum (Dekker 1971). Both want a format with subnormals.
    """
    wide = np.int64(a.shape[1] > 1)
    step += 1
    total = rounded(a[m, 0] * b[0, n], plan, how, below, magic, key, twist, unused, step)
    rest = 0.0
    k = 1
    while k < b.shape[0] and total == total:  # once NaN, it stays so
        if how == NEAREST and plan[7] == np.uint64(0):
            start = k
            k, total, rest = _go_on_raised(total, rest, a, b, m, n, k, plan, below, magic, fused, short)
            if k > start:
                continue
        term = a[m, k * wide] * b[k, n]
        if not fused:
            step += 1
            term = rounded(term, plan, how, below, magic, key, twist, unused, step)
        term = sum_to_odd(term, -rest, down, short)
        term = rounded(term, plan, how, below, magic, key, twist, unused, step + 1)
        grown = sum_to_odd(total, term, down, short)
        grown = rounded(grown, plan, how, below, magic, key, twist, unused, step + 2)
        rest = sum_to_odd(grown, -total, down, short)
        rest = rounded(rest, plan, how, below, magic, key, twist, unused, step + 3)
        step += 4
        rest = rounded(sum_to_odd(rest, -term, down, short), plan, how, below, magic, key, twist, unused, step)
        total = grown
        k += 1
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def _go_on_raised(total, rest, a, b, m, n, k, plan, below, magic, fused, short):
    """As many terms as can be, from term k on, each with two roundings: how far it got, the total and the correction.

    Most of the time the total is held raised, and the second one is float64's own.

    A term waits for the one before only where it must. Its worth is x - c = x - ((t - s) - y) = (x + y) - (t - s), of
    which x + y is there early; it is taken where it is exact. And of what a term is worth, bits need only be dropped:
    below the smallest normal number it is a whole number of smallest subnormals, so short that none are. For terms that
    are no values of the format, not `short`, that is not so; and there float64 must have lost nothing of it before.
    """
    factors, terms = a[m], b[:, n]
    at, wide = np.uint64(k), np.uint64(a.shape[1] > 1)  # unsigned, so that no loop asks whether it is negative
    low, high, lift = raised(total, plan, below, True)
    held, drop = lift + total, plan[0]
    least, largest = 0.0 if short else number(below), number(plan[8])
    term = factors[at * wide] * terms[at]
    if not fused:
        term = to_nearest(term, plan, below, magic)
    due = term - rest
    while True:
        if not short:
            part = due - term
            if (term - (due - part)) + (-rest - part) != 0.0:
                break
        worth = shortened(due, drop)
        if not (least <= abs(due) and abs(worth) <= largest):  # NaN and infinity among them
            break
        if low <= total + worth <= high:
            grown = held + worth
            moved = grown - held
            total, held = grown - lift, grown
        else:
            grown = to_nearest(total + worth, plan, below, magic)
            if abs(worth) > abs(total) or abs(grown) > largest:
                break
            moved = grown - total
            total = grown
            low, high, lift = raised(total, plan, below, True)
            held = lift + total
        rest = moved - worth
        at += np.uint64(1)
        if at == np.uint64(terms.size):
            break
        term = factors[at * wide] * terms[at]
        if not fused:
            term = to_nearest(term, plan, below, magic)
        ahead = term + worth
        if ahead - worth != term or ahead - term != worth:
            break
        due = ahead - moved
    return np.int64(at), total, rest


# ---- many at once ----


@njit(cache=True, nogil=True, error_model="numpy")
def _lanes(total, rest, worth, a, b, m, n0, plan, how, below, magic, fused, down, short, key, twist, unused, step):
    """total[j] = Kahan's sum of column n0 + j, of all columns at once; rest, worth: room for others."""
    width, wide = total.size, np.int64(a.shape[1] > 1)
    fields = plan_fields(plan)
    for k in range(b.shape[0]):
        factor, row = a[m, k * wide], b[k, n0 : n0 + width]
        step += k == 0 or not fused
        if k == 0:
            for j in range(width):
                total[j] = lane_rounded(factor * row[j], fields, how, below, magic, j, key, twist, unused, step)
                rest[j] = 0.0
            continue
        if how == NEAREST:
            _add(
                total, rest, worth, factor, row, fields, NEAREST, below, magic, fused, down, short, key, twist, unused,
                step,
            )  # fmt: skip
        elif how == ANY:
            _add(
                total, rest, worth, factor, row, fields, ANY, below, magic, fused, down, False, key, twist, unused,
                step,
            )  # fmt: skip
        else:
            _add(
                total, rest, worth, factor, row, fields, STOCHASTIC, below, magic, fused, down, False,
                key, twist, unused, step,
            )  # fmt: skip
        step += 4


@njit(forceinline=True, error_model="numpy")
def _add(total, rest, worth, factor, row, fields, how, below, magic, fused, down, short, key, twist, unused, step):
    """Adds factor * row[j] to each total, its correction to rest. A loop for each rounding: so they are vectors."""
    if fused:
        for j in range(total.size):
            worth[j] = factor * row[j]
    else:
        for j in range(total.size):
            worth[j] = lane_rounded(factor * row[j], fields, how, below, magic, j, key, twist, unused, step)
    for j in range(total.size):  # what this term is worth with what was lost before
        exact = sum_to_odd(worth[j], -rest[j], down, short)
        worth[j] = lane_rounded(exact, fields, how, below, magic, j, key, twist, unused, step + 1)
    grown = rest
    for j in range(total.size):
        exact = sum_to_odd(total[j], worth[j], down, short)
        grown[j] = lane_rounded(exact, fields, how, below, magic, j, key, twist, unused, step + 2)
    moved = total
    for j in range(total.size):  # what really was added ...
        exact = sum_to_odd(grown[j], -total[j], down, short)
        moved[j] = lane_rounded(exact, fields, how, below, magic, j, key, twist, unused, step + 3)
    for j in range(total.size):  # ... and what was too much of it
        exact = sum_to_odd(moved[j], -worth[j], down, short)
        total[j] = grown[j]
        rest[j] = lane_rounded(exact, fields, how, below, magic, j, key, twist, unused, step + 4)
