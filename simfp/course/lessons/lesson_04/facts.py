"""What lesson 04 computes: what fp16 makes of large numbers."""

from __future__ import annotations

import math

import numpy as np

from simfp import array, float16, round_to
from simfp.formats import Format

__all__ = ["LOGITS", "first_infinite", "first_infinite_exp"]

LOGITS = (12.0, 0.0, 1.0)


def first_infinite() -> int:
    """The smallest whole number that fp16 rounds to infinity."""
    return next(n for n in range(60_000, 70_000) if math.isinf(round_to(n, float16)))


def first_infinite_exp(fmt: Format = float16) -> int:
    """The smallest whole number x whose exp(x) is infinite in `fmt`."""
    return next(x for x in range(100) if math.isinf(float(np.exp(array(x, fmt)))))


def nans_of_softmax() -> int:
    """How many of the softmax's weights of LOGITS are NaN in fp16, with no maximum subtracted."""
    with np.errstate(all="ignore"):
        grown = np.exp(array(LOGITS, float16))
        return int(np.sum(np.isnan(grown / np.sum(grown))))
