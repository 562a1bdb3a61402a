"""Sums of gradients that belong to few rows, in parts, as on CUDA (EmbeddingBackwardKernel.cu)."""

from __future__ import annotations

from numba import njit

__all__ = ["in_parts"]

PART = 10  # gradients that one thread adds


@njit(nogil=True, cache=True, error_model="numpy")
def in_parts(gradients, order, starts, first, last, out):
    """out[k] = the sum of the gradients that `order` names from starts[k] to starts[k + 1], for k from first to last.

    Every ten of them are added one after the other, and then the tens. out: zeros.
    """
    columns = gradients.shape[1]
    for k in range(first, last):
        for begin in range(starts[k], starts[k + 1], PART):
            end = min(begin + PART, starts[k + 1])
            for column in range(columns):
                part = gradients[order[begin], column]
                for place in range(begin + 1, end):
                    part += gradients[order[place], column]
                out[k, column] += part
