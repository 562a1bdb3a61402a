"""What lesson 09 computes: updates that are too small for their weights."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simfp import array, optim
from simfp.autograd import Tensor
from simfp.experiments.mixed_precision.update_ratios import Ratios, ratios
from simfp.experiments.training.races import RATE, RATES, stored
from simfp.experiments.training.run import Training

__all__ = ["adam", "alike", "measured", "sizes", "walk"]

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


def alike() -> float:
    """The learning rate at which fp16 weights come most nearly as far, beside fp32's, as bf16 weights do at RATE."""
    bf16 = stored(RATE).fallen("pure bf16").mean()
    return min(RATES, key=lambda lr: abs(float(stored(lr).fallen("pure fp16").mean() - bf16)))
