"""Reverse mode: the graph that a forward leaves behind, and the walk that brings gradients back through it.

The walk is torch's: of all nodes whose gradient is complete, the one that was made last comes next; gradients that
meet are added in the order in which they come, in the format of what they are the gradient of.
"""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from functools import lru_cache
from heapq import heappop, heappush
from inspect import signature
from itertools import count
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from simfp import observe, precision
from simfp.arrays import Array
from simfp.ops import Call, Operation
from simfp.ops.reductions import summed

__all__ = [
    "Gate", "Leaf", "Node", "Version", "backpropagate", "brought_to", "is_grad_enabled", "no_grad", "set_grad_enabled",
]  # fmt: skip

USED_UP = (
    "Trying to backward through the graph a second time (or directly access saved tensors after they have already been "
    "freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify "
    "retain_graph=True if you need to backward through the graph a second time or if you need to access saved tensors "
    "after calling backward."
)

PLACES = {str(place): place for place in range(10)}  # of inputs, by their letters in `Operation.saves`

_numbers = count()
_recording: ContextVar[bool] = ContextVar("simfp_recording", default=True)


class Leaf(Protocol):
    """Where gradients end: a tensor that no operation made."""

    def accumulate_grad(self, g: Array) -> None:
        """Adds `g` to what was gathered before."""


class Version:
    """How often the values of a tensor, and of all that share its memory, were changed in place."""

    __slots__ = ("number",)

    def __init__(self) -> None:
        self.number = 0


class Watched(NamedTuple):
    """A value that a derivative looks at: it must not have changed when the gradient comes."""

    letter: str  # of `Operation.saves`
    version: Version
    number: int  # the version that was saved


class Node:
    """One application of an operation: what it was given, and where the gradients of its inputs go.

    edges: for each input that needs a gradient its position, and the node that made it or the leaf that it is.
    watched: the versions of what its derivatives look at.
    """

    __slots__ = (
        "__weakref__", "call", "edges", "gate", "hooks", "layer", "number", "operation", "precision", "retaining",
        "saves", "watched",
    )  # fmt: skip

    def __init__(self, operation: Operation, call: Call, edges: tuple[tuple[int, Node | Leaf], ...]) -> None:
        self.operation, self.edges = operation, edges
        self.call: Call | None = call
        self.number = next(_numbers)
        self.precision, self.layer = precision.current(), observe.place().layer
        self.retaining: weakref.ref[Leaf] | None = None  # the tensor that wants to keep its gradient
        self.hooks: dict[int, Callable[[Array], Array]] | None = None  # what is called with its gradient
        self.gate: Gate | None = None  # where its gradient waits for others
        self.watched: tuple[Watched, ...] = ()
        # where derivatives look at shapes and formats only, `backward` has nothing to free and may come again: through
        # a cast that autocast keeps come the gradients of every loss of its region
        letters = operation.letters_of(tuple([position for position, _ in edges]))
        self.saves = letters if letters != "k" or _has_arrays(call.inputs[1]) else ""  # letters of `Operation.saves`

    def watch(self, given: Sequence[Any], result: Any, cast: Sequence[Any] = ()) -> None:
        """Looks after the versions of those of the tensors that went in, and of the result, that derivatives need.

        cast: what stood in their places after autocast's casts; integers' memory stands for their tensor.
        """
        for letter in self.saves:
            place = PLACES.get(letter, len(given))
            if place < len(given):
                x = given[place]
                if cast and not isinstance(cast[place], np.ndarray):
                    x = cast[place]
            else:
                x = result if letter == "r" else None
            version: Version | None = getattr(x, "_counter", None)
            if version is not None:
                self.watched += (Watched(letter, version, version.number),)

    def gradients(self, g: Array) -> Iterator[tuple[Node | Leaf, Array]]:
        """The gradient of each input that needs one, in that input's shape and format, and where it goes."""
        if self.call is None:
            raise RuntimeError(USED_UP)
        for watched in self.watched:
            if watched.version.number != watched.number:
                raise RuntimeError(self._changed(watched))
        # products in the accumulator of the forward; whoever listens hears which layer the gradient passes
        with precision.running(self.precision), observe.at(phase="backward", layer=self.layer):
            back = self.operation.backward(g, self.call)
            for position, target in self.edges:
                with self._watched(position, g):
                    part = brought_to(self.call.inputs[position], back(position))
                yield target, part

    def _watched(self, position: int, g: Array) -> AbstractContextManager[None]:
        """For whoever listens: of which input the gradient is computed, and of what."""
        if not observe.somebody_listens() or self.call is None:
            return nullcontext()
        names = _names_of_inputs(self.operation)
        name = names[position] if position < len(names) else None
        inputs = (g, *self.call.inputs, self.call.result)
        return observe.at(operation=self.operation.name, gradient=name, inputs=inputs)

    def watch_key(self, key: Any) -> None:
        """Looks after the versions of the tensors in a key of indices, too."""
        parts = key if isinstance(key, tuple) else (key,)
        tensors = [part for part in parts if hasattr(part, "_counter")]
        self.watched += tuple(Watched("k", each._counter, each._counter.number) for each in tensors)

    def _changed(self, watched: Watched) -> str:
        """What to say where a value is not what it was."""
        assert self.call is not None
        value: Any = self.call.result
        what = "the result"
        if watched.letter == "k":
            value, what = None, "in the key"
        elif watched.letter != "r":
            position, names = int(watched.letter), _names_of_inputs(self.operation)
            value = self.call.inputs[position]
            what = f"input `{names[position]}`" if position < len(names) else f"input {position}"
        which = "indices" if value is None else f"{value.dtype} {list(value.shape)}"
        return (
            "one of the variables needed for gradient computation has been modified by an inplace operation: "
            f"[{which}], which is {what} of {self.operation.name}, is at version "
            f"{watched.version.number}; expected version {watched.number} instead."
        )

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


