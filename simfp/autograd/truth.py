"""What is so and what is not: comparisons and tests of Tensors, which give Tensors of truth values; & | ^ ~."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from simfp.arrays import Array, array
from simfp.autograd.tensor import Tensor, TensorLike, as_tensor, holding
from simfp.elementwise import FLOAT32
from simfp.integers import is_integers
from simfp.ops.integers import common_type, in_type, scalar_type
from simfp.ops.operation import broadcasting
from simfp.ops.reductions import places

__all__ = [
    "all", "allclose", "any", "bitwise_and", "bitwise_not", "bitwise_or", "bitwise_xor", "count_nonzero", "eq", "equal",
    "ge", "gt", "isclose", "isfinite", "isinf", "isnan", "isneginf", "isposinf", "le", "logical_and", "logical_not",
    "logical_or", "logical_xor", "lt", "ne", "not_equal", "signbit",
]  # fmt: skip

Dims = int | Sequence[int] | None


def _data(x: Any) -> Any:
    return x._data if isinstance(x, Tensor) else x


def _is_operand(x: Any) -> bool:
    return isinstance(x, (Tensor, Array, np.ndarray, np.generic, bool, int, float))


def _needs_operands(name: str, *operands: Any) -> None:
    for x in operands:
        if not _is_operand(x):
            raise TypeError(f"{name}() takes tensors and numbers, got {x!r}")


# --- comparisons


def _compared(name: str, ufunc: np.ufunc, what: str) -> Callable[[TensorLike, TensorLike], Tensor]:
    compute = broadcasting(lambda x, y: np.asarray(ufunc(x, y)))  # type: ignore[arg-type, return-value]

    def function(x: TensorLike, y: TensorLike) -> Tensor:
        _needs_operands(name, x, y)
        operands = [_data(each) for each in (x, y)]
        if builtins.any(isinstance(each, (float, np.floating)) for each in operands):  # beside integers, float32
            operands = [array(each, FLOAT32) if isinstance(each, np.ndarray) else each for each in operands]
        return holding(compute(*operands))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"Where {what}, value by value, as a tensor of truth values."
    return function


eq = _compared("eq", np.equal, "x == y")
ne = _compared("ne", np.not_equal, "x != y")
lt, le = _compared("lt", np.less, "x < y"), _compared("le", np.less_equal, "x <= y")
gt, ge = _compared("gt", np.greater, "x > y"), _compared("ge", np.greater_equal, "x >= y")
not_equal = ne


def operator(function: Callable[[Any, Any], Tensor]) -> Callable[[Any, Any], Tensor]:
    """A function as an operator; what is no operand it leaves to Python: ``tensor == None`` is False, ``<`` raises."""
    return lambda x, y: function(x, y) if _is_operand(y) else NotImplemented


def contains(x: Tensor, element: Any) -> bool:
    """Whether any value equals `element`."""
    if not isinstance(element, (Tensor, int, float, np.generic)):
        raise RuntimeError(f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}.")
    return bool(any(eq(element, x)))


# --- logic


def _true(x: Any) -> Any:
    data = _data(x)
    values = data.values if isinstance(data, Array) else np.asarray(data)
    return values != 0


def _logical(name: str, ufunc: np.ufunc, what: str) -> Callable[[TensorLike, TensorLike], Tensor]:
    compute = broadcasting(lambda x, y: np.asarray(ufunc(x, y)))  # type: ignore[arg-type, return-value]

    def function(x: TensorLike, y: TensorLike) -> Tensor:
        _needs_operands(name, x, y)
        return holding(compute(_true(x), _true(y)))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"Whether {what} of two values are anything but zero."
    return function


logical_and = _logical("logical_and", np.logical_and, "both")
logical_or = _logical("logical_or", np.logical_or, "one or both")
logical_xor = _logical("logical_xor", np.logical_xor, "one, and not both,")


def logical_not(x: TensorLike) -> Tensor:
    """Whether a value is zero."""
    return holding(~_true(as_tensor(x)))


def _bitwise(name: str, ufunc: np.ufunc, sign: str) -> Callable[[TensorLike, TensorLike], Tensor]:
    compute = broadcasting(lambda x, y: np.asarray(ufunc(x, y)))  # type: ignore[arg-type, return-value]

    def function(x: TensorLike, y: TensorLike) -> Tensor:
        _needs_operands(name, x, y)
        operands = [_data(each) for each in (x, y)]
        for each in operands:
            if isinstance(each, (float, Array, np.floating)):
                kind = scalar_type(each.dtype) if isinstance(each, Array) else "Float"
                raise NotImplementedError(
                    f"\"{name}_cpu\" not implemented for '{kind}': {sign} takes truth values and integers"
                )
        dtype = common_type(*operands)
        if dtype.name == "bool" and "shift" in name:
            raise NotImplementedError(f"\"{name}_cpu\" not implemented for 'Bool'")
        return holding(compute(*(np.asarray(in_type(each, dtype)) for each in operands)))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"x {sign} y, bit by bit of integers, and of truth values."
    return function


bitwise_and = _bitwise("bitwise_and", np.bitwise_and, "&")
bitwise_or = _bitwise("bitwise_or", np.bitwise_or, "|")
bitwise_xor = _bitwise("bitwise_xor", np.bitwise_xor, "^")
bitwise_left_shift = _bitwise("bitwise_left_shift", np.left_shift, "<<")
bitwise_right_shift = _bitwise("bitwise_right_shift", np.right_shift, ">>")


def bitwise_not(x: TensorLike) -> Tensor:
    """~x: of truth values the others, of integers all bits turned.

    Raises TypeError for floats.
    """
    data = _data(x)
    if not is_integers(data):
        raise TypeError("~ (operator.invert) is only implemented on integer and Boolean-type tensors")
    return holding(~data)


# --- of all values, or along an axis


def any(x: TensorLike, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Whether any value, or any along `dim`, is anything but zero; of uint8 in uint8, as in torch."""
    return _over(np.any, x, dim, keepdim)


