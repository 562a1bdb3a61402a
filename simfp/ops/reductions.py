"""Sums and means over axes: added in float32, rounded once."""

from __future__ import annotations

import numpy as np

from simfp.arrays import Array, accumulator_dtype, owned
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
    """The sum over axes, added in float32 and rounded once."""
    with np.errstate(all="ignore"):
        total = np.asarray(
            x._values.sum(axis=places(axis, x.ndim), keepdims=keepdims, dtype=accumulator_dtype(x.dtype))
        )
    return finished(total, x.dtype, "sum")


def mean(x: Array, axis: Axes = None, keepdims: bool = False) -> Array:
    """The mean over axes: the float32 sum times float32(1 / count), rounded once."""
    gone = places(axis, x.ndim)
    count = int(np.prod([x.shape[place] for place in gone], dtype=np.int64))
    wide = accumulator_dtype(x.dtype)
    with np.errstate(all="ignore"):
        total = x._values.sum(axis=gone, keepdims=keepdims, dtype=wide)
        return finished(np.asarray(total * wide(1 / count) if count else total / wide(0)), x.dtype, "mean")


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
