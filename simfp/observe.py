"""Who is told of each rounding, and who of each operation.

Whoever wants to know what roundings did (the census of lost gradients does) listens here, and is told of each array
that `simfp.rounding` rounds in the same thread: above all of the results of operations. What a kernel rounds on its
way to a result, such as each addition of a sum or each float32 operation within a softmax, is not told. (The parts of a
product that splits K are, as "round_to".) Whoever wants to know which operations ran, and in which formats (the trace
of autocast does), follows, and is told of each one of the forward and of the backward pass. While nobody listens or
follows, nothing is gathered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simfp.formats import Format
from simfp.kernels.rounding import classify32, classify64

__all__ = [
    "FATES", "PHASES", "Applied", "Derived", "Place", "Rounding", "Whole", "at", "fates", "following", "listen",
    "listening", "of_whole", "place", "running", "somebody_follows", "somebody_listens", "stop", "tell",
    "tell_followers", "whole",
]  # fmt: skip

FATES = ("exact", "rounded", "subnormal", "zeroed", "overflowed", "nan")
PHASES = ("forward", "backward", "unscale", "update")


@dataclass(frozen=True)
class Place:
    """Where in a network's training roundings are made."""

    phase: str = "forward"  # one of PHASES
    layer: Any = None  # the module whose forward runs, or ran
    parameter: Any = None  # in "unscale" and "update": whose gradient is unscaled, which weights are updated
    operation: str | None = None  # torch's name of what runs, or ran: "linear"; None outside of all
    gradient: str | None = None  # in "backward": the name of the operation's input whose gradient is computed
    inputs: tuple[Any, ...] = field(default=(), compare=False, repr=False)  # of the operation; Arrays and others


_place: ContextVar[Place] = ContextVar("simfp_place", default=Place())  # noqa: B039  (frozen)


def place() -> Place:
    """Where operations of this thread are now."""
    return _place.get()


@contextmanager
def at(**changes: Any) -> Iterator[None]:
    """Within this context, the operations of this thread are in another phase or layer."""
    token = _place.set(Place(**(vars(_place.get()) | changes)))
    try:
        yield
    finally:
        _place.reset(token)


@contextmanager
def running(operation: str, inputs: tuple[Any, ...]) -> Iterator[None]:
    """Within this context, what is rounded belongs to that operation; costs nothing while nobody listens."""
    if not _listeners.get():
        yield
        return
    with at(operation=operation, inputs=inputs):
        yield


class Rounding(NamedTuple):
    """One rounding of an array, as told to a listener."""

    operation: str  # which operation rounded its result: "round_to", "add", "matmul", ...
    fmt: Format  # to which format
    before: NDArray[Any]  # float32 or float64, flat: the values before the rounding ...
    after: NDArray[Any]  # ... and after it, in a type at most as wide
    limits: NDArray[Any]  # what `fates` takes
    place: Place  # where it was made
    start: NDArray[Any] | None  # of an optimizer's update: the values that it was to change, flat

    @property
    def fates(self) -> NDArray[Any]:
        """What became of each value: uint8, flat, indices into FATES. It is computed each time that it is asked for."""
        return fates(self.before, self.after, self.limits)


def fates(before: NDArray[Any], after: NDArray[Any], limits: NDArray[Any]) -> NDArray[Any]:
    """Indices into FATES of what became of `before`, flat.

    limits: as patterns of the type of `before`, the format's smallest normal number, and the first positive and the
    first negative magnitude that its rounding takes beyond the format's largest number.
    """
    with np.errstate(invalid="ignore"):  # a signalling NaN
        same = after.astype(before.dtype, copy=False)
    became = np.empty(before.shape, np.uint8)
    classify = classify32 if before.dtype == np.float32 else classify64
    classify(before.view(limits.dtype), same.view(limits.dtype), became, *limits)
    return became


Listener = Callable[[Rounding], None]

_listeners: ContextVar[tuple[Listener, ...]] = ContextVar("simfp_listeners", default=())


