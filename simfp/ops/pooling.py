"""Pooling: the largest value, or the mean, of each window of images (N, C, H, W)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simfp.arrays import Array, owned
from simfp.ops.convolution import batched, pair, windows
from simfp.ops.operation import Call, Operation, Saved, argument, finished, widened

__all__ = ["ROWS"]

Values = NDArray[Any]
Pair = tuple[int, int]


def _pooled(name: str, x: Array, kernel: Any, stride: Any, padding: Any) -> tuple[Pair, Pair, Pair]:
    """Kernel, stride and padding as pairs; RuntimeError for what does not fit."""
    if x.ndim not in (3, 4):
        raise RuntimeError(f"{name}: Expected 3D or 4D (batch mode) tensor, got shape {list(x.shape)}")
    size, around = pair(f"{name}: kernel_size", kernel), pair(f"{name}: padding", padding)
    step = size if stride is None else pair(f"{name}: stride", stride)
    if min(size) < 1:
        raise RuntimeError(f"kernel size should be greater than zero, but got kH: {size[0]} kW: {size[1]}")
    if min(step) < 1:
        raise RuntimeError("stride should not be zero")
    if around[0] > size[0] // 2 or around[1] > size[1] // 2 or min(around) < 0:
        raise RuntimeError(
            f"pad should be at most half of effective kernel size, but got pad={max(around)}, kernel_size={max(size)}"
        )
    return size, step, around


def _check_windows(x: Array, reach: Pair, padding: Pair) -> None:
    lengths = tuple(length + 2 * each - size + 1 for length, each, size in zip(x.shape[-2:], padding, reach))
    if min(lengths) < 1:
        raise RuntimeError(f"Given input size: {x.shape[-3:]}. Calculated output size is too small")


def max_pool2d(x: Array, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1) -> Saved:
    """The largest value of each window, NaN if there is one; the stride is the kernel's size if not given."""
    size, step, around = _pooled("max_pool2d", x, kernel_size, stride, padding)
    apart = pair("max_pool2d: dilation", dilation)
    _check_windows(x, (apart[0] * (size[0] - 1) + 1, apart[1] * (size[1] - 1) + 1), around)
    images = batched(x)._values
    cut = windows(images, size, step, around, apart, fill=-np.inf)
    flat = cut.reshape(*cut.shape[:4], -1)
    winners = flat.argmax(axis=-1)
    out = np.take_along_axis(flat, winners[..., None], axis=-1)[..., 0]
    places = np.arange(images[0, 0].size).reshape(images.shape[2:])[None, None]
    numbers = windows(places, size, step, around, apart, fill=-1)
    numbers = np.broadcast_to(numbers.reshape(1, 1, *cut.shape[2:4], -1), flat.shape)
    from_pixels = np.take_along_axis(numbers, winners[..., None], axis=-1)[..., 0]
    return Saved(owned(out if x.ndim == 4 else out[0], x.dtype), from_pixels)


@np.errstate(all="ignore")
def _into_winners(g: Array, call: Call) -> Array:
    """Each gradient to the pixel that won; where windows overlap, the float32 sum, rounded once."""
    x, places = call.inputs[0], call.saved
    slope = widened(batched(g))
    planes = np.zeros((slope.shape[0] * slope.shape[1], x.shape[-2] * x.shape[-1]), slope.dtype)
    np.add.at(
        planes, (np.arange(len(planes))[:, None], places.reshape(len(planes), -1)), slope.reshape(len(planes), -1)
    )
    return finished(planes.reshape(x.shape), g.dtype, "max_pool2d")


def avg_pool2d(
    x: Array,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Array:
    """The mean of each window: a float32 sum, row by row, divided by the count, rounded once."""
    size, step, around = _pooled("avg_pool2d", x, kernel_size, stride, padding)
    _check_windows(x, size, around)
    images = widened(batched(x))
    cut = windows(images, size, step, around)
    with np.errstate(all="ignore"):
        sums = np.zeros(cut.shape[:4], images.dtype)
        for row in range(size[0]):
            for column in range(size[1]):
                sums += cut[..., row, column]
        out = sums / _counts(images, size, step, around, count_include_pad, divisor_override)
    return finished(out if x.ndim == 4 else out[0], x.dtype, "avg_pool2d")


def _counts(images: Values, size: Pair, step: Pair, around: Pair, with_padding: bool, override: int | None) -> Any:
    """What each window's sum is divided by.

    Raises RuntimeError for a divisor of 0.
    """
    if override is not None:
        if not override:
            raise RuntimeError("divisor must be not zero")
        return images.dtype.type(override)
    if with_padding:
        return images.dtype.type(size[0] * size[1])
    ones = np.ones((1, 1, *images.shape[2:]), images.dtype)
    return windows(ones, size, step, around).sum(axis=(-1, -2), dtype=images.dtype)


@np.errstate(all="ignore")
def _into_windows(g: Array, call: Call) -> Array:
    """Each gradient over its count, to every pixel of its window, in float32; the quotients are rounded first."""
    x = call.inputs[0]
    names = "stride", "padding", "count_include_pad", "divisor_override"
    stride, padding, with_padding, override = (argument(call, avg_pool2d, name) for name in names)
    size, step, around = _pooled("avg_pool2d", x, call.inputs[1], stride, padding)
    images = batched(x)
    counts = _counts(widened(images), size, step, around, with_padding, override)
    shares = widened(finished(widened(batched(g)) / counts, g.dtype, "avg_pool2d"))
    rows, columns = shares.shape[2:]
    padded = np.zeros((*images.shape[:2], *(length + 2 * each for length, each in zip(x.shape[-2:], around))),
                      shares.dtype)  # fmt: skip
    # the kernel visits a pixel's windows in order, so that its last row and column come first
    for row in reversed(range(size[0])):
        for column in reversed(range(size[1])):
            padded[
                :, :,
                row : row + (rows - 1) * step[0] + 1 : step[0],
                column : column + (columns - 1) * step[1] + 1 : step[1],
            ] += shares  # fmt: skip
    inner = padded[:, :, around[0] :, around[1] :][:, :, : x.shape[-2], : x.shape[-1]]
    return finished(inner.reshape(x.shape), g.dtype, "avg_pool2d")


# fmt: off
ROWS = (
    #          name          forward      derivatives       saves
    Operation("max_pool2d",  max_pool2d,  (_into_winners,), ("s",)),
    Operation("avg_pool2d",  avg_pool2d,  (_into_windows,), ("",)),
)
# fmt: on
