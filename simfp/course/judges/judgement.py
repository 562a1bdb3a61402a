"""What a judge says of an answer, and how it reads one."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Judgement", "as_float", "kind_of"]


class Judgement(NamedTuple):
    """Whether an answer is right, and why."""

    passed: bool
    message: str


def as_float(x: Any) -> float:
    """A real number as the nearest float, infinite where it is too large for one."""
    try:
        return float(x)
    except OverflowError:  # an integer of more than 300 digits
        return math.inf if x > 0 else -math.inf


def kind_of(value: Any) -> str:
    """What kind of thing it is, in words: "an int", "an array of shape (3,)"."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
