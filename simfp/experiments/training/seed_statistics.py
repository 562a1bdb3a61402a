"""Runs of several seeds beside those of a reference: mean difference, its standard error, and what chance makes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Difference", "difference"]


@dataclass(frozen=True)
class Difference:
    """How far runs lie from their reference, seed by seed, in per cent of it.

    mean: of all seeds. error: the standard error of that mean. spread: the standard deviation of the reference's own
    results from seed to seed, in per cent of their mean.
    """

    name: str
    mean: float
    error: float
    each: tuple[float, ...]
    spread: float

    @property
    def shows(self) -> bool:
        """Whether the mean lies more than two standard errors from nothing."""
        return abs(self.mean) > 2 * self.error

    @property
    def reach(self) -> float:
        """The largest difference, in size, that two standard errors leave possible."""
        return abs(self.mean) + 2 * self.error


def difference(name: str, results: Sequence[float], reference: Sequence[float]) -> Difference:
    """The difference of `results` from `reference`, both one number a seed, in the same order.

    Raises ValueError for fewer than two seeds, and for another number of results than of references.

    >>> told = difference("half", [1.01, 0.99, 1.02], [1.0, 1.0, 1.0])
    >>> round(told.mean, 3), round(told.error, 3), told.shows
    (0.667, 0.882, False)
    """
    if len(results) != len(reference) or len(results) < 2:
        raise ValueError(f"expected as many results as references, at least 2, got {len(results)} and {len(reference)}")
    ours, theirs = np.asarray(results, np.float64), np.asarray(reference, np.float64)
    each = 100 * (ours - theirs) / theirs
    error = float(each.std(ddof=1)) / math.sqrt(len(each))
    spread = 100 * float(theirs.std(ddof=1) / theirs.mean())
    return Difference(name, float(each.mean()), error, tuple(each.tolist()), spread)
