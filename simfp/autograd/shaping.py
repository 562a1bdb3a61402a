"""Functions that move values about: torch's names, nothing rounded."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from simfp.arrays import Array
from simfp.autograd.dispatch import apply
from simfp.autograd.tensor import Tensor, TensorLike, as_tensor
from simfp.ops import OPERATIONS
from simfp.ops.shapes import insertion_place, place

__all__ = [
    "cat", "chunk", "clone", "expand", "flatten", "gather", "index", "permute", "reshape", "split", "squeeze", "stack",
    "swapaxes", "t", "transpose", "tril", "triu", "unsqueeze",
]  # fmt: skip


def _sizes(given: tuple[Any, ...]) -> tuple[int, ...]:
    """Lengths or axes, given one by one or as one sequence."""
    return tuple(given[0]) if len(given) == 1 and isinstance(given[0], Sequence) else given


def clone(x: TensorLike) -> Tensor:
    """A copy."""
    return apply(OPERATIONS["clone"], x)


def contiguous(x: Tensor, memory_format: Any = None) -> Tensor:
    """The tensor itself, or a copy where it shows another one's values in another order: what is written to that stays
    there."""
    return x if x.is_contiguous() else clone(x)


def reshape(x: TensorLike, *shape: int | Sequence[int]) -> Tensor:
    """The values in another shape, in which one length may be -1."""
    return apply(OPERATIONS["reshape"], x, _sizes(shape))


def reshape_as(x: TensorLike, other: Tensor | Array) -> Tensor:
    """The values in the shape of another tensor."""
    return reshape(x, *other.shape)


def flatten(x: TensorLike, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The axes from `start_dim` to `end_dim` as one.

    Raises RuntimeError where these are in the wrong order.
    """
    shape = as_tensor(x).shape
    first, last = place(start_dim, len(shape)), place(end_dim, len(shape))
    if first > last:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    return reshape(x, (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :]))


def transpose(x: TensorLike, dim0: int, dim1: int) -> Tensor:
    """Two axes exchanged."""
    return apply(OPERATIONS["transpose"], x, dim0, dim1)


swapaxes = transpose


def permute(x: TensorLike, *dims: int | Sequence[int]) -> Tensor:
    """The axes in another order."""
    return apply(OPERATIONS["permute"], x, _sizes(dims))


def t(x: TensorLike) -> Tensor:
    """The transpose of a matrix.

    Raises RuntimeError for more than two axes.
    """
    given = as_tensor(x)
    if given.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {given.ndim}D")
    return transpose(given, 0, 1) if given.ndim == 2 else given


def squeeze(x: TensorLike, dim: int | Sequence[int] | None = None) -> Tensor:
    """Without the axes of length 1, or those of them that `dim` names."""
    shape = as_tensor(x).shape
    named = range(len(shape)) if dim is None else (dim,) if isinstance(dim, int) else dim
    gone = {place(each, len(shape)) for each in named}
    return reshape(x, tuple(length for where, length in enumerate(shape) if where not in gone or length != 1))


def unsqueeze(x: TensorLike, dim: int) -> Tensor:
    """With a new axis of length 1."""
    shape = as_tensor(x).shape
    where = insertion_place(dim, len(shape))
    return reshape(x, (*shape[:where], 1, *shape[where:]))


def expand(x: TensorLike, *sizes: int | Sequence[int]) -> Tensor:
    """Axes of length 1 repeated to other lengths; -1 leaves one as it is."""
    return apply(OPERATIONS["expand"], x, _sizes(sizes))


def expand_as(x: TensorLike, other: Tensor | Array) -> Tensor:
    """The tensor expanded to the shape of another one."""
    return expand(x, other.shape)


def cat(tensors: Sequence[TensorLike], dim: int = 0) -> Tensor:
    """The tensors one after the other along an axis."""
    return apply(OPERATIONS["cat"], *_a_list("cat", tensors), dim=dim)


