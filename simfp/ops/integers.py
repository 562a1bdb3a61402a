"""What the operations make of integers and truth values alone: torch's types and errors, computed by NumPy.

Integers wrap around. What gives fractions (a quotient, exp, sqrt and so on) is computed of their float32 values by the
row of that name, and so is whatever meets a Python float.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simfp.arrays import Array, array
from simfp.elementwise import FLOAT32
from simfp.formats import Format
from simfp.integers import INTEGER_TYPES, IntegerType, as_dtype, as_integers, type_of, wrapped
from simfp.ops import scattering, shapes
from simfp.ops.operation import broadcasting
from simfp.ops.reductions import count_of, places

__all__ = ["ON_INTEGERS", "common_type", "in_type", "of_integers", "refuse_truth", "scalar_type"]

INT64, BOOL = INTEGER_TYPES["int64"], INTEGER_TYPES["bool"]
Integers = NDArray[Any]

INVERT = "If you are trying to invert a mask, use the `~` or `logical_not()` operator instead."
SCALAR_TYPES = {
    "bool": "Bool", "uint8": "Byte", "int8": "Char", "int16": "Short", "int32": "Int", "int64": "Long",
    "float32": "Float", "float16": "Half", "bfloat16": "BFloat16",
}  # fmt: skip


def scalar_type(dtype: Format | IntegerType) -> str:
    """What torch's messages call a type: Long for int64."""
    return SCALAR_TYPES.get(dtype.name, dtype.name)


# --- in which type operands meet


def common_type(*operands: Any) -> IntegerType:
    """The type in which integers meet, by torch's rule: an array without axes counts where no array with axes is of its
    kind (truth or number), and a Python number where no array is."""
    ranks: list[list[np.dtype[Any]]] = [[], [], []]
    for x in operands:
        if isinstance(x, np.ndarray):
            ranks[0 if x.ndim else 1].append(type_of(x).storage)
        elif not isinstance(x, (bool, int, np.generic)):
            raise TypeError(f"cannot compute with a {type(x).__name__} beside integers; expected a tensor or a number")
        else:
            ranks[2].append(np.dtype(np.bool_ if isinstance(x, (bool, np.bool_)) else np.int64))
    found = np.dtype(np.bool_)
    known = False
    for types in ranks:
        if types:
            here = np.result_type(*types)
            if not known or (found == np.bool_ and here != np.bool_):
                found = here
            known = True
    return type_of(np.empty(0, found))


def in_type(x: Any, dtype: IntegerType) -> Any:
    """An operand in a type of integers: an array converted, a number wrapped around."""
    if isinstance(x, np.ndarray):
        return x.astype(dtype.storage, copy=False)
    return wrapped(x, dtype)


def _met(*operands: Any) -> tuple[list[Any], IntegerType]:
    dtype = common_type(*operands)
    return [np.asarray(in_type(x, dtype)) for x in operands], dtype


# --- the operations


def _no_fraction(alpha: Any) -> Any:
    if isinstance(alpha, (float, np.floating)):
        raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")
    return alpha


@broadcasting
def add(x: Any, y: Any, alpha: Any = 1) -> Any:
    """x + alpha * y; of truth values, whether either is true."""
    (left, right), dtype = _met(x, y)
    return np.add(left, right if alpha == 1 else right * wrapped(_no_fraction(alpha), dtype))


@broadcasting
def sub(x: Any, y: Any, alpha: Any = 1) -> Integers:
    """x - alpha * y.

    Raises RuntimeError for truth values.
    """
    refuse_truth(x, y)
    (left, right), dtype = _met(x, y)
    return np.subtract(left, right if alpha == 1 else right * wrapped(_no_fraction(alpha), dtype))


def refuse_truth(x: Any, y: Any) -> None:
    """Raises RuntimeError where one of two that are to be subtracted is a truth value."""
    truths = [isinstance(each, (bool, np.bool_)) or getattr(each, "dtype", None) == np.bool_ for each in (x, y)]
    if any(truths):
        two = ("two bool tensors", "Use the `^` or `logical_xor()` operator instead.")
        what, cure = two if all(truths) else ("a bool tensor", INVERT)
        raise RuntimeError(f"Subtraction, the `-` operator, with {what} is not supported. {cure}")


def _of_two(compute: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Integers]:
    @broadcasting
    def forward(x: Any, y: Any) -> Any:
        operands, _ = _met(x, y)
        return np.asarray(compute(*operands))

    return forward


