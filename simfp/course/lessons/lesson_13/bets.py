"""Lesson 13's bets: what mixed precision buys in memory and time, and what it costs in quality."""

from __future__ import annotations

from simfp.course.bets import Bet
from simfp.course.lessons.lesson_13.facts import BATCH, less_memory, times_faster
from simfp.figures.words import gib
from simfp.silicon import measurements

__all__ = ["BETS"]


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
