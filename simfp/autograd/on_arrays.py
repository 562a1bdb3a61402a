"""A Tensor's methods on Arrays, as a script asks them of a gradient: ``p.grad.std()``, ``p.grad.topk(3)``.

What comes back is what the Tensor gives: of numbers an Array, of integers and truth values a Tensor, of several parts a
tuple. `sum`, `mean`, `max` and `min` stay NumPy's; with `dim` or `keepdim` they are torch's.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, overload

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from simfp.array_methods import ArrayOperand, Axis, Truth, ValueMethods, enter
from simfp.arrays import Array
from simfp.autograd import conversions, functions, picking, pointwise, products, shaping, truth
from simfp.autograd.functions import Dims
from simfp.autograd.methods import InPlaceMethods
from simfp.autograd.picking import ValuesAndIndices
from simfp.autograd.tensor import Tensor, holding

__all__ = ["ArrayMethods"]

P = ParamSpec("P")
R = TypeVar("R")


def _plain(x: Any) -> Any:
    """A Tensor of numbers as the Array that it holds; of a tuple each part."""
    if isinstance(x, Tensor):
        return x.data
    if isinstance(x, tuple):
        parts = map(_plain, x)
        return type(x)(*parts) if hasattr(x, "_fields") else tuple(parts)
    return x


def _method(function: Callable[..., Any]) -> Any:
    @wraps(function)
    def of_an_array(x: Array, *args: Any, **options: Any) -> Any:
        return _plain(function(holding(x), *args, **options))

    return of_an_array


def values(function: Callable[Concatenate[Any, P], Tensor]) -> Callable[Concatenate[Any, P], Array]:
    """An operation whose result is of numbers."""
    return _method(function)  # type: ignore[no-any-return]


def others(function: Callable[Concatenate[Any, P], R]) -> Callable[Concatenate[Any, P], R]:
    """An operation whose result is of integers or truth values, or no tensor."""
    return _method(function)  # type: ignore[no-any-return]


def parts(
    function: Callable[Concatenate[Any, P], tuple[Tensor, ...]],
) -> Callable[Concatenate[Any, P], tuple[Array, ...]]:
    """An operation that gives several."""
    return _method(function)  # type: ignore[no-any-return]


def found(
    function: Callable[Concatenate[Any, P], ValuesAndIndices[Tensor]],
) -> Callable[Concatenate[Any, P], ValuesAndIndices[Array]]:
    """An operation that gives values, and where they were."""
    return _method(function)  # type: ignore[no-any-return]


def either(function: Callable[..., Any]) -> Callable[..., Any]:
    """An operation whose options say what it gives."""
    return _method(function)  # type: ignore[no-any-return]


# --- over axes: NumPy's, but torch's where `dim` or `keepdim` is given


def _over(numpys: Any, torchs: Any, x: Array, axis: Any, keepdims: bool, dim: Any, keepdim: bool) -> Any:
    if dim is None and not keepdim:
        return numpys(x, axis=axis, keepdims=keepdims)
    return _plain(torchs(holding(x), axis if dim is None else dim, keepdim=keepdim or keepdims))


def sum(x: Array, axis: Axis = None, *, keepdims: bool = False, dim: Dims = None, keepdim: bool = False) -> Array:
    """The sum over all axes, or over `axis`: added in float32, rounded once.

    In NumPy's order, which is pairwise and depends on the shape. Formats that float32 does not hold well
    (more than 12 bits' precision, float32 itself apart, or wider exponents) are added in float64.
    With `dim` or `keepdim` in the order of torch's kernels, as a Tensor's.
    """
    return _over(np.sum, functions.sum, x, axis, keepdims, dim, keepdim)  # type: ignore[no-any-return]


def mean(x: Array, axis: Axis = None, *, keepdims: bool = False, dim: Dims = None, keepdim: bool = False) -> Array:
    """The mean: a sum and a division in float32, rounded once; otherwise as `sum`."""
    return _over(np.mean, functions.mean, x, axis, keepdims, dim, keepdim)  # type: ignore[no-any-return]


@overload
def max(x: Array, axis: Axis = None, *, keepdims: bool = False) -> Array: ...
@overload
def max(x: Array, *, dim: int, keepdim: bool = False) -> ValuesAndIndices[Array]: ...
def max(x: Array, axis: Any = None, *, keepdims: bool = False, dim: int | None = None, keepdim: bool = False) -> Any:
    """The largest value, NaN if there is one; with `dim` a pair: values, and a Tensor of where each is."""
    return _over(np.max, functions.max, x, axis, keepdims, dim, keepdim)


@overload
def min(x: Array, axis: Axis = None, *, keepdims: bool = False) -> Array: ...
@overload
def min(x: Array, *, dim: int, keepdim: bool = False) -> ValuesAndIndices[Array]: ...
def min(x: Array, axis: Any = None, *, keepdims: bool = False, dim: int | None = None, keepdim: bool = False) -> Any:
    """The smallest value, NaN if there is one; with `dim` a pair: values, and a Tensor of where each is."""
    return _over(np.min, functions.min, x, axis, keepdims, dim, keepdim)


# --- operators


def _in_place(name: str) -> Callable[[Array, ArrayOperand | Tensor], Array]:
    """An Array's own operator, which takes a Tensor's values, too: ``p.grad += noise``."""
    operator = getattr(Array, name)
    return lambda x, other: operator(x, other._data if isinstance(other, Tensor) else other)


class ArrayMethods(InPlaceMethods, ValueMethods, NDArrayOperatorsMixin):
    """Methods of Array that are a Tensor's; with its other tables, what type checkers see of an Array's methods."""

    if TYPE_CHECKING:  # what NDArrayOperatorsMixin has; its types promise nothing
        # fmt: off
        def __add__(self, other: ArrayOperand) -> Array: ...
        def __radd__(self, other: ArrayOperand) -> Array: ...
        def __sub__(self, other: ArrayOperand) -> Array: ...
        def __rsub__(self, other: ArrayOperand) -> Array: ...
        def __mul__(self, other: ArrayOperand) -> Array: ...
        def __rmul__(self, other: ArrayOperand) -> Array: ...
        def __truediv__(self, other: ArrayOperand) -> Array: ...
        def __rtruediv__(self, other: ArrayOperand) -> Array: ...
        def __floordiv__(self, other: ArrayOperand) -> Array: ...
        def __rfloordiv__(self, other: ArrayOperand) -> Array: ...
        def __mod__(self, other: ArrayOperand) -> Array: ...
        def __rmod__(self, other: ArrayOperand) -> Array: ...
        def __pow__(self, other: ArrayOperand) -> Array: ...
        def __rpow__(self, other: ArrayOperand) -> Array: ...
        def __matmul__(self, other: ArrayOperand) -> Array: ...
        def __rmatmul__(self, other: ArrayOperand) -> Array: ...
        def __lt__(self, other: ArrayOperand) -> Truth: ...
        def __le__(self, other: ArrayOperand) -> Truth: ...
        def __gt__(self, other: ArrayOperand) -> Truth: ...
        def __ge__(self, other: ArrayOperand) -> Truth: ...
        def __neg__(self) -> Array: ...
        def __pos__(self) -> Array: ...
        def __abs__(self) -> Array: ...
        # fmt: on

    __iadd__ = _in_place("__iadd__")
    __isub__ = _in_place("__isub__")
    __imul__ = _in_place("__imul__")
    __itruediv__ = _in_place("__itruediv__")
    __ifloordiv__ = _in_place("__ifloordiv__")
    __imod__ = _in_place("__imod__")
    __ipow__ = _in_place("__ipow__")

    sum = sum
    mean = mean
    max = max
    min = min

    # numbers come back
    addcdiv = values(pointwise.addcdiv)
    addcmul = values(pointwise.addcmul)
    bmm = values(functions.bmm)
    clamp_max = values(pointwise.clamp_max)
    clamp_min = values(pointwise.clamp_min)
    cos = values(pointwise.cos)
    diff = values(pointwise.diff)
    erf = values(pointwise.erf)
    exp2 = values(pointwise.exp2)
    expand_as = values(shaping.expand_as)
    expm1 = values(pointwise.expm1)
    floor_divide = values(pointwise.floor_divide)
    fmod = values(pointwise.fmod)
    frac = values(pointwise.frac)
    gather = values(shaping.gather)
    index_select = values(picking.index_select)
    lerp = values(pointwise.lerp)
    log10 = values(pointwise.log10)
    log1p = values(pointwise.log1p)
    log2 = values(pointwise.log2)
    log_softmax = values(functions.log_softmax)
    logsumexp = values(functions.logsumexp)
    masked_fill = values(functions.masked_fill)
    masked_select = values(picking.masked_select)
    mm = values(functions.mm)
    mv = values(products.mv)
    narrow = values(picking.narrow)
    outer = values(products.outer)
    relu = values(functions.relu)
    remainder = values(pointwise.remainder)
    repeat = values(picking.repeat)
    repeat_interleave = values(picking.repeat_interleave)
    roll = values(picking.roll)
    rsqrt = values(functions.rsqrt)
    scatter = values(pointwise.scatter)
    scatter_add = values(pointwise.scatter_add)
    select = values(picking.select)
    sgn = values(pointwise.sign)
    sigmoid = values(functions.sigmoid)
    sin = values(pointwise.sin)
    softmax = values(functions.softmax)
    std = values(functions.std)
    swapaxes = values(shaping.swapaxes)
    tanh = values(functions.tanh)
    tile = values(picking.tile)
    var = values(functions.var)
    where = values(functions.chosen)

    # several parts, and pairs
    chunk = parts(shaping.chunk)
    split = parts(shaping.split)
    unbind = parts(picking.unbind)
    sort = found(picking.sort)
    topk = found(picking.topk)

    # what the options say
    median = either(picking.median)
    new_empty = either(conversions.filled("empty"))
    new_full = either(conversions.filled("full"))
    new_ones = either(conversions.filled("ones"))
    new_tensor = either(conversions.new_tensor)
    new_zeros = either(conversions.filled("zeros"))
    type = either(conversions.type_)
    unique = either(picking.unique)

    # places, truth, and Python's own
    allclose = others(truth.allclose)
    argsort = others(picking.argsort)
    equal = others(truth.equal)
    greater = others(truth.gt)
    greater_equal = others(truth.ge)
    isclose = others(truth.isclose)
    isneginf = others(truth.isneginf)
    isposinf = others(truth.isposinf)
    less = others(truth.lt)
    less_equal = others(truth.le)
    not_equal = others(truth.ne)
    signbit = others(truth.signbit)

    @property
    def is_leaf(self) -> builtins.bool:
        """True."""
        return True

    @property
    def grad_fn(self) -> None:
        """None."""
        return None

    # below them int and bool are these methods
    bool = others(conversions.to_type("bool"))
    byte = others(conversions.to_type("byte"))
    char = others(conversions.to_type("char"))
    int = others(conversions.to_type("int"))
    long = others(conversions.to_type("long"))
    short = others(conversions.to_type("short"))


enter(InPlaceMethods, Array)
enter(ArrayMethods, Array)
