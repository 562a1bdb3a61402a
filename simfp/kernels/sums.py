"""Sums in a stated order, every addition rounded to a format; and sums that are exact.

All loops add up products a[m, k] * b[k, n] over k; an `a` of one column stands for that column again and again, so
that a plain sum has a = [[1]]. They work on *lanes*: LANES columns n
side by side, so that the processor adds many sums at once while each keeps its order.

The order is a program, a row for each instruction, that works on a stack of partial sums:

    OPEN   start stop step     a new partial sum of the terms k = start, start + step ..., the first taken as it is
    GO_ON  start stop step     those terms, added to the topmost partial sum
    MERGE                      the two topmost become their sum: the lower one plus the upper one

An addition is computed in float64 and rounded to odd (see to_odd.py), then rounded by the loops of rounding.py; so it
is rounded once, in any mode. The products of two values of at most 24 bits are exact in float64.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from simfp.kernels.intrinsics import number, pattern
from simfp.kernels.rounding import nearest_even64, round64, stochastic64

__all__ = ["GO_ON", "LANES", "LIMBS", "MERGE", "OPEN", "exact", "in_order", "kahan", "owned", "pairwise_program"]

OPEN, GO_ON, MERGE = 0, 1, 2
LANES = 64
LIMB_BITS = 32
LOWEST_BIT = (
    -1152
)  # of the exact sum: two limbs below float64's own, 2^-1074, so that there are always two below a number
LIMBS = 70  # up to 2^1088


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
        stochastic64(bits, out, plan, key + np.uint64(step) * np.uint64(0xD1342543DE82EF95), twist, unused)


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
def owned(x, plan, below, magic):
    """Whether every number of the flat array x is one that nearest-even rounding leaves alone (NaN counts)."""
    others = 0
    for i in range(x.size):
        others += _one_to_nearest(x[i], plan, below, magic) != x[i] and x[i] == x[i]
    return others == 0


@njit(cache=True, nogil=True, error_model="numpy")
def _run_one(total, a, b, m, n, start, stop, stride, plan, below, magic, fused, short):
    """`total` after the terms start, start + stride ... of one column, in nearest-even.

    Where `short`, most additions of a long run are a single one: of the term to the total that is held *raised*, by a
    power of two so large that float64 itself rounds where the format would, as long as the total stays between two
    powers of two.
    """
    wide = np.int64(a.shape[1] > 1)
    raise_it = short and stop - start > 64 * stride
    low, high, raising, raised = 0.0, 0.0, 0.0, 0.0  # no total lies between 0 and 0
    for k in range(start, stop, stride):
        term = a[m, k * wide] * b[k, n]
        if not fused:
            term = _one_to_nearest(term, plan, below, magic)
        if raise_it:
            raised += term
            total_now = raised - raising
            size = abs(total_now)
            if low < size < high:
                total = total_now
                continue
        total = _one_to_nearest(_sum_to_odd(total, term, False, short), plan, below, magic)
        if raise_it:
            bits = pattern(total) & np.uint64(0x7FF0000000000000)  # the power of two below it
            room = bits >> np.uint64(52) < np.uint64(2046) - plan[0]
            inside = bits >= below and bits >= plan[7] and room and abs(total) < number(plan[8])
            low = number(bits) if inside else 0.0
            high = min(2.0 * low, number(plan[8]))
            raising = 1.5 * number(bits + (plan[0] << np.uint64(52))) if low > 0.0 else 0.0
            raised = raising + total
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def in_order(program, depth, a, b, out, first, last, plan, how, below, magic, fused, down, short, key, twist, unused):
    """out[m, n] for tasks first <= t < last, of which each is one row m and LANES columns.

    program: (instructions, 4) int64; depth: how many partial sums there are at once; a: (M, K), b: (K, N), out: (M, N)
    float64. fused: products are not rounded before they are added. plan, how ... as `_settle` takes them.
    """
    columns, wide = out.shape[1], np.int64(a.shape[1] > 1)
    blocks = (columns + LANES - 1) // LANES
    stack = np.zeros((depth, LANES))
    patterns = stack.view(np.uint64)
    raw, term = np.zeros(LANES), np.zeros(LANES)
    raw_pattern, term_pattern = raw.view(np.uint64), term.view(np.uint64)
    for task in range(first, last):
        m, n0 = task // blocks, (task % blocks) * LANES
        width = min(LANES, columns - n0)
        alone = width == 1 and how == 0
        top = -1
        step = np.int64(task) << 40
        for line in range(program.shape[0]):
            kind, start, stop, stride = program[line, 0], program[line, 1], program[line, 2], program[line, 3]
            step += 1
            if kind == MERGE:
                top -= 1
                for j in range(width):
                    raw[j] = _sum_to_odd(stack[top, j], stack[top + 1, j], down, short)
            elif kind == OPEN:
                top += 1
                for j in range(width):
                    raw[j] = a[m, start * wide] * b[start, n0 + j]
                start += stride
            if alone:
                if kind != GO_ON:
                    stack[top, 0] = _one_to_nearest(raw[0], plan, below, magic)
                if start < stop:
                    total = stack[top, 0]
                    stack[top, 0] = _run_one(total, a, b, m, n0, start, stop, stride, plan, below, magic, fused, short)
                continue
            if kind != GO_ON:
                _settle(raw_pattern[:width], patterns[top, :width], plan, how, below, magic, key, twist, unused, step)
            for k in range(start, stop, stride):
                factor = a[m, k * wide]
                if fused:
                    for j in range(width):
                        raw[j] = _sum_to_odd(stack[top, j], factor * b[k, n0 + j], down, short)
                else:
                    for j in range(width):
                        raw[j] = factor * b[k, n0 + j]
                    step += 1
                    _settle(
                        raw_pattern[:width], term_pattern[:width], plan, how, below, magic, key, twist, unused, step
                    )
                    for j in range(width):
                        raw[j] = _sum_to_odd(stack[top, j], term[j], down, short)
                step += 1
                _settle(raw_pattern[:width], patterns[top, :width], plan, how, below, magic, key, twist, unused, step)
        for j in range(width):
            out[m, n0 + j] = stack[0, j]


@njit(cache=True, nogil=True, error_model="numpy")
def _kahan_one(a, b, m, n, plan, below, magic, fused, short):
    """Kahan's sum of one column, in nearest-even."""
    wide = np.int64(a.shape[1] > 1)
    total = _one_to_nearest(a[m, 0] * b[0, n], plan, below, magic)
    rest = 0.0
    for k in range(1, b.shape[0]):
        term = a[m, k * wide] * b[k, n]
        if not fused:
            term = _one_to_nearest(term, plan, below, magic)
        term = _one_to_nearest(_sum_to_odd(term, -rest, False, short), plan, below, magic)
        grown = _one_to_nearest(_sum_to_odd(total, term, False, short), plan, below, magic)
        rest = _one_to_nearest(_sum_to_odd(grown, -total, False, short), plan, below, magic)
        rest = _one_to_nearest(_sum_to_odd(rest, -term, False, short), plan, below, magic)
        total = grown
    return total


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
        if width == 1 and how == 0:
            out[m, n0] = _kahan_one(a, b, m, n0, plan, below, magic, fused, short)
            continue
        bits = patterns[4, :width]
        step = np.int64(task) << 40
        for k in range(b.shape[0]):
            factor = a[m, k * wide]
            if k == 0 or not fused:
                for j in range(width):
                    raw[j] = factor * b[k, n0 + j]
                step += 1
                _settle(bits, patterns[2, :width], plan, how, below, magic, key, twist, unused, step)
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
            _settle(bits, patterns[2, :width], plan, how, below, magic, key, twist, unused, step + 1)
            for j in range(width):
                raw[j] = _sum_to_odd(total[j], term[j], down, short)
            _settle(bits, patterns[3, :width], plan, how, below, magic, key, twist, unused, step + 2)
            for j in range(width):  # what really was added ...
                raw[j] = _sum_to_odd(grown[j], -total[j], down, short)
            _settle(bits, patterns[1, :width], plan, how, below, magic, key, twist, unused, step + 3)
            for j in range(width):  # ... and what was too much of it
                raw[j] = _sum_to_odd(rest[j], -term[j], down, short)
                total[j] = grown[j]
            step += 4
            _settle(bits, patterns[1, :width], plan, how, below, magic, key, twist, unused, step)
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
                for lane in range(lanes):
                    lines[count] = (OPEN, start + lane, start + whole, lanes)
                    count += 1
                    height += 1
                    depth = max(depth, height)
                    pairs = lane + 1
                    while pairs % 2 == 0:
                        lines[count] = (MERGE, 0, 0, 1)
                        count += 1
                        height -= 1
                        pairs //= 2
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

    The sum is a whole number of 2^LOWEST_BIT, held in limbs of 32 bits with room for carries.
    """
    limbs = np.zeros(LIMBS, np.int64)
    for m in range(first, last):
        for n in range(b.shape[0]):
            limbs[:] = 0
            special, negative_zeros, carried = 0.0, True, 0
            for k in range(a.shape[1]):
                term = a[m, k] * b[n, k]
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
                place = exponent - 1075 - LOWEST_BIT
                limb, offset = place // LIMB_BITS, place % LIMB_BITS
                low, high = (mantissa & 0xFFFFFFFF) << offset, (mantissa >> 32) << offset
                if term < 0:
                    limbs[limb] -= low & 0xFFFFFFFF
                    limbs[limb + 1] -= (low >> 32) + (high & 0xFFFFFFFF)
                    limbs[limb + 2] -= high >> 32
                else:
                    limbs[limb] += low & 0xFFFFFFFF
                    limbs[limb + 1] += (low >> 32) + (high & 0xFFFFFFFF)
                    limbs[limb + 2] += high >> 32
                carried += 1
                if carried == 1 << 28:
                    _carry(limbs)
                    carried = 0
            if special != 0.0:  # infinite, or NaN
                out[m, n] = special
            else:
                out[m, n] = _collect(limbs)
                if out[m, n] == 0.0 and negative_zeros and a.shape[1] > 0:
                    out[m, n] = -0.0


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
