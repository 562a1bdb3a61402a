"""Training: one run of a task under a recipe, a step at a time; it can be paused, stopped, kept and gone on with.

A run is settled by its settings, to the last bit: initial weights, the samples of each step and the coins of
stochastic rounding follow from the seed. What a step came to is plain data, a `Step`.
"""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from simfp import observe, optim
from simfp.accumulation import Accumulator
from simfp.amp import GradScaler, autocast
from simfp.arrays import array
from simfp.autograd import Tensor, no_grad
from simfp.census import Census
from simfp.census.table import share_of
from simfp.experiments import training_files
from simfp.experiments.recipes import ACCUMULATORS, Abandoned, Products, Recipe, as_recipe
from simfp.experiments.tasks import TASKS, Batch, Task
from simfp.nn import CrossEntropyLoss, Module

__all__ = ["Settings", "Step", "Training"]

SCHEDULES = ("constant", "cosine")
OPTIMIZERS = ("SGD", "Adam", "AdamW")
AT_ONCE = 120  # samples that a measure takes at once, so that it can be stopped


class Step(NamedTuple):
    """What a step came to."""

    number: int  # from 0
    loss: float
    scale: float  # that the loss was multiplied by
    skipped: bool  # whether the scaler left the update out
    lr: float
    lost: float | None  # share of the backward pass's numbers, not zero, that rounding to the recipe's format zeroed
    swallowed: float | None  # share of the weights' updates, not zero, that left the weight as it was
    accuracy: float | None  # share of right answers after this step, where it was measured


@dataclass(frozen=True)
class Settings:
    """All that settles a run.

    task: a name in TASKS. recipe: a Recipe, or a name in RECIPES. steps, batch, optimizer ("SGD", "Adam" or "AdamW"),
    options (of the optimizer): the task's, if not given; options for another optimizer than the task's are its own
    defaults. schedule: "constant", or "cosine" from `lr` down to 0. scaler: options of the GradScaler.
    loss_scale: a constant that the loss is multiplied by, and gradients are divided by; besides what a GradScaler does.
    accumulator: "float64", which is quick, or "hopper", the tensor core of an H100; or any accumulator, but then a run
    cannot be written to a file. measure_every: after how many steps the accuracy is measured; 0: never.
    loss_weight: what the loss is multiplied by before the backward pass, as if it were one of several; steps tell the
    loss without it. Adam's steps hardly depend on it, but the gradients that they are made of do.
    """

    task: str
    recipe: Any = "fp32"
    seed: int = 0
    steps: int | None = None
    batch: int | None = None
    optimizer: str | None = None
    options: dict[str, Any] | None = None
    schedule: str = "constant"
    scaler: dict[str, Any] = field(default_factory=dict)
    loss_scale: float = 1.0
    accumulator: Any = "float64"
    measure_every: int = 50
    loss_weight: float = 1.0

    def whole(self) -> Settings:
        """The same, with what was left to the task filled in.

        Raises ValueError for what is unknown, and for numbers of steps or samples below 1.
        """
        task, recipe = _task(self.task), as_recipe(self.recipe)
        for name, value, least in (("steps", self.steps, 1), ("batch", self.batch, 1), ("seed", self.seed, 0),
                                   ("measure_every", self.measure_every, 0)):  # fmt: skip
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
                raise ValueError(f"`{name}` must be an integer of at least {least}, got {value!r}")
        weight = self.loss_weight
        if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not 0 < weight < math.inf:
            raise ValueError(f"`loss_weight` must be a finite number above 0, got {weight!r}")
        if self.schedule not in SCHEDULES:
            raise ValueError(f"unknown schedule {self.schedule!r}; expected one of {', '.join(SCHEDULES)}")
        optimizer = self.optimizer or task.optimizer
        if optimizer not in OPTIMIZERS:
            raise ValueError(f"unknown optimizer {optimizer!r}; expected one of {', '.join(OPTIMIZERS)}")
        if self.scaler and not recipe.scaler:
            raise ValueError(f"recipe {recipe.name!r} has no GradScaler, which `scaler` gives options to")
        _finite("loss_scale", self.loss_scale)
        if not isinstance(self.accumulator, Accumulator) and self.accumulator not in ACCUMULATORS:
            known = ", ".join(map(repr, ACCUMULATORS))
            raise ValueError(f"unknown accumulator {self.accumulator!r}; expected one of {known}, or an accumulator")
        named = [name for name, known in ACCUMULATORS.items() if known == self.accumulator]
        options = dict(task.options if optimizer == task.optimizer else {}) | dict(self.options or {})
        return replace(
            self, recipe=recipe, steps=self.steps or task.steps, batch=self.batch or task.batch, optimizer=optimizer,
            options=options, accumulator=named[0] if named else self.accumulator,
        )  # fmt: skip


