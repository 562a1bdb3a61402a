"""The least that an optimizer takes for a parameter, and that a GradScaler takes for a loss."""

from __future__ import annotations

from typing import Any

import numpy as np

import simfp as sf


class Parameter:
    """An Array with a gradient that is assigned by hand."""

    def __init__(self, data: Any, dtype: Any = None, grad: Any = None) -> None:
        self.data = sf.array(data, dtype=dtype)
        self.grad = None if grad is None else sf.array(grad, dtype=self.data.dtype)
        self.requires_grad = self.is_leaf = True

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape

    @property
    def dtype(self) -> sf.Format:
        return self.data.dtype

    def __mul__(self, other: Any) -> Parameter:
        product = self.data * other
        return Parameter(product, product.dtype)


def spread(draw: np.random.Generator, *shape: int, low: int = -8, high: int = 8) -> np.ndarray:
    """Normal numbers times powers of two, so that additions lose bits."""
    with np.errstate(over="ignore"):
        return (draw.normal(size=shape) * 2.0 ** draw.integers(low, high, shape)).astype(np.float32)
