"""Rounding as integer arithmetic on the bit patterns of float32 and float64.

The magnitude bits of an IEEE 754 number, read as an integer, grow with its value, and adding to them carries
from the mantissa into the exponent just as rounding up does. So to keep p bits of significand one adds a
*bias* to the magnitude and clears the bits below the last kept one. A rounding mode is nothing but which
bias it adds, and the choice hangs on the sign and on the last kept bit alone:

    nearest, ties to even   just under half a unit, or half where the last kept bit is odd
    nearest, ties away      half a unit
    truncation              nothing
    away from zero          just under one unit
    to odd                  just under one unit where the last kept bit is even, nothing where it is odd

Below the format's smallest normal number the kept bits end at a fixed place instead, that is, more bits are
dropped; below its smallest subnormal number not even the leading bit is kept, and a comparison decides.
NaNs pass through with their payload.

Each loop is compiled for uint32 and for uint64, and has no branch, so that the compiler can vectorise it and
mixed magnitudes cost nothing. The commonest mode, nearest-even, has a shorter loop of its own, held against the
general one in the tests.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from simfp.kernels.intrinsics import number, pattern, shift_left, shift_right

__all__ = [
    "PLAN_FIELDS",
    "classify32",
    "classify64",
    "nearest_even32",
    "nearest_even64",
    "round32",
    "round64",
    "stochastic32",
    "stochastic64",
]

# What the loops must know of a format and a mode: one unsigned number each, all of the carrier's width.
PLAN_FIELDS = (
    "drop",  # bits below the last kept one, for a normal result
    "min_exponent",  # of the format, in the carrier's biased form
    "bias_shift",  # 4 bytes, by 2 * negative + odd: how far the all-ones mask moves right to become the bias
    "bias_plus",  # 4 bytes, likewise: 1 where the bias is one more than that
    "up_from_positive",  # magnitudes below the smallest subnormal go up to it from here on ...
    "up_from_negative",  # ... and so with negative ones
    "smallest_subnormal",
    "flush_below",  # results below this magnitude become zero (0: none do)
    "max",
    "overflow_positive",  # what a result above max becomes: infinity, max or NaN
    "overflow_negative",
    "infinity",  # what an infinite input becomes
)


# Helpers stand out here, and are told the width: compiled functions in a closure would give Numba's cache a new key in
# each process, and nothing would ever be found in it.


@njit(inline="always")
def _dropped_bits(magnitude, drop, min_exponent, uint, mantissa):
    """How many low bits of the significand go, and the significand itself."""
    zero, one = uint(0), uint(1)
    implicit = shift_left(one, mantissa)
    exponent = shift_right(magnitude, mantissa)
    significand = uint(uint(magnitude & uint(implicit - one)) | (implicit if exponent > zero else zero))
    exponent = max(exponent, one)  # the carrier's own subnormals share the exponent of its smallest normals
    below = uint(min_exponent - exponent) if exponent < min_exponent else zero
    return uint(drop + below), significand


@njit(inline="always")
def _finish(magnitude, rounded, flush_below, largest, overflow, infinite, infinity, zero):
    """Flush, overflow, infinities and NaNs, after the rounding proper; `infinity` is the carrier's."""
    result = rounded if rounded >= flush_below else zero
    result = result if result <= largest else overflow
    result = result if magnitude < infinity else infinite
    return result if magnitude <= infinity else magnitude


@njit(inline="always")
def random_word(i, key, twist):
    """Word i of the stream (key, twist): SplitMix64 (Steele, Lea and Flood 2014), its counter xored with `twist`."""
    word = (key + np.uint64(i) * np.uint64(0x9E3779B97F4A7C15)) ^ twist
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))


@njit(inline="always")
def plan_fields(plan):
    """The fields of a plan as a tuple: a loop that stores numbers need not fear to have changed them."""
    return (
        plan[0], plan[1], plan[2], plan[3], plan[4], plan[5],
        plan[6], plan[7], plan[8], plan[9], plan[10], plan[11],
    )  # fmt: skip


@njit(inline="always")
def rounded_bits(bits, plan, uint, mantissa, sign_bit):
    """The bits of one number after rounding, by the fields of a plan."""
    drop, min_exponent, bias_shift, bias_plus = plan[0], plan[1], plan[2], plan[3]
    up_positive, up_negative, smallest, flush_below = plan[4], plan[5], plan[6], plan[7]
    largest, over_positive, over_negative, infinite = plan[8], plan[9], plan[10], plan[11]
    zero, one, byte, eight = uint(0), uint(1), uint(0xFF), uint(8)
    infinity = uint(sign_bit - shift_left(one, mantissa))
    sign = uint(bits & sign_bit)
    magnitude = uint(bits ^ sign)
    dropped, significand = _dropped_bits(magnitude, drop, min_exponent, uint, mantissa)
    shift = min(dropped, mantissa)
    mask = uint(shift_left(one, shift) - one)
    odd = uint(shift_right(significand, shift) & one)
    row = uint(eight * uint(odd + (uint(2) if sign > zero else zero)))
    bias = shift_right(mask, uint(shift_right(bias_shift, row) & byte))
    bias = uint(bias + uint(shift_right(bias_plus, row) & uint(one & mask)))
    rounded = uint(uint(magnitude + bias) & ~mask)
    up_from = up_positive if sign == zero else up_negative
    tiny = smallest if magnitude >= up_from else zero
    rounded = rounded if dropped <= mantissa else tiny
    overflow = over_positive if sign == zero else over_negative
    result = _finish(magnitude, rounded, flush_below, largest, overflow, infinite, infinity, zero)
    return uint(result | sign)


