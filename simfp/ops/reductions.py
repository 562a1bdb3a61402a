"""Sums, means, variances, norms and largest values over axes: computed in float32, rounded once."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simfp.arrays import Array, owned
from simfp.formats import Format
from simfp.ops import device_sums, elementary
from simfp.ops.operation import Call, Operation, argument, as_asked, finished, widened

__all__ = ["ROWS", "count_of", "kept_shape", "mean", "places", "summed", "total"]

Axes = int | tuple[int, ...] | list[int] | None


def places(axis: Axes, ndim: int) -> tuple[int, ...]:
    """The axes meant, counted from 0; all of them where none is named.

    Raises IndexError for one that is not there, RuntimeError for one that is named twice.
    """
    axes = range(ndim) if axis is None or axis in ((), []) else (axis,) if isinstance(axis, int) else axis
    reach = max(ndim, 1)
    for each in axes:
        if not -reach <= each < reach:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [{-reach}, {reach - 1}], but got {each})"
            )
    found = tuple(each % reach for each in axes)
    for each in found:
        if found.count(each) > 1:
            raise RuntimeError(f"dim {each} appears multiple times in the list of dims")
    return found if ndim else ()


def kept_shape(shape: tuple[int, ...], axis: Axes) -> tuple[int, ...]:
    """`shape` with the axes that were reduced as 1."""
    gone = places(axis, len(shape))
    return tuple(1 if place in gone else length for place, length in enumerate(shape))


def count_of(shape: tuple[int, ...], axis: Axes) -> int:
    """How many values each result of a reduction is made of."""
    return math.prod(shape[place] for place in places(axis, len(shape)))


def total(values: NDArray[Any], axis: Axes = None, keepdims: bool = False, bits: int = 32) -> NDArray[Any]:
    """The sum in the type of `values`, in the order of torch's kernel for sums over axes of a type of so many bits."""
    sums = device_sums.over_axes(values, places(axis, values.ndim), bits)
    return sums.reshape(kept_shape(values.shape, axis)) if keepdims else sums


@np.errstate(all="ignore")
def summed(
    x: Array, axis: Axes = None, keepdims: bool = False, dtype: Any = None, loaded: Format | None = None
) -> Array:
    """The sum over axes, added in float32 and rounded once; in `dtype`, if that is given.

    loaded: the format that the kernel loads, where autocast has widened `x`.
    """
    terms = as_asked(x, dtype)
    return finished(total(widened(terms), axis, keepdims, (loaded or x.dtype).bits), terms.dtype, "sum")


@np.errstate(all="ignore")
def mean(x: Array, axis: Axes = None, keepdims: bool = False, dtype: Any = None) -> Array:
    """The mean over axes: the float32 sum times float32(1 / count), rounded once."""
    terms = as_asked(x, dtype)
    values = widened(terms)
    share = np.divide(values.dtype.type(1), values.dtype.type(count_of(x.shape, axis)))
    return finished(np.asarray(total(values, axis, keepdims, x.dtype.bits) * share), terms.dtype, "mean")


@np.errstate(all="ignore")
def _deviation(x: Array, axis: Axes, correction: float, keepdims: bool) -> NDArray[Any]:
    """The sum of squared distances from the mean, by Welford's method as on CUDA, over count - correction."""
    values = widened(x)
    wide = values.dtype.type
    squares = device_sums.squares_over_axes(values, places(axis, x.ndim))
    freedom = max(wide(count_of(x.shape, axis)) - wide(correction), wide(0))
    return np.asarray((squares.reshape(kept_shape(x.shape, axis)) if keepdims else squares) / freedom)


def variance(x: Array, axis: Axes = None, correction: float = 1, keepdims: bool = False) -> Array:
    """The variance over axes, with count - correction degrees of freedom."""
    return finished(_deviation(x, axis, correction, keepdims), x.dtype, "var")


@np.errstate(all="ignore")
def deviation(x: Array, axis: Axes = None, correction: float = 1, keepdims: bool = False) -> Array:
    """The standard deviation: the float32 root of the float32 variance, rounded once."""
    return finished(np.sqrt(_deviation(x, axis, correction, keepdims)), x.dtype, "std")


def largest(x: Array, axis: Axes = None, keepdims: bool = False) -> Array:
    """The largest value over axes; NaN if there is one."""
    return np.max(x, axis=_not_empty("amax", x, axis), keepdims=keepdims)


def smallest(x: Array, axis: Axes = None, keepdims: bool = False) -> Array:
    """The smallest value over axes; NaN if there is one."""
    return np.min(x, axis=_not_empty("amin", x, axis), keepdims=keepdims)


def _not_empty(name: str, x: Array, axis: Axes) -> tuple[int, ...]:
    if not count_of(x.shape, axis):
        raise IndexError(f"{name}(): Expected reduction over dimensions that hold values, got shape {list(x.shape)}")
    return places(axis, x.ndim)


