"""How far sums of many terms are off, by the way in which they are carried."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from simfp.accumulation import Accumulator, ExactSum, KahanSum, PairwiseSum, SequentialSum
from simfp.formats import as_format
from simfp.rounding import round_to

__all__ = ["COUNTS", "Curve", "curves"]

COUNTS = tuple(2**power for power in range(1, 15))
SAMPLES = 32  # sums of each length


class Curve(NamedTuple):
    """The errors of one way to sum."""

    name: str
    errors: tuple[float, ...]  # for each of COUNTS: the average of |sum - exact| / exact


def curves(fmt: Any = "float16") -> tuple[Curve, ...]:
    """Errors of sums of random numbers from 0 up to 1/64, which are values of `fmt`, for each of COUNTS.

    The sums themselves are not rounded further: each comes in the format that it is carried in.
    """
    fmt = as_format(fmt)
    terms = np.asarray(round_to(np.random.default_rng(0).random((COUNTS[-1], SAMPLES)) / 64, fmt))
    ways: dict[str, Accumulator] = {
        "one after the other": SequentialSum(fmt),
        "stochastic": SequentialSum(fmt, "stochastic", rng=0),
        "pairwise": PairwiseSum(fmt, leaf=1, lanes=1),
        "Kahan": KahanSum(fmt),
        "exact, rounded once": ExactSum(fmt),
        "in float32": SequentialSum("float32"),
    }
    found: dict[str, list[float]] = {name: [] for name in ways}
    for count in COUNTS:
        exact = terms[:count].sum(0)  # in float64: exact to some 2^-40 for so few bits
        for name, way in ways.items():
            found[name].append(float(np.mean(np.abs(way(terms[:count], 0) - exact) / exact)))
    return tuple(Curve(name, tuple(errors)) for name, errors in found.items())
