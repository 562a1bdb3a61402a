"""Normalization over rows, groups and batches: statistics and all else in float32, each result rounded once.

The formulas are those of torch's CUDA kernels (layer_norm_kernel.cu, group_norm_kernel.cu, Normalization.cuh). These
find means and variances by Welford's method; here it is two plain passes, but for layer_norm.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simfp.arrays import Array
from simfp.ops import device_sums
from simfp.ops.device_math import fma, rsqrt
from simfp.ops.operation import Call, Operation, Saved, finished, together, widened
from simfp.ops.reductions import total

__all__ = ["ROWS"]

Values = NDArray[Any]


def _moments(values: Values, axis: int | tuple[int, ...]) -> tuple[Values, Values]:
    """Mean and variance over axes, which stay as 1."""
    axes = (axis,) if isinstance(axis, int) else axis
    count = values.dtype.type(math.prod(values.shape[each] for each in axes))
    mean = total(values, axes, keepdims=True) / count
    away = values - mean
    return mean, total(away * away, axes, keepdims=True) / count


# --- over the last axes of each row


def _rows(x: Array, shape: Sequence[int]) -> Values:
    """The values as a matrix whose rows are what is normalized.

    Raises RuntimeError unless `shape` is that of the last axes.
    """
    sizes = tuple(shape)
    if not sizes:
        raise RuntimeError(f"Expected normalized_shape to be at least 1-dimensional, got normalized_shape = {sizes}")
    if x.shape[x.ndim - len(sizes) :] != sizes or len(sizes) > x.ndim:
        wanted = ", ".join(["*", *map(str, sizes)])
        raise RuntimeError(
            f"Given normalized_shape={list(sizes)}, expected input with shape [{wanted}], but got input of size"
            f"{list(x.shape)}"
        )
    return widened(x).reshape(-1, math.prod(sizes))


def _parameter(name: str, parameter: Array | None, shape: Sequence[int]) -> Values | None:
    """The values of a weight or bias along a row."""
    if parameter is None:
        return None
    if parameter.shape != tuple(shape):
        raise RuntimeError(
            f"Expected {name} to be of same shape as normalized_shape, but got {name} of shape "
            f"{list(parameter.shape)} and normalized_shape = {list(shape)}"
        )
    return widened(parameter).reshape(-1)


@np.errstate(all="ignore")
def layer_norm(
    x: Array,
    normalized_shape: Sequence[int],
    weight: Array | None = None,
    bias: Array | None = None,
    eps: float = 1e-5,
) -> Saved:
    """``(x - mean) / sqrt(variance + eps) * weight + bias`` over the last axes."""
    together("layer_norm", x, weight, bias)
    rows = _rows(x, normalized_shape)
    gamma, beta = (_parameter(*each, normalized_shape) for each in (("weight", weight), ("bias", bias)))
    mean, variance = device_sums.row_moments(rows) or _moments(rows, 1)
    scale = rsqrt(variance + eps)
    out = scale * (rows - mean)
    if gamma is not None:
        out = fma(gamma, out, beta) if beta is not None else gamma * out
    elif beta is not None:
        out = out + beta
    return Saved(finished(out.reshape(x.shape), x.dtype, "layer_norm"), (mean, scale))


@np.errstate(all="ignore")
def rms_norm(x: Array, normalized_shape: Sequence[int], weight: Array | None = None, eps: float | None = None) -> Saved:
    """``x / sqrt(mean of squares + eps) * weight`` over the last axes; eps is float32's, 2^-23, if not given."""
    together("rms_norm", x, weight)
    rows = _rows(x, normalized_shape)
    gamma = _parameter("weight", weight, normalized_shape)
    squares = device_sums.block_of_products(rows, rows) / rows.dtype.type(rows.shape[1])
    scale = rsqrt(squares + (np.finfo(np.float32).eps if eps is None else eps))
    out = scale * rows if gamma is None else gamma * (scale * rows)
    return Saved(finished(out.reshape(x.shape), x.dtype, "rms_norm"), (rows.dtype.type(0), scale))


def _slopes(g: Array, call: Call) -> tuple[Values, Values, Values, Values | None]:
    """Rows of the gradient and of the centred input, the scale of each row, and the weight."""
    x, shape, weight = (*call.inputs, None)[:3]
    mean, scale = call.saved
    return _rows(g, shape), _rows(x, shape) - mean, scale, None if weight is None else widened(weight).reshape(-1)


def _into_rows(centred: bool) -> Any:
    """The gradient of what was normalized, by its mean too if `centred`."""

    @np.errstate(all="ignore")
    def vjp(g: Array, call: Call) -> Array:
        slope, away, scale, gamma = _slopes(g, call)
        count = slope.dtype.type(slope.shape[1])
        weighted = slope if gamma is None else slope * gamma
        along = device_sums.block_of_products(weighted * away, scale)
        whole = count * slope if gamma is None else count * gamma * slope
        out = fma(-(away * scale), along, whole)
        if centred:
            one = slope.dtype.type(1)
            out = out - device_sums.block_of_products(slope, one if gamma is None else gamma)
        out = out * (1 / count * scale)
        return finished(out.reshape(g.shape), g.dtype, _name_of(centred))

    return vjp


def _name_of(centred: bool) -> str:
    """Which of the two rows a gradient belongs to."""
    return "layer_norm" if centred else "rms_norm"


@np.errstate(all="ignore")
def _into_weight(g: Array, call: Call) -> Array:
    slope, away, scale, _ = _slopes(g, call)
    return finished(total(slope * (away * scale), 0).reshape(call.inputs[2].shape), g.dtype, "layer_norm")


def _into_bias(g: Array, call: Call) -> Array:
    return finished(total(_rows(g, call.inputs[1]), 0).reshape(call.inputs[3].shape), g.dtype, "layer_norm")


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
    mean, variance = _moments(groups, 2)
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
        mean, variance = (each.reshape(-1) for each in _moments(values, axes))
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
    Operation("layer_norm",  layer_norm,  (_into_rows(True), None, _into_weight, _into_bias)),
    Operation("rms_norm",    rms_norm,    (_into_rows(False), None, _into_weight)),
    Operation("group_norm",  group_norm,  (_into_groups, None, _into_group_weight, _into_channels)),
    Operation("batch_norm",  batch_norm,  (_into_batch, _into_batch_weight, _into_batch_bias)),
)
# fmt: on
