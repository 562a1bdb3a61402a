"""Pooling, as torch.nn.functional has it: the largest value or the mean of each window."""

from __future__ import annotations

from typing import Any

import numpy as np

from simfp.autograd import Tensor, apply, as_tensor
from simfp.autograd import functions as of
from simfp.ops import OPERATIONS

__all__ = ["adaptive_avg_pool1d", "adaptive_avg_pool2d", "avg_pool1d", "avg_pool2d", "max_pool1d", "max_pool2d"]


def max_pool2d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor:
    """The largest value of each window."""
    _not_here("max_pool2d", ceil_mode=ceil_mode, return_indices=return_indices)
    return apply(OPERATIONS["max_pool2d"], input, kernel_size, stride, padding, dilation)


def avg_pool2d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window."""
    _not_here("avg_pool2d", ceil_mode=ceil_mode)
    return apply(
        OPERATIONS["avg_pool2d"], input, kernel_size, stride, padding, count_include_pad, divisor_override
    )  # fmt: skip


def _one(name: str, option: str, given: Any) -> int:
    """One number; RuntimeError for more."""
    numbers = (given,) if isinstance(given, (int, np.integer)) else tuple(given)
    if len(numbers) != 1:
        raise RuntimeError(f"{name}() {option} should be one number, got {given!r}")
    return int(numbers[0])


def max_pool1d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor:
    """The largest value of each window of a sequence."""
    _not_here("max_pool1d", ceil_mode=ceil_mode, return_indices=return_indices)
    size = _one("max_pool1d", "kernel_size", kernel_size)
    step = size if stride is None else _one("max_pool1d", "stride", stride)
    around, apart = _one("max_pool1d", "padding", padding), _one("max_pool1d", "dilation", dilation)
    return _as_images(
        "max_pool1d", input, lambda x: max_pool2d(x, (1, size), (1, step), (0, around), (1, apart))
    )  # fmt: skip


def avg_pool1d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The mean of each window of a sequence."""
    size = _one("avg_pool1d", "kernel_size", kernel_size)
    step = size if stride is None else _one("avg_pool1d", "stride", stride)
    around = _one("avg_pool1d", "padding", padding)
    return _as_images(
        "avg_pool1d", input, lambda x: avg_pool2d(x, (1, size), (1, step), (0, around), ceil_mode, count_include_pad)
    )


def adaptive_avg_pool1d(input: Any, output_size: Any) -> Tensor:
    """The means of `output_size` windows of nearly one length that make up a sequence."""
    size = _one("adaptive_avg_pool1d", "output_size", output_size)
    return _as_images("adaptive_avg_pool1d", input, lambda x: adaptive_avg_pool2d(x, (1, size)))


def _as_images(name: str, input: Any, pooled: Any) -> Tensor:
    x = as_tensor(input)
    if x.ndim not in (2, 3):
        raise RuntimeError(f"{name}() Expected 2D or 3D input tensor, but got {list(x.shape)}")
    return pooled(x.unsqueeze(-2)).squeeze(-2)  # type: ignore[no-any-return]


def adaptive_avg_pool2d(input: Any, output_size: Any) -> Tensor:
    """The means of windows of nearly one size that make up images (N, C, H, W): from i H / n, rounded down, to the
    next one's, rounded up.

    output_size: one number, or one for each axis, None for as many as there are. Windows of one size are
    `avg_pool2d`'s, one for the whole image is a mean, and the others are means of slices.
    """
    x = as_tensor(input)
    if x.ndim not in (3, 4):
        raise RuntimeError(f"adaptive_avg_pool2d(): Expected 3D or 4D tensor, but got {list(x.shape)}")
    given = tuple(output_size) if isinstance(output_size, (tuple, list)) else (output_size, output_size)
    lengths = x.shape[-2:]
    sizes = [length if each is None else int(each) for each, length in zip(given, lengths)]
    if len(given) != 2 or min(sizes) < 1:
        raise RuntimeError(f"adaptive_avg_pool2d: elements of output_size must be two positive ones, got {output_size}")
    if sizes == [1, 1]:
        return of.mean(x, (-2, -1), keepdim=True)
    if not any(length % size for length, size in zip(lengths, sizes)):
        return avg_pool2d(x, [length // size for length, size in zip(lengths, sizes)])
    spans = [
        [slice(i * length // size, -(-(i + 1) * length // size)) for i in range(size)]
        for length, size in zip(lengths, sizes)
    ]
    rows = [of.stack([of.mean(x[..., row, column], (-2, -1)) for column in spans[1]], -1) for row in spans[0]]
    return of.stack(rows, -2)


def _not_here(name: str, **options: bool) -> None:
    for option, asked in options.items():
        if asked:
            raise NotImplementedError(f"{name}: {option}=True is not computed here")
