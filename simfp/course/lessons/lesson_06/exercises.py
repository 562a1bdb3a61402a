"""Lesson 06's exercises: what a tensor core adds, in what order, and what it throws away."""

from __future__ import annotations

import numpy as np

from simfp.course.exercises import Exercise
from simfp.course.judges.calls import CallJudge
from simfp.course.judges.numbers import NumberJudge
from simfp.course.lessons.lesson_06 import answers

__all__ = ["EXERCISES"]

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
