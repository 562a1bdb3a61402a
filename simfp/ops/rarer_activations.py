"""Activations that fewer networks use, by the formulas of torch's CUDA kernels.

Their bits were those of an H200 wherever both were asked, but for elu in float32: CUDA's expm1 is not followed.

Each widens, computes in float32 and rounds once, as those of `simfp.ops.activations` do.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simfp.arrays import Array
from simfp.ops import device_math
from simfp.ops.device_math import exp, expm1, fma, log1p
from simfp.ops.operation import Call, Operation, argument, finished, together, widened

__all__ = ["ROWS", "log_sigmoid"]

Values = NDArray[Any]


@np.errstate(all="ignore")
def elu(x: Array, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> Array:
    """x where it is positive, else alpha (exp(input_scale x) - 1); times scale. selu and celu are this, too."""
    values = widened(x)
    curve = expm1(values * input_scale) * (alpha * scale)
    return finished(np.where(values > 0, values * scale, curve), x.dtype, "elu")


@np.errstate(all="ignore")
def _through_elu(g: Array, call: Call) -> Array:
    alpha, scale, inner = (argument(call, elu, name) for name in ("alpha", "scale", "input_scale"))
    values, slope = widened(call.inputs[0]), widened(g)
    curve = slope * inner * (alpha * scale) * exp(values * inner)
    return finished(np.where(values <= 0, curve, slope * scale), g.dtype, "elu")


def hardtanh(x: Array, min_val: float = -1.0, max_val: float = 1.0) -> Array:
    """x held between two numbers; there, unlike in `clamp`, the slope is 0."""
    return np.clip(x, min_val, max_val)


def _through_hardtanh(g: Array, call: Call) -> Array:
    low, high = (argument(call, hardtanh, name) for name in ("min_val", "max_val"))
    x = call.inputs[0]
    return np.where((x <= low) | (x >= high), 0.0, g)


def _held(values: Values) -> Values:
    """min(max(x + 3, 0), 6)."""
    return np.minimum(np.maximum(values + 3, 0), 6)


@np.errstate(all="ignore")
def hardsigmoid(x: Array) -> Array:
    """min(max(x + 3, 0), 6) / 6."""
    return finished(_held(widened(x)) * np.float32(1 / 6), x.dtype, "hardsigmoid")


@np.errstate(all="ignore")
def _through_hardsigmoid(g: Array, call: Call) -> Array:
    x, slope = widened(call.inputs[0]), widened(g)
    return finished(np.where((x > -3) & (x < 3), slope * np.float32(1 / 6), 0), g.dtype, "hardsigmoid")


@np.errstate(all="ignore")
def hardswish(x: Array) -> Array:
    """x min(max(x + 3, 0), 6) / 6."""
    values = widened(x)
    return finished(values * _held(values) * np.float32(1 / 6), x.dtype, "hardswish")


@np.errstate(all="ignore")
def _through_hardswish(g: Array, call: Call) -> Array:
    x, slope = widened(call.inputs[0]), widened(g)
    between = slope * (x / np.float32(3) + np.float32(0.5))
    return finished(np.where(x <= -3, 0, np.where(x < 3, between, slope)), g.dtype, "hardswish")


@np.errstate(all="ignore")
def mish(x: Array) -> Array:
    """x tanh(log(1 + exp(x)))."""
    values = widened(x)
    return finished(values * device_math.tanh(log1p(exp(values))), x.dtype, "mish")


@np.errstate(all="ignore")
def _through_mish(g: Array, call: Call) -> Array:
    x = widened(call.inputs[0])
    s, t = 1 / (1 + exp(-x)), device_math.tanh(log1p(exp(x)))
    return finished(widened(g) * fma(x * s, fma(-t, t, 1.0), t), g.dtype, "mish")


@np.errstate(all="ignore")
def log_sigmoid(x: Array) -> Array:
    """min(x, 0) - log(1 + exp(-|x|))."""
    values = widened(x)
    return finished(np.minimum(values, 0) - log1p(exp(-np.abs(values))), x.dtype, "log_sigmoid")


@np.errstate(all="ignore")
def _through_log_sigmoid(g: Array, call: Call) -> Array:
    x = widened(call.inputs[0])
    z = exp(-np.abs(x))
    share = z / (1 + z)
    return finished(widened(g) * np.where(x < 0, 1 - share, share), g.dtype, "log_sigmoid")


@np.errstate(all="ignore")
def prelu(x: Array, weight: Array) -> Array:
    """x where it is positive, else its product with a weight that is broadcast."""
    together("prelu", x, weight)
    values = widened(x)
    return finished(np.where(values > 0, values, widened(weight) * values), x.dtype, "prelu")


@np.errstate(all="ignore")
def _into_prelu(g: Array, call: Call) -> Array:
    slope = widened(g)
    return finished(np.where(call.inputs[0]._values > 0, slope, widened(call.inputs[1]) * slope), g.dtype, "prelu")


@np.errstate(all="ignore")
def _into_prelu_weight(g: Array, call: Call) -> Array:
    x = widened(call.inputs[0])
    return finished(np.where(x > 0, 0, x * widened(g)), g.dtype, "prelu")


def _halves(x: Array, dim: int) -> tuple[Values, Values]:
    """Both halves along an axis.

    Raises RuntimeError for an odd length.
    """
    if not x.ndim:
        raise RuntimeError("glu does not support 0-dimensional tensors")
    if x.shape[dim] % 2:
        raise RuntimeError(f"Halving dimension must be even, but dimension {dim} is size {x.shape[dim]}")
    first, second = np.split(widened(x), 2, axis=dim)
    return first, second


@np.errstate(all="ignore")
def glu(x: Array, dim: int = -1) -> Array:
    """The first half along an axis times the sigmoid of the second."""
    first, second = _halves(x, dim)
    return finished(first * (1 / (1 + exp(-second))), x.dtype, "glu")


@np.errstate(all="ignore")
def _through_glu(g: Array, call: Call) -> Array:
    dim = int(argument(call, glu, "dim"))
    first, second = _halves(call.inputs[0], dim)
    slope, s = widened(g), 1 / (1 + exp(-second))
    return finished(np.concatenate([slope * s, (1 - s) * s * slope * first], axis=dim), g.dtype, "glu")


# fmt: off
ROWS = (
    #          name           forward      derivatives                          what they look at
    Operation("elu",          elu,         (_through_elu,),                     ("0",)),
    Operation("hardtanh",     hardtanh,    (_through_hardtanh,),                ("0",)),
    Operation("hardsigmoid",  hardsigmoid, (_through_hardsigmoid,),             ("0",)),
    Operation("hardswish",    hardswish,   (_through_hardswish,),               ("0",)),
    Operation("mish",         mish,        (_through_mish,),                    ("0",)),
    Operation("log_sigmoid",  log_sigmoid, (_through_log_sigmoid,),             ("0",)),
    Operation("prelu",        prelu,       (_into_prelu, _into_prelu_weight),   ("01", "0")),
    Operation("glu",          glu,         (_through_glu,),                     ("0",)),
)
# fmt: on
