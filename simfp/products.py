"""Sums and matrix products of Arrays, carried by an accumulator of one's choice and rounded once more at the end."""

from __future__ import annotations

from typing import Any

import numpy as np

from simfp.accumulation import AccumulatorLike, as_accumulator
from simfp.arrays import Array, as_operands, owned
from simfp.elementwise import in_format, result_format, rounded
from simfp.formats import as_format
from simfp.typing import FormatLike

__all__ = ["dot", "matmul", "sum"]


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

    >>> from simfp.arrays import array
    >>> float(sum(array(np.ones(4096), "float16"), accumulator="float16"))  # 2048 + 1 is 2048
    2048.0

    Raises ValueError for an axis that is not there, TypeError for an accumulator that adds up products only.
    """
    operand = as_operands(x)
    fmt = result_format(operand)
    values = in_format(operand[0], fmt)
    wide = values.astype(np.float64)
    total = np.asarray(as_accumulator(accumulator).over(wide, axis))
    if keepdims:
        total = total.reshape(np.sum(np.zeros(wide.shape), axis=axis, keepdims=True).shape)
    out_fmt = fmt if out_dtype is None else as_format(out_dtype)
    return owned(rounded(total, out_fmt, "sum"), out_fmt)


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
        tensor cores such as ``sf.HOPPER``, or a format, which stands for its SequentialSum. If not given, NumPy's own
        product in float32 (formats that float32 does not hold well: float64), whose order, and with it its last bits,
        hang on the processor and the number of threads: see `simfp.accumulation.NumPyProduct`.
    out_dtype: the format of the result; if not given, that which `a` and `b` meet in. With the accumulator's own the
        sums come out as they are.

    >>> from simfp.arrays import array
    >>> a = array([[1.0, 2.0**-11, 2.0**-11]], "float16")
    >>> b = array(np.ones((3, 1)), "float16")
    >>> [float(matmul(a, b, accumulator=each)[0, 0]) for each in ("float16", "float32")]
    [1.0, 1.0009765625]

    Raises ValueError for shapes that do not multiply and for inputs that the accumulator does not take, TypeError for
    scalars and formats that do not meet.
    """
    operands = as_operands(a, b)
    fmt = result_format(operands)
    x, y = (in_format(operand, fmt) for operand in operands)
    _check_shapes(x.shape, y.shape)
    total = as_accumulator(accumulator).matmul(x, y, fmt)
    out_fmt = fmt if out_dtype is None else as_format(out_dtype)
    return owned(rounded(total, out_fmt, "matmul"), out_fmt)


def _check_shapes(x: tuple[int, ...], y: tuple[int, ...]) -> None:
    if not (x and y):
        raise TypeError(f"matmul needs at least one axis on both sides, got shapes {x} and {y}; use `*`")
    if x[-1] != y[max(len(y) - 2, 0)]:
        raise ValueError(
            f"shapes {x} and {y} do not multiply: rows of {x[-1]} values against columns of {y[max(len(y) - 2, 0)]}"
        )
    try:
        np.broadcast_shapes(x[:-2], y[:-2])
    except ValueError:
        raise ValueError(f"the stacks of matrices of shapes {x} and {y} do not broadcast") from None
