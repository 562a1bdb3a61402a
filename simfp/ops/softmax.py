"""softmax and log_softmax, in float32 by the formulas of torch's CUDA kernels, each result rounded once.

(PersistentSoftmax.cuh, SoftMax.cu; in which order they add: `device_sums.of_softmax`.)
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simfp.arrays import Array
from simfp.elementwise import FLOAT32
from simfp.formats import NAMED_FORMATS, Format
from simfp.ops.device_math import exp, fma, log
from simfp.ops.device_sums import of_softmax
from simfp.ops.operation import Call, Operation, as_asked, finished, widened
from simfp.ops.reductions import places

__all__ = ["ROWS"]

FLOAT16 = NAMED_FORMATS["float16"]


def _centred(x: Array, dim: int) -> NDArray[Any]:
    """The values less the largest one along an axis."""
    values = widened(x)
    (where,) = places(dim, x.ndim) or (None,)
    return values - values.max(axis=where, keepdims=True, initial=-np.inf)


def _total(powers: NDArray[Any], loaded: Format, fmt: Format, dim: int) -> NDArray[Any]:
    """The sum of exponentials along an axis, which stays as 1; loaded: the format that the input came in."""
    if not powers.ndim:
        return powers
    promoted = (loaded, fmt) == (FLOAT16, FLOAT32)
    return of_softmax(powers, *places(dim, powers.ndim), bits=(loaded if promoted else fmt).bits, promoted=promoted)


def _total_back(g: Array, dim: int) -> NDArray[Any]:
    """The same of gradients."""
    values = widened(g)
    return of_softmax(values, *places(dim, g.ndim), bits=g.dtype.bits, backward=True) if g.ndim else values


@np.errstate(all="ignore")
def softmax(x: Array, dim: int, dtype: Any = None, loaded: Format | None = None) -> Array:
    """exp(x - max) over its sum along an axis; loaded: the format of `x` before autocast has widened it."""
    given = as_asked(x, dtype)
    powers = exp(_centred(given, dim))
    return finished(powers / _total(powers, loaded or x.dtype, given.dtype, dim), given.dtype, "softmax")


def safe_softmax(x: Array, dim: int, dtype: Any = None) -> Array:
    """The same, and 0 where all values along the axis are -infinity."""
    shares = softmax(x, dim, dtype)
    nothing = np.all(np.isneginf(x), axis=dim, keepdims=True)
    return np.where(nothing, 0.0, shares) if nothing.any() else shares


@np.errstate(all="ignore")
def _softmax_backward(g: Array, call: Call) -> Array:
    """g y - y sum(g y), the products g y rounded first: they are an operation of their own."""
    product, y = g * call.result, widened(call.result)
    return finished(fma(-y, _total_back(product, call.inputs[1]), widened(product)), g.dtype, "softmax")


@np.errstate(all="ignore")
def log_softmax(x: Array, dim: int, dtype: Any = None, loaded: Format | None = None) -> Array:
    """x - max - log(sum(exp(x - max))) along an axis; loaded: as in softmax."""
    given = as_asked(x, dtype)
    centred = _centred(given, dim)
    return finished(
        centred - log(_total(exp(centred), loaded or x.dtype, given.dtype, dim)), given.dtype, "log_softmax"
    )


@np.errstate(all="ignore")
def _log_softmax_backward(g: Array, call: Call) -> Array:
    """g - exp(y) sum(g)."""
    shares = exp(widened(call.result))
    return finished(fma(-shares, _total_back(g, call.inputs[1]), widened(g)), g.dtype, "log_softmax")


# fmt: off
ROWS = (
    #          name             forward        derivatives           saves
    Operation("softmax",        softmax,       (_softmax_backward,), ("r",), widens=True),
    Operation("_safe_softmax",  safe_softmax,  (_softmax_backward,), ("r",)),  # scaled_dot_product_attention
    Operation("log_softmax",    log_softmax,   (_log_softmax_backward,),
                                                                     ("r",), widens=True),
)
# fmt: on
