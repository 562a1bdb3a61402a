"""What lesson 00 computes: how bets, sliders and exercises work, and how many numbers a format has."""

from __future__ import annotations

import numpy as np

from simfp import decode, float16
from simfp.formats import Format

__all__ = ["SLIDER_START"]

SLIDER_START = 0  # where the lesson's slider stands at first


def count(low: float, high: float, fmt: Format = float16) -> int:
    """How many codes of `fmt` stand for a number x with low <= x < high."""
    values = decode(np.arange(1 << fmt.bits), fmt)
    return int(np.sum((values >= low) & (values < high)))


def share_below_one() -> float:
    """The share of fp16's codes, in per cent, that stand for numbers between -1 and 1."""
    return 100.0 * (count(-1.0, 1.0) - 1) / (1 << float16.bits)  # without -1 itself
