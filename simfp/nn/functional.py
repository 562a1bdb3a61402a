"""Functions of networks, as torch.nn.functional has them."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from simfp import observe, precision
from simfp.arrays import Array
from simfp.autograd import Tensor, apply, as_tensor
from simfp.autograd import functions as of
from simfp.autograd.shaping import reshape
from simfp.elementwise import MEET_IN_FLOAT32
from simfp.ops import OPERATIONS

__all__ = [
    "avg_pool2d", "batch_norm", "binary_cross_entropy", "binary_cross_entropy_with_logits", "conv2d", "cross_entropy",
    "dropout", "embedding", "gelu", "group_norm", "huber_loss", "l1_loss", "layer_norm", "leaky_relu", "linear",
    "log_softmax", "max_pool2d", "mse_loss", "nll_loss", "relu", "rms_norm", "scaled_dot_product_attention", "sigmoid",
    "silu", "smooth_l1_loss", "softmax", "softplus", "tanh",
]  # fmt: skip


# --- products


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


# --- activations


def relu(input: Any, inplace: bool = False) -> Tensor:
    """max(input, 0). `inplace` is taken, and means nothing here."""
    return apply(OPERATIONS["relu"], input)


def leaky_relu(input: Any, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """The input where it is positive, else its product with a slope."""
    return apply(OPERATIONS["leaky_relu"], input, negative_slope)


def gelu(input: Any, approximate: str = "none") -> Tensor:
    """The input times the normal distribution's cumulative function, or by `approximate="tanh"` nearly that."""
    return apply(OPERATIONS["gelu"], input, approximate=approximate)


def silu(input: Any, inplace: bool = False) -> Tensor:
    """The input times its sigmoid."""
    return apply(OPERATIONS["silu"], input)


def softplus(input: Any, beta: float = 1, threshold: float = 20) -> Tensor:
    """log(1 + exp(beta x)) / beta, and x itself where beta x is above the threshold."""
    return apply(OPERATIONS["softplus"], input, beta, threshold)


tanh, sigmoid = of.tanh, of.sigmoid


def softmax(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """exp(x) over its sum along an axis."""
    return of.softmax(input, _chosen("softmax", input, dim), dtype)


def log_softmax(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """The logarithm of `softmax`."""
    return of.log_softmax(input, _chosen("log_softmax", input, dim), dtype)


def _chosen(name: str, x: Any, dim: int | None) -> int:
    if dim is not None:
        return dim
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument.",
        stacklevel=3,
    )
    return 0 if as_tensor(x).ndim in (0, 1, 3) else 1


def dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False, *, rng: Any = None) -> Tensor:
    """Values zeroed with probability p, the others over 1 - p; the input itself unless `training`.

    rng: a NumPy Generator, or a seed for one.
    """
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    x = as_tensor(input)
    if not training or p == 0:
        return x
    return apply(OPERATIONS["dropout"], x, np.random.default_rng(rng).random(x.shape) >= p, p)


# --- normalization and embedding


