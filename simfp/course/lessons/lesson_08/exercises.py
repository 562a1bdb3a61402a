"""Lesson 08's exercises: how far gradients can be shifted, what stops one, and who looks for the place."""

from __future__ import annotations

from simfp.course.exercises import Exercise
from simfp.course.judges.numbers import NumberJudge
from simfp.course.lessons.lesson_08 import answers
from simfp.course.lessons.lesson_08.judges import judge_order, judge_rule

__all__ = ["EXERCISES"]

EXERCISES = (
    Exercise(
        "08.a",
        "One static scale for the nine-layer network, at the start, after 100 and after 200 steps: each time at least "
        "99.9 % of the gradients are kept, and none overflows.",
        NumberJudge(
            wants="the scale, a number such as `2.0**7`",
            right=answers.will_do,
            praise=answers.praise,
            slips=answers.SCALE_SLIPS,
            otherwise="Not {said}.",
        ),
        (
            "The widget shows three bars for these moments. Where do all three lie one above the other?",
            "The lowest scale that will do is set by the last moment, the highest by the last two.",
            "In code: `[set(window.fits()) for window in loss_scale.windows('deep')[:3]]`, and what they share.",
        ),
    ),
    Exercise(
        "08.b",
        "Write `next_scale(scale, tracker, found_inf, growth, backoff, interval)`: the scale and the tracker after an "
        "`update()`.",
        judge_rule,
        (
            "Three cases: there was an overflow; it is time to grow; neither. In two of them the tracker becomes 0.",
            "The step that has just gone well counts. It is time when `tracker + 1 == interval`: equal, not beyond.",
            "The scale is a float32: `np.float32(scale * growth)`. One that would be infinite is not taken, and the "
            "tracker becomes 0 all the same. There is no floor.",
        ),
        trial=(65536.0, 0, False, 2.0, 0.5, 2000),
    ),
    Exercise(
        "08.c",
        "Complete `iteration`: the gradients of several micro-batches are added up, clipped to a norm of 1, and one "
        "step is taken; the scaler is told.",
        judge_order,
        (
            "Four calls come after the loop, each of them once.",
            "Clipping needs the true lengths: so the gradients are unscaled before. `scaler.step` knows that.",
            "`scaler.unscale_(optimizer)`, `clip_grad_norm_(model.parameters(), 1.0)`, `scaler.step(optimizer)`, "
            "`scaler.update()`.",
        ),
        trial=answers.trial(),
    ),
)
