"""What scripts set once at their beginning: taken, checked, and changing nothing that is computed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simfp.autograd import Tensor, as_tensor
from simfp.devices import THE_DEVICE, Device, as_device

__all__ = [
    "are_deterministic_algorithms_enabled", "compile", "get_default_device", "get_float32_matmul_precision",
    "get_num_threads", "is_floating_point", "is_tensor", "numel", "set_default_device",
    "set_float32_matmul_precision", "set_num_threads", "set_printoptions", "use_deterministic_algorithms",
]  # fmt: skip

PRECISIONS = ("highest", "high", "medium")
_chosen = {"matmul": "highest"}


def compile(model: Any = None, **options: Any) -> Any:
    """The model, or function, itself: nothing is compiled, and the same bits come out. Also a decorator."""
    if model is None:
        return lambda function: function
    if not isinstance(model, Callable):  # type: ignore[arg-type]
        raise RuntimeError(f"compile takes a module or a function, got a {type(model).__name__}")
    return model


def set_float32_matmul_precision(precision: str) -> None:
    """Keeps the choice; products of float32 are carried in float32 whatever it is.

    Raises RuntimeError for an unknown one.
    """
    if precision not in PRECISIONS:
        raise RuntimeError(f"unknown precision {precision!r}; expected one of {', '.join(PRECISIONS)}")
    _chosen["matmul"] = precision


def get_float32_matmul_precision() -> str:
    """What was chosen."""
    return _chosen["matmul"]


def set_default_device(device: Any) -> None:
    """Takes the one device that there is.

    Raises RuntimeError for another.
    """
    as_device(device)


def get_default_device() -> Device:
    """The one device that there is."""
    return THE_DEVICE


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """All algorithms are: the same numbers give the same bits, every time."""


def are_deterministic_algorithms_enabled() -> bool:
    """True."""
    return True


def set_num_threads(int: int) -> None:
    """Nothing depends on it; Numba's own NUMBA_NUM_THREADS says how many threads its loops have.

    Raises RuntimeError unless it is positive.
    """
    if int < 1:
        raise RuntimeError("set_num_threads expects a positive integer")


def get_num_threads() -> int:
    """1: what is counted on is that of NumPy and Numba."""
    return 1


def set_printoptions(**options: Any) -> None:
    """Nothing depends on it: values are shown in the shortest digits that name them."""


def is_tensor(obj: Any) -> bool:
    """Whether it is a Tensor."""
    return isinstance(obj, Tensor)


def is_floating_point(input: Any) -> bool:
    """Whether its values are of a Format, and not integers."""
    return as_tensor(input).is_floating_point()  # type: ignore[no-any-return]


def numel(input: Any) -> int:
    """How many values there are."""
    return as_tensor(input).numel()
