"""Tensors of integers and truth values changed in place: ``y += 1``, ``labels[mask] = -100``; without a graph."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simfp.arrays import Array
from simfp.autograd.shaping import plain_key
from simfp.autograd.tensor import Tensor, apply, as_tensor
from simfp.integers import as_integers, is_integers, type_of
from simfp.ops import OPERATIONS
from simfp.ops.integers import scalar_type

__all__ = ["change_integers", "put_integers"]

OVERLAPPING = (
    "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory "
    "location. Please clone() the tensor before performing the operation."
)


def change_integers(x: Tensor, name: str, *others: Any, **options: Any) -> Tensor:
    """`x`, which has become what the operation of that name makes of it and of what else that takes.

    name: that of a row, or "copy" or "fill", which write whatever they are given, floats cut off toward zero.

    Raises RuntimeError, and changes nothing, where the result has another shape, or is a float, or a number where there
    are truth values.
    """
    if name in ("copy", "fill"):
        result = as_integers(_values(others[0]), x.dtype)
        if name == "fill" and result.ndim:
            raise RuntimeError(
                f"fill_ only supports 0-dimension value tensor but got tensor with {result.ndim} dimensions."
            )
    elif name == "index_put":
        return put_integers(x, *others)
    else:
        made = apply(OPERATIONS[name], x, *others, **options)
        if _rank(made.dtype) > _rank(x.dtype):
            raise RuntimeError(
                f"result type {scalar_type(made.dtype)} can't be cast to the desired output type {scalar_type(x.dtype)}"
            )
        result = as_integers(made._data, x.dtype)
    if np.broadcast_shapes(result.shape, x.shape) != x.shape:
        shape = list(np.broadcast_shapes(result.shape, x.shape))
        raise RuntimeError(f"output with shape {list(x.shape)} doesn't match the broadcast shape {shape}")
    _writable(x)[...] = result
    return x


def put_integers(x: Tensor, key: Any, value: Any) -> Tensor:
    """`x` with other values at the places that a key names: a number (cut off toward zero) or a tensor of the type.

    Raises RuntimeError for a tensor of another type, and for a shape that does not fit.
    """
    if isinstance(value, (Tensor, Array, np.ndarray)) and np.ndim(_values(value)):
        plain: Any = value
        kind = type_of(plain) if is_integers(plain) else as_tensor(plain).dtype
        if kind != x.dtype:
            raise RuntimeError(
                f"Index put requires the source and destination dtypes match, got {scalar_type(x.dtype)} for the "
                f"destination and {scalar_type(kind)} for the source."
            )
    places, new, data = plain_key(key), as_integers(_values(value), x.dtype), _writable(x)
    shape = data[places].shape
    try:
        data[places] = new
    except ValueError:
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(new.shape)} cannot be broadcast to indexing result of shape "
            f"{list(shape)}"
        ) from None
    return x


def _values(x: Any) -> Any:
    data = x._data if isinstance(x, Tensor) else x
    return data.values if isinstance(data, Array) else data


def _rank(dtype: Any) -> int:
    """Which kinds of values a type can take: truth values, integers, floats."""
    return 2 if dtype.is_floating_point else int(dtype.name != "bool")


def _writable(x: Tensor) -> NDArray[Any]:
    data: NDArray[Any] = x._data
    if not data.flags.writeable:
        raise RuntimeError(OVERLAPPING)
    return data
