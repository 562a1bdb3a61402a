"""Lesson 03's exercises: what fp16 makes of small numbers."""

from __future__ import annotations

from simfp import float16
from simfp.course.exercises import Exercise
from simfp.course.judges.functions import FunctionJudge
from simfp.course.judges.numbers import NumberJudge
from simfp.course.lessons.lesson_03 import answers
from simfp.experiments.numbers.underflow import FATES

__all__ = ["EXERCISES"]

EXERCISES = (
    Exercise(
        "03.a",
        "Write `is_lost(x)`: True where fp16 makes zero of a number that was not zero, else False.",
        FunctionJudge(
            example="is_lost(1e-5)",
            returns="True or False",
            kinds="b",
            telling=answers.TELLING,
            right=answers.lost,
            mistakes=answers.IS_LOST_MISTAKES,
            fmt=float16,
        ),
        (
            "The first table walks down to zero. Which is the last 2⁻ᵏ that is kept, and which is the first "
            "that is not?",
            "Between the two, a number goes to the nearer neighbour. Half way, at 2⁻²⁵, zero wins: is it `<` or `<=`?",
            "Lost is what is not zero, and no further from zero than 2⁻²⁵: `abs(x)` between two bounds.",
        ),
    ),
    Exercise(
        "03.b",
        "Write `bits_left(x)`: how many significant bits fp16 has left for x. 11 for normal numbers, 1 at 2⁻²⁴, and "
        "0 for whatever becomes 0, inf or NaN.",
        FunctionJudge(
            example="bits_left(1e-5)",
            returns="a whole number",
            kinds="iuf",
            telling=answers.TELLING,
            right=answers.bits,
            mistakes=answers.BITS_LEFT_MISTAKES,
            fmt=float16,
        ),
        (
            "After rounding, 0, inf and NaN are told apart by one comparison: only the others lie between 0 and inf.",
            "The last place of every subnormal is 2⁻²⁴. If the leading one is at 2ᵉ, e + 24 more places follow it.",
            "`math.frexp(half)` gives m and e with half = m · 2ᵉ, and m from 0.5 up to 1: so the leading one is "
            "at 2ᵉ⁻¹. "
            "And normal numbers stop at `min(11, ...)`.",
        ),
    ),
    Exercise(
        "03.c",
        "By which power of two must the recorded gradients be multiplied, so that at least 99.9 % of them are not zero "
        "in fp16, and none is infinite?",
        NumberJudge(
            wants="the factor, a number such as `2.0**3`",
            right=answers.good_scale,
            praise=answers.praise_scale,
            slips=answers.SCALE_SLIPS,
            otherwise="Not {said}.",
        ),
        (
            "Negative k make the numbers larger: at k = -3 all of them are multiplied by 2³.",
            f"Of fp16's readings ({', '.join(FATES)}), zero has to fall to 0.1 %, and overflow has to stay at 0.",
            "There are several right answers, next to one another. Try `2.0**12`: the check says on which side "
            "it fails.",
        ),
    ),
)
