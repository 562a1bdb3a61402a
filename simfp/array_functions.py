"""NumPy's functions on Arrays: which of them are supported, and what each does.

Four tables and a few functions of their own fill `simfp.arrays.FUNCTIONS`; a NumPy function that is not there
raises TypeError by name.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from simfp.accumulation import accumulator_dtype
from simfp.arrays import FUNCTIONS, Array, array, as_operands, owned
from simfp.correct_rounding import steady
from simfp.elementwise import in_format, one_nan, result_format, rounded
from simfp.formats import as_format

__all__: list[str] = []

Implementation = TypeVar("Implementation", bound=Callable[..., Any])

# fmt: off
# Values move, are repeated or left out; one Array or several of one format goes in, the same format comes out.
MOVES = (
    np.reshape, np.ravel, np.transpose, np.matrix_transpose, np.swapaxes, np.moveaxis, np.rollaxis,
    np.squeeze, np.expand_dims, np.atleast_1d, np.atleast_2d, np.atleast_3d, np.broadcast_to, np.broadcast_arrays,
    np.flip, np.fliplr, np.flipud, np.roll, np.rot90, np.repeat, np.tile, np.resize,
    np.split, np.array_split, np.hsplit, np.vsplit, np.dsplit, np.unstack,
    np.take, np.take_along_axis, np.compress, np.extract, np.delete, np.diag, np.diagonal, np.diagflat,
    np.tril, np.triu, np.trim_zeros, np.copy,
)
# The Arrays in a sequence, brought to the format that they meet in, become one.
JOINS = (np.concatenate, np.stack, np.vstack, np.hstack, np.dstack, np.column_stack)
# What comes back is about the values: indices, counts, shapes, truth values, plain NumPy arrays.
REPORTS = (
    np.shape, np.ndim, np.size, np.argmax, np.argmin, np.nanargmax, np.nanargmin, np.argwhere,
    np.nonzero, np.flatnonzero, np.count_nonzero, np.all, np.any, np.searchsorted, np.isin, np.isclose,
    np.allclose, np.array_equal, np.array_equiv, np.isneginf, np.isposinf,
    np.iscomplexobj, np.isrealobj, np.histogram, np.digitize, np.shares_memory, np.may_share_memory,
)
# Computed by NumPy, in its order, in the accumulator's type (float32, see Array.sum), then rounded once:
# each with the number of operands that it starts with, None for all that are not strings.
ACCUMULATED: dict[Callable[..., Any], int | None] = {
    np.sum: 1, np.nansum: 1, np.prod: 1, np.cumsum: 1, np.cumprod: 1, np.var: 1, np.std: 1,
    np.diff: 1, np.trace: 1, np.outer: 2, np.kron: 2,
    # products in the order of NumPy's library for them, which the processor and the threads decide: see `matmul`
    np.dot: 2, np.vdot: 2, np.inner: 2, np.tensordot: 2, np.convolve: 2, np.einsum: None,
}
# Likewise. NumPy's algorithms hang on the processor, and with them which of 0 and -0 is found: 0 stands for both here.
UNSIGNED = (np.median, np.ptp)
# fmt: on


def _supports(function: Callable[..., Any]) -> Callable[[Implementation], Implementation]:
    """Enters what is decorated as the implementation of a NumPy function."""

    def enter(implementation: Implementation) -> Implementation:
        FUNCTIONS[function] = implementation
        return implementation

    return enter


def _moving(function: Callable[..., Any]) -> Callable[..., Any]:
    def move(*args: Any, **kwargs: Any) -> Any:
        _refuse_options(function, kwargs)
        formats = [part.dtype for part in _arrays_in((args, kwargs))]
        if any(fmt != formats[0] for fmt in formats):
            raise TypeError(f"{function.__name__} takes Arrays of one format, got {', '.join(map(str, formats))}")
        fmt = formats[0]

        def wrapped(result: Any) -> Any:
            if isinstance(result, (list, tuple)):
                return type(result)(wrapped(part) for part in result)
            return owned(result, fmt) if result.dtype == fmt.carrier else result

        return wrapped(function(*_plain(args), **_plain(kwargs)))

    return move


def _joining(function: Callable[..., Any]) -> Callable[..., Any]:
    def join(arrays: Sequence[Any], **kwargs: Any) -> Array:
        _refuse_options(function, kwargs)
        values, fmt = _together(*arrays)
        return owned(function(values, **kwargs), fmt)

    if function in (np.concatenate, np.stack):
        return lambda arrays, axis=0, **kwargs: join(arrays, axis=axis, **kwargs)
    return join


def _reporting(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **kwargs: function(*_plain(args), **_plain(kwargs))


def _accumulating(function: Callable[..., Any], count: int | None) -> Callable[..., Any]:
    def accumulate(*args: Any, **kwargs: Any) -> Array:
        _refuse_options(function, kwargs)
        words = list(itertools.takewhile(lambda arg: isinstance(arg, str), args))  # einsum's subscripts
        stop = len(args) if count is None else count
        if len(args) < stop or len(words) == len(args):
            raise TypeError(f"give {function.__name__} its arrays by position")
        if any(isinstance(arg, (type, np.dtype, np.ndarray, Array)) for arg in args[stop:]):
            raise TypeError(
                f"{function.__name__} of Arrays takes no dtype or out; use `astype`, or call it on a.values"
            )
        values, fmt = _together(*args[len(words) : stop])
        wide = [part.astype(accumulator_dtype(fmt), copy=False) for part in values]
        with np.errstate(all="ignore"):
            result = function(*words, *wide, *args[stop:], **kwargs)
        return owned(rounded(result, fmt, function.__name__), fmt)

    return accumulate


def _of_unsigned_zeros(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def of_unsigned(values: Any, *args: Any, **kwargs: Any) -> Any:
        return function(values + values.dtype.type(0), *args, **kwargs) + values.dtype.type(0)

    return of_unsigned


def _together(*arrays: Any) -> tuple[list[Any], Any]:
    """The values of the operands in the format that they meet in, and that format."""
    operands = as_operands(*arrays)
    fmt = result_format(operands)
    return [in_format(operand, fmt) for operand in operands], fmt


def _plain(x: Any) -> Any:
    """`x` with the values of Arrays in their place, at any depth of lists, tuples and dicts."""
    if isinstance(x, Array):
        return x._values
    if isinstance(x, dict):
        return {key: _plain(part) for key, part in x.items()}
    return type(x)(_plain(part) for part in x) if type(x) in (list, tuple) else x


def _arrays_in(x: Any) -> list[Array]:
    if isinstance(x, Array):
        return [x]
    parts = x.values() if isinstance(x, dict) else x if isinstance(x, (list, tuple)) else ()
    return [found for part in parts for found in _arrays_in(part)]


def _refuse_options(function: Callable[..., Any], kwargs: dict[str, Any]) -> None:
    """Options that would bring in or ask for values of another format."""
    for option in ("out", "dtype", "initial", "where", "prepend", "append", "fill_value", "casting"):
        if kwargs.get(option) is not None:
            raise TypeError(f"{function.__name__} of Arrays takes no `{option}`; use `astype`, or call it on a.values")


FUNCTIONS.update({function: _moving(function) for function in MOVES})
FUNCTIONS.update({function: _joining(function) for function in JOINS})
FUNCTIONS.update({function: _reporting(function) for function in REPORTS})
FUNCTIONS.update({function: _accumulating(function, count) for function, count in ACCUMULATED.items()})
FUNCTIONS.update({function: _accumulating(_of_unsigned_zeros(function), 1) for function in UNSIGNED})


# What has an order: equal numbers stay in theirs, so that nothing hangs on which algorithm NumPy takes.


@_supports(np.sort)
def _sort(a: Array, axis: int | None = -1, kind: Any = None, order: Any = None, *, stable: bool | None = None) -> Array:
    """The values in order, NaNs last; equal ones, such as 0 and -0, in the order that they came in."""
    return owned(np.sort(a.values, axis, kind="stable", order=order), a.dtype)


@_supports(np.argsort)
def _argsort(
    a: Array, axis: int | None = -1, kind: Any = None, order: Any = None, *, stable: bool | None = None
) -> Any:
    """The indices that sort; of equal values in the order of the indices."""
    return np.argsort(a.values, axis, kind="stable", order=order)


@_supports(np.partition)
def _partition(a: Array, kth: Any, axis: int | None = -1, kind: str = "introselect", order: Any = None) -> Array:
    """The values so that the kth one stands where it does in order: in order, all of them."""
    np.partition(np.zeros(a.shape, np.float32), kth, axis)  # raises for a kth that is not there
    return _sort(a, axis, order=order)


@_supports(np.argpartition)
def _argpartition(a: Array, kth: Any, axis: int | None = -1, kind: str = "introselect", order: Any = None) -> Any:
    """The indices that partition, as `partition` does."""
    np.partition(np.zeros(a.shape, np.float32), kth, axis)
    return _argsort(a, axis, order=order)


@_supports(np.unique)
def _unique(ar: Array, *args: Any, **kwargs: Any) -> Any:
    """The different values in order; a zero among them is 0, be it -0 that was given."""
    with np.errstate(invalid="ignore"):
        return _moving(np.unique)(owned(one_nan(ar.values + ar.values.dtype.type(0)), ar.dtype), *args, **kwargs)


def _largest(function: Callable[..., Any], sign: int) -> Callable[..., Any]:
    """NumPy's maximum or minimum over axes, in which 0 is larger than -0."""

    def find(a: Array, axis: Any = None, *args: Any, **kwargs: Any) -> Any:
        found = _moving(function)(a, axis, *args, **kwargs)
        values = np.array(found.values)
        if (values == 0).any():
            wanted = (a.values == 0) & (np.signbit(a.values) == (sign < 0))
            there = np.any(wanted, axis=axis, keepdims=True).reshape(values.shape)
            zeros = np.where(there, sign * 0.0, -sign * 0.0).astype(values.dtype)
            values = np.where(values == 0, zeros, values)
        return owned(one_nan(np.asarray(values)), found.dtype)

    return find