class Training:
    """One run. Iterating takes the steps that are left, one `Step` each; `step` takes one.

    >>> training = Training("mlp", "fp16 + scaler", steps=3)
    >>> [step.number for step in training], training.status
    ([0, 1, 2], 'finished')

    task, recipe, others: see `Settings`.
    census: True, or every so many-th step, or a Census of one's own, for its counts; `training.census` has them, with
    layers named as in the model. What a step that is not finished lost is not counted.

    status: "ready", "running", "paused", "stopped", "diverged" or "finished". A loss that is infinite or NaN is the end
    of the run, and no error: `diverged_at` is the number of that step. warnings: what goes wrong with such a recipe.

    `stop` and `pause` may be called from any thread; they work at once, also within a step, which then counts as not
    begun. Iterating again goes on where the run stood. One that is stopped while the accuracy after a step is measured
    has that step in its history, without the accuracy; going on begins with the measure.

    Raises ValueError for settings that make no sense and recipes that cannot be.
    """

    def __init__(
        self,
        task: str | Settings,
        recipe: str | Recipe = "fp32",
        *,
        census: bool | int | Census = False,
        **settings: Any,
    ) -> None:
        given = task if isinstance(task, Settings) else Settings(task, recipe, **settings)
        self.settings = given.whole()
        self.task: Task = TASKS[self.settings.task]
        self.recipe: Recipe = self.settings.recipe
        self.model: Module = self.task.model(np.random.default_rng([self.settings.seed, 0]))
        self.model.to(self.recipe.weights)
        self._criterion = CrossEntropyLoss()
        self.optimizer = self._optimizer()
        self.scaler = GradScaler(**self.settings.scaler) if self.recipe.scaler else None
        self.warnings = self.recipe.warnings(str(self.settings.optimizer), self.settings.options)
        self.census = _census(census, self.model)
        self.history: list[Step] = []
        self.diverged_at: int | None = None
        self._stop, self._go, self._running = threading.Event(), threading.Event(), False
        self._go.set()
        inner = self.settings.accumulator
        inner = ACCUMULATORS[inner] if isinstance(inner, str) else inner
        self._products = Products(inner, tf32=self.recipe.tf32, check=self._check)

    def _optimizer(self) -> Any:
        kind = getattr(optim, str(self.settings.optimizer))
        rounding: dict[str, dict[str, Any]] = {
            "nearest": {},
            "kahan": {"kahan": True},
            "stochastic": {"update_rounding": "stochastic", "rng": np.random.default_rng([self.settings.seed, 2])},
        }
        return kind(self.model.parameters(), **self.settings.options or {}, **rounding[self.recipe.update])

    # Going, pausing, stopping.

    @property
    def status(self) -> str:
        """How the run stands."""
        if self.diverged_at is not None:
            return "diverged"
        if len(self.history) >= (self.settings.steps or 0) and not self._unmeasured():
            return "finished"
        if self._stop.is_set():
            return "stopped"
        if not self._go.is_set():
            return "paused"
        return "running" if self._running else "ready"

    def stop(self) -> None:
        """Ends the iteration, wherever it is; going on is to iterate again."""
        self._stop.set()
        self._go.set()

    def pause(self) -> None:
        """Makes the iteration wait, until `go_on` or `stop`."""
        self._go.clear()

    def go_on(self) -> None:
        """Ends a pause."""
        self._go.set()

    def __iter__(self) -> Iterator[Step]:
        self._stop.clear()
        self._running = True
        try:
            while self.status == "running" or self.status == "paused":
                self._go.wait()
                if self._stop.is_set():
                    return
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
        self._go.set()
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
        for name, value in (("lr", lr), ("loss_scale", loss_scale)):
            if value is not None:
                _finite(name, value)
        if lr is not None:
            self.settings = replace(self.settings, options=dict(self.settings.options or {}) | {"lr": float(lr)})
        if loss_scale is not None:
            self.settings = replace(self.settings, loss_scale=float(loss_scale))

    def backward(self, scale: float = 1.0) -> bool:
        """Forward and backward of the next step with its loss times `scale`; whether all gradients are finite.

        They stay in the parameters' `grad`; weights, optimizer, scaler and history stay as they are. A census of the
        run does not count it; one that listens does.
        """
        self.optimizer.zero_grad()
        self._stop.clear()
        self._go.set()
        with self._precision():
            loss = self._loss(self.batch())
        (self._weighted(loss) * scale).backward()
        return all(bool(np.isfinite(p.grad.values).all()) for p in self.model.parameters() if p.grad is not None)

    def _check(self) -> None:
        if self._stop.is_set() or not self._go.is_set():
            raise Abandoned

    # A step.

    def _taken(self) -> Step | None:
        """The next step; None if it was abandoned, and then nothing has changed but that its measure may be left."""
        if self._unmeasured():
            return self._measured()
        counted = self.census.state() if self.census else None
        scaler = None if self.scaler is None else self.scaler.state_dict()
        try:
            with self.census or nullcontext():
                loss, scale = self._gradients()
        except Abandoned:
            self.optimizer.zero_grad()
            if self.census:
                self.census.load_state(counted)
            if self.scaler is not None:
                self.scaler.load_state_dict(scaler or {})
            return None
        number = len(self.history)
        lr = self._learning_rate(number)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        with self.census or nullcontext():
            skipped = self._update()
        lost, swallowed = self._counted()
        self.history.append(Step(number, loss, scale, skipped, lr, lost, swallowed, None))
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
            accuracy = self._accuracy(self._check)
        except Abandoned:
            return None
        self.history[-1] = self.history[-1]._replace(accuracy=accuracy)
        return self.history[-1]

    def _gradients(self) -> tuple[float, float]:
        """Forward and backward; the loss, and the scale that it was multiplied by."""
        self.optimizer.zero_grad()
        with self._precision():
            loss = self._loss(self.batch())
        constant = self.settings.loss_scale
        weighted = self._weighted(loss)
        scaled = weighted if constant == 1 else weighted * constant
        if self.scaler is None:
            scaled.backward()
            return float(loss.item()), constant
        self.scaler.scale(scaled).backward()
        return float(loss.item()), constant * self.scaler.get_scale()

    def _weighted(self, loss: Tensor) -> Tensor:
        weight = self.settings.loss_weight
        return loss if weight == 1 else loss * weight  # type: ignore[no-any-return]

    def _update(self) -> bool:
        """The optimizer's step; whether it was left out."""
        if self.scaler is not None:
            self.scaler.unscale_(self.optimizer)
        if self.settings.loss_scale != 1:
            self._unscale(1 / self.settings.loss_scale)
        if self.scaler is None:
            self.optimizer.step()
            return False
        self.scaler.step(self.optimizer)
        skipped = bool(self.scaler._progress[id(self.optimizer)].overflowed)
        self.scaler.update()
        return skipped

    def _unscale(self, factor: float) -> None:
        for p in self.model.parameters():
            if p.grad is not None:
                with np.errstate(all="ignore"), observe.at(phase="unscale", layer=None, parameter=p, inputs=(p.grad,)):
                    p.grad = p.grad * factor

    def _precision(self) -> autocast:
        enabled = self.recipe.autocast is not None
        return autocast("cuda", self.recipe.autocast or "float16", enabled, accumulator=self._products)

    def _logits(self, inputs: Any) -> Tensor:
        """What the network says, as (samples, classes)."""
        if inputs.dtype.kind == "f":
            inputs = Tensor(array(inputs, self.recipe.weights))
        said: Tensor = self.model(inputs)
        return said if said.ndim == 2 else said.reshape(-1, said.shape[-1])

    def _loss(self, batch: Batch) -> Tensor:
        return self._criterion(self._logits(batch.inputs), batch.targets.reshape(-1))  # type: ignore[no-any-return]

    def _learning_rate(self, number: int) -> float:
        lr = float((self.settings.options or {}).get("lr", 1e-3))
        if self.settings.schedule == "constant":
            return lr
        return lr * 0.5 * (1 + math.cos(math.pi * number / (self.settings.steps or 1)))

    def _counted(self) -> tuple[float | None, float | None]:
        """The shares lost and swallowed in this step, where it was counted."""
        if not self.census:
            return None, None
        counted = self.census.steps % self.census.every == 0
        self.census.step()
        if not counted:
            return None, None
        back = self.census.last_step("backward", self.recipe.compute)
        update = self.census.last_step("update")
        shares = share_of("zeroed", back), share_of("swallowed", update)
        lost, swallowed = (None if math.isnan(share) else share for share in shares)
        return lost, swallowed

    def accuracy(self) -> float:
        """The share of right answers on what the network did not learn from, now; the census does not count it."""
        return self._accuracy(None)

    def _accuracy(self, check: Callable[[], None] | None) -> float:
        batch = self.task.measured()
        right = 0
        products, self._products = self._products, Products(self._products.inner, tf32=self.recipe.tf32, check=check)
        try:
            with no_grad(), self._precision():
                for start in range(0, len(batch.inputs), AT_ONCE):
                    logits = self._logits(batch.inputs[start : start + AT_ONCE])
                    said = logits.data.values.argmax(-1)
                    right += int((said == batch.targets[start : start + AT_ONCE].reshape(-1)).sum())
        finally:
            self._products = products
        return right / batch.targets.size

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
        settings = asdict(self.settings)
        if not isinstance(settings["accumulator"], str):
            known = ", ".join(map(repr, ACCUMULATORS))
            raise ValueError(
                f"a run can be written to a file with one of the accumulators {known}; this one has another"
            )
        training_files.write(Path(path), self.state() | {"settings": settings})

    @classmethod
    def load(cls, path: str | Path, *, census: bool | int | Census = False) -> Training:
        """The run that `save` wrote to a file.

        Raises ValueError for a file that is none, FileNotFoundError where there is none.
        """
        state = training_files.read(Path(path))
        settings = state["settings"]
        settings["recipe"] = Recipe(**settings["recipe"])
        if settings["options"] and "betas" in settings["options"]:
            settings["options"]["betas"] = tuple(settings["options"]["betas"])
        return cls.from_state(state | {"settings": Settings(**settings)}, census=census)

    def __repr__(self) -> str:
        done = f"{len(self.history)} of {self.settings.steps} steps"
        return (
            f"<Training {self.settings.task!r}, {self.recipe.name!r}, seed {self.settings.seed}: {done}, {self.status}>"
        )


def _task(name: Any) -> Task:
    if name not in TASKS:
        raise ValueError(f"unknown task {name!r}; expected one of {', '.join(map(repr, TASKS))}")
    return TASKS[name]


def _finite(name: str, value: Any) -> None:
    number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if not number or not 0 < (value.item() if isinstance(value, np.number) else value) <= sys.float_info.max:
        raise ValueError(f"`{name}` must be a finite number above 0, got {value!r}")


def _census(given: bool | int | Census, model: Module) -> Census | None:
    if isinstance(given, Census):
        return given
    return Census(model, every=int(given)) if given else None
