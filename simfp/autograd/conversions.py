"""From data to Tensors, from one type to another, and back to Python's and NumPy's own: torch's names."""

from __future__ import annotations

import builtins
import copy as copying
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simfp.arrays import Array, array
from simfp.autograd.dispatch import apply
from simfp.autograd.shaping import clone
from simfp.autograd.tensor import Tensor, as_tensor, holding
from simfp.devices import THE_DEVICE, as_device, is_device
from simfp.integers import IntegerType, as_dtype, as_integers, is_integers, type_of
from simfp.ops import OPERATIONS
from simfp.ops.integers import scalar_type

__all__ = ["tensor", "to"]


def tensor(data: Any, dtype: Any = None, requires_grad: bool = False, device: Any = None) -> Tensor:
    """A Tensor of a copy of `data`, as torch.tensor makes it.

    data: numbers, nested lists of them (Tensors among them), a NumPy array, an Array or a Tensor.
    dtype: whatever `as_dtype` takes. If not given, Python's integers make int64, truth values bool, anything with a
    float among it float32; arrays keep their type, but that float64, which simfp has not, becomes float32.

    >>> tensor([1, 2]), tensor([1, 2.5]), tensor([True])
    (tensor([1, 2]), tensor([1. , 2.5], dtype=float32), tensor([ True]))

    Raises ValueError for rows of unequal length and unknown types, RuntimeError for a gradient of integers.
    """
    as_device(device)
    if isinstance(data, Tensor):
        data = data._data
    plain: Any = data if isinstance(data, (Array, np.ndarray)) else _from_numbers(data)
    if dtype is None and is_integers(plain):
        made = holding(as_integers(plain, type_of(plain)))
    else:
        made = Tensor(array(plain) if dtype is None else plain, dtype=dtype)
    if requires_grad:
        if not isinstance(made._data, Array):
            raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
        made._requires_grad = True
    return made


def _from_numbers(data: Any) -> Any:
    """Nested lists as one NumPy array: of int64, bool or floats; a NumPy scalar keeps its type."""
    plain = _without_tensors(data)
    try:
        given = np.asarray(plain)
    except ValueError as error:
        raise ValueError(f"expected sequences of equal lengths at every depth: {error}") from None
    if given.dtype.kind not in "biufV":
        raise TypeError(f"cannot make a Tensor of {type(data).__name__} of {given.dtype}; expected numbers")
    if given.size == 0 and not isinstance(data, np.generic):
        return given.astype(np.float32)  # torch's default for an empty list
    return given


def _without_tensors(x: Any) -> Any:
    if isinstance(x, (list, tuple)):
        return [_without_tensors(part) for part in x]
    return x.tolist() if isinstance(x, (Tensor, Array)) else x


# --- to other types, and to devices


