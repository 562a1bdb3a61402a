"""Lesson 12's bets: whether simfp makes the bits that a GPU makes, and where it does not."""

from __future__ import annotations

from simfp.course.bets import Bet
from simfp.course.lessons.lesson_12.facts import STEPS, differing, recorded, run_again, wide_of_the_best

__all__ = ["BETS"]

BETS = (
    Bet(
        "12.1",
        "An H200 was asked for 317 checks of single operations, forward and backward: 51 million elements. In how many "
        "of the checks does any element differ from simfp's in any bit?",
        truth=lambda: float(differing(recorded())),
        story=lambda count: (
            f"In {count:.0f} of {len(recorded()['rows'])}, and each of them is in the table of the frontier. The "
            f"others have every bit."
        ),
        near=lambda bet, count: abs(bet - count) <= 4,
    ),
    Bet(
        "12.2",
        "CUDA's exp in fp32: of how many per cent of the numbers between −10 and 10 is it not the nearest fp32 number?",
        truth=wide_of_the_best,
        story=lambda share: (
            f"{share:.0f} %. It is off by an ulp, by design: nearly right is faster. A simulator that rounds correctly "
            f"would be wrong there."
        ),
        unit="%",
        near=lambda bet, share: abs(bet - share) <= 8,
    ),
    Bet(
        "12.3",
        f"A network is trained under fp16 autocast with a GradScaler, on the H200 and in simfp. After how many of the "
        f"first {STEPS} steps do the two have a weight with another bit?",
        truth=lambda: float(run_again("sgd fp16")),
        story=lambda count: (
            f"After {count:.0f}. One bit would be enough for all weights to drift apart, and none is ever off: "
            f"products, sums, roundings, skipped steps."
        ),
        near=lambda bet, count: bet == count,
    ),
)
