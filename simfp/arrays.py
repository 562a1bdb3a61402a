"""Array: values and the Format that owns them all, behind NumPy's operators, ufuncs and functions.

What each ufunc does is in `simfp.elementwise`, what each NumPy function does in `simfp.array_functions`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import ArrayLike, NDArray

from simfp import elementwise
from simfp.array_text import array_text
from simfp.bits import codes_of
from simfp.elementwise import FLOAT32, Operand, in_format, result_format, rounded
from simfp.formats import STORAGE_DTYPES, Format, as_format
from simfp.rounding import as_floats, round_array

__all__ = ["Array", "array", "matmul", "overwrite"]

SEVERAL_IN_ONE_PLACE = (
    "unsupported operation: more than one element of the written-to tensor refers to a single memory location. Please "
    "clone() the tensor before performing the operation."
)

ABOVE: list[type] = []  # types that take Arrays as operands, and compute with them themselves; autograd enters Tensor
FUNCTIONS: dict[Callable[..., Any], Callable[..., Any]] = {}  # NumPy's functions for Arrays; array_functions fills it

REDUCTIONS: dict[np.ufunc, Callable[..., Any]] = {
    np.add: np.sum,
    np.multiply: np.prod,
    np.maximum: np.max,
    np.minimum: np.min,
    np.logical_and: np.all,
    np.logical_or: np.any,
}


def array(x: Any, dtype: Any = None, rounding: str = "nearest_even", **options: Any) -> Array:
    """An Array of `x`, every value rounded once to `dtype`.

    x: an Array, a NumPy or ml_dtypes array, numbers, or nested lists of them; it is copied.
    dtype: a Format or whatever `as_format` takes. Without it Arrays, float16, float32 and ml_dtypes input keep
    their format, and everything else (Python numbers, integers, float64) becomes float32, torch's default.
    rounding, options: as in `round_to`.

    >>> array([0.1, 1, 65504], dtype="float16")
    Array([    0.1,     1. , 65500. ], dtype=float16)

    Raises ValueError for an unknown format or option, TypeError for complex, string or object arrays.
    """
    return Array(x, dtype, rounding, **options)


class Array(NDArrayOperatorsMixin):
    """An array whose values all belong to one Format; every operation on it rounds its result once.

    Make one with `array`. It takes NumPy's operators, ufuncs and functions, and gives Arrays back, 0-d ones
    instead of scalars; comparisons and the like give NumPy's bool arrays. A slice is a view, as in NumPy.

    - Operands of different formats meet in torch's type: float16, bfloat16 and tfloat32 among one another and
      with float32 give float32; other pairs must be brought together by `astype`. Python and NumPy scalars and
      integer arrays take the Array's format, and so does a 0-d Array beside one with dimensions.
    - ``+ - * /``, sqrt, square and reciprocal are correctly rounded (nearest even) in every format. With a
      scalar they are one float32 operation on float32(scalar) and a rounding of that, as torch on a GPU does
      ``+ - *``. (torch divides by a scalar by multiplying with its reciprocal, and its ``scalar / tensor``
      is the rounded reciprocal times the scalar; an Array divides.)
    - exp, log, sin, tanh and so on are correctly rounded too. They are computed in float64, and where that comes too
      near the middle between two values of the format, exactly (see `simfp.correct_rounding`).
    - Which kernels NumPy takes on a processor, and how many threads run, changes no bit: equal numbers keep their order
      when sorted, 0 is larger than -0, and a NaN that is computed is NumPy's own. Products without an accumulator are
      the exception: see `matmul`.
    - sums, products of matrices and the like: see `matmul` and `sum`.
    - An operator that works in place keeps the format: the result is rounded to it.
    - A NaN stays one even where the format has no code for it; then `codes` and `to_numpy` raise.
    """

    __slots__ = ("_dtype", "_values")
    _dtype: Format
    _values: NDArray[Any]

    def __init__(self, x: Any, dtype: Any = None, rounding: str = "nearest_even", **options: Any) -> None:
        fmt = _format_of(x) if dtype is None else as_format(dtype)
        self._dtype, self._values = fmt, _rounded_copy(x, fmt, "array", rounding, **options)

    # What it holds.

    @property
    def values(self) -> NDArray[Any]:
        """The values, float32 (float64 for very wide exponents): a view that cannot be written to."""
        view = self._values.view()
        view.flags.writeable = False
        return view

    @property
    def codes(self) -> NDArray[Any]:
        """The values' codes, a new array of the smallest unsigned integers that hold them."""
        return codes_of(self._values, self._dtype)

    @property
    def dtype(self) -> Format:
        """The Format."""
        return self._dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        return self._values.shape

    @property
    def ndim(self) -> int:
        """How many axes there are."""
        return self._values.ndim

    @property
    def size(self) -> int:
        """How many values there are."""
        return self._values.size

    @property
    def T(self) -> Array:
        """A view with the axes reversed."""
        return owned(self._values.T, self._dtype)

    def astype(self, dtype: Any, rounding: str = "nearest_even", **options: Any) -> Array:
        """A new Array with the values rounded once to `dtype`; `rounding` and `options` as in `round_to`."""
        fmt = as_format(dtype)
        return owned(_rounded_copy(self, fmt, "astype", rounding, **options), fmt)

    def to_numpy(self) -> NDArray[Any]:
        """A new NumPy array of these very codes: float16, float32 or an ml_dtypes type.

        For a format that no such type has, the values in float32 or float64.
        """
        storage = self._dtype.storage_dtype
        if storage is None or storage == self._values.dtype:
            return self._values.copy()
        return self.codes.view(storage)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        free = self._dtype.storage_dtype in (None, self._values.dtype)
        if copy is False and not free:
            raise ValueError(f"a NumPy array of {self._dtype} codes cannot be had without copying")
        plain = self.values if free and not copy else self.to_numpy()
        return plain if dtype is None else plain.astype(dtype, copy=bool(copy))

    def copy(self) -> Array:
        """A new Array of the same values."""
        return owned(self._values.copy(), self._dtype)

    __copy__ = copy

    def item(self, *index: int) -> float:
        """One value as a Python float: that at `index`, or the only one."""
        return float(self._values.item(*index))

    def tolist(self) -> Any:
        """The values as nested lists of Python floats."""
        return self._values.tolist()

    def __float__(self) -> float:
        return self.item()

    def __int__(self) -> int:
        return int(self.item())

    def __bool__(self) -> bool:
        return bool(self._values)

    def __eq__(self, other: Any) -> Any:
        return np.equal(self, other) if _is_operand(other) else NotImplemented

    def __ne__(self, other: Any) -> Any:
        return np.not_equal(self, other) if _is_operand(other) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __contains__(self, x: Any) -> bool:
        return _is_operand(x) and bool(np.any(np.equal(self, x)))

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[Array]:
        return (owned(row, self._dtype) for row in self._values)

    def __getitem__(self, key: Any) -> Array:
        return owned(self._values[key], self._dtype)

    def __setitem__(self, key: Any, x: Any) -> None:
        self._values[key] = _rounded_copy(x, self._dtype, "setitem")

    def __repr__(self) -> str:
        shape = f", shape={self.shape}" if self.size == 0 and self.ndim != 1 else ""
        return f"Array({array_text(self._values, self._dtype, ', ', 'Array(')}{shape}, dtype={self._dtype})"

    def __str__(self) -> str:
        return array_text(self._values, self._dtype, " ")

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if self.ndim == 0 else format(str(self), spec)

    # NumPy's protocols.

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = (), **options: Any) -> Any:
        for x in inputs:
            if type(x) is not Array and isinstance(x, tuple(ABOVE)):
                return NotImplemented
        name = f"np.{ufunc.__name__}"
        if method == "reduce" and ufunc in REDUCTIONS and not out:
            return REDUCTIONS[ufunc](*inputs, **{"axis": 0, **options})
        if method == "outer" and not options and not out:
            return _outer(ufunc, *inputs)
        if method != "__call__":
            raise TypeError(f"{name}.{method} does not work on Arrays; call it on a.values")
        if options:
            raise TypeError(f"{name} of Arrays takes no {', '.join(f'`{option}`' for option in options)}; see np.where")
        if ufunc is np.matmul:
            results: tuple[Any, ...] = (matmul(*inputs),)
        elif ufunc in elementwise.UFUNCS:
            values, fmt = elementwise.apply(ufunc, as_operands(*inputs))
            results = tuple(owned(part, fmt) for part in values) if fmt else tuple(part[()] for part in values)
        else:
            raise TypeError(f"{name} does not work on Arrays; call it on a.values")
        results = tuple(_stored(*pair) for pair in zip(results, out)) if out else results
        return results if len(results) > 1 else results[0]

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function not in FUNCTIONS:
            name = f"{function.__module__}.{function.__name__}".replace("numpy", "np", 1)
            raise TypeError(
                f"{name} does not work on Arrays; call it on a.values, and round what comes back "
                f"with sf.array(..., dtype=a.dtype)"
            )
        return FUNCTIONS[function](*args, **kwargs)

    # NumPy's methods. Each is the function of the same name.

    def reshape(self, *shape: Any) -> Array:
        """The values in another shape, a view where NumPy gives one."""
        return owned(self._values.reshape(*shape), self._dtype)

    def transpose(self, *axes: Any) -> Array:
        """A view with the axes permuted (reversed if none are given)."""
        return owned(self._values.transpose(*axes), self._dtype)

    def ravel(self) -> Array:
        """The values along one axis, a view where NumPy gives one."""
        return self.reshape(-1)

    def sum(self, axis: Any = None, *, keepdims: bool = False) -> Array:
        """The sum over all axes, or over `axis`: added in float32, rounded once.

        In NumPy's order, which is pairwise and depends on the shape. Formats that float32 does not hold well
        (more than 12 bits' precision, float32 itself apart, or wider exponents) are added in float64.
        """
        total: Array = np.sum(self, axis=axis, keepdims=keepdims)  # type: ignore[call-overload]
        return total

    def mean(self, axis: Any = None, *, keepdims: bool = False) -> Array:
        """The mean: a sum and a division in float32, rounded once; otherwise as `sum`."""
        mean: Array = np.mean(self, axis=axis, keepdims=keepdims)  # type: ignore[call-overload]
        return mean

    def max(self, axis: Any = None, *, keepdims: bool = False) -> Array:
        """The largest value; NaN if there is one."""
        largest: Array = np.max(self, axis=axis, keepdims=keepdims)  # type: ignore[arg-type]
        return largest

    def min(self, axis: Any = None, *, keepdims: bool = False) -> Array:
        """The smallest value; NaN if there is one."""
        smallest: Array = np.min(self, axis=axis, keepdims=keepdims)  # type: ignore[arg-type]
        return smallest


