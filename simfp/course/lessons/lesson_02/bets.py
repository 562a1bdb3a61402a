"""Lesson 02's bets: what becomes of the numbers that a format does not own."""

from __future__ import annotations

import ml_dtypes
import numpy as np

from simfp import bfloat16, float16, round_to, ulp
from simfp.course.bets import Bet
from simfp.course.lessons.lesson_02.facts import NOT_QUITE_A_TIE, drift, walk
from simfp.figures.words import decimal

__all__ = ["BETS"]

BETS = (
    Bet(
        "02.1",
        "fp16 owns 2048 and 2050, and nothing between. What does it make of 2049?",
        truth=lambda: float(round_to(2049, float16)),
        story=lambda made: (
            f"{made:g}. 2049 is a tie, and a tie goes to the neighbour whose last bit is 0. The next tie, 2051, goes "
            f"up for the same reason, to {float(round_to(2051, float16)):g}."
        ),
    ),
    Bet(
        "02.2",
        "100,000 numbers, multiples of 1/4, are rounded to whole numbers, half up as at school. "
        "How much too large is their sum?",
        truth=lambda: drift("nearest_away"),
        story=lambda drifted: (
            f"{drifted:,.0f}, an eighth for each number: a quarter of them were ties, and each went up by 1/2. "
            f"Half to even: {drift('nearest_even'):+,.1f}."
        ),
        near=lambda bet, drifted: abs(bet - drifted) <= drifted / 5,
    ),
    Bet(
        "02.3",
        "A bf16 weight of 1 gets 1,000 updates of +0.001, each rounded to the nearest. Where is it at the end?",
        truth=lambda: float(walk("nearest_even")[-1, 0]),
        story=lambda weight: (
            f"At {weight:g}. Half of the step to the next number is {decimal(float(ulp(1.0, bfloat16)) / 2)}, and an "
            f"update below that is absorbed, each time. Rounded stochastically it comes to 2 on average."
        ),
    ),
    Bet(
        "02.4",
        "1 + 2⁻⁸ + 2⁻⁴⁰ lies just above the middle of 1 and 1.0078125, two neighbours in bf16. "
        "To which of them does ml_dtypes, the package that JAX uses, round it?",
        truth=lambda: float(np.float64(NOT_QUITE_A_TIE).astype(ml_dtypes.bfloat16)),
        story=lambda made: (
            f"To {made:.8g}. It goes through fp32, which drops the 2⁻⁴⁰; what is left is a tie, and goes to even. "
            f"Rounded once, it is {float(round_to(NOT_QUITE_A_TIE, bfloat16)):.8g}."
        ),
    ),
)
