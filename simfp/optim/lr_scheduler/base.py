"""What every schedule has: the epochs that it counts, the learning rates it sets, and torch's state_dict."""

from __future__ import annotations

import types
import warnings
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any
from weakref import ref

from simfp.optim.optimizer import Optimizer

__all__ = ["LRScheduler", "checked", "functions_of_groups", "loaded_functions", "one_for_each", "saved_functions"]

EPOCH_IS_OLD = "`step(epoch)` is deprecated, in torch too: call `step()` where an epoch ends"


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
        self._initial_step()

    def get_lr(self) -> list[float]:
        """The learning rate of each group in this epoch, from what they are now; see `get_last_lr`.

        Raises NotImplementedError, as torch's base class does, in a subclass without its own.
        """
        raise NotImplementedError(f"{type(self).__name__} has no `get_lr` of its own")

    def get_last_lr(self) -> list[float]:
        """The learning rate of each group as this schedule set it last."""
        return self._last_lr

    def step(self, epoch: int | None = None) -> None:
        """Begins the next epoch, or (torch: deprecated) a given one.

        Warns if the optimizer has made no step before the first call.
        """
        if self._step_count == 1 and not getattr(self.optimizer, "_opt_called", False):
            warnings.warn(
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`. Call them in the opposite order: "
                "`optimizer.step()` before `lr_scheduler.step()`.  Failure to do this will result in skipping the "
                "first value of the learning rate schedule. (A GradScaler that skipped the step causes it, too.)",
                UserWarning,
                stacklevel=2,
            )
        self._step_count += 1
        if epoch is not None:
            warnings.warn(EPOCH_IS_OLD, UserWarning, stacklevel=2)
        self.begin_epoch(epoch)

    def state_dict(self) -> dict[str, Any]:
        """All but the optimizer, as a dict."""
        return {name: value for name, value in vars(self).items() if name != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over a state_dict; the optimizer's own holds its learning rates.

        Raises TypeError for what is no dict, and then changes nothing.
        """
        vars(self).update(checked(state_dict))

    def begin_epoch(self, epoch: int | None = None) -> None:
        """Sets the learning rates of the next epoch, or of a given one: by the closed form where there is one."""
        if epoch is None:
            rates = self._rates_of(self.last_epoch + 1, self.get_lr)
        else:
            rates = self._rates_of(epoch, getattr(self, "_get_closed_form_lr", self.get_lr))
        for group, lr in zip(self.optimizer.param_groups, rates):
            group["lr"] = lr
        self._last_lr = self._current()

    def _rates_of(self, epoch: int, computed: Callable[[], list[float]]) -> list[float]:
        self.last_epoch, before = epoch, self.last_epoch
        try:
            return computed()
        except BaseException:
            self.last_epoch = before
            raise

    def _initial_step(self) -> None:
        """The first epoch, with which a schedule begins."""
        self._step_count, self._is_initial = 0, True
        try:
            self.step()
        finally:
            self._is_initial = False

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


def checked(state_dict: Any, *names: str) -> Mapping[str, Any]:
    """A state_dict that can be taken over.

    Raises TypeError for what is no dict, KeyError where a name is missing.
    """
    if not isinstance(state_dict, Mapping):
        raise TypeError(f"expected a state_dict of a schedule, got {type(state_dict).__name__}")
    for name in names:
        if name not in state_dict:
            raise KeyError(f"the state_dict of a schedule has no {name!r}")
    return state_dict


def one_for_each(name: str, optimizer: Optimizer, given: Any) -> list[Any]:
    """One value for each group of parameters.

    Raises ValueError for a list of another length.
    """
    groups = len(optimizer.param_groups)
    if not isinstance(given, (list, tuple)):
        return [given] * groups
    if len(given) != groups:
        raise ValueError(f"{name} must have the same length as optimizer.param_groups. {name} has {len(given)} values, "
                         f"param_groups has {groups}.")  # fmt: skip
    return list(given)


def functions_of_groups(optimizer: Optimizer, given: Any) -> list[Callable[[int], float]]:
    """One function for each group of parameters.

    Raises ValueError for a list of another length, TypeError for what cannot be called.
    """
    groups = len(optimizer.param_groups)
    functions = list(given) if isinstance(given, (list, tuple)) else [given] * groups
    if len(functions) != groups:
        raise ValueError(f"Expected {groups} lr_lambdas, but got {len(functions)}")
    for each in functions:
        if not callable(each):
            raise TypeError(f"lr_lambda should be a function, but got {type(each).__name__}")
    return functions


def saved_functions(functions: list[Any]) -> list[dict[str, Any] | None]:
    """What a state_dict keeps of functions: of callable objects their attributes, of plain ones nothing."""
    return [None if isinstance(each, types.FunctionType) else vars(each).copy() for each in functions]


def loaded_functions(functions: list[Any], kept: Any) -> None:
    """Brings the attributes of callable objects back.

    Raises ValueError for another number of them, before anything is changed.
    """
    if len(kept) != len(functions):
        raise ValueError(f"expected the state of {len(functions)} lr_lambdas, but got {len(kept)}")
    for function, attributes in zip(functions, kept):
        vars(function).update(attributes or {})
