"""Functions of torch that are others under another name, or a line made of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from simfp.autograd import functions as of
from simfp.autograd.tensor import Tensor, TensorLike, as_tensor
from simfp.ops.shapes import place
from simfp.typing import DTypeLike

__all__ = [
    "absolute", "addmm", "broadcast_tensors", "broadcast_to", "clip", "column_stack", "concat",
    "concatenate", "diag", "divide", "dstack", "greater", "greater_equal", "hstack", "is_nonzero", "less",
    "less_equal", "meshgrid", "moveaxis", "movedim", "multiply", "nanmean", "nansum", "negative", "ravel", "rsub",
    "scalar_tensor", "std_mean", "subtract", "trace", "true_divide", "unflatten", "var_mean", "vstack",
]  # fmt: skip

absolute, multiply, subtract, negative, clip = of.abs, of.mul, of.sub, of.neg, of.clamp
divide = true_divide = of.div
concat = concatenate = of.cat
greater, greater_equal, less, less_equal = of.gt, of.ge, of.lt, of.le


def rsub(input: TensorLike, other: TensorLike, *, alpha: float = 1) -> Tensor:
    """other - alpha * input."""
    return of.sub(other, input, alpha=alpha)


def addmm(input: TensorLike, mat1: TensorLike, mat2: TensorLike, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta * input + alpha * (mat1 @ mat2), the product rounded before the sum."""
    product = of.mm(as_tensor(mat1), as_tensor(mat2))
    return of.add(input if beta == 1 else of.mul(input, beta), product, alpha=alpha)


def broadcast_to(input: TensorLike, size: Sequence[int]) -> Tensor:
    """The tensor expanded to a shape."""
    return of.expand(input, *size)


def broadcast_tensors(*tensors: TensorLike) -> tuple[Tensor, ...]:
    """The tensors expanded to the shape that they meet in."""
    shape = np.broadcast_shapes(*(as_tensor(each).shape for each in tensors))
    return tuple(of.expand(each, *shape) for each in tensors)


def ravel(input: TensorLike) -> Tensor:
    """All values along one axis."""
    return of.reshape(input, -1)


