"""Things that add, each asked for the sums of rows of numbers, as `simfp.probing` wants them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simfp.formats import as_format
from simfp.ops.device_sums import by_warp, over_axes
from simfp.tensor_core import Generation, TensorCore

__all__ = ["dot", "in_a_softmax", "matmul", "model", "numpy_sum", "on_cuda"]

Rows = NDArray[np.float64]
SIDE = 16  # rows of a matrix product, and its columns


def numpy_sum(rows: Rows) -> Rows:
    """`np.sum` of each row, in float32."""
    return np.array([row.sum() for row in rows.astype(np.float32)], np.float64)


def dot(rows: Rows) -> Rows:
    """NumPy's dot product of each row with ones, in float32."""
    ones = np.ones(rows.shape[1], np.float32)
    return np.array([row @ ones for row in rows.astype(np.float32)], np.float64)


def matmul(rows: Rows) -> Rows:
    """The first sum in NumPy's product of (16, K) and (K, 16) matrices in float32: each row by ones.

    One product for each row: within one, kernels for some processors add in another order from row to row.
    """
    block, ones = np.zeros((SIDE, rows.shape[1]), np.float32), np.ones((rows.shape[1], SIDE), np.float32)
    found = np.empty(len(rows))
    for place, row in enumerate(rows.astype(np.float32)):
        block[0] = row
        found[place] = np.matmul(block, ones)[0, 0]
    return found


def model(core: TensorCore | Generation, fmt: Any) -> Callable[[Rows], Rows]:
    """The sums that a tensor core makes of products of each row's numbers, of `fmt`, with 1."""
    narrow = as_format(fmt)

    def sums(rows: Rows) -> Rows:
        return core.products(rows, np.ones((rows.shape[1], 1)), narrow)[:, 0]

    return sums


def on_cuda(rows: Rows) -> Rows:
    """`torch.sum` of each row of numbers, in float32, in the order of its CUDA kernel for one row alone."""
    return np.array([float(over_axes(row, (0,))) for row in rows.astype(np.float32)])


def in_a_softmax(rows: Rows) -> Rows:
    """The sum that softmax's CUDA kernel makes of each row, for up to 1,024 values in float32."""
    return by_warp(rows.astype(np.float32))[:, 0].astype(np.float64)
