"""What formats make of numbers that are doubled again and again: one value, a set of gradients, a softmax.

Everything is multiplied by 2^k, which is exact in float64 for every shift k here. The value and the gradients are
the underflow experiment's, shifted the other way; the softmax is computed with every operation rounded to the
format, and `Origin` says which operation made the first infinity and the first NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simfp.arithmetic import add, divide, subtract
from simfp.arrays import array
from simfp.experiments.numbers import underflow
from simfp.experiments.numbers.gradients import Gradients, load
from simfp.experiments.numbers.underflow import Histogram, Landing, Lane
from simfp.formats import NAMED_FORMATS, Format
from simfp.rounding import round_to

__all__ = [
    "BACKWARDS", "LOGITS", "MASKED", "MASKS", "SHIFTS", "SIGNIFICANDS", "Origin", "Scene", "Softmax", "scene",
    "softmax",
]  # fmt: skip

SHIFTS = range(141)  # from 1 to far beyond bfloat16's largest number, 2^128
BACKWARDS = range(0, -SHIFTS[-1] - 1, -1)  # the same, as the underflow experiment counts: times 2^-k
SIGNIFICANDS = {  # each exact in float32
    "1": 1.0,
    "1.5": 1.5,
    "1.999": 65504 / 2.0**15,  # at k = 15 float16's largest number
    "below the tie": 65519.99609375 / 2.0**15,  # at k = 15 the last float32 that float16 rounds down
    "the tie": 65520 / 2.0**15,  # at k = 15 half way from float16's largest number to 65536
}
LOGITS = (1.0, 2.0, 3.0, 0.5)
MASKS = {"-1e9": -1e9, "-inf": -np.inf, "-65504": -65504.0}
MASKED = {  # which of the logits the mask is added to
    "no mask": (False, False, False, False),
    "last masked": (False, False, False, True),
    "all masked": (True, True, True, True),
}


# what is watched for, how a result shows it, and what its operands must not have been
WATCHED = (("+inf", np.isposinf, np.isinf), ("-inf", np.isneginf, np.isinf), ("nan", np.isnan, np.isnan))


class Origin(NamedTuple):
    """An operation that made a row's first +infinity, -infinity or NaN, and what it was given."""

    stage: str
    operands: tuple[float, ...]
    result: float


@dataclass(frozen=True, eq=False)
class Softmax:
    """The softmax of rows of logits in one format, with what there was on the way; a row for each shift."""

    exponentials: NDArray[np.float64]
    sums: NDArray[np.float64]
    weights: NDArray[np.float64]
    origins: tuple[tuple[Origin, ...], ...]  # of each row, in the order of the operations


@dataclass(frozen=True, eq=False)
class Scene:
    """All that the overflow slider shows, for every shift."""

    gradients: Gradients
    histogram: Histogram
    significand: str  # a key of SIGNIFICANDS
    subtract_max: bool
    mask: str  # a key of MASKS
    landings: tuple[Landing, ...]  # of the single value: float32 first, then the formats
    lanes: tuple[Lane, ...]  # of the gradients: the formats
    softmaxes: dict[Format, dict[str, Softmax]]  # float32 first, then the formats; a Softmax for each of MASKED


def scene(
    data: str,
    formats: tuple[Format, ...],
    *,
    significand: str = "1",
    subtract_max: bool = False,
    mask: str = "-1e9",
) -> Scene:
    """What the formats make of the gradients called `data`, of one value and of LOGITS, for every shift of SHIFTS."""
    loaded, value = load(data), SIGNIFICANDS[significand]
    rows = tuple(dict.fromkeys((NAMED_FORMATS["float32"], *formats)))
    return Scene(
        loaded,
        underflow.histogram(loaded),
        significand,
        subtract_max,
        mask,
        tuple(underflow.landing(value, fmt, shifts=BACKWARDS) for fmt in rows),
        _lanes(data, formats),
        _softmaxes(rows, subtract_max, mask),
    )


@cache
def _lanes(data: str, formats: tuple[Format, ...]) -> tuple[Lane, ...]:
    def lane(fmt: Format) -> Lane:
        shares = underflow.shares(load(data), fmt, shifts=BACKWARDS)
        return Lane(fmt, underflow.limits_of(fmt), underflow.staircase(fmt), shares)

    return tuple(lane(fmt) for fmt in formats)


@cache
def _softmaxes(rows: tuple[Format, ...], subtract_max: bool, mask: str) -> dict[Format, dict[str, Softmax]]:
    logits = np.ldexp(np.array(LOGITS), np.array(SHIFTS)[:, None])
    return {
        fmt: {
            case: softmax(logits, fmt, places, mask=MASKS[mask], subtract_max=subtract_max)
            for case, places in MASKED.items()
        }
        for fmt in rows
    }


def softmax(
    logits: ArrayLike,
    fmt: Format,
    masked: Sequence[bool] | None = None,
    *,
    mask: float = -np.inf,
    subtract_max: bool = False,
) -> Softmax:
    """The softmax of each row of `logits`, every operation rounded to `fmt`; sums are taken from left to right.

    masked: the places to which `mask`, itself rounded to `fmt`, is added.
    """
    given = np.atleast_2d(np.asarray(logits, np.float64))
    origins: list[dict[str, Origin]] = [{} for _ in given]

    def watched(stage: str, result: Any, *operands: Any) -> NDArray[np.float64]:
        """The result; what no operand was, infinite or NaN, is written down, once in each row."""
        wide = [np.broadcast_to(np.asarray(x, np.float64), np.shape(result)) for x in operands]
        for name, test, was in WATCHED:
            new = test(result) & ~np.any([was(x) for x in wide], axis=0)
            for row in np.flatnonzero(new.any(axis=1)):
                place = (row, int(new[row].argmax()))
                origin = Origin(stage, tuple(float(x[place]) for x in wide), float(result[place]))
                origins[row].setdefault(name, origin)
        return np.asarray(result, np.float64)

    x = watched("storing a logit", round_to(given, fmt), given)
    if masked is not None and any(masked):
        added = np.broadcast_to(np.where(masked, mask, 0.0), x.shape)
        stored = watched("storing the mask", round_to(added, fmt), added)
        x = watched("adding the mask", np.where(masked, add(x, stored, fmt), x), x, stored)
    if subtract_max:
        largest = np.max(x, axis=1, keepdims=True)  # NaN where there is one
        x = watched("subtracting the maximum", subtract(x, largest, fmt), x, largest)
    exponentials = watched("exp", np.asarray(np.exp(array(x, fmt)), np.float64), x)
    sums = exponentials[:, :1]
    for place in range(1, exponentials.shape[1]):
        term = exponentials[:, place : place + 1]
        sums = watched("the sum", add(sums, term, fmt), sums, term)
    weights = watched("the division", divide(exponentials, sums, fmt), exponentials, sums)
    return Softmax(exponentials, sums[:, 0], weights, tuple(tuple(row.values()) for row in origins))
