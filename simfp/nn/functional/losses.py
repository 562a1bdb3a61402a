"""Losses, as torch.nn.functional has them."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from simfp.arrays import Array
from simfp.autograd import Tensor, apply, as_tensor
from simfp.autograd import functions as of
from simfp.autograd.shaping import reshape
from simfp.ops import OPERATIONS
from simfp.typing import Reduction

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "huber_loss",
    "l1_loss",
    "mse_loss",
    "nll_loss",
    "smooth_l1_loss",
]


def mse_loss(input: Any, target: Any, reduction: Reduction = "mean") -> Tensor:
    """The squared differences; their mean, or sum."""
    _warn_of_sizes(input, target)
    return apply(OPERATIONS["mse_loss"], input, target, reduction=reduction)


def l1_loss(input: Any, target: Any, reduction: Reduction = "mean") -> Tensor:
    """The absolute differences; their mean, or sum."""
    _warn_of_sizes(input, target)
    return apply(OPERATIONS["l1_loss"], input, target, reduction=reduction)


def smooth_l1_loss(input: Any, target: Any, reduction: Reduction = "mean", beta: float = 1.0) -> Tensor:
    """Squares over 2 beta of differences below beta, and what is above beta / 2 of the others; their mean, or sum."""
    _warn_of_sizes(input, target)
    return apply(OPERATIONS["smooth_l1_loss"], input, target, reduction=reduction, beta=beta)


def huber_loss(input: Any, target: Any, reduction: Reduction = "mean", delta: float = 1.0) -> Tensor:
    """Half the squares of differences up to delta, delta times what is above delta / 2 of the others."""
    _warn_of_sizes(input, target)
    return apply(OPERATIONS["huber_loss"], input, target, reduction=reduction, delta=delta)


def _warn_of_sizes(input: Any, target: Any) -> None:
    if np.shape(_plain(input)) != np.shape(_plain(target)):
        warnings.warn(
            f"Using a target size ({list(np.shape(_plain(target)))}) that is different to the input size "
            f"({list(np.shape(_plain(input)))}). This will likely lead to incorrect results due to broadcasting. "
            f"Please ensure they have the same size.",
            stacklevel=3,
        )


def _plain(x: Any) -> Any:
    return x.data if isinstance(x, Tensor) else x


def binary_cross_entropy(input: Any, target: Any, weight: Any = None, reduction: Reduction = "mean") -> Tensor:
    """-(t log x + (1 - t) log(1 - x)) of probabilities; their mean, or sum."""
    return apply(OPERATIONS["binary_cross_entropy"], input, target, weight, reduction=reduction)


def binary_cross_entropy_with_logits(
    input: Any, target: Any, weight: Any = None, reduction: Reduction = "mean", pos_weight: Any = None
) -> Tensor:
    """The same of sigmoid(input), which no large input overflows."""
    row = OPERATIONS["binary_cross_entropy_with_logits"]
    return apply(row, input, target, weight, pos_weight, reduction=reduction)


def nll_loss(
    input: Any, target: Any, weight: Any = None, ignore_index: int = -100, reduction: Reduction = "mean"
) -> Tensor:  # fmt: skip
    """Minus the log-probability of each sample's class; their mean by weight, or sum."""
    return apply(OPERATIONS["nll_loss"], input, target, weight, ignore_index=ignore_index, reduction=reduction)


def cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """The cross entropy of logits (N, C, ...) and classes, an array of integers, or probabilities of `input`'s shape.

    A composition, as in torch. It asks `log_softmax` for the format of `input`, so that under autocast only what comes
    after that is in float32.

    Raises RuntimeError for a smoothing outside 0 to 1, and what `nll_loss` raises.
    """
    if not 0 <= label_smoothing <= 1:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    x = as_tensor(input)
    classes = 0 if x.ndim == 1 else 1
    logs = of.log_softmax(x, classes, dtype=x.dtype)
    count = x.shape[classes]
    along = None if weight is None else reshape(weight, [1] * classes + [count] + [1] * (x.ndim - classes - 1))
    if np.shape(_plain(target)) == x.shape:
        return _of_probabilities(logs, target, along, reduction, label_smoothing, count, classes)
    loss = nll_loss(logs, target, weight, ignore_index, reduction)
    if not label_smoothing:
        return loss
    smooth = -of.sum(logs if along is None else logs * along, classes)
    counted = np.asarray(target) != ignore_index
    smooth = of.masked_fill(smooth, ~counted, 0.0)
    if reduction == "sum" or (reduction == "mean" and weight is not None):
        smooth = of.sum(smooth)
    if reduction == "mean" and weight is None:
        smooth = of.sum(smooth) / _in_format(smooth, counted.sum())
    elif reduction == "mean":
        smooth = smooth / of.sum(as_tensor(weight)[np.asarray(target)[counted]])
    return loss * (1 - label_smoothing) + smooth * (label_smoothing / count)


def _of_probabilities(
    logs: Tensor, target: Any, along: Any, reduction: Reduction, smoothing: float, count: int, classes: int
) -> Tensor:
    shares = as_tensor(target)
    if not shares.is_floating_point():
        raise RuntimeError(
            f"Expected floating point type for target with class probabilities, got {shares.dtype}; use target.float()"
        )
    if smoothing:
        shares = shares * (1 - smoothing) + smoothing / count
    terms = logs * shares if along is None else logs * shares * along
    if reduction == "none":
        return -of.sum(terms, classes)
    if reduction not in ("mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    total = -of.sum(terms)
    return total if reduction == "sum" else total / (logs.numel() // count)


def _in_format(x: Tensor, number: Any) -> Array:
    return Array(number, x.dtype)
