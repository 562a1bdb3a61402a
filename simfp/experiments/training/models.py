"""Three small networks: a perceptron and a convolutional network for digits, and a GPT for characters."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from simfp import nn
from simfp.autograd import Tensor

__all__ = ["GPT", "Block", "convolutional", "perceptron"]


def perceptron(rng: np.random.Generator, widths: tuple[int, ...] = (64, 128, 128, 10)) -> nn.Sequential:
    """Linear layers with ReLU between them; (N, widths[0]) to (N, widths[-1])."""
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise(widths):
        layers += [nn.Linear(fan_in, fan_out, rng=rng), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def convolutional(rng: np.random.Generator, channels: tuple[int, int] = (8, 16), classes: int = 10) -> nn.Sequential:
    """Two convolutions, each followed by ReLU and pooling, and a linear layer; (N, 1, 8, 8) to (N, classes)."""
    first, second = channels
    return nn.Sequential(
        nn.Conv2d(1, first, 3, padding=1, rng=rng), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(first, second, 3, padding=1, rng=rng), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(4 * second, classes, rng=rng),
    )  # fmt: skip


class Block(nn.Module):
    """A transformer's block, normalised first: causal attention, then two linear layers with GELU; both are added."""

    def __init__(self, width: int, heads: int, rng: np.random.Generator) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True, rng=rng)
        self.second_norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width, rng=rng), nn.GELU(), nn.Linear(4 * width, width, rng=rng))

    def forward(self, x: Tensor) -> Tensor:
        """(N, L, width) to the same."""
        y = self.norm(x)
        later = np.triu(np.ones((x.shape[1], x.shape[1]), bool), 1)
        x = x + self.attention(y, y, y, need_weights=False, attn_mask=later, is_causal=True)[0]
        out: Tensor = x + self.mlp(self.second_norm(x))
        return out


class GPT(nn.Module):
    """A decoder-only transformer (Radford et al., "Language Models are Unsupervised Multitask Learners", 2019).

    Embeddings of characters and of places begin normal with a deviation of 0.02, as GPT-2's do. The head is the
    embedding of characters once more, unless `tied` is False.
    """

    def __init__(
        self,
        vocabulary: int,
        rng: np.random.Generator,
        *,
        width: int = 48,
        heads: int = 4,
        blocks: int = 2,
        context: int = 32,
        tied: bool = True,
    ) -> None:
        super().__init__()
        self.context, self.tied = context, tied
        self.characters = nn.Embedding(vocabulary, width, rng=rng)
        self.places = nn.Embedding(context, width, rng=rng)
        for embedding in (self.characters, self.places):
            nn.init.normal_(embedding.weight, 0.0, 0.02, generator=rng)
        self.blocks = nn.Sequential(*(Block(width, heads, rng) for _ in range(blocks)))
        self.norm = nn.LayerNorm(width)
        self.head = None if tied else nn.Linear(width, vocabulary, bias=False, rng=rng)

    def forward(self, characters: Any) -> Tensor:
        """(N, L) numbers of characters to (N, L, vocabulary) logits of the next ones.

        Raises ValueError for more characters than the context holds.
        """
        length = characters.shape[1]
        if length > self.context:
            raise ValueError(f"this model reads {self.context} characters at once, got {length}")
        x = self.characters(characters) + self.places(np.arange(length))
        x = self.norm(self.blocks(x))
        return nn.functional.linear(x, self.characters.weight) if self.head is None else self.head(x)
