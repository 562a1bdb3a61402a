"""Lesson 07's exercises: which gradients vanish in fp16, where, and what it takes to keep them."""

from __future__ import annotations

import numpy as np

from simfp.course.exercises import Exercise
from simfp.course.judges.calls import CallJudge
from simfp.course.judges.numbers import NumberJudge
from simfp.course.lessons.lesson_07 import answers
from simfp.figures.words import decimal

__all__ = ["EXERCISES"]

EXERCISES = (
    Exercise(
        "07.a",
        "In the GPT of two blocks: which layer loses most, by its share of numbers that became zero?",
        answers.judge_layer,
        (
            "Choose gpt as the task in the dashboard (stop the other run first), press Run, and read the table.",
            "Which layer multiplies probabilities, each of them small, with small gradients?",
            "There are two such layers, one in each block. The table says which loses more.",
        ),
    ),
    Exercise(
        "07.b",
        "Write `lost_share(gradients)`: of the numbers in a float32 array that are not zero, the share that fp16 turns "
        "into zero.",
        CallJudge(
            example="lost_share(gradients)",
            cases=answers.SHARE_CASES,
            right=answers.lost_share,
            spelled=answers.spell_numbers,
            number=lambda x: decimal(x, 4),
            impostors=answers.SHARE_IMPOSTORS,
            symptoms=answers.SHARE_SYMPTOMS,
            praise="Right in all {cases} cases: signs, ties, and zeros that were zero before. That is the number the "
            "census calls zeroed.",
        ),
        (
            "First take what is not zero: `there = gradients[gradients != 0]`.",
            "`sf.round_to(there, 'fp16')` is what fp16 makes of it. Which of these are 0?",
            "The mean of a boolean array is the share that is true: `np.mean(... == 0)`.",
        ),
        trial=(np.array([1.0], np.float32),),
    ),
    Exercise(
        "07.c",
        "Multiply the loss by a power of two, and every gradient grows by it. Which factor saves 99.9 % of the "
        "gradients, with none too large?",
        NumberJudge(
            wants="the factor, a power of two",
            right=answers.factor_is_right,
            praise=answers.praise_factor,
            slips=answers.FACTOR_SLIPS,
            otherwise="{said} is no power of two. Any other factor would round every gradient once more.",
        ),
        (
            "Read the table: in which rows is less than 0.1 % zero? In which of them does nothing overflow?",
            "The factor is 2 to the power of k, not k.",
            "`2.0**16` is what PyTorch's GradScaler begins with.",
        ),
    ),
)
