"""batch_norm: over each channel of a batch in float32, each result rounded once, in the order of torch's own kernels.

(Normalization.cuh, Normalization.cu.) These are two: where a sample's channels are neighbours in memory, as in (N, C),
and where they are planes. In their place torch takes cuDNN's for planes of float32, and of float16 with parameters in
float32; its order is not followed, but neither is anything rounded to 16 bits on the way there.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simfp.accumulation import in_threads
from simfp.arrays import Array
from simfp.elementwise import FLOAT32
from simfp.formats import NAMED_FORMATS, Format
from simfp.kernels import batch_norm as kernels
from simfp.ops.device_math import fma, rsqrt
from simfp.ops.operation import Call, Operation, Saved, argument, finished, widened
from simfp.rounding import round_to

__all__ = ["ROWS"]

Values = NDArray[Any]
FLOAT16 = NAMED_FORMATS["float16"]

MOST_THREADS, WARP = 512, 32  # of a block
ROWS_OF_A_THREAD = 16
MOST_BLOCKS, FEWEST_BLOCKS = 128, 8  # that share a channel, unless it is one
FEW_WIDTHS = (32, 64, 128, 256)


class Statistics(NamedTuple):
    """What the forward puts aside for the derivatives; the first two as (1, C, 1, ...)."""

    mean: Values
    scale: Values  # the reciprocal of the standard deviation
    variance: Values  # (C,)
    eps: float


def _columns(shape: tuple[int, ...]) -> bool:
    """Whether the channels of a sample are neighbours in memory."""
    return math.prod(shape[2:]) == 1


def _power_below(count: int) -> int:
    return 1 << (max(count, 1).bit_length() - 1)


def _of_columns(channels: int, rows: int) -> tuple[int, int]:
    """How many threads of a block, and how many blocks, share a channel."""
    width = min(_power_below(channels), WARP)
    height = min(_power_below(-(-rows // ROWS_OF_A_THREAD)), MOST_THREADS // width)
    blocks = min(-(-rows // (height * ROWS_OF_A_THREAD)), MOST_BLOCKS)
    return height, blocks if blocks >= FEWEST_BLOCKS else 1


def _of_planes(length: int) -> tuple[int, int]:
    """How many threads of a block share a plane, and how many planes the block takes at once."""
    width = next((width for width in FEW_WIDTHS if length <= width), MOST_THREADS)
    return width, MOST_THREADS // width


def _by_channel(values: Values) -> Values:
    """(C, N) of what has columns, or else (N, C, length of a plane); contiguous."""
    if _columns(values.shape):
        return np.ascontiguousarray(values.reshape(values.shape[:2]).T)
    return np.ascontiguousarray(values).reshape(*values.shape[:2], math.prod(values.shape[2:]))


def _moments(values: Values) -> tuple[Values, Values]:
    """Mean and variance of each channel."""
    channels, given = values.shape[1], _by_channel(values)
    mean, variance = np.empty((2, channels), values.dtype)
    columns = _columns(values.shape)
    plan = _of_columns(*given.shape) if columns else _of_planes(given.shape[2])
    loop = kernels.column_moments if columns else kernels.plane_moments
    in_threads(lambda first, last: loop(given, first, last, *plan, mean, variance), channels, 4 * values.size)
    return mean, variance


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
    if (running_mean is None) != (running_var is None):
        raise ValueError("running_mean and running_var must either both be None or neither be None")
    values = widened(x)
    shape = (1, channels, *[1] * (x.ndim - 2))
    one = values.dtype.type(1)
    if not x.size:  # no statistics are asked for or changed, as in torch
        mean, variance = np.zeros((2, channels), values.dtype)
    elif training:
        mean, variance = _moments(values)
        count = x.size // channels
        unbiased = variance * values.dtype.type(np.divide(count, count - 1))
        for running, fresh in ((running_mean, mean), (running_var, unbiased)):
            if running is not None:
                kept = widened(running) * (one - one * momentum)
                running[...] = finished(fma(fresh, one * momentum, kept), running.dtype, "batch_norm")
    else:
        if running_mean is None or running_var is None:
            raise RuntimeError("running_mean must be defined in evaluation mode")
        mean, variance = widened(running_mean).copy(), widened(running_var).copy()
    scale = rsqrt(variance + one * eps).reshape(shape)
    centred = values - mean.reshape(shape)
    out = centred if weight is None else widened(weight).reshape(shape) * centred
    out = fma(out, scale, 0 if bias is None else widened(bias).reshape(shape))
    return Saved(finished(out, x.dtype, "batch_norm"), Statistics(mean.reshape(shape), scale, variance, eps))


def _channel_sums(g: Array, call: Call) -> Values:
    x, weight = (*call.inputs, None)[:2]
    values = widened(x)
    given, means = (_by_channel(widened(g)), _by_channel(values)), call.saved.mean.reshape(-1)
    if _columns(values.shape):
        plan, sums = _of_columns(*given[0].shape), np.empty((2, len(means)), values.dtype)

        def part(first: int, last: int) -> None:
            kernels.column_gradients(*given, means, first, last, *plan, *sums)
    else:
        by_cudnn = weight is not None and (x.dtype, weight.dtype) == (FLOAT16, FLOAT32)
        fmt = FLOAT32 if by_cudnn or x.dtype.bits > 16 else x.dtype
        plan, fused = _of_planes(given[0].shape[2]), fmt == FLOAT32
        products = given[0] if fused else round_to(given[0] * (given[1] - means[:, None]), fmt)
        sums = np.zeros((2, len(means), math.prod(plan)), values.dtype)

        def part(first: int, last: int) -> None:
            kernels.plane_gradients(*given, means, first, last, *plan, products, fused, sums)

    in_threads(part, len(means), 4 * values.size)
    return sums if sums.ndim == 2 else _joined(sums, fmt)


def _joined(sums: Values, fmt: Format) -> Values:
    """The sums of threads, along the last axis: a tree in each warp, and one of the warps.

    What a thread hands to another is rounded to `fmt`, the input's: the kernel makes a pair of such numbers of it.
    """
    lanes = sums.reshape(*sums.shape[:2], sums.shape[2] // WARP, WARP)
    for _ in range(2):
        while lanes.shape[-1] > 1:
            half = lanes.shape[-1] // 2
            handed = lanes[..., half:]
            lanes = lanes[..., :half] + (handed if fmt == FLOAT32 else round_to(handed, fmt))
        lanes = lanes[..., 0]
    return lanes


def _scale_back(call: Call) -> Values:
    """The scale as gradients take it: where there are planes and running statistics, it is computed again."""
    kept: Statistics = call.saved
    if argument(call, batch_norm, "training") or _columns(call.inputs[0].shape):
        return kept.scale
    one = kept.scale.dtype.type(1)
    return np.asarray(one / np.sqrt(kept.variance + one * kept.eps)).reshape(kept.scale.shape)


class _Backward:
    """Brings one gradient back through batch_norm."""

    def __init__(self, g: Array, call: Call) -> None:
        self.g, self.call = g, call

    @cached_property
    def _sums(self) -> Values:
        """Of each channel the sum of its gradients, and that of them times the distance from the mean."""
        return _channel_sums(self.g, self.call)

    @np.errstate(all="ignore")
    def into_input(self) -> Array:
        """The gradient of what was normalized."""
        g, call = self.g, self.call
        x, weight = (*call.inputs, None)[:2]
        kept: Statistics = call.saved
        slope, scale, columns = widened(g), kept.scale, _columns(x.shape)
        one = slope.dtype.type(1)
        gamma = one if weight is None else widened(weight).reshape(scale.shape)
        if not argument(call, batch_norm, "training"):
            fused = not columns and weight is not None
            made = slope * (_scale_back(call) * gamma) if fused else slope * gamma * scale
            return finished(made, g.dtype, "batch_norm")
        away, share = widened(x) - kept.mean, one / slope.dtype.type(x.size // max(x.shape[1], 1))
        level, along = (each.reshape(scale.shape) for each in self._sums)
        if columns:
            made = fma(-away, scale * scale * along * share, fma(-level, share, slope))
        else:
            made = fma(-away, along * share * scale * scale, slope) - level * share
        return finished(made * (gamma * scale), g.dtype, "batch_norm")

    @np.errstate(all="ignore")
    def into_weight(self) -> Array:
        """The gradient of the weight."""
        made = self._sums[1] * _scale_back(self.call).reshape(-1)
        return finished(made, self.call.inputs[1].dtype, "batch_norm")

    def into_bias(self) -> Array:
        """The gradient of the bias."""
        return finished(self._sums[0].copy(), self.call.inputs[2].dtype, "batch_norm")


# fmt: off
ROWS = (
    #          name          forward      derivatives of x, weight and bias                                   saves
    Operation("batch_norm",  batch_norm,  (_Backward.into_input, _Backward.into_weight, _Backward.into_bias),
                                                                                                  ("01s", "0s", ""),
              joint=_Backward),
)
# fmt: on
