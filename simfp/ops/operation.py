"""What an operation is: a forward on Arrays, and for each input how a gradient comes back through it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simfp import observe
from simfp.arrays import Array, owned
from simfp.elementwise import FLOAT32, rounded
from simfp.formats import Format
from simfp.precision import rule_of

__all__ = ["Call", "Operation", "Saved", "finished"]


class Saved(NamedTuple):
    """What a forward gives back when it has put something aside for its derivatives."""

    result: Array
    saved: Any


class Call(NamedTuple):
    """One application of an operation, as its derivatives see it."""

    inputs: tuple[Any, ...]  # Arrays; also numbers, index arrays and whatever else the forward took by position
    options: dict[str, Any]
    result: Array
    saved: Any = None


Forward = Callable[..., "Array | Saved"]
VJP = Callable[[Array, Call], Array]  # the gradient of the result -> that of one input


@dataclass(frozen=True)
class Operation:
    """One row of the table of operations.

    name: torch's. forward: Arrays, and options, in; an Array out, each of its values rounded once.
    vjps: for each input by position, how a gradient comes back through it; None where none does. The gradient may
    come in the shape and in the format that broadcasting and promotion gave it: `autograd` brings it to the input's.
    """

    name: str
    forward: Forward
    vjps: tuple[VJP | None, ...] = ()

    @property
    def autocast(self) -> str:
        """The list of `precision.AUTOCAST_LISTS` that it stands in, or "follows_inputs"."""
        return rule_of(self.name)

    def vjp(self, position: int) -> VJP | None:
        """How a gradient comes back through the input at `position`; None if it does not."""
        return self.vjps[position] if position < len(self.vjps) else None


def finished(values: NDArray[Any], fmt: Format, operation: str) -> Array:
    """An Array of what a kernel computed in float32, rounded once to `fmt`."""
    if fmt == FLOAT32 and values.dtype == np.float32 and not observe.somebody_listens():
        return owned(values, fmt)
    return owned(rounded(values, fmt, operation), fmt)
