"""Sums in a stated order, every addition rounded to a format; and sums that are exact.

All loops add up products a[m, k] * b[k, n] over k; an `a` of one column stands for that column again and again, so
that a plain sum has a = [[1]]. They work on *lanes*: LANES columns n
side by side, so that the processor adds many sums at once while each keeps its order.

The order is a program, a row for each instruction, that works on a stack of partial sums:

    OPEN   start stop strides  a new partial sum of the terms start <= k < stop, the first taken as it is; of several
                               strides (2, 4, 8 ...), each has every so many-th term, and their sums are then added in
                               pairs
    GO_ON  start stop 1        those terms, added to the topmost partial sum
    MERGE                      the two topmost become their sum: the lower one plus the upper one

Strides are independent of each other, so even a single pairwise sum is many additions at once.

An addition is computed in float64 and rounded to odd (see to_odd.py), then rounded by the loops of rounding.py; so it
is rounded once, in any mode. The products of two values of at most 24 bits are exact in float64.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from simfp.kernels.intrinsics import number, pattern
from simfp.kernels.rounding import (
    bits_rounded_by_chance,
    nearest_even64,
    plan_fields,
    random_word,
    round64,
    rounded_bits,
    stochastic64,
)

__all__ = ["GO_ON", "LANES", "LIMBS", "MERGE", "OPEN", "exact", "in_order", "kahan", "owned", "pairwise_program"]

OPEN, GO_ON, MERGE = 0, 1, 2
LANES = 128  # enough that setting up a loop over them costs little, few enough to stay in the nearest cache
SIGN = np.uint64(1 << 63)
NEXT_STREAM = np.uint64(0xD1342543DE82EF95)  # how far apart the random words of two roundings start
LIMB_BITS = 32
LOWEST_BIT = (
    -1152
)  # of the exact sum: two limbs below float64's own, 2^-1074, so that there are always two below a number
LIMBS = 70  # up to 2^1088
GATHERED = 1 << 10  # significands of 53 bits have a sum of 63


@njit(inline="always")
def _sum_to_odd(x, y, down, short):
    """x + y in float64, rounded to odd; where `down`, a zero from terms of different signs is -0.

    `short` says that x and y are values of the format and the mode is nearest-even: then float64's own rounding does
    no harm, as it has 53 >= 2 * 24 + 2 bits.
    """
    total = x + y
    if short:
        return total
    part = total - x
    left_over = (x - (total - part)) + (y - part)  # Knuth's TwoSum; NaN beside infinities
    bits = np.int64(pattern(total))
    inexact = left_over > 0.0 or left_over < 0.0
    change = ~bits & np.int64(1) if inexact else np.int64(0)
    bits += change if (left_over > 0.0) == (total > 0.0) else -change
    if down and total == 0.0 and pattern(x) >> np.uint64(63) != pattern(y) >> np.uint64(63):
        bits = np.int64(np.uint64(1) << np.uint64(63))
    return number(np.uint64(bits))


@njit(inline="always")
def _settle(bits, out, plan, how, below, magic, key, twist, unused, step):
    """Rounds lanes of bit patterns into others: how = 0 nearest-even, 1 any mode, 2 by chance.

    The loops are vectorised for an output that does not overlap their input.
    """
    if how == 0:
        nearest_even64(bits, out, plan, below, magic)
    elif how == 1:
        round64(bits, out, plan)
    else:
        stochastic64(bits, out, plan, key + np.uint64(step) * NEXT_STREAM, twist, unused)


@njit(cache=True, nogil=True, error_model="numpy")
def _one(x, plan, how, below, magic, key, twist, unused, step):
    """One number rounded as `_settle` rounds the first lane; a call, or compiling would take ten times as long."""
    if how == 0:
        return _one_to_nearest(x, plan, below, magic)
    fields = plan_fields(plan)
    if how == 1:
        return number(rounded_bits(pattern(x), fields, np.uint64, np.uint64(52), SIGN))
    random = random_word(0, key + np.uint64(step) * NEXT_STREAM, twist)
    return number(bits_rounded_by_chance(pattern(x), fields, random, unused, np.uint64, np.uint64(52), SIGN))


@njit(inline="always")
def _one_to_nearest(x, plan, below, magic):
    """One number rounded to nearest-even, as rounding.py's loop for that mode does it."""
    bits = pattern(x)
    magnitude = bits & np.uint64(0x7FFFFFFFFFFFFFFF)
    drop = plan[0]
    keep = ~((np.uint64(1) << drop) - np.uint64(1))
    rounded = (magnitude + (~keep >> np.uint64(1)) + ((magnitude >> drop) & np.uint64(1))) & keep
    if magnitude >= below and rounded <= plan[8] and rounded >= plan[7]:  # nearly always: the rest can wait
        return number(rounded | (bits ^ magnitude))
    if magnitude < below:
        rounded = pattern(number(magnitude) + magic - magic)
    rounded = rounded if rounded >= plan[7] else np.uint64(0)
    rounded = rounded if rounded <= plan[8] else plan[9]
    rounded = rounded if magnitude <= np.uint64(0x7FF0000000000000) else magnitude
    return number(rounded | (bits ^ magnitude))


