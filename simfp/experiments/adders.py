"""Things that add, each asked for the sums of rows of numbers, as `simfp.probing` wants them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simfp.formats import as_format
from simfp.tensor_core import Generation, TensorCore

__all__ = ["dot", "matmul", "model", "numpy_sum"]

Rows = NDArray[np.float64]
SIDE = 16  # rows of a matrix product, and its columns: so that each call has the same shape


def numpy_sum(rows: Rows) -> Rows:
    """`np.sum` of each row, in float32."""
    return np.array([row.sum() for row in rows.astype(np.float32)], np.float64)


def dot(rows: Rows) -> Rows:
    """NumPy's dot product of each row with ones, in float32."""
    ones = np.ones(rows.shape[1], np.float32)
    return np.array([row @ ones for row in rows.astype(np.float32)], np.float64)


def matmul(rows: Rows) -> Rows:
    """NumPy's product of (16, K) and (K, 16) matrices in float32: rows by ones."""
    ones = np.ones((rows.shape[1], SIDE), np.float32)
    found = np.empty(len(rows))
    for start in range(0, len(rows), SIDE):
        block = np.zeros((SIDE, rows.shape[1]), np.float32)
        here = rows[start : start + SIDE]
        block[: len(here)] = here
        found[start : start + SIDE] = (block @ ones)[: len(here), 0]
    return found


def model(core: TensorCore | Generation, fmt: Any) -> Callable[[Rows], Rows]:
    """The sums that a tensor core makes of products of each row's numbers, of `fmt`, with 1."""
    narrow = as_format(fmt)

    def sums(rows: Rows) -> Rows:
        return core.products(rows, np.ones((rows.shape[1], 1)), narrow)[:, 0]

    return sums
