"""Lesson 04's exercises: what fp16 makes of large numbers."""

from __future__ import annotations

import math

import numpy as np

from simfp import array, float16
from simfp.course.exercises import Exercise
from simfp.course.judges.arrays import ArrayJudge
from simfp.course.judges.functions import FunctionJudge
from simfp.course.lessons.lesson_04 import answers

__all__ = ["EXERCISES"]

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
