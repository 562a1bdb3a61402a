"""group_norm in float32, each result rounded once, in the order of torch's CUDA kernels (group_norm_kernel.cu).

Mean and scale of each group are kept in the format of the input, and eps is rounded to it, as in torch 2.11.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simfp.accumulation import in_threads
from simfp.arrays import Array
from simfp.formats import Format
from simfp.kernels import group_norm as kernels
from simfp.kernels import welford
from simfp.ops.device_math import fma, rsqrt
from simfp.ops.operation import Call, Operation, Saved, finished, in_format_of, together, widened
from simfp.rounding import round_to

__all__ = ["ROWS"]

Values = NDArray[Any]

MOST_THREADS, WARP = 512, 32
FEW_SAMPLES = 128  # that one thread adds up for a channel


@np.errstate(all="ignore")
def group_norm(
    x: Array, num_groups: int, weight: Array | None = None, bias: Array | None = None, eps: float = 1e-5
) -> Saved:
    """``(x - mean) / sqrt(variance + eps) * weight + bias`` over each group of channels of each sample.

    x: (N, C, ...). Where channels have more than one value, the kernel folds all but x into a factor and a term.
    """
    together("group_norm", x, weight, bias)
    if x.ndim < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {x.ndim}")
    channels = x.shape[1]
    if num_groups < 1:
        raise RuntimeError(f"Expected num groups to be greater than 0, got {num_groups}")
    if channels % num_groups:
        raise RuntimeError(
            f"Expected number of channels in input to be divisible by num_groups, but got input of shape "
            f"{list(x.shape)} and num_groups={num_groups}"
        )
    for name, parameter in (("weight", weight), ("bias", bias)):
        if parameter is not None and parameter.shape != (channels,):
            raise RuntimeError(
                f"Expected {name} to be a vector of size equal to the number of channels in input, but got {name} of "
                f"shape {list(parameter.shape)} and input of shape {list(x.shape)}"
            )
    planes = widened(x).reshape(_by_groups(x, num_groups))
    mean, scale = _statistics(planes, float(in_format_of(x, eps)), x.dtype)
    gamma, beta = (None if each is None else _by_group(each, num_groups) for each in (weight, bias))
    if planes.shape[3] == 1 or (gamma is None and beta is None):
        if gamma is None:
            out = (planes - mean) * scale if beta is None else fma(planes - mean, scale, beta)
        else:
            out = (planes - mean) * scale
            out = out * gamma if beta is None else fma(out, gamma, beta)
    else:
        factor = scale if gamma is None else scale * gamma
        out = fma(factor, planes, -factor * mean + (0 if beta is None else beta))  # the term is made by itself, unfused
    return Saved(finished(out.reshape(x.shape), x.dtype, "group_norm"), (mean, scale))


def _by_groups(x: Array, num_groups: int) -> tuple[int, int, int, int]:
    """The shape (N, groups, channels of each, values of a channel)."""
    return x.shape[0], num_groups, x.shape[1] // num_groups, math.prod(x.shape[2:])


def _threads(terms: int) -> int:
    return WARP if terms < MOST_THREADS else MOST_THREADS


def _statistics(planes: Values, eps: float, fmt: Format) -> tuple[Values, Values]:
    """Mean and reciprocal standard deviation of each group, rounded to `fmt`, as (N, groups, 1, 1)."""
    rows = np.ascontiguousarray(planes.reshape(math.prod(planes.shape[:2]), math.prod(planes.shape[2:])))
    parts, threads = np.empty((3, len(rows)), rows.dtype), _threads(rows.shape[1])
    in_threads(
        lambda first, last: welford.rows_of_blocks(rows, first, last, threads, parts), len(rows), 4 * rows.size
    )  # fmt: skip
    told = parts[0], rsqrt(parts[1] / parts[2] + rows.dtype.type(eps))
    mean, scale = (np.asarray(round_to(each, fmt)).reshape(*planes.shape[:2], 1, 1) for each in told)
    return mean, scale


def _by_group(parameter: Array, num_groups: int) -> Values:
    """Values of channels as (1, groups, channels of each, 1)."""
    return widened(parameter).reshape(1, num_groups, -1, 1)


def _sums(slopes: Values, others: Values) -> tuple[Values, Values]:
    """The sums of slopes, and of slopes times others, along the last axis."""
    shape, count = slopes.shape[:-1], slopes.shape[-1]
    flat = math.prod(shape), count
    given = [np.array(np.broadcast_to(each, slopes.shape), order="C").reshape(flat) for each in (slopes, others)]
    out, threads = np.empty((2, len(given[0])), slopes.dtype), _threads(count)
    in_threads(
        lambda first, last: kernels.rows_of_blocks(*given, first, last, threads, out), len(given[0]), 4 * slopes.size
    )  # fmt: skip
    return out[0].reshape(shape), out[1].reshape(shape)


class _Backward:
    """Brings one gradient back through group_norm."""

    def __init__(self, g: Array, call: Call) -> None:
        self.g, self.call = g, call
        x, num_groups = call.inputs[:2]
        shape = _by_groups(x, num_groups)
        self._slope, self._planes = widened(g).reshape(shape), widened(x).reshape(shape)

    @cached_property
    @np.errstate(all="ignore")
    def _channel_sums(self) -> tuple[Values, Values]:
        """For each channel of each sample the sum of the gradients, and of their products with the input."""
        return _sums(self._slope, self._planes)

    @np.errstate(all="ignore")
    def into_groups(self) -> Array:
        """The gradient of what was normalized."""
        slope, planes = self._slope, self._planes
        x, num_groups, weight = (*self.call.inputs, None)[:3]
        mean, scale = self.call.saved
        one = slope.dtype.type(1)
        gamma = one if weight is None else _by_group(weight, num_groups)
        gamma = np.broadcast_to(gamma, (1, *slope.shape[1:3], 1))[..., 0]
        if slope.shape[3] == 1:
            whole = _sums(np.broadcast_to(gamma, slope.shape[:3]), slope[..., 0])[1]
            along = _sums(round_to(slope[..., 0] * planes[..., 0], self.g.dtype), gamma)[1]  # products of x's type
        else:
            levels, products = self._channel_sums
            whole, along = _sums(levels, gamma)[1], _sums(products, gamma)[1]
        whole, along = whole[..., None, None], along[..., None, None]
        share = one / one.dtype.type(math.prod(planes.shape[2:]))
        second = fma(whole, mean, -along) * scale * scale * scale * share
        third = fma(-second, mean, -(whole * scale * share))
        factor = scale * gamma[..., None]
        return self._finished((fma(factor, slope, second * planes) + third).reshape(x.shape))

    def into_weight(self) -> Array:
        """The gradient of the weight."""
        return self._finished(self._over_samples[1])

    def into_bias(self) -> Array:
        """The gradient of the bias."""
        return self._finished(self._over_samples[0])

    @cached_property
    @np.errstate(all="ignore")
    def _over_samples(self) -> tuple[Values, Values]:
        """The gradients of bias and weight before they are rounded."""
        mean, scale = self.call.saved
        if self._slope.shape[3] == 1:
            levels = self._slope[..., 0]
            inner = fma(self._slope, self._planes, -(self._slope * mean))[..., 0]
        else:
            levels, products = self._channel_sums
            inner = fma(-levels, mean[..., 0], products)
        shape = len(levels), math.prod(levels.shape[1:])
        flat = [
            np.ascontiguousarray(np.broadcast_to(each, levels.shape)).reshape(shape)
            for each in (levels, inner, scale[..., 0])
        ]
        out, turns = np.empty((2, flat[0].shape[1]), self._slope.dtype), 1 if len(levels) <= FEW_SAMPLES else WARP
        in_threads(
            lambda first, last: kernels.over_samples(*flat, first, last, turns, out), out.shape[1], 4 * levels.size
        )  # fmt: skip
        return out[0], out[1]

    def _finished(self, values: Values) -> Array:
        return finished(values, self.g.dtype, "group_norm")


# fmt: off
ROWS = (
    #          name          forward      derivatives of x, weight and bias                         saves
    Operation("group_norm",  group_norm,  (_Backward.into_groups, None, _Backward.into_weight, _Backward.into_bias),
                                                                                             ("02s", "", "0s", ""),
              joint=_Backward),
)
# fmt: on
