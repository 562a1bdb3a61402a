"""`apply`, through which every operation on Tensors goes, and the casts that autocast makes on the way."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from simfp import observe, precision
from simfp.arrays import Array, array
from simfp.autograd.graph import set_grad_enabled
from simfp.autograd.recording import compute
from simfp.autograd.tensor import Tensor, holding
from simfp.elementwise import FLOAT32
from simfp.formats import Format
from simfp.ops import OPERATIONS, Operation
from simfp.ops.integers import of_integers

__all__ = ["apply"]


def apply(operation: Operation, *inputs: Any, **options: Any) -> Tensor:
    """The result of an operation, under the rules of autocast; with a graph behind it, if any input requires one.

    inputs: Tensors, Arrays, NumPy arrays of floats, and whatever else the operation's forward takes by position.
    """
    given = tuple([_value(x) for x in inputs])
    first = given[0] if given else None
    if not isinstance(first, (Tensor, Array)) and _of_integers_alone(given):
        made, given = of_integers(operation.name, given, options)
        if made is not None:
            out = holding(made)
            if operation.shows and isinstance(inputs[0], Tensor):
                out._counter = inputs[0]._counter
            return out
    cast, casts = _autocast(operation, given, options) if precision.current().autocast else (given, ())
    loaded = {"loaded": given[0].dtype} if casts and operation.widens else {}
    out = compute(operation, cast, options | loaded)
    node = out._grad_fn
    if node is not None and node.saves:
        node.watch(inputs, out, cast)
    if observe.somebody_follows():
        casts = casts or ("",) * len(given)
        place, whole = observe.place(), observe.whole()
        observe.tell_followers(observe.Applied(operation, given, cast, casts, options, out, place, whole))
    return out


def _of_integers_alone(given: tuple[Any, ...]) -> bool:
    arrays = [x for x in given if isinstance(x, (Tensor, Array, np.ndarray))]
    return bool(arrays) and all(isinstance(x, np.ndarray) for x in arrays)


def _value(x: Any) -> Any:
    """A NumPy array of floats as an Array, a Tensor of integers as a NumPy array; anything else as it is."""
    if isinstance(x, Tensor):
        return x if isinstance(x._data, Array) else x._data
    return array(x) if isinstance(x, np.ndarray) and x.dtype.kind in "fV" else x


def _autocast(
    operation: Operation, inputs: tuple[Any, ...], options: dict[str, Any]
) -> tuple[tuple[Any, ...], tuple[str, ...]]:
    """The inputs in the formats that autocast asks for, and how each was brought there (see `observe.Applied`)."""
    rule = operation.autocast
    if rule == "refused":
        raise RuntimeError(REFUSED)
    if rule == "lower_precision":
        fmt = precision.current().dtype
    elif rule == "float32" or (rule == "float32_unless_dtype_given" and options.get("dtype") is None):
        fmt = FLOAT32
    elif rule == "widest":
        fmt = _widest(x.dtype for x in inputs if isinstance(x, (Tensor, Array)))
    else:
        return inputs, ()
    cast = [_cast(x, fmt) if isinstance(x, (Tensor, Array)) else (x, "") for x in inputs]
    return tuple(x for x, _ in cast), tuple(how for _, how in cast)


def _widest(formats: Iterable[Format]) -> Format:
    """float32 if it is among them, else the region's format; no other may be.

    Raises RuntimeError, as torch does, for any other.
    """
    widest = precision.current().dtype
    for fmt in formats:
        if FLOAT32 in (fmt, widest):
            widest = FLOAT32
        elif fmt != widest:
            raise RuntimeError(f"Unexpected floating ScalarType in at::autocast::prioritize: {fmt} beside {widest}")
    return widest


def _cast(x: Tensor | Array, fmt: Format) -> tuple[Tensor | Array, str]:
    """`x` in `fmt`. The region's casts of float32 leaves that require a gradient are made once, and kept until it ends.

    Whether a kept cast still has the values of its leaf, and is in `fmt`, nobody looks, nor does torch: after an edit
    in place it is stale, and a nested region of another format gets what the outer one made.
    """
    if x.dtype == fmt:
        return x, ""
    if isinstance(x, Array):
        return x.astype(fmt), "made"
    now = precision.current()
    kept_is_allowed = fmt == now.dtype and x.dtype == FLOAT32 and x._requires_grad and x.is_leaf and now.cache_enabled
    if not kept_is_allowed:
        return _copied(x, fmt), "made"
    if id(x) in now.cache:
        return now.cache[id(x)][1], "found"
    with set_grad_enabled(True):  # under no_grad, too: who asks next may want the graph
        now.cache[id(x)] = x, _copied(x, fmt)  # x itself, so that no other tensor gets its id
    return now.cache[id(x)][1], "kept"


def _copied(x: Tensor, fmt: Format) -> Tensor:
    return compute(OPERATIONS["_to_copy"], (x, fmt), {})


REFUSED = (
    "torch.nn.functional.binary_cross_entropy and torch.nn.BCELoss are unsafe to autocast.\n"
    "Many models use a sigmoid layer right before the binary cross entropy layer.\n"
    "In this case, combine the two layers using torch.nn.functional.binary_cross_entropy_with_logits\n"
    "or torch.nn.BCEWithLogitsLoss.  binary_cross_entropy_with_logits and BCEWithLogits are\n"
    "safe to autocast."
)
