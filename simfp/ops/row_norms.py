"""layer_norm and rms_norm: rows normalized in float32, each result rounded once, in the order of torch's CUDA kernels.

Rows whose length is a multiple of 4 are read by vectors (`simfp.kernels.cuda_norms`), and others by a kernel that
multiplies in another order too. Formats that float32 does not hold, which torch has not, go the second way.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simfp.accumulation import in_threads
from simfp.arrays import Array
from simfp.kernels import cuda_norms as kernels
from simfp.kernels import welford
from simfp.ops.device_math import fma, rsqrt
from simfp.ops.operation import Call, Operation, Saved, finished, together, widened
from simfp.ops.reductions import total

__all__ = ["ROWS"]

Values = NDArray[Any]

THREADS_OF_A_ROW = 512  # without vectors
TILES = ((64, 1), (128, 8), (256, 16))  # up to how many rows (not included) how many threads share a column
MOST_THREADS_OF_A_COLUMN = 32


def _rows(x: Array, shape: Sequence[int]) -> Values:
    """The values as a matrix whose rows are what is normalized.

    Raises RuntimeError unless `shape` is that of the last axes.
    """
    sizes = tuple(shape)
    if not sizes:
        raise RuntimeError(f"Expected normalized_shape to be at least 1-dimensional, got normalized_shape = {sizes}")
    if x.shape[x.ndim - len(sizes) :] != sizes or len(sizes) > x.ndim:
        wanted = ", ".join(["*", *map(str, sizes)])
        raise RuntimeError(
            f"Given normalized_shape={list(sizes)}, expected input with shape [{wanted}], but got input of size"
            f"{list(x.shape)}"
        )
    return widened(x).reshape(math.prod(x.shape[: x.ndim - len(sizes)]), math.prod(sizes))


def _parameter(name: str, parameter: Array | None, shape: Sequence[int]) -> Values | None:
    """The values of a weight or bias along a row."""
    if parameter is None:
        return None
    if parameter.shape != tuple(shape):
        raise RuntimeError(
            f"Expected {name} to be of same shape as normalized_shape, but got {name} of shape "
            f"{list(parameter.shape)} and normalized_shape = {list(shape)}"
        )
    return widened(parameter).reshape(-1)


def _by_vectors(rows: Values) -> bool:
    """Whether the kernels that read vectors of four take these rows."""
    return rows.dtype == np.float32 and rows.shape[1] > 0 and rows.shape[1] % kernels.VECTOR == 0


def _for_rows(loop: Callable[[int, int], None], rows: Values) -> None:
    in_threads(loop, len(rows), 4 * rows.size)


def _row_moments(rows: Values) -> tuple[Values, Values]:
    """Mean and variance of each row, (rows, 1)."""
    if _by_vectors(rows):
        mean, variance = np.empty((2, len(rows)), np.float32)
        _for_rows(lambda first, last: kernels.welford(rows, first, last, mean, variance), rows)
    else:
        parts = np.empty((3, len(rows)), rows.dtype)
        _for_rows(lambda first, last: welford.rows_of_blocks(rows, first, last, THREADS_OF_A_ROW, parts), rows)
        mean, variance = parts[0], parts[1] / parts[2]
    return mean[:, None], variance[:, None]


def _row_squares(rows: Values) -> Values:
    """The mean of the squares of each row, (rows, 1)."""
    if not _by_vectors(rows):
        mean, variance = _row_moments(rows)
        return fma(mean, mean, variance)
    squares = np.empty(len(rows), np.float32)
    _for_rows(lambda first, last: kernels.mean_squares(rows, first, last, squares), rows)
    return squares[:, None]


@np.errstate(all="ignore")
def layer_norm(
    x: Array,
    normalized_shape: Sequence[int],
    weight: Array | None = None,
    bias: Array | None = None,
    eps: float = 1e-5,
) -> Saved:
    """``(x - mean) / sqrt(variance + eps) * weight + bias`` over the last axes."""
    together("layer_norm", x, weight, bias)
    rows = np.ascontiguousarray(_rows(x, normalized_shape))
    gamma, beta = (_parameter(*each, normalized_shape) for each in (("weight", weight), ("bias", bias)))
    mean, variance = _row_moments(rows)
    scale = rsqrt(variance + variance.dtype.type(eps))
    centred = rows - mean
    if _by_vectors(rows):
        out = scale * centred
        if gamma is not None:
            out = gamma * out if beta is None else fma(gamma, out, beta)
        elif beta is not None:  # nvcc fuses product and sum in all but the first of each four
            first = out[:, :: kernels.VECTOR] + beta[:: kernels.VECTOR]
            out = fma(scale, centred, beta)
            out[:, :: kernels.VECTOR] = first
    else:  # a bias is always added, be it 0: -0 becomes 0
        one, other = (scale, centred) if gamma is None else (scale * centred, gamma)
        out = fma(one, other, 0 if beta is None else beta)
    return Saved(finished(out.reshape(x.shape), x.dtype, "layer_norm"), (mean, scale))


@np.errstate(all="ignore")
def rms_norm(x: Array, normalized_shape: Sequence[int], weight: Array | None = None, eps: float | None = None) -> Saved:
    """``x / sqrt(mean of squares + eps) * weight`` over the last axes; eps is float32's, 2^-23, if not given."""
    together("rms_norm", x, weight)
    rows = np.ascontiguousarray(_rows(x, normalized_shape))
    gamma = _parameter("weight", weight, normalized_shape)
    squares = _row_squares(rows)
    scale = rsqrt(squares + squares.dtype.type(np.finfo(np.float32).eps if eps is None else eps))
    out = scale * rows if gamma is None else gamma * (scale * rows)
    return Saved(finished(out.reshape(x.shape), x.dtype, "rms_norm"), (np.zeros_like(scale), scale))


