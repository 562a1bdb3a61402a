"""Values put, or added, at places along an axis: gather's way back. Sums are carried in float32, rounded once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simfp.accumulation import accumulator_dtype
from simfp.arrays import Array, owned
from simfp.integers import as_integers, type_of
from simfp.ops.operation import Call, Operation, finished, in_format_of, widened
from simfp.ops.shapes import place, places_along

__all__ = ["ROWS"]


def _key(name: str, x: Any, dim: int, index: Any) -> tuple[Any, ...]:
    """The places, as NumPy takes them.

    Raises RuntimeError for places that are not there, or are no integers.
    """
    where, indices = place(dim, x.ndim), np.asarray(index)
    if indices.dtype.kind not in "iu":
        raise RuntimeError(f"{name}(): Expected dtype int64 for index, got {getattr(index, 'dtype', indices.dtype)}")
    if indices.ndim != x.ndim:
        raise RuntimeError("Index tensor must have the same number of dimensions as self tensor")
    if any(n > m for axis, (n, m) in enumerate(zip(indices.shape, x.shape)) if axis != where):
        raise RuntimeError(
            f"Expected index {list(indices.shape)} to be no larger than self {list(x.shape)} apart from "
            f"dimension {where}"
        )
    if indices.size and (indices.min() < 0 or indices.max() >= x.shape[where]):
        wrong = indices[(indices < 0) | (indices >= x.shape[where])].flat[0]
        raise RuntimeError(f"index {wrong} is out of bounds for dimension {where} with size {x.shape[where]}")
    return places_along(where, indices)


def _source(name: str, x: Any, index: Any, src: Any) -> NDArray[Any]:
    """What is put: as much of `src` as there are places, in the format of `x`."""
    shape = np.shape(index)
    if not isinstance(src, (Array, np.ndarray)):
        number = in_format_of(x, src)._values if isinstance(x, Array) else as_integers(src, type_of(x))
        return np.broadcast_to(number, shape)
    if src.dtype != x.dtype:
        raise RuntimeError(f"{name}(): Expected self.dtype to be equal to src.dtype, got {x.dtype} and {src.dtype}")
    if src.ndim != len(shape) or any(n > m for n, m in zip(shape, src.shape)):
        raise RuntimeError(f"Expected index {list(shape)} to be no larger than src {list(src.shape)}")
    values = src._values if isinstance(src, Array) else src
    return values[tuple(slice(length) for length in shape)]


def scatter(x: Any, dim: int, index: Any, src: Any) -> Any:
    """`x` with values of `src`, or one number, at places along an axis; of several at one place, the last."""
    key = _key("scatter", x, dim, index)
    out = x.copy()
    (out._values if isinstance(out, Array) else out)[key] = _source("scatter", x, index, src)
    return out


def scatter_add(x: Any, dim: int, index: Any, src: Any) -> Any:
    """`x` with values of `src` added at places along an axis."""
    key = _key("scatter_add", x, dim, index)
    values = _source("scatter_add", x, index, src)
    if not isinstance(x, Array):
        out: NDArray[Any] = x.copy()
        np.add.at(out, key, values)
        return out
    sums = widened(x).copy()
    with np.errstate(all="ignore"):
        np.add.at(sums, key, values.astype(accumulator_dtype(x.dtype)))
    return finished(sums, x.dtype, "scatter_add")


def _elsewhere(g: Array, call: Call) -> Array:
    """The gradient with zeros where something was put."""
    x, dim, index = call.inputs[:3]
    out = g._values.copy()
    out[_key("scatter", x, dim, index)] = 0
    return owned(out, g.dtype)


def _of_source(g: Array, call: Call) -> Array:
    """The gradient at the places, zeros for what was not used."""
    x, dim, index, src = call.inputs
    out = np.zeros(src.shape, g.dtype.carrier)
    out[tuple(slice(length) for length in np.shape(index))] = g._values[_key("scatter", x, dim, index)]
    return owned(out, g.dtype)


# fmt: off
ROWS = (
    #          name            forward       derivatives
    Operation("scatter",       scatter,      (_elsewhere, None, None, _of_source), ("2", "", "", "2")),
    Operation("scatter_add",   scatter_add,  (lambda g, call: g, None, None, _of_source), ("", "", "", "2")),
)
# fmt: on
