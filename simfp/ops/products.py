"""Matrix products and what is made of them. Their sums are carried by the accumulator of `precision.current()`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simfp import precision
from simfp.arrays import Array
from simfp.ops.operation import Call, Operation, check_broadcasting, finished
from simfp.ops.reductions import summed

__all__ = ["ROWS", "accumulated"]


def accumulated(a: Array, b: Array) -> NDArray[Any]:
    """The product ``a @ b`` as the accumulator has it, not yet rounded to the format of its result.

    Raises RuntimeError for shapes that do not multiply, and for two formats: as in torch, only a cast brings them
    together.
    """
    if not (isinstance(a, Array) and isinstance(b, Array)):
        other = b if isinstance(a, Array) else a
        raise RuntimeError(f"expected floating-point values, got {getattr(other, 'dtype', type(other).__name__)}")
    _check_shapes(a.shape, b.shape)
    if a.dtype != b.dtype:
        raise RuntimeError(f"expected m1 and m2 to have the same dtype, but got: {a.dtype} != {b.dtype}")
    return precision.current().accumulator.matmul(a._values, b._values, a.dtype)


def _check_shapes(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    if not a or not b:
        raise RuntimeError(
            f"both arguments to matmul need to be at least 1D, but they are {len(a)}D and {len(b)}D"
        )  # fmt: skip
    if a[-1] == b[max(len(b) - 2, 0)]:
        check_broadcasting(a[:-2], b[:-2])
        return
    if len(a) == len(b) == 1:
        raise RuntimeError(
            f"inconsistent tensor size, expected tensor [{a[0]}] and src [{b[0]}] to have the same number of elements, "
            f"but got {a[0]} and {b[0]} elements respectively"
        )
    rows = math.prod(a[:-1]) if len(b) < 3 else a[-2] if len(a) > 1 else 1
    columns = b[-1] if len(b) > 1 else 1
    raise RuntimeError(
        f"mat1 and mat2 shapes cannot be multiplied ({rows}x{a[-1]} and {b[max(len(b) - 2, 0)]}x{columns})"
    )


def matmul(a: Array, b: Array) -> Array:
    """``a @ b``, each sum rounded once."""
    return finished(accumulated(a, b), a.dtype, "matmul")


def linear(x: Array, weight: Array, bias: Array | None = None) -> Array:
    """``x @ weight.T + bias``: the bias is added to the sums in float32, and that is rounded once.

    x: (..., in); weight: (out, in); bias: (out,).
    """
    total = accumulated(x, weight.T)
    if bias is not None:
        if bias.dtype != x.dtype:
            raise RuntimeError(f"self and mat2 must have the same dtype, but got {x.dtype} and {bias.dtype}")
        with np.errstate(all="ignore"):
            total = total.astype(x.dtype.carrier, copy=False) + bias._values
    return finished(total, x.dtype, "linear")


def _transposed(x: Array) -> Array:
    return np.swapaxes(x, -1, -2)


def _left_of_matmul(g: Array, call: Call) -> Array:
    a, b = call.inputs
    if b.ndim == 1:  # (..., k) . (k,): an outer product
        return np.expand_dims(g, -1) * b if a.ndim > 1 else g * b
    left = matmul(g[None], _transposed(b))[..., 0, :] if a.ndim == 1 and b.ndim == 2 else None
    if left is not None:
        return left
    grad = np.expand_dims(g, -2) if a.ndim == 1 else g
    return matmul(grad, _transposed(b))


def _right_of_matmul(g: Array, call: Call) -> Array:
    a, b = call.inputs
    if a.ndim == 1 and b.ndim == 1:
        return g * a
    if b.ndim == 1:
        return matmul(_rows(a).T, g.reshape(-1))
    if a.ndim == 1:
        return matmul(a.reshape(-1, 1), np.expand_dims(g, -2))
    if b.ndim == 2:  # one matrix for all of a stack: torch folds the stack into rows
        return matmul(_rows(a).T, _rows(g))
    return matmul(_transposed(a), g)


def _rows(x: Array) -> Array:
    """A stack of vectors as a matrix."""
    return x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


# fmt: off
ROWS = (
    #          name      forward  derivatives                            saves
    Operation("matmul",  matmul,  (_left_of_matmul, _right_of_matmul),   ("1", "0")),
    Operation("linear",  linear,  (lambda g, call: matmul(g, call.inputs[1]),
                                   lambda g, call: matmul(_rows(g).T, _rows(call.inputs[0])),
                                   lambda g, call: summed(_rows(g), 0)), ("1", "0", "")),
)
# fmt: on
