"""torch's methods on Arrays: gradients and a Tensor's data are Arrays, and a script treats them as tensors.

Each gives an Array, rounded once; what is about values (where is it NaN, which is the largest) a NumPy array. An
Array has no gradient, so that `detach` is itself. Methods that change it in place are in
`simfp.autograd`. `size` is NumPy's, how many values there are; torch's is `shape`.
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from simfp.arrays import Array
from simfp.devices import THE_DEVICE, as_device, is_device
from simfp.integers import IntegerType, as_dtype, as_integers
from simfp.ops import reductions, running, shapes

__all__: list[str] = []


def _to(
    x: Array, *args: Any, dtype: Any = None, device: Any = None, non_blocking: bool = False, copy: bool = False
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


def _norm(x: Array, p: Any = 2, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Array:
    """The norm of order 1, 2 or infinity: as `simfp.autograd.functions.norm`."""
    return reductions.vector_norm(x, 2 if p == "fro" else p, dim, keepdim, dtype)


def _sizes(given: tuple[Any, ...]) -> tuple[int, ...]:
    return tuple(given[0]) if len(given) == 1 and isinstance(given[0], Sequence) else given


def _flatten(x: Array, start_dim: int = 0, end_dim: int = -1) -> Array:
    first, last = (shapes.place(each, x.ndim) for each in (start_dim, end_dim))
    return x.reshape((*x.shape[:first], math.prod(x.shape[first : last + 1]), *x.shape[last + 1 :]))


def _squeeze(x: Array, dim: int | None = None) -> Array:
    gone = range(x.ndim) if dim is None else [shapes.place(dim, x.ndim)]
    return x.reshape(tuple(length for where, length in enumerate(x.shape) if where not in gone or length != 1))


def _clamp(x: Array, min: Any = None, max: Any = None) -> Array:
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    return np.clip(x, min, max)


def _of_values(function: Callable[..., Any]) -> Callable[..., Any]:
    """A NumPy function of the values, whose axis may be called `dim`."""

    def method(x: Array, dim: Any = None, keepdim: bool = False) -> Any:
        return function(x.values, axis=dim, keepdims=keepdim)

    return method


def _ufunc(ufunc: np.ufunc) -> Callable[..., Any]:
    return lambda x, *others: ufunc(x, *others)


# fmt: off
METHODS: dict[str, Callable[..., Any]] = {
    # what it is
    "dim": lambda x: x.ndim,
    "ndimension": lambda x: x.ndim, "numel": lambda x: x._values.size, "nelement": lambda x: x._values.size,
    "element_size": lambda x: x.dtype.itemsize, "is_floating_point": lambda x: True, "is_contiguous": lambda x: True,
    "contiguous": lambda x: x, "get_device": lambda x: THE_DEVICE.index,
    # where it is, and in which format
    "to": _to, "cpu": lambda x: x, "cuda": lambda x, device=None, non_blocking=False: (as_device(device), x)[1],
    "detach": lambda x: x, "clone": Array.copy, "numpy": Array.to_numpy, "pin_memory": lambda x: x,
    "float": lambda x: _to(x, "float32"), "half": lambda x: _to(x, "float16"), "bfloat16": lambda x: _to(x, "bfloat16"),
    "type_as": lambda x, other: _to(x, other.dtype),
    # values moved
    "view": Array.reshape, "flatten": _flatten, "squeeze": _squeeze,
    "unsqueeze": lambda x, dim: np.expand_dims(x, shapes.insertion_place(dim, x.ndim)),
    "t": lambda x: x.transpose(), "permute": lambda x, *dims: shapes.permute(x, _sizes(dims)),
    "expand": lambda x, *sizes: shapes.expand(x, _sizes(sizes)), "view_as": lambda x, other: x.reshape(other.shape),
    "reshape_as": lambda x, other: x.reshape(other.shape), "flip": lambda x, *dims: np.flip(x, _sizes(dims)),
    "tril": lambda x, diagonal=0: np.tril(x, diagonal), "triu": lambda x, diagonal=0: np.triu(x, diagonal),
    # values computed
    "abs": _ufunc(np.absolute), "neg": _ufunc(np.negative), "sqrt": _ufunc(np.sqrt), "square": _ufunc(np.square),
    "exp": _ufunc(np.exp), "log": _ufunc(np.log), "reciprocal": _ufunc(np.reciprocal), "sign": _ufunc(np.sign),
    "floor": _ufunc(np.floor), "ceil": _ufunc(np.ceil), "trunc": _ufunc(np.trunc),
    "round": lambda x, decimals=0: np.round(x, decimals), "clamp": _clamp, "clip": _clamp,
    "add": _ufunc(np.add), "sub": _ufunc(np.subtract), "mul": _ufunc(np.multiply), "div": _ufunc(np.divide),
    "pow": _ufunc(np.power), "maximum": _ufunc(np.maximum), "minimum": _ufunc(np.minimum),
    "matmul": _ufunc(np.matmul), "dot": lambda x, y: np.dot(x, y),
    "norm": _norm, "prod": lambda x, dim=None, keepdim=False: running.prod(x, dim, keepdim),
    "cumsum": lambda x, dim: running.cumsum(x, dim), "cumprod": lambda x, dim: running.cumprod(x, dim),
    "amax": lambda x, dim=None, keepdim=False: np.max(x, axis=dim, keepdims=keepdim),
    "amin": lambda x, dim=None, keepdim=False: np.min(x, axis=dim, keepdims=keepdim),
    # what is so of the values
    "isnan": _ufunc(np.isnan), "isinf": _ufunc(np.isinf), "isfinite": _ufunc(np.isfinite),
    "any": _of_values(np.any), "all": _of_values(np.all), "argmax": _of_values(np.argmax),
    "argmin": _of_values(np.argmin), "nonzero": lambda x: np.argwhere(x.values),
    "count_nonzero": lambda x: np.count_nonzero(x.values),
    "eq": _ufunc(np.equal), "ne": _ufunc(np.not_equal), "lt": _ufunc(np.less), "le": _ufunc(np.less_equal),
    "gt": _ufunc(np.greater), "ge": _ufunc(np.greater_equal),
    "__round__": lambda x, ndigits=None: builtins.round(x.item(), ndigits),
}
PROPERTIES: dict[str, Callable[[Array], Any]] = {
    "device": lambda x: THE_DEVICE, "is_cuda": lambda x: True, "is_sparse": lambda x: False, "data": lambda x: x,
    "requires_grad": lambda x: False,
}
# fmt: on

for _name, _method in METHODS.items():
    setattr(Array, _name, _method)
for _name, _get in PROPERTIES.items():
    setattr(Array, _name, property(_get))
