"""Lesson 06's bets and exercises: what a tensor core adds, in what order, and what it throws away."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simfp import HOPPER, ExactSum, SequentialSum, array, float16, matmul
from simfp.course import lesson_06_answers as answers
from simfp.course import recordings
from simfp.course.bets import Bet
from simfp.course.call_judging import CallJudge
from simfp.course.exercises import Exercise
from simfp.course.judging import NumberJudge
from simfp.experiments import adders, products, tensor_core_bits
from simfp.experiments.products import Recorded
from simfp.formats import as_format
from simfp.probing import Tree, masks_for, summation_tree, survivors

__all__ = ["BETS", "EXERCISES", "additions", "mystery", "recorded_bits", "recorded_orders"]

FIRST = tensor_core_bits.SHOWN[0].name  # the product that the lesson looks at


def mystery(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sums that the unknown core of 06.c makes of rows of numbers, each multiplied by 1 in fp16."""
    return adders.model(answers.MYSTERY, float16)(rows)


def recorded_orders() -> list[dict[str, Any]]:
    """The recorded grid of shapes: a row for each."""
    names = ("h100_orders", "h100_orders_tfloat32_float32")
    return [row for name in names for row in recordings.load(name)["rows"]]


class Bits(NamedTuple):
    """Whose bits the recorded products of one format have."""

    elements: int
    fused: int  # those of the model of Hopper's tensor cores
    ordinary: int  # those of fp32 additions, one after the other
    source: str


@cache
def recorded_bits(fmt: str) -> Bits:
    """Of all recorded products of `fmt`, how many elements have which bits; any NaN counts as any other."""
    rows = [row for row in recordings.answers("h100_products") if row.case.fmt == fmt]
    elements = sum(row.answer.size for row in rows)
    ordinary = 0
    for row in rows:
        with np.errstate(all="ignore"):
            made = SequentialSum("float32", fma=True).products(*products.values(row.case), as_format(fmt))
        told = row.answer.view(np.float32)
        ordinary += int(np.sum((made == told) | (np.isnan(made) & np.isnan(told))))
    fused = elements - sum(row.differing() for row in rows)
    return Bits(elements, fused, ordinary, recordings.source(recordings.load("h100_products")))


def as_rounded_once() -> float:
    """The share, in per cent, of the elements of FIRST that are the exact sum rounded once to fp32."""
    row: Recorded = next(row for row in recordings.answers("h100_products") if row.case.name == FIRST)
    best = ExactSum("float32").products(*products.values(row.case), as_format(row.case.fmt))
    return 100 * float(np.mean(best == row.answer.view(np.float32)))


def additions(tree: Tree, term: int) -> int:
    """Through how many additions a term goes in a tree."""
    depth, node = 0, tree
    while isinstance(node, tuple):
        node = next(child for child in node if child == term or (isinstance(child, tuple) and _has(child, term)))
        depth += 1
    return depth


def _has(tree: Tree, term: int) -> bool:
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, tuple):
            waiting.extend(node)
        elif node == term:
            return True
    return False


def first_to_last() -> float:
    """The share, in per cent, of the recorded shapes that were summed from the first product to the last."""
    rows = recorded_orders()
    first: int = sum(row["expected"] == 0 for row in rows)
    return 100 * first / len(rows)


def vanishing() -> float:
    """1024 - 1024 + 2^-16 in a tensor core."""
    a, b = array([[32, -32, 2.0**-8]], "fp16"), array([[32], [32], [2.0**-8]], "fp16")
    return float(matmul(a, b, accumulator=HOPPER, out_dtype="fp32").values[0, 0])


