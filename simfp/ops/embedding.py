"""Rows of a matrix by their numbers, and its gradient: each row's uses are added as on CUDA (Embedding.cu)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simfp.accumulation import in_threads
from simfp.arrays import Array, owned
from simfp.kernels.embedding import in_parts
from simfp.ops.operation import Call, Operation, argument, finished, widened

__all__ = ["ROWS"]

FEW = 3072  # uses that the first of two kernels takes
AT_ONCE = 32  # of these it adds up before it adds them to the gradient


def embedding(weight: Array, indices: Any, padding_idx: int = -1) -> Array:
    """Rows of a matrix.

    Raises RuntimeError for other than integers, IndexError for indices out of range.
    """
    rows = np.asarray(indices)
    if rows.dtype.kind not in "iu":
        raise RuntimeError(
            f"Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got "
            f"{getattr(indices, 'dtype', rows.dtype)} instead (while checking arguments for embedding); use "
            "indices.long()"
        )
    if weight.ndim != 2:
        raise RuntimeError("'weight' must be 2-D")
    if rows.size and (rows.min() < 0 or rows.max() >= len(weight)):
        raise IndexError(f"index out of range in self: {rows.min()} to {rows.max()} among {len(weight)} rows")
    return weight[rows]


def _gathered_rows(g: Array, call: Call) -> Array:
    """The gradient of each row, summed over the row's uses; 0 for the padding row."""
    weight, indices = call.inputs[:2]
    padding = argument(call, embedding, "padding_idx")
    rows, parts = np.asarray(indices).reshape(-1), widened(g).reshape(-1, weight.shape[1])
    if len(rows) > FEW:
        total = finished(_by_sorting(rows, parts, len(weight)), g.dtype, "embedding")
    else:
        total = owned(np.zeros(weight.shape, g.dtype.carrier), g.dtype)
        for start in range(0, len(rows), AT_ONCE):
            here = slice(start, start + AT_ONCE)
            used, places = np.unique(rows[here], return_inverse=True)
            sums = np.zeros((len(used), weight.shape[1]), parts.dtype)
            np.add.at(sums, places, parts[here])
            total[used] = total[used] + finished(sums, g.dtype, "embedding")
    if padding >= 0:
        total[padding] = 0.0
    return total


def _by_sorting(rows: NDArray[Any], parts: NDArray[Any], count: int) -> NDArray[Any]:
    """Sums over the uses of each of `count` rows: sorted, and added in tens.

    Where few rows have many uses, torch adds the tens atomically instead, in any order.
    """
    order = np.argsort(rows, kind="stable")
    starts = np.searchsorted(rows[order], np.arange(count + 1))
    total = np.zeros((count, parts.shape[1]), parts.dtype)
    in_threads(lambda first, last: in_parts(parts, order, starts, first, last, total), count, parts.size)
    return total


# fmt: off
ROWS = (
    #          name          forward     derivatives        saves
    Operation("embedding",   embedding,  (_gathered_rows,), ("1",)),
)
# fmt: on
