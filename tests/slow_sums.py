"""Sums as they are told, one addition at a time in exact fractions: the slow twin of the accumulators."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import simfp as sf
from tests import exact


class Slow:
    """Sums of products as they are told, every step in exact fractions."""

    def __init__(self, fmt: Any, rounding: str = "nearest_even") -> None:
        self.fmt, self.rounding = sf.as_format(fmt), rounding

    def add(self, x: float | Fraction, y: float | Fraction) -> float:
        if isinstance(x, float) and isinstance(y, float):
            return exact.round_exact(exact.exact_result("add", (x, y), self.rounding), self.fmt, self.rounding)
        return exact.round_exact(self.zeroless(Fraction(x) + Fraction(y)), self.fmt, self.rounding)

    def zeroless(self, total: Fraction) -> Fraction | float:
        return total if total else (-0.0 if self.rounding == "toward_negative" else 0.0)

    def settled(self, x: float) -> float:
        return exact.round_exact(Fraction(x) if math.isfinite(x) and x else x, self.fmt, self.rounding)

    def sequential(self, terms: Sequence[float]) -> float:
        total = self.settled(terms[0])
        for term in terms[1:]:
            total = self.add(total, term)
        return total

    def pairwise(self, terms: Sequence[float], leaf: int, lanes: int) -> float:
        n = len(terms)
        if n <= leaf or n < 2 * lanes:
            if n < lanes or lanes == 1:
                return self.sequential(terms)
            whole = n - n % lanes
            sums = [self.sequential(terms[lane:whole:lanes]) for lane in range(lanes)]
            while len(sums) > 1:
                sums = [self.add(x, y) for x, y in zip(sums[::2], sums[1::2], strict=True)]
            total = sums[0]
            for term in terms[whole:]:
                total = self.add(total, term)
            return total
        half = n // 2
        half -= half % lanes
        return self.add(self.pairwise(terms[:half], leaf, lanes), self.pairwise(terms[half:], leaf, lanes))

    def kahan(self, terms: Sequence[float]) -> float:
        total, rest = self.settled(terms[0]), 0.0
        for term in terms[1:]:
            worth = self.add(term, -rest)
            grown = self.add(total, worth)
            rest = self.add(self.add(grown, -total), -worth)
            total = grown
        return total


def same(got: Any, expected: float) -> bool:
    """Equal bits, and any NaN for a NaN."""
    got = float(got)
    return (math.isnan(got) and math.isnan(expected)) or (
        got == expected and math.copysign(1, got) == math.copysign(1, expected)
    )
