"""Follows every operation of a forward and a backward pass and keeps its formats, casts and shapes, but no values."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from functools import lru_cache
from inspect import signature
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np

from simfp import observe, precision
from simfp.amp import AUTOCAST_RULES
from simfp.arrays import Array
from simfp.autograd import Tensor
from simfp.census.naming import Names
from simfp.observe import Applied, Derived
from simfp.precision import rule_of
from simfp.tracing import text

__all__ = ["CASTS", "REASONS", "RULES", "Backward", "Forward", "Gradient", "Operand", "Trace", "reason"]

CASTS = ("made", "kept", "found")  # made; made and kept in the cache; found there

RULES = {
    "lower_precision": "the 16-bit list",
    "float32": "the fp32 list",
    "float32_unless_dtype_given": "the fp32 list, unless the call names a dtype",
    "float32_appended": "the fp32 list",
    "widest": "the list of those that meet in the widest format",
    "refused": "refused",
    "follows_inputs": "in no list: it follows its inputs",
}
REASONS = {
    "lower_precision": "a product of matrices: tensor cores take 16-bit numbers, and they add in float32",
    "float32": "exp, log, powers, norms and losses: a large result would overflow 16 bits, a small difference be lost",
    "float32_unless_dtype_given": "a sum or product of many terms, or exponentials: it grows beyond 16 bits, or stands "
    "still; a dtype in the call itself has the last word",
    "float32_appended": "a norm is a sum of squares, and a square overflows fp16 from 256 on",
    "widest": "several inputs in one formula: they meet in the widest of their formats",
    "refused": "the logarithm of what a sigmoid rounded to 0 or 1 is infinite: use the form with logits",
    "follows_inputs": "one pass over memory with little to lose: in the format that its inputs are in already, so that "
    "no cast has to be paid for",
}
OFF = "autocast is off here: in the format that the inputs meet in"
ASKED = "the call itself names a dtype, as cross_entropy does when it asks for log_softmax, and that has the last word"

assert set(RULES) == set(REASONS) == set(AUTOCAST_RULES)


def reason(operation: str) -> str:
    """Why autocast has an operation in the list that it stands in, in one sentence.

    >>> reason("matmul")
    'a product of matrices: tensor cores take 16-bit numbers, and they add in float32'
    """
    return REASONS[rule_of(operation)]


class Operand(NamedTuple):
    """One input of an operation that holds floating-point values."""

    name: str  # what the operation calls it
    step: int | None  # of the forward pass, that made it; None of what came from outside
    parameter: str  # its name, if it is one
    shape: tuple[int, ...]
    given: str  # the format it came in ...
    used: str  # ... and the one it was cast to
    cast: str  # one of CASTS; "" where no cast was needed


class Forward(NamedTuple):
    """One operation of the forward pass."""

    number: int
    operation: str
    layer: str
    rule: str  # the list that it stands in, or "follows_inputs"
    autocast: bool  # whether rules applied
    asked: bool  # whether the call named a dtype
    operands: tuple[Operand, ...]
    fmt: str  # of the result
    shape: tuple[int, ...]
    largest: float  # finite magnitude in the result; 0 where there is none
    infinite: int  # how many of its values
    nan: int

    @property
    def reason(self) -> str:
        """Why it ran in this format."""
        if not self.autocast:
            return OFF
        return ASKED if self.asked and self.rule == "float32_unless_dtype_given" else REASONS[self.rule]


class Gradient(NamedTuple):
    """What one step of the backward pass hands on."""

    name: str  # the input whose gradient it is
    fmt: str
    shape: tuple[int, ...]
    step: int | None  # of the forward pass, whose backward it goes to; None for a parameter and what was not traced
    cast: str  # the input of that step, if it goes to its cast
    parameter: str  # the parameter's name, if it goes to one


class Backward(NamedTuple):
    """One operation's step in the backward pass."""

    number: int
    operation: str
    layer: str
    of: int | None  # the step of the forward pass; None of what was not traced
    cast: str  # "" of the operation itself; else the input of it whose cast goes back
    fmt: str  # of the gradient that came in
    met: int  # of how many gradients that is the sum
    gradients: tuple[Gradient, ...]


