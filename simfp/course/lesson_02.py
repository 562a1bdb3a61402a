"""Lesson 02's bets and exercises: what becomes of the numbers that a format does not own."""

from __future__ import annotations

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from simfp import bfloat16, float16, round_to, ulp
from simfp.course import lesson_02_answers as answers
from simfp.course.bets import Bet
from simfp.course.exercises import Exercise
from simfp.course.judging import NumberJudge
from simfp.course.lesson_02_judges import CodeJudge, ThrowJudge
from simfp.figures.words import decimal

__all__ = ["BETS", "EXERCISES", "NOT_QUITE_A_TIE", "STEP", "quarters", "walk"]

NOT_QUITE_A_TIE = 1 + 2.0**-8 + 2.0**-40
STEP = 0.001  # of the weight in bet 02.4


def quarters() -> NDArray[np.float64]:
    """100,000 random multiples of 1/4 from 128 up to 256, where bf16 owns the whole numbers and nothing between."""
    return np.random.default_rng(2).integers(4 * 128, 4 * 256, 100_000) / 4


def drift(rounding: str) -> float:
    """How much larger the sum of the quarters gets when each is rounded so."""
    return float(np.sum(round_to(quarters(), bfloat16, rounding) - quarters()))


def walk(rounding: str, weights: int = 1) -> NDArray[np.float64]:
    """bf16 weights of 1 after 0, 1, 2 ... 1,000 updates of +STEP, each rounded so; a column for each weight."""
    rng = np.random.default_rng(5)
    rows = [np.ones(weights)]
    for _ in range(1000):
        rows.append(round_to(rows[-1] + STEP, bfloat16, rounding, rng=rng))
    return np.array(rows)


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

EXERCISES = (
    Exercise(
        "02.a",
        "Write `round_bits(code32)`: from the code of an fp32 number to the code of the bf16 number nearest to it, "
        "ties to even; integers in, integers out. A NaN has to stay a NaN.",
        CodeJudge(name="round_bits", telling=answers.TELLING, mistakes=answers.ROUND_BITS_MISTAKES),
        (
            "bf16 is the upper half of fp32: `code32 >> 16` cuts the lower half off. When does the upper half have to "
            "grow by one? If the lower half is more than 0x8000; and if it is just that, and the upper half is odd.",
            "Adding 0x7fff to the code carries into the upper half if the lower half is more than 0x8000. Add one more "
            "if the last kept bit, `(code32 >> 16) & 1`, is 1, and ties are right too.",
            "A NaN has a full exponent and something in its mantissa: `code32 & 0x7fffffff > 0x7f800000`. For those "
            "return 0x7fc0, before anything else. (In Python `&` binds tighter than `>`.)",
        ),
        trial=(1,),
    ),
    Exercise(
        "02.b",
        "Write `stochastic(x, u)`: one of x's two neighbours in bf16, so that over all u from 0 up to 1 (1 itself "
        "excluded) the average is x.",
        ThrowJudge(
            name="stochastic",
            starts=answers.STARTS,
            shares=answers.SHARES,
            mistakes=answers.STOCHASTIC_MISTAKES,
        ),
        (
            "If x has gone a quarter of the way from `below` to `above`, a quarter of all u must lead to `above`.",
            "How far x has gone is (x - below) / (above - below), a number from 0 to 1; and u is below 1/4 for a "
            "quarter of all u.",
            "If both neighbours are x itself, return x. Else `above if u < part else below`.",
        ),
        trial=(1.001, 0.5),
    ),
    Exercise(
        "02.c",
        "Give an `x` that fp8 e4m3 rounds to one number, and to another one if fp16 rounds it first.",
        NumberJudge(
            wants="a number, such as `1 + 2**-4`",
            right=answers.differs,
            praise=answers.praise_twice,
            slips=answers.TWICE_SLIPS,
            otherwise="Not {said}. fp16 moves it, but leaves it on the same side of the nearest tie, or the tie is far "
            "away. Look for a tie of fp8 e4m3 first, and go very near to it.",
        ),
        (
            "e4m3 keeps 3 bits after the point: from 1 on it owns 1, 1.125, 1.25 ... Where are the ties between them?",
            "fp16 has to round x onto the tie. Near 1 its numbers are 2⁻¹⁰ apart: what is nearer to the tie than "
            "2⁻¹¹ is moved onto it.",
            "The tie then goes to the even neighbour, so x has to lie on the other side. Between 1 (even) and 1.125 "
            "(odd) the tie is 1 + 2⁻⁴: go a little above that.",
        ),
    ),
)
