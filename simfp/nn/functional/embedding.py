"""Embedding, as torch.nn.functional has it: rows of a table, by their numbers."""

from __future__ import annotations

from typing import Any

from simfp.autograd import Tensor, apply
from simfp.ops import OPERATIONS

__all__ = ["embedding"]


def embedding(input: Any, weight: Any, padding_idx: int | None = None) -> Tensor:
    """The rows of `weight` that an array of integers names; that of `padding_idx` gets no gradient."""
    rows = len(weight)
    if padding_idx is not None and not -rows <= padding_idx < rows:
        raise AssertionError("Padding_idx must be within num_embeddings")
    return apply(OPERATIONS["embedding"], weight, input, padding_idx=-1 if padding_idx is None else padding_idx % rows)
