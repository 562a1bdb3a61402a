"""Lesson 03's bets: what fp16 makes of small numbers."""

from __future__ import annotations

from simfp import bfloat16, float16, round_to
from simfp.course.bets import Bet
from simfp.course.lessons.lesson_03.facts import (
    first_lost,
    near_or_not,
    percent_zeroed,
    tell_gpu,
    tell_one,
    tell_zeroed,
    what_the_gpu_did,
)

__all__ = ["BETS"]

BETS = (
    Bet(
        "03.1",
        "What does fp16 make of 1e-5: exactly that, something near, or zero?",
        truth=lambda: near_or_not(float(round_to(1e-5, float16))),
        story=lambda truth: tell_one(1e-5),
        options=("exactly", "near", "zero"),
        from_number=near_or_not,
    ),
    Bet(
        "03.2",
        "bf16 has 16 bits too. At which k does 2⁻ᵏ become zero in bf16?",
        truth=lambda: first_lost(bfloat16),
        story=lambda k: (
            f"At k = {k}; in fp16 at k = {first_lost(float16)}. Of 16 bits bf16 spends "
            f"{bfloat16.exponent_bits} on the exponent, fp16 {float16.exponent_bits}."
        ),
    ),
    Bet(
        "03.3",
        "Of 100,000 gradients, recorded in training, how many per cent does fp16 make zero?",
        truth=percent_zeroed,
        story=tell_zeroed,
        unit="%",
        near=lambda bet, share: abs(bet - share) <= 2,
    ),
    Bet(
        "03.4",
        "Does an H100, a GPU that large networks are trained on, keep subnormals or flush them to zero?",
        truth=what_the_gpu_did,
        story=lambda answer: tell_gpu(),
        options=("keep", "flush"),
    ),
)
