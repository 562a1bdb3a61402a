"""The fused steps of a tensor core: products and a running sum, aligned, truncated, added exactly, converted.

A number is a signed significand, a whole number, and an exponent: significand * 2^(exponent - fraction bits). The
exponent of a product is the sum of its factors' exponents; it is not normalised. Zero has the exponent LOW, infinity
INFINITE and NaN NOT_A_NUMBER.

`general` is the model as it is told, for any parameters. `fused32` is the same for what fits into 32 bits (finite
inputs, few fraction bits), on LANES columns side by side: products are made in float32, exactly, and a processor's own
conversion to integers truncates them.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from simfp.kernels.intrinsics import number, pattern, shift_left, shift_right

__all__ = [
    "INFINITE",
    "LANES",
    "LOW",
    "NOT_A_NUMBER",
    "ROWS",
    "TOP",
    "exponents32",
    "fused32",
    "general",
    "split",
    "tiles",
]

LOW = -(1 << 14)
INFINITE = 1 << 14
NOT_A_NUMBER = INFINITE + 1
LANES = 64
ROWS = 16  # of one task
TOP = 60  # factors are scaled to stay below 2^(TOP + 1)
LOWEST_TOP = -38  # scaled products below 2^-65 may be inexact: 2^25 times one that is 2^-38 times smaller is below 1/2


@njit(cache=True, nogil=True)
def split(x, significands, exponents, fraction_bits, min_exponent):
    """Significand and exponent of each value of the flat float64 array x, all of one format."""
    for i in range(x.size):
        bits = pattern(x[i])
        exponent = np.int64((bits >> np.uint64(52)) & np.uint64(0x7FF)) - 1023
        mantissa = np.int64(bits & np.uint64((1 << 52) - 1))
        negative = bits >> np.uint64(63) != np.uint64(0)
        if exponent == 1024:
            significands[i] = -1 if negative else 1
            exponents[i] = INFINITE if mantissa == 0 else NOT_A_NUMBER
        elif x[i] == 0.0:
            significands[i] = 0
            exponents[i] = LOW
        else:
            below = max(min_exponent - exponent, 0)  # a subnormal number keeps the smallest normal one's exponent
            whole = (mantissa | (np.int64(1) << 52)) >> (52 - fraction_bits + below)
            significands[i] = -whole if negative else whole
            exponents[i] = exponent + below


@njit(cache=True, nogil=True)
def exponents32(x, exponents, min_exponent):
    """The exponent of each value of the flat float32 array x, as in `split`; returns the largest magnitude's bits."""
    largest = np.uint32(0)
    lowest = np.int32(min_exponent)
    for i in range(x.size):
        bits = np.uint32(pattern(x[i]) & np.uint32(0x7FFFFFFF))
        largest = max(largest, bits)
        exponent = max(np.int32(np.int32(bits >> np.uint32(23)) - np.int32(127)), lowest)
        exponents[i] = exponent if bits != np.uint32(0) else np.int32(LOW)
    return largest


@njit(cache=True, nogil=True)
def tiles(values, exponents, packed, packed_exponents):
    """Columns in blocks of LANES: from (stack, K, N) to (stack, blocks, K, LANES), the last one filled with zeros."""
    for place in range(packed.shape[0]):
        for block in range(packed.shape[1]):
            first = block * LANES
            width = min(LANES, values.shape[2] - first)
            for k in range(packed.shape[2]):
                for j in range(width):
                    packed[place, block, k, j] = values[place, k, first + j]
                    packed_exponents[place, block, k, j] = exponents[place, k, first + j]
                for j in range(width, LANES):
                    packed[place, block, k, j] = np.float32(0)
                    packed_exponents[place, block, k, j] = LOW


@njit(inline="always")
def _moved(significand, places):
    """significand * 2^places, truncated toward zero."""
    size = abs(significand)
    size = size << places if places >= 0 else size >> min(-places, 63)
    return size if significand > 0 else -size


