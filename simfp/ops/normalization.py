"""Normalization over rows, groups and batches: statistics and all else in float32, each result rounded once.

The formulas are those of torch's CUDA kernels (layer_norm_kernel.cu, group_norm_kernel.cu, Normalization.cuh). These
find means and variances by Welford's method, in an order that depends on the launch; here it is two plain passes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simfp.arrays import Array
from simfp.ops.device_math import fma, rsqrt
from simfp.ops.operation import Call, Operation, Saved, finished, together, widened
from simfp.ops.reductions import moments, total

__all__ = ["ROWS"]

Values = NDArray[Any]


@np.errstate(all="ignore")
def group_norm(
    x: Array, num_groups: int, weight: Array | None = None, bias: Array | None = None, eps: float = 1e-5
) -> Saved:
    """``(x - mean) / sqrt(variance + eps) * weight + bias`` over each group of channels of each sample.

    x: (N, C, ...). The kernel folds all but x into one factor and one term for each channel.
    """
    together("group_norm", x, weight, bias)
    if x.ndim < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {x.ndim}")
    channels = x.shape[1]
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
    groups = widened(x).reshape(x.shape[0], num_groups, -1)
    mean, variance = moments(groups, 2)
    scale = rsqrt(variance + eps)
    planes = groups.reshape(x.shape[0], num_groups, channels // num_groups, -1)
    mean, scale = mean[..., None], scale[..., None]
    factor = scale if weight is None else scale * _by_group(weight, num_groups)
    term = -factor * mean if bias is None else fma(-factor, mean, _by_group(bias, num_groups))
    return Saved(finished(fma(factor, planes, term).reshape(x.shape), x.dtype, "group_norm"), (mean, scale))


def _by_group(parameter: Array, num_groups: int) -> Values:
    """Values of channels as (1, groups, channels of each, 1)."""
    return widened(parameter).reshape(1, num_groups, -1, 1)


@np.errstate(all="ignore")
def _into_groups(g: Array, call: Call) -> Array:
    x, num_groups, weight = (*call.inputs, None)[:3]
    mean, scale = call.saved
    shape = (x.shape[0], num_groups, x.shape[1] // num_groups, -1)
    slope, planes = widened(g).reshape(shape), widened(x).reshape(shape)
    gamma = slope.dtype.type(1) if weight is None else _by_group(weight, num_groups)
    share = 1 / slope.dtype.type(planes[0, 0].size)
    along = total(total(slope * planes, 3, keepdims=True) * gamma, 2, keepdims=True)
    whole = total(total(slope, 3, keepdims=True) * gamma, 2, keepdims=True)
    second = fma(whole, mean, -along) * scale * scale * scale * share
    third = fma(-second, mean, -(whole * scale * share))
    return finished(fma(scale * gamma, slope, fma(second, planes, third)).reshape(x.shape), g.dtype, "group_norm")


@np.errstate(all="ignore")
def _into_group_weight(g: Array, call: Call) -> Array:
    x, num_groups = call.inputs[:2]
    mean, scale = call.saved
    shape = (x.shape[0], num_groups, x.shape[1] // num_groups, -1)
    slope, planes = widened(g).reshape(shape), widened(x).reshape(shape)
    along, whole = total(slope * planes, 3, keepdims=True), total(slope, 3, keepdims=True)
    return finished(total(fma(-whole, mean, along) * scale, 0).reshape(-1), g.dtype, "group_norm")


def _into_channels(g: Array, call: Call) -> Array:
    """The gradient of a bias for each channel."""
    return finished(_over_channels(widened(g)), g.dtype, "group_norm")


def _over_channels(values: Values) -> Values:
    """The sum over all axes but the second."""
    planes = np.moveaxis(values, 1, 0).reshape(values.shape[1], -1)
    return total(planes, 1)


# fmt: off
ROWS = (
    #          name          forward      derivatives: of x, and of the weight and the bias where they stand
    Operation("group_norm",  group_norm,  (_into_groups, None, _into_group_weight, _into_channels)),
)
# fmt: on
