"""Operations that change a tensor in place: ``x += y``, ``x.mul_(y)``, ``x[0] = y``, and torch's rules for them.

Each computes what the plain operation does, and writes it, rounded to the tensor's format, into the tensor's memory:
views, `detach()` and `data` see it. Where a graph is recorded the tensor's history goes on from there, and that of
what it is a view of. An Array has the same methods; it has no history.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from simfp import observe
from simfp.arrays import Array, array, check_writable, overwrite, owned
from simfp.autograd import truth
from simfp.autograd.functions import truth_of
from simfp.autograd.graph import Node, brought_to, is_grad_enabled
from simfp.autograd.recording import edges_of
from simfp.autograd.shaping import index, plain_key
from simfp.autograd.tensor import Tensor, TensorLike
from simfp.integers import as_integers, type_of
from simfp.ops import OPERATIONS, Call, Operation, Saved
from simfp.ops.integers import of_integers, scalar_type

T = TypeVar("T", bound=Tensor | Array)  # what was changed is given back
F = TypeVar("F", bound=Callable[..., Any])

__all__ = ["HOOKED", "change"]

HOOKED = "_hooked"  # the operation that a module's backward hooks see gradients at: see `hooks`

OF_A_LEAF = "a leaf Variable that requires grad is being used in an in-place operation."
OVERLAPPING = (
    "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory "
    "location. Please clone() the tensor before performing the operation."
)
MADE_WITHOUT_GRAPH = (
    "A view was created in no_grad mode and is being modified inplace with grad mode enabled. Given that this use case "
    "is ambiguous and error-prone, it is forbidden. You can clarify your code by moving both the view and the inplace "
    "either both inside the no_grad block (if you don't want the inplace to be tracked) or both outside (if you want "
    "the inplace to be tracked)."
)
OF_A_HOOK = (
    "Output 0 of BackwardHookFunction is a view and is being modified inplace. This view was created inside a custom "
    "Function (or because an input was returned as-is): full backward hooks of a module would no longer see the "
    "gradients of its inputs and outputs. You can fix this by cloning the output of the module, or with "
    "inplace=False."
)


def change(x: T, operation: Operation, *others: Any, **options: Any) -> T:
    """`x`, a Tensor or an Array, which has become what an operation makes of it and of what else that takes.

    Raises RuntimeError, and changes nothing, for a leaf that requires a gradient, or a view of one, while a graph is
    recorded, and for a result that has another shape.
    """
    given = (x, *(array(each) if isinstance(each, np.ndarray) and each.dtype.kind in "fV" else each for each in others))
    tensors = [each for each in given if isinstance(each, Tensor)]
    recorded = isinstance(x, Tensor) and is_grad_enabled() and _is_recorded(x, tensors)
    _check_overlap(x, tensors[1:])
    values = tuple(each._data if isinstance(each, Tensor) else each for each in given)
    if isinstance(x, Tensor) and not isinstance(x._data, Array):
        _change_integers(x, operation, values, options)
        return x
    data: Array = values[0]
    with observe.running(operation.name, values):
        made = operation.forward(*values, **options)
        result, saved = made if isinstance(made, Saved) else (made, None)
        if result.shape != data.shape:
            raise RuntimeError(
                f"output with shape {list(data.shape)} doesn't match the broadcast shape {list(result.shape)}"
            )
        if result.dtype != data.dtype:
            result = result.astype(data.dtype)
    if not isinstance(x, Tensor):
        overwrite(data, result._values)
        return x
    node = _step(x, operation, given, Call(values, options, data, saved)) if recorded else None
    overwrite(data, result._values)
    x.count_change()
    if node is not None:
        node.watch((), x)  # what it needs of the result is what stands there now
        _go_on(x, node)
    if observe.somebody_follows():
        casts = ("",) * len(given)
        place, whole = observe.place(), observe.whole()
        observe.tell_followers(observe.Applied(operation, given, given, casts, options, x, place, whole))
    return x


def _is_recorded(x: Tensor, tensors: list[Tensor]) -> bool:
    """Whether an operation on `x` in place belongs into the graph; RuntimeError where it cannot."""
    needed = any(each.requires_grad for each in tensors)
    if x._view is not None:
        if not x._view.recorded and (needed or x._view.base._requires_grad):
            raise RuntimeError(MADE_WITHOUT_GRAPH)
        if needed and any(step.name == HOOKED for step, _ in x._view.steps):
            raise RuntimeError(OF_A_HOOK)
        if needed and x.requires_grad and x._view.base.is_leaf:
            raise RuntimeError(OF_A_LEAF.replace("a leaf", "a view of a leaf", 1))
    if needed and x.requires_grad and x.is_leaf:
        raise RuntimeError(OF_A_LEAF)
    return needed


def _change_integers(x: Tensor, operation: Operation, values: tuple[Any, ...], options: dict[str, Any]) -> None:
    """The same for a tensor of integers or truth values.

    Raises RuntimeError where its type does not take the result.
    """
    memory: NDArray[Any] = values[0]
    result: Any
    if operation.name in ("copy", "fill"):
        new = values[1].values if isinstance(values[1], Array) else values[1]
        result = np.broadcast_to(as_integers(new, x.dtype), np.broadcast_shapes(np.shape(new), memory.shape))
    else:
        floats = any(isinstance(each, Array) for each in values)
        result, given = (None, values) if floats else of_integers(operation.name, values, options)
        if result is None:
            made = operation.forward(*given, **options)
            result = made.result if isinstance(made, Saved) else made
        kind = result.dtype if isinstance(result, Array) else type_of(result)
        if isinstance(result, Array) or (x.dtype.name == "bool" and kind.name != "bool"):
            raise RuntimeError(
                f"result type {scalar_type(kind)} can't be cast to the desired output type {scalar_type(x.dtype)}"
            )
    if result.shape != memory.shape:
        raise RuntimeError(
            f"output with shape {list(memory.shape)} doesn't match the broadcast shape {list(result.shape)}"
        )
    check_writable(memory)
    memory[...] = result
    x.count_change()


def _check_overlap(x: Any, others: list[Tensor]) -> None:
    """Raises RuntimeError, as torch does, where values are read that are written over in another place."""
    for other in others:
        if other._counter is x._counter and other._data is not x._data:
            memory, read = x._data._values, other._data._values
            same = (memory.ctypes.data, memory.strides) == (read.ctypes.data, read.strides)
            if not same and memory.flags.forc and read.flags.forc and np.may_share_memory(memory, read):
                raise RuntimeError(OVERLAPPING)


def _step(x: Tensor, operation: Operation, given: tuple[Any, ...], call: Call) -> Node:
    """The step of the graph, before anything is written. What it needs of the old values of `x`, it gets a copy of."""
    edges = edges_of(operation, given)
    if any("0" in operation.saved_for(position) for position, _ in edges):
        call = call._replace(inputs=(call.inputs[0].copy(), *call.inputs[1:]))
    node = Node(operation, call, edges)
    node.watch((None, *given[1:]), None)
    return node


def _go_on(x: Tensor, node: Node) -> None:
    """The history of `x`, and of what it is a view of, goes on from a step that has changed it."""
    view = x._view
    if view is None or view.base._data is not view.steps[0][1].inputs[0]:  # the base has other memory by now
        x._view = None
        x._change_history(node)
        return
    base, call = view.base, node.call
    assert call is not None
    shown: Any = np.arange(base._data.size).reshape(base.shape)
    for step, seen in view.steps:
        shown = step.forward(shown, *seen.inputs[1:], **seen.options)
    edges = [edge for edge in node.edges if edge[0]]
    if base._requires_grad:
        edges.insert(0, (0, base._grad_fn or base))
    inputs = (base._data, *call.inputs[1:])
    outer = Node(IN_A_PART, Call(inputs, {"part": node, "places": shown}, base._data), tuple(edges))
    outer.saves = node.saves
    outer.watched, node.watched = node.watched, ()
    base._change_history(outer)
    x.requires_grad  # noqa: B018  (follows its base)


# An operation in place on a view, as a step in the history of what it is a view of.


def _part_of_gradient(g: Array, call: Call) -> Array:
    return owned(g._values.reshape(-1)[call.options["places"]], g.dtype)


def _into_base(g: Array, call: Call) -> Array:
    """The gradient, where the view is what comes back through the operation."""
    node: Node = call.options["part"]
    assert node.call is not None
    back = brought_to(node.call.inputs[0], node.operation.backward(_part_of_gradient(g, call), node.call)(0))
    out = g._values.copy()
    out.reshape(-1)[call.options["places"]] = back._values
    return owned(out, g.dtype)


def _into_other(position: int) -> Any:
    def vjp(g: Array, call: Call) -> Array:
        node: Node = call.options["part"]
        assert node.call is not None
        return node.operation.backward(_part_of_gradient(g, call), node.call)(position)

    return vjp


IN_A_PART = Operation(
    "CopySlices", lambda x, *others: x, lambda position: _into_other(position) if position else _into_base
)


# The methods.


def add_(x: T, other: TensorLike, *, alpha: float = 1) -> T:
    """x + alpha * other, in place."""
    return change(x, OPERATIONS["add"], other, **({} if alpha == 1 else {"alpha": alpha}))


def sub_(x: T, other: TensorLike, *, alpha: float = 1) -> T:
    """x - alpha * other, in place."""
    return change(x, OPERATIONS["sub"], other, **({} if alpha == 1 else {"alpha": alpha}))


def clamp_(x: T, min: float | None = None, max: float | None = None) -> T:
    """`x` held between two numbers, in place."""
    for bound in (min, max):
        if bound is not None and not isinstance(bound, (int, float, np.generic)):
            raise TypeError(f"clamp_ takes numbers as bounds, got a {type(bound).__name__}")
    return change(x, OPERATIONS["clamp"], min, max)


def masked_fill_(x: T, mask: TensorLike, value: TensorLike) -> T:
    """`value` wherever the mask is true, in place."""
    return change(x, OPERATIONS["masked_fill"], truth_of(mask), value)


def addcmul_(x: T, tensor1: TensorLike, tensor2: TensorLike, *, value: float = 1) -> T:
    """x + value * tensor1 * tensor2, in place."""
    return change(x, OPERATIONS["addcmul"], tensor1, tensor2, **({} if value == 1 else {"value": value}))


def addcdiv_(x: T, tensor1: TensorLike, tensor2: TensorLike, *, value: float = 1) -> T:
    """x + value * tensor1 / tensor2, in place."""
    return change(x, OPERATIONS["addcdiv"], tensor1, tensor2, **({} if value == 1 else {"value": value}))


def copy_(x: T, src: TensorLike, non_blocking: bool = False) -> T:
    """The values of `src`, broadcast to the shape of `x` and rounded to its format, in place."""
    return x if src is x else change(x, OPERATIONS["copy"], src)


def zero_(x: T) -> T:
    """Zeros, in place."""
    return change(x, OPERATIONS["fill"], 0.0)


def put(x: Any, key: Any, value: Any) -> None:
    """``x[key] = value``: for a tensor, its view `key` becomes `value`; a key of arrays or masks puts values there."""
    # what the graph will need of the key it gets in arrays of its own
    key = plain_key(tuple(map(_kept, key)) if isinstance(key, tuple) else _kept(key))
    if isinstance(x, Tensor) and not isinstance(x._data, Array):
        _put_integers(x, key, value)
        return
    view = index(x, key)
    new = value if isinstance(value, (Tensor, Array)) else array(value, x.dtype)
    while getattr(new, "ndim", 0) > view.ndim and new.shape[0] == 1:
        new = new[0]  # as torch does
    if view._view is not None:
        change(view, OPERATIONS["copy"], new)
    else:
        change(x, OPERATIONS["index_put"], key, new)


def _kept(part: Any) -> Any:
    return part._data.copy() if isinstance(part, Tensor) else part


def _put_integers(x: Tensor, key: Any, value: Any) -> None:
    picks = any(isinstance(part, (np.ndarray, list)) for part in (key if isinstance(key, tuple) else (key,)))
    fills = isinstance(key, np.ndarray) and key.dtype == bool and isinstance(value, Tensor) and value._data.size == 1
    if picks and not fills and isinstance(value, Tensor) and value.dtype != x.dtype:
        to, of = scalar_type(x.dtype), scalar_type(value.dtype)
        raise RuntimeError(
            "Index put requires the source and destination dtypes match, "
            f"got {to} for the destination and {of} for the source."
        )
    new = as_integers(value._data if isinstance(value, Tensor) else value, x.dtype)
    shown = x._data[key]
    while new.ndim > shown.ndim and new.shape[0] == 1:
        new = new[0]  # as torch does
    try:
        x._data[key] = new
    except ValueError as error:
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(new.shape)} cannot be broadcast to indexing result of shape "
            f"{list(shown.shape)}"
        ) from error
    x.count_change()


def floor_divide_(x: T, other: TensorLike) -> T:
    """The largest whole number not above x / other, in place.

    Raises RuntimeError where a gradient would have to come back through it: torch has no derivative of it either.
    """
    if is_grad_enabled() and any(isinstance(each, Tensor) and each.requires_grad for each in (x, other)):
        raise RuntimeError("derivative for aten::floor_divide_ is not implemented")
    return change(x, OPERATIONS["floor_divide"], other)


def bitwise(name: str) -> Callable[[Tensor, TensorLike], Tensor]:
    """x & y, x | y or x ^ y of integers and truth values, in place."""
    function = getattr(truth, f"bitwise_{name}")

    def method(x: Tensor, other: TensorLike) -> Tensor:
        result = function(x, other)
        if result.dtype != x.dtype:
            raise RuntimeError(
                f"result type {scalar_type(result.dtype)} can't be cast to the desired output type "
                f"{scalar_type(x.dtype)}"
            )
        return copy_(x, result)

    return _named(f"bitwise_{name}", method)


def scatter_(x: T, dim: int, index: TensorLike, src: TensorLike | None = None, *, value: float | None = None) -> T:
    """Values written along an axis at the places of `index`, in place."""
    return change(x, OPERATIONS["scatter"], dim, index, value if src is None else src)


def scatter_add_(x: T, dim: int, index: TensorLike, src: TensorLike) -> T:
    """Values added along an axis at the places of `index`, in place."""
    return change(x, OPERATIONS["scatter_add"], dim, index, src)


def index_add_(x: T, dim: int, index: TensorLike, source: TensorLike, *, alpha: float = 1) -> T:
    """Slices added along an axis at the places of `index`, in place."""
    return change(x, OPERATIONS["index_add"], dim, index, source, **({} if alpha == 1 else {"alpha": alpha}))


def detach_(x: Tensor) -> Tensor:
    """The tensor itself, with no graph behind it.

    Raises RuntimeError for a view.
    """
    if x._view is not None:
        raise RuntimeError("Can't detach views in-place. Use detach() instead.")
    x._grad_fn, x._requires_grad, x.retains_grad = None, False, False
    return x


def clamp_min_(x: T, min: float) -> T:
    """`x`, or `min` where that is larger, in place."""
    return clamp_(x, min)


def clamp_max_(x: T, max: float) -> T:
    """`x`, or `max` where that is smaller, in place."""
    return clamp_(x, None, max)


def square_(x: T) -> T:
    """x to the power of 2, in place."""
    return change(x, OPERATIONS["pow"], 2)


def lerp_(x: T, end: TensorLike, weight: TensorLike) -> T:
    """From `x` the share `weight` of the way to `end`, in place."""
    return change(x, OPERATIONS["lerp"], end, weight)


def round_(x: T, *, decimals: int = 0) -> T:
    """The nearest whole number, or the nearest with so many decimals, in place."""
    return change(x, OPERATIONS["round"], *((decimals,) if decimals else ()))


def tril_(x: T, diagonal: int = 0) -> T:
    """The lower triangle, zeros above, in place."""
    return change(x, OPERATIONS["tril"], diagonal)


def triu_(x: T, diagonal: int = 0) -> T:
    """The upper triangle, zeros below, in place."""
    return change(x, OPERATIONS["triu"], diagonal)


def alone(name: str) -> Callable[[T], T]:
    """An operation on the tensor alone, in place."""

    def method(x: T) -> T:
        return change(x, OPERATIONS[name])

    return _named(name, method)


def with_another(name: str) -> Callable[[T, TensorLike], T]:
    """An operation on the tensor and another, in place."""

    def method(x: T, other: TensorLike) -> T:
        return change(x, OPERATIONS[name], other)

    return _named(name, method)


def along_an_axis(name: str) -> Callable[[T, int], T]:
    """An operation along an axis, in place."""

    def method(x: T, dim: int) -> T:
        return change(x, OPERATIONS[name], dim)

    return _named(name, method)


def _named(name: str, method: F) -> F:
    method.__name__ = method.__qualname__ = f"{name}_"
    method.__doc__ = f"`{name}`, in place."
    return method
