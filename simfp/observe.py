"""Who is told of each rounding.

Whoever wants to know what roundings did (the census of lost gradients does) listens here, and every rounding
that simfp makes in the same thread is told to it. While nobody listens, nothing is gathered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from simfp.formats import Format

__all__ = [
    "FATES", "PHASES", "Place", "Rounding", "at", "listen", "listening", "place", "running", "somebody_listens", "stop",
    "tell",
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


@dataclass(frozen=True, eq=False)
class Rounding:
    """One rounding of an array, as told to a listener."""

    operation: str  # which operation rounded its result: "round_to", "add", "matmul", ...
    fmt: Format  # to which format
    before: NDArray[Any]  # float32 or float64, flat: the values before the rounding ...
    after: NDArray[Any]  # ... and after it
    fates: NDArray[Any]  # uint8, flat: index into FATES of what became of each value
    place: Place = field(default_factory=place)  # where it was made
    start: NDArray[Any] | None = None  # of an optimizer's update: the values that it was to change, flat


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
