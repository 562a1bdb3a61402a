"""Sums and means over axes: added in float32, rounded once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simfp.arrays import Array, accumulator_dtype, owned
from simfp.ops.cuda_sums import summed_over
from simfp.ops.operation import Call, Operation, finished

__all__ = ["ROWS", "kept_shape", "places", "summed"]

Axes = int | tuple[int, ...] | None


def places(axis: Axes, ndim: int) -> tuple[int, ...]:
    """The axes meant, counted from 0.

    Raises IndexError for one that is not there.
    """
    axes = range(ndim) if axis is None or axis == () else (axis,) if isinstance(axis, int) else axis
    for each in axes:
        if not -ndim <= each < ndim:
            raise IndexError(f"Dimension out of range (expected to be in range of [{-ndim}, {ndim - 1}], got {each})")
    return tuple(each % ndim for each in axes)


def kept_shape(shape: tuple[int, ...], axis: Axes) -> tuple[int, ...]:
    """`shape` with the axes that were reduced as 1."""
    gone = places(axis, len(shape))
    return tuple(1 if place in gone else length for place, length in enumerate(shape))


def summed(x: Array, axis: Axes = None, keepdims: bool = False) -> Array:
    """The sum over axes, added in float32 as CUDA adds it and rounded once."""
    return finished(_total(x, axis, keepdims), x.dtype, "sum")


def mean(x: Array, axis: Axes = None, keepdims: bool = False) -> Array:
    """The mean over axes: the float32 sum times float32(1 / count), rounded once."""
    total = _total(x, axis, keepdims)
    count = x.size // max(total.size, 1)
    with np.errstate(all="ignore"):
        share = np.divide(1, count, dtype=np.float64).astype(total.dtype)
        return finished(total * share, x.dtype, "mean")


def _total(x: Array, axis: Axes, keepdims: bool) -> NDArray[Any]:
    """The sum before it is rounded."""
    values = np.ascontiguousarray(x._values, accumulator_dtype(x.dtype))
    total = summed_over(values, places(axis, x.ndim))
    return total.reshape(kept_shape(x.shape, axis)) if keepdims else total


def _spread(g: Array, call: Call) -> Array:
    """The gradient of a sum, for every term."""
    x = call.inputs[0]
    axis = call.inputs[1] if len(call.inputs) > 1 else None
    shape = kept_shape(x.shape, axis)
    return owned(np.broadcast_to(g._values.reshape(shape), x.shape), g.dtype)


def _spread_mean(g: Array, call: Call) -> Array:
    x = call.inputs[0]
    return _spread(g, call) / (x.size // max(g.size, 1))


# fmt: off
ROWS = (
    #          name    forward  derivatives
    Operation("sum",   summed,  (_spread,)),
    Operation("mean",  mean,    (_spread_mean,)),
)
# fmt: on
