"""One addition that is rounded once, in any mode: what every kernel of sums is made of.

An addition is computed in float64 and rounded to odd (see to_odd.py), then rounded by rounding.py; so it is rounded
once. The products of two values of at most 24 bits are exact in float64.

In a long chain each addition waits for the one before, so what counts is how long a rounding takes. In nearest-even
most of them need none of their own: the total is held *raised* (see `raised`), and float64's own rounding does it.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from simfp.kernels.intrinsics import number, pattern
from simfp.kernels.rounding import (
    bits_rounded_by_chance,
    bits_to_nearest_even,
    nearest_even64,
    plan_fields,
    random_word,
    rounded_bits,
)

__all__ = [
    "ANY", "LANES", "NARROW", "NEAREST", "STOCHASTIC", "lane_rounded", "owned", "raised", "rounded", "sum_to_odd",
    "to_nearest",
]  # fmt: skip

NEAREST, ANY, STOCHASTIC = 0, 1, 2  # how to round: to nearest even by its shorter way, in any mode, stochastically
LANES = 128  # sums side by side: setting up a loop over them costs little, and they stay in the nearest cache
NARROW = 12  # up to so many columns are added one by one: that is quicker than lanes of them
SIGN = np.uint64(1 << 63)
MANTISSA = np.uint64(52)
NEXT_STREAM = np.uint64(0xD1342543DE82EF95)  # how far apart the random words of two roundings start


@njit(forceinline=True, error_model="numpy")
def sum_to_odd(x, y, down, short):
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


@njit(forceinline=True, error_model="numpy")
def lane_rounded(x, fields, how, below, magic, lane, key, twist, unused, step):
    """One number rounded without a branch, for loops over lanes; fields: those of a plan.

    below, magic: as `bits_to_nearest_even` takes them. key, twist, unused: those of a stream of random words, of which
    each lane and each step has its own.
    """
    bits = pattern(x)
    if how == NEAREST:
        return number(bits_to_nearest_even(bits, fields, below, magic, np.uint64, MANTISSA, SIGN))
    if how == ANY:
        return number(rounded_bits(bits, fields, np.uint64, MANTISSA, SIGN))
    random = random_word(lane, key + np.uint64(step) * NEXT_STREAM, twist)
    return number(bits_rounded_by_chance(bits, fields, random, unused, np.uint64, MANTISSA, SIGN))


@njit(cache=True, nogil=True, error_model="numpy")
def rounded(x, plan, how, below, magic, key, twist, unused, step):
    """One number rounded as the first lane; a call, or compiling would take ten times as long."""
    if how == NEAREST:
        return to_nearest(x, plan, below, magic)
    return lane_rounded(x, plan_fields(plan), how, below, magic, 0, key, twist, unused, step)


@njit(forceinline=True, error_model="numpy")
def to_nearest(x, plan, below, magic):
    """One number rounded to nearest-even, as `bits_to_nearest_even` does it, but with branches."""
    bits = pattern(x)
    magnitude = bits & np.uint64(0x7FFFFFFFFFFFFFFF)
    drop = plan[0]
    keep = ~((np.uint64(1) << drop) - np.uint64(1))
    result = (magnitude + (~keep >> np.uint64(1)) + ((magnitude >> drop) & np.uint64(1))) & keep
    if magnitude >= below and result <= plan[8] and result >= plan[7]:  # nearly always: the rest can wait
        return number(result | (bits ^ magnitude))
    if magnitude < below:
        result = pattern(number(magnitude) + magic - magic)
    result = result if result >= plan[7] else np.uint64(0)
    result = result if result <= plan[8] else plan[9]
    result = result if magnitude <= np.uint64(0x7FF0000000000000) else magnitude
    return number(result | (bits ^ magnitude))


@njit(cache=True, nogil=True, error_model="numpy")
def owned(bits, plan, below, magic):
    """Whether nearest-even rounding leaves all numbers alone that have these bits (NaN counts)."""
    made, others = np.empty(1024, np.uint64), 0
    for start in range(0, bits.size, 1024):
        piece = bits[start : start + 1024]
        nearest_even64(piece, made[: piece.size], plan, below, magic)
        for i in range(piece.size):
            others += made[i] != piece[i]
    return others == 0


@njit(forceinline=True, error_model="numpy")
def raised(total, plan, below, short):
    """What lifts a total to where one addition of float64 rounds to nearest-even, and for which sums: low, high, lift.

    For 53 - p bits above the power of two below it, float64 has the steps that the format of p bits has around the
    total. So for any x where low <= total + x <= high, in float64, (lift + total) + x - lift is their sum, rounded
    once. The steps are the same from that power of two to the next, and sums a quarter of a step below the lower one
    and half a step above the upper one round to these. The steps of the smallest normal numbers go on through zero; but
    only of `short` sums, those of values of the format, is a sum near zero exact, and no zero with a sign of its own.
    Where there is no such place, low > high.
    """
    power = max(pattern(total) & np.uint64(0x7FF0000000000000), below)
    # no room below or above; infinite or NaN; zero, whose sign a lift would lose
    room = np.uint64(0) < power >> MANTISSA < np.uint64(2046) - plan[0]
    if not room or not 0.0 < abs(total) <= number(plan[8]):
        return 1.0, -1.0, 0.0
    least, lift = number(power), 1.5 * number(power + (plan[0] << MANTISSA))
    step = number(power) * number((np.uint64(1023 - 52) + plan[0]) << MANTISSA)
    low, high = least - 0.25 * step, min(2.0 * least + 0.5 * step, number(plan[8]))
    if power == below or power <= plan[7]:
        if short and plan[7] == np.uint64(0):
            low = -high
        elif abs(total) < least:
            return 1.0, -1.0, 0.0
        else:
            low = least
    if not short:  # total + x itself has been rounded: let it be within by more than that
        low, high = number(pattern(low) + np.uint64(1)), number(pattern(high) - np.uint64(1))
    return (low, high, lift) if total > 0.0 else (-high, -low, lift)
