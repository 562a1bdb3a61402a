"""Lesson 05's bets: why a sum stops growing, and what keeps it going."""

from __future__ import annotations

import numpy as np

from simfp import PairwiseSum, SequentialSum, float16
from simfp.course.bets import Bet
from simfp.course.lessons.lesson_05.facts import TENTHS, harmonic_stop

__all__ = ["BETS"]

BETS = (
    Bet(
        "05.1",
        "Five thousand ones are added in fp16, one after the other. What is the sum?",
        truth=lambda: float(SequentialSum(float16)(np.ones(5000))),
        story=lambda total: (
            f"{total:,.0f}. fp16's numbers are 2 apart from there on: 2049 is a tie, and the tie goes back to 2048. "
            f"Each of the other {5000 - total:,.0f} ones was absorbed."
        ),
    ),
    Bet(
        "05.2",
        "4,096 times 0.1, in fp16, one after the other. What is the sum? (Exactly it would be 409.5.)",
        truth=lambda: float(SequentialSum(float16)(TENTHS)),
        story=lambda total: (
            f"{total:g}. From 256 on fp16's numbers are 0.25 apart, and 0.1 is less than half of that. Nearly 40 % of "
            f"the sum is lost, and no step of it looks wrong."
        ),
        near=lambda bet, total: abs(bet - total) <= total / 20,
    ),
    Bet(
        "05.3",
        "The same 4,096 numbers in fp16, but halves of halves: pairs are added, then pairs of pairs. What is the sum?",
        truth=lambda: float(PairwiseSum(float16, leaf=1, lanes=1)(TENTHS)),
        story=lambda total: (
            f"{total:g}, exactly. Whatever is added is as large as what it is added to, so nothing is absorbed. It is "
            f"the same number of additions, in another order."
        ),
        near=lambda bet, total: abs(bet - total) <= 1,
    ),
    Bet(
        "05.4",
        "1 + 1/2 + 1/3 + 1/4 and so on grows beyond all bounds, slowly. At which 1/n does it stop growing in bf16?",
        truth=lambda: float(harmonic_stop("bfloat16")),
        story=lambda n: (
            f"At n = {n:g}. In fp16 at n = {harmonic_stop('float16')}. On paper the sum goes on for ever; with "
            f"finite precision every such series converges."
        ),
        near=lambda bet, n: n / 1.5 <= bet <= 1.5 * n,
    ),
)