def _is_operand(x: Any) -> bool:
    """Whether `x` can be compared with an Array; None, a string and the like are equal to none."""
    return isinstance(x, (Array, np.ndarray, np.generic, bool, int, float, *ABOVE))


def owned(values: ArrayLike, fmt: Format) -> Array:
    """An Array over `values`, which are in `fmt` and its carrier already; neither checked nor copied."""
    made = object.__new__(Array)
    made._dtype, made._values = fmt, np.asarray(values)
    return made


def overwrite(x: Array, values: NDArray[Any]) -> None:
    """Writes values of the format of `x` into its memory.

    Raises RuntimeError for memory that is not to be written to, or in which several values are one.
    """
    check_writable(x._values)
    x._values[...] = values


def check_writable(memory: NDArray[Any]) -> None:
    """Raises RuntimeError for memory that is not to be written to, or in which several values are one."""
    if not memory.flags.writeable:
        several = any(step == 0 and length > 1 for step, length in zip(memory.strides, memory.shape))
        raise RuntimeError(SEVERAL_IN_ONE_PLACE if several else "the memory of this tensor is not to be written to")


def matmul(a: Any, b: Any, *, out_dtype: Any = None) -> Array:
    """The matrix product ``a @ b``, accumulated in float32 and rounded once.

    a, b: Arrays, or NumPy arrays in one of simfp's formats; shapes as np.matmul takes them.
    out_dtype: the format of the result; if not given, that which `a` and `b` meet in. With ``sf.float32`` the
    accumulated sums come out as they are.

    This is NumPy's own product: quick, and not the same bits everywhere. Products of values of up to 12 bits' precision
    are exact in float32 (bfloat16's and tfloat32's from 2^-126 on), but the order in which they are added, and whether
    those of float32 are fused with it, is the choice of NumPy's library (OpenBLAS, say) by processor, shape and number
    of threads. `simfp.matmul` with an accumulator has an order of its own. Formats that float32 does not hold
    so well (more bits, float32 itself apart, or wider exponents) are accumulated in float64.

    Raises ValueError for shapes that do not multiply, TypeError for scalars and formats that do not meet.
    """
    operands = as_operands(a, b)
    fmt = result_format(operands)
    x, y = (in_format(operand, fmt).astype(accumulator_dtype(fmt), copy=False) for operand in operands)
    if not (x.ndim and y.ndim):
        raise TypeError(f"matmul needs at least one axis on both sides, got shapes {x.shape} and {y.shape}; use `*`")
    if x.shape[-1] != y.shape[max(y.ndim - 2, 0)]:
        raise ValueError(
            f"shapes {x.shape} and {y.shape} do not multiply: rows of {x.shape[-1]} values "
            f"against columns of {y.shape[max(y.ndim - 2, 0)]}"
        )
    out_fmt = fmt if out_dtype is None else as_format(out_dtype)
    with np.errstate(all="ignore"):
        return owned(rounded(np.matmul(x, y), out_fmt, "matmul"), out_fmt)


