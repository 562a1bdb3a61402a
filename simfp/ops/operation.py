"""What an operation is: a forward on Arrays, and for each input how a gradient comes back through it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache, wraps
from inspect import signature
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simfp import observe
from simfp.accumulation import accumulator_dtype
from simfp.arrays import Array, array, owned
from simfp.elementwise import FLOAT32, one_nan, rounded
from simfp.formats import Format, as_format
from simfp.precision import rule_of

__all__ = [
    "Call",
    "Operation",
    "Saved",
    "argument",
    "as_asked",
    "broadcasting",
    "check_broadcasting",
    "finished",
    "in_format_of",
    "same",
    "together",
    "widened",
]


class Saved(NamedTuple):
    """What a forward gives back when it has put something aside for its derivatives."""

    result: Array
    saved: Any


class Call(NamedTuple):
    """One application of an operation, as its derivatives see it."""

    inputs: tuple[Any, ...]  # Arrays; also numbers, index arrays and whatever else the forward took by position
    options: dict[str, Any]
    result: Array
    saved: Any = None


Forward = Callable[..., "Array | Saved"]
VJP = Callable[..., Array]  # (the gradient of the result, the call) -> that of one input


@dataclass(frozen=True)
class Operation:
    """One row of the table of operations.

    name: torch's. forward: Arrays, and options, in; an Array out, each of its values rounded once.
    vjps: for each input by position, how a gradient comes back through it; None where none does. An operation of any
    number of inputs has a function instead, from the position to that. The gradient may come in the shape and in the
    format that broadcasting and promotion gave it: `autograd` brings it to the input's.
    saves: for each derivative the letters of what its values are computed from, besides the gradient: a digit for the
    input at that position, r for the result, s for what the forward put aside, k for arrays of indices within a key.
    What has changed since the forward makes the derivative an error; where there is nothing, nothing need be kept.
    joint: where gradients share sums, a class of what each of `vjps` takes in place of a gradient and a call: it is
    made of these once, and has the shared sums as cached properties.
    shows: whether the result may be a view of the first input: the same memory.
    widens: whether torch's kernel takes 16 bits and widens them itself where autocast asks for float32. It may then
    add in another order than one that takes float32, so the forward is told the format that is `loaded`.
    """

    name: str
    forward: Forward
    vjps: tuple[VJP | None, ...] | Callable[[int], VJP] = ()
    saves: tuple[str, ...] = ()
    joint: Callable[[Array, Call], Any] | None = None
    shows: bool = False
    widens: bool = False
    _letters: dict[tuple[int, ...], str] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def autocast(self) -> str:
        """The list of `precision.AUTOCAST_LISTS` that it stands in, or "follows_inputs"."""
        return rule_of(self.name)

    def vjp(self, position: int) -> VJP | None:
        """The row's entry for the input at `position`, None where no gradient comes back; `backward` calls it."""
        if callable(self.vjps):
            return self.vjps(position)
        return self.vjps[position] if position < len(self.vjps) else None

    def backward(self, g: Array, call: Call) -> Callable[[int], Array]:
        """The gradient `g` of a call's result, brought back: a function from the position of an input to its own."""
        given = (g, call) if self.joint is None else (self.joint(g, call),)

        def by(position: int) -> Array:
            vjp = self.vjp(position)
            assert vjp is not None, (self.name, position)  # nobody asks where none comes back
            return vjp(*given)

        return by

    def saved_for(self, position: int) -> str:
        """The letters of what the derivative by the input at `position` looks at."""
        return self.saves[position] if position < len(self.saves) else ""

    def letters_of(self, positions: tuple[int, ...]) -> str:
        """The same for the derivatives by several inputs, each letter once."""
        found = self._letters.get(positions)
        if found is None:
            found = "".join(dict.fromkeys("".join(map(self.saved_for, positions))))
            self._letters[positions] = found
        return found


def argument(call: Call, forward: Callable[..., Any], name: str) -> Any:
    """What a call of `forward` was given as its parameter `name`, by position or by name; or else its default."""
    position, default = _parameters(forward)[name]
    return call.inputs[position] if position < len(call.inputs) else call.options.get(name, default)


@lru_cache(maxsize=1024)
def _parameters(forward: Callable[..., Any]) -> dict[str, tuple[int, Any]]:
    """The position and the default of each parameter."""
    return {each.name: (place, each.default) for place, each in enumerate(signature(forward).parameters.values())}


def finished(values: NDArray[Any], fmt: Format, operation: str) -> Array:
    """An Array of what a kernel computed in float32, rounded once to `fmt`."""
    if fmt == FLOAT32 and values.dtype == np.float32 and not observe.somebody_listens():
        return owned(one_nan(np.asarray(values)), fmt)
    return owned(rounded(values, fmt, operation), fmt)


def widened(x: Array) -> NDArray[Any]:
    """The values of `x` in the type that kernels compute in: float32, or float64 for formats that it does not hold.

    Raises RuntimeError for anything but an Array, such as an array of integers.
    """
    if not isinstance(x, Array):
        raise RuntimeError(f"expected floating-point values, got {getattr(x, 'dtype', type(x).__name__)}")
    return x._values.astype(accumulator_dtype(x.dtype), copy=False)


def as_asked(x: Array, dtype: Any) -> Array:
    """`x` in the format that an option `dtype` asks for; itself where that is None."""
    fmt = x.dtype if dtype is None else as_format(dtype)
    return x if fmt == x.dtype else x.astype(fmt)


def in_format_of(x: Array, number: float) -> Array:
    """A number rounded to the format of `x`, as a kernel that computes in that format takes it."""
    return array(number, x.dtype)


def together(operation: str, *inputs: Any) -> None:
    """Checks that the Arrays among `inputs` are of one format, as torch's kernels want them.

    Raises RuntimeError naming two that differ.
    """
    formats = [x.dtype for x in inputs if isinstance(x, Array)]
    for fmt in formats:
        if fmt != formats[0]:
            raise RuntimeError(
                f"{operation}: expected inputs of one dtype, but got {formats[0]} and {fmt}; bring them to one, "
                f"as with `layer.to({str(formats[0])!r})` or `x.float()`, or run under autocast"
            )


def broadcasting(forward: Callable[..., Array]) -> Callable[..., Array]:
    """The forward of an operation on two inputs, with torch's error for shapes that do not broadcast."""

    @wraps(forward)
    def checked(x: Any, y: Any, *more: Any, **options: Any) -> Array:
        check_broadcasting(np.shape(x), np.shape(y))
        return forward(x, y, *more, **options)

    return checked


def check_broadcasting(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    """Raises torch's RuntimeError for shapes that do not broadcast."""
    if left != right:
        for place in range(1, min(len(left), len(right)) + 1):
            if left[-place] != right[-place] and 1 not in (left[-place], right[-place]):
                raise RuntimeError(
                    f"The size of tensor a ({left[-place]}) must match the size of tensor b ({right[-place]}) at "
                    f"non-singleton dimension {max(len(left), len(right)) - place}"
                )


def same(g: Array, call: Call) -> Array:
    """The gradient as it comes."""
    return g
