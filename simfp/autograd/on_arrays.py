"""The rest of a Tensor's methods on Arrays, as a script asks them of a gradient: ``p.grad.std()``, ``p.grad.topk(3)``.

What comes back is what the Tensor gives: of numbers an Array, of integers and truth values a Tensor, of several parts a
tuple. `sum`, `mean`, `max` and `min` stay NumPy's; with `dim` or `keepdim` they are torch's.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from simfp.arrays import Array
from simfp.autograd import functions as of
from simfp.autograd.methods import InPlaceMethods, enter
from simfp.autograd.tensor import Tensor, holding

__all__: list[str] = []

METHODS = (
    "addcdiv", "addcmul", "allclose", "argsort", "bmm", "bool", "byte", "char", "chunk", "clamp_max", "clamp_min",
    "cos", "diff", "equal", "erf", "exp2", "expand_as", "expm1", "floor_divide", "fmod", "frac", "gather", "greater",
    "greater_equal", "index_select", "int", "isclose", "isneginf", "isposinf", "lerp", "less", "less_equal", "log10",
    "log1p", "log2", "log_softmax", "logsumexp", "long", "masked_fill", "masked_select", "median", "mm", "mv", "narrow",
    "new_empty", "new_full", "new_ones", "new_tensor", "new_zeros", "not_equal", "outer", "relu", "remainder", "repeat",
    "repeat_interleave", "roll", "rsqrt", "scatter", "scatter_add", "select", "sgn", "short", "sigmoid", "signbit",
    "sin", "softmax", "sort", "split", "std", "swapaxes", "tanh", "tile", "topk", "type", "unbind", "unique", "var",
    "where",
)  # fmt: skip


def _plain(x: Any) -> Any:
    """A Tensor of numbers as the Array that it holds; of a tuple each part."""
    if isinstance(x, Tensor):
        return x.data
    if isinstance(x, tuple):
        parts = map(_plain, x)
        return type(x)(*parts) if hasattr(x, "_fields") else tuple(parts)
    return x


def _tensors(name: str) -> Callable[..., Any]:
    method = getattr(Tensor, name)

    @wraps(method)
    def of_an_array(x: Array, *args: Any, **options: Any) -> Any:
        return _plain(method(holding(x), *args, **options))

    return of_an_array


def _over_an_axis(name: str) -> Callable[..., Any]:
    numpys, torchs = getattr(Array, name), getattr(of, name)

    @wraps(numpys)
    def method(x: Array, axis: Any = None, *, keepdims: bool = False, dim: Any = None, keepdim: bool = False) -> Any:
        if dim is None and not keepdim:
            return numpys(x, axis, keepdims=keepdims)
        return _plain(torchs(holding(x), axis if dim is None else dim, keepdim=keepdim or keepdims))

    return method


for _name in METHODS:
    setattr(Array, _name, _tensors(_name))
for _name in ("sum", "mean", "max", "min"):
    setattr(Array, _name, _over_an_axis(_name))
Array.is_leaf = property(lambda x: True)  # type: ignore[attr-defined]
Array.grad_fn = property(lambda x: None)  # type: ignore[attr-defined]


def _on_an_array(name: str) -> Callable[[Array, Any], Any]:
    """An Array's own operator, which takes a Tensor's values, too: ``p.grad += noise``."""
    operator = getattr(Array, name)
    return lambda x, other: operator(x, other._data if isinstance(other, Tensor) else other)


for _name in ("__iadd__", "__isub__", "__imul__", "__itruediv__", "__ipow__", "__ifloordiv__", "__imod__"):
    setattr(Array, _name, _on_an_array(_name))
enter(InPlaceMethods, Array)
