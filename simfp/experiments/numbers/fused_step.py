"""One step of a tensor core, term by term, in Python's integers: what is aligned, what is cut off, what is added.

This is the model as it is told, made to be looked at: slow, obvious, and equal to `TensorCore.products` bit for bit.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from simfp.formats import Format, as_format
from simfp.rounding import round_to, ulp
from simfp.tensor_core import LOWEST, TensorCore

__all__ = ["Step", "Term", "cut", "exponent", "steps"]


class Term(NamedTuple):
    """One of the numbers that a step adds: a product, or the running sum."""

    factors: tuple[float, float] | None  # None: it is the running sum
    exact: Fraction
    exponent: int | None  # of a product the sum of its factors' exponents; None of zero
    kept: Fraction  # what is left of it once it is aligned and cut

    @property
    def lost(self) -> Fraction:
        """What was cut off."""
        return self.exact - self.kept


class Step(NamedTuple):
    """One fused step: its terms, the running sum first, and what becomes of their sum."""

    number: int  # from 0
    first: int  # the first k of the step
    terms: tuple[Term, ...]
    largest_exponent: int
    total: Fraction  # of what was kept, exact
    result: float  # the running sum from now on: `total` in the accumulator's format
    exact: Fraction  # of the running sum and the products before anything was cut

    @property
    def once(self) -> float:
        """The exact sum, rounded once, to nearest, to float32."""
        return nearest(self.exact)

    @property
    def off(self) -> float:
        """How far the result lies from the exact sum, in ulp of float32 there; negative is toward zero."""
        unit = Fraction(float(ulp(self.once or self.result or 1.0, "float32")))
        away = (Fraction(self.result) - self.exact) / unit
        return float(away if self.exact >= 0 else -away)


def exponent(x: float, fmt: Any) -> int | None:
    """The exponent of a value of `fmt`, the smallest one for its subnormals; None of zero.

    >>> exponent(1.5, "fp16"), exponent(2.0**-20, "fp16"), exponent(0.0, "fp16")
    (0, -14, None)
    """
    return max(math.frexp(x)[1] - 1, as_format(fmt).min_exponent) if x else None


def cut(x: Fraction, largest_exponent: int, fraction_bits: int) -> Fraction:
    """`x` without what lies below 2^(largest_exponent - fraction_bits): truncated toward zero.

    >>> cut(Fraction(-7, 4), 0, 1)
    Fraction(-3, 2)
    """
    unit = Fraction(2) ** (largest_exponent - fraction_bits)
    return math.trunc(x / unit) * unit


def steps(a: Any, b: Any, fmt: Any, core: TensorCore) -> tuple[Step, ...]:
    """The steps in which `core` adds up the products of two vectors of values of `fmt`, both of length K.

    Raises ValueError for vectors of different lengths or of none, for what is not finite or no value of `fmt`, for a
    sum in several parts, and where a running sum leaves the accumulator's range.
    """
    fmt = as_format(fmt)
    x, y = (_vector(name, each, fmt) for name, each in (("a", a), ("b", b)))
    if len(x) != len(y) or not x:
        raise ValueError(f"`a` and `b` must be two vectors of one length, got {len(x)} and {len(y)} numbers")
    parts = core.order.parts(len(x), core.terms)
    if len(parts) > 1:
        raise ValueError(f"only a sum in one part is shown step by step, got {core.order}")
    made: list[Step] = []
    running = 0.0
    for number, (first, last) in enumerate(parts[0].tolist()):
        made.append(_step(number, first, list(zip(x[first:last], y[first:last])), running, fmt, core))
        running = made[-1].result
    return tuple(made)


def _vector(name: str, given: Any, fmt: Format) -> list[float]:
    values = np.asarray(getattr(given, "values", given), np.float64)
    if values.ndim != 1:
        raise ValueError(f"`{name}` must be a vector, got shape {values.shape}")
    odd = values[~np.isfinite(values)]
    if not odd.size:
        odd = values[np.asarray(round_to(values, fmt)) != values]
    if odd.size:
        raise ValueError(f"`{name}` must hold finite values of {fmt}, got {odd[0]!r}")
    return [float(value) for value in values]


def _step(
    number: int, first: int, factors: list[tuple[float, float]], running: float, fmt: Format, core: TensorCore
) -> Step:
    exponents = [None if not x or not y else (exponent(x, fmt) or 0) + (exponent(y, fmt) or 0) for x, y in factors]
    own = exponent(running, core.accumulator)
    lowest = core.accumulator.min_exponent - LOWEST
    largest = max([each for each in (own, *exponents) if each is not None] + [lowest])
    exact = [Fraction(running), *(Fraction(x) * Fraction(y) for x, y in factors)]
    kept = [cut(each, largest, core.fraction_bits) for each in exact]
    total = sum(kept, Fraction(0))
    rows = zip([None, *factors], exact, [own, *exponents], kept)
    result = _convert(total, core)
    return Step(number, first, tuple(Term(*row) for row in rows), largest, total, result, sum(exact, Fraction(0)))


def _convert(total: Fraction, core: TensorCore) -> float:
    """`total` in the accumulator's format. It has at most 47 bits, so float64 holds it."""
    assert Fraction(float(total)) == total
    result = float(round_to(float(total), core.accumulator, core.rounding))
    if abs(total) >= Fraction(2) ** (core.accumulator.max_exponent + 1) or not math.isfinite(result):
        raise ValueError(f"with these settings the running sum leaves {core.accumulator}: it would be {float(total):g}")
    return result


def nearest(x: Fraction) -> float:
    """`x`, rounded once to float32: rounded to odd first, which loses nothing that matters."""
    if not x:
        return 0.0
    unit = Fraction(2) ** (math.frexp(float(x))[1] - 50)
    whole = math.trunc(x / unit)
    if whole * unit != x and not whole & 1:
        whole += 1 if x > 0 else -1
    return float(round_to(float(whole * unit), "float32"))
