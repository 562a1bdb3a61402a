"""Lesson 09's bets and exercises: updates that are too small for their weights."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simfp import array, optim, round_to
from simfp.autograd import Tensor
from simfp.course import lesson_09_answers as answers
from simfp.course.bets import Bet
from simfp.course.exercises import Exercise
from simfp.course.judging import NumberJudge
from simfp.experiments.races import RATE, RATES, steps_at, stored
from simfp.experiments.training import Training
from simfp.experiments.updates import Ratios, ratios
from simfp.figures.words import decimal

__all__ = ["BETS", "EXERCISES", "adam", "alike", "measured", "sizes", "walk"]

BEFORE = 60  # steps of training before the updates are looked at
SLOW = {"lr": 0.02, "momentum": 0.0}


def walk(fmt: str, steps: int = 1000, **options: Any) -> float:
    """A weight of 1.5 after so many steps of SGD with a gradient of 0.1 and lr 1e-3, kept in `fmt`."""
    p = Tensor(array([1.5], fmt), requires_grad=True)
    optimizer = optim.SGD([p], lr=1e-3, **options)
    for _ in range(steps):
        p.grad = array([0.1], fmt)
        optimizer.step()
    return float(p.data.values[0])


@cache
def measured(recipe: str) -> Ratios:
    """The updates of one step of a perceptron on digits, after BEFORE others, beside their weights."""
    training = Training("mlp", recipe, steps=BEFORE + 1, options=SLOW, measure_every=0)
    for _ in range(BEFORE):
        training.step()
    return ratios(training)


@cache
def sizes(task: str, **settings: Any) -> NDArray[np.float64]:
    """The sizes of all updates, not zero, of one step in fp32, after ten others."""
    training = Training(task, "fp32", steps=11, measure_every=0, **settings)
    for _ in range(10):
        training.step()
    before = [p.data.values.astype(np.float64) for p in training.model.parameters()]
    training.step()
    after = [p.data.values.astype(np.float64) for p in training.model.parameters()]
    moved = np.concatenate([np.abs(x - y).reshape(-1) for x, y in zip(before, after)])
    return np.asarray(moved[moved > 0])


def adam(fmt: str, eps: float) -> float:
    """A weight of 1 after one step of Adam in `fmt`, with a gradient of 1e-5."""
    p = Tensor(array([1.0], fmt), requires_grad=True)
    p.grad = array([1e-5], fmt)
    optim.Adam([p], lr=1e-3, eps=eps).step()
    return float(p.data.values[0])


def _became(weight: float) -> str:
    return "infinite" if np.isinf(weight) else "nan" if np.isnan(weight) else "the same" if weight == 1 else "smaller"


def _loss(recipe: str, lr: float = RATE) -> float:
    """Where a recipe's runs of a race end, on average over the seeds."""
    return float(stored(lr).last(recipe).mean())


def alike() -> float:
    """The learning rate at which fp16 weights come most nearly as far, beside fp32's, as bf16 weights do at RATE."""
    bf16 = stored(RATE).fallen("pure bf16").mean()
    return min(RATES, key=lambda lr: abs(float(stored(lr).fallen("pure fp16").mean() - bf16)))


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

ZERO = array(0.0, "bfloat16")

EXERCISES = (
    Exercise(
        "09.a",
        "Write `is_absorbed(weight, update, fmt)`: whether weight − update, rounded to the format, is the weight, "
        "though the update is not 0.",
        answers.AbsorbedJudge(),
        (
            "The definition can be written down as it stands: subtract, round, compare.",
            "`sf.round_to(weight - update, fmt)` rounds. The difference of two floats is exact here, or near enough.",
            "`(sf.round_to(weight - update, fmt) == weight) & (update != 0)`.",
        ),
        trial=(1.0, 0.5, "fp16"),
    ),
    Exercise(
        "09.b",
        "A weight of 1.5 in bf16, a gradient of 0.01. What is the smallest learning rate that still moves the weight?",
        NumberJudge(
            wants="a learning rate, to 1 %",
            right=answers.moves,
            praise=lambda lr: (
                f"{decimal(lr)}. With anything smaller the weight stays where it is, for ever, however many steps you "
                f"take. The smallest float32 that moves it is {decimal(answers.smallest_lr(), 9)}."
            ),
            slips=answers.LR_SLIPS,
            otherwise="With {said} the weight stays. How far is half a step of bf16 at 1.5, and what × 0.01 is that?",
        ),
        (
            "lr × gradient has to be more than half the distance to the next number.",
            "That distance is `sf.ulp(1.5, 'bf16')`.",
            "`sf.ulp(1.5, 'bf16') / 2 / 0.01`, and a little more than that: at a tie the weight stays, for it is even.",
        ),
    ),
    Exercise(
        "09.c",
        "Write `kahan_step(weight, lost, update)`: the new weight, and what is lost from now on; all bf16 Arrays.",
        answers.KahanJudge(),
        (
            "What is wanted is the update and what was lost before: `wanted = lost - update`.",
            "After `new = weight + wanted`, what was really done is `new - weight`.",
            "What is lost is what was wanted minus what was done. Return both: `return new, wanted - (new - weight)`.",
        ),
        trial=(ZERO, ZERO, ZERO),
    ),
)