@njit(cache=True, nogil=True, error_model="numpy")
def general(
    sa,
    ea,
    sb,
    eb,
    chunks,
    start,
    out,
    first,
    last,
    product_bits,
    fraction_bits,
    floor,
    acc_bits,
    acc_min,
    acc_max,
    acc_largest,
    nearest,
):
    """out[m, n] for rows first <= m < last: the running sum after all chunks, a value of the accumulator's format.

    sa, ea: (M, K); sb, eb: (N, K), int64. chunks: (steps, 2), the first k and the one after the last of each step.
    start: the running sum to begin with, (M, N), or of size 0 to begin with nothing. product_bits: fraction bits of a
    product; floor: the largest exponent of a step is taken to be no smaller; acc_...: mantissa bits, exponents and
    largest number of the accumulator. nearest: converted by rounding to nearest even; else by truncation. What is too
    large becomes infinite.
    """
    for m in range(first, last):
        for n in range(sb.shape[0]):
            total, exponent = np.int64(0), np.int64(LOW)
            positive, negative, invalid = False, False, False
            if start.size > 0:
                begin = start[m, n]
                positive, negative, invalid = begin == np.inf, begin == -np.inf, begin != begin
                if begin != 0.0 and np.isfinite(begin):
                    bits = np.int64(pattern(abs(begin)))
                    exponent = max((bits >> 52) - 1023, acc_min)
                    total = np.int64(np.ldexp(begin, acc_bits - exponent))  # exact: it is the accumulator's
            for step in range(chunks.shape[0]):
                highest = max(exponent if total != 0 else np.int64(LOW), np.int64(floor))
                for k in range(chunks[step, 0], chunks[step, 1]):
                    e = max(ea[m, k], eb[n, k])
                    if e >= INFINITE:
                        product = sa[m, k] * sb[n, k]
                        invalid = invalid or e == NOT_A_NUMBER or product == 0
                        positive, negative = positive or product > 0, negative or product < 0
                    elif sa[m, k] != 0 and sb[n, k] != 0:
                        highest = max(highest, ea[m, k] + eb[n, k])
                if invalid or positive or negative:
                    continue
                summed = _moved(total, fraction_bits - acc_bits - (highest - exponent)) if total != 0 else np.int64(0)
                for k in range(chunks[step, 0], chunks[step, 1]):
                    if sa[m, k] != 0 and sb[n, k] != 0:
                        away = highest - (ea[m, k] + eb[n, k])
                        summed += _moved(sa[m, k] * sb[n, k], fraction_bits - product_bits - away)
                size, length = abs(summed), 0
                while length < 63 and size >> length != 0:
                    length += 1
                exponent = max(highest - fraction_bits + length - 1, acc_min)
                drop = exponent - acc_bits - (highest - fraction_bits)
                if drop > 0:
                    rest = size & ((np.int64(1) << min(drop, 62)) - 1)
                    size >>= min(drop, 62)
                    half = np.int64(1) << (min(drop, 62) - 1)
                    if nearest and (rest > half or (rest == half and size & 1 == 1)):
                        size += 1
                else:
                    size <<= -drop
                if size >> (acc_bits + 1) != 0:
                    size >>= 1
                    exponent += 1
                total = size if summed > 0 else -size
                if size == 0:
                    exponent = np.int64(LOW)
                elif exponent > acc_max or np.ldexp(np.float64(size), exponent - acc_bits) > acc_largest:
                    positive, negative = summed > 0, summed < 0
            if invalid or (positive and negative):
                out[m, n] = np.nan
            elif positive or negative:
                out[m, n] = np.inf if positive else -np.inf
            else:
                out[m, n] = np.ldexp(np.float64(total), exponent - acc_bits) if total != 0 else 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def fused32(xa, ea, xb, eb, chunks, out, first, last, shift, fraction_bits, floor):
    """The same for finite inputs, a float32 accumulator and truncation, in 32 bits; whether all of it was exact.

    xa, ea: (stack, M, K) values, float32, and exponents, int32; xb, eb: (stack, blocks, K, LANES); out: (stack, M,
    blocks * LANES) float32. first, last: tasks, each of ROWS rows of one product of the stack. The values have at most
    12 bits and are scaled: a product is 2^shift times what it stands for. floor: as in `general`.

    Times `scale` a product has `fraction_bits` below the step's largest exponent, and is below 2^27. There are at most
    16 in a step: two sums of half of them, and the running sum, stay within 32 bits.
    """
    top, scale = np.empty(LANES, np.int32), np.empty(LANES, np.float32)
    even, odd = np.empty(LANES, np.int32), np.empty(LANES, np.int32)
    total, exponent = np.empty(LANES, np.int32), np.empty(LANES, np.int32)
    largest, smallest = np.full(LANES, LOW, np.int32), np.full(LANES, -LOW, np.int32)  # exponents, of sums and products
    # in 32 bits throughout, or the loops over lanes would not be vectorised as widely
    zero, low, lowest, highest = np.int32(0), np.int32(LOW), np.int32(-126), np.int32(127)
    mantissa, implicit, fraction = np.uint32(23), np.uint32(1 << 23), np.uint32((1 << 23) - 1)
    left = np.uint32(fraction_bits - 23)
    tasks = (xa.shape[1] + ROWS - 1) // ROWS
    for task in range(first, last):
        place, start_row = task // tasks, task % tasks * ROWS
        for block in range(xb.shape[1]):
            for m in range(start_row, min(xa.shape[1], start_row + ROWS)):
                for j in range(LANES):
                    total[j] = 0
                    exponent[j] = LOW
                for step in range(chunks.shape[0]):
                    start, stop = chunks[step, 0], chunks[step, 1]
                    for j in range(LANES):
                        top[j] = 2 * LOW
                    for k in range(start, stop):
                        e = ea[place, m, k]
                        for j in range(LANES):
                            top[j] = max(top[j], np.int32(e + eb[place, block, k, j]))
                    for j in range(LANES):
                        smallest[j] = min(smallest[j], top[j] if top[j] > low >> 1 else -low)
                        top[j] = max(top[j], exponent[j], floor)
                        away = min(np.int32(top[j] - exponent[j]), np.int32(126))
                        power = min(max(np.int32(fraction_bits - shift - top[j]), lowest), highest)
                        scale[j] = number(shift_left(np.uint32(power + highest), mantissa))
                        even[j] = np.int32(
                            np.float32(total[j]) * number(shift_left(np.uint32(highest - away), mantissa))
                        )
                        odd[j] = zero
                    for k in range(start, stop - 1, 2):
                        x, y = xa[place, m, k], xa[place, m, k + 1]
                        for j in range(LANES):
                            even[j] += np.int32(x * xb[place, block, k, j] * scale[j])  # truncates
                            odd[j] += np.int32(y * xb[place, block, k + 1, j] * scale[j])
                    if (stop - start) % 2 == 1:
                        x = xa[place, m, stop - 1]
                        for j in range(LANES):
                            even[j] += np.int32(x * xb[place, block, stop - 1, j] * scale[j])
                    for j in range(LANES):
                        summed = np.float64(even[j]) + np.float64(odd[j])  # exact, and so is its exponent
                        bits = np.uint32(pattern(summed) >> np.uint64(29))  # cut off after 24 bits; 9 of the exponent
                        length = np.int32(np.uint32(shift_right(bits, mantissa) + np.uint32(1)) & np.uint32(511))
                        e32 = np.int32(np.int32(length + top[j]) - fraction_bits)
                        below = np.uint32(min(max(np.int32(lowest - e32), zero), np.int32(31)))
                        kept = shift_right(np.uint32(np.uint32(bits & fraction) | implicit), below)
                        kept = kept if summed != 0.0 else np.uint32(0)
                        size = np.int32(shift_left(kept, left))
                        total[j] = size if summed > 0.0 else np.int32(-size)
                        exponent[j] = max(e32, lowest) if size != zero else low
                        largest[j] = max(largest[j], exponent[j])
                for j in range(LANES):
                    value = np.ldexp(np.float64(total[j]), exponent[j] - fraction_bits) if total[j] != 0 else 0.0
                    out[place, m, block * LANES + j] = np.float32(value)
    return largest.max() <= 127 and smallest.min() + shift >= LOWEST_TOP