def _has_arrays(key: Any) -> bool:
    """Whether a key has arrays of indices, or masks, in it."""
    return any(hasattr(part, "__len__") for part in (key if isinstance(key, tuple) else (key,)))


def backpropagate(root: Node | Leaf, gradient: Array, keep_graph: bool = False) -> None:
    """Brings `gradient` from `root` to every leaf that it depends on."""
    uses = _uses(root)
    missing = Counter(uses)
    gathered: dict[Node | Leaf, Array] = {}
    ready: list[tuple[int, Node]] = []
    due: list[tuple[Node, Array]] = []  # come through a gate
    gates = Counter(node.gate for node in (root, *uses) if isinstance(node, Node) and node.gate is not None)
    held: dict[Gate, dict[Node, Array]] = {gate: {} for gate in gates}

    def receive(target: Node | Leaf, g: Array, of: Array) -> None:
        given = g
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
            g = gathered.pop(target)
            # kept, and edited, by the leaf alone
            target.accumulate_grad(g.copy() if g is given and (told is not None or _is_shared(g, of)) else g)

    told: list[Any] | None = None
    missing[root] += 1
    with observe.at(phase="backward", layer=None):
        receive(root, gradient, gradient)
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
                keeper.accumulate_grad(g.copy())
            told = [] if node.gate is None and observe.somebody_follows() else None
            for target, part in node.gradients(g):
                if told is not None:
                    told.append((node.edges[len(told)][0], target, part))
                receive(target, part, g)
            if told is not None:
                observe.tell_followers(observe.Derived(node, g, max(uses[node], 1), tuple(told)))
            if not keep_graph and node.saves:
                node.call = None


def _is_shared(part: Array, g: Array) -> bool:
    """Whether a derivative may have given memory that somebody else has: that of what came in, or a part of more."""
    memory, owner = part._values, _owner(part)
    return owner is _owner(g) or owner.size != memory.size or not memory.flags.writeable


def _owner(x: Array) -> NDArray[Any]:
    """The array that the memory of `x` belongs to."""
    memory = x._values
    while isinstance(memory.base, np.ndarray):
        memory = memory.base
    return memory


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


def brought_to(x: Array, g: Array) -> Array:
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
