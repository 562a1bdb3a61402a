"""Roots, exponentials, logarithms, sines and cosines.

What CUDA makes of exp, expm1, log, log1p, erf and rsqrt is known to the last bit. Of the others, it is not: they are
computed in float64, and rounded once.
"""

from __future__ import annotations

import math
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
expm1, log1p, erf = (unary(name, getattr(device_math, name)) for name in ("expm1", "log1p", "erf"))


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


def _through_erf(g: Array, call: Call) -> Array:
    """2 / sqrt(pi) exp(-x^2) g."""
    x = call.inputs[0]
    return exp(-(x * x)) * (2 / math.sqrt(math.pi)) * g


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
    #                        forward      derivatives                                                   saves
    Operation("exp",         exp,         (lambda g, call: g * call.result,),                           ("r",)),
    Operation("log",         log,         (lambda g, call: g / call.inputs[0],),                        ("0",)),
    Operation("sqrt",        sqrt,        (lambda g, call: g / (call.result * 2),),                     ("r",)),
    Operation("rsqrt",       rsqrt,       (_through_rsqrt,),                                            ("r",)),
    Operation("reciprocal",  reciprocal,  (_through_reciprocal,),                                       ("r",)),
    Operation("expm1",       expm1,       (lambda g, call: g * (call.result + 1),),                     ("r",)),
    Operation("log1p",       log1p,       (lambda g, call: g / (call.inputs[0] + 1),),                  ("0",)),
    Operation("erf",         erf,         (_through_erf,),                                              ("0",)),
    Operation("exp2",        np.exp2,     (lambda g, call: g * call.result * math.log(2),),             ("r",)),
    Operation("log2",        np.log2,     (lambda g, call: g / (call.inputs[0] * math.log(2)),),        ("0",)),
    Operation("log10",       np.log10,    (lambda g, call: g / (call.inputs[0] * math.log(10)),),       ("0",)),
    Operation("sin",         np.sin,      (lambda g, call: g * np.cos(call.inputs[0]),),                ("0",)),
    Operation("cos",         np.cos,      (lambda g, call: g * -np.sin(call.inputs[0]),),               ("0",)),
    Operation("xlogy",       xlogy,       (_into_factor, _into_logarithm),                              ("01", "01")),
)
# fmt: on
