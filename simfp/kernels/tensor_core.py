"""The fused steps of a tensor core: products and a running sum, aligned, truncated, added exactly, converted.

A number is a signed significand, a whole number, and an exponent: significand * 2^(exponent - fraction bits). The
exponent of a product is the sum of its factors' exponents; it is not normalised. Zero has the exponent LOW, infinity
INFINITE and NaN NOT_A_NUMBER.

`general` is the model as it is told, for any parameters. `fused32` is the same for what fits into 32 bits (finite
inputs, few fraction bits), on LANES columns side by side.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from simfp.kernels.intrinsics import pattern

__all__ = ["INFINITE", "LANES", "LOW", "NOT_A_NUMBER", "fused32", "general", "split", "tiles"]

LOW = -(1 << 14)
INFINITE = 1 << 14
NOT_A_NUMBER = INFINITE + 1
LANES = 64
ROWS = 16  # of one task


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
def tiles(significands, exponents, packed, packed_exponents):
    """Columns in blocks of LANES: from (K, N) to (blocks, K, LANES), the last one filled with zeros."""
    for block in range(packed.shape[0]):
        first = block * LANES
        width = min(LANES, significands.shape[1] - first)
        for k in range(packed.shape[1]):
            for j in range(LANES):
                packed[block, k, j] = significands[k, first + j] if j < width else 0
                packed_exponents[block, k, j] = exponents[k, first + j] if j < width else LOW


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
def fused32(sa, ea, sb, eb, chunks, out, first, last, up, fraction_bits, floor):
    """The same for finite inputs, a float32 accumulator and truncation, in 32-bit integers; whether nothing overflowed.

    first, last: blocks of ROWS rows. sa, ea: (M, K) int32; sb, eb: (blocks, K, LANES) int32; out: (M, blocks * LANES)
    float32. A product times 2^up has `fraction_bits`. For at most 16 products a step, below 2^27 each: two sums of
    half of them, and the running sum, stay within 32 bits. floor: an int32, as in `general`.
    """
    highest = np.empty(LANES, np.int32)
    even, odd = np.empty(LANES, np.int32), np.empty(LANES, np.int32)
    total, exponent = np.empty(LANES, np.int32), np.empty(LANES, np.int32)
    fits = True
    for block in range(sb.shape[0]):
        for m in range(first * ROWS, min(sa.shape[0], last * ROWS)):
            for j in range(LANES):
                total[j] = 0
                exponent[j] = LOW
            for step in range(chunks.shape[0]):
                start, stop = chunks[step, 0], chunks[step, 1]
                for j in range(LANES):
                    highest[j] = max(exponent[j], floor)
                for k in range(start, stop):
                    e = ea[m, k]
                    for j in range(LANES):
                        highest[j] = max(highest[j], np.int32(e + eb[block, k, j]))
                for j in range(LANES):
                    away = min(np.int32(highest[j] - exponent[j]), np.int32(31))
                    mask = np.int32(total[j] >> np.int32(31))
                    even[j] = ((((total[j] ^ mask) - mask) >> away) ^ mask) - mask
                    odd[j] = 0
                for k in range(start, stop, 2):
                    e, s = ea[m, k], np.int32(sa[m, k] << up)
                    paired = k + 1 < stop
                    k2 = k + 1 if paired else k
                    e2, s2 = (ea[m, k2], np.int32(sa[m, k2] << up)) if paired else (np.int32(LOW), np.int32(0))
                    for j in range(LANES):
                        product = np.int32(s * sb[block, k, j])
                        away = min(np.int32(highest[j] - e - eb[block, k, j]), np.int32(31))
                        mask = np.int32(product >> np.int32(31))
                        even[j] += np.int32(((np.int32((product ^ mask) - mask) >> away) ^ mask) - mask)
                        product = np.int32(s2 * sb[block, k2, j])
                        away = min(np.int32(highest[j] - e2 - eb[block, k2, j]), np.int32(31))
                        mask = np.int32(product >> np.int32(31))
                        odd[j] += np.int32(((np.int32((product ^ mask) - mask) >> away) ^ mask) - mask)
                for j in range(LANES):
                    summed = np.int64(even[j]) + np.int64(odd[j])
                    bits = np.float64(abs(summed)).view(np.int64)  # exact; its exponent is the sum's length
                    e32 = np.int32((bits >> 52) - 1023) + highest[j] - fraction_bits
                    significand = np.int32(((bits & ((1 << 52) - 1)) | (1 << 52)) >> 29)  # truncated to 24 bits
                    below = min(max(-126 - e32, 0), 31)
                    significand = (significand >> below) << (fraction_bits - 23)
                    nothing = summed == 0 or significand == 0
                    total[j] = 0 if nothing else (significand if summed > 0 else -significand)
                    exponent[j] = LOW if nothing else max(e32, -126)
                    fits = fits and (nothing or e32 <= 127)
            for j in range(LANES):
                value = np.ldexp(np.float64(total[j]), exponent[j] - fraction_bits) if total[j] != 0 else 0.0
                out[m, block * LANES + j] = np.float32(value)
    return fits
