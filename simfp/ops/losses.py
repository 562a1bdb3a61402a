"""Losses."""

from __future__ import annotations

from simfp.arrays import Array
from simfp.ops.operation import Call, Operation
from simfp.ops.reductions import mean, summed

__all__ = ["ROWS"]

REDUCTIONS = {"mean": mean, "sum": summed, "none": lambda x: x}


def mse_loss(x: Array, target: Array, reduction: str = "mean") -> Array:
    """The squared differences, and their mean or sum.

    Raises ValueError for an unknown reduction.
    """
    if reduction not in REDUCTIONS:
        raise ValueError(f"{reduction} is not a valid value for reduction")
    difference = x - target
    return REDUCTIONS[reduction](difference * difference)


def _mse_backward(g: Array, call: Call) -> Array:
    """(2 / N) (x - target) g."""
    x, target = call.inputs[:2]
    difference: Array = x - target
    norm = 2.0 / difference.size if call.options.get("reduction", "mean") == "mean" else 2.0
    return difference * norm * g


# fmt: off
ROWS = (
    #          name        forward    derivatives
    Operation("mse_loss",  mse_loss,  (_mse_backward, lambda g, call: -_mse_backward(g, call))),
)
# fmt: on
