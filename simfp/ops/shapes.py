"""Values moved, repeated, picked and joined: nothing is rounded, but where gradients of one value meet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simfp.accumulation import accumulator_dtype
from simfp.arrays import Array, owned
from simfp.elementwise import promote
from simfp.ops.operation import Call, Operation, finished, same, widened
from simfp.ops.reductions import places

__all__ = ["ROWS", "gathered_up", "insertion_place", "place", "places_along"]


def place(dim: int, ndim: int) -> int:
    """The axis meant, counted from 0; IndexError for one that is not there."""
    return places(dim, ndim)[0] if ndim else (places(dim, 0), 0)[1]


def insertion_place(dim: int, ndim: int) -> int:
    """Where a new axis goes."""
    return place(dim, ndim + 1)


def reshape(x: Array, shape: Sequence[int]) -> Array:
    """The values in another shape, in which one length may be -1.

    Raises RuntimeError for a shape that does not hold them.
    """
    sizes = [int(length) for length in shape]
    if sizes.count(-1) > 1:
        raise RuntimeError("only one dimension can be inferred")
    for length in sizes:
        if length < -1:
            raise RuntimeError(f"invalid shape dimension {length}")
    known = math.prod(length for length in sizes if length != -1)
    if (known != x.size) if -1 not in sizes else (known == 0 or x.size % known):
        raise RuntimeError(f"shape '{sizes}' is invalid for input of size {x.size}")
    return x.reshape(sizes)


def permute(x: Array, dims: Sequence[int]) -> Array:
    """A view with the axes in another order.

    Raises RuntimeError unless every axis is named once.
    """
    if len(dims) != x.ndim:
        raise RuntimeError(
            f"permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired "
            f"ordering of dimensions i.e. input.dim() = {x.ndim} is not equal to len(dims) = {len(dims)}"
        )
    order = [place(dim, x.ndim) for dim in dims]
    if len(set(order)) < len(order):
        raise RuntimeError("permute(): duplicate dims are not allowed.")
    return x.transpose(order)


def _permuted_back(g: Array, call: Call) -> Array:
    order = [place(dim, g.ndim) for dim in call.inputs[1]]
    return g.transpose(*np.argsort(order)) if order else g


def transpose(x: Array, dim0: int, dim1: int) -> Array:
    """A view with two axes exchanged."""
    return np.swapaxes(x, place(dim0, x.ndim), place(dim1, x.ndim)) if x.ndim else x


def expand(x: Array, shape: Sequence[int]) -> Array:
    """A view in which axes of length 1 are repeated to the lengths of `shape`; -1 leaves one as it is.

    Raises RuntimeError for lengths that do not fit.
    """
    sizes = [int(length) for length in shape]
    extra = len(sizes) - x.ndim
    if extra < 0:
        raise RuntimeError(
            f"expand(tensor{{{list(x.shape)}}}, size={sizes}): the number of sizes provided ({len(sizes)}) must be "
            f"greater or equal to the number of dimensions in the tensor ({x.ndim})"
        )
    target = []
    for where, length in enumerate(sizes):
        have = x.shape[where - extra] if where >= extra else 1
        if length == -1 and where < extra:
            raise RuntimeError(
                f"The expanded size of the tensor ({length}) isn't allowed in a leading, non-existing dimension {where}"
            )
        if length not in (-1, have) and have != 1:
            raise RuntimeError(
                f"The expanded size of the tensor ({length}) must match the existing size ({have}) at non-singleton "
                f"dimension {where}.  Target sizes: {sizes}.  Tensor sizes: {list(x.shape)}"
            )
        target.append(have if length == -1 else length)
    return np.broadcast_to(x, tuple(target))


def cat(*parts: Array, dim: int = 0) -> Array:
    """The parts one after the other along an axis, in the format that they meet in.

    Raises ValueError for none, RuntimeError for shapes that differ elsewhere.
    """
    if not parts:
        raise ValueError("torch.cat(): expected a non-empty list of Tensors")
    where = place(dim, parts[0].ndim)
    for number, part in enumerate(parts):
        if part.ndim == 0:
            raise RuntimeError(f"zero-dimensional tensor (at position {number}) cannot be concatenated")
        if part.ndim != parts[0].ndim:
            raise RuntimeError(f"Tensors must have same number of dimensions: got {parts[0].ndim} and {part.ndim}")
        for axis, (length, other) in enumerate(zip(parts[0].shape, part.shape)):
            if axis != where and length != other:
                raise RuntimeError(
                    f"Sizes of tensors must match except in dimension {where}. Expected size {length} but got size "
                    f"{other} for tensor number {number} in the list."
                )
    return np.concatenate(_of_one_format(parts), axis=where)


def _of_one_format(parts: Sequence[Array]) -> list[Array]:
    formats = [part.dtype for part in parts if isinstance(part, Array)]
    if not formats:  # integers: NumPy's rule is torch's
        return list(parts)
    fmt = promote(*formats)
    return [part if part.dtype == fmt else Array(part, fmt) for part in parts]


def _part(position: int) -> Any:
    def vjp(g: Array, call: Call) -> Array:
        where = place(call.options.get("dim", 0), g.ndim)
        start = sum(part.shape[where] for part in call.inputs[:position])
        return g[(slice(None),) * where + (slice(start, start + call.inputs[position].shape[where]),)]

    return vjp


def stack(*parts: Array, dim: int = 0) -> Array:
    """The parts along a new axis, in the format that they meet in.

    Raises RuntimeError for none, and for shapes that differ.
    """
    if not parts:
        raise RuntimeError("stack expects a non-empty TensorList")
    for number, part in enumerate(parts):
        if part.shape != parts[0].shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(parts[0].shape)} at entry 0 and "
                f"{list(part.shape)} at entry {number}"
            )
    return np.stack(_of_one_format(parts), axis=insertion_place(dim, parts[0].ndim))


def _layer(position: int) -> Any:
    def vjp(g: Array, call: Call) -> Array:
        where = insertion_place(call.options.get("dim", 0), g.ndim - 1)
        return g[(slice(None),) * where + (position,)]

    return vjp


def index(x: Array, key: Any) -> Array:
    """``x[key]``: slices, integers, integer arrays and masks, as NumPy takes them."""
    parts = key if isinstance(key, tuple) else (key,)
    if len(parts) >= x.ndim and all(isinstance(part, (int, np.integer)) for part in parts):
        return x[(*parts, ...)]  # one value, and a view of it all the same
    return x[key]


def _put_back(g: Array, call: Call) -> Array:
    """The gradient in its places, zeros elsewhere; where a place was picked twice, the float32 sum, rounded once."""
    x, key = call.inputs
    parts = key if isinstance(key, tuple) else (key,)
    if any(isinstance(part, (np.ndarray, list)) and np.asarray(part).dtype != bool for part in parts):
        return gathered_up(x.shape, key, g)
    out = np.zeros(x.shape, g.dtype.carrier)
    out[key] = g._values
    return owned(out, g.dtype)


def gathered_up(shape: tuple[int, ...], key: Any, g: Array) -> Array:
    """Zeros of a shape with `g` added at the places that `key` names: in order, in float32, and rounded once."""
    sums: NDArray[Any] = np.zeros(shape, accumulator_dtype(g.dtype))
    with np.errstate(all="ignore"):
        np.add.at(sums, key, widened(g))
    return finished(sums, g.dtype, "index")


def gather(x: Array, dim: int, index: Any) -> Array:
    """Values picked along an axis: ``out[i][j] = x[index[i][j]][j]`` for axis 0.

    Raises RuntimeError for indices out of range or of other than integers.
    """
    where, indices = place(dim, x.ndim), np.asarray(index)
    if indices.dtype.kind not in "iu":
        raise RuntimeError(
            f"gather(): Expected dtype int64 for index, got {getattr(index, 'dtype', indices.dtype)}; use index.long()"
        )
    if indices.size and (indices.min() < 0 or indices.max() >= x.shape[where]):
        wrong = indices[(indices < 0) | (indices >= x.shape[where])].flat[0]
        raise RuntimeError(f"index {wrong} is out of bounds for dimension {where} with size {x.shape[where]}")
    return x[places_along(where, indices)]


def places_along(where: int, indices: NDArray[Any]) -> tuple[Any, ...]:
    """The key that picks `indices` along an axis, and every other place as it is."""
    grid = list(np.ogrid[tuple(slice(length) for length in indices.shape)])
    grid[where] = indices
    return tuple(grid)


def _scattered(g: Array, call: Call) -> Array:
    x, dim, indices = call.inputs
    return gathered_up(x.shape, places_along(place(dim, x.ndim), np.asarray(indices)), g)


# fmt: off
ROWS = (
    #          name         forward                              derivatives        saves
    Operation("clone",      lambda x: x.copy(),                  (same,),           ("",)),
    Operation("reshape",    reshape,                             (lambda g, call: g.reshape(call.inputs[0].shape),),
                                                                                    ("",), shows=True),
    Operation("permute",    permute,                             (_permuted_back,), ("",), shows=True),
    Operation("transpose",  transpose,                           (lambda g, call: transpose(g, *call.inputs[1:]),),
                                                                                    ("",), shows=True),
    Operation("expand",     expand,                              (same,),           ("",), shows=True),
    Operation("cat",        cat,                                 _part,             ()),
    Operation("stack",      stack,                               _layer,            ()),
    Operation("index",      index,                               (_put_back,),      ("k",), shows=True),
    Operation("gather",     gather,                              (_scattered,),     ("2",)),
    Operation("tril",       lambda x, diagonal=0: np.tril(x, diagonal),
                            (lambda g, call: np.tril(g, *call.inputs[1:]),),        ("",)),
    Operation("triu",       lambda x, diagonal=0: np.triu(x, diagonal),
                            (lambda g, call: np.triu(g, *call.inputs[1:]),),        ("",)),
)
# fmt: on
