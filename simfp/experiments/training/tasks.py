"""What there is to train: a network, what it learns from, and how well it does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simfp import nn
from simfp.experiments.training import digits, text
from simfp.experiments.training.models import GPT, convolutional, perceptron

__all__ = ["TASKS", "Batch", "Task"]

CONTEXT = 32
HELD_OUT = 0.1  # of the text, its end
WINDOWS = 32  # of the held-out text, that a measure looks at


class Batch(NamedTuple):
    """Inputs, float32 or integers, and for each output which class would be right."""

    inputs: NDArray[Any]
    targets: NDArray[np.int64]


@dataclass(frozen=True)
class Task:
    """A network and its data; and how it is trained where nobody says otherwise."""

    name: str
    what: str
    model: Callable[[np.random.Generator], nn.Module]
    draw: Callable[[np.random.Generator, int], Batch]  # so many samples to learn from
    measured: Callable[[], Batch]  # what it is tested on; the measure is the share of right answers
    optimizer: str
    options: dict[str, Any]  # of the optimizer
    batch: int
    steps: int


def _pictures(images: NDArray[np.float32], channels: bool) -> NDArray[np.float32]:
    return images[:, None] if channels else images.reshape(len(images), -1)


def _digits(channels: bool) -> tuple[Callable[[np.random.Generator, int], Batch], Callable[[], Batch]]:
    def draw(rng: np.random.Generator, size: int) -> Batch:
        known = digits.load()
        chosen = rng.integers(0, len(known.labels), size)
        return Batch(_pictures(known.images[chosen], channels), known.labels[chosen])

    def measured() -> Batch:
        known = digits.load()
        return Batch(_pictures(known.test_images, channels), known.test_labels)

    return draw, measured


@cache
def _characters() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The text as numbers: what is learned from, and what is held out."""
    numbers = np.array(text.encode(text.corpus()))
    learned = int(len(numbers) * (1 - HELD_OUT))
    return numbers[:learned], numbers[learned:]


def _windows(numbers: NDArray[np.int64], starts: NDArray[np.int64]) -> Batch:
    windows = numbers[starts[:, None] + np.arange(CONTEXT + 1)]
    return Batch(windows[:, :-1], windows[:, 1:])


def _text(rng: np.random.Generator, size: int) -> Batch:
    learned, _ = _characters()
    return _windows(learned, rng.integers(0, len(learned) - CONTEXT, size))


def _held_out() -> Batch:
    _, held_out = _characters()
    return _windows(held_out, np.arange(WINDOWS) * (len(held_out) // (WINDOWS + 1)))


def _gpt(rng: np.random.Generator) -> nn.Module:
    return GPT(len(text.vocabulary()), rng, context=CONTEXT)


def _deep(rng: np.random.Generator) -> nn.Module:
    return perceptron(rng, (64, *[64] * 8, 10))


SGD = {"lr": 0.1, "momentum": 0.9}
ADAMW = {"lr": 3e-3, "weight_decay": 0.01}
SLOWER = {"lr": 2e-3, "weight_decay": 0.01}
# fmt: off
TASKS = {task.name: task for task in (
    #    name   what                                        model          data              optimizer       batch steps
    Task("mlp", "a perceptron on digits",                   perceptron,    *_digits(False),  "SGD",   SGD,   64,  300),
    Task("deep", "a perceptron of nine layers on digits",   _deep,         *_digits(False),  "AdamW", SLOWER, 64, 300),
    Task("cnn", "two convolutions and a layer on digits",   convolutional, *_digits(True),   "SGD",   SGD,   64,  300),
    Task("gpt", "a GPT of two blocks on a text's letters",  _gpt,          _text, _held_out, "AdamW", ADAMW, 16,  300),
)}
# fmt: on
