"""What a loss scale does to a network's gradients: which are lost below fp16's range, and which overflow above it.

A gradient is held against the one that the same network has in tf32. That format has fp16's 11 bits and fp32's
exponents, so it tells what fp16 would say if it had neither floor nor ceiling.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simfp.amp import autocast
from simfp.arrays import array
from simfp.autograd import Tensor
from simfp.experiments.recipes import ACCUMULATORS
from simfp.experiments.tasks import TASKS, Batch
from simfp.experiments.training import Training
from simfp.nn import Module
from simfp.nn.functional import cross_entropy

__all__ = ["FATES", "KEPT", "MOMENTS", "SCALES", "Exploration", "Outcome", "Window", "windows"]

SCALES = range(-4, 31)  # exponents of the scales that are looked at
MOMENTS = (0, 100, 200, 300)  # steps of training before which they are
FATES = ("lost", "changed", "same", "overflowed")
KEPT = 0.999  # the share of gradients that is to come through

Gradients = dict[str, NDArray[np.float32]]


class Outcome(NamedTuple):
    """What became of the gradients at one scale.

    counts[layer, fate], of the gradients that are not zero in tf32: "lost" are zero now; "overflowed" are infinite or
    NaN; "same" have, divided by the scale, the bits that they have in tf32; "changed" have others.
    spoiled: whether any gradient is infinite or NaN, so that a GradScaler would skip the step.
    """

    counts: NDArray[np.int64]
    spoiled: bool

    @property
    def lost(self) -> float:
        """The share of all gradients that is lost."""
        return float(self.counts[:, FATES.index("lost")].sum() / self.counts.sum())

    @property
    def overflowed(self) -> float:
        """The share of all gradients that is infinite or NaN."""
        return float(self.counts[:, FATES.index("overflowed")].sum() / self.counts.sum())


@dataclass(frozen=True, eq=False)
class Window:
    """All scales at one moment of a network's training, and which of them will do."""

    task: str
    step: int  # the steps taken before
    loss: float
    layers: tuple[str, ...]  # those with weights, inputs first
    outcomes: tuple[Outcome, ...]  # for each of SCALES
    weights: dict[str, NDArray[Any]]  # a state_dict
    batch: Batch
    wanted: Gradients  # in tf32

    def fits(self, layer: int | None = None, kept: float = KEPT) -> list[int]:
        """The exponents of SCALES at which so many gradients, of one layer or all, are not lost and none overflows."""
        chosen = slice(None) if layer is None else slice(layer, layer + 1)
        good = []
        for exponent, (counts, spoiled) in zip(SCALES, self.outcomes, strict=True):
            lost, *_, overflowed = counts[chosen].sum(0)
            too_large = spoiled if layer is None else overflowed
            if not too_large and lost <= (1 - kept) * counts[chosen].sum():
                good.append(exponent)
        return good

    def at(self, scale: float) -> Outcome:
        """What becomes of the gradients at any scale: one more backward pass.

        Raises ValueError for a scale that is not a finite number above 0 in float32.
        """
        with np.errstate(over="ignore"):
            rounded = float(np.float32(scale))
        if not 0 < rounded < np.inf:
            raise ValueError(f"`scale` must be a finite number above 0, in float32; got {scale!r}")
        model = TASKS[self.task].model(np.random.default_rng(0))
        model.load_state_dict(self.weights)
        return compare(gradients(model, self.batch, "float16", rounded)[1], self.wanted, rounded, self.layers)


def layer_names(model: Module) -> tuple[str, ...]:
    """The layers that have parameters of their own, inputs first."""
    return tuple(dict.fromkeys(name.rpartition(".")[0] or name for name, _ in model.named_parameters()))


def gradients(model: Module, batch: Batch, fmt: str, scale: float = 1.0) -> tuple[float, Gradients]:
    """The loss of a batch, and each parameter's gradient of `scale` times it, under autocast to `fmt`."""
    _forget(model)
    with autocast("cuda", fmt, accumulator=ACCUMULATORS["float64"]):
        inputs = Tensor(array(batch.inputs, "float32")) if batch.inputs.dtype.kind == "f" else batch.inputs
        logits = model(inputs)
        loss = cross_entropy(logits.reshape(-1, logits.shape[-1]), batch.targets.reshape(-1))
    (loss * array(np.float32(scale))).backward()
    found = {name: p.grad.values.copy() for name, p in model.named_parameters() if p.grad is not None}
    _forget(model)
    return float(loss.item()), found


def compare(scaled: Gradients, wanted: Gradients, scale: float, layers: Sequence[str]) -> Outcome:
    """What became of gradients that were `wanted` and came out as `scaled`."""
    counts = np.zeros((len(layers), len(FATES)), np.int64)
    spoiled = False
    factor = np.float32(1 / scale)
    for name, right in wanted.items():
        said = scaled[name]
        finite = np.isfinite(said)
        spoiled = spoiled or not finite.all()
        there = right != 0
        lost, same = there & (said == 0), there & (said * factor == right) & (said != 0)
        fates = lost, there & finite & ~lost & ~same, same, there & ~finite
        counts[layers.index(name.rpartition(".")[0] or name)] += [int(fate.sum()) for fate in fates]
    return Outcome(counts, spoiled)


def _forget(model: Module) -> None:
    for p in model.parameters():
        p.grad = None


class Exploration:
    """Trains a task, and looks at all scales before some of its steps; iterating tells how far it has come.

    Each item is the share of the work that is done, from 0 to 1. It may be left and iterated again. windows: what was
    found, one for each moment that is over.

    Raises ValueError for an unknown task, and for moments that are no rising numbers from 0 on.
    """

    def __init__(self, task: str, moments: Sequence[int] = MOMENTS, *, seed: int = 0) -> None:
        rising = all(a < b for a, b in pairwise(moments))
        if not moments or not rising or any(isinstance(m, bool) or not isinstance(m, int) or m < 0 for m in moments):
            raise ValueError(f"`moments` must be rising integers from 0 on, got {tuple(moments)!r}")
        self.moments = tuple(moments)
        self.training = Training(task, "fp16 + scaler", seed=seed, steps=moments[-1] + 1, measure_every=0)
        self.windows: list[Window] = []
        self._outcomes: list[Outcome] = []

    @property
    def done(self) -> float:
        """The share of the work that is done."""
        looks = len(self.windows) * len(SCALES) + len(self._outcomes)
        return (len(self.training.history) + looks) / (self.moments[-1] + len(self.moments) * len(SCALES))

    def __iter__(self) -> Iterator[float]:
        for moment in self.moments[len(self.windows) :]:
            while len(self.training.history) < moment:
                self.training.step()
                yield self.done
            batch, model = self.training.batch(), self.training.model
            loss, wanted = gradients(model, batch, "tfloat32")
            layers = layer_names(model)
            for exponent in SCALES[len(self._outcomes) :]:
                scaled = gradients(model, batch, "float16", 2.0**exponent)[1]
                self._outcomes.append(compare(scaled, wanted, 2.0**exponent, layers))
                if len(self._outcomes) == len(SCALES):
                    task, weights = self.training.settings.task, model.state_dict()
                    found = tuple(self._outcomes)
                    self.windows.append(Window(task, moment, loss, layers, found, weights, batch, wanted))
                    self._outcomes = []
                yield self.done


@cache
def windows(task: str, moments: tuple[int, ...] = MOMENTS) -> tuple[Window, ...]:
    """The windows of a task at some moments of its training, computed at once."""
    exploration = Exploration(task, moments)
    for _ in exploration:
        pass
    return tuple(exploration.windows)