FUNCTIONS.update({function: _largest(function, 1) for function in (np.max, np.amax, np.nanmax)})
FUNCTIONS.update({function: _largest(function, -1) for function in (np.min, np.amin, np.nanmin)})


@_supports(np.linalg.norm)
def _norm(x: Array, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Array:
    """A norm in the accumulator's type, rounded once: of order 2 the root of NumPy's sum of the squares.

    Powers and roots of other orders are computed to 36 bits. Norms of matrices that take singular values are LAPACK's,
    and differ by a few ulp with the processor.
    """
    values = x.values.astype(accumulator_dtype(x.dtype), copy=False)
    flat = axis is None and (ord is None or (ord == "fro" and x.ndim == 2))
    vectors = x.ndim == 1 if axis is None else isinstance(axis, (int, np.integer)) or np.size(axis) == 1
    with np.errstate(all="ignore"):
        if flat:  # in place of `dot`
            size = np.asarray(np.linalg.norm(values.reshape(-1), axis=0))
            size = size.reshape([1] * x.ndim) if keepdims else size
        elif vectors and not isinstance(ord, str) and ord not in (None, 0, 1, 2, np.inf, -np.inf):
            total = steady(np.float_power, np.abs(values), ord).astype(values.dtype).sum(axis=axis, keepdims=keepdims)
            size = steady(np.float_power, total, 1 / float(ord))
        else:
            along = 0 if axis is None and x.ndim == 1 else axis
            size = np.asarray(np.linalg.norm(values, ord, along, keepdims))
        return owned(rounded(size.astype(values.dtype, copy=False), x.dtype, "norm"), x.dtype)


@_supports(np.mean)
def _mean(a: Array, axis: Any = None, *, keepdims: bool = False) -> Array:
    """The sum divided by the count, both in the accumulator's type; NaN of nothing, without a warning."""
    wide = a.values.astype(accumulator_dtype(a.dtype))
    with np.errstate(all="ignore"):
        total = np.asarray(wide.sum(axis=axis, keepdims=keepdims))
        count = wide.size // max(total.size, 1)
        return owned(rounded(np.divide(total, count, dtype=total.dtype), a.dtype, "mean"), a.dtype)


@_supports(np.where)
def _where(condition: Any, *choices: Any) -> Any:
    """Values of the one or the other operand, in the format that both meet in."""
    condition = _plain(condition)
    if not _arrays_in(choices):
        return np.where(condition, *choices)
    values, fmt = _together(*choices)
    return owned(np.where(condition, *values), fmt)


@_supports(np.clip)
def _clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    """The values held between two limits, which are rounded to the format if they are scalars."""
    low, high = (a_min if min is None else min), (a_max if max is None else max)
    raised = a if low is None else np.maximum(a, low)
    return np.positive(raised) if high is None else np.minimum(raised, high)


@_supports(np.append)
def _append(arr: Any, values: Any, axis: int | None = None) -> Array:
    """Both operands one after the other, in the format that they meet in."""
    (first, second), fmt = _together(arr, values)
    return owned(
        np.concatenate([first, second] if axis is not None else [first.ravel(), second.ravel()], axis or 0), fmt
    )


@_supports(np.full_like)
def _full_like(a: Any, fill_value: Any, dtype: Any = None, *, shape: Any = None) -> Array:
    """An Array of one value, rounded to the format of `a` or to `dtype`."""
    fmt = a.dtype if dtype is None else as_format(dtype)
    fill = array(fill_value, fmt)
    return owned(np.full(a.shape if shape is None else shape, fill.values, fmt.carrier), fmt)


@_supports(np.ones_like)
def _ones_like(a: Array, dtype: Any = None, *, shape: Any = None) -> Array:
    """An Array of ones."""
    return _full_like(a, 1, dtype, shape=shape)


@_supports(np.empty_like)
@_supports(np.zeros_like)
def _zeros_like(a: Array, dtype: Any = None, *, shape: Any = None) -> Array:
    """An Array of zeros (of np.empty_like too: what memory holds is in no format)."""
    return _full_like(a, 0, dtype, shape=shape)


@_supports(np.pad)
def _pad(a: Array, pad_width: Any, mode: str = "constant", constant_values: Any = 0, **options: Any) -> Array:
    """The values with a border of constants, rounded to the format, or of values repeated or mirrored."""
    if mode == "constant":
        options["constant_values"] = array(constant_values, a.dtype).values
    elif mode not in ("edge", "wrap", "reflect", "symmetric") or options.get("reflect_type", "even") != "even":
        raise TypeError(f"np.pad of Arrays computes no values, got mode {mode!r}; call it on a.values")
    return owned(np.pad(a.values, pad_width, mode=mode, **options), a.dtype)  # type: ignore[call-overload]


@_supports(np.nan_to_num)
def _nan_to_num(a: Array, *, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Array:
    """The values with NaN and infinities replaced: infinities, if not told otherwise, by the largest number."""
    top = a.dtype.max if posinf is None else posinf
    bottom = -a.dtype.max if neginf is None else neginf
    finite = np.where(np.isposinf(a), top, np.where(np.isneginf(a), bottom, a))
    return np.where(np.isnan(a), nan, finite)  # type: ignore[return-value]


@_supports(np.around)
@_supports(np.round)
def _round(a: Array, decimals: int = 0) -> Array:
    """The values at so many decimals: rounded by NumPy in float64, then to the format."""
    with np.errstate(all="ignore"):
        return owned(rounded(np.round(a.values.astype(np.float64), decimals), a.dtype, "round"), a.dtype)


@_supports(np.array_repr)
def _array_repr(arr: Array) -> str:
    return repr(arr)


@_supports(np.array_str)
def _array_str(a: Array) -> str:
    return str(a)