class Trace:
    """Records each operation of a forward and a backward pass, in this thread, while the context that it is lasts.

    >>> import simfp as sf
    >>> w = sf.Tensor([[0.5]], requires_grad=True)
    >>> with Trace() as trace, sf.amp.autocast():
    ...     (sf.Tensor([[3.0]]) @ w).exp().sum().backward()
    >>> [(step.operation, step.fmt) for step in trace.forward]
    [('matmul', 'float16'), ('exp', 'float32'), ('sum', 'float32')]
    >>> [(step.operation, step.fmt) for step in trace.backward]
    [('sum', 'float32'), ('exp', 'float32'), ('_to_copy', 'float32'), ('matmul', 'float16'), ('_to_copy', 'float16')]

    forward, backward: the steps, in the order in which they ran. Casts that autocast makes are part of the operation
    that asked for them, and steps of their own on the way back; a cast that the program asks for is an operation.
    `scaled_dot_product_attention` is one operation, whatever it is made of here.

    model: names layers and parameters as its named_modules() and named_parameters() do. Without, they are called by
    their kind and a number. No values are kept, so a trace takes little memory however large the network.
    """

    def __init__(self, model: Any = None) -> None:
        self.forward: list[Forward] = []
        self.backward: list[Backward] = []
        self._names = Names(model)
        self._made: dict[int, tuple[int, str]] = {}  # a node's number -> its step, and of a cast its input
        self._results: dict[int, tuple[Any, int]] = {}  # by id, with the tensor itself, so that no other gets its id
        self._whole: tuple[Any, int] | None = None
        self._inside: ExitStack | None = None

    def __enter__(self) -> Trace:
        if self._inside is not None:
            raise RuntimeError("this trace records already")
        self._inside = ExitStack()
        self._inside.enter_context(observe.following(self._follow))
        return self

    def __exit__(self, *exception: type[BaseException] | BaseException | TracebackType | None) -> None:
        assert self._inside is not None
        self._inside.close()
        self._inside = None
        self._results.clear()

    # Asking.

    def casts(self) -> dict[str, int]:
        """How many casts autocast made, how many of them it kept, and how many it found in the cache."""
        counted = Counter(operand.cast for step in self.forward for operand in step.operands)
        return {name: counted[name] for name in CASTS}

    def formats(self, phase: str = "forward") -> dict[str, int]:
        """How many operations of a phase, "forward" or "backward", ran in which format; casts are not counted.

        Raises ValueError for another phase.
        """
        if phase not in ("forward", "backward"):
            raise ValueError(f"unknown phase {phase!r}; expected one of 'forward', 'backward'")
        if phase == "forward":
            return dict(Counter(step.fmt for step in self.forward if step.operation != "_to_copy"))
        return dict(Counter(step.fmt for step in self.backward if step.operation != "_to_copy"))

    def first_infinite(self) -> Forward | None:
        """The first operation whose result holds an infinity or a NaN; None where none does."""
        return next((step for step in self.forward if step.infinite or step.nan), None)

    def __len__(self) -> int:
        return len(self.forward) + len(self.backward)

    def __str__(self) -> str:
        return text.table(self.forward, self.backward)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return text.html(self.forward, self.backward)

    # Following.

    def _follow(self, told: Applied | Derived) -> None:
        if isinstance(told, Applied):
            self._applied(told)
        else:
            self._derived(told)

    def _applied(self, told: Applied) -> None:
        if told.whole is None:
            step = self._step(told.operation.name, told, told.given, told.inputs, told.casts)
            self.forward.append(step)
            for operand, x in zip(step.operands, _floating(told.inputs), strict=True):
                if operand.cast in ("made", "kept") and isinstance(x[1], Tensor) and x[1].grad_fn is not None:
                    self._made[x[1].grad_fn.number] = step.number, operand.name
        else:
            self._part(told)
        number = len(self.forward) - 1
        self._results[id(told.result)] = told.result, number
        if told.result.grad_fn is not None:
            self._made[told.result.grad_fn.number] = number, ""

    def _part(self, told: Applied) -> None:
        """A part of an operation that is made of others: the first begins a step, the later ones change its result."""
        whole = told.whole
        assert whole is not None
        fmt = whole.fmt
        if self._whole is None or self._whole[0] is not whole:
            self._whole = whole, len(self.forward)
            self.forward.append(
                self._step(whole.operation, told, whole.inputs, whole.inputs, ("",) * len(whole.inputs))
            )
        first = self.forward[self._whole[1]]
        operands = tuple(
            each._replace(used=fmt.name, cast="made") if first.autocast and each.given != fmt.name else each
            for each in first.operands
        )
        self.forward[first.number] = first._replace(operands=operands, **_result(told.result))

    def _step(self, operation: str, told: Applied, given: Any, inputs: Any, casts: Any) -> Forward:
        names = _names_of_inputs(told.operation) if told.whole is None else list(told.whole.names)
        operands = []
        for (position, before), (_, after) in zip(_floating(given), _floating(inputs), strict=True):
            name = names[position] if position < len(names) else f"input {position + 1}"
            source, how = self._source(before), casts[position]
            operands.append(Operand(name, *source, after.shape, before.dtype.name, after.dtype.name, how))
        layer = self._names.layer(told.place.layer)
        autocast = told.whole.autocast if told.whole else precision.current().autocast
        rule = rule_of(operation)
        asked = told.options.get("dtype") is not None
        return Forward(
            len(self.forward), operation, layer, rule, autocast, asked, tuple(operands), **_result(told.result)
        )  # fmt: skip

    def _source(self, x: Any) -> tuple[int | None, str]:
        """The step that made a tensor, and its name if it is a parameter."""
        if id(x) in self._results:
            return self._results[id(x)][1], ""
        leaf = isinstance(x, Tensor) and x.is_leaf and x.requires_grad
        return None, self._names.parameter(x)[1] if leaf else ""

    def _derived(self, told: Derived) -> None:
        of, cast = self._made.get(told.node.number, (None, ""))
        names = _names_of_inputs(told.node.operation)
        gradients = []
        for position, target, part in told.parts:
            name = names[position] if position < len(names) else f"input {position + 1}"
            gradients.append(Gradient(name, part.dtype.name, part.shape, *self._target(target)))
        last = self.backward[-1] if self.backward else None
        step = self.forward[of] if of is not None else None
        if last and step and last.of == of and step.operation == WHOLE and last.operation == WHOLE:
            # the parts of one: what goes out of it comes from its last steps
            self.backward[-1] = last._replace(gradients=_outward((*last.gradients, *gradients), step))
            return
        operation = step.operation if step and not cast else told.node.operation.name
        layer = step.layer if step else self._names.layer(told.node.layer)
        self.backward.append(
            Backward(
                len(self.backward), operation, layer, of, cast, told.gradient.dtype.name, told.met,
                tuple(gradients) if operation != WHOLE or step is None else _outward(tuple(gradients), step),
            )
        )  # fmt: skip

    def _target(self, target: Any) -> tuple[int | None, str, str]:
        """The step that a gradient goes to, the cast within it, and the parameter."""
        if isinstance(target, Tensor):
            return None, "", self._names.parameter(target)[1]
        return *self._made.get(target.number, (None, "")), ""