def stack(tensors: Sequence[TensorLike], dim: int = 0) -> Tensor:
    """The tensors along a new axis."""
    return apply(OPERATIONS["stack"], *_a_list("stack", tensors), dim=dim)


def _a_list(name: str, tensors: Any) -> Sequence[Any]:
    if not isinstance(tensors, (list, tuple)):
        raise TypeError(f"{name}(): argument 'tensors' must be tuple of Tensors, not {type(tensors).__name__}")
    return tensors


def split(x: TensorLike, split_size_or_sections: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Parts of a length along an axis, the last possibly shorter; or parts of the lengths in a list.

    Raises RuntimeError for lengths that do not make up the axis.
    """
    shape = as_tensor(x).shape
    where = place(dim, len(shape))
    length, lengths = shape[where], split_size_or_sections
    if isinstance(lengths, int):
        if lengths <= 0:
            raise RuntimeError(f"split expects split_size be positive, but got split_size={lengths}")
        lengths = [min(lengths, length - start) for start in range(0, length, lengths)] or [0]
    elif sum(lengths) != length:
        raise RuntimeError(
            f"split_with_sizes expects split_sizes to sum exactly to {length} (input tensor's size at dimension "
            f"{where}), but got split_sizes={list(lengths)}"
        )
    ends = np.cumsum([0, *lengths]).tolist()
    axes = (slice(None),) * where
    return tuple(index(x, (*axes, slice(start, stop))) for start, stop in pairwise(ends))


def chunk(x: TensorLike, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most so many parts of one length along an axis, the last possibly shorter.

    Raises RuntimeError unless `chunks` is positive.
    """
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    shape = as_tensor(x).shape
    return split(x, -(-shape[place(dim, len(shape))] // chunks) or 1, dim)


def index(x: TensorLike, key: Any) -> Tensor:
    """``x[key]``: slices, integers, Tensors and NumPy arrays of integers and masks, as NumPy takes them.

    Raises IndexError for a Tensor of floats in the key, and for places that are not there.
    """
    out = apply(OPERATIONS["index"], x, plain_key(key))
    if out._grad_fn is not None and out._grad_fn.saves:
        out._grad_fn.watch_key(key)
    return out


def plain_key(key: Any) -> Any:
    """A key with NumPy arrays in the place of Tensors.

    Raises IndexError for one of floats, or of uint8, which torch takes for a mask, and NumPy for integers.
    """
    if isinstance(key, tuple):
        return tuple(plain_key(part) for part in key)
    data = key._data if isinstance(key, Tensor) else key
    if isinstance(data, Array):
        raise IndexError(
            f"tensors used as indices must be long, int, byte or bool tensors, got one of {data.dtype}; "
            ".long() makes integers, and a comparison a mask"
        )
    if isinstance(key, Tensor) and data.dtype == np.uint8:
        raise IndexError("a tensor of uint8 may be meant as a mask or as places: say which by .bool() or .long()")
    return int(data) if isinstance(key, Tensor) and data.ndim == 0 and data.dtype != np.bool_ else data


def gather(x: TensorLike, dim: int, index: TensorLike) -> Tensor:
    """Values picked along an axis by an array of integers."""
    return apply(OPERATIONS["gather"], x, dim, index)


def tril(x: TensorLike, diagonal: int = 0) -> Tensor:
    """The lower triangle, zeros above."""
    return apply(OPERATIONS["tril"], x, diagonal)


def triu(x: TensorLike, diagonal: int = 0) -> Tensor:
    """The upper triangle, zeros below."""
    return apply(OPERATIONS["triu"], x, diagonal)


def iterate(x: Tensor) -> Iterator[Tensor]:
    """The parts along the first axis, one after the other.

    Raises TypeError for a tensor without axes.
    """
    if not x.ndim:
        raise TypeError("iteration over a 0-d tensor")
    return (index(x, row) for row in range(len(x)))
