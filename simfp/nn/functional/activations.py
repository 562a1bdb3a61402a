"""Activations, softmax and dropout, as torch.nn.functional has them."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from simfp.autograd import Tensor, apply, as_tensor
from simfp.autograd import functions as of
from simfp.nn.randomness import generator
from simfp.ops import OPERATIONS

__all__ = ["dropout", "gelu", "leaky_relu", "log_softmax", "relu", "sigmoid", "silu", "softmax", "softplus", "tanh"]


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

    rng: a NumPy Generator, or a seed for one; the shared one of `nn.manual_seed` if not given.
    """
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    x = as_tensor(input)
    if not training or p == 0:
        return x
    return apply(OPERATIONS["dropout"], x, generator(rng).random(x.shape) >= p, p)
