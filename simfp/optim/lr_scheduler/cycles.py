"""Schedules that go up and down, and the momentum (or Adam's beta1) against them."""

from __future__ import annotations

import math
import types
from collections.abc import Callable
from typing import Any

from simfp.optim.lr_scheduler.base import LRScheduler, checked, one_for_each
from simfp.optim.optimizer import Optimizer

__all__ = ["CyclicLR", "OneCycleLR"]


class _WithMomentum(LRScheduler):
    """What sets the momentum of a group too: ``momentum``, or the first of ``betas``."""

    cycle_momentum: bool
    use_beta1: bool

    def _begin_momentum(
        self, optimizer: Optimizer, base_momentum: Any, max_momentum: Any, last_epoch: int
    ) -> tuple[list[float], list[float]]:
        """The least and the largest momentum of each group, which begins with the largest."""
        if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
            raise ValueError("optimizer must support momentum or beta1 with `cycle_momentum` option enabled")
        self.use_beta1 = "betas" in optimizer.defaults
        least = one_for_each("base_momentum", optimizer, base_momentum)
        most = one_for_each("max_momentum", optimizer, max_momentum)
        if last_epoch == -1:
            for low, high, group in zip(least, most, optimizer.param_groups):
                self._set_momentum(group, high)
                group["max_momentum"], group["base_momentum"] = high, low
        return least, most

    def _set_momentum(self, group: dict[str, Any], momentum: float) -> None:
        if self.use_beta1:
            group["betas"] = (momentum, *group["betas"][1:])
        else:
            group["momentum"] = momentum


