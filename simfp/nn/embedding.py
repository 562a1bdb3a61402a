"""Embedding: a row of numbers for each of many things."""

from __future__ import annotations

from typing import Any

import numpy as np

from simfp.autograd import Tensor
from simfp.devices import DeviceLike
from simfp.nn import functional, init
from simfp.nn.linear import empty
from simfp.nn.module import Module
from simfp.randomness import Chance, generator
from simfp.typing import FormatLike

__all__ = ["Embedding"]


class Embedding(Module):
    """The rows of `weight`, (num_embeddings, embedding_dim), that an array of integers names.

    Rows begin normal with standard deviation 1, that of `padding_idx` 0, and it gets no gradient. torch's max_norm,
    scale_grad_by_freq and sparse are not there.

    Raises AssertionError for a `padding_idx` out of range.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        *,
        device: DeviceLike | None = None,
        dtype: FormatLike | None = None,
        rng: Chance = None,
    ) -> None:
        super().__init__()
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise AssertionError("Padding_idx must be within num_embeddings")
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.padding_idx = None if padding_idx is None else padding_idx % num_embeddings
        self.weight = empty(num_embeddings, embedding_dim, dtype=dtype)
        self.reset_parameters(rng)

    def reset_parameters(self, rng: Chance = None) -> None:
        """Draws the rows anew."""
        init.normal_(self.weight, generator=generator(rng))
        if self.padding_idx is not None:
            self.weight.data[self.padding_idx] = 0.0

    @classmethod
    def from_pretrained(cls, embeddings: Any, freeze: bool = True, padding_idx: int | None = None) -> Embedding:
        """One with the rows given, which are not trained if `freeze`."""
        rows = Tensor(embeddings)
        count, size = rows.shape
        made = cls(count, size, padding_idx, dtype=rows.dtype, rng=0)
        made.weight.data = rows.data.copy()
        made.weight.requires_grad = not freeze
        return made

    def forward(self, input: Any) -> Tensor:
        """An array of integers of any shape to (..., embedding_dim)."""
        places = input if isinstance(input, Tensor) else np.asarray(input)  # a change of a Tensor in place is noticed
        return functional.embedding(places, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        """As torch shows it."""
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"
