"""All that settles a run of training, checked, with what was left to the task filled in."""

from __future__ import annotations

import math
import sys
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from simfp.accumulation import Accumulator
from simfp.any_precision import nearest
from simfp.experiments.training.recipes import ACCUMULATORS, Recipe, as_recipe
from simfp.experiments.training.tasks import TASKS, Task

__all__ = ["Settings"]

SCHEDULES = ("constant", "cosine")
OPTIMIZERS = ("SGD", "Adam", "AdamW")


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
        if self.schedule not in SCHEDULES:
            raise ValueError(f"unknown schedule {self.schedule!r}; expected one of {', '.join(SCHEDULES)}")
        optimizer = self.optimizer or task.optimizer
        if optimizer not in OPTIMIZERS:
            raise ValueError(f"unknown optimizer {optimizer!r}; expected one of {', '.join(OPTIMIZERS)}")
        if self.scaler and not recipe.scaler:
            raise ValueError(f"recipe {recipe.name!r} has no GradScaler, which `scaler` gives options to")
        for name, number in (("loss_scale", self.loss_scale), ("loss_weight", self.loss_weight)):
            _check_positive(name, number)
        if not isinstance(self.accumulator, Accumulator) and self.accumulator not in ACCUMULATORS:
            known = ", ".join(map(repr, ACCUMULATORS))
            raise ValueError(f"unknown accumulator {self.accumulator!r}; expected one of {known}, or an accumulator")
        named = [name for name, known in ACCUMULATORS.items() if known == self.accumulator]
        options = dict(task.options if optimizer == task.optimizer else {}) | dict(self.options or {})
        return replace(
            self, recipe=recipe, steps=self.steps or task.steps, batch=self.batch or task.batch, optimizer=optimizer,
            options=options, accumulator=named[0] if named else self.accumulator,
            loss_scale=float(self.loss_scale), loss_weight=float(self.loss_weight),
        )  # fmt: skip

    def changed(self, *, lr: float | None = None, loss_scale: float | None = None) -> Settings:
        """The same with another learning rate, or another constant for the loss.

        Raises ValueError for numbers that are not finite and above 0.
        """
        changed = self
        if lr is not None:
            _check_positive("lr", lr)
            changed = replace(changed, options=dict(self.options or {}) | {"lr": float(lr)})
        if loss_scale is not None:
            _check_positive("loss_scale", loss_scale)
            changed = replace(changed, loss_scale=float(loss_scale))
        return changed

    def learning_rate(self, step: int) -> float:
        """The learning rate of a step, by the schedule."""
        lr = float((self.options or {}).get("lr", 1e-3))
        if self.schedule == "constant":
            return lr
        return lr * 0.5 * (1 + nearest(np.cos, math.pi * step / (self.steps or 1)))

    def plain(self) -> dict[str, Any]:
        """The same as plain values, for a file.

        Raises ValueError for an accumulator that has no name.
        """
        if not isinstance(self.accumulator, str):
            known = ", ".join(map(repr, ACCUMULATORS))
            raise ValueError(
                f"a run can be written to a file with one of the accumulators {known}; this one has another"
            )
        return asdict(self)

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Settings:
        """The settings that `plain` gave these values of; a file's lists may stand for tuples."""
        options = plain["options"]
        if options and "betas" in options:
            options = options | {"betas": tuple(options["betas"])}
        return cls(**plain | {"recipe": Recipe(**plain["recipe"]), "options": options})


def _task(name: Any) -> Task:
    if name not in TASKS:
        raise ValueError(f"unknown task {name!r}; expected one of {', '.join(map(repr, TASKS))}")
    return TASKS[name]


def _check_positive(name: str, value: Any) -> None:
    number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if not number or not 0 < (value.item() if isinstance(value, np.number) else value) <= sys.float_info.max:
        raise ValueError(f"`{name}` must be a finite number above 0, got {value!r}")
