"""Reverse mode: the graph that a forward leaves behind, and the walk that brings gradients back through it.

The walk is torch's: of all nodes whose gradient is complete, the one that was made last comes next; gradients that
meet are added in the order in which they come, in the format of what they are the gradient of.
"""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from functools import lru_cache
from heapq import heappop, heappush
from inspect import signature
from itertools import count
from typing import Any, Protocol

from simfp import observe, precision
from simfp.arrays import Array
from simfp.ops import Call, Operation
from simfp.ops.reductions import summed

__all__ = ["Gate", "Leaf", "Node", "backpropagate", "is_grad_enabled", "no_grad", "set_grad_enabled"]

USED_UP = (
    "Trying to backward through the graph a second time (or directly access saved tensors after they have already been "
    "freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify "
    "retain_graph=True if you need to backward through the graph a second time or if you need to access saved tensors "
    "after calling backward."
)

# derivatives of these look at shapes and formats only, so `backward` has nothing to free and may come again: through a
# cast that autocast keeps come the gradients of every loss of its region
NOTHING_SAVED = {
    "_to_copy", "add", "sub", "neg", "sum", "mean",
    "reshape", "permute", "transpose", "expand", "cat", "stack", "tril", "triu",
}  # fmt: skip

_numbers = count()
_recording: ContextVar[bool] = ContextVar("simfp_recording", default=True)


class Leaf(Protocol):
    """Where gradients end: a tensor that no operation made."""

    def accumulate_grad(self, g: Array) -> None:
        """Adds `g` to what was gathered before."""


class Node:
    """One application of an operation: what it was given, and where the gradients of its inputs go.

    edges: for each input that needs a gradient its position, and the node that made it or the leaf that it is.
    """

    __slots__ = (
        "__weakref__", "call", "edges", "gate", "hooks", "layer", "number", "operation", "precision", "retaining",
    )  # fmt: skip

    def __init__(self, operation: Operation, call: Call, edges: tuple[tuple[int, Node | Leaf], ...]) -> None:
        self.operation, self.edges = operation, edges
        self.call: Call | None = call
        self.number = next(_numbers)
        self.precision, self.layer = precision.current(), observe.place().layer
        self.retaining: weakref.ref[Leaf] | None = None  # the tensor that wants to keep its gradient
        self.hooks: dict[int, Callable[[Array], Array]] | None = None  # what is called with its gradient
        self.gate: Gate | None = None  # where its gradient waits for others

    def gradients(self, g: Array) -> Iterator[tuple[Node | Leaf, Array]]:
        """The gradient of each input that needs one, in that input's shape and format, and where it goes."""
        if self.call is None:
            raise RuntimeError(USED_UP)
        # products in the accumulator of the forward; whoever listens hears which layer the gradient passes
        with precision.running(self.precision), observe.at(phase="backward", layer=self.layer):
            for position, target in self.edges:
                vjp = self.operation.vjp(position)
                assert vjp is not None  # or there would be no edge
                with self._watched(position, g):
                    part = _brought_to(self.call.inputs[position], vjp(g, self.call))
                yield target, part

    def _watched(self, position: int, g: Array) -> AbstractContextManager[None]:
        """For whoever listens: of which input the gradient is computed, and of what."""
        if not observe.somebody_listens() or self.call is None:
            return nullcontext()
        names = _names_of_inputs(self.operation)
        name = names[position] if position < len(names) else None
        inputs = (g, *self.call.inputs, self.call.result)
        return observe.at(operation=self.operation.name, gradient=name, inputs=inputs)

    def __repr__(self) -> str:
        return f"<{self.operation.name}, backward>"


class Gate:
    """Where the gradients of several nodes wait for one another: they go on together.

    opened: called with the gradients, None for what gets none, once all have come that this backward pass brings.
    places: which gradient is whose.
    """

    def __init__(self, opened: Callable[[list[Array | None]], list[Array | None]], size: int) -> None:
        self.opened, self.size = opened, size
        self.places: weakref.WeakKeyDictionary[Node, int] = weakref.WeakKeyDictionary()

    def released(self, held: dict[Node, Array]) -> list[tuple[Node, Array]]:
        """The gradients that go on."""
        gradients: list[Array | None] = [None] * self.size
        for node, g in held.items():
            gradients[self.places[node]] = g
        after = self.opened(gradients)
        return [(node, new) for node in held if (new := after[self.places[node]]) is not None]