@njit(cache=True, nogil=True, error_model="numpy")
def owned(bits, plan, below, magic):
    """Whether nearest-even rounding leaves all numbers alone that have these bits (NaN counts)."""
    rounded, others = np.empty(1024, np.uint64), 0
    for start in range(0, bits.size, 1024):
        piece = bits[start : start + 1024]
        nearest_even64(piece, rounded[: piece.size], plan, below, magic)
        for i in range(piece.size):
            others += rounded[i] != piece[i]
    return others == 0


@njit(inline="always")
def _raise(total, plan, below):
    """Between which bounds a total may move while it is held *raised*, and by what: low, high, raising.

    For 53 - p bits above the power of two below it, float64 has the steps that the format of p bits has around the
    total. So one addition to raising + total rounds the sum to nearest-even, as long as that keeps its sign and stays
    between two powers of two. Where there is no such place, low = high = 0, and no total lies between them.
    """
    power = pattern(total) & np.uint64(0x7FF0000000000000)
    room = power >> np.uint64(52) < np.uint64(2046) - plan[0]
    if power == np.uint64(0) or power < below or power < plan[7] or not room or abs(total) >= number(plan[8]):
        return 0.0, 0.0, 0.0
    low, high = number(power), min(2.0 * number(power), number(plan[8]))
    raising = 1.5 * number(power + (plan[0] << np.uint64(52)))
    return (low, high, raising) if total > 0.0 else (-high, -low, raising)


@njit(cache=True, nogil=True, error_model="numpy")
def _run_one(total, a, b, m, n, start, stop, plan, how, below, magic, fused, down, short, key, twist, unused, step):
    """`total` after the terms start <= k < stop of one column; `step` counts roundings, as it does in `_settle`.

    Where `short`, most additions of a long run are a single one, to the total that is held raised.
    """
    wide = np.int64(a.shape[1] > 1)
    raise_it = short and stop - start > 64
    low, high, raising, raised = 0.0, 0.0, 0.0, 0.0
    for k in range(start, stop):
        term = a[m, k * wide] * b[k, n]
        if not fused:
            step += 1
            term = _one(term, plan, how, below, magic, key, twist, unused, step)
        if raise_it:
            raised += term
            total_now = raised - raising
            if low < total_now < high:
                total = total_now
                continue
        step += 1
        total = _one(_sum_to_odd(total, term, down, short), plan, how, below, magic, key, twist, unused, step)
        if raise_it:
            low, high, raising = _raise(total, plan, below)
            raised = raising + total
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def _strides_to_nearest(totals, a, b, m, n, start, stop, strides, plan, below, magic, short):
    """Adds the terms start <= k < stop to totals in turns, in nearest-even and without calls."""
    wide = np.int64(a.shape[1] > 1)
    for k in range(start, stop, strides):
        for i in range(strides):
            total = _sum_to_odd(totals[i], a[m, (k + i) * wide] * b[k + i, n], False, short)
            totals[i] = _one_to_nearest(total, plan, below, magic)


