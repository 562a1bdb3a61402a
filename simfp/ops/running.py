"""Running sums and products along an axis, and products of all: one after the other in float64, rounded once.

CUDA's kernels add and multiply in blocks, in an order that depends on the device; here, 16-bit results are the exact
ones, rounded, and float32's lie within what float64 loses of that.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simfp.arrays import Array
from simfp.ops.operation import Call, Operation, argument, as_asked, finished
from simfp.ops.reductions import Axes, kept_shape, places
from simfp.ops.shapes import place

__all__ = ["ROWS"]


def _wide(x: Array) -> NDArray[np.float64]:
    return x._values.astype(np.float64)


@np.errstate(all="ignore")
def cumsum(x: Array, dim: int, dtype: Any = None) -> Array:
    """The sums of the first one, two, three ... values along an axis."""
    terms = as_asked(x, dtype)
    values = _wide(terms)
    return finished(np.cumsum(values, place(dim, x.ndim)) if x.ndim else values, terms.dtype, "cumsum")


@np.errstate(all="ignore")
def _sums_from_here(g: Array, call: Call) -> Array:
    return finished(_from_here(_wide(g), place(call.inputs[1], g.ndim)) if g.ndim else _wide(g), g.dtype, "cumsum")


def _from_here(values: NDArray[Any], axis: int) -> NDArray[Any]:
    """The sum of each value and all that follow it."""
    return np.flip(np.cumsum(np.flip(values, axis), axis), axis)


@np.errstate(all="ignore")
def cumprod(x: Array, dim: int, dtype: Any = None) -> Array:
    """The products of the first one, two, three ... values along an axis."""
    terms = as_asked(x, dtype)
    values = _wide(terms)
    return finished(np.cumprod(values, place(dim, x.ndim)) if x.ndim else values, terms.dtype, "cumprod")


@np.errstate(all="ignore")
def _through_cumprod(g: Array, call: Call) -> Array:
    """For each value, the sum of the gradients times the products from there on without it."""
    x, dim = call.inputs[:2]
    if not x.ndim:
        return g
    axis = place(dim, x.ndim)
    values, slopes = np.moveaxis(_wide(x), axis, 0), np.moveaxis(_wide(g), axis, 0)
    return finished(np.moveaxis(_slopes_of_products(values, slopes), 0, axis), g.dtype, "cumprod")


def _slopes_of_products(values: NDArray[Any], slopes: NDArray[Any]) -> NDArray[Any]:
    """Along axis 0: sum over j >= k of slopes[j] times the product of values[:j + 1] without values[k]."""
    if (values != 0).all():
        return np.asarray(_from_here(np.cumprod(values, 0) * slopes, 0) / values)
    out = np.empty(values.shape)
    for k in range(len(values)):
        others = values.copy()
        others[k] = 1
        out[k] = (np.cumprod(others, 0) * slopes)[k:].sum(0)
    return out


def _flat(x: NDArray[Any], axis: Axes) -> NDArray[Any]:
    """The axes that are reduced as one, in front of all others."""
    gone = places(axis, x.ndim)
    rest = tuple(length for where, length in enumerate(x.shape) if where not in gone)
    return np.moveaxis(x, gone, range(len(gone))).reshape(-1, *rest)


@np.errstate(all="ignore")
def prod(x: Array, axis: Axes = None, keepdims: bool = False, dtype: Any = None) -> Array:
    """The product over axes."""
    terms = as_asked(x, dtype)
    factors = _flat(_wide(terms), axis)
    product = np.cumprod(factors, 0)[-1] if len(factors) else np.ones(factors.shape[1:])
    return finished(product.reshape(kept_shape(x.shape, axis)) if keepdims else product, terms.dtype, "prod")


@np.errstate(all="ignore")
def _through_prod(g: Array, call: Call) -> Array:
    """For each factor, the gradient times the product of all others."""
    x = call.inputs[0]
    axis = argument(call, prod, "axis")
    values = _flat(_wide(x), axis)
    slopes = np.zeros(values.shape)
    slopes[-1:] = _wide(g).reshape(values.shape[1:])
    gone = places(axis, x.ndim)
    shape = [x.shape[where] for where in gone]
    back = _slopes_of_products(values, slopes).reshape((*shape, *values.shape[1:]))
    return finished(np.moveaxis(back, range(len(gone)), gone), g.dtype, "prod")


# fmt: off
ROWS = (
    #          name        forward   derivatives
    Operation("prod",      prod,     (_through_prod,), ("0",)),
    Operation("cumsum",    cumsum,   (_sums_from_here,), ("",)),
    Operation("cumprod",   cumprod,  (_through_cumprod,), ("0",)),
)
# fmt: on
