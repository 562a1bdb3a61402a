"""From data to Tensors, from one type to another, and back to Python's and NumPy's own: torch's names."""

from __future__ import annotations

import builtins
import copy as copying
from collections.abc import Callable
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from simfp.arrays import Array, array
from simfp.autograd.dispatch import apply
from simfp.autograd.shaping import clone
from simfp.autograd.tensor import Tensor, TensorLike, as_tensor, holding
from simfp.devices import THE_DEVICE, DeviceLike, as_device, is_device
from simfp.integers import IntegerType, as_dtype, as_integers, is_integers, type_of
from simfp.ops import OPERATIONS
from simfp.ops.integers import scalar_type
from simfp.typing import DTypeLike

__all__ = ["tensor", "to"]


def tensor(
    data: Any, dtype: DTypeLike | None = None, requires_grad: bool = False, device: DeviceLike | None = None
) -> Tensor:
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
    x: TensorLike,
    *args: Any,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
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


def to_type(name: str) -> Callable[[TensorLike], Tensor]:
    """The method that brings a tensor to one type."""

    def function(x: TensorLike, memory_format: Any = None) -> Tensor:
        return to(x, name)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"The tensor in {name}."
    return function


def double(x: TensorLike) -> Tensor:
    """Raises ValueError, with a word on what to use: there is no float64."""
    return to(x, "float64")


@overload
def type_(x: Tensor, dtype: None = None, non_blocking: bool = False) -> str: ...
@overload
def type_(x: Tensor, dtype: DTypeLike, non_blocking: bool = False) -> Tensor: ...
def type_(x: Any, dtype: Any = None, non_blocking: bool = False) -> Any:
    """The tensor in another type; without one, what torch calls the type: "torch.LongTensor"."""
    if dtype is None:
        return f"torch.{scalar_type(x.dtype)}Tensor"
    if isinstance(dtype, str) and dtype.endswith("Tensor"):
        kind = dtype.removeprefix("torch.").removeprefix("cuda.").removesuffix("Tensor").lower()
        return to(x, kind or "float32")
    return to(x, dtype)


def type_as(x: TensorLike, other: Tensor | Array) -> Tensor:
    """The tensor in the format or type of another one."""
    return to(x, other.dtype)


def cpu(x: Tensor, memory_format: Any = None) -> Tensor:
    """The tensor itself; so are the next two."""
    return x


def cuda(x: Tensor, device: DeviceLike | None = None, non_blocking: bool = False, memory_format: Any = None) -> Tensor:
    """The tensor itself.

    Raises RuntimeError for a device that is not there.
    """
    as_device(device)
    return x


def pin_memory(x: Tensor, device: DeviceLike | None = None) -> Tensor:
    """The tensor itself."""
    return x


# --- what it is


def is_pinned(x: Tensor, device: DeviceLike | None = None) -> bool:
    """False."""
    return False


def get_device(x: Tensor) -> int | None:
    """The number of the one device: 0."""
    return THE_DEVICE.index


def is_floating_point(x: Tensor) -> bool:
    """Whether the values are floating-point numbers, rather than integers or truth values."""
    return isinstance(x._data, Array)


def is_complex(x: Tensor) -> bool:
    """False."""
    return False


def is_signed(x: Tensor) -> bool:
    """Whether the type has negative values."""
    return isinstance(x._data, Array) or bool(x.dtype.signed)


def element_size(x: Tensor) -> int:
    """How many bytes a value takes in its format or type."""
    return x.itemsize


def nelement(x: Tensor) -> int:
    """How many values there are."""
    return x.numel()


def ndimension(x: Tensor) -> int:
    """How many axes there are."""
    return x.ndim


# --- as Python's and NumPy's own


def _only(x: Tensor) -> Any:
    if x._data.size != 1:
        raise ValueError("only one element tensors can be converted to Python scalars")
    return x._data.item()


def as_float(x: Tensor) -> float:
    """The only value as a Python float.

    Raises ValueError where there are several; so do the next two.
    """
    return builtins.float(_only(x))


def as_int(x: Tensor) -> int:
    """The only value as a Python integer, cut off toward zero."""
    return builtins.int(_only(x))


def rounded(x: Tensor, ndigits: int | None = None) -> Any:
    """The only value, rounded as Python rounds."""
    return round(_only(x), ndigits)


def is_contiguous(x: Tensor, memory_format: Any = None) -> bool:
    """Whether the values lie in memory one after the other, the last axis's side by side."""
    memory = x._data._values if isinstance(x._data, Array) else x._data
    return bool(memory.flags.c_contiguous)


def as_index(x: Tensor) -> int:
    """The only value of a tensor of integers, as an index.

    Raises TypeError for floats, and where there are several.
    """
    if x._data.size != 1 or isinstance(x._data, Array):
        hint = "; .long() makes integers" if isinstance(x._data, Array) else ""
        raise TypeError(f"only integer tensors of a single element can be converted to an index{hint}")
    return int(x._data.item())


def formatted(x: Tensor, spec: str) -> str:
    """The only value in a format of Python's, ``f"{loss:.3f}"``.

    Raises TypeError for a format where there are several.
    """
    if not x.ndim:
        return format(x._data.item(), spec)
    if spec:
        raise TypeError(
            f"unsupported format string passed to Tensor.__format__: {spec!r} for a tensor of shape {x.shape}; "
            "one value can be had by .item()"
        )
    return str(x)


def as_numpy_array(x: Tensor, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
    """The values as NumPy asks for them.

    Raises RuntimeError for a tensor that requires a gradient.
    """
    if x.requires_grad:
        raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
    return np.array(x._data, dtype=dtype, copy=copy) if copy else np.asarray(x._data, dtype=dtype)


def deep_copy(x: Tensor, memo: dict[int, Any]) -> Tensor:
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


def filled(name: str) -> Callable[..., Tensor]:
    """The method new_zeros, new_ones, new_full or new_empty."""

    def method(
        x: Tensor,
        *size: Any,
        dtype: DTypeLike | None = None,
        device: DeviceLike | None = None,
        requires_grad: bool = False,
        **named: Any,
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


def new_tensor(
    x: Tensor,
    data: Any,
    dtype: DTypeLike | None = None,
    requires_grad: bool = False,
    device: DeviceLike | None = None,
) -> Tensor:
    """A tensor of a copy of `data`, of the same type, unless another is asked for."""
    return tensor(data, x.dtype if dtype is None else dtype, requires_grad, device)
