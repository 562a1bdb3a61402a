"""Lesson 13's bets and exercises: what mixed precision buys in memory and time, and what it costs in quality."""

from __future__ import annotations

from functools import cache
from typing import Any

from simfp.course import lesson_13_answers as answers
from simfp.course.bets import Bet
from simfp.course.exercises import Exercise
from simfp.course.judges.calls import CallJudge
from simfp.course.judges.judging import Judgement, NumberJudge
from simfp.experiments.memory.model_sizes import GPT_SIZES, RECIPES
from simfp.experiments.memory.roofline import Roof
from simfp.experiments.memory.training_step import Bar, memory
from simfp.figures.words import gib
from simfp.silicon import measurements

__all__ = [
    "BETS",
    "EXERCISES",
    "bars",
    "largest",
    "less_memory",
    "roofs",
    "speeds",
    "speedup",
    "times_faster",
]  # fmt: skip

BATCH = 16  # that the lesson looks at
SMALL = GPT_SIZES[0]


def bars(batch: int = BATCH, *, checkpointing: bool = False, explicit: bool = False) -> list[Bar]:
    """GPT-2 124M under every recipe: what was computed, and what was measured."""
    options = {"checkpointing": checkpointing, "explicit": explicit}
    return [
        Bar(recipe.label, memory(SMALL, recipe, batch, **options), measurements.peak(recipe.name, batch, **options))
        for recipe in RECIPES
    ]


def less_memory(recipe: str, batch: int = BATCH, **options: bool) -> float:
    """By how many per cent the measured peak lies below fp32's."""
    return 100 - 100 * measurements.peak(recipe, batch, **options) / measurements.peak("fp32", batch, **options)


def largest(recipe: str, card: float = 80 * 2**30) -> int:
    """The largest batch of GPT-2 124M, of sequences of 1,024 tokens, that fits into `card` bytes; computed."""
    batch = 0
    while memory(SMALL, recipe, batch + 1).peak <= card:
        batch += 1
    return batch


def speedup(recipe: str, batch: int, over: str = "fp32") -> float:
    """How many times as many tokens a second were measured as under another recipe."""
    return measurements.tokens_per_second(recipe, batch) / measurements.tokens_per_second(over, batch)


def speeds() -> dict[str, dict[int, float]]:
    """Measured tokens a second: recipe -> batch -> rate."""
    return {
        recipe.name: {batch: measurements.tokens_per_second(recipe.name, batch) for batch in measurements.BATCHES}
        for recipe in RECIPES
    }


def times_faster(operation: str, fmt: str, over: str = "float32") -> float:
    """How many times as fast a measured operation is in `fmt`: "matmul", of the largest size, or one by elements."""
    if operation == "matmul":
        size = measurements.product_sizes()[-1]
        return float(measurements.matmul(over, size)["seconds"] / measurements.matmul(fmt, size)["seconds"])
    told = [measurements.operation(operation, each)["seconds"] for each in (over, fmt)]
    return float(told[0] / told[1])


@cache
def roofs() -> dict[str, Roof]:
    """The measured limits: the fastest product of each format, and the bytes a second of an addition in float32."""
    added = measurements.operation("add", "float32")
    bandwidth = added["bytes"] / added["seconds"]
    size = measurements.product_sizes()
    return {
        fmt: Roof(max(row["flops"] / row["seconds"] for row in (measurements.matmul(fmt, n) for n in size)), bandwidth)
        for fmt in ("float32", "tfloat32", "float16", "bfloat16")
    }


def _ending() -> str:
    """How fp16's validation loss ends beside fp32's: "better", "worse", or "no difference"."""
    found = next(each for each in measurements.differences() if each.name == "fp16")
    if not found.shows:
        return "no difference"
    return "worse" if found.mean > 0 else "better"


def _told_of_quality(truth: str) -> str:
    found = {each.name: each for each in measurements.differences()}
    fp16, nudged = found["fp16"], found["fp32 nudged"]
    return (
        f"{truth.capitalize()}: the mean of {len(fp16.each)} seeds lies {fp16.mean:+.3f} % ± {2 * fp16.error:.3f} % "
        f"from fp32's. fp32 itself, its weights nudged by 2⁻²⁰ at the start, ends {nudged.mean:+.3f} % ± "
        f"{2 * nudged.error:.3f} % from where it ended before: what is left is chance."
    )


BETS = (
    Bet(
        "13.1",
        f"GPT-2 124M is trained with AdamW, batch {BATCH}. By how many per cent does its peak memory fall under fp16 "
        f"autocast?",
        truth=lambda: less_memory("fp16"),
        story=lambda percent: (
            f"{percent:.0f} % ({gib(measurements.peak('fp32', BATCH))} to {gib(measurements.peak('fp16', BATCH))}, "
            f"measured). Weights and AdamW's states stay in fp32, a part of the activations too, and of the logits "
            f"two copies are kept in place of one."
        ),
        unit="per cent",
        near=lambda bet, percent: abs(bet - percent) <= 4,
    ),
    Bet(
        "13.2",
        "The same with batch 4, and attention written out: softmax of a matrix of 1,024 × 1,024 scores for each head, "
        "then a product. By how many per cent does the peak fall now?",
        truth=lambda: less_memory("fp16", 4, explicit=True),
        story=lambda percent: (
            f"{percent:.1f} %: nothing. autocast runs softmax in fp32 and keeps its output, and the product needs an "
            f"fp16 copy of it, which is kept too: 6 bytes a score, where fp32 alone keeps 4. That eats up whatever is "
            f"won elsewhere."
        ),
        unit="per cent",
        near=lambda bet, percent: abs(bet - percent) <= 3,
    ),
    Bet(
        "13.3",
        "A product of two 8192 × 8192 matrices on an H200: how many times as fast is it in fp16 as in fp32 (with tf32 "
        "off, as torch has it by default)?",
        truth=lambda: times_faster("matmul", "float16"),
        story=lambda times: (
            f"{times:.0f} times: in fp32 the tensor cores stand idle. Against tf32, which uses them, it is "
            f"{times_faster('matmul', 'float16', 'tfloat32'):.1f} times."
        ),
        unit="times",
        near=lambda bet, times: times / 1.3 <= bet <= 1.3 * times,
    ),
    Bet(
        "13.4",
        "relu of 2²⁸ values: how many times as fast is it in fp16?",
        truth=lambda: times_faster("relu", "float16"),
        story=lambda times: (
            f"{times:.1f} times. It does next to no arithmetic; it moves bytes, and half the bytes take half the time."
        ),
        unit="times",
        near=lambda bet, times: abs(bet - times) <= 0.25,
    ),
    Bet(
        "13.5",
        "A small language model is trained to the end under fp16 autocast, with 8 seeds, and in fp32 with the same. "
        "How does its validation loss end?",
        truth=_ending,
        story=_told_of_quality,
        options=("better", "worse", "no difference"),
    ),
)


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