def _slopes(g: Array, call: Call) -> tuple[Values, Values, Values, Values, Values]:
    """Rows of the gradient and of the input, mean and scale of each row, and the weight of each column."""
    x, shape, weight = (*call.inputs, None)[:3]
    rows = np.ascontiguousarray(_rows(x, shape))
    gamma = np.ones(rows.shape[1], rows.dtype) if weight is None else widened(weight).reshape(-1)
    return np.ascontiguousarray(_rows(g, shape)), rows, *call.saved, gamma


class _Backward:
    """Brings one gradient back through layer_norm or, without their mean, through rms_norm."""

    def __init__(self, name: str, g: Array, call: Call) -> None:
        self.name, self.g, self.call = name, g, call

    @np.errstate(all="ignore")
    def into_rows(self) -> Array:
        """The gradient of what was normalized."""
        centred = self.name == "layer_norm"
        slopes, rows, mean, scale, gamma = _slopes(self.g, self.call)
        if rows.dtype == np.float32:
            out, means, scales = np.empty_like(rows), mean.reshape(-1), scale.reshape(-1)
            given = slopes, rows, gamma, means, scales
            _for_rows(lambda first, last: kernels.row_gradients(*given, first, last, centred, out), rows)
        else:
            count, weighted = rows.dtype.type(rows.shape[1]), slopes * gamma
            away = (rows - mean) * scale
            along = total(weighted * (rows - mean) * scale, 1, keepdims=True)
            out = fma(count * gamma, slopes, -(away * along))
            out = (out - total(weighted, 1, keepdims=True) if centred else out) * (1 / count * scale)
        return self._like(out, self.g)

    def into_weight(self) -> Array:
        """The gradient of the weight."""
        return self._like(self._column_sums[0], self.call.inputs[2])

    def into_bias(self) -> Array:
        """The gradient of the bias."""
        return self._like(self._column_sums[1], self.call.inputs[3])

    @cached_property
    @np.errstate(all="ignore")
    def _column_sums(self) -> tuple[Values, Values]:
        """The gradients of weight and bias before they are rounded."""
        slopes, rows, mean, scale, _ = _slopes(self.g, self.call)
        if rows.dtype != np.float32:
            return total(slopes * (rows - mean) * scale, 0), total(slopes, 0)
        height = next((threads for limit, threads in TILES if len(rows) < limit), MOST_THREADS_OF_A_COLUMN)
        weight, bias = np.empty((2, rows.shape[1]), np.float32)
        means, scales = mean.reshape(-1), scale.reshape(-1)
        in_threads(
            lambda first, last: kernels.column_gradients(
                slopes, rows, means, scales, height, first, last, weight, bias
            ),
            rows.shape[1], 4 * rows.size,
        )  # fmt: skip
        return weight, bias

    def _like(self, values: Values, x: Array) -> Array:
        return finished(values.reshape(x.shape), self.g.dtype, self.name)


# fmt: off
ROWS = (
    #          name          forward     derivatives of x, weight and bias                    saves
    Operation("layer_norm",  layer_norm, (_Backward.into_rows, None, _Backward.into_weight, _Backward.into_bias),
                                                                                              ("02s", "", "0s", ""),
              joint=partial(_Backward, "layer_norm")),
    Operation("rms_norm",    rms_norm,   (_Backward.into_rows, None, _Backward.into_weight),  ("02s", "", "0s"),
              joint=partial(_Backward, "rms_norm")),
)
# fmt: on
