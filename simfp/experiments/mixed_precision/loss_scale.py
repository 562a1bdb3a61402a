"""What a loss scale does to a network's gradients: which are lost below fp16's range, and which overflow above it.

A gradient is held against the one that the same network has in tf32. That format has fp16's 11 bits and fp32's
exponents, so it tells what fp16 would say if it had neither floor nor ceiling.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simfp.amp import autocast
from simfp.arrays import array
from simfp.autograd import Tensor
from simfp.experiments.training.recipes import ACCUMULATORS, Abandoned, Products
from simfp.experiments.training.run import Training
from simfp.experiments.training.tasks import TASKS, Batch
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


def gradients(
    model: Module, batch: Batch, fmt: str, scale: float = 1.0, check: Callable[[], None] | None = None
) -> tuple[float, Gradients]:
    """The loss of a batch, and each parameter's gradient of `scale` times it, under autocast to `fmt`.

    check: as `Products` calls it; what it raises is raised. No gradient stays in the model, however it ends.
    """
    _forget(model)
    try:
        with autocast("cuda", fmt, accumulator=Products(ACCUMULATORS["float64"], check=check)):
            inputs = Tensor(array(batch.inputs, "float32")) if batch.inputs.dtype.kind == "f" else batch.inputs
            logits = model(inputs)
            loss = cross_entropy(logits.reshape(-1, logits.shape[-1]), batch.targets.reshape(-1))
        (loss * array(np.float32(scale))).backward()
        found = {name: p.grad.values.copy() for name, p in model.named_parameters() if p.grad is not None}
    finally:
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
    found, one for each moment that is over. `stop` may be called from any thread and works at once: the step or the
    backward pass in the making counts as not begun.

    Raises ValueError for an unknown task, and for moments that are no rising numbers from 0 on.
    """

    def __init__(self, task: str, moments: Sequence[int] = MOMENTS, *, seed: int = 0) -> None:
        rising = all(a < b for a, b in pairwise(moments))
        if not moments or not rising or any(isinstance(m, bool) or not isinstance(m, int) or m < 0 for m in moments):
            raise ValueError(f"`moments` must be rising integers from 0 on, got {tuple(moments)!r}")
        self.moments = tuple(moments)
        self.training = Training(task, "fp16 + scaler", seed=seed, steps=moments[-1] + 1, measure_every=0)
        self.windows: list[Window] = []
        self.most = moments[-1] + len(moments) * len(SCALES)
        self._wanted: tuple[float, Gradients] | None = None  # at the moment that is looked at
        self._outcomes: list[Outcome] = []
        self._stopping = False

    @property
    def taken(self) -> int:
        """How many steps, and backward passes for a scale, are done, of `most`."""
        return len(self.training.history) + len(self.windows) * len(SCALES) + len(self._outcomes)

    @property
    def done(self) -> float:
        """The share of the work that is done."""
        return self.taken / self.most

    @property
    def status(self) -> str:
        """How the work stands: "ready", "stopped" or "finished"; "running" between the two."""
        if self.taken == self.most:
            return "finished"
        return "stopped" if self._stopping else "running" if self.taken else "ready"

    def stop(self) -> None:
        """Ends the iteration, wherever it is; iterating again goes on."""
        self._stopping = True
        self.training.stop()

    def __iter__(self) -> Iterator[float]:
        self._stopping = False
        for moment in self.moments[len(self.windows) :]:
            while len(self.training.history) < moment:
                if self._stopping:  # between two steps, which the training forgets as it goes on
                    return
                if next(iter(self.training), None) is None:
                    if self.training.status == "diverged":
                        raise RuntimeError(f"{self.training!r} has no step left, and {moment} were to be looked at")
                    return
                yield self.done
            for exponent in SCALES[len(self._outcomes) :]:
                try:
                    self._look(exponent)
                except Abandoned:
                    return
                if len(self._outcomes) == len(SCALES):
                    self._close(moment)
                yield self.done

    def _check(self) -> None:
        if self._stopping:
            raise Abandoned

    def _look(self, exponent: int) -> None:
        """One backward pass, at the scale 2^exponent."""
        batch, model = self.training.batch(), self.training.model
        if self._wanted is None:
            self._wanted = gradients(model, batch, "tfloat32", check=self._check)
        scaled = gradients(model, batch, "float16", 2.0**exponent, self._check)[1]
        self._outcomes.append(compare(scaled, self._wanted[1], 2.0**exponent, layer_names(model)))

    def _close(self, moment: int) -> None:
        """All scales have been looked at."""
        assert self._wanted is not None
        (loss, wanted), model, found = self._wanted, self.training.model, tuple(self._outcomes)
        task, batch = self.training.settings.task, self.training.batch()
        self.windows.append(Window(task, moment, loss, layer_names(model), found, model.state_dict(), batch, wanted))
        self._wanted, self._outcomes = None, []


_explorations: dict[tuple[str, tuple[int, ...]], Exploration] = {}


def windows(
    task: str, moments: tuple[int, ...] = MOMENTS, *, watch: Callable[[Exploration], Any] | None = None
) -> tuple[Window, ...]:
    """The windows of a task at some moments of its training; computed once, and kept.

    watch: what iterates the `Exploration` and shows how far it is, such as `simfp.course.watch`.

    Raises KeyboardInterrupt where it was stopped. What was done until then is kept, and the next call goes on there.
    """
    key = task, tuple(moments)
    exploration = _explorations.get(key) or Exploration(*key)
    if exploration.status != "finished":
        # an interrupt may come in the middle of a step, which leaves it half done: then nothing is kept
        _explorations.pop(key, None)
        (watch or list)(exploration)
        _explorations[key] = exploration
    if exploration.status != "finished":
        told = f"stopped after {exploration.taken} of {exploration.most} steps and backward passes"
        raise KeyboardInterrupt(f"{told}; the next call goes on from there")
    return tuple(exploration.windows)
