"""Schedules made of schedules: one after the other, or all at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from simfp.optim.lr_scheduler.base import LRScheduler, checked
from simfp.optim.lr_scheduler.plateau import ReduceLROnPlateau
from simfp.optim.optimizer import Optimizer

__all__ = ["ChainedScheduler", "SequentialLR"]


class _Combined(LRScheduler):
    """What has schedules, all of one optimizer, in `_schedulers`."""

    _schedulers: list[Any]

    def _check(self, optimizer: Any, schedulers: Sequence[Any], what: str) -> None:
        name = type(self).__name__
        if not schedulers:
            raise ValueError(f"{name} expects at least one scheduler{what}, but got no scheduler.")
        for i, each in enumerate(schedulers):
            if not hasattr(each, "optimizer"):
                raise TypeError(f"{name} at index {i} should have `optimizer` as its attribute.")
            if isinstance(each, ReduceLROnPlateau):
                raise ValueError(
                    f"{name} does not support `ReduceLROnPlateau` scheduler as it requires additional kwargs to be "
                    f"specified when calling `step`, but got one at index {i} in the given schedulers sequence."
                )
            if each.optimizer is not (optimizer or schedulers[0].optimizer):
                raise ValueError(
                    f"{name} expects all schedulers to belong to the same optimizer, but got scheduler "
                    f"{type(each).__name__} at index {i} has {each.optimizer}, which is different from "
                    f"{type(optimizer).__name__}."
                )

    def state_dict(self) -> dict[str, Any]:
        """All but the optimizer; of each schedule its own state_dict."""
        return super().state_dict() | {"_schedulers": [each.state_dict() for each in self._schedulers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over a state_dict, and each schedule its own.

        Raises KeyError or ValueError for one of other schedules; all are then as they were.
        """
        given = checked(state_dict, "_schedulers")
        parts = given["_schedulers"]
        if len(parts) != len(self._schedulers):
            raise ValueError(f"expected the state of {len(self._schedulers)} schedules, but got {len(parts)}")
        before = [deepcopy(each.state_dict()) for each in self._schedulers]
        try:
            for each, part in zip(self._schedulers, parts):
                each.load_state_dict(part)
        except BaseException:
            for each, part in zip(self._schedulers, before):
                vars(each).update({name: value for name, value in part.items() if name in _plain(each)})
            raise
        super().load_state_dict({name: value for name, value in given.items() if name != "_schedulers"})


def _plain(schedule: Any) -> set[str]:
    """What a state_dict holds as it is."""
    return set(vars(schedule)) - {"optimizer", "_schedulers", "lr_lambdas", "_scale_fn_custom"}


class SequentialLR(_Combined):
    """One schedule after the other: the next begins, in its epoch 0, in each epoch of `milestones`.

    Raises ValueError for no schedules, those of other optimizers, and other than one milestone less.
    """

    def __init__(
        self, optimizer: Optimizer, schedulers: list[Any], milestones: list[int], last_epoch: int = -1
    ) -> None:
        self._check(optimizer, schedulers, "")
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                "Sequential Schedulers expects number of schedulers provided to be one more than the number of "
                f"milestone points, but got number of schedulers {len(schedulers)} and the number of milestones to be "
                f"equal to {len(milestones)}"
            )
        self._schedulers, self._milestones = schedulers, milestones
        self.optimizer, self.last_epoch = optimizer, last_epoch + 1
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"]
        _undo(self)  # each schedule made its first step when it was made
        first = schedulers[bisect_right(milestones, 0)]
        first._initial_step()
        self._last_lr = first.get_last_lr()

    def step(self) -> None:  # type: ignore[override]
        """Begins the next epoch, of the schedule whose turn it is."""
        self.last_epoch += 1
        turn = bisect_right(self._milestones, self.last_epoch)
        schedule = self._schedulers[turn]
        if turn > 0 and self._milestones[turn - 1] == self.last_epoch:
            schedule.begin_epoch(0)
        else:
            schedule.step()
        self._last_lr = schedule.get_last_lr()


def _undo(schedule: Any) -> None:
    parts = getattr(schedule, "_schedulers", None)
    if parts is None:
        schedule.last_epoch -= 1
    for each in parts or ():
        _undo(each)


class ChainedScheduler(_Combined):
    """Several schedules at once: each changes what the one before it has set.

    Raises ValueError for no schedules, and those of other optimizers.
    """

    def __init__(self, schedulers: Sequence[Any], optimizer: Optimizer | None = None) -> None:
        self._check(optimizer, schedulers, " to be chained")
        self._schedulers, self.optimizer = list(schedulers), optimizer or schedulers[0].optimizer
        self._last_lr = self._current()

    def step(self) -> None:  # type: ignore[override]
        """Begins the next epoch of all."""
        for each in self._schedulers:
            each.step()
        self._last_lr = self._current()
