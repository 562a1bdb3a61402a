"""Codes of a format from the bit patterns of float32 and float64, and back, without any floating-point operation.

Because no value is ever loaded as a float, NaNs keep their payload and stay signalling or quiet.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

__all__ = ["decode32", "decode64", "encode32", "encode64"]


def _compile(width: int) -> tuple[Any, Any]:
    """The two loops for carriers of `width` bits; the format is given by integers of the same width."""
    uint = np.uint32 if width == 32 else np.uint64
    mantissa = 23 if width == 32 else 52
    bias = 127 if width == 32 else 1023
    sign_bit = 1 << (width - 1)
    infinity = 0x7F800000 if width == 32 else 0x7FF0000000000000
    implicit = 1 << mantissa

    @njit(cache=True, nogil=True)
    def encode(x, codes, exponent_bits, mantissa_bits, format_bias, infinity_code, nan_code, payloads):
        """codes[i] = code of x[i], which must be a value of the format; the format's numbers are int64."""
        gap = mantissa - mantissa_bits
        smallest_normal = (1 - format_bias + bias) << mantissa
        for i in range(x.size):
            pattern = np.uint64(x[i])
            negative = pattern >= np.uint64(sign_bit)
            magnitude = np.int64(pattern & np.uint64(sign_bit - 1))
            if magnitude > infinity:
                code = nan_code
                payload = (magnitude & (implicit - 1)) >> gap
                if payloads and payload != 0:
                    code = infinity_code | payload
            elif magnitude == infinity:
                code = infinity_code
            elif magnitude >= smallest_normal:
                code = (magnitude >> gap) - ((bias - format_bias) << mantissa_bits)
            else:
                exponent = magnitude >> mantissa
                significand = magnitude & (implicit - 1)
                if exponent > 0:
                    significand |= implicit
                else:
                    exponent = 1  # the carrier's own subnormals
                code = significand >> min(gap + (1 - format_bias + bias) - exponent, 63)
            codes[i] = code | (np.int64(negative) << (exponent_bits + mantissa_bits))

    @njit(cache=True, nogil=True)
    def decode(codes, x, exponent_bits, mantissa_bits, format_bias, infinity_code, first_nan, subnormals):
        """x[i] = bit pattern of the value of codes[i]; infinity_code is -1 in a format without."""
        gap = mantissa - mantissa_bits
        fields = exponent_bits + mantissa_bits
        for i in range(codes.size):
            code = np.int64(codes[i])
            negative = code >> fields
            code &= (1 << fields) - 1
            if code == infinity_code:
                magnitude = infinity
            elif code >= first_nan:
                payload = (code & ((1 << mantissa_bits) - 1)) << gap
                magnitude = infinity | (payload if infinity_code >= 0 else implicit >> 1)
            elif code >> mantissa_bits:
                magnitude = (code + ((bias - format_bias) << mantissa_bits)) << gap
            elif code == 0 or not subnormals:
                magnitude = 0
            else:
                exponent = 1 - format_bias + bias  # of the smallest normal; shift the leading bit up to its place
                significand = np.int64(code << gap)
                while significand < implicit and exponent > 1:
                    significand <<= 1
                    exponent -= 1
                magnitude = significand if significand < implicit else (exponent << mantissa) | (significand ^ implicit)
            x[i] = uint(np.uint64(magnitude) | (np.uint64(negative) << np.uint64(width - 1)))

    return encode, decode


encode32, decode32 = _compile(32)
encode64, decode64 = _compile(64)