@njit(cache=True, nogil=True, error_model="numpy")
def _in_order_one(program, stack, a, b, m, n, plan, how, below, magic, fused, down, short, key, twist, unused, step):
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
            total = _sum_to_odd(stack[top], stack[top + 1], down, short)
            stack[top] = _one(total, plan, how, below, magic, key, twist, unused, step)
            continue
        if kind == OPEN:
            top += 1
            for i in range(strides):
                step += 1
                term = a[m, (start + i) * wide] * b[start + i, n]
                stack[top + i] = _one(term, plan, how, below, magic, key, twist, unused, step)
            start += strides
        if strides == 1:
            stack[top] = _run_one(
                stack[top], a, b, m, n, start, stop, plan, how, below, magic, fused, down, short, key, twist, unused,
                step,
            )  # fmt: skip
            step += 2 * (stop - start)
            continue
        if how == 0 and fused:
            _strides_to_nearest(stack[top:], a, b, m, n, start, stop, strides, plan, below, magic, short)
            start = stop
        for k in range(start, stop):
            at = top + ((k - start) & (strides - 1))
            term = a[m, k * wide] * b[k, n]
            if not fused:
                step += 1
                term = _one(term, plan, how, below, magic, key, twist, unused, step)
            step += 1
            total = _sum_to_odd(stack[at], term, down, short)
            stack[at] = _one(total, plan, how, below, magic, key, twist, unused, step)
        while strides > 1:  # in pairs
            strides //= 2
            for i in range(strides):
                step += 1
                total = _sum_to_odd(stack[top + 2 * i], stack[top + 2 * i + 1], down, short)
                stack[top + i] = _one(total, plan, how, below, magic, key, twist, unused, step)
    return stack[0]


@njit(cache=True, nogil=True, error_model="numpy")
def in_order(program, depth, a, b, out, first, last, plan, how, below, magic, fused, down, short, key, twist, unused):
    """out[m, n] for tasks first <= t < last, of which each is one row m and LANES columns.

    program: (instructions, 4) int64; depth: how many partial sums there are at once; a: (M, K), b: (K, N), out: (M, N)
    float64. fused: products are not rounded before they are added. plan, how ... as `_settle` takes them.
    """
    columns, wide = out.shape[1], np.int64(a.shape[1] > 1)
    blocks = (columns + LANES - 1) // LANES
    most = max(1, program[:, 3].max())
    stack = np.zeros((depth, most * LANES))
    patterns = stack.view(np.uint64)
    raw, term = np.zeros(most * LANES), np.zeros(LANES)
    raw_pattern, term_pattern = raw.view(np.uint64), term.view(np.uint64)
    stack_of_one = np.zeros(depth + most)
    for task in range(first, last):
        m, n0 = task // blocks, (task % blocks) * LANES
        width = min(LANES, columns - n0)
        step = np.int64(task) << 40
        if width == 1:
            out[m, n0] = _in_order_one(
                program, stack_of_one, a, b, m, n0, plan, how, below, magic, fused, down, short, key, twist, unused,
                step,
            )  # fmt: skip
            continue
        top = -1
        for line in range(program.shape[0]):
            kind, start, stop, strides = program[line, 0], program[line, 1], program[line, 2], program[line, 3]
            if kind == MERGE:
                top -= 1
                for j in range(width):
                    raw[j] = _sum_to_odd(stack[top, j], stack[top + 1, j], down, short)
                step += 1
                _settle(raw_pattern[:width], patterns[top, :width], plan, how, below, magic, key, twist, unused, step)
                continue
            top += kind == OPEN
            opened = start + strides if kind == OPEN else start
            for k in range(start, stop):
                i = ((k - start) & (strides - 1)) * width
                total, made, sums = stack[top, i : i + width], patterns[top, i : i + width], raw_pattern[:width]
                factor = a[m, k * wide]
                if fused and k >= opened:
                    for j in range(width):
                        raw[j] = _sum_to_odd(total[j], factor * b[k, n0 + j], down, short)
                else:
                    for j in range(width):
                        raw[j] = factor * b[k, n0 + j]
                    step += 1
                    into = term_pattern[:width] if k >= opened else made
                    _settle(sums, into, plan, how, below, magic, key, twist, unused, step)
                    if k < opened:
                        continue
                    for j in range(width):
                        raw[j] = _sum_to_odd(total[j], term[j], down, short)
                step += 1
                _settle(sums, made, plan, how, below, magic, key, twist, unused, step)
            while strides > 1:  # in pairs
                strides //= 2
                for i in range(strides):
                    left, right = stack[top, 2 * i * width :], stack[top, (2 * i + 1) * width :]
                    for j in range(width):
                        raw[j] = _sum_to_odd(left[j], right[j], down, short)
                    made = patterns[top, i * width : (i + 1) * width]
                    step += 1
                    _settle(raw_pattern[:width], made, plan, how, below, magic, key, twist, unused, step)
        for j in range(width):
            out[m, n0 + j] = stack[0, j]


