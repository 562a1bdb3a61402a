"""torch.nn.utils' names: what holds gradients within bounds (see `simfp.clipping`), and parameters as one vector."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from simfp.autograd import Tensor
from simfp.autograd.functions import cat
from simfp.clipping import clip_grad_norm_, clip_grad_value_

__all__ = ["clip_grad_norm_", "clip_grad_value_", "parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters: Iterable[Any]) -> Tensor:
    """All values of all parameters, one after the other, as one axis."""
    return cat([p.reshape(-1) for p in parameters])


def vector_to_parameters(vec: Any, parameters: Iterable[Any]) -> None:
    """Gives parts of a vector to parameters, in their order and shapes; each value is rounded to the format it gets.

    Raises TypeError for what is no Tensor, ValueError where the vector is too short or too long; nothing is changed.
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected torch.Tensor, but got: {type(vec).__name__}")
    listed = list(parameters)
    count = sum(p.numel() for p in listed)
    if vec.shape != (count,):
        raise ValueError(f"expected a vector of {count} values for these parameters, got shape {list(vec.shape)}")
    start = 0
    for p in listed:
        part = vec.data[start : start + p.numel()].reshape(p.shape)
        p.data = part.copy() if part.dtype == p.dtype else part.astype(p.dtype)
        start += p.numel()
