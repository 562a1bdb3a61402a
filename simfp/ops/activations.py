"""Activations: each a kernel that widens, computes in float32, and rounds once."""

from __future__ import annotations

import numpy as np

from simfp.arrays import Array, owned
from simfp.ops.operation import Call, Operation

__all__ = ["ROWS"]


def relu(x: Array) -> Array:
    """max(x, 0); NaN stays."""
    return np.maximum(x, 0.0)


def _passed(g: Array, call: Call) -> Array:
    """The gradient where the result is positive, else 0."""
    return owned(np.where(call.result._values <= 0, np.float32(0), g._values), g.dtype)


# fmt: off
ROWS = (
    #          name    forward  derivatives
    Operation("relu",  relu,    (_passed,)),
)
# fmt: on