def all(x: TensorLike, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Whether every value, or every one along `dim`, is anything but zero; of uint8 in uint8, as in torch."""
    return _over(np.all, x, dim, keepdim)


def _over(compute: Any, x: Any, dim: Dims, keepdim: bool) -> Tensor:
    given = as_tensor(x)
    axes = places(dim if dim is None or isinstance(dim, int) else tuple(dim), given.ndim)
    found = np.asarray(compute(_true(given), axis=axes, keepdims=keepdim))
    return holding(found.astype(np.uint8) if str(given.dtype) == "uint8" else found)


def count_nonzero(x: TensorLike, dim: Dims = None) -> Tensor:
    """How many values, or how many along `dim`, are anything but zero."""
    given = as_tensor(x)
    axes = places(dim if dim is None or isinstance(dim, int) else tuple(dim), given.ndim)
    return holding(np.asarray(_true(given).sum(axis=axes, dtype=np.int64)))


# --- what a value is


def _tested(name: str, ufunc: Any, what: str) -> Callable[[TensorLike], Tensor]:
    def function(x: TensorLike) -> Tensor:
        data = as_tensor(x)._data
        values = data.values if isinstance(data, Array) else data
        return holding(np.asarray(ufunc(values)))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"Where a value is {what}, as a tensor of truth values."
    return function


isnan, isinf = _tested("isnan", np.isnan, "NaN"), _tested("isinf", np.isinf, "infinite")
isfinite = _tested("isfinite", np.isfinite, "neither infinite nor NaN")
isposinf = _tested("isposinf", lambda x: x == np.inf, "infinity")
isneginf = _tested("isneginf", lambda x: x == -np.inf, "minus infinity")
signbit = _tested("signbit", lambda x: np.signbit(x) if x.dtype.kind == "f" else x < 0, "negative, or -0")


def isclose(x: TensorLike, y: TensorLike, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Tensor:
    """Where ``|x - y| <= atol + rtol |y|``, or both are the same infinity; computed in float64 (in torch, in the type).

    Raises RuntimeError for tensors of two types, and for negative tolerances.
    """
    left, right = as_tensor(x), as_tensor(y)
    if left.dtype != right.dtype:
        raise RuntimeError(f"{scalar_type(left.dtype)} did not match {scalar_type(right.dtype)}")
    for word, value in (("rtol", rtol), ("atol", atol)):
        if value < 0:
            raise RuntimeError(f"{word} must be greater than or equal to zero, but got {value}")

    @broadcasting
    def close(a: Any, b: Any) -> Any:
        a, b = (np.asarray(getattr(each, "values", each), np.float64) for each in (a, b))
        with np.errstate(all="ignore"):
            near = np.isfinite(b) & (np.abs(a - b) <= atol + rtol * np.abs(b))
        return (a == b) | near | (equal_nan & np.isnan(a) & np.isnan(b))

    return holding(np.asarray(close(left._data, right._data)))


def allclose(x: TensorLike, y: TensorLike, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> bool:
    """Whether `isclose` holds everywhere."""
    return bool(all(isclose(x, y, rtol, atol, equal_nan)))


def equal(x: TensorLike, y: TensorLike) -> bool:
    """Whether two tensors have the same shape and the same values; NaN equals nothing."""
    left, right = as_tensor(x), as_tensor(y)
    return left.shape == right.shape and bool(all(eq(left, right)))
