"""Lesson 04's bets: what fp16 makes of large numbers."""

from __future__ import annotations

import math

from simfp import bfloat16, float16, round_to
from simfp.course.bets import Bet
from simfp.course.lessons.lesson_04.facts import first_infinite, first_infinite_exp, nans_of_softmax
from simfp.figures.words import decimal

__all__ = ["BETS"]

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
