"""Linear maps and convolutions, as torch.nn.functional has them."""

from __future__ import annotations

from typing import Any

import numpy as np

from simfp.autograd import Tensor, apply
from simfp.ops import OPERATIONS

__all__ = ["conv1d", "conv2d", "conv_transpose1d", "conv_transpose2d", "linear"]


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


def conv1d(
    input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Tensor:
    """Windows of (N, C, L) times kernels (out, C / groups, length): as `conv2d` of images of height 1."""
    if isinstance(padding, str):
        padding = _named_padding(padding, weight.shape[-1:], stride, dilation)
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return apply(OPERATIONS["conv1d"], input, weight, *([] if bias is None else [bias]), **options)


def conv_transpose1d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """The transposed convolution of sequences (N, in, L) with kernels (in, out / groups, length)."""
    options = {"stride": stride, "padding": padding, "output_padding": output_padding, "groups": groups}
    given = [] if bias is None else [bias]
    return apply(OPERATIONS["conv_transpose1d"], input, weight, *given, dilation=dilation, **options)


def conv_transpose2d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """The transposed convolution of images (N, in, H, W) with kernels (in, out / groups, height, width)."""
    options = {"stride": stride, "padding": padding, "output_padding": output_padding, "groups": groups}
    given = [] if bias is None else [bias]
    return apply(OPERATIONS["conv_transpose2d"], input, weight, *given, dilation=dilation, **options)


def _named_padding(name: str, kernel: tuple[int, ...], stride: Any, dilation: Any) -> tuple[int, ...]:
    if name == "valid":
        return (0,) * len(kernel)
    if name != "same":
        raise RuntimeError(f"Invalid padding string: '{name}'; expected 'valid' or 'same'")
    if np.any(np.asarray(stride) != 1):
        raise RuntimeError("padding='same' is not supported for strided convolutions")
    around = [int(step) * (length - 1) for step, length in zip(np.broadcast_to(dilation, len(kernel)), kernel)]
    if any(each % 2 for each in around):
        raise RuntimeError(f"padding='same' of kernels of even lengths is not computed here, got {tuple(kernel)}")
    return tuple(each // 2 for each in around)


# of sequences (N, C, L) or (C, L): that of images of height 1, as in torch
