"""Lesson 10's bets: which operation autocast runs in which format, and what its cache does."""

from __future__ import annotations

import numpy as np

from simfp.course.bets import Bet
from simfp.course.lessons.lesson_10.facts import edited, in_fp32, squares, used_twice

__all__ = ["BETS"]


def _which(values: tuple[float, float]) -> str:
    product, power = (np.isinf(value) for value in values)
    return {(True, True): "both", (True, False): "h * h", (False, True): "h ** 2"}.get((product, power), "neither")


BETS = (
    Bet(
        "10.1",
        "A transformer block under autocast(dtype=fp16), from its first norm to its loss: 19 operations. How many of "
        "them have a result in fp32?",
        truth=in_fp32,
        story=lambda count: (
            f"{count:g}. The norms, softmax and the loss stand in the fp32 list; the two residual sums stand in none, "
            f"and one of their inputs is fp32. log_softmax would be fp32 too, but cross_entropy asks it for fp16."
        ),
        near=lambda bet, count: abs(bet - count) <= 1,
    ),
    Bet(
        "10.2",
        "h is 300, in fp16. Under autocast, which of h * h and h ** 2 becomes infinite?",
        truth=lambda: _which(squares()),
        story=lambda which: (
            f"{which}: {squares()[0]:g} and {squares()[1]:,.0f}. `pow` stands in the fp32 list; `mul` stands in none, "
            f"follows its inputs, and 90,000 is beyond fp16."
        ),
        options=("h * h", "h ** 2", "both", "neither"),
    ),
    Bet(
        "10.3",
        "A weight is used twice in a region of autocast; one use sends back a gradient of 2048, the other of 1. The "
        "weight is fp32. What is its .grad?",
        truth=lambda: used_twice(True)[0],
        story=lambda grad: (
            f"{grad:g}. The weight's cast was made once and kept; both uses hang on that one fp16 copy, and what comes "
            f"back meets there, in fp16: 2048 + 1 = 2048. Without the cache it is "
            f"{used_twice(False)[0]:g}."
        ),
    ),
    Bet(
        "10.4",
        "Within one region: a weight of 1 is used in a product, then set to 2, then used again, each time with 1. What "
        "does the second product say?",
        truth=edited,
        story=lambda value: (
            f"{value:g}. The second product took the kept copy, which still says 1. Nobody looks whether it is stale: "
            f"neither simfp nor torch. Change weights outside of the region, as an optimizer's step does."
        ),
    ),
)
