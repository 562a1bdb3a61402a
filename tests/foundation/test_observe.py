"""Who is told of each rounding: each listener, once, with what happened; and nobody, at no cost."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import simfp as sf
from simfp import observe, rounding
from simfp.observe import FATES, Rounding, listening
from simfp.rounding import ROUNDING_MODES
from tests.samples import DETERMINISTIC, FORMATS, assert_same, boundaries

OPERATIONS = {
    "round_to": lambda x: sf.round_to(x, "float16"),
    "encode": lambda x: sf.encode(x, "float16"),
    "add": lambda x: sf.add(x, 1.0, "float16"),
    "subtract": lambda x: sf.subtract(x, 1.0, "float16"),
    "multiply": lambda x: sf.multiply(x, 3.0, "float16"),
    "divide": lambda x: sf.divide(x, 3.0, "float16"),
    "sqrt": lambda x: sf.sqrt(x, "float16"),
    "fma": lambda x: sf.fma(x, 3.0, 1.0, "float16"),
}


def words(told: Rounding) -> list[str]:
    return [FATES[i] for i in told.fates]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_operation_tells_one_rounding_under_its_name(operation: str) -> None:
    told: list[Rounding] = []
    x = np.array([[1.0, 2.0, 0.1], [1e-6, 9.0, 1e5]])
    silent = OPERATIONS[operation](x)
    with listening(told.append):
        heard = OPERATIONS[operation](x)
    assert (silent == heard).all()
    assert [(row.operation, row.fmt) for row in told] == [(operation, sf.float16)]
    assert told[0].before.shape == told[0].after.shape == told[0].fates.shape == (6,)
    assert told[0].fates.dtype == np.uint8
    assert_same(told[0].after, sf.decode(heard, "float16").ravel() if operation == "encode" else heard.ravel())


def test_the_values_before_and_after_are_told() -> None:
    x = np.array([1.0, 0.1, 1e-5, 1e-8, 1e5, np.nan, 0.0])
    told: list[Any] = []
    with listening(lambda row: told.append((row.before.copy(), row.after.copy(), words(row)))):
        sf.round_to(x, "float16")
    ((before, after, fates),) = told
    assert_same(before, x)
    assert_same(after, sf.round_to(x, "float16"))
    assert fates == ["exact", "rounded", "subnormal", "zeroed", "overflowed", "nan", "exact"]


@pytest.mark.parametrize("mode", ROUNDING_MODES)
@pytest.mark.parametrize("fmt", FORMATS, ids=str)
def test_the_fates_told_are_those_of_fate(fmt: Any, mode: str) -> None:
    points = boundaries(fmt)[:: 1 + len(boundaries(fmt)) // 500]
    told: list[Rounding] = []
    for options in ({}, {"subnormals": "flush"}, {"overflow": "saturate"}):
        with listening(told.append):
            sf.round_to(points, fmt, mode, rng=5, **options)
        assert words(told[-1]) == sf.fate(points, fmt, mode, rng=5, **options).tolist()


def test_questions_are_no_roundings() -> None:
    told: list[Rounding] = []
    with listening(told.append):
        sf.fate(0.1, "float16")
        sf.ulp(0.1, "float16")
        sf.next_up(0.1, "float16")
        sf.next_down(0.1, "float16")
        sf.decode(3, "float16")
    assert told == []


def test_input_that_is_overwritten_inside_is_told_as_it_was() -> None:
    told: list[Rounding] = []
    for x in (3, 2049, [1, 2049], np.float16(3), np.array([2049], ">f8")):
        with listening(told.append):
            after = sf.round_to(x, "float8_e5m2")
        assert_same(told[-1].before, np.atleast_1d(np.array(x, np.float64)))
        assert_same(told[-1].after, np.atleast_1d(after))


def test_empty_arrays_and_scalars_are_told_too() -> None:
    told: list[Rounding] = []
    with listening(told.append):
        sf.round_to(np.zeros((0, 3)), "float16")
        sf.round_to(0.1, "float16")
    assert [row.before.size for row in told] == [0, 1]


def test_nested_listeners_are_all_told_innermost_first() -> None:
    order: list[str] = []
    with listening(lambda row: order.append("outer")):
        sf.round_to(1.0, "float16")
        with listening(lambda row: order.append("inner")):
            sf.round_to(1.0, "float16")
        sf.round_to(1.0, "float16")
    sf.round_to(1.0, "float16")
    assert order == ["outer", "inner", "outer", "outer"]


def test_the_same_listener_twice_is_told_twice() -> None:
    told: list[Rounding] = []
    with listening(told.append), listening(told.append):
        sf.round_to(1.0, "float16")
    assert len(told) == 2


def test_an_exception_inside_ends_the_listening() -> None:
    told: list[Rounding] = []
    with pytest.raises(ZeroDivisionError), listening(told.append):
        raise ZeroDivisionError
    assert not observe.somebody_listens()
    sf.round_to(1.0, "float16")
    assert told == []


def test_a_listeners_own_exception_reaches_the_caller() -> None:
    def complain(row: Rounding) -> None:
        raise RuntimeError(f"heard of {row.operation}")

    with pytest.raises(RuntimeError, match="heard of round_to"), listening(complain):
        sf.round_to(1.0, "float16")
    assert not observe.somebody_listens()


def test_a_refused_rounding_is_not_told() -> None:
    told: list[Rounding] = []
    with listening(told.append), pytest.raises(ValueError, match="unknown rounding"):
        sf.round_to(1.0, "float16", "upwards")
    assert told == []


def test_threads_do_not_hear_each_other() -> None:
    heard: dict[str, list[int]] = {"here": [], "there": []}
    barrier = threading.Barrier(2)

    def there() -> None:
        with listening(lambda row: heard["there"].append(row.before.size)):
            barrier.wait()
            sf.round_to(np.zeros(3), "float16")
            barrier.wait()

    thread = threading.Thread(target=there)
    with listening(lambda row: heard["here"].append(row.before.size)):
        thread.start()
        barrier.wait()
        sf.round_to(np.zeros(2), "float16")
        barrier.wait()
        thread.join()
    assert heard == {"here": [2], "there": [3]}


def test_while_nobody_listens_no_fate_is_gathered(monkeypatch: pytest.MonkeyPatch) -> None:
    def unexpected(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("gathered for nobody")

    monkeypatch.setattr(rounding, "fates_of", unexpected)
    monkeypatch.setattr(observe, "tell", unexpected)
    for operate in OPERATIONS.values():
        operate(np.array([0.1, 1e9]))
    for mode in DETERMINISTIC:
        sf.round_to([0.1], "bfloat16", mode)


@pytest.mark.parametrize("listener", [None, 3, "print"])
def test_a_listener_must_be_callable(listener: Any) -> None:
    with (
        pytest.raises(TypeError, match=f"a listener must be callable with one Rounding, got {listener!r}"),
        listening(listener),
    ):
        pass
