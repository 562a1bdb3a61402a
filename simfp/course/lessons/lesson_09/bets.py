"""Lesson 09's bets: updates that are too small for their weights."""

from __future__ import annotations

import numpy as np

from simfp import round_to
from simfp.course.bets import Bet
from simfp.course.lessons.lesson_09.facts import adam, alike, measured, walk
from simfp.experiments.training.races import RATE, RATES, steps_at, stored
from simfp.figures.words import decimal

__all__ = ["BETS"]


def _became(weight: float) -> str:
    return "infinite" if np.isinf(weight) else "nan" if np.isnan(weight) else "the same" if weight == 1 else "smaller"


def _loss(recipe: str, lr: float = RATE) -> float:
    """Where a recipe's runs of a race end, on average over the seeds."""
    return float(stored(lr).last(recipe).mean())


BETS = (
    Bet(
        "09.1",
        "A weight of 1.5 is kept in fp16. It takes 1,000 steps, each with lr = 0.001 and a gradient of 0.1; in real "
        "numbers it would come to 1.4. Where is it in the end?",
        truth=lambda: walk("float16"),
        story=lambda end: (
            f"At {end:g}. Each step asks for 0.0001, fp16's numbers are 0.000977 apart there, and half of that is what "
            f"it takes to move. In fp32 it comes to {walk('float32'):.4f}."
        ),
    ),
    Bet(
        "09.2",
        "A perceptron learns digits, with an ordinary lr. Its weights are kept in bf16. How many per cent of a step's "
        "updates leave their weight exactly as it was?",
        truth=lambda: 100 * measured("pure bf16").share,
        story=lambda share: (
            f"{share:.0f} %, of those that are not zero. With fp16 weights {100 * measured('pure fp16').share:.0f} %, "
            f"with fp32 weights {100 * measured('fp32').share:.2f} %."
        ),
        unit="%",
        near=lambda bet, share: abs(bet - share) <= 10,
    ),
    Bet(
        "09.3",
        "At a small lr, fp32 weights bring the loss from 2.30 to below 1 in 600 steps. Where do bf16 weights bring it?",
        truth=lambda: _loss("pure bf16"),
        story=lambda loss: (
            f"To {loss:.2f}: it hardly moves, though every gradient was there. The same bf16 weights with Kahan's "
            f"compensation come to {_loss('pure bf16 + kahan'):.2f}, with stochastic rounding to "
            f"{_loss('pure bf16 + stochastic'):.2f}."
        ),
        near=lambda bet, loss: abs(bet - loss) <= 0.15,
    ),
    Bet(
        "09.4",
        f"At lr = {RATE:g} bf16 weights stand nearly still, and fp16 weights go on. At which learning rate do fp16 "
        f"weights, given as many more steps as the steps are smaller, stand as still as those?",
        truth=lambda: decimal(alike()),
        story=lambda lr: (
            f"At {lr}, 1/{RATE / alike():g} of it: fp16 has three bits more, and is as fine as that. Its loss is "
            f"{_loss('pure fp16', alike()):.2f} after {steps_at(alike()):,} steps, as bf16's was "
            f"{_loss('pure bf16'):.2f} after {steps_at(RATE):,}. There fp32 weights come to "
            f"{_loss('fp32', alike()):.2f}, fp16 weights with Kahan's compensation to "
            f"{_loss('pure fp16 + kahan', alike()):.2f}, with stochastic rounding to "
            f"{_loss('pure fp16 + stochastic', alike()):.2f}."
        ),
        options=tuple(map(decimal, RATES)),
        from_number=decimal,
    ),
    Bet(
        "09.5",
        "Adam, all in fp16: a weight of 1, a gradient of 1e-5, lr = 0.001, eps = 1e-8. After a step the weight is ...",
        truth=lambda: _became(adam("float16", 1e-8)),
        story=lambda which: (
            f"{which}. The square of 1e-5 is 1e-10, and the second moment is a thousandth of that: 0 in fp16. "
            f"eps = 1e-8 is {float(round_to(1e-8, 'fp16')):g} in fp16 as well. So Adam divides by 0."
        ),
        options=("smaller", "the same", "infinite", "nan"),
    ),
)
