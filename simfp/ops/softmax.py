"""softmax and log_softmax, in float32 by the formulas of torch's CUDA kernels (PersistentSoftmax.cuh), rounded once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simfp.arrays import Array
from simfp.ops.device_math import exp, fma, log
from simfp.ops.operation import Call, Operation, as_asked, finished, widened
from simfp.ops.reductions import places, total

__all__ = ["ROWS"]

WARP, MOST_OF_A_WARP = 32, 1024


def _centred(x: Array, dim: int) -> NDArray[Any]:
    """The values less the largest one along an axis."""
    values = widened(x)
    (where,) = places(dim, x.ndim) or (None,)
    return values - values.max(axis=where, keepdims=True, initial=-np.inf)


def _along(values: NDArray[Any], dim: int) -> NDArray[Any]:
    """The sums along an axis, which is kept, in the kernel's order.

    Up to 1,024 values of the last axis are a warp's: each thread adds every 32nd, and the threads add up in halves. (Of
    other axes and longer ones the order is that of a plain sum, and not the kernel's.)
    """
    (where,) = places(dim, values.ndim) or (None,)
    if where is None or where < values.ndim - 1 or not 0 < values.shape[-1] <= MOST_OF_A_WARP:
        return total(values, dim, keepdims=True)
    length = values.shape[-1]
    threads = min(WARP, 1 << (length - 1).bit_length())
    turns = -(-length // threads)
    padded = np.zeros((*values.shape[:-1], turns * threads), values.dtype)
    padded[..., :length] = values
    sums = padded[..., :threads].copy()
    for turn in range(1, turns):
        sums += padded[..., turn * threads : (turn + 1) * threads]
    while threads > 1:
        threads //= 2
        sums = sums[..., :threads] + sums[..., threads:]
    return sums


@np.errstate(all="ignore")
def softmax(x: Array, dim: int, dtype: Any = None) -> Array:
    """exp(x - max) over its sum along an axis."""
    given = as_asked(x, dtype)
    powers = exp(_centred(given, dim))
    return finished(powers / _along(powers, dim), given.dtype, "softmax")


def safe_softmax(x: Array, dim: int, dtype: Any = None) -> Array:
    """The same, and 0 where all values along the axis are -infinity."""
    shares = softmax(x, dim, dtype)
    nothing = np.all(np.isneginf(x), axis=dim, keepdims=True)
    return np.where(nothing, 0.0, shares) if nothing.any() else shares


@np.errstate(all="ignore")
def _softmax_backward(g: Array, call: Call) -> Array:
    """g y - y sum(g y), the products g y rounded first: they are an operation of their own."""
    product, y = widened(g * call.result), widened(call.result)
    return finished(fma(-y, _along(product, call.inputs[1]), product), g.dtype, "softmax")


@np.errstate(all="ignore")
def log_softmax(x: Array, dim: int, dtype: Any = None) -> Array:
    """x - max - log(sum(exp(x - max))) along an axis."""
    given = as_asked(x, dtype)
    centred = _centred(given, dim)
    return finished(centred - log(_along(exp(centred), dim)), given.dtype, "log_softmax")


@np.errstate(all="ignore")
def _log_softmax_backward(g: Array, call: Call) -> Array:
    """g - exp(y) sum(g)."""
    slope = widened(g)
    shares = exp(widened(call.result))
    return finished(fma(-shares, _along(slope, call.inputs[1]), slope), g.dtype, "log_softmax")


# fmt: off
ROWS = (
    #          name             forward        derivatives
    Operation("softmax",        softmax,       (_softmax_backward,)),
    Operation("_safe_softmax",  safe_softmax,  (_softmax_backward,)),  # that of scaled_dot_product_attention
    Operation("log_softmax",    log_softmax,   (_log_softmax_backward,)),
)
# fmt: on