@njit(inline="always")
def bits_to_nearest_even(bits, plan, on_grid_below, magic, uint, mantissa, sign_bit):
    """The same for nearest-even, with two ways in place of one.

    Down to `on_grid_below` the same number of bits is dropped everywhere. Below it values lie on the fixed grid of the
    subnormals, and adding and subtracting magic = 1.5 * 2^mantissa grid steps lets the processor's own nearest-even
    round to it. For 1 <= drop < mantissa; the grid must lie among the carrier's normal numbers, or a processor told to
    flush subnormals would lose them.
    """
    drop, flush_below, largest, overflow = plan[0], plan[7], plan[8], plan[9]
    zero, one = uint(0), uint(1)
    infinity = uint(sign_bit - shift_left(one, mantissa))
    dropped = uint(shift_left(one, drop) - one)
    magnitude = uint(bits & uint(~sign_bit))
    odd = uint(shift_right(magnitude, drop) & one)
    rounded = uint(uint(uint(magnitude + shift_right(dropped, one)) + odd) & ~dropped)
    on_grid = pattern(number(magnitude) + magic - magic)
    rounded = on_grid if magnitude < on_grid_below else rounded
    rounded = rounded if rounded >= flush_below else zero
    rounded = rounded if rounded <= largest else overflow
    rounded = rounded if magnitude <= infinity else magnitude
    return uint(rounded | uint(bits & sign_bit))


@njit(inline="always")
def bits_rounded_by_chance(bits, plan, random, unused, uint, mantissa, sign_bit):
    """The same, up where what is dropped is more than a random fraction, both without their `unused` low bits."""
    drop, min_exponent, smallest, flush_below = plan[0], plan[1], plan[6], plan[7]
    largest, over_positive, over_negative, infinite = plan[8], plan[9], plan[10], plan[11]
    zero, one, word = uint(0), uint(1), uint(64 if mantissa == uint(52) else 32)
    infinity = uint(sign_bit - shift_left(one, mantissa))
    sign = uint(bits & sign_bit)
    magnitude = uint(bits ^ sign)
    dropped, significand = _dropped_bits(magnitude, drop, min_exponent, uint, mantissa)
    shift = min(dropped, mantissa)
    mask = uint(shift_left(one, shift) - one)
    rest = uint(significand & mask) if dropped <= mantissa else significand
    # the dropped bits as a binary fraction of all bits of a word
    left = uint(word - min(max(dropped, one), word))
    right = min(uint(max(dropped, word) - word), uint(word - one))
    part = shift_right(shift_left(rest, left), right)
    part = part if dropped < uint(word + word) else zero
    up = shift_right(random, unused) < shift_right(part, unused)
    kept = uint(magnitude & ~mask)
    rounded = uint(kept + uint(mask + one)) if up else kept
    tiny = smallest if up else zero
    rounded = rounded if dropped <= mantissa else tiny
    overflow = over_positive if sign == zero else over_negative
    result = _finish(magnitude, rounded, flush_below, largest, overflow, infinite, infinity, zero)
    return uint(result | sign)


def _compile(width: int) -> tuple[Any, Any, Any, Any]:
    """The four loops for carriers of `width` bits."""
    uint = np.uint32 if width == 32 else np.uint64
    mantissa = uint(23 if width == 32 else 52)
    sign_bit = uint(1 << (width - 1))
    infinity = uint(0x7F800000 if width == 32 else 0x7FF0000000000000)
    zero = uint(0)

    @njit(cache=True, nogil=True)
    def round_bits(x, out, plan):
        """out[i] = x[i] rounded; both flat arrays of bit patterns, possibly the same one."""
        fields = plan_fields(plan)
        for i in range(x.size):
            out[i] = rounded_bits(x[i], fields, uint, mantissa, sign_bit)

    @njit(cache=True, nogil=True)
    def round_nearest_even(x, out, plan, on_grid_below, magic):
        """The same for nearest-even; see `bits_to_nearest_even`."""
        fields = plan_fields(plan)
        for i in range(x.size):
            out[i] = bits_to_nearest_even(x[i], fields, on_grid_below, magic, uint, mantissa, sign_bit)

    @njit(cache=True, nogil=True)
    def round_stochastically(x, out, plan, key, twist, unused):
        """The same, up with a probability equal to the dropped fraction, held to width - unused bits.

        key, twist: uint64; they choose the random words, of which every value gets its own.
        """
        fields = plan_fields(plan)
        for i in range(x.size):
            random = uint(random_word(i, key, twist) >> np.uint64(64 - width))
            out[i] = bits_rounded_by_chance(x[i], fields, random, unused, uint, mantissa, sign_bit)

    @njit(cache=True, nogil=True)
    def classify(x, rounded, fates, smallest_normal, over_positive, over_negative):
        """fates[i] = 0 exact, 1 rounded, 2 subnormal, 3 zeroed, 4 overflowed, 5 nan.

        over_positive, over_negative: the magnitudes from which on the mode overflows.
        """
        for i in range(x.size):
            before = uint(x[i] & ~sign_bit)
            after = uint(rounded[i] & ~sign_bit)
            over = over_positive if x[i] == before else over_negative
            fate = np.uint8(0) if before == after else np.uint8(1)
            fate = np.uint8(2) if after < smallest_normal and after > zero else fate
            fate = np.uint8(3) if after == zero and before > zero else fate
            lost = before != after and (before >= over or after >= infinity)
            fate = np.uint8(4) if lost else fate
            fates[i] = np.uint8(5) if before > infinity else fate

    return round_bits, round_nearest_even, round_stochastically, classify


round32, nearest_even32, stochastic32, classify32 = _compile(32)
round64, nearest_even64, stochastic64, classify64 = _compile(64)
