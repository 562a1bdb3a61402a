"""Roots, exponentials and logarithms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from simfp.arrays import Array, owned
from simfp.ops import device_math
from simfp.ops.operation import Call, Operation, finished, together, widened

__all__ = ["ROWS", "exp", "log", "reciprocal", "rsqrt", "sign", "sqrt", "unary"]


def unary(name: str, compute: Callable[[Any], Any]) -> Callable[[Array], Array]:
    """The forward of an operation on each value: `compute` in float32, and one rounding."""

    def forward(x: Array) -> Array:
        return finished(compute(widened(x)), x.dtype, name)

    return forward


exp, log, rsqrt = (unary(name, getattr(device_math, name)) for name in ("exp", "log", "rsqrt"))


def sqrt(x: Array) -> Array:
    """The square root."""
    return np.sqrt(x)


def sign(x: Array) -> Array:
    """1, 0 or -1; of NaN 0, as in torch."""
    values = x._values
    return owned((values > 0).astype(values.dtype) - (values < 0).astype(values.dtype), x.dtype)


def reciprocal(x: Array) -> Array:
    """1 / x."""
    return np.reciprocal(x)


def _through_rsqrt(g: Array, call: Call) -> Array:
    result = call.result
    return g * -0.5 * (result * result * result)


def _through_reciprocal(g: Array, call: Call) -> Array:
    return -g * (call.result * call.result)


@np.errstate(all="ignore")
def xlogy(x: Array, y: Array) -> Array:
    """x log(y), and 0 where x is 0, whatever y is; NaN where y is."""
    together("xlogy", x, y)
    left, right = np.broadcast_arrays(widened(x), widened(y))
    values = np.where((left == 0) & ~np.isnan(right), 0, left * device_math.log(np.ascontiguousarray(right)))
    return finished(values.astype(left.dtype), x.dtype, "xlogy")


def _into_factor(g: Array, call: Call) -> Array:
    """g log(y), and 0 where x is 0 and y not positive, as in torch."""
    x, y = call.inputs
    with np.errstate(all="ignore"):
        return np.where((x == 0) & (y <= 0), 0.0, g * log(y))


def _into_logarithm(g: Array, call: Call) -> Array:
    x, y = call.inputs
    with np.errstate(all="ignore"):
        return g * x / y


# fmt: off
ROWS = (
    #          name          forward      derivatives
    Operation("exp",         exp,         (lambda g, call: g * call.result,)),
    Operation("log",         log,         (lambda g, call: g / call.inputs[0],)),
    Operation("sqrt",        sqrt,        (lambda g, call: g / (call.result * 2),)),
    Operation("rsqrt",       rsqrt,       (_through_rsqrt,)),
    Operation("reciprocal",  reciprocal,  (_through_reciprocal,)),
    Operation("xlogy",       xlogy,       (_into_factor, _into_logarithm), ("01", "01")),
)
# fmt: on
