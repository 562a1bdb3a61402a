"""Lesson 13's exercises: what mixed precision buys in memory and time, and what it costs in quality."""

from __future__ import annotations

from typing import Any

from simfp.course.exercises import Exercise
from simfp.course.judges.calls import CallJudge
from simfp.course.judges.judgement import Judgement
from simfp.course.judges.numbers import NumberJudge
from simfp.course.lessons.lesson_13 import answers
from simfp.experiments.memory.training_step import memory
from simfp.figures.words import gib

__all__ = ["EXERCISES"]


def _judge_batch(answer: Any) -> Judgement:
    """13.b, whose slips are computed only when an answer is there."""
    judge = NumberJudge(
        wants="a batch, a whole number",
        right=lambda n: n == answers.largest_batch(),
        praise=lambda n: (
            f"{n:.0f}: it takes {gib(memory(answers.MODEL, 'fp16', int(n)).peak)}, and one more does not fit. In fp32 "
            f"it is {answers.largest_batch('fp32')}: {n / answers.largest_batch('fp32'):.1f} times, not twice."
        ),
        slips=answers.batch_slips(),
        otherwise="Not {said}. Try batches one after the other, until the peak exceeds 80 × 2**30 bytes.",
    )
    return judge(answer)


EXERCISES = (
    Exercise(
        "13.a",
        "fp16 autocast, AdamW. A weight of a linear layer, in the middle of its backward pass: how many bytes does it "
        "take in all, with everything that is kept beside it?",
        NumberJudge(
            wants="bytes for each parameter, a number",
            right=lambda n: n == answers.per_parameter(),
            praise=lambda n: (
                f"{n:.0f}: 4 for the weight, 2 for its fp16 copy, 4 for the gradient, 4 + 4 for AdamW's two means. In "
                f"fp32 it is 16. What a model keeps for each parameter grows under autocast."
            ),
            slips=answers.PER_PARAMETER_SLIPS,
            otherwise="Not {said}. Five numbers: weight, copy, gradient, two states. Which of them has 16 bits?",
        ),
        (
            "Five numbers belong to each weight: itself, the copy that products take, its gradient, and two that AdamW "
            "keeps.",
            "autocast changes what *operations* take. Parameters stay as they were made, and a gradient has its "
            "parameter's format.",
            "4 + 2 + 4 + 4 + 4.",
        ),
    ),
    Exercise(
        "13.b",
        "GPT-2 774M, fp16 autocast, AdamW, 1,024 tokens, fused attention, no checkpointing: with how many sequences "
        "does a step fit into 80 GiB at most?",
        _judge_batch,
        (
            "`memory(model, 'fp16', batch).peak` is in bytes. 80 GiB are `80 * 2**30`.",
            "Count up: `batch = 1`, and while the peak of `batch + 1` fits, one more.",
            "Or look at the difference between two batches: each sequence takes as much as the one before.",
        ),
    ),
    Exercise(
        "13.c",
        "Write `attainable(flops, moved, peak, bandwidth)`: the most operations a second that the roofline allows, "
        "for so many operations on so many bytes.",
        CallJudge(
            example="attainable(flops, moved, peak, bandwidth)",
            cases=answers.ATTAINABLE_CASES,
            right=answers.attainable,
            spelled=answers.spell_roof,
            number=answers.spell_number,
            impostors=answers.ATTAINABLE_IMPOSTORS,
            symptoms=answers.ATTAINABLE_SYMPTOMS,
            praise="Right in all {cases} cases. Whether a narrow format makes something 15 times as fast or 2 times "
            "is decided by the side of the corner on which it lies.",
        ),
        (
            "Two limits: the arithmetic, `peak`, and the memory. How many operations come with each byte?",
            "`flops / moved` operations come with each byte, and `bandwidth` bytes arrive each second.",
            "Of both limits the lower one holds: `min(peak, ...)`.",
        ),
        trial=(1.0, 1.0, 1.0, 1.0),
    ),
)
