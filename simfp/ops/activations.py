"""Activations: each a kernel that widens, computes in float32 by the formula of torch's CUDA kernel, and rounds once.

Where a kernel of torch's computes in the 16-bit type itself, rounding at each step, so does the row here.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simfp import observe
from simfp.arrays import Array, owned
from simfp.elementwise import FLOAT32, one_nan
from simfp.ops import device_math
from simfp.ops.device_math import erf, exp, fma, log1p
from simfp.ops.elementary import unary
from simfp.ops.operation import Call, Operation, argument, finished, widened

__all__ = ["ROWS", "sigmoid"]

Values = NDArray[Any]


@np.errstate(all="ignore")
def relu(x: Array) -> Array:
    """max(x, 0); NaN stays, and -0 becomes 0."""
    if observe.somebody_listens():
        return np.maximum(x, 0.0)
    values = np.maximum(x._values, 0.0, order="C")  # the same, and quicker
    return owned(one_nan(np.add(values, 0.0, out=np.asarray(values))), x.dtype)


def _passed(g: Array, call: Call) -> Array:
    """The gradient where the result is positive, else 0."""
    return owned(np.where(call.result._values <= 0, np.float32(0), g._values), g.dtype)


@np.errstate(all="ignore")
def leaky_relu(x: Array, negative_slope: float = 0.01) -> Array:
    """x where it is positive, else its product with a slope."""
    values = widened(x)
    return finished(np.where(values > 0, values, values * negative_slope), x.dtype, "leaky_relu")


@np.errstate(all="ignore")
def _leaked(g: Array, call: Call) -> Array:
    slope = (*call.inputs[1:], 0.01)[0]
    values = widened(g)
    return finished(np.where(call.inputs[0]._values > 0, values, values * slope), g.dtype, "leaky_relu")


# tanh and sigmoid. Their backward kernels compute in the type of the gradient, rounding each step to it.


@np.errstate(all="ignore")
def _tanh_backward(g: Array, call: Call) -> Array:
    """g (1 - y y); in float32 the compiler fuses the difference."""
    y = call.result
    if y.dtype == FLOAT32:
        return g * owned(fma(-y._values, y._values, 1.0), FLOAT32)
    return g * (1.0 - y * y)


@np.errstate(all="ignore")
def _logistic(values: Values) -> Values:
    return 1.0 / (1.0 + exp(-values))


sigmoid = unary("sigmoid", _logistic)


def _sigmoid_backward(g: Array, call: Call) -> Array:
    """(g (1 - y)) y."""
    return g * (1.0 - call.result) * call.result


# silu, in float32 throughout


@np.errstate(all="ignore")
def _silu(values: Values) -> Values:
    return values / (1.0 + exp(-values))


@np.errstate(all="ignore")
def _silu_backward(g: Array, call: Call) -> Array:
    x, slope = widened(call.inputs[0]), widened(g)
    s = _logistic(x)
    return finished(slope * s * fma(x, 1.0 - s, 1.0), g.dtype, "silu")


# gelu. ``1 + erf(x)`` loses bits for negative x that a float64 computation would keep; so does a GPU.

ALPHA = math.sqrt(0.5)
BETA = math.sqrt(2 / math.pi)
DENSITY = 1 / math.sqrt(2 * math.pi)
KAPPA = 0.044715
KAPPA_3 = float(np.float32(3) * np.float32(KAPPA))


@np.errstate(all="ignore")
def gelu(x: Array, approximate: str = "none") -> Array:
    """x times the normal distribution's cumulative function at x, or an approximation of that by tanh.

    Raises RuntimeError for an approximation other than "none" and "tanh".
    """
    values = widened(x)
    if approximate == "tanh":
        inner = BETA * fma(KAPPA, values * values * values, values)
        result = 0.5 * values * (1.0 + device_math.tanh(inner))
    elif approximate == "none":
        result = values * 0.5 * (1.0 + erf(values * ALPHA))
    else:
        raise RuntimeError("approximate argument must be either none or tanh.")
    return finished(result, x.dtype, "gelu")


@np.errstate(all="ignore")
def _gelu_backward(g: Array, call: Call) -> Array:
    x = widened(call.inputs[0])
    if argument(call, gelu, "approximate") == "tanh":
        square = x * x
        t = device_math.tanh(BETA * fma(KAPPA, square * x, x))
        left, right = 0.5 * x, 1.0 + t
        slope = BETA * fma(KAPPA_3, square, 1.0)
        slope = 0.5 * right + left * fma(-t, t, 1.0) * slope
    else:
        slope = 0.5 * (1.0 + erf(x * ALPHA)) + x * (exp(-0.5 * x * x) * DENSITY)
    return finished(widened(g) * slope, g.dtype, "gelu")


@np.errstate(all="ignore")
def softplus(x: Array, beta: float = 1, threshold: float = 20) -> Array:
    """log(1 + exp(beta x)) / beta, and x itself where beta x is above the threshold."""
    values = widened(x)
    scaled = values * beta
    curve = log1p(exp(scaled)) / beta
    return finished(np.where(scaled > threshold, values, curve), x.dtype, "softplus")


@np.errstate(all="ignore")
def _softplus_backward(g: Array, call: Call) -> Array:
    given = call.inputs[1:]
    beta, threshold = given[0] if given else 1, given[1] if len(given) > 1 else 20
    slope = widened(g)
    scaled = widened(call.inputs[0]) * beta
    z = exp(scaled)
    return finished(np.where(scaled > threshold, slope, slope * z / (z + 1.0)), g.dtype, "softplus")


@np.errstate(all="ignore")
def dropout(x: Array, kept: NDArray[np.bool_], p: float) -> Array:
    """x / (1 - p) where it is kept, 0 elsewhere: the product with a float32 scale, rounded once.

    kept: which values stay, drawn with probability 1 - p.
    """
    values = widened(x)
    one = values.dtype.type(1)
    scale = one / values.dtype.type(1 - p) if p < 1 else values.dtype.type(0)
    return finished(values * kept * scale, x.dtype, "dropout")


@np.errstate(all="ignore")
def _dropped(g: Array, call: Call) -> Array:
    """The same for a gradient; the scale is computed in double, and then cast."""
    _, kept, p = call.inputs
    values = widened(g)
    return finished(values * kept * values.dtype.type(1 / (1 - p) if p < 1 else 0), g.dtype, "dropout")


# fmt: off
ROWS = (
    #          name          forward                          derivatives            saves
    Operation("relu",        relu,                            (_passed,),            ("r",)),
    Operation("leaky_relu",  leaky_relu,                      (_leaked,),            ("0",)),
    Operation("tanh",        unary("tanh", device_math.tanh), (_tanh_backward,),     ("r",)),
    Operation("sigmoid",     sigmoid,                         (_sigmoid_backward,),  ("r",)),
    Operation("silu",        unary("silu", _silu),            (_silu_backward,),     ("0",)),
    Operation("gelu",        gelu,                            (_gelu_backward,),     ("0",)),
    Operation("softplus",    softplus,                        (_softplus_backward,), ("0",)),
    Operation("dropout",     dropout,                         (_dropped,),           ("1",)),
)
# fmt: on