@broadcasting
def power(x: Any, y: Any) -> Integers:
    """x to the power of y, wrapped around; of a negative exponent in a tensor 0, or a power of 1 or -1.

    Raises RuntimeError for a negative number as the exponent.
    """
    if not isinstance(y, np.ndarray) and y < 0:
        raise RuntimeError("Integers to negative integer powers are not allowed.")
    (base, exponent), dtype = _met(x, y)
    if dtype == BOOL:
        return np.asarray(base | ~exponent)
    negative = exponent < 0
    whole = np.power(base, np.where(negative, 0, exponent).astype(dtype.storage))
    turned = np.where(base == 1, 1, np.where(base == -1, np.where(exponent % 2 == 0, 1, -1), 0))
    return np.where(negative, turned, whole).astype(dtype.storage)


def _dividing(name: str, compute: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Integers]:
    """Raises RuntimeError for a divisor of 0, as torch does on a CPU (a GPU answers without a word)."""

    @broadcasting
    def forward(x: Any, y: Any) -> Any:
        (left, right), dtype = _met(x, y)
        if not right.all():
            raise RuntimeError("ZeroDivisionError")
        if dtype == BOOL:
            raise NotImplementedError(f"\"{name}_cpu\" not implemented for 'Bool'")
        with np.errstate(over="ignore"):  # the smallest by -1 wraps around
            return np.asarray(compute(left, right)).astype(dtype.storage)

    return forward


def negative(x: Integers) -> Integers:
    """-x.

    Raises RuntimeError for truth values.
    """
    if x.dtype == np.bool_:
        raise RuntimeError(f"Negation, the `-` operator, on a bool tensor is not supported. {INVERT}")
    return np.negative(x)


def _unless_truth(name: str, compute: Callable[..., Any]) -> Callable[..., Integers]:
    def forward(x: Any, *more: Any, **options: Any) -> Any:
        if x.dtype == np.bool_:
            raise NotImplementedError(f"\"{name}\" not implemented for 'Bool'")
        return np.asarray(compute(x, *more, **options))

    return forward


def clamp(x: Integers, min: Any = None, max: Any = None) -> Integers:
    """`x` held between two numbers, in the type that they meet in."""
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    dtype = common_type(x, *(each for each in (min, max) if each is not None))
    out = x.astype(dtype.storage)
    if min is not None:
        out = np.maximum(out, wrapped(min, dtype))
    return out if max is None else np.minimum(out, wrapped(max, dtype))


def where(condition: Any, x: Any, y: Any) -> Integers:
    """Values of `x` where the condition holds, else of `y`."""
    operands, _ = _met(x, y)
    return np.where(condition, *operands)


def masked_fill(x: Integers, mask: Any, value: Any) -> Integers:
    """`x` with `value`, cut off toward zero, wherever the mask is true."""
    filling = np.asarray(value.values if isinstance(value, Array) else value)
    return np.where(mask, as_integers(filling, type_of(x)), x)


