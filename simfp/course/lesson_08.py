"""Lesson 08's bets and exercises: how far gradients can be shifted, what stops one, and who looks for the place."""

from __future__ import annotations

from functools import cache

import numpy as np

from simfp import nn, optim
from simfp.amp import GradScaler, autocast
from simfp.course import lesson_08_answers as answers
from simfp.course.bets import Bet
from simfp.course.exercises import Exercise
from simfp.course.judges.judging import NumberJudge
from simfp.course.lesson_08_judges import judge_order, judge_rule
from simfp.experiments.mixed_precision import loss_scale
from simfp.experiments.mixed_precision.loss_scale import FATES, KEPT
from simfp.experiments.mixed_precision.scaled_run import ScaledRun
from simfp.experiments.training.sweeps import summary, sweep
from simfp.figures.mixed_precision.scale_words import span
from simfp.figures.words import decimal

__all__ = ["BETS", "EXERCISES", "SEEDS", "SWEEP_STEPS", "compared", "kept_in_words", "last_scale", "share_changed"]

HELD = 2.0**-14  # the scale of bet 08.4
HELD_STEPS = 100
SEEDS, SWEEP_STEPS = range(3), 100


@cache
def share_changed(scale: float) -> float:
    """The share, in per cent, of a network's gradients whose bits a scale changes: not tf32's, once divided by it."""
    counts = loss_scale.windows(answers.NETWORK)[2].at(scale).counts.sum(0)
    return 100 * float(counts[FATES.index("changed")] / counts.sum())


def widths() -> list[int]:
    """How many powers of two will do, at each moment of a network's training."""
    return [len(window.fits()) for window in loss_scale.windows(answers.NETWORK)]


def narrows() -> str:
    """What becomes of the window from the start to the end of the training that is looked at."""
    first, *_, last = widths()
    return "narrower" if last < first else "wider" if last > first else "the same"


@cache
def last_scale() -> tuple[float, int]:
    """Where the scale ends when every forward pass overflows, and after how many steps."""
    layer = nn.Linear(1, 1, bias=False)
    layer.load_state_dict({"weight": np.array([[1086]], np.float32)})
    optimizer, scaler = optim.SGD(layer.parameters(), lr=1e-9), GradScaler()
    steps = 0
    while scaler.get_scale() > 0 and steps < 1000:
        optimizer.zero_grad()
        with autocast(), np.errstate(all="ignore"):
            loss = nn.functional.mse_loss(layer(np.array([[61]], np.float32)), np.array([[0]], np.float32))
        with np.errstate(all="ignore"):
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
        steps += 1
    return scaler.get_scale(), steps


@cache
def held() -> tuple[float, float, float]:
    """A run whose scale is held far too low: the share lost on average, and the losses of its first and last steps."""
    run = ScaledRun("mlp", scale=HELD, steps=HELD_STEPS)
    run.by_hand = True
    points = list(run)
    lost = float(np.mean([point.lost for point in points]))
    return lost, points[0].loss, float(np.mean([point.loss for point in points[-10:]]))


@cache
def compared() -> tuple[float, float, float]:
    """Accuracy, in per cent, in fp32 and in fp16 with a scaler, and the deviation between seeds, in points."""
    rows = summary(sweep("mlp", ("fp32", "fp16 + scaler"), SEEDS, steps=SWEEP_STEPS))
    told = {row["recipe"]: row for row in rows}
    fp32, scaled = told["fp32"], told["fp16 + scaler"]
    return 100 * fp32["accuracy"], 100 * scaled["accuracy"], 100 * fp32["deviation"]


