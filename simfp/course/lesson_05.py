"""Lesson 05's bets and exercises: why a sum stops growing, and what keeps it going."""

from __future__ import annotations

import numpy as np

from simfp import PairwiseSum, SequentialSum, array, float16, round_to
from simfp.course import lesson_05_answers as answers
from simfp.course.array_judging import ArrayJudge
from simfp.course.bets import Bet
from simfp.course.exercises import Exercise
from simfp.course.judging import NumberJudge
from simfp.figures.words import decimal

__all__ = ["BETS", "EXERCISES", "harmonic_stop"]

TENTHS = np.full(answers.TERMS, float(round_to(0.1, float16)))


def harmonic_stop(fmt: str) -> int:
    """The first n for which 1/n no longer moves the sum 1 + 1/2 + 1/3 ... in `fmt`."""
    terms = np.asarray(round_to(1 / np.arange(1.0, 3000), fmt))
    sums = [float(SequentialSum(fmt)(terms[:count])) for count in range(1, 1200)]
    return next(n for n in range(2, 1200) if sums[n - 1] == sums[n - 2])


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

EXERCISES = (
    Exercise(
        "05.a",
        "0.01 is added to a total again and again, in fp16. At which total does it stop growing?",
        NumberJudge(
            wants="the total, a number",
            right=lambda t: t == answers.stop(answers.STEP),
            praise=lambda t: (
                f"{t:g}. From there on the numbers are {decimal(float(np.spacing(np.float16(t))))} apart, and 0.01 is "
                f"less than half of that. It is always a power of two: there the steps double."
            ),
            slips=answers.STOP_SLIPS,
            otherwise="Not {said}. Where is half a step of fp16 more than 0.01 for the first time?",
        ),
        (
            "A term is absorbed if it is less than half the distance to the next number.",
            "`sf.ulp(total, 'fp16') / 2` is that half distance. It doubles at each power of two.",
            "Try the powers of two: 8, 16, 32, 64. For which of them is it more than 0.01 for the first time?",
        ),
    ),
    Exercise(
        "05.b",
        "4,096 terms are added in halves of halves. Through how many additions, and so how many roundings, does a "
        "single term go?",
        NumberJudge(
            wants="how many additions, a number",
            right=lambda n: n == answers.depth(answers.TERMS),
            praise=lambda n: (
                f"{n:.0f}, and one after the other the first term goes through {answers.TERMS - 1:,}. The bound of the "
                f"error shrinks from {answers.TERMS - 1:,} roundings to {n:.0f}, at no cost."
            ),
            slips=answers.DEPTH_SLIPS,
            otherwise="Not {said}. 4,096 become 2,048, then 1,024, and so on. How often, until one is left?",
        ),
        ("Each round adds pairs, so half as many sums are left.", "4,096 = 2 × 2 × 2 ... How many twos?"),
    ),
    Exercise(
        "05.c",
        "Write `kahan(x)`: the sum of a vector, an fp16 Array, in fp16, with what each addition loses carried along.",
        ArrayJudge(
            example="kahan(x)",
            fmt=float16,
            cases=answers.KAHAN_CASES,
            right=answers.exact_sum,
            steps=2,
            plain=lambda x: True,
            impostors=answers.KAHAN_IMPOSTORS,
            symptoms=answers.KAHAN_SYMPTOMS,
            praise="Right in all {cases} cases, to two steps of fp16, with no number wider than 16 bits. Four "
            "operations in place of one: that is the price. (`np.sum` passes too: it adds in float32.)",
        ),
        (
            "After `grown = total + worth`, what was really added is `grown - total`, and that difference is exact.",
            "What was added too much is `(grown - total) - worth`. Keep it as `rest`, and take it off the next term: "
            "`worth = term - rest`.",
            "Begin with total = rest = `sf.array(0, 'fp16')`. Then for each term, in this order: worth, grown, rest, "
            "total.",
        ),
        trial=(array([1.0, 2.0], float16),),
    ),
)