BETS = (
    Bet(
        "06.1",
        "A tensor core takes fp16 numbers and adds in fp32, so they say. 32 × 32 − 32 × 32 + 2⁻⁸ × 2⁻⁸: what is it?",
        truth=vanishing,
        story=lambda total: (
            f"{total:g}. All terms are aligned to the largest, 1024, and cut off 25 bits below it: at 2⁻¹⁵. The "
            f"last term, 2⁻¹⁶, is gone before the large ones have cancelled. In fp32, one after the other, it "
            f"would be left."
        ),
        near=lambda bet, total: bet == total,
    ),
    Bet(
        "06.2",
        "A recorded fp16 product, 2,304 sums of 64 products. How many per cent of them are the exact sum, rounded once "
        "to fp32?",
        truth=as_rounded_once,
        story=lambda share: (
            f"{share:.0f} %. The others are off by an ulp or a few, and most of them toward zero: whatever is cut off "
            f"makes a term smaller."
        ),
        unit="%",
        near=lambda bet, share: abs(bet - share) <= 12,
    ),
    Bet(
        "06.3",
        "np.sum adds 32 numbers in float32. Through how many additions does the first of them go?",
        truth=lambda: float(additions(summation_tree(survivors(adders.numpy_sum, 32, masks_for("float32")), 32), 0)),
        story=lambda depth: (
            f"{depth:.0f}, asked of the NumPy of this machine. One after the other it would be 31. NumPy keeps eight "
            f"running sums, each of every eighth term, and adds them in pairs at the end."
        ),
        near=lambda bet, depth: abs(bet - depth) <= 1,
    ),
    Bet(
        "06.4",
        "An H100 was asked for matrix products of thousands of shapes, in four formats. In how many per cent of the "
        "shapes are the products summed from the first to the last?",
        truth=first_to_last,
        story=lambda share: (
            f"{share:.0f} % of {len(recorded_orders()):,} shapes. The others are summed in several parts, or in "
            f"steps of other sizes: which order it is depends on the shape, and so does the last bit of your result."
        ),
        unit="%",
        near=lambda bet, share: abs(bet - share) <= 10,
    ),
)

ZEROS = np.zeros(16)

EXERCISES = (
    Exercise(
        "06.a",
        "Write `cut(x, largest_exponent, F)`: x without what lies more than F bits below 2 ** largest_exponent.",
        CallJudge(
            example="cut(x, largest_exponent, F)",
            cases=answers.CUT_CASES,
            right=answers.cut,
            spelled=answers.spell_cut,
            number=answers.spell_number,
            impostors=answers.CUT_IMPOSTORS,
            symptoms=answers.CUT_SYMPTOMS,
            praise="Right in all {cases} cases. A cut never makes a number larger, only smaller in size: remember that "
            "when you come to section 4.",
        ),
        (
            "The last bit that is kept weighs `unit = 2.0 ** (largest_exponent - F)`. How many units is x?",
            "`x / unit` is exact: it only moves the point. What stands behind the point is dropped.",
            "Toward zero, for both signs: `math.trunc` or `int` (not `//`, not `round`). Then times `unit` again.",
        ),
        trial=(1.0, 0, 25),
    ),
    Exercise(
        "06.b",
        "Write `step(a, b, c)`: the running sum after one step of Hopper's tensor core, from 16 products and the "
        "running sum c.",
        CallJudge(
            example="step(a, b, c)",
            cases=answers.STEP_CASES,
            right=answers.step,
            spelled=answers.spell_step,
            number=answers.spell_number,
            impostors=answers.STEP_IMPOSTORS,
            symptoms=answers.STEP_SYMPTOMS,
            praise="Right in all {cases} cases, to the last bit: cancellation, subnormal factors, zeros. You have "
            "written down what an H100 does.",
        ),
        (
            "Four things in a row: find the largest exponent, `cut` each of the 17 terms there, add them up, truncate "
            "to fp32.",
            "The exponent of a product is `exponent(x, 'fp16') + exponent(y, 'fp16')`, and c's is "
            "`exponent(c, 'fp32')`. A zero has none (`None`): leave it out.",
            "`x * y` and the sum of 17 cut terms are exact in Python's floats. At the end: "
            "`sf.round_to(total, 'fp32', 'toward_zero')`. If nothing but zeros is there, c is 0 too.",
        ),
        trial=(ZEROS, ZEROS, 0.0),
    ),
    Exercise(
        "06.c",
        "Term 0 is huge, term j is minus that, all others are tiny. The counts say how many of the 24 terms survive. "
        "How many products does one step of this core take?",
        NumberJudge(
            wants="L, a number",
            right=lambda n: n == answers.MYSTERY.terms,
            praise=lambda n: (
                f"{n:.0f}. Up to j = {n - 1:.0f} the two meet in the first step, and the tiny terms of the two "
                f"later steps survive; then those of the last one; then none. Three numbers, and you have seen inside."
            ),
            slips=answers.MYSTERY_SLIPS,
            otherwise="Not {said}. Where, going along j, does the count fall for the first time?",
        ),
        (
            "What is added to a huge term before its opposite comes is absorbed. What comes after both, survives.",
            "While term j is in the same step as term 0, both cancel in that step, and all *later* steps survive.",
            "The counts are the same for j = 1 to L − 1, and fall at j = L.",
        ),
    ),
)
