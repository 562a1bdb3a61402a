"""Handwritten digits: small pictures to learn from, and others to be tested on."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["FILE", "LEVELS", "Digits", "load", "provenance"]

FILE = "digits.npz"  # made by `python -m simfp.experiments.training.pack_digits`
LEVELS = 16  # pixels are multiples of 1 / LEVELS from 0 to 1: exact in every format with 4 bits of precision
TESTED = 360  # pictures, a fifth, set aside
SPLIT_SEED = 0


class Digits(NamedTuple):
    """Pictures, (n, 8, 8) float32 from 0 to 1, and which digit each of them is."""

    images: NDArray[np.float32]
    labels: NDArray[np.int64]
    test_images: NDArray[np.float32]
    test_labels: NDArray[np.int64]


@cache
def load() -> Digits:
    """1,437 pictures to learn from and 360 to be tested on, always the same; shared, and not to be changed."""
    with _open() as file, np.load(file) as kept:
        images = kept["images"].astype(np.float32) / LEVELS
        labels = kept["labels"].astype(np.int64)
    order = np.random.default_rng(SPLIT_SEED).permutation(len(labels))
    tested, learned = order[:TESTED], order[TESTED:]
    digits = Digits(images[learned], labels[learned], images[tested], labels[tested])
    for each in digits:
        each.flags.writeable = False
    return digits


def provenance() -> dict[str, Any]:
    """Where the pictures come from: data set, authors, licence, script, versions."""
    with _open() as file, np.load(file) as kept:
        told: dict[str, Any] = json.loads(str(kept["provenance"]))
        return told


def _open() -> Any:
    return resources.files(__package__).joinpath("data", FILE).open("rb")
