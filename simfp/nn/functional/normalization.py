"""Normalization, as torch.nn.functional has it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from simfp import precision
from simfp.autograd import Tensor, apply, as_tensor
from simfp.autograd import functions as of
from simfp.autograd.shaping import clone, expand, reshape
from simfp.elementwise import FLOAT32
from simfp.ops import OPERATIONS

__all__ = ["batch_norm", "group_norm", "instance_norm", "layer_norm", "rms_norm"]


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


def instance_norm(
    input: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / sqrt(variance + eps) for each channel of each sample of (N, C, ...).

    As in torch it is `batch_norm` of one sample with N C channels; running statistics become the mean over the samples.
    """
    x = as_tensor(input)
    samples, channels, *rest = x.shape
    if use_input_stats:
        _more_than_one(tuple(rest), x.shape)
    each = {"mean": running_mean, "var": running_var, "weight": weight, "bias": bias}
    tensors = {name: None if given is None else as_tensor(given) for name, given in each.items()}
    repeated = {
        name: None if given is None else reshape(expand(given, samples, channels), (samples * channels,))
        for name, given in tensors.items()
    }
    flat = reshape(x, (1, samples * channels, *rest))
    kept = {name: None if (t := repeated[name]) is None else clone(t.detach()) for name in ("mean", "var")}
    options = {"training": use_input_stats, "momentum": momentum, "eps": eps}
    made = apply(
        OPERATIONS["batch_norm"], flat, repeated["weight"], repeated["bias"], kept["mean"], kept["var"], **options
    )
    for name in ("mean", "var"):
        running, fresh = tensors[name], kept[name]
        if use_input_stats and running is not None and fresh is not None:
            running.data = of.mean(reshape(fresh, (samples, channels)), 0).data
    return reshape(made, x.shape)


def _more_than_one(counts: tuple[int, ...], shape: tuple[int, ...]) -> None:
    if math.prod(counts) == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {list(shape)}")
