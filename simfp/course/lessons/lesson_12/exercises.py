"""Lesson 12's exercises: whether simfp makes the bits that a GPU makes, and where it does not."""

from __future__ import annotations

from simfp.course.exercises import Exercise
from simfp.course.judges.calls import CallJudge
from simfp.course.judges.numbers import NumberJudge
from simfp.course.lessons.lesson_12 import answers

__all__ = ["EXERCISES"]

EXERCISES = (
    Exercise(
        "12.a",
        "Write `ulps(a, b)`: how many fp16 numbers lie between two codes, one step counting 1. The two zeros are one.",
        CallJudge(
            example="ulps(a, b)",
            cases=answers.ULPS_CASES,
            right=answers.ulps,
            spelled=answers.spell_codes,
            number=lambda x: f"{x:,.0f}",
            impostors=answers.ULPS_IMPOSTORS,
            symptoms=answers.ULPS_SYMPTOMS,
            praise="Right in all {cases} cases. This is how the report counts: the same four lines serve every format.",
        ),
        (
            "Codes of positive numbers are in order: 0x3c00 is 1, and 0x3c01 the next number. So take their places.",
            "The highest bit is the sign: `a >> 15`. What is left, `a & 0x7FFF`, is the place above zero.",
            "A negative number's place is minus that. The answer is the size of the difference of the two places.",
        ),
        trial=(0x3C00, 0x3C01),
    ),
    Exercise(
        "12.b",
        "softmax's kernel gives a row of 1,000 values to 32 lanes: each adds up every 32nd value, one after the other. "
        "Then the lanes are added in pairs, and pairs of pairs. Through how many additions does the first value go?",
        NumberJudge(
            wants="how many additions, a number",
            right=lambda n: n == answers.ADDITIONS,
            praise=lambda n: (
                f"{n:.0f}: 31 in its lane, and 5 in the tree of 32 lanes. One after the other it would be 999. Whoever "
                f"adds in another order has other bits."
            ),
            slips=answers.ADDITIONS_SLIPS,
            otherwise="Not {said}. How many values has a lane, and how many rounds does the tree of 32 lanes have?",
        ),
        (
            "A lane has 32 values (1,000 over 32, rounded up). How many additions make one of them?",
            "A tree of 32 lanes: 16 pairs, then 8, 4, 2, 1.",
        ),
    ),
    Exercise(
        "12.c",
        "In “attention float16” the worst element is 6,537 ulp off, but only 2 ulp of the largest element. "
        "About how many times smaller than the largest is that element?",
        NumberJudge(
            wants="a factor, a number",
            right=lambda n: answers.FACTOR / 1.5 <= n <= answers.FACTOR * 1.5,
            praise=lambda n: (
                f"About {answers.FACTOR:,.0f} times. Large terms cancelled, and left a small one with their error: the "
                f"order of a sum, seen through a magnifying glass, and no bug."
            ),
            slips=answers.FACTOR_SLIPS,
            otherwise="Not {said}. The same distance is 6,537 small steps, or 2 large ones.",
        ),
        (
            "Both numbers measure the same distance: one in steps of the element, one in steps of the largest.",
            "So a step of the largest is 6,537 / 2 steps of the element; and steps grow as the numbers do.",
        ),
    ),
)
