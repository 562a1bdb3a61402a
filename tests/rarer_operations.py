"""Inputs and options of the rarer activations and optimizers that a GPU was asked; for both sides."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

FORMATS = ("float32", "float16", "bfloat16")
RNG = np.random.default_rng(20)
GIVEN = [
    RNG.uniform(low, high, shape).astype(np.float32)
    for low, high, shape in ((-10, 10, (128, 512)), (-3, 3, (128, 512)), (0.1, 0.5, 512))
]  # the input, the gradient, a weight

OPTIMIZERS: list[tuple[str, dict[str, Any]]] = [
    ("RMSprop", {}),
    ("RMSprop", {"lr": 0.03, "alpha": 0.9, "weight_decay": 0.1, "maximize": True}),
    ("RMSprop", {"momentum": 0.9, "eps": 1e-3}),
    ("RMSprop", {"centered": True, "eps": 1e-2, "momentum": 0.7, "alpha": 0.4}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.3, "weight_decay": 0.1}),
    ("Adamax", {}),
    ("Adamax", {"lr": 0.1, "betas": (0.4, 0.9), "weight_decay": 0.01}),
]
CUDAS_NAN = np.array(0x7FFFFFFF, np.uint32).view(np.float32)


def checksum(values: np.ndarray) -> str:
    """The first 16 digits of the SHA-256 of the values, every NaN being CUDA's."""
    return hashlib.sha256(np.where(np.isnan(values), CUDAS_NAN, values).tobytes()).hexdigest()[:16]