def summed(x: Integers, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Integers:
    """The sum over axes, in int64 unless another type is asked for; of truth values, how many are true."""
    return _reduced(np.sum, x, axis, keepdims, dtype)


def prod(x: Integers, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Integers:
    """The product over axes, in int64 unless another type is asked for."""
    return _reduced(np.prod, x, axis, keepdims, dtype)


def _reduced(compute: Any, x: Integers, axis: Any, keepdims: bool, dtype: Any) -> Integers:
    to = INT64 if dtype is None else as_dtype(dtype)
    assert isinstance(to, IntegerType)  # `of_integers` has made floats of integers for a Format
    wide = x.astype(to.storage)
    return np.asarray(compute(wide, axis=places(axis, x.ndim), keepdims=keepdims, dtype=to.storage))


def _running(compute: Any) -> Any:
    def forward(x: Integers, dim: int, dtype: Any = None) -> Integers:
        to = INT64 if dtype is None else as_dtype(dtype)
        assert isinstance(to, IntegerType)
        if not x.ndim:
            return x.astype(to.storage)
        return np.asarray(compute(x.astype(to.storage), axis=shapes.place(dim, x.ndim), dtype=to.storage))

    return forward


def _extreme(name: str, compute: Any) -> Any:
    def forward(x: Integers, axis: Any = None, keepdims: bool = False) -> Integers:
        if not count_of(x.shape, axis):
            raise IndexError(f"{name}(): Expected reduction over dimensions that hold values, got {list(x.shape)}")
        return np.asarray(compute(x, axis=places(axis, x.ndim), keepdims=keepdims))

    return forward


def matmul(x: Any, y: Any) -> Integers:
    """The matrix product, wrapped around.

    Raises RuntimeError for two types, for truth values, and for shapes that do not multiply.
    """
    kinds = [scalar_type(type_of(np.asarray(each))) for each in (x, y)]
    if kinds[0] != kinds[1]:
        raise RuntimeError(f"expected m1 and m2 to have the same dtype, but got: {kinds[0]} != {kinds[1]}")
    if kinds[0] == "Bool":
        raise NotImplementedError("\"addmm_impl_cpu_\" not implemented for 'Bool'")
    try:
        return np.asarray(np.matmul(x, y))
    except ValueError:
        raise RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({x.shape} and {y.shape})") from None


_minimum, _maximum = _of_two(np.minimum), _of_two(np.maximum)

# fmt: off
ON_INTEGERS: dict[str, Callable[..., Any]] = {
    "add": add, "sub": sub, "mul": _of_two(np.multiply), "pow": power, "neg": negative,
    "floor_divide": _dividing("div_floor", np.floor_divide), "remainder": _dividing("remainder", np.remainder),
    "fmod": _dividing("fmod", np.fmod),
    "abs": _unless_truth("abs_cpu", np.absolute), "sign": lambda x: x.copy() if x.dtype == bool else np.sign(x),
    "relu": _unless_truth("clamp_min_scalar_cpu", lambda x: np.maximum(x, x.dtype.type(0))),
    "floor": _unless_truth("floor", np.copy), "ceil": _unless_truth("ceil", np.copy),
    "trunc": _unless_truth("trunc", np.copy), "round": _unless_truth("round_cpu", lambda x, *_: x.copy()),
    "maximum": _maximum, "minimum": _minimum, "clamp": clamp, "where": where, "masked_fill": masked_fill,
    "sum": summed, "prod": prod, "cumsum": _running(np.cumsum), "cumprod": _running(np.cumprod),
    "amax": _extreme("amax", np.max), "amin": _extreme("amin", np.min), "matmul": matmul,
    # what moves values about asks for no type
    "clone": lambda x: x.copy(), "reshape": shapes.reshape, "permute": shapes.permute, "transpose": shapes.transpose,
    "expand": shapes.expand, "index": shapes.index, "gather": shapes.gather,
    "scatter": scattering.scatter, "scatter_add": scattering.scatter_add,
    "cat": shapes.cat, "stack": shapes.stack,
    "tril": lambda x, diagonal=0: np.tril(x, diagonal), "triu": lambda x, diagonal=0: np.triu(x, diagonal),
}
# computed of the integers' float32 values
AS_FLOAT32 = {
    "div", "exp", "log", "sqrt", "rsqrt", "reciprocal", "sigmoid", "tanh", "logsumexp",
    "sin", "cos", "erf", "log1p", "expm1", "log2", "log10", "exp2",
}
# arguments that stay truth values
MASKS = {"where": 0, "masked_fill": 1}
# fmt: on

REFUSED = {
    "mean": "mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. "
    "Got: {}",
    "var": "std and var only support floating point and complex dtypes",
    "std": "std and var only support floating point and complex dtypes",
    "linalg_vector_norm": "linalg.vector_norm: Expected a floating point or complex tensor as input. Got {}",
}


def of_integers(name: str, inputs: Sequence[Any], options: dict[str, Any]) -> tuple[Any, tuple[Any, ...]]:
    """The result of an operation on integers alone; or None, and the inputs as float32 for its row.

    inputs: NumPy arrays of integers or truth values, numbers, and whatever else the operation takes.

    Raises RuntimeError for what torch computes of floats only.
    """
    if name == "_to_copy":
        to = inputs[1]
        return (as_integers(inputs[0], to), ()) if isinstance(to, IntegerType) else (array(inputs[0], to), ())
    if name == "sub":
        refuse_truth(*inputs[:2])
    asked = None if options.get("dtype") is None else as_dtype(options["dtype"])
    floats = any(isinstance(x, (float, np.floating)) for x in inputs) and name != "masked_fill"
    if isinstance(asked, Format) or name in AS_FLOAT32 or (floats and name in ON_INTEGERS):
        keep = MASKS.get(name)
        fmt = asked if isinstance(asked, Format) else FLOAT32
        return None, tuple(
            array(x, fmt) if isinstance(x, np.ndarray) and place != keep and x.dtype.kind in "biu" else x
            for place, x in enumerate(inputs)
        )
    if name in ON_INTEGERS:
        return np.asarray(ON_INTEGERS[name](*inputs, **options)), ()
    kind = next(scalar_type(type_of(x)) for x in inputs if isinstance(x, np.ndarray) and x.dtype.kind in "biu")
    message = REFUSED.get(name, f"\"{name}\" not implemented for '{{}}'").format(kind)
    raise (RuntimeError if name in REFUSED else NotImplementedError)(
        f"{message} (expected floating-point values; .float() makes them)"
    )
