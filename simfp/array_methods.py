"""torch's methods on Arrays: gradients and a Tensor's data are Arrays, and a script treats them as tensors.

Each gives an Array, rounded once; what is about values (where is it NaN, which is the largest) a NumPy array. An
Array has no gradient, so that `detach` is itself. Methods that need a Tensor's operations, and those in place, are in
`simfp.autograd`. `size` is NumPy's, how many values there are; torch's is `shape`.

The classes are tables, as those in `simfp.autograd.methods` are.
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable, Sequence
from typing import Any, Literal, Self, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from simfp.arrays import Array
from simfp.devices import THE_DEVICE, Device, DeviceLike, as_device, is_device
from simfp.integers import IntegerType, as_dtype, as_integers
from simfp.ops import reductions, running, shapes
from simfp.typing import DTypeLike

__all__ = ["ArrayOperand", "Truth", "ValueMethods", "enter"]

ArrayOperand: TypeAlias = Array | NDArray[Any] | np.generic | float  # what meets an Array in an operation
Axis: TypeAlias = int | tuple[int, ...] | None
Truth: TypeAlias = NDArray[np.bool_]
F = TypeVar("F", bound=Callable[..., Any])


# --- what it is


def _dim(x: Array) -> int:
    """How many axes there are."""
    return x.ndim


def _numel(x: Array) -> int:
    """How many values there are."""
    return x.size


def _element_size(x: Array) -> int:
    """How many bytes a value takes in its format."""
    return x.dtype.itemsize


def _is_so(x: Array) -> bool:
    """True."""
    return True


def _get_device(x: Array) -> int | None:
    """The number of the one device: 0."""
    return THE_DEVICE.index


# --- where it is, and in which format


def _itself(x: Array) -> Array:
    """The Array itself."""
    return x


def _cuda(x: Array, device: DeviceLike | None = None, non_blocking: bool = False) -> Array:
    """The Array itself.

    Raises RuntimeError for a device that is not there.
    """
    as_device(device)
    return x


def _to(
    x: Array,
    *args: Any,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    non_blocking: bool = False,
    copy: bool = False,
) -> Any:
    """In another format, rounded once; a NumPy array for a type of integers. Devices are one (see `simfp.devices`)."""
    for given in args:
        if is_device(given):
            as_device(given)
        elif not isinstance(given, bool) and given is not None:
            dtype = getattr(given, "dtype", given)
    as_device(device)
    target = x.dtype if dtype is None else as_dtype(dtype)
    if isinstance(target, IntegerType):
        return as_integers(x.values, target)
    return x.copy() if copy and target == x.dtype else x if target == x.dtype else x.astype(target)


def _in(fmt: str) -> Callable[[Array], Array]:
    def method(x: Array) -> Array:
        return _to(x, fmt)  # type: ignore[no-any-return]

    method.__doc__ = f"In {fmt}, each value rounded once."
    return method


def _type_as(x: Array, other: Any) -> Any:
    """In the format of another Array or Tensor."""
    return _to(x, other.dtype)


# --- values moved


def _sizes(given: tuple[Any, ...]) -> tuple[int, ...]:
    return tuple(given[0]) if len(given) == 1 and isinstance(given[0], Sequence) else given


def _flatten(x: Array, start_dim: int = 0, end_dim: int = -1) -> Array:
    """The axes from `start_dim` to `end_dim` as one."""
    first, last = (shapes.place(each, x.ndim) for each in (start_dim, end_dim))
    return x.reshape((*x.shape[:first], math.prod(x.shape[first : last + 1]), *x.shape[last + 1 :]))


def _squeeze(x: Array, dim: int | None = None) -> Array:
    """Without the axes of length 1, or without that one if its length is 1."""
    gone = range(x.ndim) if dim is None else [shapes.place(dim, x.ndim)]
    return x.reshape(tuple(length for where, length in enumerate(x.shape) if where not in gone or length != 1))


def _unsqueeze(x: Array, dim: int) -> Array:
    """With a new axis of length 1."""
    return np.expand_dims(x, shapes.insertion_place(dim, x.ndim))  # type: ignore


def _t(x: Array) -> Array:
    """The axes in the opposite order."""
    return x.transpose()


def _permute(x: Array, *dims: int | Sequence[int]) -> Array:
    """The axes in another order."""
    return shapes.permute(x, _sizes(dims))


def _expand(x: Array, *sizes: int | Sequence[int]) -> Array:
    """Axes of length 1 repeated to other lengths; -1 leaves one as it is."""
    return shapes.expand(x, _sizes(sizes))


def _reshape_as(x: Array, other: Any) -> Array:
    """The values in the shape of another Array or Tensor."""
    return x.reshape(other.shape)


def _flip(x: Array, *dims: int | Sequence[int]) -> Array:
    """Backward along each of these axes."""
    return np.flip(x, _sizes(dims))  # type: ignore


def _tril(x: Array, diagonal: int = 0) -> Array:
    """The lower triangle, zeros above."""
    return np.tril(x, diagonal)  # type: ignore


def _triu(x: Array, diagonal: int = 0) -> Array:
    """The upper triangle, zeros below."""
    return np.triu(x, diagonal)  # type: ignore


# --- values computed


def _unary(ufunc: np.ufunc) -> Callable[[Array], Array]:
    def method(x: Array) -> Array:
        return ufunc(x)  # type: ignore[no-any-return]

    return _told(method, ufunc)


def _binary(ufunc: np.ufunc) -> Callable[[Array, ArrayOperand], Array]:
    def method(x: Array, other: ArrayOperand) -> Array:
        return ufunc(x, other)  # type: ignore[no-any-return]

    return _told(method, ufunc)


def _told(method: F, ufunc: np.ufunc) -> F:
    method.__name__ = method.__qualname__ = ufunc.__name__
    method.__doc__ = f"np.{ufunc.__name__} of the Array."
    return method


def _round(x: Array, decimals: int = 0) -> Array:
    """The nearest whole numbers, of two equally near the even one; or the nearest with so many decimals."""
    return np.round(x, decimals)  # type: ignore


def _clamp(x: Array, min: float | None = None, max: float | None = None) -> Array:
    """The values held between two numbers.

    Raises RuntimeError where neither is given.
    """
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    return np.clip(x, min, max)  # type: ignore


def _dot(x: Array, other: ArrayOperand) -> Array:
    """np.dot of the Array."""
    return np.dot(x, other)  # type: ignore


def _norm(
    x: Array,
    p: float | Literal["fro"] = 2,
    dim: Axis = None,
    keepdim: bool = False,
    dtype: DTypeLike | None = None,
) -> Array:
    """The norm of order 1, 2 or infinity: as `simfp.autograd.functions.norm`."""
    return reductions.vector_norm(x, 2 if p == "fro" else p, dim, keepdim, dtype)


def _prod(x: Array, dim: Axis = None, keepdim: bool = False) -> Array:
    """The product of all values, or along an axis."""
    return running.prod(x, dim, keepdim)


def _cumsum(x: Array, dim: int) -> Array:
    """The sums of the first one, two, three ... values along an axis."""
    return running.cumsum(x, dim)


def _cumprod(x: Array, dim: int) -> Array:
    """The products of the first one, two, three ... values along an axis."""
    return running.cumprod(x, dim)


def _amax(x: Array, dim: Axis = None, keepdim: bool = False) -> Array:
    """The largest value; NaN if there is one."""
    return np.max(x, axis=dim, keepdims=keepdim)  # type: ignore


def _amin(x: Array, dim: Axis = None, keepdim: bool = False) -> Array:
    """The smallest value; NaN if there is one."""
    return np.min(x, axis=dim, keepdims=keepdim)  # type: ignore


# --- what is so of the values


def _tested(ufunc: np.ufunc) -> Callable[[Array], Truth]:
    return _unary(ufunc)  # type: ignore[return-value]


def _compared(ufunc: np.ufunc) -> Callable[[Array, ArrayOperand], Truth]:
    return _binary(ufunc)  # type: ignore[return-value]


def _any(x: Array, dim: Axis = None, keepdim: bool = False) -> Any:
    """Whether any value, or any along `dim`, is anything but zero."""
    return np.any(x.values, axis=dim, keepdims=keepdim)


def _all(x: Array, dim: Axis = None, keepdim: bool = False) -> Any:
    """Whether every value, or every one along `dim`, is anything but zero."""
    return np.all(x.values, axis=dim, keepdims=keepdim)


def _argmax(x: Array, dim: int | None = None, keepdim: bool = False) -> Any:
    """Where the largest value is first."""
    return np.argmax(x.values, axis=dim, keepdims=keepdim)


def _argmin(x: Array, dim: int | None = None, keepdim: bool = False) -> Any:
    """Where the smallest value is first."""
    return np.argmin(x.values, axis=dim, keepdims=keepdim)


def _nonzero(x: Array) -> NDArray[np.intp]:
    """The places of all values but zeros, (count, axes)."""
    return np.argwhere(x.values)


def _count_nonzero(x: Array) -> int:
    """How many values are anything but zero."""
    return int(np.count_nonzero(x.values))


def _rounded(x: Array, ndigits: int | None = None) -> Any:
    """The only value, rounded as Python rounds."""
    return builtins.round(x.item(), ndigits)


class ValueMethods:
    """Methods of Array that need no more than Arrays have."""

    dim = ndimension = _dim
    numel = nelement = _numel
    element_size = _element_size
    is_floating_point = is_contiguous = _is_so
    get_device = _get_device

    to = _to
    cpu = contiguous = detach = pin_memory = _itself
    cuda = _cuda
    clone = Array.copy
    numpy = Array.to_numpy
    half = _in("float16")
    bfloat16 = _in("bfloat16")
    type_as = _type_as

    view = Array.reshape
    flatten = _flatten
    squeeze = _squeeze
    unsqueeze = _unsqueeze
    t = _t
    permute = _permute
    expand = _expand
    view_as = reshape_as = _reshape_as
    flip = _flip
    tril = _tril
    triu = _triu

    abs = _unary(np.absolute)
    neg = _unary(np.negative)
    sqrt = _unary(np.sqrt)
    square = _unary(np.square)
    exp = _unary(np.exp)
    log = _unary(np.log)
    reciprocal = _unary(np.reciprocal)
    sign = _unary(np.sign)
    floor = _unary(np.floor)
    ceil = _unary(np.ceil)
    trunc = _unary(np.trunc)
    round = _round
    clamp = clip = _clamp
    add = _binary(np.add)
    sub = _binary(np.subtract)
    mul = _binary(np.multiply)
    div = _binary(np.divide)
    pow = _binary(np.power)
    maximum = _binary(np.maximum)
    minimum = _binary(np.minimum)
    matmul = _binary(np.matmul)
    dot = _dot
    norm = _norm
    prod = _prod
    cumsum = _cumsum
    cumprod = _cumprod
    amax = _amax
    amin = _amin

    isnan = _tested(np.isnan)
    isinf = _tested(np.isinf)
    isfinite = _tested(np.isfinite)
    eq = _compared(np.equal)
    ne = _compared(np.not_equal)
    lt = _compared(np.less)
    le = _compared(np.less_equal)
    gt = _compared(np.greater)
    ge = _compared(np.greater_equal)
    any = _any
    all = _all
    argmax = _argmax
    argmin = _argmin
    nonzero = _nonzero
    count_nonzero = _count_nonzero
    __round__ = _rounded

    @property
    def device(self) -> Device:
        """The one device."""
        return THE_DEVICE

    @property
    def data(self) -> Self:
        """The Array itself."""
        return self

    @property
    def is_cuda(self) -> bool:
        """True: the one device is cuda:0."""
        return True

    @property
    def is_sparse(self) -> bool:
        """False."""
        return False

    @property
    def requires_grad(self) -> bool:
        """False: an Array has no gradient."""
        return False

    float = _in("float32")  # below the annotations, in which it is Python's


class _Empty:
    """What every class has."""


def enter(methods: type, owner: type) -> None:
    """Gives a class the methods of a table."""
    for name, method in vars(methods).items():
        if name not in vars(_Empty) and name != "__hash__":  # which `__eq__` takes from the table, not from its owner
            setattr(owner, name, method)


enter(ValueMethods, Array)
