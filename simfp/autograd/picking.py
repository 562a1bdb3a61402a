"""Which values and where: largest ones and their places, sorting, values picked by integers and masks; torch's names.

Places are Tensors of int64. Gradients come back to the values that were picked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, Literal, NamedTuple, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from simfp.arrays import Array
from simfp.autograd.shaping import cat, expand, flatten, gather, index, reshape, squeeze
from simfp.autograd.tensor import Tensor, TensorLike, as_tensor, holding
from simfp.integers import is_integers
from simfp.ops.shapes import place

__all__ = [
    "ValuesAndIndices", "argmax", "argmin", "argsort", "bincount", "flip", "index_select", "masked_select", "median",
    "narrow", "nonzero", "one_hot", "repeat", "repeat_interleave", "roll", "select", "sort", "tile", "topk", "unbind",
    "unique",
]  # fmt: skip


V = TypeVar("V", Tensor, Array)


class ValuesAndIndices(NamedTuple, Generic[V]):
    """What `max`, `min`, `sort` and `topk` give back: values, and where each was along the axis."""

    values: V
    indices: Tensor


def _values(x: Any) -> NDArray[Any]:
    data = as_tensor(x)._data if not is_integers(x) else x
    return np.asarray(data.values if isinstance(data, Array) else data)


def _whole_numbers(name: str, x: Any) -> NDArray[Any]:
    """`x` as NumPy integers.

    Raises RuntimeError for anything else.
    """
    given = x._data if isinstance(x, Tensor) else x
    plain = given if isinstance(given, (Array, np.ndarray)) else np.asarray(given)
    if not (is_integers(plain) and plain.dtype != np.bool_):
        raise RuntimeError(f"{name}(): expected integers, got {plain.dtype}; .long() makes them")
    return np.asarray(plain)


# --- where the largest are


def argmax(x: TensorLike, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Where the largest value is first."""
    return _first("argmax", np.argmax, x, dim, keepdim)