class CyclicLR(_WithMomentum):
    """From `base_lr` to `max_lr` in `step_size_up` steps, back in `step_size_down`, and again (Smith, 2017).

    mode: how high later cycles go: "triangular" as high, "triangular2" half as high each time, "exp_range" by `gamma`
    to the power of the step. scale_fn, scale_mode: a function of the cycle or of the step in their place.

    Raises ValueError for an unknown mode, lists of another length, and `cycle_momentum` of an optimizer without one.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | list[float],
        max_lr: float | list[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float = 0.8,
        max_momentum: float = 0.9,
        last_epoch: int = -1,
    ) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
        base_lrs = one_for_each("base_lr", optimizer, base_lr)
        self.max_lrs = one_for_each("max_lr", optimizer, max_lr)
        if mode not in ("triangular", "triangular2", "exp_range") and scale_fn is None:
            raise ValueError("mode is invalid and scale_fn is None")
        up = float(step_size_up)
        down = up if step_size_down is None else float(step_size_down)
        self.total_size, self.step_ratio = up + down, up / (up + down)
        self.mode, self.gamma, self._scale_fn_custom = mode, gamma, scale_fn
        self.scale_mode = scale_mode if scale_fn is not None else "iterations" if mode == "exp_range" else "cycle"
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.base_momentums, self.max_momentums = self._begin_momentum(
                optimizer, base_momentum, max_momentum, last_epoch
            )
        if last_epoch == -1:
            for lr, group in zip(base_lrs, optimizer.param_groups):
                group["lr"] = lr
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def scale_fn(self, x: float) -> float:
        """How high cycle or step `x` goes, as a share of the way up."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "triangular2":
            return float(1 / (2.0 ** (x - 1)))
        return float(self.gamma**x) if self.mode == "exp_range" else 1.0

    def get_lr(self) -> list[float]:
        """The learning rate of each group in this step; sets the momentum, if it cycles."""
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        height = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        of = cycle if self.scale_mode == "cycle" else self.last_epoch
        if self.cycle_momentum:
            bounds = zip(self.optimizer.param_groups, self.base_momentums, self.max_momentums)
            for group, low, high in bounds:
                self._set_momentum(group, high - (high - low) * height * self.scale_fn(of))
        return [low + (high - low) * height * self.scale_fn(of) for low, high in zip(self.base_lrs, self.max_lrs)]

    def state_dict(self) -> dict[str, Any]:
        """All but the optimizer; of a `scale_fn` that is an object its attributes, of a function nothing."""
        own = self._scale_fn_custom
        kept = None if own is None or isinstance(own, types.FunctionType) else vars(own).copy()
        return super().state_dict() | {"_scale_fn_custom": kept}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over a state_dict; the `scale_fn` stays."""
        given = checked(state_dict, "_scale_fn_custom")
        attributes = given["_scale_fn_custom"]
        if attributes is not None:
            vars(self._scale_fn_custom).update(attributes)
        super().load_state_dict({name: value for name, value in given.items() if name != "_scale_fn_custom"})


class OneCycleLR(_WithMomentum):
    """From max_lr / div_factor to `max_lr` in a share `pct_start` of all steps, then down to nearly nothing.

    (Smith and Topin, "Super-Convergence", 2018.) The end is the beginning over `final_div_factor`; with `three_phase`
    the way down takes as long as the way up, and the rest of the steps goes from there to the end.
    total_steps: or `epochs` and `steps_per_epoch`; no more steps may be made. anneal_strategy: "cos" or "linear".

    Raises ValueError for what does not fit, and for a step beyond the last.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
        self.total_steps = _number_of_steps(total_steps, epochs, steps_per_epoch)
        if not isinstance(pct_start, float) or not 0 <= pct_start <= 1:
            raise ValueError(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        self._anneal_func_type = anneal_strategy
        self._schedule_phases = _phases(self.total_steps, pct_start, three_phase)
        max_lrs = one_for_each("max_lr", optimizer, max_lr)
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self._begin_momentum(optimizer, base_momentum, max_momentum, last_epoch)
        if last_epoch == -1:
            for highest, group in zip(max_lrs, optimizer.param_groups):
                group["initial_lr"], group["max_lr"] = highest / div_factor, highest
                group["min_lr"] = group["initial_lr"] / final_div_factor
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The learning rate of each group in this step; sets the momentum, if it cycles."""
        step = self.last_epoch
        if step > self.total_steps:
            raise ValueError(
                f"Tried to step {step} times. The specified number of total steps is {self.total_steps}"
            )  # fmt: skip
        first = 0.0
        for phase in self._schedule_phases:
            last = phase["end_step"]
            if step <= last or phase is self._schedule_phases[-1]:
                break
            first = last
        share = (step - first) / (last - first)
        rates = []
        for group in self.optimizer.param_groups:
            rates.append(self._between(group[phase["start_lr"]], group[phase["end_lr"]], share))
            if self.cycle_momentum:
                ends = group[phase["start_momentum"]], group[phase["end_momentum"]]
                self._set_momentum(group, self._between(*ends, share))
        return rates

    def _between(self, start: float, end: float, share: float) -> float:
        if self._anneal_func_type == "linear":
            return (end - start) * share + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1)


def _number_of_steps(total_steps: int | None, epochs: int | None, steps_per_epoch: int | None) -> int:
    if total_steps is not None:
        _check_positive("total_steps", total_steps)
        return total_steps
    if epochs is None or steps_per_epoch is None:
        raise ValueError("You must define either total_steps OR (epochs AND steps_per_epoch)")
    _check_positive("epochs", epochs)
    _check_positive("steps_per_epoch", steps_per_epoch)
    return epochs * steps_per_epoch


def _check_positive(name: str, value: Any) -> None:
    if not isinstance(value, int) or value <= 0:
        raise ValueError(f"Expected positive integer {name}, but got {value}")


def _phases(steps: int, share: float, three: bool) -> list[dict[str, Any]]:
    """The parts of the cycle, under the names that a state_dict of torch's has."""
    # fmt: off
    names = ("end_step",                     "start_lr",   "end_lr",     "start_momentum", "end_momentum")
    up =    (float(share * steps) - 1,       "initial_lr", "max_lr",     "max_momentum",   "base_momentum")
    back =  (float(2 * share * steps) - 2,   "max_lr",     "initial_lr", "base_momentum",  "max_momentum")
    out =   (steps - 1,                      "initial_lr", "min_lr",     "max_momentum",   "max_momentum")
    down =  (steps - 1,                      "max_lr",     "min_lr",     "base_momentum",  "max_momentum")
    # fmt: on
    return [dict(zip(names, phase)) for phase in ((up, back, out) if three else (up, down))]