WHOLE = "scaled_dot_product_attention"


def _outward(gradients: tuple[Gradient, ...], step: Forward) -> tuple[Gradient, ...]:
    """Of the gradients of an operation's parts, those that leave it, under the names of its own inputs."""
    names = {(each.step, each.parameter): each.name for each in step.operands}
    outward = [each for each in gradients if each.step != step.number or each.cast]
    return tuple(each._replace(name=names.get((each.step, each.parameter), each.name)) for each in outward)


def _floating(inputs: tuple[Any, ...]) -> list[tuple[int, Any]]:
    return [(position, x) for position, x in enumerate(inputs) if isinstance(x, (Tensor, Array))]


def _result(out: Any) -> dict[str, Any]:
    values = np.abs(out.data.values)
    finite = values[np.isfinite(values)]
    return {
        "fmt": out.dtype.name,
        "shape": out.shape,
        "largest": float(finite.max()) if finite.size else 0.0,
        "infinite": int(np.isinf(values).sum()),
        "nan": int(np.isnan(values).sum()),
    }


@lru_cache(maxsize=1024)
def _names_of_inputs(operation: Any) -> list[str]:
    """What an operation's forward calls its inputs; nothing of one that takes any number of them."""
    parameters = signature(operation.forward).parameters.values()
    return [each.name for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD]
