"""Parameter: a Tensor that a Module finds."""

from __future__ import annotations

from typing import Any

from simfp.autograd import Tensor
from simfp.typing import DTypeLike

__all__ = ["Parameter"]


class Parameter(Tensor):
    """A Tensor that belongs to the Module to which it is assigned, and requires a gradient unless told otherwise.

    data: a Tensor, an Array, a NumPy array, numbers or nested lists of them.
    """

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True, *, dtype: DTypeLike | None = None) -> None:
        super().__init__(data, requires_grad, dtype=dtype)

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()
