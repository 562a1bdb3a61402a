"""Lesson 01's bets: which numbers a format owns, and how its codes spell them."""

from __future__ import annotations

from simfp import float16, float32
from simfp.course.bets import Bet
from simfp.course.lessons.lesson_01 import answers
from simfp.course.lessons.lesson_01.facts import flipped, nan_codes
from simfp.figures.words import decimal

__all__ = ["BETS"]

BETS = (
    Bet(
        "01.1",
        "fp16 owns 0, 1, 2, 3 and so on. Which is the first whole number that it does not own?",
        truth=lambda: answers.last_whole(float16) + 1.0,
        story=lambda first: (
            f"{first:g}. With {float16.precision} bits, the implicit one counted, every whole number below "
            f"2^{float16.precision} can be written; {2**float16.precision} itself is a power of two; from there on "
            f"fp16's numbers are 2 apart."
        ),
    ),
    Bet(
        "01.2",
        "The code of 0.5 in fp16 is 0 01110 0000000000. One bit flips, the first of the exponent: 0 11110 0000000000. "
        "What number is that?",
        truth=lambda: flipped(0.5, float16),
        story=lambda made: (
            f"{made:,.0f}: the exponent field went from 14 to 30, so the number was doubled 16 times. In fp32, the "
            f"same flip makes {decimal(flipped(0.5, float32), 3)} of 0.5. Not all bits are equal."
        ),
    ),
    Bet(
        "01.3",
        "How many of fp16's 65,536 codes stand for no number at all, but for NaN?",
        truth=lambda: float(nan_codes("fp16")),
        story=lambda count: (
            f"{count:,.0f}: every mantissa but the empty one, under a full exponent, with either sign. bf16 spends "
            f"{nan_codes('bf16')} codes on NaN, fp8 e5m2 {nan_codes('e5m2')}, fp8 e4m3 only {nan_codes('e4m3')}. "
            f"({count + 2:,.0f} would count the two infinities as well.)"
        ),
    ),
    Bet(
        "01.4",
        "Each weight is kept in fp32, and a copy of it in fp16 beside it. How many bytes is that, in per cent of fp32 "
        "alone?",
        truth=lambda: 100.0 * (float32.bits + float16.bits) / float32.bits,
        story=lambda share: (
            f"{share:.0f} %: {float32.bits // 8} + {float16.bits // 8} bytes in place of {float32.bits // 8}. Half the "
            f"bytes it is only for what is kept in 16 bits alone."
        ),
        unit="%",
    ),
)
