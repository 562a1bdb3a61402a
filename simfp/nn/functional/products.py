"""Linear maps, convolutions and pooling, as torch.nn.functional has them."""

from __future__ import annotations

from typing import Any

import numpy as np

from simfp.autograd import Tensor, apply
from simfp.ops import OPERATIONS

__all__ = ["avg_pool2d", "conv2d", "linear", "max_pool2d"]


def linear(input: Any, weight: Any, bias: Any = None) -> Tensor:
    """``input @ weight.T + bias``; see `simfp.ops.products.linear`."""
    return apply(OPERATIONS["linear"], input, weight, *([] if bias is None else [bias]))


def conv2d(
    input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Tensor:
    """Windows of (N, C, H, W) times kernels (out, C / groups, height, width); see `simfp.ops.convolution.conv2d`.

    padding: one or two numbers, "valid" for none, or "same" for output of the input's size (odd kernels, stride 1).
    """
    if isinstance(padding, str):
        padding = _named_padding(padding, weight.shape[-2:], stride, dilation)
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return apply(OPERATIONS["conv2d"], input, weight, *([] if bias is None else [bias]), **options)


def _named_padding(name: str, kernel: tuple[int, ...], stride: Any, dilation: Any) -> tuple[int, ...]:
    if name == "valid":
        return (0, 0)
    if name != "same":
        raise RuntimeError(f"Invalid padding string: '{name}'; expected 'valid' or 'same'")
    if np.any(np.asarray(stride) != 1):
        raise RuntimeError("padding='same' is not supported for strided convolutions")
    around = [int(step) * (length - 1) for step, length in zip(np.broadcast_to(dilation, 2), kernel)]
    if any(each % 2 for each in around):
        raise RuntimeError(f"padding='same' of kernels of even lengths is not computed here, got {tuple(kernel)}")
    return tuple(each // 2 for each in around)


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


def _not_here(name: str, **options: bool) -> None:
    for option, asked in options.items():
        if asked:
            raise NotImplementedError(f"{name}: {option}=True is not computed here")
