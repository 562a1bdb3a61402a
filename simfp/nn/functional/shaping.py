"""What moves the values of images and sequences about: padding, resampling, shuffling; and one-hot codes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from simfp.autograd import Tensor, as_tensor
from simfp.autograd import functions as of
from simfp.autograd.picking import one_hot
from simfp.nn.functional.whole import as_one

__all__ = ["interpolate", "one_hot", "pad", "pixel_shuffle", "pixel_unshuffle", "unfold", "upsample"]

PLACES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}  # torch's name, NumPy's


def pad(input: Any, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """The input with values put around it, or cut off where numbers are negative.

    pad: before and after the last axis, then the one before it, and so on. mode: "constant" (`value`, 0 if not given),
    "reflect", "replicate" or "circular".

    Raises RuntimeError for numbers that do not fit, NotImplementedError for an unknown mode.
    """
    x, around = as_tensor(input), [int(each) for each in pad]
    if len(around) % 2 or len(around) // 2 > x.ndim:
        raise RuntimeError(f"Padding length must be divisible by 2 and at most twice {x.ndim}, got {len(around)}")
    if mode != "constant" and mode not in PLACES:
        raise NotImplementedError(f"Unrecognised padding mode {mode}; expected constant, reflect, replicate, circular")
    if mode != "constant" and value is not None:
        raise ValueError(f'Padding mode "{mode}" doesn\'t take in value argument')
    for number in range(len(around) // 2):
        axis, (before, after) = x.ndim - 1 - number, around[2 * number : 2 * number + 2]
        length = x.shape[axis]
        if length + before + after < (0 if mode == "constant" else 1):
            raise RuntimeError(f"padding of {before} and {after} leaves nothing of a length of {length}")
        if mode == "reflect" and max(before, after) >= length:
            raise RuntimeError(
                f"Padding size should be less than the corresponding input dimension, but got: padding ({before}, "
                f"{after}) at dimension {axis} of input {list(x.shape)}"
            )
        if mode == "circular" and max(before, after) > length:
            raise RuntimeError("Padding value causes wrapping around more than once.")
        x = _padded(x, axis, before, after, mode, 0.0 if value is None else value)
    return x


def _padded(x: Tensor, axis: int, before: int, after: int, mode: str, value: float) -> Tensor:
    cut = (slice(None),) * axis + (slice(max(-before, 0), x.shape[axis] - max(-after, 0)),)
    if mode == "constant":
        x = x[cut] if min(before, after) < 0 else x
        shapes = [(*x.shape[:axis], max(each, 0), *x.shape[axis + 1 :]) for each in (before, after)]
        ends = [Tensor(np.full(shape, value), dtype=x.dtype) for shape in shapes]
        return of.cat([ends[0], x, ends[1]], axis) if max(before, after) > 0 else x
    numbers = np.pad(np.arange(x.shape[axis]), (max(before, 0), max(after, 0)), PLACES[mode])  # type: ignore[call-overload]
    numbers = numbers[max(-before, 0) : len(numbers) - max(-after, 0)]
    picked: Tensor = x[(slice(None),) * axis + (numbers,)]
    return picked


# --- resampling


def interpolate(
    input: Any,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Sequences (N, C, L) or images (N, C, H, W) in another size, or times `scale_factor`.

    mode: "nearest"; "linear" (sequences) and "bilinear" (images), computed in float32 and rounded once. To autocast
    each is torch's upsample_nearest1d, upsample_bilinear2d and so on: in float32.

    Raises ValueError for what does not fit, NotImplementedError for another mode or `antialias`.
    """
    x = as_tensor(input)
    axes = x.ndim - 2
    if mode not in ("nearest", "linear", "bilinear") or antialias or axes not in (1, 2):
        raise NotImplementedError(
            f"interpolate: sequences and images by 'nearest', 'linear' or 'bilinear' are computed here, got {x.ndim}D "
            f"input with mode={mode!r}, antialias={antialias}"
        )
    if mode == "nearest" and align_corners is not None:
        raise ValueError(
            "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear"
        )
    if mode != "nearest" and (mode == "linear") != (axes == 1):
        raise ValueError(f"Got {x.ndim}D input, but {mode} mode needs {3 if mode == 'linear' else 4}D input")
    if (size is None) == (scale_factor is None):
        raise ValueError("only one of size or scale_factor should be defined, and one has to be")
    sizes, scales = _sizes(x.shape[2:], size, scale_factor, recompute_scale_factor)
    kind = {"nearest": "nearest", "linear": "linear", "bilinear": "bilinear"}[mode]

    def resampled(x: Tensor) -> Tensor:
        wide = x if mode == "nearest" else x.float()
        for number, (length, scale) in enumerate(zip(sizes, scales)):
            axis = 2 + number
            if mode == "nearest":
                wide = _nearest(wide, axis, length, scale)
            else:
                wide = _linear(wide, axis, length, scale, bool(align_corners))
        return wide if mode == "nearest" else wide.to(x.dtype)

    return as_one(f"upsample_{kind}{axes}d", resampled, input=x)  # type: ignore[no-any-return]