BETS = (
    Bet(
        "08.1",
        "A loss is multiplied by 3,000, not by 4,096; the gradients come in fp16 and are divided by 3,000 again. In "
        "how many per cent of them has some bit changed?",
        truth=lambda: share_changed(3000.0),
        story=lambda share: (
            f"{share:.1f} %. With 4,096 it is {share_changed(4096.0):.2f} %. A power of two moves the exponent and "
            f"leaves the digits alone, at every rounding on the way; any other number makes all of them fall elsewhere."
        ),
        unit="%",
        near=lambda bet, share: abs(bet - share) <= 10,
    ),
    Bet(
        "08.2",
        "Some scales lose hardly any gradient and overflow none: that is the window. What becomes of it while a "
        "network learns?",
        truth=narrows,
        story=lambda what: (
            f"It gets {what}: {', '.join(map(str, widths()))} powers of two will do after "
            f"{', '.join(str(window.step) for window in loss_scale.windows(answers.NETWORK))} steps. A network that is "
            f"sure of most samples has tiny gradients for them, and still large ones for the few that it gets wrong."
        ),
        options=("wider", "narrower", "the same"),
    ),
    Bet(
        "08.3",
        "The forward pass overflows in every step, so GradScaler backs off every time. Where does its scale end?",
        truth=lambda: decimal(last_scale()[0]),
        story=lambda end: (
            f"At {end}, after {last_scale()[1]} steps, without a word. The scale is a float32: it halves through all "
            f"the subnormals and then it is gone. A scale can shift gradients; what overflowed before there were any "
            f"is out of its reach."
        ),
        options=("0", "1", "an error"),
        from_number=decimal,
    ),
    Bet(
        "08.4",
        "The scale is held at 2⁻¹⁴, far too low: about a third of all weight gradients are lost, in every step. After "
        "100 steps, what will you say of the perceptron?",
        truth=lambda: "learns" if held()[2] < held()[1] / 4 else "stalls",
        story=lambda what: (
            f"It {what}: {100 * held()[0]:.0f} % were lost on average, and the "
            f"loss went from {held()[1]:.2f} to {held()[2]:.2f}. The lost ones are the smallest, and SGD moves little "
            f"by them. How many are lost says less than which."
        ),
        options=("learns", "stalls"),
    ),
)

EXERCISES = (
    Exercise(
        "08.a",
        "One static scale for the nine-layer network, at the start, after 100 and after 200 steps: each time at least "
        "99.9 % of the gradients are kept, and none overflows.",
        NumberJudge(
            wants="the scale, a number such as `2.0**7`",
            right=answers.will_do,
            praise=answers.praise,
            slips=answers.SCALE_SLIPS,
            otherwise="Not {said}.",
        ),
        (
            "The widget shows three bars for these moments. Where do all three lie one above the other?",
            "The lowest scale that will do is set by the last moment, the highest by the last two.",
            "In code: `[set(window.fits()) for window in loss_scale.windows('deep')[:3]]`, and what they share.",
        ),
    ),
    Exercise(
        "08.b",
        "Write `next_scale(scale, tracker, found_inf, growth, backoff, interval)`: the scale and the tracker after an "
        "`update()`.",
        judge_rule,
        (
            "Three cases: there was an overflow; it is time to grow; neither. In two of them the tracker becomes 0.",
            "The step that has just gone well counts. It is time when `tracker + 1 == interval`: equal, not beyond.",
            "The scale is a float32: `np.float32(scale * growth)`. One that would be infinite is not taken, and the "
            "tracker becomes 0 all the same. There is no floor.",
        ),
        trial=(65536.0, 0, False, 2.0, 0.5, 2000),
    ),
    Exercise(
        "08.c",
        "Complete `iteration`: the gradients of several micro-batches are added up, clipped to a norm of 1, and one "
        "step is taken; the scaler is told.",
        judge_order,
        (
            "Four calls come after the loop, each of them once.",
            "Clipping needs the true lengths: so the gradients are unscaled before. `scaler.step` knows that.",
            "`scaler.unscale_(optimizer)`, `clip_grad_norm_(model.parameters(), 1.0)`, `scaler.step(optimizer)`, "
            "`scaler.update()`.",
        ),
        trial=answers.trial(),
    ),
)


def kept_in_words() -> str:
    """The windows of the network's training, in words."""
    told = [f"after {window.step} steps {span(window.fits())}" for window in loss_scale.windows(answers.NETWORK)]
    return f"Scales that keep {100 * KEPT:g} % and overflow nothing: {'; '.join(told)}."