@njit(cache=True, nogil=True, error_model="numpy")
def _kahan_one(a, b, m, n, plan, how, below, magic, fused, down, short, key, twist, unused, step):
    """Kahan's sum of one column.

    Each operation waits for the one before, so what counts is how long a rounding takes. In nearest-even, while the
    total keeps its sign and stays between two powers of two, two of the four do nothing: what was added is exact
    (Sterbenz), and so is what was too much of it, the error of a sum (Dekker 1971). The total is held raised. And of
    the term less what was lost before, bits need only be dropped: below the smallest normal number it is a whole number
    of smallest subnormals, so short that none are.
    """
    wide = np.int64(a.shape[1] > 1)
    step += 1
    total = _one(a[m, 0] * b[0, n], plan, how, below, magic, key, twist, unused, step)
    rest = 0.0
    raise_it = short and plan[7] == np.uint64(0)  # all differences are exact only in a format with subnormals
    low, high, raising, raised = 0.0, 0.0, 0.0, 0.0
    for k in range(1, b.shape[0]):
        term = a[m, k * wide] * b[k, n]
        if not fused:
            step += 1
            term = _one(term, plan, how, below, magic, key, twist, unused, step)
        if raise_it:
            exact_worth = term - rest
            worth = _without_low_bits(exact_worth, plan[0])
            grown = raised + worth
            total_now = grown - raising
            if low < total_now < high and abs(exact_worth) < np.inf:
                rest = (grown - raised) - worth
                total, raised = total_now, grown
                continue
        term = _sum_to_odd(term, -rest, down, short)
        term = _one(term, plan, how, below, magic, key, twist, unused, step + 1)
        grown = _sum_to_odd(total, term, down, short)
        grown = _one(grown, plan, how, below, magic, key, twist, unused, step + 2)
        rest = _sum_to_odd(grown, -total, down, short)
        rest = _one(rest, plan, how, below, magic, key, twist, unused, step + 3)
        step += 4
        rest = _one(_sum_to_odd(rest, -term, down, short), plan, how, below, magic, key, twist, unused, step)
        total = grown
        if raise_it:
            low, high, raising = _raise(total, plan, below)
            raised = raising + total
    return total


@njit(inline="always")
def _without_low_bits(x, drop):
    """x rounded to nearest-even at its own exponent, `drop` bits shorter; finite x that do not overflow."""
    bits = pattern(x)
    low = (np.uint64(1) << drop) - np.uint64(1)
    return number((bits + (low >> np.uint64(1)) + ((bits >> drop) & np.uint64(1))) & ~low)


