"""Lesson 05's exercises: why a sum stops growing, and what keeps it going."""

from __future__ import annotations

import numpy as np

from simfp import array, float16
from simfp.course.exercises import Exercise
from simfp.course.judges.arrays import ArrayJudge
from simfp.course.judges.numbers import NumberJudge
from simfp.course.lessons.lesson_05 import answers
from simfp.figures.words import decimal

__all__ = ["EXERCISES"]

EXERCISES = (
    Exercise(
        "05.a",
        "0.01 is added to a total again and again, in fp16. At which total does it stop growing?",
        NumberJudge(
            wants="the total, a number",
            right=lambda t: t == answers.stop(answers.STEP),
            praise=lambda t: (
                f"{t:g}. From there on the numbers are {decimal(float(np.spacing(np.float16(t))))} apart, and 0.01 is "
                f"less than half of that. It is always a power of two: there the steps double."
            ),
            slips=answers.STOP_SLIPS,
            otherwise="Not {said}. Where is half a step of fp16 more than 0.01 for the first time?",
        ),
        (
            "A term is absorbed if it is less than half the distance to the next number.",
            "`sf.ulp(total, 'fp16') / 2` is that half distance. It doubles at each power of two.",
            "Try the powers of two: 8, 16, 32, 64. For which of them is it more than 0.01 for the first time?",
        ),
    ),
    Exercise(
        "05.b",
        "4,096 terms are added in halves of halves. Through how many additions, and so how many roundings, does a "
        "single term go?",
        NumberJudge(
            wants="how many additions, a number",
            right=lambda n: n == answers.depth(answers.TERMS),
            praise=lambda n: (
                f"{n:.0f}, and one after the other the first term goes through {answers.TERMS - 1:,}. The bound of the "
                f"error shrinks from {answers.TERMS - 1:,} roundings to {n:.0f}, at no cost."
            ),
            slips=answers.DEPTH_SLIPS,
            otherwise="Not {said}. 4,096 become 2,048, then 1,024, and so on. How often, until one is left?",
        ),
        ("Each round adds pairs, so half as many sums are left.", "4,096 = 2 × 2 × 2 ... How many twos?"),
    ),
    Exercise(
        "05.c",
        "Write `kahan(x)`: the sum of a vector, an fp16 Array, in fp16, with what each addition loses carried along.",
        ArrayJudge(
            example="kahan(x)",
            fmt=float16,
            cases=answers.KAHAN_CASES,
            right=answers.exact_sum,
            steps=2,
            plain=lambda x: True,
            impostors=answers.KAHAN_IMPOSTORS,
            symptoms=answers.KAHAN_SYMPTOMS,
            praise="Right in all {cases} cases, to two steps of fp16, with no number wider than 16 bits. Four "
            "operations in place of one: that is the price. (`np.sum` passes too: it adds in float32.)",
        ),
        (
            "After `grown = total + worth`, what was really added is `grown - total`, and that difference is exact.",
            "What was added too much is `(grown - total) - worth`. Keep it as `rest`, and take it off the next term: "
            "`worth = term - rest`.",
            "Begin with total = rest = `sf.array(0, 'fp16')`. Then for each term, in this order: worth, grown, rest, "
            "total.",
        ),
        trial=(array([1.0, 2.0], float16),),
    ),
)
