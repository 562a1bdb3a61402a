"""The functions that kernels call in float32, as CUDA computes them: see `simfp.ops.cuda_math`.

Float64 input, which only formats wider than float32 need, stays float64; its functions have 36 bits (`steady`). `fma`
rounds once; kernels use it where a GPU's compiler contracts ``x * y + z``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simfp.correct_rounding import steady
from simfp.kernels import elementary
from simfp.ops.cuda_math import powers_of, values_of

__all__ = ["erf", "exp", "expm1", "fma", "log", "log1p", "power", "rsqrt", "tanh"]

Values = NDArray[Any]


def _as_cuda(name: str, function: Callable[[Values], Values]) -> Callable[[Values], Values]:
    def compute(x: Values) -> Values:
        if x.dtype == np.float32:
            return values_of(name, x)
        return function(x)

    return compute


def _erf(x: Values) -> Values:
    flat = np.ascontiguousarray(x).reshape(-1)
    out = np.empty(flat.shape, x.dtype)
    elementary.erf(flat, out)
    return out.reshape(x.shape)


exp = _as_cuda("exp", partial(steady, np.exp))
expm1 = _as_cuda("expm1", partial(steady, np.expm1))
log = _as_cuda("log", partial(steady, np.log))
log1p = _as_cuda("log1p", partial(steady, np.log1p))
tanh = _as_cuda("tanh", partial(steady, np.tanh))
erf = _as_cuda("erf", _erf)
rsqrt = _as_cuda("rsqrt", np.errstate(all="ignore")(lambda x: 1 / np.sqrt(x)))


def power(x: Values, y: Values) -> Values:
    """x to the power of y."""
    if x.dtype == y.dtype == np.float32:
        return powers_of(x, y)
    return steady(np.float_power, x, y)


def fma(x: Any, y: Any, z: Any) -> Values:
    """``x * y + z``, rounded once; the three are broadcast, and numbers among them take the arrays' type."""
    wide = np.result_type(x, y, z)
    shape = np.broadcast_shapes(np.shape(x), np.shape(y), np.shape(z))
    flat = [np.ascontiguousarray(np.broadcast_to(np.asarray(each, wide), shape)).reshape(-1) for each in (x, y, z)]
    out = np.empty(flat[0].shape, wide)
    elementary.fused(*flat, out)
    return out.reshape(shape)
