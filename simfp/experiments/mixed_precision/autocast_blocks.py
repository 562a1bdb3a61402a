"""Small networks to follow through autocast: one forward and one backward pass each, traced.

They are small so that each operation can be looked at; the rules do not depend on sizes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from simfp import nn
from simfp.amp import autocast
from simfp.autograd import Tensor
from simfp.nn.functional import cross_entropy, gelu, mse_loss, relu, softmax, tanh
from simfp.tracing import Trace

__all__ = ["BLOCKS", "Block", "follow"]

WIDTH, LENGTH, CLASSES = 8, 6, 5


class Attention(nn.Module):
    """One head of attention, each operation written out."""

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__()
        self.query, self.key, self.value, self.out = (nn.Linear(WIDTH, WIDTH, rng=rng) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        """(L, WIDTH) to the same."""
        scores = self.query(x) @ self.key(x).t() * WIDTH**-0.5
        return self.out(softmax(scores, -1) @ self.value(x))  # type: ignore[no-any-return]


class Transformer(nn.Module):
    """A block of a transformer, normalised first, and a head."""

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__()
        self.norm, self.second_norm = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.attention = Attention(rng)
        self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH, rng=rng), nn.Linear(4 * WIDTH, WIDTH, rng=rng)
        self.head = nn.Linear(WIDTH, CLASSES, rng=rng)

    def forward(self, x: Any) -> Tensor:
        """(L, WIDTH) to (L, CLASSES)."""
        x = x + self.attention(self.norm(x))
        x = x + self.down(gelu(self.up(self.second_norm(x))))
        return self.head(x)  # type: ignore[no-any-return]


class Convolutional(nn.Module):
    """A convolution with its normalization, a second one, and a head over the mean of each channel."""

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 4, 3, padding=1, rng=rng), nn.Conv2d(4, 8, 3, padding=1, rng=rng)
        self.norm, self.pool = nn.BatchNorm2d(4), nn.MaxPool2d(2)
        self.head = nn.Linear(8, CLASSES, rng=rng)

    def forward(self, x: Any) -> Tensor:
        """(N, 1, H, W) to (N, CLASSES)."""
        x = self.pool(relu(self.norm(self.first(x))))
        return self.head(relu(self.second(x)).mean((2, 3)))  # type: ignore[no-any-return]


class Shared(nn.Module):
    """One linear layer, used three times."""

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__()
        self.layer = nn.Linear(WIDTH, WIDTH, rng=rng)

    def forward(self, x: Any) -> Tensor:
        """(L, WIDTH) to the same."""
        for _ in range(3):
            x = tanh(self.layer(x))
        return x  # type: ignore[no-any-return]


class Island(nn.Module):
    """Two linear layers, and between them a norm written by hand, in a region in which autocast is off."""

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(WIDTH, WIDTH, rng=rng), nn.Linear(WIDTH, WIDTH, rng=rng)

    def forward(self, x: Any) -> Tensor:
        """(L, WIDTH) to the same."""
        x = self.first(x)
        with autocast(enabled=False):
            x = x.float()
            x = x * ((x * x).mean(-1, keepdim=True) + 1e-6).rsqrt()
        return self.second(x)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Block:
    """A network to follow, what goes in, and the loss."""

    name: str
    what: str
    model: Callable[[np.random.Generator], nn.Module]
    shape: tuple[int, ...]  # of the inputs
    loss: Callable[[Tensor, np.random.Generator], Tensor]


def _of_classes(y: Tensor, rng: np.random.Generator) -> Tensor:
    return cross_entropy(y, rng.integers(0, CLASSES, len(y)))


def _of_values(y: Tensor, rng: np.random.Generator) -> Tensor:
    return mse_loss(y, rng.normal(0, 1, y.shape).astype(np.float32))


# fmt: off
BLOCKS = {block.name: block for block in (
    #     name           what                                         network        inputs           loss
    Block("transformer", "a transformer block, attention written out", Transformer,   (LENGTH, WIDTH), _of_classes),
    Block("cnn",         "a convolutional block",                      Convolutional, (2, 1, 8, 8),    _of_classes),
    Block("shared",      "one linear layer, used three times",         Shared,        (LENGTH, WIDTH), _of_values),
    Block("island",      "a norm by hand, with autocast off",          Island,        (LENGTH, WIDTH), _of_values),
)}
# fmt: on


def follow(block: str, dtype: Any = "float16", enabled: bool = True, cache_enabled: bool = True) -> Trace:
    """The trace of one forward and one backward pass of a block, under autocast with these settings.

    Raises ValueError for an unknown block.
    """
    if block not in BLOCKS:
        raise ValueError(f"unknown block {block!r}; expected one of {', '.join(BLOCKS)}")
    row, rng = BLOCKS[block], np.random.default_rng(0)
    model = row.model(rng)
    x = rng.normal(0, 1, row.shape).astype(np.float32)
    with Trace(model) as trace:
        with autocast(dtype=dtype, enabled=enabled, cache_enabled=cache_enabled):
            loss = row.loss(model(x), rng)
        loss.backward()
    return trace
