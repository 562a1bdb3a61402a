"""A training run whose loss scale can be held by hand or left to a GradScaler, while it runs; what each step lost."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from simfp.experiments.mixed_precision.loss_scale import Gradients, Outcome, compare, gradients, layer_names
from simfp.experiments.training.recipes import Abandoned
from simfp.experiments.training.run import Training
from simfp.grad_scaler import GradScaler

__all__ = ["STEPS", "Point", "ScaledRun"]

STEPS = 600


class Point(NamedTuple):
    """What one step came to."""

    step: int  # from 0
    loss: float
    scale: float  # that the loss was multiplied by
    lost: float  # share of the weights' gradients, not zero in tf32, that were zero in fp16
    overflowed: float  # share of them that were infinite or NaN
    skipped: bool
    tracker: int  # consecutive good steps, after this one


class ScaledRun:
    """A run of a task in fp16. Iterating takes its steps; settings may be changed between any two of them.

    by_hand: whether the scale is `scale`, held, and a step that overflows is only left out; else a GradScaler's, which
    begins at `scale`. growth_factor, backoff_factor, growth_interval: the GradScaler's. lr: the optimizer's.

    A loss that is infinite or NaN ends the run: `diverged_at` is that step. Left and iterated again, it goes on to the
    same bits.

    Raises ValueError for an unknown task.
    """

    def __init__(self, task: str = "mlp", *, scale: float = 2.0**16, steps: int = STEPS, seed: int = 0) -> None:
        self.training = Training(
            task, "fp16 + scaler", seed=seed, steps=steps, measure_every=0, before_update=self._compare,
            scaler={"init_scale": scale, "growth_interval": 50},
        )  # fmt: skip
        assert self.training.scaler is not None  # the recipe has one
        self.scaler: GradScaler = self.training.scaler
        self._wanted: Gradients = {}
        self._found: Outcome | None = None
        self.points: list[Point] = []
        self.by_hand = False
        self.held = scale
        self._changes: deque[Callable[[], Any]] = deque()
        self._stopping = False

    @property
    def lr(self) -> float:
        """The learning rate of the next step."""
        return float((self.training.settings.options or {})["lr"])

    @lr.setter
    def lr(self, value: float) -> None:
        self.training.change(lr=value)

    @property
    def diverged_at(self) -> int | None:
        """The step whose loss was infinite or NaN; None if there was none."""
        return self.training.diverged_at

    def set_scale(self, scale: float) -> None:
        """Sets the scale of the next step; held by hand, of all that follow."""
        self.held = scale
        self._rescale(scale)

    def before_next_step(self, change: Callable[[], Any]) -> None:
        """Has `change` called by the thread that takes the steps, before it takes the next one; from any thread."""
        self._changes.append(change)

    def _rescale(self, scale: float) -> None:
        self.scaler.load_state_dict({**self.scaler.state_dict(), "scale": scale})

    def stop(self) -> None:
        """Ends the iteration at once, from any thread; a step in the making counts as not begun."""
        self._stopping = True
        self.training.stop()

    def _compare(self) -> None:
        """Holds the gradients that are to be unscaled against those that they should be."""
        model = self.training.model
        scaled = {name: p.grad.values for name, p in model.named_parameters() if p.grad is not None}
        self._found = compare(scaled, self._wanted, self.scaler.get_scale(), layer_names(model))

    def _check(self) -> None:
        if self._stopping:
            raise Abandoned

    def __iter__(self) -> Iterator[Point]:
        self._stopping = False
        while self.training.status not in ("finished", "diverged"):
            while self._changes:
                self._changes.popleft()()
            if self.by_hand:
                self._rescale(self.held)
            model, batch = self.training.model, self.training.batch()
            try:
                self._wanted = gradients(model, batch, "tfloat32", check=self._check)[1]
            except Abandoned:
                return
            step = next(iter(self.training), None)
            if step is None:
                return
            if self.by_hand:  # whatever the scaler has made of it
                self._rescale(self.held)
            found = self._found
            assert found is not None  # the step was updated
            tracker = int(self.scaler.state_dict()["_growth_tracker"])
            skipped = found.spoiled
            there = found.counts.sum() > 0
            lost, overflowed = (found.lost, found.overflowed) if there else (0.0, 0.0)
            self.points.append(Point(step.number, step.loss, step.scale, lost, overflowed, skipped, tracker))
            yield self.points[-1]


def exponent(scale: float) -> float:
    """log2 of a scale; minus infinity of 0."""
    return math.log2(scale) if scale > 0 else -math.inf