def argmin(x: TensorLike, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Where the smallest value is first."""
    return _first("argmin", np.argmin, x, dim, keepdim)


def _first(name: str, find: Any, x: Any, dim: int | None, keepdim: bool) -> Tensor:
    values = _values(x)
    if values.dtype == np.bool_:
        raise RuntimeError(f"{name}(): does not support bool input")
    if not values.size and (dim is None or not values.shape[place(dim, values.ndim)]):
        raise IndexError(f"{name}(): Expected reduction dim to be specified for input.numel() == 0 and to hold values")
    axis = None if dim is None or not values.ndim else place(dim, values.ndim)
    return holding(np.asarray(find(values, axis=axis, keepdims=keepdim), np.int64))


def _order(values: NDArray[Any], axis: int, descending: bool) -> NDArray[np.int64]:
    """How to sort along an axis; equals stay in their order, and NaN counts as larger than all."""
    if not descending:
        return np.argsort(values, axis=axis, kind="stable")
    backward = np.argsort(np.flip(values, axis), axis=axis, kind="stable")
    return np.asarray(values.shape[axis] - 1 - np.flip(backward, axis))


def argsort(x: TensorLike, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    """Where each value of the sorted axis was."""
    values = _values(x)
    if not values.ndim:
        return holding(np.zeros((), np.int64))
    return holding(np.ascontiguousarray(_order(values, place(dim, values.ndim), descending)))


def sort(x: TensorLike, dim: int = -1, descending: bool = False, stable: bool = False) -> ValuesAndIndices[Tensor]:
    """The values in order along an axis, NaN as the largest, and where each was; equals stay in their order."""
    indices = argsort(x, dim, descending)
    given = as_tensor(x)
    return ValuesAndIndices(gather(given, dim, indices) if given.ndim else given, indices)


def topk(x: TensorLike, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> ValuesAndIndices[Tensor]:
    """The `k` largest (or smallest) values along an axis, in order, and where each was; of equals the first.

    Raises RuntimeError where there are not so many.
    """
    given = as_tensor(x)
    length = given.shape[place(dim, given.ndim)] if given.ndim else 1
    if not 0 <= k <= length:
        raise RuntimeError(f"selected index k out of range: {k} of {length}")
    if not given.ndim:
        return ValuesAndIndices(given, holding(np.zeros((), np.int64)))
    axis = place(dim, given.ndim)
    order = _order(_values(given), axis, largest)
    indices = holding(np.ascontiguousarray(order[(slice(None),) * axis + (slice(k),)]))
    return ValuesAndIndices(gather(given, axis, indices), indices)


@overload
def median(x: TensorLike, dim: None = None, keepdim: bool = False) -> Tensor: ...
@overload
def median(x: TensorLike, dim: int, keepdim: bool = False) -> ValuesAndIndices[Tensor]: ...
def median(x: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The lower of the middle values, NaN if there is one; with `dim` a pair: values, and where each is."""
    given = as_tensor(x)
    if str(given.dtype) == "bool":
        raise NotImplementedError("\"median_out_impl\" not implemented for 'Bool'")
    if dim is None:
        if not given.numel():
            return Tensor(np.float32(np.nan), dtype=given.dtype)
        flat = flatten(given)
        return index(flat, _middle(_values(flat), 0).item())
    if not given.ndim:
        return ValuesAndIndices(given, holding(np.zeros((), np.int64)))
    axis = place(dim, given.ndim)
    if not given.shape[axis]:
        raise IndexError(f"median(): Expected reduction dim {dim} to have non-zero size.")
    where = _middle(_values(given), axis)
    values, indices = gather(given, axis, where), holding(where)
    return (
        ValuesAndIndices(values, indices)
        if keepdim
        else ValuesAndIndices(squeeze(values, axis), squeeze(indices, axis))
    )


def _middle(values: NDArray[Any], axis: int) -> NDArray[np.int64]:
    """Where the lower middle value along an axis is, or the first NaN; the axis stays, of length 1."""
    order = _order(values, axis, False)
    holes = np.isnan(values).sum(axis=axis, keepdims=True) if values.dtype.kind == "f" else 0
    length = values.shape[axis]
    at = np.where(np.asarray(holes) > 0, length - holes, (length - 1) // 2)
    return np.take_along_axis(
        order, np.broadcast_to(at, tuple(1 if n == axis else m for n, m in enumerate(values.shape))), axis
    )


# --- picked by integers and masks


def index_select(x: TensorLike, dim: int, index_: TensorLike) -> Tensor:
    """Whole rows along an axis, by their numbers.

    Raises RuntimeError for numbers that are not there.
    """
    rows = _whole_numbers("index_select", index_)
    given = as_tensor(x)
    axis = place(dim, given.ndim)
    if rows.ndim > 1:
        raise IndexError("index_select(): Index is supposed to be a vector")
    if rows.size and (rows.min() < 0 or rows.max() >= given.shape[axis]):
        raise RuntimeError(f"index out of range in self: {rows.min()} to {rows.max()} among {given.shape[axis]}")
    return index(given, (slice(None),) * axis + (rows.reshape(-1),))


def masked_select(x: TensorLike, mask: TensorLike) -> Tensor:
    """The values at which a mask is true, along one axis.

    Raises RuntimeError for a mask of other than truth values.
    """
    truth = mask._data if isinstance(mask, Tensor) else np.asarray(mask)
    if truth.dtype != np.bool_:
        raise RuntimeError(f"masked_select: expected BoolTensor for mask, got {truth.dtype}")
    given = as_tensor(x)
    shape = np.broadcast_shapes(given.shape, truth.shape)
    return index(expand(given, shape), np.broadcast_to(truth, shape))


def narrow(x: TensorLike, dim: int, start: Any, length: int) -> Tensor:
    """So many values along an axis from a place on.

    Raises RuntimeError for more than there are.
    """
    given = as_tensor(x)
    axis, first = place(dim, given.ndim), int(start)
    size = given.shape[axis]
    if not -size <= first <= size:
        raise IndexError(f"start out of range (expected to be in range of [{-size}, {size}], but got {first})")
    first += size * (first < 0)
    if length < 0 or first + length > size:
        raise RuntimeError(f"start ({first}) + length ({length}) exceeds dimension size ({size}).")
    return index(given, (slice(None),) * axis + (slice(first, first + length),))


def select(x: TensorLike, dim: int, index_: TensorLike) -> Tensor:
    """One place along an axis, without the axis."""
    given = as_tensor(x)
    axis, where = place(dim, given.ndim), int(index_)
    size = given.shape[axis]
    if not -size <= where < size:
        raise IndexError(
            f"select(): index {where} out of range for tensor of size {list(given.shape)} at dimension {axis}"
        )
    return index(given, (slice(None),) * axis + (where,))


def unbind(x: TensorLike, dim: int = 0) -> tuple[Tensor, ...]:
    """Every place along an axis, each without the axis."""
    given = as_tensor(x)
    return tuple(select(given, dim, where) for where in range(given.shape[place(dim, given.ndim)]))


@overload
def nonzero(x: TensorLike, as_tuple: Literal[False] = False) -> Tensor: ...
@overload
def nonzero(x: TensorLike, as_tuple: Literal[True]) -> tuple[Tensor, ...]: ...
def nonzero(x: Any, as_tuple: bool = False) -> Any:
    """The places of all values but zeros, (count, axes); as_tuple: the places along each axis."""
    values = _values(x)
    if as_tuple:
        return tuple(holding(each.astype(np.int64)) for each in np.nonzero(np.atleast_1d(values)))
    return holding(np.argwhere(values).astype(np.int64))


def unique(x: TensorLike, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False) -> Any:
    """The different values in order; also which each value is, and how many there are of each, if asked for."""
    given = as_tensor(x)
    values, inverse, counts = np.unique(_values(x), return_inverse=True, return_counts=True, equal_nan=False)
    from_format = isinstance(given._data, Array)
    parts = [Tensor(Array(values, given.dtype)) if from_format else holding(values)]
    parts += [holding(inverse.reshape(given.shape).astype(np.int64))] if return_inverse else []
    parts += [holding(counts.astype(np.int64))] if return_counts else []
    return parts[0] if len(parts) == 1 else tuple(parts)


def bincount(x: TensorLike, weights: TensorLike | None = None, minlength: int = 0) -> Tensor:
    """How often each integer from 0 on is among those in `x`; with weights, the sum of theirs, in float32.

    Raises RuntimeError for other than one axis of integers that are not negative.
    """
    numbers = _whole_numbers("bincount", x)
    if numbers.ndim != 1 or (numbers.size and numbers.min() < 0):
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    if weights is None:
        return holding(np.bincount(numbers, minlength=minlength).astype(np.int64))
    return Tensor(np.bincount(numbers, _values(weights), minlength))


def one_hot(x: TensorLike, num_classes: int = -1) -> Tensor:
    """For each class a row of int64 with a 1 at its place and zeros elsewhere.

    Raises RuntimeError for classes that are negative, or not below `num_classes`.
    """
    classes = _whole_numbers("one_hot", x)
    if not classes.size and num_classes <= 0:
        raise RuntimeError("Can not infer total number of classes from empty tensor.")
    if classes.size and classes.min() < 0:
        raise RuntimeError("Class values must be non-negative.")
    count = int(classes.max()) + 1 if num_classes == -1 else num_classes
    if count <= 0:
        raise RuntimeError("num_classes should be positive")
    if classes.size and classes.max() >= count:
        raise RuntimeError("Class values must be smaller than num_classes.")
    return holding((classes[..., None] == np.arange(count)).astype(np.int64))


# --- repeated, turned


def _sizes(given: tuple[Any, ...]) -> tuple[int, ...]:
    return tuple(given[0]) if len(given) == 1 and isinstance(given[0], Sequence) else given


def repeat(x: TensorLike, *repeats: int | Sequence[int]) -> Tensor:
    """The tensor so many times along each axis; further axes come before its own.

    Raises RuntimeError for fewer numbers than axes.
    """
    times, given = [int(each) for each in _sizes(repeats)], as_tensor(x)
    if len(times) < given.ndim:
        raise RuntimeError("Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor")
    shape = (1,) * (len(times) - given.ndim) + given.shape
    between = [length for pair in zip([1] * len(shape), shape) for length in pair]
    wide = [length for pair in zip(times, shape) for length in pair]
    return reshape(expand(reshape(given, between), wide), [n * length for n, length in zip(times, shape)])


def tile(x: TensorLike, *dims: int | Sequence[int]) -> Tensor:
    """As `repeat`; numbers that are missing in front count as 1."""
    times = tuple(_sizes(dims))
    return repeat(x, *(1,) * (as_tensor(x).ndim - len(times)), *times)


def repeat_interleave(x: TensorLike, repeats: TensorLike, dim: int | None = None) -> Tensor:
    """Each value so many times in a row, along an axis or of all values along one.

    repeats: a number, or one for each place.
    """
    given = flatten(as_tensor(x)) if dim is None else as_tensor(x)
    axis = place(0 if dim is None else dim, given.ndim)
    times = _whole_numbers("repeat_interleave", repeats)
    if times.size not in (1, given.shape[axis]):
        raise RuntimeError("repeats must have the same size as input along dim")
    if times.size and times.min() < 0:
        raise RuntimeError("repeats can not be negative")
    return index_select(given, axis, np.repeat(np.arange(given.shape[axis]), times.reshape(-1)))


def flip(x: TensorLike, *dims: int | Sequence[int]) -> Tensor:
    """Backward along each of these axes."""
    given = as_tensor(x)
    axes = {place(each, given.ndim) for each in _sizes(dims)}
    return index(given, tuple(slice(None, None, -1 if axis in axes else 1) for axis in range(given.ndim)))


def roll(x: TensorLike, shifts: int | Sequence[int], dims: int | Sequence[int] | None = None) -> Tensor:
    """Values moved on by so many places; those that fall off come in at the other end."""
    given = as_tensor(x)
    if dims is None:
        return reshape(roll(flatten(given), shifts, 0), given.shape)
    steps, axes = (each if isinstance(each, Sequence) else (each,) for each in (shifts, dims))
    if len(steps) != len(axes):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {len(steps)}, dims:{len(axes)}")
    for step, dim in zip(steps, axes):
        axis = place(dim, given.ndim)
        size = given.shape[axis]
        cut = -step % size if size else 0
        if cut:
            given = cat([narrow(given, axis, cut, size - cut), narrow(given, axis, 0, cut)], axis)
    return given