def _sizes(
    shape: tuple[int, ...], size: Any, factor: Any, recompute: bool | None
) -> tuple[list[int], list[float | None]]:
    """The new lengths, and the scale of each axis, where it is not to be found from the lengths."""
    given = factor if size is None else size
    listed = list(given) if isinstance(given, (list, tuple)) else [given] * len(shape)
    if len(listed) != len(shape):
        raise ValueError(f"size and scale_factor are for {len(shape)} axes, got {given!r}")
    if size is not None:
        return [int(each) for each in listed], [None] * len(shape)
    sizes = [math.floor(length * each) for length, each in zip(shape, listed)]
    return sizes, [None if recompute else float(each) for each in listed]


def _nearest(x: Tensor, axis: int, length: int, scale: float | None) -> Tensor:
    have = x.shape[axis]
    step = np.float32(1.0 / scale) if scale else np.float32(have) / np.float32(max(length, 1))
    places = np.minimum(np.floor(np.arange(length, dtype=np.float32) * step).astype(np.int64), have - 1)
    picked: Tensor = x[(slice(None),) * axis + (places,)]
    return picked


def _linear(x: Tensor, axis: int, length: int, scale: float | None, corners: bool) -> Tensor:
    """Between the two values beside each place, by their nearness, in float32."""
    have, one = x.shape[axis], np.float32(1)
    numbers = np.arange(length, dtype=np.float32)
    if corners:
        step = np.float32((have - 1) / (length - 1)) if length > 1 else np.float32(0)
        places = numbers * step
    else:
        step = np.float32(1.0 / scale) if scale else np.float32(have) / np.float32(max(length, 1))
        places = np.maximum(step * (numbers + np.float32(0.5)) - np.float32(0.5), np.float32(0))
    low = np.minimum(np.floor(places).astype(np.int64), have - 1)
    share = (places - low.astype(np.float32)).astype(np.float32).reshape(-1, *[1] * (x.ndim - axis - 1))
    before: Tensor = x[(slice(None),) * axis + (low,)]
    after: Tensor = x[(slice(None),) * axis + (np.minimum(low + 1, have - 1),)]
    return before * Tensor(one - share) + after * Tensor(share)


def upsample(input: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest",
             align_corners: bool | None = None) -> Tensor:  # fmt: skip
    """torch's older name for `interpolate`."""
    return interpolate(input, size, scale_factor, mode, align_corners)


# --- pixels and windows


def pixel_shuffle(input: Any, upscale_factor: int) -> Tensor:
    """(..., C r r, H, W) to (..., C, H r, W r)."""
    x, r = as_tensor(input), upscale_factor
    *batch, channels, rows, columns = _at_least_three("pixel_shuffle", x)
    if r < 1 or channels % (r * r):
        raise RuntimeError(
            f"pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, "
            f"but input.size(-3)={channels} is not divisible by {r * r}"
        )
    n = len(batch)
    split = x.reshape(*batch, channels // (r * r), r, r, rows, columns)
    moved = split.permute(*range(n), n, n + 3, n + 1, n + 4, n + 2)
    made: Tensor = moved.reshape(*batch, channels // (r * r), rows * r, columns * r)
    return made


def pixel_unshuffle(input: Any, downscale_factor: int) -> Tensor:
    """(..., C, H r, W r) to (..., C r r, H, W)."""
    x, r = as_tensor(input), downscale_factor
    *batch, channels, rows, columns = _at_least_three("pixel_unshuffle", x)
    if r < 1 or rows % r or columns % r:
        raise RuntimeError(
            f"pixel_unshuffle expects height and width to be divisible by downscale_factor, but {rows} and {columns} "
            f"are not divisible by {r}"
        )
    n = len(batch)
    split = x.reshape(*batch, channels, rows // r, r, columns // r, r)
    moved = split.permute(*range(n), n, n + 2, n + 4, n + 1, n + 3)
    made: Tensor = moved.reshape(*batch, channels * r * r, rows // r, columns // r)
    return made


def _at_least_three(name: str, x: Tensor) -> tuple[int, ...]:
    if x.ndim < 3:
        raise RuntimeError(f"{name} expects input to have at least 3 dimensions, but got input with {x.ndim}")
    return x.shape


def unfold(input: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Tensor:
    """The windows of images (N, C, H, W) as columns: (N, C times the window's size, number of windows)."""
    x = as_tensor(input)
    if x.ndim not in (3, 4):
        raise RuntimeError(f"Expected 3D or 4D (batch mode) tensor for unfold, got {list(x.shape)}")
    images = x if x.ndim == 4 else x.unsqueeze(0)
    size, apart, around, step = (np.broadcast_to(each, 2) for each in (kernel_size, dilation, padding, stride))
    images = pad(images, (around[1], around[1], around[0], around[0]))
    spans = [
        np.arange(0, length - gap * (width - 1), move)[None, :] + gap * np.arange(width)[:, None]
        for length, width, gap, move in zip(images.shape[2:], size, apart, step)
    ]
    if any(not each.size for each in spans):
        raise RuntimeError(f"unfold: windows of {tuple(size)} are larger than images of {images.shape[2:]}")
    rows, columns = spans[0][:, None, :, None], spans[1][None, :, None, :]
    cut: Tensor = images[:, :, rows, columns]
    made: Tensor = cut.reshape(cut.shape[0], cut.shape[1] * int(np.prod(size)), -1)
    return made if x.ndim == 4 else made.squeeze(0)
