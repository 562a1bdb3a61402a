"""More operations on each value, under torch's names: whole numbers, remainders, sines, and what is made of others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from simfp.autograd.dispatch import apply
from simfp.autograd.shaping import index
from simfp.autograd.tensor import Tensor, TensorLike, as_tensor, holding
from simfp.integers import is_integers
from simfp.ops import OPERATIONS
from simfp.ops.shapes import place
from simfp.typing import DTypeLike

__all__ = [
    "addcdiv",
    "addcmul",
    "ceil",
    "clamp_max",
    "clamp_min",
    "cos",
    "cumprod",
    "cumsum",
    "diff",
    "erf",
    "exp2",
    "expm1",
    "floor",
    "floor_divide",
    "fmod",
    "frac",
    "lerp",
    "log1p",
    "log2",
    "log10",
    "prod",
    "remainder",
    "round",
    "scatter",
    "scatter_add",
    "sign",
    "sin",
    "trunc",
]  # fmt: skip


def _unary(name: str, what: str) -> Callable[[TensorLike], Tensor]:
    def function(x: TensorLike) -> Tensor:
        return apply(OPERATIONS[name], x)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = what
    return function


floor, ceil = _unary("floor", "The next whole number below."), _unary("ceil", "The next whole number above.")
trunc, frac = _unary("trunc", "The whole number toward zero."), _unary("frac", "What is left without its whole part.")
sign = _unary("sign", "1, 0 or -1.")
sin, cos, erf = _unary("sin", "The sine."), _unary("cos", "The cosine."), _unary("erf", "The error function.")
expm1, log1p = _unary("expm1", "exp(x) - 1."), _unary("log1p", "log(1 + x).")
exp2, log2 = _unary("exp2", "2 to the power of x."), _unary("log2", "The logarithm to base 2.")
log10 = _unary("log10", "The logarithm to base 10.")


def round(x: TensorLike, *, decimals: int = 0) -> Tensor:
    """The nearest whole number, of two equally near the even one; or the nearest with so many decimals."""
    return apply(OPERATIONS["round"], x, *((decimals,) if decimals else ()))


def _binary(name: str, what: str) -> Callable[[TensorLike, TensorLike], Tensor]:
    def function(x: TensorLike, y: TensorLike) -> Tensor:
        pair = [as_tensor(x, y.dtype) if _is_number(x) and isinstance(y, Tensor) and y.is_floating_point() else x, y]
        return apply(OPERATIONS[name], *pair)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = what
    return function


def _is_number(x: Any) -> bool:
    return isinstance(x, (int, float, np.generic))


remainder = _binary("remainder", "What x / y leaves over, with the sign of y: x - y floor(x / y).")
fmod = _binary("fmod", "What x / y leaves over, with the sign of x.")
floor_divide = _binary("floor_divide", "The next whole number below x / y; it has no gradient.")


def clamp_min(x: TensorLike, min: TensorLike) -> Tensor:
    """`x`, or `min` where that is larger."""
    return apply(OPERATIONS["clamp"], x, min) if _is_number(min) else apply(OPERATIONS["maximum"], x, min)


def clamp_max(x: TensorLike, max: TensorLike) -> Tensor:
    """`x`, or `max` where that is smaller."""
    return apply(OPERATIONS["clamp"], x, None, max) if _is_number(max) else apply(OPERATIONS["minimum"], x, max)


# --- along an axis


def cumsum(x: TensorLike, dim: int, *, dtype: DTypeLike | None = None) -> Tensor:
    """The sums of the first one, two, three ... values along an axis; of integers in int64."""
    return apply(OPERATIONS["cumsum"], x, dim, **({} if dtype is None else {"dtype": dtype}))


def cumprod(x: TensorLike, dim: int, *, dtype: DTypeLike | None = None) -> Tensor:
    """The products of the first one, two, three ... values along an axis; of integers in int64."""
    return apply(OPERATIONS["cumprod"], x, dim, **({} if dtype is None else {"dtype": dtype}))


def prod(x: TensorLike, dim: int | None = None, keepdim: bool = False, *, dtype: DTypeLike | None = None) -> Tensor:
    """The product of all values, or along an axis; of integers in int64."""
    return apply(OPERATIONS["prod"], x, dim, keepdim, **({} if dtype is None else {"dtype": dtype}))


def diff(x: TensorLike, n: int = 1, dim: int = -1) -> Tensor:
    """Each value but the first minus the one before, so many times over."""
    given = as_tensor(x)
    axis = (slice(None),) * place(dim, given.ndim)
    for _ in range(n):
        later, earlier = index(given, (*axis, slice(1, None))), index(given, (*axis, slice(None, -1)))
        truth = is_integers(given._data) and given._data.dtype == np.bool_
        given = holding(later._data ^ earlier._data) if truth else apply(OPERATIONS["sub"], later, earlier)
    return given


def scatter(
    x: TensorLike, dim: int, index: TensorLike, src: TensorLike | None = None, *, value: float | None = None
) -> Tensor:
    """`x` with values of `src`, or one number, put at places along an axis."""
    return apply(OPERATIONS["scatter"], x, dim, index, value if src is None else src)


def scatter_add(x: TensorLike, dim: int, index: TensorLike, src: TensorLike) -> Tensor:
    """`x` with values of `src` added at places along an axis."""
    return apply(OPERATIONS["scatter_add"], x, dim, index, src)


def lerp(x: TensorLike, end: TensorLike, weight: TensorLike) -> Tensor:
    """From `x` the share `weight` of the way to `end`."""
    return apply(OPERATIONS["lerp"], x, end, weight)


def addcmul(x: TensorLike, tensor1: TensorLike, tensor2: TensorLike, *, value: float = 1) -> Tensor:
    """x + value * tensor1 * tensor2."""
    return apply(OPERATIONS["addcmul"], x, tensor1, tensor2, **({} if value == 1 else {"value": value}))


def addcdiv(x: TensorLike, tensor1: TensorLike, tensor2: TensorLike, *, value: float = 1) -> Tensor:
    """x + value * tensor1 / tensor2."""
    return apply(OPERATIONS["addcdiv"], x, tensor1, tensor2, **({} if value == 1 else {"value": value}))
