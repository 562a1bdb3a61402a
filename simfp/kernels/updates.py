"""A whole step of an optimizer in one pass over a parameter's float32 weights; and fma in float32.

Each line is one or two float32 operations of the foreach kernels on CUDA, in their order: `a * b + c` is one
instruction there and rounds once, everything else rounds by itself. Numba contracts nothing by its own choice.
All arrays are flat, contiguous and of one length; all scalars are float32, so that nothing is computed wider.
"""

from __future__ import annotations

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

__all__ = ["adam", "scaled_add", "sgd"]

ZERO, HALF, ONE = np.float32(0), np.float32(0.5), np.float32(1)


@intrinsic
def fma32(typing_context, x, y, z):
    """x * y + z in float32, rounded once: the processor's instruction, or the C library's where it has none."""

    def generate(context, builder, signature, arguments):
        return builder.fma(*arguments)

    return types.float32(types.float32, types.float32, types.float32), generate


@njit(cache=True, nogil=True, error_model="numpy")
def scaled_add(factor, x, y, out):
    """out[i] = factor * x[i] + y[i], rounded once."""
    for i in range(out.size):
        out[i] = fma32(factor, x[i], y[i])


@njit(cache=True, nogil=True, error_model="numpy")
def sgd(p, g, buffer, rate, momentum, share, decay, first, nesterov, maximize):
    """A step of `p` in place; `buffer`, which may be empty where momentum is 0, changes likewise.

    rate: what the direction is multiplied by, minus the learning rate. share: 1 - dampening. first: the buffer
    has no value yet.
    """
    for i in range(p.size):
        d = g[i]
        if maximize:
            d = -d
        if decay != ZERO:
            d = fma32(decay, p[i], d)
        if momentum != ZERO:
            b = d if first else fma32(share, d, buffer[i] * momentum)
            buffer[i] = b
            d = fma32(momentum, b, d) if nesterov else b
        p[i] = fma32(rate, d, p[i])


@njit(cache=True, nogil=True, error_model="numpy")
def adam(p, g, mean, square, largest, rate, blend, beta2, share, root, plain, epsilon, decay, keep, maximize):
    """A step of `p` in place; the moments `mean` and `square`, and `largest` unless it is empty, change likewise.

    rate: minus the learning rate over the first bias correction. blend: 1 - beta1. share: 1 - beta2. root: what
    the root of the second moment is divided by, or where `plain`, multiplied. decay: L2 penalty. keep: what
    AdamW leaves of the weights.
    """
    amsgrad = largest.size > 0
    small = abs(blend) < HALF
    other = -(ONE - blend)
    for i in range(p.size):
        x = p[i] * keep  # exact where there is nothing to decay: keep is 1
        d = g[i]
        if maximize:
            d = -d
        if decay != ZERO:
            d = fma32(decay, x, d)
        m = mean[i]
        m = fma32(blend, d - m, m) if small else fma32(other, d - m, d)
        mean[i] = m
        v = fma32(share, d * d, square[i] * beta2)
        square[i] = v
        if amsgrad:
            most = largest[i]
            v = v if v > most or v != v else most
            largest[i] = v
        denominator = np.sqrt(v) * root if plain else np.sqrt(v) / root
        denominator = denominator + epsilon
        p[i] = fma32(rate, m / denominator, x)
