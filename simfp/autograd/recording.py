"""An operation computed on the Arrays that Tensors hold, and entered in the graph where a gradient is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simfp import observe
from simfp.arrays import Array
from simfp.autograd.graph import Leaf, Node, is_grad_enabled
from simfp.autograd.tensor import Tensor, holding
from simfp.autograd.views import View
from simfp.ops import Call, Operation, Saved

__all__ = ["brought_through", "compute", "edges_of"]


def compute(operation: Operation, given: tuple[Any, ...], options: dict[str, Any]) -> Tensor:
    """The result of an operation on inputs as they are, with a graph behind it, if any of them requires one."""
    values = tuple(x._data if isinstance(x, Tensor) else x for x in given)
    with observe.running(operation.name, values):
        made = operation.forward(*values, **options)
    result, saved = made if isinstance(made, Saved) else (made, None)
    if not isinstance(result, Array):  # of nothing but integers
        raise RuntimeError(f"{operation.name}: expected floating-point values, got {getattr(result, 'dtype', result)}")
    out = holding(result)
    if is_grad_enabled():
        edges = edges_of(operation, given)
        if edges:
            out._requires_grad = True
            out._grad_fn = Node(operation, Call(values, options, result, saved), edges)
    if operation.shows and isinstance(given[0], Tensor) and _same_memory(result, given[0]._data):
        View.of(given[0], operation, Call(values, options, result), out)
    return out


def brought_through(operation: Operation, x: Tensor) -> Tensor:
    """`x` through an operation that computes nothing: nobody who follows the forward hears of it."""
    return compute(operation, (x,), {})


def edges_of(operation: Operation, given: Sequence[Any]) -> tuple[tuple[int, Node | Leaf], ...]:
    """Which inputs get a gradient back through an operation, by position, and where it goes from there."""
    edges: list[tuple[int, Node | Leaf]] = []
    for position, x in enumerate(given):
        if isinstance(x, Tensor):
            if x._view is not None:
                x._view.follow(x)
            if x._requires_grad and operation.vjp(position):
                edges.append((position, x._grad_fn or x))
    return tuple(edges)


def _same_memory(view: Array, x: Array) -> bool:
    """Whether an operation that may give a view has given one."""
    base = x._values.base
    return view is x or (view._values.base is not None and view._values.base is (x._values if base is None else base))
