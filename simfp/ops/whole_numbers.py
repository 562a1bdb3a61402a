"""Whole numbers near others, signs, and what is left over by a division: floor, round, remainder and the like."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simfp.accumulation import accumulator_dtype
from simfp.arrays import Array, as_operands, owned
from simfp.elementwise import in_format, result_format
from simfp.ops.elementary import sign
from simfp.ops.operation import Call, Operation, broadcasting, finished, widened

__all__ = ["ROWS"]


def _nothing(g: Array, call: Call) -> Array:
    """Zeros: what stands still, or jumps, has no slope."""
    return owned(np.zeros(g.shape, g.dtype.carrier), g.dtype)


def rounded_to(x: Array, decimals: int = 0) -> Array:
    """The nearest whole number, of two equally near the even one; or the nearest with so many decimals, by the
    product with 10^decimals and a quotient, as torch has it."""
    if not decimals:
        return np.rint(x)
    values = widened(x)
    ten = values.dtype.type(10.0 ** abs(decimals))
    with np.errstate(all="ignore"):
        near = np.rint(values * ten) / ten if decimals > 0 else np.rint(values / ten) * ten
    return finished(near, x.dtype, "round")


def frac(x: Array) -> Array:
    """What is left of a number without its whole part, with its sign."""
    return x - np.trunc(x)


def _of_two(x: Any, y: Any) -> tuple[NDArray[Any], NDArray[Any], Any]:
    """Two operands, wide, and the format that they meet in."""
    operands = as_operands(x, y)
    fmt = result_format(operands)
    wide = accumulator_dtype(fmt)
    left, right = (in_format(operand, fmt).astype(wide, copy=False) for operand in operands)
    return left, right, fmt


def _binary(name: str, compute: Callable[[Any, Any], Any]) -> Callable[..., Array]:
    @broadcasting
    def forward(x: Any, y: Any) -> Array:
        left, right, fmt = _of_two(x, y)
        with np.errstate(all="ignore"):
            return finished(np.asarray(compute(left, right)), fmt, name)

    return forward


def _remainder(x: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
    """x - y floor(x / y), exact but for one rounding, with the sign of y; of nothing left over, the sign of x."""
    left = np.fmod(x, y)
    return np.where((left != 0) & ((y < 0) != (left < 0)), left + y, left)


remainder, fmod = _binary("remainder", _remainder), _binary("fmod", np.fmod)
floor_divide = _binary("floor_divide", np.floor_divide)


def _of_divisor(whole: Callable[[Any, Any], Any]) -> Callable[[Array, Call], Array]:
    """-g times the whole quotient."""
    return lambda g, call: -g * whole(*call.inputs[:2])


def _truncated(x: Any, y: Any) -> Array:
    left, right, fmt = _of_two(x, y)
    with np.errstate(all="ignore"):
        return finished(np.trunc(left / right), fmt, "div")


# fmt: off
ROWS = (
    #          name            forward       derivatives
    Operation("floor",         np.floor,     (_nothing,), ("",)),
    Operation("ceil",          np.ceil,      (_nothing,), ("",)),
    Operation("round",         rounded_to,   (_nothing,), ("",)),
    Operation("trunc",         np.trunc,     (_nothing,), ("",)),
    Operation("frac",          frac,         (lambda g, call: g,), ("",)),
    Operation("sign",          sign,         (_nothing,), ("",)),
    Operation("remainder",     remainder,    (lambda g, call: g, _of_divisor(floor_divide)), ("", "01")),
    Operation("fmod",          fmod,         (lambda g, call: g, _of_divisor(_truncated)), ("", "01")),
    Operation("floor_divide",  floor_divide),
)
# fmt: on
