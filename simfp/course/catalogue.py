"""The bets and exercises of all lessons, found by id; a lesson is loaded when something of it is asked for."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol, TypeVar

from simfp.course import lessons
from simfp.course.bets import Bet
from simfp.course.exercises import Exercise

__all__ = ["BETS", "EXERCISES", "LESSONS", "Rows", "find", "of_lesson"]

# "00", "01" ...: the folders that there are
LESSONS = tuple(sorted(found.name[-2:] for found in pkgutil.iter_modules(lessons.__path__) if found.ispkg))


class HasId(Protocol):
    """What a lesson has tables of."""

    @property
    def id(self) -> str:
        """The lesson, a dot, and what the row is called in it: "03.1", "03.a"."""


Row = TypeVar("Row", bound=HasId)


class Rows(Mapping[str, Row]):
    """Rows of all lessons by their ids. One row loads its lesson; going through all of them loads every lesson.

    part: the module of a lesson, "bets" or "exercises"; it holds a tuple of the same name in capitals. A lesson
    without that module has no such rows.
    """

    def __init__(self, part: str) -> None:
        self._part = part

    def of(self, lesson: str) -> Mapping[str, Row]:
        """The rows of one lesson, "03" say; none where there is no such lesson."""
        return _rows(lesson, self._part) if lesson in LESSONS else {}

    def __getitem__(self, key: str) -> Row:
        if not isinstance(key, str):
            raise KeyError(key)
        return self.of(key.partition(".")[0])[key]

    def __iter__(self) -> Iterator[str]:
        return (key for lesson in LESSONS for key in self.of(lesson))

    def __len__(self) -> int:
        return sum(len(self.of(lesson)) for lesson in LESSONS)


@cache
def _rows(lesson: str, part: str) -> dict[str, Any]:
    module = f"{lessons.__name__}.lesson_{lesson}.{part}"
    if find_spec(module) is None:
        return {}
    return {row.id: row for row in getattr(import_module(module), part.upper())}


BETS: Rows[Bet] = Rows("bets")
EXERCISES: Rows[Exercise] = Rows("exercises")


def find(table: Rows[Row], key: str) -> Row:
    """The row called `key`.

    Raises ValueError for another, naming those that there are.
    """
    if key not in table:
        raise ValueError(f"{key!r} is none of {', '.join(table)}")
    return table[key]


def of_lesson(table: Rows[Row], lesson: str) -> list[Row]:
    """The rows of a lesson, "03" say; none where it has none."""
    return list(table.of(lesson).values())
