"""What lesson 01 computes: which numbers a format owns, and how its codes spell them."""

from __future__ import annotations

import numpy as np

from simfp import as_format, decode, encode
from simfp.formats import Format

__all__ = ["flipped", "nan_codes"]


def flipped(x: float, fmt: Format) -> float:
    """What becomes of `x` when the first bit of its exponent is flipped."""
    return float(decode(int(encode(x, fmt)) ^ 1 << (fmt.bits - 2), fmt))


def nan_codes(spec: str) -> int:
    """How many codes of a format of at most 16 bits are NaN."""
    fmt = as_format(spec)
    with np.errstate(invalid="ignore"):  # signaling NaNs
        return int(np.isnan(decode(np.arange(1 << fmt.bits), fmt)).sum())
