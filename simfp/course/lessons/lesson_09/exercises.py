"""Lesson 09's exercises: updates that are too small for their weights."""

from __future__ import annotations

from simfp import array
from simfp.course.exercises import Exercise
from simfp.course.judges.numbers import NumberJudge
from simfp.course.lessons.lesson_09 import answers
from simfp.figures.words import decimal

__all__ = ["EXERCISES"]

ZERO = array(0.0, "bfloat16")


EXERCISES = (
    Exercise(
        "09.a",
        "Write `is_absorbed(weight, update, fmt)`: whether weight − update, rounded to the format, is the weight, "
        "though the update is not 0.",
        answers.AbsorbedJudge(),
        (
            "The definition can be written down as it stands: subtract, round, compare.",
            "`sf.round_to(weight - update, fmt)` rounds. The difference of two floats is exact here, or near enough.",
            "`(sf.round_to(weight - update, fmt) == weight) & (update != 0)`.",
        ),
        trial=(1.0, 0.5, "fp16"),
    ),
    Exercise(
        "09.b",
        "A weight of 1.5 in bf16, a gradient of 0.01. What is the smallest learning rate that still moves the weight?",
        NumberJudge(
            wants="a learning rate, to 1 %",
            right=answers.moves,
            praise=lambda lr: (
                f"{decimal(lr)}. With anything smaller the weight stays where it is, for ever, however many steps you "
                f"take. The smallest float32 that moves it is {decimal(answers.smallest_lr(), 9)}."
            ),
            slips=answers.LR_SLIPS,
            otherwise="With {said} the weight stays. How far is half a step of bf16 at 1.5, and what × 0.01 is that?",
        ),
        (
            "lr × gradient has to be more than half the distance to the next number.",
            "That distance is `sf.ulp(1.5, 'bf16')`.",
            "`sf.ulp(1.5, 'bf16') / 2 / 0.01`, and a little more than that: at a tie the weight stays, for it is even.",
        ),
    ),
    Exercise(
        "09.c",
        "Write `kahan_step(weight, lost, update)`: the new weight, and what is lost from now on; all bf16 Arrays.",
        answers.KahanJudge(),
        (
            "What is wanted is the update and what was lost before: `wanted = lost - update`.",
            "After `new = weight + wanted`, what was really done is `new - weight`.",
            "What is lost is what was wanted minus what was done. Return both: `return new, wanted - (new - weight)`.",
        ),
        trial=(ZERO, ZERO, ZERO),
    ),
)
