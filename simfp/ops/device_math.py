"""The functions that kernels call in float32, as CUDA computes them: see `simfp.ops.cuda_math`.

Float64 input, which only formats wider than float32 need, stays float64 and is computed by NumPy. `fma` is exact in its
one rounding; kernels use it where a GPU's compiler contracts ``x * y + z``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simfp.kernels import elementary
from simfp.ops.cuda_math import powers_of, values_of

__all__ = ["erf", "exp", "expm1", "fma", "log", "log1p", "power", "rsqrt", "tanh"]

Values = NDArray[Any]


def _as_cuda(name: str, function: Callable[[Values], Values]) -> Callable[[Values], Values]:
    def compute(x: Values) -> Values:
        if x.dtype == np.float32:
            return values_of(name, x)
        with np.errstate(all="ignore"):
            return np.asarray(function(x))

    return compute


def _erf(x: Values) -> Values:
    flat = np.ascontiguousarray(x).reshape(-1)
    out = np.empty(flat.shape, x.dtype)
    elementary.erf(flat, out)
    return out.reshape(x.shape)


exp = _as_cuda("exp", np.exp)
expm1 = _as_cuda("expm1", np.expm1)
log = _as_cuda("log", np.log)
log1p = _as_cuda("log1p", np.log1p)
tanh = _as_cuda("tanh", np.tanh)
erf = _as_cuda("erf", _erf)
rsqrt = _as_cuda("rsqrt", lambda x: 1 / np.sqrt(x))


def power(x: Values, y: Values) -> Values:
    """x to the power of y."""
    if x.dtype == y.dtype == np.float32:
        return powers_of(x, y)
    with np.errstate(all="ignore"):
        return np.asarray(np.float_power(x, y))


def fma(x: Any, y: Any, z: Any) -> Values:
    """``x * y + z``, rounded once; the three are broadcast, and numbers among them take the arrays' type."""
    wide = np.result_type(x, y, z)
    shape = np.broadcast_shapes(np.shape(x), np.shape(y), np.shape(z))
    flat = [np.ascontiguousarray(np.broadcast_to(np.asarray(each, wide), shape)).reshape(-1) for each in (x, y, z)]
    out = np.empty(flat[0].shape, wide)
    elementary.fused(*flat, out)
    return out.reshape(shape)


@np.errstate(all="ignore")
def expm1(x: Values) -> Values:
    """exp(x) - 1, nearly as exact near 0: in float64, of + - * alone, so that every machine gives the same.

    CUDA's own function, whose last bit may be another, is not followed.
    """
    wide = np.clip(np.asarray(x, np.float64), -746.0, 710.0)
    count = np.rint(wide * (1 / math.log(2)))
    rest = (wide - count * LN2_HIGH) - count * LN2_LOW
    series = np.zeros_like(rest)
    for factorial in INVERSE_FACTORIALS:
        series = (series + factorial) * rest
    power = np.ldexp(1.0, np.where(np.isnan(count), 0, count).astype(np.int64))
    return np.asarray(power * series + (power - 1.0)).astype(x.dtype)


LN2_HIGH, LN2_LOW = float.fromhex("0x1.62e42feep-1"), float.fromhex("0x1.a39ef35793c76p-33")  # the first of 32 bits
INVERSE_FACTORIALS = [1 / math.factorial(n) for n in range(15, 0, -1)]
