"""The steps of a sum whose tree is known: how many terms each adds, how many bits it keeps, how it cuts the rest."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simfp.formats import as_format
from simfp.probing.masks import Sums
from simfp.probing.trees import Tree, all_steps, deepest, steps_of
from simfp.tensor_core import GENERATIONS
from simfp.typing import FormatLike

__all__ = ["Step", "find_step", "name_of"]


class Step(NamedTuple):
    """The precision of the steps of a sum, as measured."""

    terms: int  # the most terms that one step adds, the running sum left out
    fraction_bits: int | None  # kept below the largest exponent of a step; None where a step adds one term only
    alignment: str  # how a term is cut to that: "toward_zero", "nearest", "toward_negative" or "exact"
    conversion: str  # how the running sum is rounded: "toward_zero" or "nearest"


def find_step(sums: Sums, tree: Tree, terms: int, fmt: FormatLike, *, both: bool = False) -> Step:
    """The precision of the steps of a sum with this tree, measured by probing the function that makes it.

    both: whether the terms are products of two values of `fmt`, not values themselves.
    """
    fmt = as_format(fmt)
    largest, smallest = fmt.max_exponent * (1 + both), int(np.log2(fmt.smallest_subnormal)) * (1 + both)
    chain, _ = steps_of(deepest(tree))
    step = max([chain[0], *all_steps(tree)], key=len)  # the first part's own first one, where that is as wide as any
    most = len(step) if len(step) > 2 or len(chain) == 1 else 1
    if most < 3:
        return Step(1, None, "exact", _conversion(sums, chain, terms, largest, smallest))
    huge = 2.0 ** min(largest - 1, 10)

    def left(value: float) -> float:
        """What is left of `value` where one step adds it to huge - huge."""
        row = np.zeros((1, terms))
        row[0, step[0]], row[0, step[1]], row[0, step[2]] = huge, value, -huge
        return float(np.asarray(sums(row), np.float64)[0])

    bits = max(bits for bits in range(int(np.log2(huge)) - smallest + 1) if left(huge * 2.0**-bits) != 0)
    unit = huge * 2.0**-bits
    fine = 1.75 * unit >= 2.0 ** (smallest + 2)
    above, below = (left(1.75 * unit) / unit, left(-1.75 * unit) / unit) if fine else (1.0, -1.0)
    alignment = {(1.0, -1.0): "toward_zero", (2.0, -2.0): "nearest", (1.0, -2.0): "toward_negative"}.get(
        (above, below), "exact"
    )
    return Step(most, bits, alignment, _conversion(sums, chain, terms, largest, smallest))


def _conversion(sums: Sums, chain: list[list[int]], terms: int, largest: int, smallest: int) -> str:
    """How three quarters of an ulp become the running sum: one step makes it, the next one takes the rest off.

    Where a step adds four terms and more, they make it four times as large as the largest of them. So it is the running
    sum that has no bits for them, though it may keep no more bits than a step does.
    """
    one = 2.0 ** min(largest - 2, 10)
    rows = np.zeros((2, terms))
    if len(chain) > 2 and len(chain[1]) > 3:
        rows[:, [chain[0][0], *chain[1][:3]]] = one
        term, rows[:, chain[2][0]] = chain[1][3], -4 * one
    else:
        firsts = [step[0] for step in chain]
        if len(chain[0]) > 1:
            firsts = [chain[0][0], *(chain[0][1:2] if len(chain[0]) == 2 else []), *firsts[1:]]
        if len(firsts) < 3:
            return "unknown"
        term, rows[:, firsts[0]], rows[:, firsts[2]] = firsts[1], one, -one
    for precision in range(2, 40):
        unit = one * 2.0**-precision
        if unit < 2.0 ** (smallest + 1):
            break
        rows[:, term] = unit, 1.5 * unit
        exact, inexact = np.asarray(sums(rows), np.float64)
        if exact != unit:  # the running sum's ulp is twice that
            return "toward_zero" if inexact == 0 else "nearest"
    return "unknown"


def name_of(step: Step, fmt: FormatLike) -> list[str]:
    """The generations of GPUs whose tensor cores make such steps of products of `fmt`."""
    fmt = as_format(fmt)
    return [
        name
        for name, generation in GENERATIONS.items()
        if fmt in generation.cores
        and (generation.cores[fmt].terms, generation.cores[fmt].fraction_bits) == (step.terms, step.fraction_bits)
    ]