@njit(cache=True, nogil=True, error_model="numpy")
def kahan(a, b, out, first, last, plan, how, below, magic, fused, down, short, key, twist, unused):
    """Kahan's compensated sum, in the order of k; the arguments of `in_order`."""
    columns, wide = out.shape[1], np.int64(a.shape[1] > 1)
    blocks = (columns + LANES - 1) // LANES
    lanes = np.zeros((5, LANES))
    total, rest, term, grown, raw = lanes[0], lanes[1], lanes[2], lanes[3], lanes[4]
    patterns = lanes.view(np.uint64)
    for task in range(first, last):
        m, n0 = task // blocks, (task % blocks) * LANES
        width = min(LANES, columns - n0)
        step = np.int64(task) << 40
        if width == 1:
            out[m, n0] = _kahan_one(
                a, b, m, n0, plan, how, below, magic, fused, down, short, key, twist, unused, step
            )  # fmt: skip
            continue
        rest_bits, term_bits, grown_bits, bits = (
            patterns[1, :width],
            patterns[2, :width],
            patterns[3, :width],
            patterns[4, :width],
        )
        for k in range(b.shape[0]):
            factor = a[m, k * wide]
            if k == 0 or not fused:
                for j in range(width):
                    raw[j] = factor * b[k, n0 + j]
                step += 1
                _settle(bits, term_bits, plan, how, below, magic, key, twist, unused, step)
            else:
                for j in range(width):
                    term[j] = factor * b[k, n0 + j]
            if k == 0:
                for j in range(width):
                    total[j] = term[j]
                    rest[j] = 0.0
                continue
            for j in range(width):  # what this term is worth with what was lost before
                raw[j] = _sum_to_odd(term[j], -rest[j], down, short)
            _settle(bits, term_bits, plan, how, below, magic, key, twist, unused, step + 1)
            for j in range(width):
                raw[j] = _sum_to_odd(total[j], term[j], down, short)
            _settle(bits, grown_bits, plan, how, below, magic, key, twist, unused, step + 2)
            for j in range(width):  # what really was added ...
                raw[j] = _sum_to_odd(grown[j], -total[j], down, short)
            _settle(bits, rest_bits, plan, how, below, magic, key, twist, unused, step + 3)
            for j in range(width):  # ... and what was too much of it
                raw[j] = _sum_to_odd(rest[j], -term[j], down, short)
                total[j] = grown[j]
            step += 4
            _settle(bits, rest_bits, plan, how, below, magic, key, twist, unused, step)
        for j in range(width):
            out[m, n0 + j] = total[j]


@njit(cache=True)
def pairwise_program(n, leaf, lanes):
    """The program of a pairwise sum of n terms, and its depth: halves of halves, down to `leaf` terms.

    A leaf with at least `lanes` terms is summed in `lanes` strides, these in pairs, and its last terms one by one. With
    lanes = 8 and leaf = 128 that is NumPy's order; with 1 and 1 a plain tree.
    """
    lines = np.empty((4 * n + 8, 4), np.int64)
    count, depth, height = 0, 1, 0
    starts, sizes = np.empty(128, np.int64), np.empty(128, np.int64)
    starts[0], sizes[0], waiting = 0, n, 1
    while waiting > 0:
        waiting -= 1
        start, size = starts[waiting], sizes[waiting]
        if size < 0:  # both halves are done
            lines[count] = (MERGE, 0, 0, 1)
            count += 1
            height -= 1
        elif size <= leaf or size < 2 * lanes:
            if size < lanes or lanes == 1:
                lines[count] = (OPEN, start, start + size, 1)
                count += 1
                height += 1
                depth = max(depth, height)
            else:
                whole = size - size % lanes
                lines[count] = (OPEN, start, start + whole, lanes)
                count += 1
                height += 1
                depth = max(depth, height)
                lines[count] = (GO_ON, start + whole, start + size, 1)
                count += 1
        else:
            half = size // 2
            half -= half % lanes
            sizes[waiting] = -1
            starts[waiting + 1], sizes[waiting + 1] = start + half, size - half
            starts[waiting + 2], sizes[waiting + 2] = start, half
            waiting += 3
    return lines[:count].copy(), depth


