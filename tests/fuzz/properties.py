"""`@fuzzed` makes a test of a property, and keeps the property itself for whoever runs it for longer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy

import tests.examples

__all__ = ["PROPERTIES", "Property", "fuzzed"]


class Property(NamedTuple):
    """What must hold, of what, and how many examples of it the tests try."""

    holds: Callable[..., None]
    strategies: dict[str, SearchStrategy[Any]]
    examples: int


PROPERTIES: dict[str, Property] = {}  # "test_files::test_name" -> the property


def fuzzed(*, examples: int, **strategies: SearchStrategy[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A decorator: the test tries as many examples, the same ones each time, of what the strategies draw."""

    def register(holds: Callable[..., None]) -> Callable[..., None]:
        module = holds.__module__.rpartition(".")[2]
        PROPERTIES[f"{module}::{holds.__name__}"] = Property(holds, strategies, examples)
        # the same examples each time: a red run can be run again; new ones are for `python -m tests.fuzz`
        few = settings(
            max_examples=max(1, round(examples * tests.examples.share)),
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        )
        return few(given(**strategies)(holds))

    return register
