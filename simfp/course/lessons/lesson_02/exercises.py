"""Lesson 02's exercises: what becomes of the numbers that a format does not own."""

from __future__ import annotations

from simfp.course.exercises import Exercise
from simfp.course.judges.numbers import NumberJudge
from simfp.course.lessons.lesson_02 import answers
from simfp.course.lessons.lesson_02.judges import CodeJudge, ThrowJudge

__all__ = ["EXERCISES"]

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
