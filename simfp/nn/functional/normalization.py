"""Normalization and embedding, as torch.nn.functional has them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from simfp import precision
from simfp.autograd import Tensor, apply, as_tensor
from simfp.autograd import functions as of
from simfp.elementwise import FLOAT32
from simfp.ops import OPERATIONS

__all__ = ["batch_norm", "embedding", "group_norm", "layer_norm", "rms_norm"]


def layer_norm(
    input: Any, normalized_shape: Sequence[int], weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Tensor:
    """(x - mean) / sqrt(variance + eps) over the last axes."""
    return apply(OPERATIONS["layer_norm"], input, tuple(normalized_shape), weight, bias, eps)


def rms_norm(input: Any, normalized_shape: Sequence[int], weight: Any = None, eps: float | None = None) -> Tensor:
    """x / sqrt(mean of squares + eps) over the last axes; eps is float32's, 2^-23, if not given.

    A weight of another format than the input's is taken outside of autocast, as torch takes it on a CPU and on CUDA:
    step by step in float32, and the result is rounded to the input's format.
    """
    shape = tuple(normalized_shape)
    x, scale = as_tensor(input), None if weight is None else as_tensor(weight)
    if scale is None or scale.dtype == x.dtype or precision.current().autocast:
        return apply(OPERATIONS["rms_norm"], x, shape, scale, eps)
    if x.shape[x.ndim - len(shape) :] != shape or scale.shape != shape:
        return apply(OPERATIONS["rms_norm"], x, shape, scale.to(x.dtype), eps)  # which says what is wrong
    wide = x.float()
    squares = of.mean(of.pow(wide, 2), tuple(range(x.ndim - len(shape), x.ndim)), keepdim=True)
    return (wide * of.rsqrt(squares + (FLOAT32.eps if eps is None else eps)) * scale).to(x.dtype)


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
