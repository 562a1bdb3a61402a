"""Lesson 04's bets and exercises: what fp16 makes of large numbers."""

from __future__ import annotations

import math

import numpy as np

from simfp import array, bfloat16, float16, round_to
from simfp.course import lesson_04_answers as answers
from simfp.course.bets import Bet
from simfp.course.exercises import Exercise
from simfp.course.judges.arrays import ArrayJudge
from simfp.course.judges.judging import FunctionJudge
from simfp.figures.words import decimal
from simfp.formats import Format

__all__ = ["BETS", "EXERCISES", "LOGITS", "first_infinite", "first_infinite_exp"]

LOGITS = (12.0, 0.0, 1.0)


def first_infinite() -> int:
    """The smallest whole number that fp16 rounds to infinity."""
    return next(n for n in range(60_000, 70_000) if math.isinf(round_to(n, float16)))


def first_infinite_exp(fmt: Format = float16) -> int:
    """The smallest whole number x whose exp(x) is infinite in `fmt`."""
    return next(x for x in range(100) if math.isinf(float(np.exp(array(x, fmt)))))


def nans_of_softmax() -> int:
    """How many of the softmax's weights of LOGITS are NaN in fp16, with no maximum subtracted."""
    with np.errstate(all="ignore"):
        grown = np.exp(array(LOGITS, float16))
        return int(np.sum(np.isnan(grown / np.sum(grown))))


BETS = (
    Bet(
        "04.1",
        "fp16's largest number is 65,504. Which is the smallest whole number that becomes infinity in fp16?",
        truth=lambda: float(first_infinite()),
        story=lambda first: (
            f"{first:,.0f}. The next number would be {2**16:,}, if there were one: half way to it is a tie, and the "
            f"tie goes to infinity. {first - 1:,.0f} is still rounded to {float16.max:,.0f}."
        ),
    ),
    Bet(
        "04.2",
        "From which whole number x on is exp(x) infinite in fp16?",
        truth=lambda: float(first_infinite_exp()),
        story=lambda x: (
            f"From {x:.0f} on: exp({x - 1:.0f}) is {math.exp(x - 1):,.0f}, exp({x:.0f}) is {math.exp(x):,.0f}. In "
            f"bf16, which reaches {decimal(bfloat16.max, 2)}, the first is {first_infinite_exp(bfloat16)}."
        ),
    ),
    Bet(
        "04.3",
        "A softmax of the logits 12, 0 and 1, every step in fp16, nothing subtracted. How many of the three weights "
        "are NaN?",
        truth=lambda: float(nans_of_softmax()),
        story=lambda count: (
            f"{count:.0f}: exp(12) is infinite, so the sum is infinite, and inf / inf is NaN. The other two are "
            f"1 / inf and 2.72 / inf: zero. The largest logit, the one that matters, is the one that is lost."
        ),
    ),
    Bet(
        "04.4",
        "A mask is often made by adding -1e9 to a logit. What does fp16 make of -1e9?",
        truth=lambda: "-inf" if math.isinf(round_to(-1e9, float16)) else "-65504",
        story=lambda made: (
            f"{made}: it lies {1e9 / float16.max:,.0f} times beyond fp16's end. As a mask that still works, until "
            f"a whole row is masked: then the largest is -inf too, and -inf − -inf is NaN."
        ),
        options=("-inf", "-65504", "-1e9"),
    ),
)

EXERCISES = (
    Exercise(
        "04.a",
        "Write `softmax(x)` along the last axis of an fp16 Array, so that it survives: large logits, far negative "
        "ones, and rows with -inf. A row of nothing but -inf becomes zeros. A NaN stays a NaN.",
        ArrayJudge(
            example="softmax(x)",
            fmt=float16,
            cases=answers.SOFTMAX_CASES,
            right=answers.softmax,
            steps=4,
            plain=lambda x: bool(np.isfinite(x).all()),
            impostors=answers.SOFTMAX_IMPOSTORS,
            symptoms=answers.SOFTMAX_SYMPTOMS,
            praise="Right in all {cases} cases, with every result in fp16. Take the largest off first, and nothing can "
            "overflow, as exp of what is left lies between 0 and 1.",
        ),
        (
            "Softmax does not change when the same number is subtracted from all logits of a row. Which number makes "
            "overflow impossible?",
            "`np.max(x, axis=-1, keepdims=True)` is each row's largest; with `keepdims` it fits beside x. After it is "
            "off, the largest is 0, and exp of it is 1.",
            "In a row of nothing but -inf, -inf − -inf is NaN. `np.where(np.isneginf(largest), 0, largest)` takes 0 "
            "off such a row; then every exp is 0, and so is the sum: divide by 1 where it is 0.",
        ),
        trial=(array([1.0, 2.0], float16),),
    ),
    Exercise(
        "04.b",
        "Write `norm(x)`, the L2 norm of an fp16 Array, so that no step overflows or loses small numbers unless the "
        "norm itself does. The norm of zeros is 0; an infinite number makes it inf, and a NaN makes it NaN.",
        ArrayJudge(
            example="norm(x)",
            fmt=float16,
            cases=answers.NORM_CASES,
            right=answers.norm,
            steps=4,
            plain=lambda x: bool(x.any()) and math.sqrt(float(np.sum(x**2))) <= float16.max,
            impostors=answers.NORM_IMPOSTORS,
            symptoms=answers.NORM_SYMPTOMS,
            praise="Right in all {cases} cases, from 6e-8 up to 60,000. Scaled by the largest, no square is above 1, "
            "and the factor comes back at the end: the trick of the softmax once more. (Or in a wider format inside, "
            "as `np.linalg.norm` does it: that survives too.)",
        ),
        (
            "300 squared is 90,000. But (300 / 300)² is 1. What must be done at the end to make up for the division?",
            "The norm of x is c times the norm of x / c, for every c > 0. With c = `np.max(np.abs(x))` nothing that is "
            "squared exceeds 1.",
            "If all of x is 0, so is c, and 0 / 0 is NaN; if c is inf, so is inf / inf. Look for both first, and "
            "return c.",
        ),
        trial=(array([3.0, 4.0], float16),),
    ),
    Exercise(
        "04.c",
        "Write `is_safe_in_bf16_only(x)`: True where fp16 makes infinity of a finite number and bf16 does not, else "
        "False.",
        FunctionJudge(
            example="is_safe_in_bf16_only(1e5)",
            returns="True or False",
            kinds="b",
            telling=answers.TELLING,
            right=answers.safe_in_bf16_only,
            mistakes=answers.SAFE_MISTAKES,
            fmt=float16,
        ),
        (
            "Two limits: the one from which on fp16 makes inf (bet 04.1), and the one from which on bf16 does. What "
            "lies between is safe in bf16 only. Do not forget the negative numbers.",
            "bf16's largest number is `sf.bfloat16.max`, but what lies less than half a step above it is still rounded "
            "to it. The step up there is `sf.ulp(sf.bfloat16.max, 'bf16')`.",
            "Or ask: `sf.round_to(x, 'fp16')` is infinite, `sf.round_to(x, 'bf16')` is finite, and so is x.",
        ),
    ),
)