@contextmanager
def listening(listener: Listener) -> Iterator[Listener]:
    """Within this context, `listener` is called with each Rounding made in this thread, innermost first.

    The arrays it is given are not copies: it must not change them, nor keep them beyond its call.
    """
    if not callable(listener):
        raise TypeError(f"a listener must be callable with one Rounding, got {listener!r}")
    token = _listeners.set((*_listeners.get(), listener))
    try:
        yield listener
    finally:
        _listeners.reset(token)


def listen(listener: Listener) -> None:
    """From now on, `listener` is called with each Rounding made in this thread, until `stop`; see `listening`."""
    _listeners.set((*_listeners.get(), listener))


def stop(listener: Listener) -> None:
    """Ends what `listen` began: the latest, if the same was begun more than once. Nothing if it listens no more."""
    told = list(_listeners.get())
    for place in reversed(range(len(told))):
        if told[place] is listener:
            del told[place]
            break
    _listeners.set(tuple(told))


def somebody_listens() -> bool:
    """Whether any listener would be told."""
    return bool(_listeners.get())


def tell(rounding: Rounding) -> None:
    """Tells every listener of one rounding."""
    for listener in reversed(_listeners.get()):
        listener(rounding)


# Operations.


@dataclass(frozen=True, eq=False)
class Whole:
    """An operation that is made of others here, and is one to autocast."""

    operation: str
    inputs: tuple[Any, ...]
    autocast: bool  # whether it runs under autocast's rules; its parts do not
    names: tuple[str, ...]  # of the inputs
    fmt: Any  # what autocast has it run in


@dataclass(frozen=True, eq=False)
class Applied:
    """One operation of a forward pass, as told to a follower. Tensors are those of the pass, and not to be changed."""

    operation: Any  # its row of `simfp.ops.OPERATIONS`
    given: tuple[Any, ...]  # its inputs by position
    inputs: tuple[Any, ...]  # the same after autocast's casts
    casts: tuple[
        str, ...
    ]  # of each input: "" for none, "made", "kept" (made, and put into the cache), or "found" there
    options: dict[str, Any]
    result: Any
    place: Place
    whole: Whole | None  # what it is part of


@dataclass(frozen=True, eq=False)
class Derived:
    """One operation's step in a backward pass, as told to a follower."""

    node: Any  # of the graph
    gradient: Any  # that came in, an Array ...
    met: int  # ... and of how many it is the sum
    parts: tuple[tuple[int, Any, Any], ...]  # the position of an input, the node or leaf that its gradient goes to, it


Follower = Callable[[Applied | Derived], None]

_followers: ContextVar[tuple[Follower, ...]] = ContextVar("simfp_followers", default=())
_whole: ContextVar[Whole | None] = ContextVar("simfp_whole", default=None)


@contextmanager
def following(follower: Follower) -> Iterator[Follower]:
    """Within this context, `follower` is called with each operation of this thread, after it has run."""
    if not callable(follower):
        raise TypeError(f"a follower must be callable with one operation, got {follower!r}")
    token = _followers.set((*_followers.get(), follower))
    try:
        yield follower
    finally:
        _followers.reset(token)


def somebody_follows() -> bool:
    """Whether any follower would be told."""
    return bool(_followers.get())


def tell_followers(told: Applied | Derived) -> None:
    """Tells every follower of one operation."""
    for follower in reversed(_followers.get()):
        follower(told)


@contextmanager
def of_whole(operation: str, inputs: dict[str, Any], *, autocast: bool, fmt: Any) -> Iterator[None]:
    """Within this context, operations are parts of one on inputs of these names; the outermost counts."""
    whole = Whole(operation, tuple(inputs.values()), autocast, tuple(inputs), fmt)
    token = _whole.set(_whole.get() or whole)
    try:
        yield
    finally:
        _whole.reset(token)


def whole() -> Whole | None:
    """What operations are parts of now, if of anything."""
    return _whole.get()
