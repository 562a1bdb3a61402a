"""What is written over other values, and sums of three: the operations whose plain form is rarer than that in place.

Under autograd the values that are written over get no gradient.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simfp.arrays import Array, owned
from simfp.ops.arithmetic import divided
from simfp.ops.device_math import fma
from simfp.ops.operation import Call, Operation, argument, broadcasting, finished, in_format_of, same, together, widened
from simfp.ops.shapes import place

__all__ = ["ROWS", "number_of"]


def number_of(x: Array, value: float) -> Array:
    """A number in the format of `x`.

    Raises RuntimeError for a finite one that is infinite there.
    """
    number = in_format_of(x, value)
    if np.isfinite(value) and not np.isfinite(number):
        raise RuntimeError(f"value cannot be converted to type {x.dtype} without overflow: {value}")
    return number


def copy(x: Array, y: Any) -> Array:
    """The values of `y` in the shape and format of `x`, rounded once.

    Raises RuntimeError for a shape that does not broadcast to that of `x`.
    """
    given = y if isinstance(y, Array) else in_format_of(x, y)
    filled = np.zeros(x.shape, x.dtype.carrier)
    broadcasting(lambda *_: x)(x, given)
    if np.broadcast_shapes(given.shape, x.shape) != x.shape:
        shape = list(np.broadcast_shapes(given.shape, x.shape))
        raise RuntimeError(f"output with shape {list(x.shape)} doesn't match the broadcast shape {shape}")
    filled[...] = (given if given.dtype == x.dtype else given.astype(x.dtype))._values
    return owned(filled, x.dtype)


def fill(x: Array, value: Any) -> Array:
    """One number in the shape and format of `x`.

    Raises RuntimeError for more than one.
    """
    if isinstance(value, Array) and value.ndim:
        raise RuntimeError(f"fill_ only supports 0-dimension value tensor but got tensor with {value.ndim} dimensions.")
    return copy(x, value if isinstance(value, Array) else number_of(x, value))


def put(x: Array, key: Any, value: Any) -> Array:
    """`x` with other values at the places that a key of arrays of integers, or a mask, names.

    Raises RuntimeError for values of another format, and for a shape that does not fit.
    """
    new = value if isinstance(value, Array) else number_of(x, value)
    if new.dtype != x.dtype:
        raise RuntimeError(
            f"Index put requires the source and destination dtypes match, got {x.dtype} for the destination and "
            f"{new.dtype} for the source."
        )
    out = x._values.copy()
    try:
        out[key] = new._values
    except ValueError as error:
        shape = list(out[key].shape)
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(new.shape)} cannot be broadcast to indexing result of shape "
            f"{shape}"
        ) from error
    return owned(out, x.dtype)


def _zeros(g: Array, call: Call) -> Array:
    """What was written over has no part in the result."""
    return owned(np.zeros(g.shape, g.dtype.carrier), g.dtype)


def _not_put(g: Array, call: Call) -> Array:
    out = g._values.copy()
    out[call.inputs[1]] = 0
    return owned(out, g.dtype)


def _taken(g: Array, call: Call) -> Array:
    return g[call.inputs[1]]


@np.errstate(all="ignore")
def lerp(x: Array, end: Array, weight: Any) -> Array:
    """``x + weight * (end - x)``, from a weight of 1/2 on computed from the other end."""
    together("lerp", x, end, weight)
    start, stop = widened(x), widened(end)
    share = widened(weight) if isinstance(weight, Array) else start.dtype.type(weight)
    one, away = start.dtype.type(1), stop - start
    result = np.where(np.abs(share) < 0.5, fma(share, away, start), fma(-away, one - share, stop))
    return finished(result, x.dtype, "lerp")


def _start(g: Array, call: Call) -> Array:
    return g * (1 - call.inputs[2])


@np.errstate(all="ignore")
def addcmul(x: Array, left: Array, right: Array, value: float = 1) -> Array:
    """``x + value * left * right``."""
    together("addcmul", x, left, right)
    base, one, other = widened(x), widened(left), widened(right)
    return finished(fma(base.dtype.type(value) * one, other, base), x.dtype, "addcmul")


@np.errstate(all="ignore")
def addcdiv(x: Array, top: Array, bottom: Array, value: float = 1) -> Array:
    """``x + value * (top / bottom)``."""
    together("addcdiv", x, top, bottom)
    base, one, other = widened(x), widened(top), widened(bottom)
    return finished(fma(base.dtype.type(value), one / other, base), x.dtype, "addcdiv")


def _value(call: Call) -> float:
    return float(argument(call, addcmul, "value"))  # addcdiv's is as addcmul's


def _times_other(position: int) -> Any:
    return lambda g, call: g * (call.inputs[position] * _value(call))


def _bottom(g: Array, call: Call) -> Array:
    top, bottom = call.inputs[1:3]
    return -g * ((top * _value(call)) / (bottom * bottom))


def index_add(x: Array, dim: int, index: Any, source: Array, alpha: float = 1) -> Array:
    """`x` with slices of `source` added one by one, times `alpha`, at the places along an axis that `index` names.

    Raises RuntimeError for places that are not integers, or not there.
    """
    together("index_add", x, source)
    where, places = place(dim, x.ndim), np.asarray(index)
    if places.dtype.kind not in "iu":
        raise RuntimeError(f"index_add_(): Expected dtype int32/int64 for index but got: {places.dtype}")
    if places.size and (places.min() < 0 or places.max() >= x.shape[where]):
        raise RuntimeError(f"index out of range in self: {places.min()} to {places.max()} among {x.shape[where]}")
    added = source if alpha == 1 else source * alpha
    out, axes = x.copy(), (slice(None),) * where
    for number, each in enumerate(places.reshape(-1)):
        out[(*axes, each)] = out[(*axes, each)] + added[(*axes, number)]
    return out


def _added(g: Array, call: Call) -> Array:
    alpha = argument(call, index_add, "alpha")
    part = g[_along(g, *call.inputs[1:3])]
    return part if alpha == 1 else part * alpha


def _along(x: Array, dim: int, index: Any) -> tuple[Any, ...]:
    return (slice(None),) * place(dim, x.ndim) + (np.asarray(index),)


# fmt: off
ROWS = (
    #          name        forward    derivatives                                                 saves
    Operation("copy",      copy,      (_zeros, same),                                             ("", "")),
    Operation("fill",      fill,      (_zeros, same),                                             ("", "")),
    Operation("index_put", put,       (_not_put, None, _taken),                                   ("k", "", "k")),
    Operation("index_add", index_add, (same, None, None, _added),                                 ("",) * 3 + ("2",)),
    Operation("lerp",      lerp,      (_start, lambda g, call: g * call.inputs[2],
                                       lambda g, call: g * (call.inputs[1] - call.inputs[0])),    ("2", "2", "01")),
    Operation("addcmul",   addcmul,   (same, _times_other(2), _times_other(1)),                   ("", "2", "1")),
    Operation("addcdiv",   addcdiv,   (same, lambda g, call: g * divided(_value(call), call.inputs[2]), _bottom),
                                                                                                  ("", "2", "12")),
)
# fmt: on