@lru_cache(maxsize=1024)
def _names_of_inputs(operation: Operation) -> list[str]:
    """What an operation's forward calls its inputs; nothing of one that takes any number of them."""
    parameters = signature(operation.forward).parameters.values()
    return [each.name for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD]


def backpropagate(root: Node | Leaf, gradient: Array, keep_graph: bool = False) -> None:
    """Brings `gradient` from `root` to every leaf that it depends on."""
    uses = _uses(root)
    missing = Counter(uses)
    gathered: dict[Node | Leaf, Array] = {}
    ready: list[tuple[int, Node]] = []
    due: list[tuple[Node, Array]] = []  # come through a gate
    gates = Counter(node.gate for node in (root, *uses) if isinstance(node, Node) and node.gate is not None)
    held: dict[Gate, dict[Node, Array]] = {gate: {} for gate in gates}

    def receive(target: Node | Leaf, g: Array) -> None:
        if target in gathered:
            with observe.running("accumulate", (gathered[target], g)):
                g = gathered[target] + g
        gathered[target] = g
        missing[target] -= 1
        if missing[target] > 0:
            return
        if isinstance(target, Node):
            heappush(ready, (-target.number, target))
        else:  # at once, as torch does
            target.accumulate_grad(gathered.pop(target))

    missing[root] += 1
    with observe.at(phase="backward", layer=None):
        receive(root, gradient)
        while ready or due:
            if due:
                node, g = due.pop(0)
            else:
                _, node = heappop(ready)
                g = gathered.pop(node)
                for hook in list((node.hooks or {}).values()):
                    g = hook(g)
                if node.gate is not None:
                    held[node.gate][node] = g
                    if len(held[node.gate]) == gates[node.gate]:
                        due = node.gate.released(held[node.gate])
                    continue
            keeper = node.retaining() if node.retaining else None
            if keeper is not None:
                keeper.accumulate_grad(g)
            told: list[Any] | None = [] if node.gate is None and observe.somebody_follows() else None
            for target, part in node.gradients(g):
                if told is not None:
                    told.append((node.edges[len(told)][0], target, part))
                receive(target, part)
            if told is not None:
                observe.tell_followers(observe.Derived(node, g, max(uses[node], 1), tuple(told)))
            if not keep_graph and node.operation.name not in NOTHING_SAVED:
                node.call = None


def _uses(root: Node | Leaf) -> Counter[Node | Leaf]:
    """How many gradients each node below `root` will receive."""
    uses: Counter[Node | Leaf] = Counter()
    waiting, seen = [root], {root}
    while waiting:
        node = waiting.pop()
        if isinstance(node, Node):
            for _, target in node.edges:
                uses[target] += 1
                if target not in seen:
                    seen.add(target)
                    waiting.append(target)
    return uses


def _brought_to(x: Array, g: Array) -> Array:
    """The gradient `g` in the shape of `x`, summed where `x` was broadcast, and then in its format."""
    if g.shape != x.shape:
        extra = g.ndim - x.ndim
        axes = tuple(place for place in range(g.ndim) if place < extra or x.shape[place - extra] != g.shape[place])
        g = summed(g, axes, keepdims=True).reshape(x.shape)
    return g if g.dtype == x.dtype else g.astype(x.dtype)


def is_grad_enabled() -> bool:
    """Whether operations of this thread record a graph."""
    return _recording.get()


@contextmanager
def set_grad_enabled(mode: bool) -> Iterator[None]:
    """Within this context, operations of this thread record a graph, or not."""
    token = _recording.set(bool(mode))
    try:
        yield
    finally:
        _recording.reset(token)


def no_grad() -> Any:
    """A context, also a decorator, in which no graph is recorded."""
    return set_grad_enabled(False)
