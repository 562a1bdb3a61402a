"""What each derivative looks at, as the table of operations says it, and whose memory results and gradients are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import simfp as sf
from simfp.ops import OPERATIONS, Call, Saved
from tests.operation_cases import CASES, EVERY_CASE, NAMES, Case, filled


def called(name: str, case: Case) -> tuple[Call, list[int], sf.Array]:
    """A call of an operation, at which positions gradients come back, and one that comes in."""
    positions: list[Any] = []
    args = filled(case.args, lambda spec, values: (positions.append(spec), sf.array(values))[1], lambda x: x)
    made = OPERATIONS[name].forward(*args, **case.options)
    result, saved = made if isinstance(made, Saved) else (made, None)
    slope = np.random.default_rng(3).uniform(0.5, 2, result.shape).astype(np.float32)
    differentiated = [i for i, x in enumerate(args) if isinstance(x, sf.Array) and OPERATIONS[name].vjp(i)]
    return Call(tuple(args), case.options, result, saved), differentiated, sf.array(slope, result.dtype)


def bits_of_gradient(name: str, position: int, g: sf.Array, call: Call) -> bytes:
    with np.errstate(all="ignore"):
        return np.where(np.isnan(part := OPERATIONS[name].backward(g, call)(position).values), np.nan, part).tobytes()


def others(x: Any) -> Iterator[Any]:
    """The same with other values; nothing of what has none that a program could change."""
    if isinstance(x, sf.Array):
        yield sf.array(np.full(x.shape, np.nan), x.dtype)
        yield sf.array(x.values * np.float32(-1.5) + np.float32(0.3), x.dtype)
    elif isinstance(x, np.ndarray) and x.dtype.kind == "f":
        yield np.full_like(x, np.nan)
    elif isinstance(x, np.ndarray) and x.dtype.kind == "b":
        yield np.roll(x.reshape(-1), 1).reshape(x.shape)  # as many as there were
    elif isinstance(x, np.ndarray) and x.size:
        yield (x + 1) % (x.max() + 1)
    elif isinstance(x, tuple):
        for place, part in enumerate(x):
            for other in others(part):
                parts = (*x[:place], other, *x[place + 1 :])
                yield type(x)(*parts) if hasattr(x, "_fields") else parts


def changed_calls(call: Call) -> Iterator[tuple[str, Call]]:
    """The call with one of its values changed, and that value's letter."""
    for place, x in enumerate(call.inputs):
        for other in others(x):
            yield str(place), call._replace(inputs=(*call.inputs[:place], other, *call.inputs[place + 1 :]))
    for other in others(call.result):
        yield "r", call._replace(result=other)
    for other in others(call.saved):
        yield "s", call._replace(saved=other)


@pytest.mark.parametrize("name", CASES)
def test_derivatives_look_at_what_the_table_says_and_at_nothing_else(name: str) -> None:
    row = OPERATIONS[name]
    looked_at: dict[int, set[str]] = {}
    for case in CASES[name]:
        call, positions, g = called(name, case)
        for position in positions:
            found = looked_at.setdefault(position, set())
            right = bits_of_gradient(name, position, g, call)
            for letter, changed in changed_calls(call):
                if bits_of_gradient(name, position, g, changed) != right:
                    found.add("k" if letter == "1" and name in ("index", "index_put") else letter)
    assert looked_at or not row.vjps
    assert {position: "".join(sorted(found)) for position, found in looked_at.items()} == {
        position: "".join(sorted(row.saved_for(position))) for position in looked_at
    }


def arrays(x: Any) -> Iterator[np.ndarray]:
    """The memory in something."""
    if isinstance(x, (sf.Array, sf.Tensor)):
        yield x._values if isinstance(x, sf.Array) else x.data._values
    elif isinstance(x, np.ndarray):
        yield x
    elif isinstance(x, (tuple, list)):
        for part in x:
            yield from arrays(part)


@pytest.mark.parametrize(("name", "case"), EVERY_CASE, ids=NAMES)
def test_a_result_is_in_memory_of_its_own_unless_the_operation_shows_its_input(name: str, case: Case) -> None:
    call, _, _ = called(name, case)
    for memory in arrays(call.inputs):
        assert OPERATIONS[name].shows or not np.shares_memory(call.result._values, memory)
    for memory in arrays(call.inputs[1:]):
        assert not np.shares_memory(call.result._values, memory)


@pytest.mark.parametrize(("name", "case"), EVERY_CASE, ids=NAMES)
def test_a_gradient_is_in_memory_of_its_own_or_in_that_of_what_came_in(name: str, case: Case) -> None:
    call, positions, g = called(name, case)
    g._values.flags.writeable = False
    for position in positions:
        part = OPERATIONS[name].backward(g, call)(position)
        for memory in arrays((call.inputs, call.result, call.saved)):
            assert not np.shares_memory(part._values, memory)