def movedim(input: TensorLike, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """Axes moved to other places, the others in their order.

    Raises IndexError for axes that are not there, RuntimeError for lists of different lengths.
    """
    x = as_tensor(input)
    moved = [source] if isinstance(source, int) else list(source)
    places = [destination] if isinstance(destination, int) else list(destination)
    if len(moved) != len(places):
        raise RuntimeError(f"movedim: as many places as axes, got source={source} and destination={destination}")
    moved, places = ([place(each, x.ndim) for each in axes] for axes in (moved, places))
    rest = iter([axis for axis in range(x.ndim) if axis not in moved])
    return of.permute(x, [moved[places.index(axis)] if axis in places else next(rest) for axis in range(x.ndim)])


moveaxis = movedim


def unflatten(input: TensorLike, dim: int, sizes: Sequence[int]) -> Tensor:
    """One axis as several; one of the lengths may be -1.

    Raises IndexError for an axis that is not there, RuntimeError for lengths that do not make it up.
    """
    x, lengths = as_tensor(input), list(sizes)
    where = place(dim, x.ndim)
    known = math.prod(each for each in lengths if each != -1)
    if lengths.count(-1) > 1 or (x.shape[where] % known if -1 in lengths and known else known != x.shape[where]):
        raise RuntimeError(
            f"unflatten: Provided sizes {lengths} don't multiply up to the size of dim {dim} ({x.shape[where]}) in the "
            "input tensor"
        )
    return of.reshape(x, *x.shape[:where], *lengths, *x.shape[where + 1 :])


def _at_least(x: Any, axes: int) -> Tensor:
    """A tensor with new axes of length 1 before and behind, as NumPy's atleast_1d, 2d and 3d."""
    tensor = as_tensor(x)
    return tensor if tensor.ndim >= axes else of.reshape(tensor, np.empty(tensor.shape)[NEW[axes, tensor.ndim]].shape)


NEW: dict[tuple[int, int], Any] = {  # (axes wanted, axes there) -> NumPy's key
    (1, 0): (None,), (2, 0): (None, None), (2, 1): (None, slice(None)),
    (3, 0): (None, None, None), (3, 1): (None, slice(None), None), (3, 2): (slice(None), slice(None), None),
}  # fmt: skip


def vstack(tensors: Sequence[TensorLike]) -> Tensor:
    """The tensors one below the other: along the first of at least two axes."""
    return of.cat([_at_least(each, 2) for each in tensors], 0)


def hstack(tensors: Sequence[TensorLike]) -> Tensor:
    """The tensors side by side: along the second axis, or the only one."""
    parts = [_at_least(each, 1) for each in tensors]
    return of.cat(parts, 0 if parts[0].ndim == 1 else 1)


def dstack(tensors: Sequence[TensorLike]) -> Tensor:
    """The tensors one behind the other: along the third of at least three axes."""
    return of.cat([_at_least(each, 3) for each in tensors], 2)


def column_stack(tensors: Sequence[TensorLike]) -> Tensor:
    """The tensors as columns side by side."""
    return of.cat([of.reshape(each, -1, 1) if as_tensor(each).ndim < 2 else each for each in tensors], 1)


def meshgrid(*tensors: Any, indexing: Literal["ij", "xy"] = "ij") -> tuple[Tensor, ...]:
    """The coordinates of a grid, one tensor for each of the vectors.

    Raises ValueError for another indexing than "ij" and "xy".
    """
    if indexing not in ("ij", "xy"):
        raise ValueError(f'indexing must be one of "xy" or "ij", but received: {indexing}')
    given = list(tensors[0]) if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else list(tensors)
    vectors = [of.reshape(each, -1) for each in given]
    shape = [each.numel() for each in vectors]
    grids = []
    for axis, each in enumerate(vectors):
        along = [1] * len(vectors)
        along[axis] = -1
        grid = of.expand(of.reshape(each, along), *shape)
        grids.append(of.transpose(grid, 0, 1) if indexing == "xy" and len(vectors) > 1 else grid)
    return tuple(grids)


def diag(input: TensorLike, diagonal: int = 0) -> Tensor:
    """The diagonal of a matrix, or the matrix with that diagonal and zeros beside it."""
    x = as_tensor(input)
    below, beside = max(-diagonal, 0), max(diagonal, 0)
    if x.ndim == 2:
        count = max(min(x.shape[0] - below, x.shape[1] - beside), 0)
        return x[np.arange(count) + below, np.arange(count) + beside]
    if x.ndim != 1:
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {x.ndim}D")
    size = len(x) + abs(diagonal)
    mask = np.eye(size, k=diagonal, dtype=bool)
    spread = np.clip(np.arange(size) - below, 0, max(len(x) - 1, 0))
    return of.masked_fill(of.expand(of.unsqueeze(x[spread], 1), size, size), ~mask, 0)


def trace(input: TensorLike) -> Tensor:
    """The sum of a matrix's diagonal."""
    return of.sum(diag(input))


def nansum(input: TensorLike, dim: of.Dims = None, keepdim: bool = False) -> Tensor:
    """The sum, NaN counting as 0."""
    return of.sum(of.masked_fill(input, np.isnan(as_tensor(input).detach().data.values), 0), dim, keepdim)


def nanmean(input: TensorLike, dim: of.Dims = None, keepdim: bool = False) -> Tensor:
    """The mean of what is no NaN."""
    there = as_tensor(~np.isnan(as_tensor(input).detach().data.values), as_tensor(input).dtype)
    return of.div(nansum(input, dim, keepdim), of.sum(there, dim, keepdim))


def var_mean(
    input: TensorLike, dim: of.Dims = None, *, correction: float = 1, keepdim: bool = False
) -> tuple[Tensor, Tensor]:
    """The variance and the mean."""
    return of.var(input, dim, correction=correction, keepdim=keepdim), of.mean(input, dim, keepdim)


def std_mean(
    input: TensorLike, dim: of.Dims = None, *, correction: float = 1, keepdim: bool = False
) -> tuple[Tensor, Tensor]:
    """The standard deviation and the mean."""
    return of.std(input, dim, correction=correction, keepdim=keepdim), of.mean(input, dim, keepdim)


def scalar_tensor(s: Any, *, dtype: DTypeLike | None = None) -> Tensor:
    """A tensor without axes, of float32 unless another type is asked for."""
    return as_tensor(s, "float32" if dtype is None else dtype)


def is_nonzero(input: TensorLike) -> bool:
    """Whether the only value is anything but 0.

    Raises RuntimeError where there are several.
    """
    return bool(as_tensor(input))
