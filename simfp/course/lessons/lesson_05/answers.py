"""The right answers to lesson 05's exercises, and the typical wrong ones, each with what is to be said of it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from simfp import ExactSum, SequentialSum, array, float16, round_to
from simfp.arrays import Array
from simfp.course.judges.mistakes import Impostor, Slip, Symptom
from simfp.figures.words import decimal

__all__ = [
    "DEPTH_SLIPS", "KAHAN_CASES", "KAHAN_IMPOSTORS", "KAHAN_SYMPTOMS", "STEP", "STOP_SLIPS", "TERMS", "depth",
    "exact_sum", "stop",
]  # fmt: skip

STEP = 0.01
TERMS = 4096


def stop(x: float) -> float:
    """05.a: where a running sum of `x` in fp16 stops growing."""
    return float(SequentialSum(float16)(np.full(100_000, float(round_to(x, float16)))))


# fmt: off
STOP_SLIPS = (
    Slip(lambda t: t == 2048, "That is where a sum of ones stops. A smaller term is absorbed earlier."),
    Slip(
        lambda t: math.isclose(t, 2048 * STEP, rel_tol=1e-2),
        "It does not stop after 2,048 terms, but where the step of the total is twice the term. Steps double at powers "
        "of two.",
    ),
    Slip(
        lambda t: t == 16,
        "There the step is 2⁻⁶ = 0.0156, and half of it is 0.0078: less than 0.01, so the sum goes on. One doubling "
        "more.",
    ),
    Slip(lambda t: t == 64, "It does not get there: at 32 the step is 0.03125, and half of that is more than 0.01."),
    Slip(lambda t: t >= 65504, "It does not even come near: long before, the steps of fp16 are larger than 0.01."),
    Slip(lambda t: 16 < t < 32, "Between 16 and 32 the steps are all the same, 0.0156. If it goes on at 16, it goes on "
                                "to 32."),
    Slip(lambda t: t == 100, "100 is what 10,000 terms add up to exactly. fp16 does not get there."),
    Slip(lambda t: 0 <= t < 16, lambda t: f"At {decimal(t)} it still grows: half a step there is "
                                          f"{decimal(float(np.spacing(np.float16(t))) / 2, 3)}, less than 0.01."),
)
# fmt: on


def depth(terms: int) -> int:
    """05.b: how many additions a term goes through at most in a plain tree."""
    return math.ceil(math.log2(terms))


DEPTH_SLIPS = (
    Slip(
        lambda n: n == TERMS - 1, "So many additions there are in all. But each term goes through a few of them only."
    ),
    Slip(
        lambda n: n == TERMS, "That is the number of terms. Each addition makes one out of two: how often, until one?"
    ),
    Slip(lambda n: n == TERMS / 2, "So many additions the first round has. How many rounds are there?"),
    Slip(lambda n: n == 11, "One round is missing: 2¹¹ is 2,048."),
    Slip(lambda n: n == 13, "One too many: after 12 halvings of 4,096 one is left."),
    Slip(lambda n: n == math.sqrt(TERMS), "That would be blocks of 64. Halves of halves are better than that."),
    Slip(lambda n: 0 <= n < 11, "Too few: each round halves the number of sums that are left."),
)

_random = np.random.default_rng(5)
KAHAN_CASES = (
    [2048.0, *[1.0] * 300],
    [0.1] * 1000,
    [0.01] * 600,
    [-2048.0, *[-1.0] * 100, 1.0],
    _random.normal(0, 1, 200),
    _random.random(300) / 64,
    [5.0],
    [1.0, 2.0, 3.0],
)


def exact_sum(x: Array) -> Array:
    """05.c: the exact sum, rounded once."""
    return array(ExactSum(float16)(x.values), float16)


def _carried(x: Array, step: Any) -> Any:
    """A sum by a loop: step(total, rest, term) gives the next total and rest."""
    total, rest = array(0.0, float16), array(0.0, float16)
    for term in x:
        total, rest = step(total, rest, term)
    return total


def _compensated(sign: int, way: Any) -> Any:
    def step(total: Any, rest: Any, term: Any) -> tuple[Any, Any]:
        worth = term - sign * rest
        grown = total + worth
        return grown, way(grown, total, worth)

    return lambda x: _carried(x, step)


KAHAN_IMPOSTORS = (
    Impostor(
        lambda x: _carried(x, lambda total, rest, term: (total + term, rest)),
        "Nothing is carried along: for {x} you return {said}, and right is {right}. What an addition lost is "
        "`(grown - total) - worth`; keep it, and take it off the next term. (`grown - (total + worth)` is 0, always: "
        "the bracket is rounded to `grown` again.)",
    ),
    Impostor(
        _compensated(-1, lambda grown, total, worth: (grown - total) - worth),
        "The correction goes the wrong way: for {x} you return {said}; right is {right}. `(grown - total) - worth` is "
        "what was added too much, so it has to be taken *off* the next term.",
    ),
)

KAHAN_SYMPTOMS = (
    Symptom(
        lambda x, said, right: bool(np.isnan(said)),
        "For {x} you return NaN. With what does `rest` begin? It must be 0, not a number that was never set.",
    ),
    Symptom(
        lambda x, said, right: x.size == 1 and said != right,
        "Of a single term, {x}, you make {said}. With nothing lost yet, the sum is the term itself.",
    ),
    Symptom(
        lambda x, said, right: said == x.sum() - x[-1],
        "For {x} you return {said}: the last term is missing.",
    ),
    Symptom(
        lambda x, said, right: bool(abs(said - right) > 0.02 * abs(right)),
        "For {x} you return {said}; right is {right}, so nearly nothing is saved. Is the correction carried from one "
        "term to the next, or begun anew each time?",
    ),
)
