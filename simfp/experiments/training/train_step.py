"""A network that learns under a recipe: the gradients of a batch, the update that they make, how well it answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from simfp import observe, optim
from simfp.amp import GradScaler, autocast
from simfp.arrays import array
from simfp.autograd import Tensor, no_grad
from simfp.experiments.training.recipes import ACCUMULATORS, Products, Recipe
from simfp.experiments.training.settings import Settings
from simfp.experiments.training.tasks import TASKS, Batch
from simfp.nn import CrossEntropyLoss, Module

__all__ = ["Learner"]

AT_ONCE = 120  # samples that a measure takes at once


class Learner:
    """A task's network with its optimizer, and its GradScaler where the recipe has one, as they begin.

    settings: whole ones (see `Settings.whole`). check: called before each product of a forward or backward pass, and
    may raise to give it up. before_update: called when the gradients of an update are there, as the backward pass left
    them.
    """

    def __init__(
        self, settings: Settings, check: Callable[[], None], before_update: Callable[[], Any] | None = None
    ) -> None:
        self.recipe: Recipe = settings.recipe
        self.model: Module = TASKS[settings.task].model(np.random.default_rng([settings.seed, 0]))
        self.model.to(self.recipe.weights)
        self.optimizer = _optimizer(settings, self.model)
        self.scaler = GradScaler(**settings.scaler) if self.recipe.scaler else None
        self._criterion, self._before_update = CrossEntropyLoss(), before_update
        self._weight = settings.loss_weight
        given = settings.accumulator
        inner = ACCUMULATORS[given] if isinstance(given, str) else given
        self._products = Products(inner, tf32=self.recipe.tf32, check=check)
        self._unchecked = Products(inner, tf32=self.recipe.tf32)

    def gradients(self, batch: Batch, loss_scale: float) -> tuple[float, float]:
        """Forward and backward; the loss, and the scale that it was multiplied by."""
        loss = self._loss(batch)
        weighted = self._weighted(loss)
        scaled = weighted if loss_scale == 1 else weighted * loss_scale
        if self.scaler is None:
            scaled.backward()
            return float(loss.item()), loss_scale
        self.scaler.scale(scaled).backward()
        return float(loss.item()), loss_scale * self.scaler.get_scale()

    def backward(self, batch: Batch, scale: float) -> bool:
        """Forward and backward with the loss times `scale`, without the scaler; whether all gradients are finite."""
        (self._weighted(self._loss(batch)) * scale).backward()
        return all(bool(np.isfinite(p.grad.values).all()) for p in self.model.parameters() if p.grad is not None)

    def update(self, lr: float, loss_scale: float) -> bool:
        """The optimizer's step with the gradients that are there; whether the scaler left it out."""
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        if self._before_update is not None:
            self._before_update()
        if self.scaler is not None:
            self.scaler.unscale_(self.optimizer)
        if loss_scale != 1:
            self._unscale(1 / loss_scale)
        if self.scaler is None:
            self.optimizer.step()
            return False
        self.scaler.step(self.optimizer)
        skipped = bool(self.scaler.progress(self.optimizer).overflowed)
        self.scaler.update()
        return skipped

    def accuracy(self, batch: Batch, *, checked: bool = False) -> float:
        """The share of right answers. checked: whether `check` is called before each product here, too."""
        right = 0
        with no_grad(), self._precision(self._products if checked else self._unchecked):
            for start in range(0, len(batch.inputs), AT_ONCE):
                logits = self._logits(batch.inputs[start : start + AT_ONCE])
                said = logits.data.values.argmax(-1)
                right += int((said == batch.targets[start : start + AT_ONCE].reshape(-1)).sum())
        return right / batch.targets.size

    def _loss(self, batch: Batch) -> Tensor:
        """The forward pass, for gradients that begin at nothing."""
        self.optimizer.zero_grad()
        with self._precision(self._products):
            return self._criterion(self._logits(batch.inputs), batch.targets.reshape(-1))  # type: ignore[no-any-return]

    def _logits(self, inputs: Any) -> Tensor:
        """What the network says, as (samples, classes)."""
        if inputs.dtype.kind == "f":
            inputs = Tensor(array(inputs, self.recipe.weights))
        said: Tensor = self.model(inputs)
        return said if said.ndim == 2 else said.reshape(-1, said.shape[-1])

    def _weighted(self, loss: Tensor) -> Tensor:
        return loss if self._weight == 1 else loss * self._weight  # type: ignore[no-any-return]

    def _precision(self, products: Products) -> autocast:
        enabled = self.recipe.autocast is not None
        return autocast("cuda", self.recipe.autocast or "float16", enabled, accumulator=products)

    def _unscale(self, factor: float) -> None:
        for p in self.model.parameters():
            if p.grad is not None:
                with np.errstate(all="ignore"), observe.at(phase="unscale", layer=None, parameter=p, inputs=(p.grad,)):
                    p.grad = p.grad * factor


def _optimizer(settings: Settings, model: Module) -> Any:
    kind = getattr(optim, str(settings.optimizer))
    rounding: dict[str, dict[str, Any]] = {
        "nearest": {},
        "kahan": {"kahan": True},
        "stochastic": {"update_rounding": "stochastic", "rng": np.random.default_rng([settings.seed, 2])},
    }
    return kind(model.parameters(), **settings.options or {}, **rounding[settings.recipe.update])
