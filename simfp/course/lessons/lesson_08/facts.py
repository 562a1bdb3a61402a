"""What lesson 08 computes: how far gradients can be shifted, what stops one, and who looks for the place."""

from __future__ import annotations

from functools import cache

import numpy as np

from simfp import nn, optim
from simfp.amp import GradScaler, autocast
from simfp.course.lessons.lesson_08 import answers
from simfp.experiments.mixed_precision import loss_scale
from simfp.experiments.mixed_precision.loss_scale import FATES, KEPT
from simfp.experiments.mixed_precision.scaled_run import ScaledRun
from simfp.experiments.training.sweeps import summary, sweep
from simfp.figures.mixed_precision.scale_words import span

__all__ = ["SEEDS", "SWEEP_STEPS", "compared", "kept_in_words", "last_scale", "share_changed"]

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


def kept_in_words() -> str:
    """The windows of the network's training, in words."""
    told = [f"after {window.step} steps {span(window.fits())}" for window in loss_scale.windows(answers.NETWORK)]
    return f"Scales that keep {100 * KEPT:g} % and overflow nothing: {'; '.join(told)}."