def accumulator_dtype(fmt: Format) -> type[np.floating[Any]]:
    """The type in which values of `fmt` are summed: float32 where it holds their products, or is the format."""
    held = 2 * fmt.precision <= 24 or fmt == FLOAT32
    return np.float32 if held and fmt.carrier == np.float32 else np.float64


def _format_of(x: Any) -> Format:
    """The format that `x` comes in, or float32."""
    if isinstance(x, Array):
        return x.dtype
    dtype = np.asarray(x).dtype.newbyteorder("=")
    return as_format(dtype) if dtype in STORAGE_DTYPES.values() else FLOAT32


def _rounded_copy(x: Any, fmt: Format, operation: str, rounding: str = "nearest_even", **options: Any) -> NDArray[Any]:
    """A new array of the values of `x`, rounded once to `fmt`, in its carrier."""
    values = x._values if isinstance(x, Array) else as_floats(x)[0]
    wide = values.astype(np.promote_types(values.dtype, fmt.carrier), copy=False)
    return round_array(wide, fmt, rounding, operation=operation, **options).astype(fmt.carrier, copy=False)


def as_operands(*xs: Any) -> list[Operand]:
    """Arrays, NumPy arrays and scalars as operands of one operation."""
    return [Operand(x._values, x.dtype) if isinstance(x, Array) else elementwise.as_operand(x) for x in xs]


def _outer(ufunc: np.ufunc, a: Any, b: Any) -> Any:
    """The ufunc of every pair from `a` and `b`, the axes of `a` first."""
    left, right = (x if isinstance(x, (Array, np.ndarray)) else np.asarray(x) for x in (a, b))
    return ufunc(left.reshape(left.shape + (1,) * right.ndim), right)


def _stored(result: Any, target: Any) -> Any:
    """`target`, or where that is None the result; an Array takes it rounded to its own format."""
    if target is None:
        return result
    if isinstance(target, Array) != isinstance(result, Array):
        wanted = "an Array" if isinstance(result, Array) else "a NumPy array"
        raise TypeError(f"`out` must be {wanted} for this result, got {type(target).__name__}")
    shape = result.shape if isinstance(result, Array) else np.shape(result)
    if target.shape != shape:
        raise ValueError(f"the result has shape {shape}, but `out` has {target.shape}")
    if isinstance(target, Array):
        same = target.dtype == result.dtype
        target._values[...] = result._values if same else result.astype(target.dtype)._values
    else:
        np.copyto(target, result)
    return target