def logsumexp(x: Array, axis: Axes, keepdims: bool = False) -> Array:
    """The logarithm of the sum of exponentials, each step an operation of its own, as in torch."""
    found = largest(x, axis, keepdims=True)
    peak: Any = np.where(np.isinf(found), 0.0, found)
    inside = summed(elementary.exp(x - peak), axis, keepdims)
    return elementary.log(inside) + peak.reshape(inside.shape)


@np.errstate(all="ignore")
def vector_norm(x: Array, ord: float = 2, axis: Axes = None, keepdims: bool = False, dtype: Any = None) -> Array:
    """The norm over axes: for 2, the float32 root of the float32 sum of squares, rounded once.

    ord: 1, 2 or infinity.
    """
    terms = as_asked(x, dtype)
    values = widened(terms)
    if ord == 2:
        norm: NDArray[Any] = np.sqrt(total(values * values, axis, keepdims))
    elif ord == 1:
        norm = total(np.abs(values), axis, keepdims)
    elif ord == math.inf:
        norm = np.asarray(np.abs(values).max(axis=places(axis, x.ndim), keepdims=keepdims))
    else:
        raise ValueError(f"norms of order {ord!r} are not computed here; expected 1, 2 or inf")
    return finished(norm, terms.dtype, "linalg_vector_norm")


# How gradients come back. `axis` is the second input of every reduction but the norm, where it is the third.


def _opened(x: Array, call: Call, place: int = 1) -> Array:
    """A result, or a gradient of it, with the axes that were reduced as 1."""
    axis = call.inputs[place] if len(call.inputs) > place else None
    return x.reshape(kept_shape(call.inputs[0].shape, axis))


def _spread(g: Array, call: Call) -> Array:
    """The gradient of a sum, for every term."""
    return owned(np.broadcast_to(_opened(g, call)._values, call.inputs[0].shape), g.dtype)


def _spread_mean(g: Array, call: Call) -> Array:
    """The same over the count: on CUDA, times its float32 reciprocal."""
    x = call.inputs[0]
    one = widened(g).dtype.type(1)
    return _spread(g, call) * (one / one.dtype.type(x.size // max(g.size, 1)))


@np.errstate(all="ignore")
def _spread_variance(g: Array, call: Call) -> Array:
    """(2 / freedom) g (x - mean)."""
    x, axis = call.inputs[0], argument(call, variance, "axis")
    freedom = count_of(x.shape, axis) - argument(call, variance, "correction")
    away = x - mean(x, axis, keepdims=True)
    if freedom <= 0:
        return _opened(g, call) * np.where(away == 0, np.nan, owned(np.full(x.shape, np.inf, x.dtype.carrier), x.dtype))
    return _opened(g, call) * (2.0 / freedom) * away


def _spread_deviation(g: Array, call: Call) -> Array:
    through_root = np.where(call.result == 0, 0.0, g / (call.result * 2))
    return _spread_variance(through_root, call)


def _shared_by_equals(g: Array, call: Call) -> Array:
    """The gradient in equal parts to all values that are the largest, or smallest."""
    x, peak = call.inputs[0], _opened(call.result, call)
    winners = (x == peak) | (np.isnan(x) & np.isnan(peak))
    count = winners.sum(axis=places(argument(call, largest, "axis"), x.ndim), keepdims=True)
    share = _opened(g, call) / owned(count.astype(g.dtype.carrier), g.dtype)
    return share * owned(winners.astype(g.dtype.carrier), g.dtype)  # of a negative gradient others get -0, as in torch


def _softened(g: Array, call: Call) -> Array:
    """g exp(x - result)."""
    return _opened(g, call) * elementary.exp(call.inputs[0] - _opened(call.result, call))


def _through_norm(g: Array, call: Call) -> Array:
    x = call.inputs[0]
    ord = argument(call, vector_norm, "ord")
    size, g = _opened(call.result, call, 2), _opened(g, call, 2)
    if ord == 2:
        return g * np.where(size == 0, 0.0, x / size)
    if ord == 1:
        return elementary.sign(x) * g
    winners = (np.absolute(x) == size) | np.isnan(x)
    count = winners.sum(axis=places(argument(call, vector_norm, "axis"), x.ndim), keepdims=True)
    share = g / owned(count.astype(g.dtype.carrier), g.dtype)
    return elementary.sign(x) * (share * owned(winners.astype(g.dtype.carrier), g.dtype))


# fmt: off
ROWS = (
    #          name                  forward       derivatives           saves
    Operation("sum",                 summed,       (_spread,),           ("",), widens=True),
    Operation("mean",                mean,         (_spread_mean,),      ("",)),
    Operation("var",                 variance,     (_spread_variance,),  ("0",)),
    Operation("std",                 deviation,    (_spread_deviation,), ("0r",)),
    Operation("amax",                largest,      (_shared_by_equals,), ("0r",)),
    Operation("amin",                smallest,     (_shared_by_equals,), ("0r",)),
    Operation("logsumexp",           logsumexp,    (_softened,),         ("0r",)),
    Operation("linalg_vector_norm",  vector_norm,  (_through_norm,),     ("0r",)),
)
# fmt: on
