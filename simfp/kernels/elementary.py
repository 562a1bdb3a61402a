"""erf, and x * y + z in one rounding, over whole arrays. All arrays are flat, contiguous and of one length and type."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numba.extending import intrinsic

__all__ = ["erf", "fma", "fused"]


@intrinsic
def fma(typing_context, x, y, z):
    """x * y + z in the type of x, rounded once."""

    def generate(context, builder, signature, arguments):
        return builder.fma(*arguments)

    return x(x, x, x), generate


@njit(cache=True, nogil=True, error_model="numpy")
def fused(x, y, z, out):
    """out[i] = x[i] * y[i] + z[i], rounded once."""
    for i in range(out.size):
        out[i] = fma(x[i], y[i], z[i])


@njit(cache=True, nogil=True, error_model="numpy")
def erf(x, out):
    """out[i] = erf(x[i]), computed in float64."""
    for i in range(out.size):
        out[i] = math.erf(np.float64(x[i]))
