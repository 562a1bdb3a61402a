"""Lesson 00's bets: how bets, sliders and exercises work, and how many numbers a format has."""

from __future__ import annotations

from simfp.course.bets import Bet
from simfp.course.lessons.lesson_00.facts import share_below_one

__all__ = ["BETS"]

BETS = (
    Bet(
        "00.1",
        "fp16 has 65,536 codes and reaches from -65,504 to 65,504. What share of the codes, in per cent, stands for "
        "numbers between -1 and 1?",
        truth=share_below_one,
        story=lambda share: (
            f"{share:.1f} %: nearly half of all codes, for a 65,504th of the range. The numbers crowd towards zero."
        ),
        unit="%",
        near=lambda bet, share: abs(bet - share) <= 5,
    ),
)