def to(
    x: Any,
    *args: Any,
    dtype: Any = None,
    device: Any = None,
    non_blocking: bool = False,
    copy: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """The tensor in another format or type, each value rounded once; itself if it is in that, unless `copy` is asked.

    args: a format or type, a device (there is one: nothing moves), or a tensor whose type is meant; in torch's order
    `non_blocking` and `copy` may follow. Integers of floats are cut off toward zero, and have no gradient.

    Raises ValueError for float64, TypeError for what names no type, RuntimeError for an unknown name.
    """
    for place, given in enumerate(args):
        if isinstance(given, (Tensor, Array)):
            dtype = given.dtype
        elif isinstance(given, bool):
            copy = copy or (given and place == len(args) - 1 and sum(isinstance(each, bool) for each in args) == 2)
        elif is_device(given):
            as_device(given)
        elif given is not None:
            dtype = _dtype_or_device(given)
    as_device(device)
    source = as_tensor(x)
    target = source.dtype if dtype is None else as_dtype(dtype)
    if target == source.dtype:
        return clone(source) if copy else source
    if isinstance(target, IntegerType):
        values = source._data
        return holding(as_integers(values.values if isinstance(values, Array) else values, target))
    return apply(OPERATIONS["_to_copy"], source, target)


def _dtype_or_device(x: Any) -> Any:
    try:
        return as_dtype(x)
    except ValueError as error:
        if not isinstance(x, str) or "float64" in str(error):
            raise
        raise RuntimeError(
            f"Expected one of cpu, cuda device type at start of device string: {x}; nor is it a dtype: {error}"
        ) from None


def _to_type(name: str) -> Callable[[Any], Tensor]:
    def function(x: Any, memory_format: Any = None) -> Tensor:
        return to(x, name)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"The tensor in {name}."
    return function


def _double(x: Any) -> Tensor:
    return to(x, "float64")  # refused, with a word on what to use


def _type(x: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """The tensor in another type; without one, what torch calls the type: "torch.LongTensor"."""
    if dtype is None:
        return f"torch.{scalar_type(x.dtype)}Tensor"
    if isinstance(dtype, str) and dtype.endswith("Tensor"):
        kind = dtype.removeprefix("torch.").removeprefix("cuda.").removesuffix("Tensor").lower()
        return to(x, kind or "float32")
    return to(x, dtype)


# --- as Python's and NumPy's own


def _only(x: Tensor) -> Any:
    if x._data.size != 1:
        raise ValueError("only one element tensors can be converted to Python scalars")
    return x._data.item()


def _is_contiguous(x: Tensor, memory_format: Any = None) -> bool:
    memory = x._data._values if isinstance(x._data, Array) else x._data
    return bool(memory.flags.c_contiguous)


def _index(x: Tensor) -> int:
    if x._data.size != 1 or isinstance(x._data, Array):
        hint = "; .long() makes integers" if isinstance(x._data, Array) else ""
        raise TypeError(f"only integer tensors of a single element can be converted to an index{hint}")
    return int(x._data.item())


def _format(x: Tensor, spec: str) -> str:
    if not x.ndim:
        return format(x._data.item(), spec)
    if spec:
        raise TypeError(
            f"unsupported format string passed to Tensor.__format__: {spec!r} for a tensor of shape {x.shape}; "
            "one value can be had by .item()"
        )
    return str(x)


def _as_numpy_array(x: Tensor, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
    if x.requires_grad:
        raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
    return np.array(x._data, dtype=dtype, copy=copy) if copy else np.asarray(x._data, dtype=dtype)


def _deepcopy(x: Tensor, memo: dict[int, Any]) -> Tensor:
    """A tensor of its own, of the same class, with copies of the values and the gradient.

    Raises RuntimeError for one that an operation made.
    """
    if x.grad_fn is not None:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment. "
            "If you were attempting to deepcopy a module, this may be because a tensor was kept in it; detach it first."
        )
    made = type(x).__new__(type(x))
    memo[id(x)] = made
    Tensor.__init__(made, holding(x._data.copy()), x.requires_grad)
    made._grad = None if x._grad is None else x._grad.copy()
    for kind in type(x).__mro__:
        slots = () if kind is Tensor else getattr(kind, "__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in ("__weakref__", "__dict__") and hasattr(x, name):
                setattr(made, name, copying.deepcopy(getattr(x, name), memo))
    for name, value in getattr(x, "__dict__", {}).items():
        made.__dict__[name] = copying.deepcopy(value, memo)
    return made


# --- new ones of the same type


def _filled(name: str) -> Callable[..., Tensor]:
    def method(
        x: Tensor, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **named: Any
    ) -> Tensor:
        as_device(device)
        size = size or (named.pop("size"),)
        value: Any = 1 if name == "ones" else 0
        if name == "full":
            value, size = (size[1], size[:1]) if len(size) > 1 else (named.pop("fill_value"), size)
        if named:
            raise TypeError(f"new_{name}() got an unexpected keyword argument {next(iter(named))!r}")
        shape = tuple(size[0]) if len(size) == 1 and isinstance(size[0], (tuple, list)) else size
        values = np.full(tuple(int(each) for each in shape), value)
        return Tensor(values, requires_grad, dtype=x.dtype if dtype is None else dtype)

    method.__name__ = method.__qualname__ = f"new_{name}"
    method.__doc__ = f"A tensor of the same type, unless another is asked for: as torch.{name}."
    return method


METHODS: dict[str, Callable[..., Any]] = {
    "to": to, "type": _type, "type_as": lambda x, other: to(x, other.dtype), "double": _double,
    "float": _to_type("float32"), "half": _to_type("float16"), "bfloat16": _to_type("bfloat16"),
    **{each: _to_type(each) for each in ("long", "int", "short", "char", "byte", "bool")},
    "cpu": lambda x, memory_format=None: x,
    "cuda": lambda x, device=None, non_blocking=False, memory_format=None: (as_device(device), x)[1],
    "pin_memory": lambda x, device=None: x, "is_pinned": lambda x, device=None: False,
    "get_device": lambda x: THE_DEVICE.index,
    "is_floating_point": lambda x: isinstance(x._data, Array), "is_complex": lambda x: False,
    "is_signed": lambda x: isinstance(x._data, Array) or x.dtype.signed,
    "element_size": lambda x: -(-x.dtype.bits // 8), "nelement": lambda x: x._data.size,
    "ndimension": lambda x: x.ndim, "is_contiguous": _is_contiguous,
    "new_tensor": lambda x, data, dtype=None, requires_grad=False, device=None: tensor(
        data, x.dtype if dtype is None else dtype, requires_grad, device
    ),
    **{f"new_{name}": _filled(name) for name in ("zeros", "ones", "full", "empty")},
    "__float__": lambda x: builtins.float(_only(x)), "__int__": lambda x: builtins.int(_only(x)), "__index__": _index,
    "__round__": lambda x, ndigits=None: round(_only(x), ndigits), "__format__": _format,
    "__array__": _as_numpy_array, "__deepcopy__": _deepcopy,
}  # fmt: skip

PROPERTIES: dict[str, Callable[[Any], Any]] = {
    "device": lambda x: THE_DEVICE, "is_cuda": lambda x: True, "is_cpu": lambda x: False,
    "itemsize": lambda x: x.element_size(), "nbytes": lambda x: x.element_size() * x._data.size,
}  # fmt: skip

for _name, _function in METHODS.items():
    setattr(Tensor, _name, _function)
for _name, _function in PROPERTIES.items():
    setattr(Tensor, _name, property(_function))
