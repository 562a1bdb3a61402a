"""Operations on Tensors under torch's names, as functions; which of them are methods and operators, `methods` says.

What moves values about is in `simfp.autograd.shaping`, and can be had from here too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from simfp.arrays import Array
from simfp.autograd.conversions import tensor
from simfp.autograd.dispatch import apply
from simfp.autograd.picking import ValuesAndIndices, argmax, argmin
from simfp.autograd.pointwise import floor_divide, fmod, trunc
from simfp.autograd.shaping import (
    cat,
    chunk,
    clone,
    expand,
    flatten,
    gather,
    permute,
    reshape,
    split,
    squeeze,
    stack,
    swapaxes,
    t,
    transpose,
    tril,
    triu,
    unsqueeze,
)
from simfp.autograd.tensor import Tensor, TensorLike, as_tensor, holding
from simfp.autograd.truth import eq, ge, gt, le, lt, ne
from simfp.ops import OPERATIONS
from simfp.ops.integers import refuse_truth, scalar_type
from simfp.typing import DTypeLike

__all__ = [
    "ValuesAndIndices", "abs", "add", "amax", "amin", "argmax", "argmin", "bmm", "cat", "chunk", "clamp", "clone",
    "div", "eq", "exp", "expand", "flatten", "gather", "ge", "gt", "le", "log", "log_softmax", "logsumexp", "lt",
    "masked_fill", "matmul", "max", "maximum", "mean", "min", "minimum", "mm", "mul", "ne", "neg", "norm",
    "permute", "pow", "reciprocal", "relu", "reshape", "rsqrt", "sigmoid", "softmax", "split", "sqrt", "square",
    "squeeze", "stack", "std", "sub", "sum", "swapaxes", "t", "tanh", "transpose", "tril", "triu", "unsqueeze",
    "var", "where",
]  # fmt: skip

Dims = int | Sequence[int] | None


# --- arithmetic


def add(x: TensorLike, y: TensorLike, *, alpha: float = 1) -> Tensor:
    """x + alpha * y."""
    return apply(OPERATIONS["add"], x, y, **({} if alpha == 1 else {"alpha": alpha}))


def sub(x: TensorLike, y: TensorLike, *, alpha: float = 1) -> Tensor:
    """x - alpha * y.

    Raises RuntimeError for tensors of truth values.
    """
    for each in (x, y):
        if isinstance(each, Tensor) and not isinstance(each._data, Array) and each._data.dtype == np.bool_:
            refuse_truth(*(other._data if isinstance(other, Tensor) else other for other in (x, y)))
    return apply(OPERATIONS["sub"], x, y, **({} if alpha == 1 else {"alpha": alpha}))


def mul(x: TensorLike, y: TensorLike) -> Tensor:
    """x * y."""
    return apply(OPERATIONS["mul"], x, y)


def div(x: TensorLike, y: TensorLike, *, rounding_mode: Literal["floor", "trunc"] | None = None) -> Tensor:
    """x / y. A number divides by its float32 reciprocal, as on CUDA; a number over a tensor is times `reciprocal`.

    rounding_mode: "floor" for `floor_divide`, "trunc" for the whole number toward zero.
    """
    if rounding_mode == "floor":
        return floor_divide(x, y)
    if rounding_mode == "trunc":
        quotient = div(x, y)
        whole = not any(
            isinstance(each, float) or (isinstance(each, Tensor) and each.is_floating_point()) for each in (x, y)
        )
        return floor_divide(sub(x, fmod(x, y)), y) if whole else trunc(quotient)
    if rounding_mode is not None:
        raise RuntimeError(
            f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'"
        )
    return mul(reciprocal(y), x) if _is_number(x) else apply(OPERATIONS["div"], x, y)


def pow(x: TensorLike, y: TensorLike) -> Tensor:
    """x to the power of y."""
    return apply(OPERATIONS["pow"], x, y)


def clamp(x: TensorLike, min: float | None = None, max: float | None = None) -> Tensor:
    """`x` held between two numbers.

    Raises TypeError for bounds that are no numbers: `maximum` and `minimum` take tensors.
    """
    for bound in (min, max):
        if bound is not None and not _is_number(bound):
            raise TypeError(f"clamp takes numbers as bounds, got a {type(bound).__name__}; see maximum and minimum")
    return apply(OPERATIONS["clamp"], x, min, max)


@overload
def where(condition: TensorLike) -> tuple[Tensor, ...]: ...
@overload
def where(condition: TensorLike, x: TensorLike, y: TensorLike) -> Tensor: ...
def where(condition: Any, x: Any = None, y: Any = None) -> Any:
    """Values of `x` where the condition holds, else of `y`; a condition is a tensor of truth values.

    Without both: where it holds (where it is not 0), an index tensor for each axis.
    """
    if x is None and y is None:
        given = as_tensor(condition)._data
        return tuple(map(holding, np.nonzero(given.values if isinstance(given, Array) else given)))
    if _is_number(x) and _is_number(y):
        x = tensor(x)
    return apply(OPERATIONS["where"], truth_of(condition), x, y)


def chosen(x: TensorLike, condition: TensorLike, y: TensorLike) -> Tensor:
    """The method `where`: the values of `x` where the condition holds, else those of `y`."""
    return where(condition, x, y)


def masked_fill(x: TensorLike, mask: TensorLike, value: TensorLike) -> Tensor:
    """`x` with `value` wherever the mask is true."""
    return apply(OPERATIONS["masked_fill"], x, truth_of(mask), value)


def truth_of(mask: Any) -> Any:
    """A condition or mask: a tensor of truth values as it is, else a NumPy array.

    Raises RuntimeError for what is no truth.
    """
    if isinstance(mask, Tensor) and mask._data.dtype == bool:
        return mask
    data = mask._data if isinstance(mask, Tensor) else mask
    given = np.asarray(data.values if isinstance(data, Array) else data)
    if given.dtype != bool:
        raise RuntimeError(f"expected condition or mask to be a boolean tensor, but got dtype {given.dtype}")
    return given


def _is_number(x: TensorLike) -> bool:
    return isinstance(x, (int, float, np.generic))


# --- one value at a time


def _unary(name: str, what: str) -> Callable[[TensorLike], Tensor]:
    def function(x: TensorLike) -> Tensor:
        return apply(OPERATIONS[name], x)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = what
    return function


neg, abs = _unary("neg", "-x."), _unary("abs", "The absolute value.")
exp, log = _unary("exp", "e to the power of x."), _unary("log", "The natural logarithm.")
sqrt, rsqrt = _unary("sqrt", "The square root."), _unary("rsqrt", "1 / sqrt(x).")
reciprocal = _unary("reciprocal", "1 / x.")
relu, tanh, sigmoid = _unary("relu", "max(x, 0)."), _unary("tanh", "tanh(x)."), _unary("sigmoid", "1 / (1 + exp(-x)).")


def square(x: TensorLike) -> Tensor:
    """x to the power of 2."""
    return pow(x, 2)


# --- two tensors


def maximum(x: TensorLike, y: TensorLike) -> Tensor:
    """The larger of two values."""
    return apply(OPERATIONS["maximum"], x, y)


def minimum(x: TensorLike, y: TensorLike) -> Tensor:
    """The smaller of two values."""
    return apply(OPERATIONS["minimum"], x, y)


def matmul(x: TensorLike, y: TensorLike) -> Tensor:
    """x @ y: each sum of products rounded once.

    Raises RuntimeError for integers beside floats.
    """
    if isinstance(x, Tensor) and isinstance(y, Tensor) and x.is_floating_point() != y.is_floating_point():
        kinds = [scalar_type(each.dtype) for each in (x, y)]
        raise RuntimeError(
            f"expected m1 and m2 to have the same dtype, but got: {kinds[0]} != {kinds[1]}; .float() makes floats"
        )
    return apply(OPERATIONS["matmul"], x, y)


def mm(x: TensorLike, y: TensorLike) -> Tensor:
    """The product of two matrices."""
    return matmul(*_of_dimensions("mm", 2, x, y))


def bmm(x: TensorLike, y: TensorLike) -> Tensor:
    """The products of two stacks of matrices."""
    return matmul(*_of_dimensions("bmm", 3, x, y))


def _of_dimensions(name: str, ndim: int, *inputs: Any) -> tuple[Any, ...]:
    for x in inputs:
        if x.ndim != ndim:
            raise RuntimeError(f"{name}: expected tensors of {ndim} dimensions, got {x.ndim}D")
    return inputs


# --- over axes


def _axes(dim: Dims) -> Any:
    return dim if dim is None or isinstance(dim, int) else tuple(dim)


def sum(x: TensorLike, dim: Dims = None, keepdim: bool = False, *, dtype: DTypeLike | None = None) -> Tensor:
    """The sum over all axes, or over `dim`: added in float32, rounded once."""
    return apply(OPERATIONS["sum"], x, _axes(dim), keepdim, **({} if dtype is None else {"dtype": dtype}))


def mean(x: TensorLike, dim: Dims = None, keepdim: bool = False, *, dtype: DTypeLike | None = None) -> Tensor:
    """The mean over all axes, or over `dim`: added in float32, rounded once."""
    return apply(OPERATIONS["mean"], x, _axes(dim), keepdim, **({} if dtype is None else {"dtype": dtype}))


def var(
    x: TensorLike, dim: Dims = None, unbiased: bool = True, keepdim: bool = False, *, correction: float | None = None
) -> Tensor:
    """The variance over all axes, or over `dim`, with count - correction degrees of freedom.

    correction: 1 if not given, and 0 where `unbiased` is False.
    """
    return apply(OPERATIONS["var"], x, _axes(dim), int(unbiased) if correction is None else correction, keepdim)


def std(
    x: TensorLike, dim: Dims = None, unbiased: bool = True, keepdim: bool = False, *, correction: float | None = None
) -> Tensor:
    """The standard deviation over all axes, or over `dim`; otherwise as `var`."""
    return apply(OPERATIONS["std"], x, _axes(dim), int(unbiased) if correction is None else correction, keepdim)


def amax(x: TensorLike, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """The largest value; equals share the gradient."""
    return apply(OPERATIONS["amax"], x, _axes(dim), keepdim)


def amin(x: TensorLike, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """The smallest value; equals share the gradient."""
    return apply(OPERATIONS["amin"], x, _axes(dim), keepdim)


@overload
def max(x: TensorLike, dim: None = None, keepdim: bool = False) -> Tensor: ...
@overload
def max(x: TensorLike, dim: int, keepdim: bool = False) -> ValuesAndIndices[Tensor]: ...
@overload
def max(x: TensorLike, dim: Tensor | Array | NDArray[Any]) -> Tensor: ...
def max(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """The largest value, equals sharing the gradient; with `dim` a pair: values, and indices that take the gradient.

    dim: an axis; a tensor in its place means `maximum`.
    """
    return _extreme(maximum, amax, argmax, x, dim, keepdim)


@overload
def min(x: TensorLike, dim: None = None, keepdim: bool = False) -> Tensor: ...
@overload
def min(x: TensorLike, dim: int, keepdim: bool = False) -> ValuesAndIndices[Tensor]: ...
@overload
def min(x: TensorLike, dim: Tensor | Array | NDArray[Any]) -> Tensor: ...
def min(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """The smallest value; otherwise as `max`."""
    return _extreme(minimum, amin, argmin, x, dim, keepdim)


def _extreme(between: Any, over_all: Any, find: Any, x: Any, dim: Any, keepdim: bool) -> Any:
    if dim is None:
        return over_all(x)
    if isinstance(dim, (Tensor, Array, np.ndarray)):
        return between(x, dim)
    given = as_tensor(x)
    indices = find(given.byte() if str(given.dtype) == "bool" else given, dim, keepdim=True)
    if not given.ndim:
        return ValuesAndIndices(given, indices)
    values = gather(x, dim, indices)
    return (
        ValuesAndIndices(values, indices) if keepdim else ValuesAndIndices(squeeze(values, dim), squeeze(indices, dim))
    )


def logsumexp(x: TensorLike, dim: Dims, keepdim: bool = False) -> Tensor:
    """The logarithm of the sum of exponentials over `dim`."""
    return apply(OPERATIONS["logsumexp"], x, _axes(dim), keepdim)


def norm(
    x: TensorLike,
    p: float | Literal["fro"] = 2,
    dim: Dims = None,
    keepdim: bool = False,
    dtype: DTypeLike | None = None,
) -> Tensor:
    """The norm of order 1, 2 or infinity over all axes, or over `dim`."""
    order = 2 if p == "fro" else p
    options = {} if dtype is None else {"dtype": dtype}
    return apply(OPERATIONS["linalg_vector_norm"], x, order, _axes(dim), keepdim, **options)


def softmax(x: TensorLike, dim: int, dtype: DTypeLike | None = None) -> Tensor:
    """exp(x) over its sum along an axis."""
    return apply(OPERATIONS["softmax"], x, dim, **({} if dtype is None else {"dtype": dtype}))


def log_softmax(x: TensorLike, dim: int, dtype: DTypeLike | None = None) -> Tensor:
    """The logarithm of `softmax`."""
    return apply(OPERATIONS["log_softmax"], x, dim, **({} if dtype is None else {"dtype": dtype}))
