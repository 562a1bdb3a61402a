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


# --- over groups of channels


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


# --- over a batch


@np.errstate(all="ignore")
def batch_norm(
    x: Array,
    weight: Array | None = None,
    bias: Array | None = None,
    running_mean: Array | None = None,
    running_var: Array | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Saved:
    """``(x - mean) / sqrt(variance + eps) * weight + bias`` for each channel, over the batch or by running statistics.

    x: (N, C, ...). In training the running statistics, if there are any, change in place: towards the mean and the
    unbiased variance of this batch by `momentum`. The parameters may be in float32 beside an `x` of 16 bits.
    """
    if x.ndim < 2:
        raise RuntimeError(f"batch_norm expected input of at least 2 dimensions, got {x.ndim}")
    channels = x.shape[1]
    for name, each in (
        ("running_mean", running_mean), ("running_var", running_var), ("weight", weight), ("bias", bias)
    ):  # fmt: skip
        if each is not None and each.size != channels:
            raise RuntimeError(f"{name} should contain {channels} elements not {each.size}")
    values = widened(x)
    shape = (1, channels, *[1] * (x.ndim - 2))
    one = values.dtype.type(1)
    if training:
        axes = (0, *range(2, x.ndim))
        mean, variance = (each.reshape(-1) for each in moments(values, axes))
        count = x.size // channels
        for running, fresh in ((running_mean, mean), (running_var, variance * (one * count) / (one * (count - 1)))):
            if running is not None:
                kept = widened(running) * (one - one * momentum)
                running[...] = finished(fma(fresh, one * momentum, kept), running.dtype, "batch_norm")
    else:
        if running_mean is None or running_var is None:
            raise RuntimeError("Expected running_mean and running_var to be defined when training=False")
        mean, variance = widened(running_mean), widened(running_var)
    scale = one / np.sqrt(variance + eps)
    mean, scale = mean.reshape(shape), scale.reshape(shape)
    out = values - mean
    out = out if weight is None else widened(weight).reshape(shape) * out
    out = out * scale if bias is None else fma(out, scale, widened(bias).reshape(shape))
    return Saved(finished(out, x.dtype, "batch_norm"), (mean, scale))


@np.errstate(all="ignore")
def _into_batch(g: Array, call: Call) -> Array:
    x, weight = (*call.inputs, None)[:2]
    mean, scale = call.saved
    slope = widened(g)
    factor = scale if weight is None else scale * widened(weight).reshape(scale.shape)
    if not call.options.get("training", False):
        return finished(slope * factor, g.dtype, "batch_norm")
    away = widened(x) - mean
    share = 1 / slope.dtype.type(x.size // x.shape[1])
    along = _over_channels(slope * away).reshape(scale.shape) * share * scale * scale
    level = _over_channels(slope).reshape(scale.shape) * share
    return finished((fma(-away, along, slope) - level) * factor, g.dtype, "batch_norm")


@np.errstate(all="ignore")
def _into_batch_weight(g: Array, call: Call) -> Array:
    mean, scale = call.saved
    along = _over_channels(widened(g) * (widened(call.inputs[0]) - mean)) * scale.reshape(-1)
    return finished(along, call.inputs[1].dtype, "batch_norm")


def _into_batch_bias(g: Array, call: Call) -> Array:
    return finished(_over_channels(widened(g)), call.inputs[2].dtype, "batch_norm")


# fmt: off
ROWS = (
    #          name          forward      derivatives: of x, and of the weight and the bias where they stand
    Operation("group_norm",  group_norm,  (_into_groups, None, _into_group_weight, _into_channels)),
    Operation("batch_norm",  batch_norm,  (_into_batch, _into_batch_weight, _into_batch_bias)),
)
# fmt: on
