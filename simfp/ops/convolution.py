"""conv2d: windows of images (N, C, H, W) times kernels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from simfp.arrays import Array, owned
from simfp.ops.operation import Call, Operation, argument, finished
from simfp.ops.products import accumulated
from simfp.ops.reductions import summed

__all__ = ["ROWS", "batched", "pair", "windows"]

Values = NDArray[Any]
Pair = tuple[int, int]


def pair(name: str, given: int | Sequence[int]) -> Pair:
    """One number for height and width, or two.

    Raises RuntimeError for anything else.
    """
    numbers = (given, given) if isinstance(given, (int, np.integer)) else tuple(given)
    if len(numbers) == 1:
        numbers = numbers * 2
    if len(numbers) != 2:
        raise RuntimeError(f"{name} must either be a single int, or a tuple of two ints, got {given!r}")
    return int(numbers[0]), int(numbers[1])


def windows(values: Values, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair = (1, 1), fill: float = 0) -> Any:
    """A view (N, C, rows, columns, kernel height, kernel width) of the windows of padded images."""
    if any(padding):
        values = np.pad(values, ((0, 0), (0, 0), *((each, each) for each in padding)), constant_values=fill)
    reach = tuple(step * (length - 1) + 1 for step, length in zip(dilation, kernel))
    view = sliding_window_view(values, reach, axis=(2, 3))
    return view[:, :, :: stride[0], :: stride[1], :: dilation[0], :: dilation[1]]


def batched(x: Array) -> Array:
    """One image as a batch of one."""
    return x if x.ndim == 4 else x[None]


def _conv_options(call: Call) -> tuple[Pair, Pair, Pair, int]:
    stride, padding, dilation = (pair(name, argument(call, conv2d, name)) for name in ("stride", "padding", "dilation"))
    return stride, padding, dilation, argument(call, conv2d, "groups")


def conv2d(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Array:
    """Windows of `x` times `weight`, each sum rounded once; the bias is added after that, and rounded again.

    x: (N, C, H, W) or (C, H, W); weight: (out, C / groups, kernel height, kernel width); bias: (out,). A sum goes over
    channel, row and column of a window, in this order. The bias is an operation of its own, as torch has it for cuDNN.

    Raises RuntimeError for shapes that do not fit.
    """
    stride, padding, dilation = pair("stride", stride), pair("padding", padding), pair("dilation", dilation)
    _check_conv(x, weight, bias, stride, padding, dilation, groups)
    if bias is not None and bias.dtype != x.dtype:
        raise RuntimeError(f"Input type ({x.dtype}) and bias type ({bias.dtype}) should be the same")
    cut = windows(batched(x)._values, weight.shape[2:], stride, padding, dilation)
    out = finished(_windows_times(cut, weight, groups), x.dtype, "conv2d")
    out = out if bias is None else out + bias.reshape(-1, 1, 1)
    return out if x.ndim == 4 else out[0]


def _check_conv(x: Array, weight: Array, bias: Any, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> None:
    if x.dtype != weight.dtype:
        raise RuntimeError(f"Input type ({x.dtype}) and weight type ({weight.dtype}) should be the same")
    if x.ndim not in (3, 4):
        raise RuntimeError(
            f"Expected 3D (unbatched) or 4D (batched) input to conv2d, but got input of size: {list(x.shape)}"
        )
    if weight.ndim != 4:
        raise RuntimeError(f"Expected 4-dimensional weight for conv2d, but got weight of size: {list(weight.shape)}")
    if min(stride) < 1:
        raise RuntimeError("non-positive stride is not supported")
    if min(padding) < 0:
        raise RuntimeError("negative padding is not supported")
    if min(dilation) < 1:
        raise RuntimeError("dilation should be greater than zero")
    if groups < 1 or weight.shape[0] % groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be at least {groups} at dimension 0 and divisible by it, but "
            f"got weight of size {list(weight.shape)} instead"
        )
    channels = x.shape[-3]
    if weight.shape[1] * groups != channels:
        raise RuntimeError(
            f"Given groups={groups}, weight of size {list(weight.shape)}, expected input{list(x.shape)} to have "
            f"{weight.shape[1] * groups} channels, but got {channels} channels instead"
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise RuntimeError(
            f"Given weight of size {list(weight.shape)}, expected bias to be 1-dimensional with {weight.shape[0]} "
            f"elements, but got bias of size {list(bias.shape)} instead"
        )
    padded = tuple(length + 2 * each for length, each in zip(x.shape[-2:], padding))
    reach = tuple(step * (length - 1) + 1 for step, length in zip(dilation, weight.shape[2:]))
    if padded[0] < reach[0] or padded[1] < reach[1]:
        raise RuntimeError(
            f"Calculated padded input size per channel: {padded}. Kernel size: {reach}. Kernel size can't be greater "
            f"than actual input size"
        )


def _windows_times(cut: Values, weight: Array, groups: int) -> Values:
    """The sums of products of windows (N, C, rows, columns, h, w) and kernels (out, C / groups, h, w)."""
    n, channels, rows, columns = cut.shape[:4]
    out, each = weight.shape[0], channels // groups
    sums = []
    for group in range(groups):
        part = cut[:, group * each : (group + 1) * each]
        flat = part.transpose(0, 2, 3, 1, 4, 5).reshape(n * rows * columns, -1)
        kernels = weight[group * (out // groups) : (group + 1) * (out // groups)].reshape(out // groups, -1)
        total = accumulated(owned(flat, weight.dtype), kernels.T)
        sums.append(total.reshape(n, rows, columns, -1).transpose(0, 3, 1, 2))
    return np.concatenate(sums, axis=1)


def _into_images(g: Array, call: Call) -> Array:
    """Each sum over all windows that a pixel was in, as one: a convolution of the spread-out gradient."""
    x, weight = call.inputs[:2]
    stride, padding, dilation, groups = _conv_options(call)
    slope, kernel, lengths = batched(g)._values, weight.shape[2:], x.shape[-2:]
    n, out = slope.shape[:2]
    reach = tuple(step * (length - 1) for step, length in zip(dilation, kernel))
    # zeros between what the stride skipped, and around it so far that every pixel has its windows
    spread = np.zeros((n, out, *(length + 2 * p for length, p in zip(lengths, padding))), slope.dtype)
    spread = np.pad(spread, ((0, 0), (0, 0), (reach[0], 0), (reach[1], 0)))
    rows, columns = slope.shape[2:]
    spread[
        :, :,
        reach[0] : reach[0] + (rows - 1) * stride[0] + 1 : stride[0],
        reach[1] : reach[1] + (columns - 1) * stride[1] + 1 : stride[1],
    ] = slope  # fmt: skip
    spread = spread[:, :, padding[0] :, padding[1] :][:, :, : lengths[0] + reach[0], : lengths[1] + reach[1]]
    each = weight.shape[1]
    kernels = weight._values[..., ::-1, ::-1].reshape(groups, out // groups, each, *kernel)
    kernels = kernels.transpose(0, 2, 1, 3, 4).reshape(groups * each, out // groups, *kernel)
    cut = windows(spread, kernel, (1, 1), (0, 0), dilation)
    return finished(_windows_times(cut, owned(kernels, weight.dtype), groups), g.dtype, "conv2d").reshape(x.shape)


def _into_kernels(g: Array, call: Call) -> Array:
    x, weight = call.inputs[:2]
    stride, padding, dilation, groups = _conv_options(call)
    cut = windows(batched(x)._values, weight.shape[2:], stride, padding, dilation)
    slope = batched(g)._values
    cut = cut[:, :, : slope.shape[2], : slope.shape[3]]
    out, each = weight.shape[:2]
    sums = []
    for group in range(groups):
        part = cut[:, group * each : (group + 1) * each]
        flat = part.transpose(0, 2, 3, 1, 4, 5).reshape(-1, each * part.shape[4] * part.shape[5])
        own = slope[:, group * (out // groups) : (group + 1) * (out // groups)]
        rows = own.transpose(1, 0, 2, 3).reshape(out // groups, -1)
        sums.append(accumulated(owned(rows, g.dtype), owned(flat, g.dtype)))
    return finished(np.concatenate(sums).reshape(weight.shape), g.dtype, "conv2d")


# fmt: off
ROWS = (
    #          name      forward  derivatives                                       saves
    Operation("conv2d",  conv2d,  (_into_images, _into_kernels,
                                    lambda g, call: summed(batched(g), (0, 2, 3))), ("1", "0", "")),
)
# fmt: on
