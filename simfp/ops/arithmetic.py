"""+ - * / and powers, casts and choices: each operation widens, computes once in float32, and rounds once.

The derivatives are torch's formulas (tools/autograd/derivatives.yaml), each of their operations rounded as it is there.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simfp.accumulation import accumulator_dtype
from simfp.arrays import Array, as_operands, owned
from simfp.correct_rounding import steady
from simfp.elementwise import in_format, result_format
from simfp.formats import Format
from simfp.ops import device_math, elementary
from simfp.ops.operation import Call, Operation, broadcasting, finished, in_format_of, same

__all__ = ["ROWS", "divided"]


def cast(x: Array, fmt: Format) -> Array:
    """`x` in another format, rounded once."""
    return x.copy() if x.dtype == fmt else x.astype(fmt)


@broadcasting
def add(x: Any, y: Any, alpha: float = 1) -> Array:
    """x + alpha * y; with an `alpha` that is a fused multiply-add."""
    if alpha == 1:
        return x + y
    operands = as_operands(x, y)
    fmt = result_format(operands)
    wide = accumulator_dtype(fmt)
    left, right = (in_format(operand, fmt).astype(wide) for operand in operands)
    return finished(device_math.fma(right, wide(alpha), left), fmt, "add")


@broadcasting
def sub(x: Any, y: Any, alpha: float = 1) -> Array:
    """x - alpha * y."""
    return x - y if alpha == 1 else add(x, y, -alpha)


@broadcasting
def product(x: Any, y: Any) -> Array:
    """x * y."""
    return x * y


def _times(alpha: float, g: Array) -> Array:
    return g if alpha == 1 else g * alpha


@broadcasting
def divided(x: Any, y: Any) -> Array:
    """x / y. As on CUDA, division by a number multiplies by its float32 reciprocal."""
    if isinstance(y, (int, float, np.generic)):
        wide = accumulator_dtype(x.dtype)
        with np.errstate(all="ignore"):
            return x * (wide(1) / wide(y))
    if isinstance(x, (int, float, np.generic)):
        return np.reciprocal(y) * x
    return x / y


def _divisor(g: Array, call: Call) -> Array:
    x, y = call.inputs[:2]
    return -g * (x / y / y)


@broadcasting
def power(x: Any, y: Any) -> Array:
    """x to the power of y: products and roots where the exponent is a number that asks for no more, as on CUDA."""
    if isinstance(x, Array) and not isinstance(y, (Array, np.ndarray)):
        if y in EASY_POWERS:
            return EASY_POWERS[y](x)
        y = in_format_of(x, y)
    fmt = result_format(as_operands(x, y))
    wide = accumulator_dtype(fmt)
    base, exponent = (in_format(operand, fmt).astype(wide) for operand in as_operands(x, y))
    return finished(device_math.power(base, exponent), fmt, "pow")


# Each product and quotient is rounded to the format.
EASY_POWERS: dict[float, Any] = {
    0: np.ones_like,
    1: lambda x: x.copy(),
    2: lambda x: x * x,
    3: lambda x: x * x * x,
    0.5: elementary.sqrt,
    -0.5: elementary.rsqrt,
    -1: elementary.reciprocal,
    -2: lambda x: np.reciprocal(x * x),
}


def _base(g: Array, call: Call) -> Array:
    """g (y x^(y - 1)), and 0 where y is."""
    x, y = call.inputs
    if isinstance(y, (Array, np.ndarray)):
        return np.where(y == 0, 0.0, g * (y * power(x, y - 1)))
    return np.zeros_like(x) if y == 0 else g * (power(x, y - 1) * y)


def _exponent(g: Array, call: Call) -> Array:
    """g (x^y log x), and 0 where x is 0 and y not negative."""
    x, y = call.inputs
    if isinstance(x, Array):
        return g * np.where((x == 0) & (y >= 0), 0.0, call.result * elementary.log(x))
    slope = call.result * float(steady(np.log, x)) if x else call.result * -np.inf
    return g * (np.where(y >= 0, 0.0, slope) if x == 0 else slope)


def _share_of(loses: Any) -> Any:
    """How a gradient comes back through one side of maximum or minimum: where both are equal, half of it."""

    def vjp(g: Array, call: Call) -> Array:
        x, y = call.inputs
        return np.where(loses(x, y), 0.0, np.where(x == y, divided(g, 2), g))

    return vjp


_UNLESS_SMALLER, _UNLESS_LARGER = _share_of(lambda x, y: x < y), _share_of(lambda x, y: x > y)


def clamp(x: Array, min: float | None = None, max: float | None = None) -> Array:
    """`x` held between two numbers.

    Raises RuntimeError where there is neither.
    """
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    return np.clip(x, min, max)


def _within(g: Array, call: Call) -> Array:
    """The gradient where `x` was let through, its bounds included."""
    x = call.inputs[0]
    low, high = (*call.inputs[1:], None, None)[:2]
    held = np.ones(x.shape, bool)
    if low is not None:
        held &= x >= low
    if high is not None:
        held &= x <= high
    return np.where(held, g, 0.0)


def where(condition: Any, x: Any, y: Any) -> Array:
    """Values of `x` where the condition holds, else of `y`."""
    return np.where(condition, x, y)


def masked_fill(x: Array, mask: Any, value: Any) -> Array:
    """`x` with `value` wherever the mask is true.

    Raises RuntimeError for a finite number that is infinite in the format of `x`.
    """
    filling = value if isinstance(value, Array) else in_format_of(x, value)
    if not isinstance(value, Array) and np.isfinite(value) and not np.isfinite(filling):
        raise RuntimeError(f"value cannot be converted to type {x.dtype} without overflow: {value}")
    return owned(np.where(mask, filling.astype(x.dtype)._values, x._values), x.dtype)


@broadcasting
def maximum(x: Array, y: Array) -> Array:
    """The larger of two; of 0 and -0 it is 0, as on a GPU."""
    return np.where((x == 0) & (y == 0), x + y, np.maximum(x, y))


@broadcasting
def minimum(x: Array, y: Array) -> Array:
    """The smaller of two; of 0 and -0 it is -0."""
    return -maximum(-x, -y)


# fmt: off
ROWS = (
    #          name           forward               derivatives                                         saves
    Operation("_to_copy",     cast,                 (same,),                                            ("",)),
    Operation("add",          add,                  (same, lambda g, call: _times(call.options.get("alpha", 1), g)),
                                                                                                        ("", "")),
    Operation("sub",          sub,                  (same, lambda g, call: _times(call.options.get("alpha", 1), -g)),
                                                                                                        ("", "")),
    Operation("mul",          product,              (lambda g, call: g * call.inputs[1],
                                                     lambda g, call: g * call.inputs[0]),               ("1", "0")),
    Operation("div",          divided,              (lambda g, call: divided(g, call.inputs[1]), _divisor),
                                                                                                        ("1", "01")),
    Operation("neg",          lambda x: -x,         (lambda g, call: -g,),                              ("",)),
    Operation("abs",          np.absolute,          (lambda g, call: g * elementary.sign(call.inputs[0]),),
                                                                                                        ("0",)),
    Operation("pow",          power,                (_base, _exponent),                                 ("01", "01r")),
    Operation("maximum",      maximum,              (_UNLESS_SMALLER, _UNLESS_LARGER),                  ("01", "01")),
    Operation("minimum",      minimum,              (_UNLESS_LARGER, _UNLESS_SMALLER),                  ("01", "01")),
    Operation("clamp",        clamp,                (_within,),                                         ("0",)),
    Operation("where",        where,                (None,
                                                     lambda g, call: np.where(call.inputs[0], g, 0.0),
                                                     lambda g, call: np.where(call.inputs[0], 0.0, g)), ("", "0", "0")),
    Operation("masked_fill",  masked_fill,          (lambda g, call: np.where(call.inputs[1], 0.0, g),
                                                     None,
                                                     lambda g, call: np.where(call.inputs[1], g, 0.0)), ("1", "", "1")),
)
# fmt: on
