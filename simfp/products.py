"""Sums and matrix products of Arrays, carried by an accumulator of one's choice and rounded once more at the end."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simfp import arrays
from simfp.accumulation import Accumulator, AccumulatorLike, SequentialSum
from simfp.arrays import Array, accumulator_dtype, as_operands, owned
from simfp.elementwise import in_format, one_nan, result_format
from simfp.formats import Format, as_format
from simfp.rounding import round_array
from simfp.typing import FormatLike

__all__ = ["dot", "matmul", "sum", "sums_of_products"]


def sum(
    x: Any,
    axis: int | tuple[int, ...] | None = None,
    *,
    accumulator: AccumulatorLike,
    keepdims: bool = False,
    out_dtype: FormatLike | None = None,
) -> Array:
    """The sum of `x` over all axes, or over `axis`, carried by `accumulator` and then rounded to the format of `x`.

    x: an Array, or a NumPy array in one of simfp's formats.
    accumulator: how the sum is carried (see `simfp.accumulation`); a format stands for its SequentialSum.
    out_dtype: the format of the result, if not that of `x`. With the accumulator's own, its total comes out as it is.

    >>> float(sum(arrays.array(np.ones(4096), "float16"), accumulator="float16"))  # 2048 + 1 is 2048
    2048.0

    Raises ValueError for an axis that is not there, TypeError for an accumulator that adds up products only.
    """
    operand = as_operands(x)
    fmt = result_format(operand)
    values = in_format(operand[0], fmt)
    wide = values.astype(np.float64)
    total = np.asarray(_accumulator(accumulator).over(wide, axis))
    if keepdims:
        total = total.reshape(np.sum(np.zeros(wide.shape), axis=axis, keepdims=True).shape)
    return _rounded(total, fmt if out_dtype is None else as_format(out_dtype), "sum")


def dot(a: Any, b: Any, *, accumulator: AccumulatorLike, out_dtype: FormatLike | None = None) -> Array:
    """The sum of the products of two vectors; as `matmul` for those.

    Raises ValueError for other than vectors of one length.
    """
    if np.ndim(a) != 1 or np.ndim(b) != 1:
        raise ValueError(f"dot takes two vectors, got shapes {np.shape(a)} and {np.shape(b)}; see matmul")
    return matmul(a, b, accumulator=accumulator, out_dtype=out_dtype)


def matmul(a: Any, b: Any, *, accumulator: AccumulatorLike | None = None, out_dtype: FormatLike | None = None) -> Array:
    """The matrix product ``a @ b``, its sums carried by `accumulator`, and each rounded once to the result's format.

    a, b: Arrays, or NumPy arrays in one of simfp's formats; shapes as np.matmul takes them.
    accumulator: how the sums are carried: an accumulator such as ``sf.SequentialSum("float16")``, a generation of
        tensor cores such as ``sf.HOPPER``, or a format, which stands for its SequentialSum. If not given, NumPy's
        float32 product (formats that float32 does not hold well: float64), whose order, and with it its last bits,
        hang on the processor and the number of threads: see `simfp.arrays.matmul`.
    out_dtype: the format of the result; if not given, that which `a` and `b` meet in. With the accumulator's own the
        sums come out as they are.

    >>> a = arrays.array([[1.0, 2.0**-11, 2.0**-11]], "float16")
    >>> b = arrays.array(np.ones((3, 1)), "float16")
    >>> [float(matmul(a, b, accumulator=each)[0, 0]) for each in ("float16", "float32")]
    [1.0, 1.0009765625]

    Raises ValueError for shapes that do not multiply and for inputs that the accumulator does not take, TypeError for
    scalars and formats that do not meet.
    """
    if accumulator is None:
        return arrays.matmul(a, b, out_dtype=out_dtype)
    operands = as_operands(a, b)
    fmt = result_format(operands)
    x, y = (in_format(operand, fmt) for operand in operands)
    total = sums_of_products(x, y, fmt, _accumulator(accumulator))
    return _rounded(total, fmt if out_dtype is None else as_format(out_dtype), "matmul")


def sums_of_products(x: NDArray[Any], y: NDArray[Any], fmt: Format, accumulator: Accumulator | None) -> NDArray[Any]:
    """The matrix product of values of `fmt` as `accumulator` carries it, not rounded to the format of any result.

    Float64, or what NumPy's product gives where there is no accumulator (see `simfp.arrays.matmul`).
    """
    if not (x.ndim and y.ndim):
        raise TypeError(f"matmul needs at least one axis on both sides, got shapes {x.shape} and {y.shape}; use `*`")
    if x.shape[-1] != y.shape[max(y.ndim - 2, 0)]:
        raise ValueError(
            f"shapes {x.shape} and {y.shape} do not multiply: rows of {x.shape[-1]} values "
            f"against columns of {y.shape[max(y.ndim - 2, 0)]}"
        )
    if accumulator is None:
        wide = accumulator_dtype(fmt)
        with np.errstate(all="ignore"):
            plain: NDArray[Any] = np.matmul(x.astype(wide, copy=False), y.astype(wide, copy=False))
        return plain
    left, right = (x[None] if x.ndim == 1 else x), (y[:, None] if y.ndim == 1 else y)
    if right.ndim == 2:  # one matrix for all of a stack: its rows are the rows of one product
        total = accumulator.products(left.reshape(math.prod(left.shape[:-1]), left.shape[-1]), right, fmt)
        total = total.reshape(*left.shape[:-1], right.shape[-1])
    else:
        total = _stacks(left, right, fmt, accumulator)
    if x.ndim == 1:
        total = total[..., 0, :]
    if y.ndim == 1:
        total = total[..., 0]
    return total


def _stacks(left: NDArray[Any], right: NDArray[Any], fmt: Format, accumulator: Accumulator) -> NDArray[Any]:
    """The product of every pair of matrices in two stacks."""
    try:
        batch = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    except ValueError:
        raise ValueError(f"the stacks of matrices of shapes {left.shape} and {right.shape} do not broadcast") from None
    left, right = (np.broadcast_to(each, (*batch, *each.shape[-2:])) for each in (left, right))
    return accumulator.products(left, right, fmt)


def _rounded(total: NDArray[Any], fmt: Format, operation: str) -> Array:
    return owned(one_nan(np.asarray(round_array(total, fmt, operation=operation).astype(fmt.carrier))), fmt)


def _accumulator(given: Any) -> Accumulator:
    return given if isinstance(given, Accumulator) else SequentialSum(given)
