"""softmax and log_softmax, in float32 by the formulas of torch's CUDA kernels (PersistentSoftmax.cuh), rounded once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simfp.arrays import Array
from simfp.ops.device_math import exp, fma, log
from simfp.ops.device_sums import by_warp
from simfp.ops.operation import Call, Operation, as_asked, finished, widened
from simfp.ops.reductions import places, total

__all__ = ["ROWS"]


def _centred(x: Array, dim: int) -> NDArray[Any]:
    """The values less the largest one along an axis."""
    values = widened(x)
    (where,) = places(dim, x.ndim) or (None,)
    return values - values.max(axis=where, keepdims=True, initial=-np.inf)


def _added(values: NDArray[Any], dim: int) -> NDArray[Any]:
    """The sum along an axis, which stays as 1: by warps if it is the last one."""
    if not values.ndim:
        return values
    (where,) = places(dim, values.ndim)
    return by_warp(values) if where == values.ndim - 1 else total(values, where, keepdims=True)


@np.errstate(all="ignore")
def softmax(x: Array, dim: int, dtype: Any = None) -> Array:
    """exp(x - max) over its sum along an axis."""
    given = as_asked(x, dtype)
    powers = exp(_centred(given, dim))
    return finished(powers / _added(powers, dim), given.dtype, "softmax")


def safe_softmax(x: Array, dim: int, dtype: Any = None) -> Array:
    """The same, and 0 where all values along the axis are -infinity."""
    shares = softmax(x, dim, dtype)
    nothing = np.all(np.isneginf(x), axis=dim, keepdims=True)
    return np.where(nothing, 0.0, shares) if nothing.any() else shares


@np.errstate(all="ignore")
def _softmax_backward(g: Array, call: Call) -> Array:
    """g y - y sum(g y), the products g y rounded first: they are an operation of their own."""
    product, y = widened(g * call.result), widened(call.result)
    return finished(fma(-y, _added(product, call.inputs[1]), product), g.dtype, "softmax")


@np.errstate(all="ignore")
def log_softmax(x: Array, dim: int, dtype: Any = None) -> Array:
    """x - max - log(sum(exp(x - max))) along an axis."""
    given = as_asked(x, dtype)
    centred = _centred(given, dim)
    return finished(centred - log(_added(exp(centred), dim)), given.dtype, "log_softmax")


@np.errstate(all="ignore")
def _log_softmax_backward(g: Array, call: Call) -> Array:
    """g - exp(y) sum(g)."""
    slope = widened(g)
    shares = exp(widened(call.result))
    return finished(fma(-shares, _added(slope, call.inputs[1]), slope), g.dtype, "log_softmax")


# fmt: off
ROWS = (
    #          name             forward        derivatives
    Operation("softmax",        softmax,       (_softmax_backward,)),
    Operation("_safe_softmax",  safe_softmax,  (_softmax_backward,)),  # that of scaled_dot_product_attention
    Operation("log_softmax",    log_softmax,   (_log_softmax_backward,)),
)
# fmt: on
