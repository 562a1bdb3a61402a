"""Learning-rate schedules under torch's names, in the very double arithmetic of torch's.

torch computes most of them from one epoch to the next, from the learning rate that the group has now; so does this.
"""

from __future__ import annotations

import math
import types
import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any
from weakref import ref

import numpy as np

from simfp.any_precision import nearest
from simfp.optim.optimizer import Optimizer

__all__ = ["CosineAnnealingLR", "LRScheduler", "LambdaLR", "LinearLR", "StepLR"]


class LRScheduler:
    """Base class of schedules: `get_lr` gives each group's learning rate in epoch `last_epoch`.

    The first epoch is 0, and begins with the schedule itself; each `step`, after the optimizer's, begins the next.
    last_epoch: the epoch before the first one, where a run goes on.

    Raises TypeError for what is no optimizer, KeyError where a run goes on and `initial_lr` is not known.
    """

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
        self.optimizer = optimizer
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{i}] when resuming scheduler "
                    "with last_epoch >= 0"
                )
        self.base_lrs: list[float] = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._step_count = 0
        self._watch(optimizer)
        self._is_initial = True
        self._begin_epoch()
        self._is_initial = False

    def get_lr(self) -> list[float]:
        """The learning rate of each group in this epoch, from what they are now; see `get_last_lr`.

        Raises NotImplementedError, as torch's base class does, in a subclass without its own.
        """
        raise NotImplementedError(f"{type(self).__name__} has no `get_lr` of its own")

    def get_last_lr(self) -> list[float]:
        """The learning rate of each group as this schedule set it last."""
        return self._last_lr

    def step(self) -> None:
        """Begins the next epoch. Warns if the optimizer has made no step before the first call."""
        if self._step_count == 1 and not getattr(self.optimizer, "_opt_called", False):
            warnings.warn(
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`. Call them in the opposite order: "
                "`optimizer.step()` before `lr_scheduler.step()`.  Failure to do this will result in skipping the "
                "first value of the learning rate schedule. (A GradScaler that skipped the step causes it, too.)",
                UserWarning,
                stacklevel=2,
            )
        self._begin_epoch()

    def state_dict(self) -> dict[str, Any]:
        """All but the optimizer, as a dict."""
        return {name: value for name, value in vars(self).items() if name != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over a state_dict; the optimizer's own holds its learning rates."""
        vars(self).update(state_dict)

    def _begin_epoch(self) -> None:
        self._step_count += 1
        self.last_epoch += 1
        for group, lr in zip(self.optimizer.param_groups, self.get_lr()):
            group["lr"] = lr
        self._last_lr = self._current()

    def _current(self) -> list[float]:
        return [group["lr"] for group in self.optimizer.param_groups]

    @staticmethod
    def _watch(optimizer: Optimizer) -> None:
        """Has the optimizer note that it made a step, whoever calls it; once."""
        if hasattr(optimizer.step, "_wrapped_by_lr_sched"):
            return
        owner, function = ref(optimizer), type(optimizer).step

        @wraps(function)
        def step(*args: Any, **kwargs: Any) -> Any:
            optimizer: Any = owner()
            optimizer._opt_called = True
            return function(optimizer, *args, **kwargs)

        step._wrapped_by_lr_sched = True  # type: ignore[attr-defined]
        optimizer.step = step  # type: ignore[method-assign]


class LambdaLR(LRScheduler):
    """The initial learning rate times ``lr_lambda(epoch)``; one function, or a list with one for each group.

    Raises ValueError for a list of another length.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | list[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        groups = len(optimizer.param_groups)
        self.lr_lambdas = list(lr_lambda) if isinstance(lr_lambda, (list, tuple)) else [lr_lambda] * groups
        if len(self.lr_lambdas) != groups:
            raise ValueError(f"Expected {groups} lr_lambdas, but got {len(self.lr_lambdas)}")
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The learning rate of each group in this epoch."""
        return [base_lr * function(self.last_epoch) for function, base_lr in zip(self.lr_lambdas, self.base_lrs)]

    def state_dict(self) -> dict[str, Any]:
        """All but the optimizer; of callable objects their attributes, of functions nothing."""
        plain = types.FunctionType
        kept = [None if isinstance(each, plain) else vars(each).copy() for each in self.lr_lambdas]
        return super().state_dict() | {"lr_lambdas": kept}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over a state_dict; the functions stay."""
        for function, kept in zip(self.lr_lambdas, state_dict["lr_lambdas"]):
            vars(function).update(kept or {})
        super().load_state_dict({name: value for name, value in state_dict.items() if name != "lr_lambdas"})


class StepLR(LRScheduler):
    """The learning rate times `gamma` every `step_size` epochs."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The learning rate of each group in this epoch, from that of the last."""
        if self.last_epoch == 0 or self.last_epoch % self.step_size != 0:
            return self._current()
        return [lr * self.gamma for lr in self._current()]


class LinearLR(LRScheduler):
    """The initial learning rate times a factor that goes from `start_factor` to `end_factor` in `total_iters` epochs.

    Raises ValueError for a start outside (0, 1] or an end outside [0, 1].
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 < start_factor <= 1:
            raise ValueError("Starting multiplicative factor expected to be greater than 0 and less or equal to 1.")
        if not 0 <= end_factor <= 1:
            raise ValueError("Ending multiplicative factor expected to be between 0 and 1.")
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The learning rate of each group in this epoch, from that of the last."""
        if self.last_epoch == 0:
            return [lr * self.start_factor for lr in self._current()]
        if self._is_initial or self.last_epoch > self.total_iters:
            return self._current()
        rise = self.end_factor - self.start_factor
        before = self.total_iters * self.start_factor + (self.last_epoch - 1) * rise
        return [lr * (1.0 + rise / before) for lr in self._current()]


class CosineAnnealingLR(LRScheduler):
    """Half a cosine from the initial learning rate down to `eta_min` in `T_max` epochs, and up again, without restarts.

    (Loshchilov and Hutter, "SGDR", 2017.)
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The learning rate of each group in this epoch, from that of the last."""
        epoch, half, low = self.last_epoch, self.T_max, self.eta_min
        if self._is_initial:
            return self._current()
        if self._step_count == 1 and epoch > 0:
            return [low + (base - low) * (1 + nearest(np.cos, epoch * math.pi / half)) / 2 for base in self.base_lrs]
        if (epoch - 1 - half) % (2 * half) == 0:  # at the bottom the ratio below would be 0 / 0
            rise = 1 - nearest(np.cos, math.pi / half)
            return [lr + (base - low) * rise / 2 for base, lr in zip(self.base_lrs, self._current())]
        now, before = 1 + nearest(np.cos, math.pi * epoch / half), 1 + nearest(np.cos, math.pi * (epoch - 1) / half)
        return [now / before * (lr - low) + low for lr in self._current()]
