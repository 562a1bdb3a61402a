"""The functions that kernels call in float32: each correctly rounded, where a GPU's may be an ulp or two off.

This is the one place that a model of a GPU's own functions will take. Each is computed in float64 and rounded to the
type of its input, which is the correctly rounded result but for cases so close to a midpoint that float64 errs on it:
by estimate fewer than one float32 in ten million. Float64 input, which only formats wider than float32 need, stays
float64.

`fma` is exact in its one rounding; kernels use it where a GPU's compiler contracts ``x * y + z``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simfp.kernels import elementary

__all__ = ["erf", "exp", "fma", "log", "log1p", "power", "rsqrt", "tanh"]

Values = NDArray[Any]


def _in_float64(function: Callable[..., Values]) -> Callable[[Values], Values]:
    def compute(x: Values) -> Values:
        with np.errstate(all="ignore"):
            return np.asarray(function(x, dtype=np.float64)).astype(x.dtype, copy=False)

    return compute


exp = _in_float64(np.exp)
log = _in_float64(np.log)
log1p = _in_float64(np.log1p)
tanh = _in_float64(np.tanh)


def rsqrt(x: Values) -> Values:
    """1 / sqrt(x); infinite at 0."""
    with np.errstate(all="ignore"):
        return np.asarray(1.0 / np.sqrt(x, dtype=np.float64)).astype(x.dtype, copy=False)


def power(x: Values, y: Values) -> Values:
    """x to the power of y."""
    with np.errstate(all="ignore"):
        return np.asarray(np.float_power(x, y, dtype=np.float64)).astype(x.dtype, copy=False)


def erf(x: Values) -> Values:
    """The error function."""
    flat = np.ascontiguousarray(x).reshape(-1)
    out = np.empty(flat.shape, x.dtype)
    elementary.erf(flat, out)
    return out.reshape(x.shape)


def fma(x: Any, y: Any, z: Any) -> Values:
    """``x * y + z``, rounded once; the three are broadcast, and numbers among them take the arrays' type."""
    wide = np.result_type(x, y, z)
    shape = np.broadcast_shapes(np.shape(x), np.shape(y), np.shape(z))
    flat = [np.ascontiguousarray(np.broadcast_to(np.asarray(each, wide), shape)).reshape(-1) for each in (x, y, z)]
    out = np.empty(flat[0].shape, wide)
    elementary.fused(*flat, out)
    return out.reshape(shape)
