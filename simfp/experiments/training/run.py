"""Training: one run of a task under a recipe, a step at a time; it can be stopped, kept and gone on with.

A run is settled by its settings, to the last bit: initial weights, the samples of each step and the coins of
stochastic rounding follow from the seed. What a step came to is plain data, a `Step`.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from simfp.amp import GradScaler
from simfp.census import Census
from simfp.census.table import share_of
from simfp.experiments.training import files as training_files
from simfp.experiments.training.recipes import Abandoned, Recipe
from simfp.experiments.training.settings import Settings
from simfp.experiments.training.tasks import TASKS, Batch, Task
from simfp.experiments.training.train_step import Learner
from simfp.nn import Module

__all__ = ["Settings", "Step", "Training"]


class Step(NamedTuple):
    """What a step came to."""

    number: int  # from 0
    loss: float
    scale: float  # that the loss was multiplied by
    skipped: bool  # whether the scaler left the update out
    lr: float
    lost: float | None  # share of the backward pass's numbers, not zero, that rounding to the recipe's format zeroed
    absorbed: float | None  # share of the weights' updates, not zero, that left the weight as it was
    accuracy: float | None  # share of right answers after this step, where it was measured


class Training:
    """One run. Iterating takes the steps that are left, one `Step` each; `step` takes one.

    >>> training = Training("mlp", "fp16 + scaler", steps=3)
    >>> [step.number for step in training], training.status
    ([0, 1, 2], 'finished')

    task, recipe, others: see `Settings`.
    census: True, or every so many-th step, or a Census of one's own, for its counts; `training.census` has them, with
    layers named as in the model. What a step that is not finished lost is not counted.
    before_update: called in each step when the gradients are there, scaled as the loss was.

    status: "ready", "running", "stopped", "diverged" or "finished". A loss that is infinite or NaN is the end
    of the run, and no error: `diverged_at` is the number of that step. warnings: what goes wrong with such a recipe.

    `stop` may be called from any thread; it works at once, also within a step, which then counts as not begun.
    Iterating again goes on where the run stood. One that is stopped while the accuracy after a step is measured has
    that step in its history, without the accuracy; going on begins with the measure.

    Raises ValueError for settings that make no sense and recipes that cannot be.
    """

    def __init__(
        self,
        task: str | Settings,
        recipe: str | Recipe = "fp32",
        *,
        census: bool | int | Census = False,
        before_update: Callable[[], Any] | None = None,
        **settings: Any,
    ) -> None:
        given = task if isinstance(task, Settings) else Settings(task, recipe, **settings)
        self.settings = given.whole()
        self.task: Task = TASKS[self.settings.task]
        self.recipe: Recipe = self.settings.recipe
        self.learner = Learner(self.settings, self._check, before_update)
        self.warnings = self.recipe.warnings(str(self.settings.optimizer), self.settings.options)
        self.census = _census(census, self.model)
        self.history: list[Step] = []
        self.diverged_at: int | None = None
        self._stop, self._running = threading.Event(), False

    # What learns.

    @property
    def model(self) -> Module:
        """The network."""
        return self.learner.model

    @property
    def optimizer(self) -> Any:
        """The optimizer of its parameters."""
        return self.learner.optimizer

    @property
    def scaler(self) -> GradScaler | None:
        """The GradScaler, where the recipe has one."""
        return self.learner.scaler

    # Going, stopping.

    @property
    def status(self) -> str:
        """How the run stands."""
        if self.diverged_at is not None:
            return "diverged"
        if len(self.history) >= (self.settings.steps or 0) and not self._unmeasured():
            return "finished"
        if self._stop.is_set():
            return "stopped"
        return "running" if self._running else "ready"

    def stop(self) -> None:
        """Ends the iteration, wherever it is; going on is to iterate again."""
        self._stop.set()

    def __iter__(self) -> Iterator[Step]:
        self._stop.clear()
        self._running = True
        try:
            while self.status == "running":
                step = self._taken()
                if step is not None:
                    yield step
        finally:
            self._running = False

    def run(self, told: Callable[[Step], Any] | None = None) -> list[Step]:
        """Takes all steps that are left, calling `told` with each; the whole history."""
        for step in self:
            if told:
                told(step)
        return self.history

    def step(self) -> Step:
        """Takes one step, or ends one whose accuracy was not measured yet.

        Raises RuntimeError where none is left, and where `stop` ended it.
        """
        if self.status in ("finished", "diverged"):
            raise RuntimeError(f"no step is left: this run is {self.status} after {len(self.history)} steps")
        self._stop.clear()
        taken = self._taken()
        if taken is None:
            raise RuntimeError("the step was stopped before its end; the next call goes on from where the run stands")
        return taken

    def batch(self) -> Batch:
        """The samples of the next step."""
        rng = np.random.default_rng([self.settings.seed, 1, len(self.history)])
        return self.task.draw(rng, self.settings.batch or 1)

    def change(self, *, lr: float | None = None, loss_scale: float | None = None) -> None:
        """Goes on from the next step with another learning rate, or another constant for the loss.

        The settings change with it, and each Step tells what it was taken with.

        Raises ValueError for numbers that are not finite and above 0.
        """
        self.settings = self.settings.changed(lr=lr, loss_scale=loss_scale)

    def backward(self, scale: float = 1.0) -> bool:
        """Forward and backward of the next step with its loss times `scale`; whether all gradients are finite.

        They stay in the parameters' `grad`; weights, optimizer, scaler and history stay as they are. A census of the
        run does not count it; one that listens does.

        Raises RuntimeError where `stop` ended it; then there are no gradients.
        """
        self._stop.clear()
        try:
            return self.learner.backward(self.batch(), scale)
        except Abandoned:
            self.optimizer.zero_grad()
            raise RuntimeError("the backward pass was stopped before its end") from None

    def _check(self) -> None:
        if self._stop.is_set():
            raise Abandoned

    # A step.

    def _taken(self) -> Step | None:
        """The next step; None if it was abandoned, and then nothing has changed but that its measure may be left."""
        if self._unmeasured():
            return self._measured()
        counted = self.census.state() if self.census and self.census.counts_step else None
        scaler = None if self.scaler is None else self.scaler.state_dict()
        try:
            with self.census or nullcontext():
                loss, scale = self.learner.gradients(self.batch(), self.settings.loss_scale)
        except Abandoned:
            self.optimizer.zero_grad()
            if self.census and counted:
                self.census.load_state(counted)
            if self.scaler is not None:
                self.scaler.load_state_dict(scaler or {})
            return None
        number = len(self.history)
        lr = self.settings.learning_rate(number)
        with self.census or nullcontext():
            skipped = self.learner.update(lr, self.settings.loss_scale)
        lost, absorbed = self._counted()
        self.history.append(Step(number, loss, scale, skipped, lr, lost, absorbed, None))
        if not math.isfinite(loss):
            self.diverged_at = number
        return self._measured() if self._unmeasured() else self.history[-1]

    def _unmeasured(self) -> bool:
        """Whether the accuracy after the last step is still to be measured."""
        every = self.settings.measure_every
        if not every or not self.history or self.diverged_at is not None:
            return False
        number, accuracy = self.history[-1].number, self.history[-1].accuracy
        return accuracy is None and (number % every == every - 1 or number + 1 == self.settings.steps)

    def _measured(self) -> Step | None:
        """The last step, with the accuracy after it; None if the measure was abandoned."""
        try:
            accuracy = self.learner.accuracy(self.task.measured(), checked=True)
        except Abandoned:
            return None
        self.history[-1] = self.history[-1]._replace(accuracy=accuracy)
        return self.history[-1]

    def _counted(self) -> tuple[float | None, float | None]:
        """The shares lost and absorbed in this step, where it was counted."""
        if not self.census:
            return None, None
        counted = self.census.counts_step
        self.census.step()
        if not counted:
            return None, None
        back = self.census.last_step("backward", self.recipe.compute)
        update = self.census.last_step("update")
        shares = share_of("zeroed", back), share_of("absorbed", update)
        lost, absorbed = (None if math.isnan(share) else share for share in shares)
        return lost, absorbed

    def accuracy(self) -> float:
        """The share of right answers on what the network did not learn from, now; the census does not count it."""
        return self.learner.accuracy(self.task.measured())

    # Keeping it.

    def state(self) -> dict[str, Any]:
        """All that the run needs to go on to the same bits, as NumPy arrays and plain values; copies. No census."""
        rng = self.optimizer.rng
        return {
            "settings": self.settings,
            "history": [tuple(step) for step in self.history],
            "diverged_at": self.diverged_at,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": None if self.scaler is None else self.scaler.state_dict(),
            "rng": None if rng is None else rng.bit_generator.state,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any], *, census: bool | int | Census = False) -> Training:
        """A run that stands where the one stood whose state this is."""
        training = cls(state["settings"], census=census)
        training.model.load_state_dict(state["model"])
        training.optimizer.load_state_dict(state["optimizer"])
        if training.scaler is not None:
            training.scaler.load_state_dict(state["scaler"])
        if state["rng"] is not None:
            training.optimizer.rng.bit_generator.state = state["rng"]
        training.history = [Step(*values) for values in state["history"]]
        training.diverged_at = state["diverged_at"]
        return training

    def save(self, path: str | Path) -> None:
        """Writes the state to a file, whole or not at all.

        Raises ValueError for a run with an accumulator that has no name.
        """
        training_files.write(Path(path), self.state() | {"settings": self.settings.plain()})

    @classmethod
    def load(cls, path: str | Path, *, census: bool | int | Census = False) -> Training:
        """The run that `save` wrote to a file.

        Raises ValueError for a file that is none, FileNotFoundError where there is none.
        """
        state = training_files.read(Path(path))
        try:
            return cls.from_state(state | {"settings": Settings.from_plain(state["settings"])}, census=census)
        except Exception as error:  # parts that are missing, or of another kind, fail wherever they are used first
            raise ValueError(f"{path} holds no whole training run ({type(error).__name__}: {error})") from error

    def __repr__(self) -> str:
        done = f"{len(self.history)} of {self.settings.steps} steps"
        return (
            f"<Training {self.settings.task!r}, {self.recipe.name!r}, seed {self.settings.seed}: {done}, {self.status}>"
        )


def _census(given: bool | int | Census, model: Module) -> Census | None:
    if isinstance(given, Census):
        return given
    return Census(model, every=int(given)) if given else None
