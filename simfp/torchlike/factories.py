"""New tensors under torch's names: of numbers, of ranges, and of what NumPy has."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simfp.autograd import Tensor, tensor
from simfp.autograd import as_tensor as _as_tensor
from simfp.correct_rounding import steady
from simfp.devices import DeviceLike, as_device
from simfp.integers import as_dtype
from simfp.typing import DTypeLike

__all__ = [
    "arange", "as_tensor", "asarray", "broadcast_shapes", "empty", "empty_like", "eye", "from_numpy", "full",
    "full_like", "linspace", "logspace", "ones", "ones_like", "tensor", "zeros", "zeros_like",
]  # fmt: skip

TAKEN = {"layout", "pin_memory", "memory_format", "out"}  # taken where they are None or False


def shape_of(size: tuple[Any, ...], options: dict[str, Any]) -> tuple[int, ...]:
    """A shape given as numbers or as one sequence, or as `size=` among the options, where it is taken out.

    Raises TypeError for what is no shape, RuntimeError for a negative length.
    """
    given: Any = size if "size" not in options else (options.pop("size"),)
    if len(given) == 1 and not hasattr(given[0], "__index__"):
        given = given[0]
    try:
        lengths = tuple(int(each.__index__()) for each in given)
    except (AttributeError, TypeError):
        raise TypeError(f"a shape consists of integers, got {given!r}") from None
    if any(length < 0 for length in lengths):
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(lengths)}: {list(lengths)}")
    return lengths


def made(
    values: NDArray[Any], dtype: Any, device: DeviceLike | None = None, requires_grad: bool = False, **taken: Any
) -> Tensor:
    """A tensor of `values`, each rounded once to `dtype`; the options of torch's factories.

    Raises TypeError for an option that means nothing here.
    """
    for name, value in taken.items():
        if name not in TAKEN or name == "out":
            raise TypeError(f"got an unexpected keyword argument {name!r}; known: dtype, device, requires_grad")
        if name == "layout" and "strided" not in str(value):
            raise TypeError(f"layout={value!r}: tensors here are strided")
    return tensor(values, dtype, bool(requires_grad), device)


def _default(value: Any) -> Any:
    """The type of a tensor filled with a number: torch's."""
    return "bool" if isinstance(value, bool) else "int64" if isinstance(value, int) else "float32"


def zeros(*size: Any, dtype: DTypeLike | None = None, **options: Any) -> Tensor:
    """Zeros. size: the shape, as numbers or one sequence. options: device, requires_grad."""
    return made(np.zeros(shape_of(size, options)), "float32" if dtype is None else dtype, **options)


def ones(*size: Any, dtype: DTypeLike | None = None, **options: Any) -> Tensor:
    """Ones. size: the shape, as numbers or one sequence. options: device, requires_grad."""
    return made(np.ones(shape_of(size, options)), "float32" if dtype is None else dtype, **options)


def empty(*size: Any, **options: Any) -> Tensor:
    """Zeros: nothing here is left to what the memory held."""
    return zeros(*size, **options)


def full(size: Any, fill_value: Any, *, dtype: DTypeLike | None = None, **options: Any) -> Tensor:
    """One number everywhere, in its type: truth values, int64 or float32."""
    value = fill_value.item() if hasattr(fill_value, "item") else fill_value
    return made(np.full(shape_of((size,), {}), value), _default(value) if dtype is None else dtype, **options)


def eye(n: int, m: int | None = None, *, dtype: DTypeLike | None = None, **options: Any) -> Tensor:
    """A matrix with ones on its diagonal."""
    rows, columns = shape_of((n, n if m is None else m), {})
    return made(np.eye(rows, columns), "float32" if dtype is None else dtype, **options)


def arange(*bounds: Any, dtype: DTypeLike | None = None, **options: Any) -> Tensor:
    """Numbers from `start` (0) up to `end`, without it, `step` (1) apart: int64 of integers, else float32.

    Each is start + i step in float64, rounded once.

    Raises RuntimeError for a step of 0, and for one that leads away from `end`.
    """
    order = {1: ("end",), 2: ("start", "end"), 3: ("start", "end", "step")}.get(len(bounds), ())
    given = dict(zip(order, bounds)) | {name: options.pop(name) for name in ("start", "end", "step") if name in options}
    if "end" not in given:
        raise TypeError("arange() takes end, or start, end and step")
    numbers = {name: value.item() if hasattr(value, "item") else value for name, value in given.items()}
    start, end, step = numbers.get("start", 0), numbers["end"], numbers.get("step", 1)
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    if not all(map(math.isfinite, (start, end, step))):
        raise RuntimeError(f"unsupported range: {start} -> {end}")
    whole = all(isinstance(each, int) for each in (start, end, step))
    count = -((start - end) // step) if whole else math.ceil((end - start) / step)
    values = start + np.arange(count) * step
    return made(values, ("int64" if whole else "float32") if dtype is None else dtype, **options)


def linspace(start: Any, end: Any, steps: int, *, dtype: DTypeLike | None = None, **options: Any) -> Tensor:
    """So many numbers from `start` to `end`, both among them, evenly spaced: in float64, rounded once."""
    (count,) = shape_of((steps,), {})
    values = np.linspace(float(start), float(end), count)
    return made(values, "float32" if dtype is None else dtype, **options)


def logspace(
    start: Any, end: Any, steps: int, base: float = 10.0, *, dtype: DTypeLike | None = None, **options: Any
) -> Tensor:
    """Powers of `base`, their exponents those of `linspace`: correctly rounded to 36 bits, then to the format."""
    (count,) = shape_of((steps,), {})
    values = steady(np.float_power, base, np.linspace(float(start), float(end), count))
    return made(values, "float32" if dtype is None else dtype, **options)


def _like(factory: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def function(input: Any, *value: Any, dtype: DTypeLike | None = None, **options: Any) -> Tensor:
        x = _as_tensor(input)
        filling = [*value, *(options.pop(name) for name in ("fill_value",) if name in options)]
        return factory(x.shape, *filling, dtype=x.dtype if dtype is None else as_dtype(dtype), **options)

    function.__name__ = function.__qualname__ = f"{factory.__name__}_like"
    function.__doc__ = f"As `{factory.__name__}`, in the shape and type of `input` unless another type is asked for."
    return function


zeros_like, ones_like, empty_like, full_like = _like(zeros), _like(ones), _like(empty), _like(full)


def from_numpy(ndarray: Any) -> Tensor:
    """A tensor of a copy of a NumPy array, in its type; float64, which simfp has not, becomes float32.

    torch's shares the array's memory: what is written to one is seen in the other. Not here.

    Raises TypeError for anything else.
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    return tensor(ndarray)


def asarray(
    obj: Any, *, dtype: DTypeLike | None = None, device: DeviceLike | None = None, copy: bool | None = None
) -> Tensor:
    """`obj` as a tensor; itself if it is one of that type, unless a copy is asked for."""
    as_device(device)
    if isinstance(obj, Tensor) and not copy:
        return obj if dtype is None else obj.to(dtype)
    return tensor(obj, dtype)


def as_tensor(data: Any, dtype: DTypeLike | None = None, device: DeviceLike | None = None) -> Tensor:
    """`data` as a tensor, integers as integers; itself if it is one of that type."""
    return asarray(data, dtype=dtype, device=device)


def broadcast_shapes(*shapes: Sequence[int]) -> tuple[int, ...]:
    """The shape that tensors of these shapes meet in."""
    return np.broadcast_shapes(*(tuple(shape) for shape in shapes))