def layer_norm(
    input: Any, normalized_shape: Sequence[int], weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Tensor:
    """(x - mean) / sqrt(variance + eps) over the last axes."""
    return apply(OPERATIONS["layer_norm"], input, tuple(normalized_shape), weight, bias, eps)


def rms_norm(input: Any, normalized_shape: Sequence[int], weight: Any = None, eps: float | None = None) -> Tensor:
    """x / sqrt(mean of squares + eps) over the last axes."""
    return apply(OPERATIONS["rms_norm"], input, tuple(normalized_shape), weight, eps)


def group_norm(input: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Tensor:
    """(x - mean) / sqrt(variance + eps) over each group of channels."""
    shape = as_tensor(input).shape
    _more_than_one((math.prod(shape[:2]) // max(num_groups, 1), *shape[2:]), shape)
    return apply(OPERATIONS["group_norm"], input, num_groups, weight, bias, eps)


def batch_norm(
    input: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / sqrt(variance + eps) for each channel; in training the running statistics change in place."""
    if training:
        shape = as_tensor(input).shape
        _more_than_one((shape[0], *shape[2:]), shape)
    options = {"training": training, "momentum": momentum, "eps": eps}
    return apply(OPERATIONS["batch_norm"], input, weight, bias, running_mean, running_var, **options)


def _more_than_one(counts: tuple[int, ...], shape: tuple[int, ...]) -> None:
    if math.prod(counts) == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {list(shape)}")


def embedding(input: Any, weight: Any, padding_idx: int | None = None) -> Tensor:
    """The rows of `weight` that an array of integers names; that of `padding_idx` gets no gradient."""
    rows = len(weight)
    if padding_idx is not None and not -rows <= padding_idx < rows:
        raise AssertionError("Padding_idx must be within num_embeddings")
    return apply(OPERATIONS["embedding"], weight, input, padding_idx=-1 if padding_idx is None else padding_idx % rows)


# --- attention


def scaled_dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    *,
    rng: Any = None,
) -> Tensor:
    """softmax(query key^T scale + mask) value, step by step as torch's math backend takes them.

    query: (..., L, E); key: (..., S, E); value: (..., S, F). attn_mask: truth values, False where nothing is looked at,
    or numbers to be added. scale: 1 / sqrt(E) if not given; its root multiplies query and key each. Inputs of 16 bits
    are widened first, so that only the result is rounded to their format. A row with all of its keys masked gives 0.

    Raises RuntimeError for a mask beside `is_causal`.
    """
    if attn_mask is not None and is_causal:
        raise RuntimeError("_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True")
    q, k, v = (as_tensor(each) for each in (query, key, value))
    autocast = precision.current().autocast
    with observe.of_whole("scaled_dot_product_attention", q, k, v, autocast=autocast):
        return _attention(q, k, v, attn_mask, dropout_p, is_causal, scale, rng)


def _attention(
    q: Tensor, k: Tensor, v: Tensor, attn_mask: Any, dropout_p: float, is_causal: bool, scale: float | None, rng: Any
) -> Tensor:
    now = precision.current()
    if now.autocast:  # as a whole it is an operation of the 16-bit list; nothing inside is
        q, k, v = (each.to(now.dtype) if each.dtype in MEET_IN_FLOAT32 else each for each in (q, k, v))
    with precision.running(replace(now, autocast=False)):
        fmt = q.dtype
        if fmt in MEET_IN_FLOAT32:
            q, k, v = q.float(), k.float(), v.float()
        root = math.sqrt(1 / math.sqrt(q.shape[-1]) if scale is None else abs(scale))
        scores = (q * (-root if scale is not None and scale < 0 else root)) @ (k.mT * root)
        if is_causal:
            attn_mask = np.tri(*scores.shape[-2:], dtype=bool)
        shares = _safe_softmax(scores, attn_mask)
        if dropout_p:
            shares = dropout(shares, dropout_p, rng=rng)
        return (shares @ v).to(fmt)


def _safe_softmax(scores: Tensor, mask: Any) -> Tensor:
    """softmax over the last axis of what the mask leaves; 0 in rows of which it leaves nothing."""
    if mask is None:
        return of.softmax(scores, -1)
    if isinstance(mask, np.ndarray) and mask.dtype == bool:
        mask = Array(np.where(mask, 0.0, -np.inf), scores.dtype)
    return apply(OPERATIONS["_safe_softmax"], scores + mask, -1)


# --- losses


def mse_loss(input: Any, target: Any, reduction: str = "mean") -> Tensor:
    """The squared differences; their mean, or sum."""
    _warn_of_sizes(input, target)
    return apply(OPERATIONS["mse_loss"], input, target, reduction=reduction)


def l1_loss(input: Any, target: Any, reduction: str = "mean") -> Tensor:
    """The absolute differences; their mean, or sum."""
    _warn_of_sizes(input, target)
    return apply(OPERATIONS["l1_loss"], input, target, reduction=reduction)


def smooth_l1_loss(input: Any, target: Any, reduction: str = "mean", beta: float = 1.0) -> Tensor:
    """Squares over 2 beta of differences below beta, and what is above beta / 2 of the others; their mean, or sum."""
    _warn_of_sizes(input, target)
    return apply(OPERATIONS["smooth_l1_loss"], input, target, reduction=reduction, beta=beta)


def huber_loss(input: Any, target: Any, reduction: str = "mean", delta: float = 1.0) -> Tensor:
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


def binary_cross_entropy(input: Any, target: Any, weight: Any = None, reduction: str = "mean") -> Tensor:
    """-(t log x + (1 - t) log(1 - x)) of probabilities; their mean, or sum."""
    return apply(OPERATIONS["binary_cross_entropy"], input, target, weight, reduction=reduction)


def binary_cross_entropy_with_logits(
    input: Any, target: Any, weight: Any = None, reduction: str = "mean", pos_weight: Any = None
) -> Tensor:
    """The same of sigmoid(input), which no large input overflows."""
    row = OPERATIONS["binary_cross_entropy_with_logits"]
    return apply(row, input, target, weight, pos_weight, reduction=reduction)


def nll_loss(
    input: Any, target: Any, weight: Any = None, ignore_index: int = -100, reduction: str = "mean"
) -> Tensor:  # fmt: skip
    """Minus the log-probability of each sample's class; their mean by weight, or sum."""
    return apply(OPERATIONS["nll_loss"], input, target, weight, ignore_index=ignore_index, reduction=reduction)


def cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    ignore_index: int = -100,
    reduction: str = "mean",
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
    logs: Tensor, target: Any, along: Any, reduction: str, smoothing: float, count: int, classes: int
) -> Tensor:
    shares = as_tensor(target)
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