@njit(cache=True, nogil=True, error_model="numpy")
def exact(a, b, out, first, last):
    """out[m, n] = the exact sum over k of a[m, k] * b[n, k], rounded to odd in float64; rows first <= m < last.

    A `b` of one column stands for that column again and again.

    The sum is a whole number of 2^LOWEST_BIT, held in limbs of 32 bits with room for carries. Before that, integer
    significands gather by exponent: that is one addition a term.
    """
    wide = np.int64(b.shape[1] > 1)
    limbs, gathered = np.zeros(LIMBS, np.int64), np.zeros(2048, np.int64)
    for m in range(first, last):
        for n in range(b.shape[0]):
            limbs[:] = 0
            special, negative_zeros, lowest, highest = 0.0, True, 2047, 0
            for k in range(a.shape[1]):
                term = a[m, k] * b[n, k * wide]
                bits = pattern(term)
                exponent = np.int64((bits >> np.uint64(52)) & np.uint64(0x7FF))
                negative_zeros = negative_zeros and bits == np.uint64(1) << np.uint64(63)
                if exponent == 0x7FF:
                    special += term
                    continue
                mantissa = np.int64(bits & np.uint64((1 << 52) - 1))
                if exponent > 0:
                    mantissa |= np.int64(1) << 52
                else:
                    exponent = 1
                gathered[exponent] += -mantissa if term < 0 else mantissa
                lowest, highest = min(lowest, exponent), max(highest, exponent)
                if k % GATHERED == GATHERED - 1:
                    _pour(gathered, lowest, highest, limbs)
                    lowest, highest = 2047, 0
            _pour(gathered, lowest, highest, limbs)
            if special != 0.0:  # infinite, or NaN
                out[m, n] = special
            else:
                out[m, n] = _collect(limbs)
                if out[m, n] == 0.0 and negative_zeros and a.shape[1] > 0:
                    out[m, n] = -0.0


@njit(cache=True, nogil=True)
def _pour(gathered, lowest, highest, limbs):
    """Moves the significands of exponents lowest .. highest into the limbs."""
    for exponent in range(lowest, highest + 1):
        place = exponent - 1075 - LOWEST_BIT
        limb, offset = place // LIMB_BITS, place % LIMB_BITS
        low, high = (gathered[exponent] & 0xFFFFFFFF) << offset, (gathered[exponent] >> 32) << offset
        limbs[limb] += low & 0xFFFFFFFF
        limbs[limb + 1] += (low >> 32) + (high & 0xFFFFFFFF)
        limbs[limb + 2] += high >> 32
        gathered[exponent] = 0
    _carry(limbs)


@njit(inline="always")
def _carry(limbs):
    """Brings all limbs but the last into 0 .. 2^32 - 1."""
    for i in range(LIMBS - 1):
        over = limbs[i] >> 32
        limbs[i] -= over << 32
        limbs[i + 1] += over


@njit(inline="always")
def _collect(limbs):
    """The number that the limbs hold, rounded to odd."""
    _carry(limbs)
    negative = limbs[LIMBS - 1] < 0
    if negative:
        for i in range(LIMBS):
            limbs[i] = -limbs[i]
        _carry(limbs)
    top = LIMBS - 1
    while top > 2 and limbs[top] == 0:
        top -= 1
    word = np.uint64(limbs[top] << 32 | limbs[top - 1])
    if word == np.uint64(0):
        return 0.0
    width = 0
    while width < 64 and word >> np.uint64(width) != np.uint64(0):
        width += 1
    low = np.uint64(limbs[top - 2])
    missing = 53 - width
    if missing > 0:
        word = (word << np.uint64(missing)) | (low >> np.uint64(32 - missing))
        rest = low & np.uint64((1 << (32 - missing)) - 1)
    else:
        rest = low | (word & np.uint64((1 << -missing) - 1))
        word >>= np.uint64(-missing)
    for i in range(top - 2):
        rest |= np.uint64(limbs[i])
    if rest != np.uint64(0):
        word |= np.uint64(1)
    value = np.ldexp(np.float64(word), (top - 1) * LIMB_BITS + LOWEST_BIT - missing)
    return -value if negative else value
