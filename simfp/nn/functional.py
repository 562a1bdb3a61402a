"""Functions of networks, as torch.nn.functional has them."""

from __future__ import annotations

from typing import Any

from simfp.autograd import Tensor, apply
from simfp.ops import OPERATIONS

__all__ = ["linear", "mse_loss", "relu"]


def linear(input: Any, weight: Any, bias: Any = None) -> Tensor:
    """``input @ weight.T + bias``; see `simfp.ops.products.linear`."""
    return apply(OPERATIONS["linear"], input, weight, *([] if bias is None else [bias]))


def relu(input: Any) -> Tensor:
    """max(input, 0)."""
    return apply(OPERATIONS["relu"], input)


def mse_loss(input: Any, target: Any, reduction: str = "mean") -> Tensor:
    """The mean, or the sum, of the squared differences."""
    return apply(OPERATIONS["mse_loss"], input, target, reduction=reduction)
