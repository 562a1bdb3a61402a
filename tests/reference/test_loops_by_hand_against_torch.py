"""Training loops by hand, with in-place operators: their float32 losses are torch's, but for the order of sums."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import simfp as sf
from simfp import nn
from simfp.autograd import no_grad

pytestmark = pytest.mark.torch

STEPS, RATE = 25, 0.05


class Side:
    """One of the two libraries, a network in it, and batches."""

    def __init__(self, ours: bool) -> None:
        self.ours, self.nn, self.no_grad = ours, nn if ours else torch.nn, no_grad if ours else torch.no_grad
        self.model = self.network()

    def network(self) -> Any:
        made = self.nn.Sequential(self.nn.Linear(4, 16), self.nn.Tanh(), self.nn.Linear(16, 2))
        rng = np.random.default_rng(5)
        with self.no_grad():
            for p in made.parameters():
                p.copy_(self.tensor(rng.normal(0, 0.4, tuple(p.shape))))
        return made

    def tensor(self, values: Any) -> Any:
        values = np.array(values, np.float32)
        return sf.Tensor(values) if self.ours else torch.from_numpy(values)

    def loss(self, step: int, model: Any = None) -> Any:
        rng = np.random.default_rng(step)
        x, y = self.tensor(rng.normal(size=(8, 4))), self.tensor(rng.normal(size=(8, 2)))
        return ((model or self.model)(x) - y).pow(2).mean()

    def zeros_like(self, p: Any) -> Any:
        return self.tensor(np.zeros(tuple(p.shape)))


def plain(side: Side) -> list[float]:
    losses = []
    for step in range(STEPS):
        loss = side.loss(step)
        loss.backward()
        losses.append(loss.item())
        with side.no_grad():
            for p in side.model.parameters():
                p -= RATE * p.grad
                p.grad.zero_()
    return losses


def through_data(side: Side) -> list[float]:
    losses = []
    for step in range(STEPS):
        loss = side.loss(step)
        side.model.zero_grad()
        loss.backward()
        losses.append(loss.item())
        for p in side.model.parameters():
            p.data.add_(p.grad, alpha=-RATE)
    return losses


def with_momentum(side: Side) -> list[float]:
    losses, buffers = [], [side.zeros_like(p) for p in side.model.parameters()]
    for step in range(STEPS):
        loss = side.loss(step)
        loss.backward()
        losses.append(loss.item())
        with side.no_grad():
            for p, buffer in zip(side.model.parameters(), buffers):
                buffer *= 0.9
                buffer += p.grad
                p.sub_(buffer, alpha=RATE)
                p.grad = None
    return losses


def accumulating(side: Side) -> list[float]:
    losses = []
    for step in range(STEPS):
        loss = side.loss(step) / 4
        loss.backward()
        losses.append(loss.item())
        if step % 4 == 3:
            with side.no_grad():
                for p in side.model.parameters():
                    p.grad.clamp_(-0.5, 0.5)
                    p -= RATE * p.grad
                    p.grad = None
    return losses


def averaging(side: Side) -> list[float]:
    """The losses of an exponential moving average of the weights."""
    losses, average = [], side.network()
    for step in range(STEPS):
        side.loss(step).backward()
        with side.no_grad():
            for mean, p in zip(average.parameters(), side.model.parameters()):
                p.add_(p.grad, alpha=-RATE)
                p.grad.zero_()
                if step % 2:
                    mean *= 0.9
                    mean += 0.1 * p
                else:
                    mean.lerp_(p, 0.1)
            losses.append(side.loss(step, average).item())
    return losses


def adam(side: Side) -> list[float]:
    losses = []
    moments = [(side.zeros_like(p), side.zeros_like(p)) for p in side.model.parameters()]
    for step in range(1, STEPS + 1):
        loss = side.loss(step)
        loss.backward()
        losses.append(loss.item())
        with side.no_grad():
            for p, (mean, square) in zip(side.model.parameters(), moments):
                mean.mul_(0.9).add_(p.grad, alpha=0.1)
                square.mul_(0.99).addcmul_(p.grad, p.grad, value=0.01)
                below = (square / (1 - 0.99**step)).sqrt_().add_(1e-8)
                p.addcdiv_(mean, below, value=-RATE / (1 - 0.9**step))
                p.grad.zero_()
    return losses


def into_a_buffer(side: Side) -> list[float]:
    """Outputs written into one tensor, row by row."""
    losses = []
    for step in range(STEPS):
        rng = np.random.default_rng(step)
        out = side.tensor(np.zeros((8, 2)))
        for row in range(8):
            out[row] = side.model(side.tensor(rng.normal(size=4)))
        out[:, 1] *= 0.5
        out.tanh_()
        loss = (out - 0.3).pow(2).mean()
        side.model.zero_grad()
        loss.backward()
        losses.append(loss.item())
        with side.no_grad():
            for p in side.model.parameters():
                p -= RATE * p.grad
    return losses


def noisy(side: Side) -> list[float]:
    losses = []
    for step in range(STEPS):
        loss = side.loss(step)
        side.model.zero_grad()
        loss.backward()
        losses.append(loss.item())
        size = sum(float((p.grad * p.grad).sum()) for p in side.model.parameters()) ** 0.5
        for p in side.model.parameters():
            p.grad /= max(size, 1.0)
            p.grad += side.tensor(np.random.default_rng(step).normal(0, 0.01, tuple(p.shape)))
            p.data -= RATE * p.grad
    return losses


LOOPS: list[Callable[[Side], list[float]]] = [
    plain, through_data, with_momentum, accumulating, averaging, adam, into_a_buffer, noisy,
]  # fmt: skip


@pytest.mark.parametrize("loop", LOOPS, ids=lambda loop: loop.__name__)
def test_losses_of_a_loop_by_hand_are_torchs(loop: Callable[[Side], list[float]]) -> None:
    ours, theirs = (loop(Side(side)) for side in (True, False))
    assert len(ours) == STEPS
    assert len(set(theirs)) > STEPS / 2  # something moved
    np.testing.assert_allclose(ours, theirs, rtol=2e-5)
