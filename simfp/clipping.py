"""Gradients held within bounds: `clip_grad_norm_` and `clip_grad_value_`, as torch's."""

from __future__ import annotations

import types
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simfp.arrays import Array, array, overwrite, owned
from simfp.correct_rounding import steady
from simfp.elementwise import FLOAT32, promote
from simfp.formats import Format
from simfp.rounding import round_array

__all__ = ["clip_grad_norm_", "clip_grad_value_"]


def clip_grad_norm_(
    parameters: Any,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Array:
    """The norm of all gradients together, before they were scaled down to `max_norm` where it was larger.

    parameters: one parameter, or an iterable of them; those without a gradient do not count.
    norm_type: the order of the norm; ``float("inf")`` for the largest magnitude.
    foreach: nothing depends on it.

    Each gradient's norm is taken in float32 and rounded to the gradient's format, then the norm of these; gradients
    are multiplied by ``min(max_norm / (norm + 1e-6), 1)``, the quotient being the rounded reciprocal times max_norm, as
    torch divides a number by a tensor. Powers are summed exactly and each sum is rounded to float32 once: CUDA's
    order of additions is not followed, and its norm may differ by some ulps.

    Raises RuntimeError if `error_if_nonfinite` and the norm is infinite or NaN.
    """
    empty_generator = isinstance(parameters, types.GeneratorType)
    params = _listed(parameters)
    if empty_generator and not params:
        warnings.warn("`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=2)
    norm_type, max_norm = float(norm_type), float(max_norm)
    params = [p for p in params if p.grad is not None]
    if not params:
        return array(0.0)
    norms = [_norm(p.grad._values, norm_type, p.grad.dtype) for p in params]
    fmt = promote(*(p.grad.dtype for p in params))
    total = owned(_norm(np.array(norms, fmt.carrier), norm_type, fmt), fmt)
    if error_if_nonfinite and not np.isfinite(total):
        raise RuntimeError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, so it cannot be "
            "clipped. To disable this error and scale the gradients by the non-finite norm anyway, "
            "set `error_if_nonfinite=False`"
        )
    factor = np.minimum(np.reciprocal(total + 1e-6) * max_norm, 1.0)
    for p in params:
        scaled: Array = p.grad * factor
        overwrite(p.grad, (scaled if scaled.dtype == p.grad.dtype else scaled.astype(p.grad.dtype))._values)
    return total


def clip_grad_value_(parameters: Any, clip_value: float, foreach: bool | None = None) -> None:
    """Brings every gradient into [-clip_value, clip_value], the bounds rounded to its format; NaN stays.

    parameters, foreach: as in `clip_grad_norm_`.
    """
    bound = float(clip_value)
    for p in _listed(parameters):
        if p.grad is not None:
            overwrite(p.grad, np.minimum(np.maximum(p.grad, -bound), bound)._values)


def _listed(parameters: Any) -> list[Any]:
    """One parameter, or an iterable of them, as a list."""
    single = isinstance(getattr(parameters, "data", None), Array) or not isinstance(parameters, Iterable)
    return [parameters] if single else list(parameters)


def _norm(values: NDArray[Any], order: float, fmt: Format) -> NDArray[Any]:
    """The norm of all values, in float32 rounded to `fmt`."""
    size = np.abs(values.astype(np.float64)).reshape(-1)
    with np.errstate(all="ignore"):
        if not size.size:
            norm = np.float64(0)
        elif np.isinf(order):
            norm = size.max() if order > 0 else size.min()
        elif order == 0:
            norm = np.float64(np.count_nonzero(size))
        elif order == 1:
            norm = size.sum()
        elif order == 2:
            norm = np.sqrt(np.square(size).sum().astype(fmt.carrier), dtype=fmt.carrier)
        else:
            powers = steady(np.float_power, size, order).sum().astype(fmt.carrier)
            norm = np.float64(steady(np.float_power, powers, 1 / order))
        single = np.asarray(norm).astype(fmt.carrier)
    return single if fmt == FLOAT32 else round_array(single, fmt, operation="norm").astype(fmt.carrier, copy=False)
