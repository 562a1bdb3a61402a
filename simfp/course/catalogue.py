"""Which lessons have bets and exercises: one table a lesson, found by id."""

from __future__ import annotations

from typing import TypeVar

from simfp.course import (
    lesson_00,
    lesson_01,
    lesson_02,
    lesson_03,
    lesson_04,
    lesson_05,
    lesson_06,
    lesson_07,
    lesson_08,
    lesson_09,
    lesson_10,
    lesson_11,
)
from simfp.course.bets import Bet
from simfp.course.exercises import Exercise

__all__ = ["BETS", "EXERCISES", "find", "of_lesson"]

LESSONS = (
    lesson_00,
    lesson_01,
    lesson_02,
    lesson_03,
    lesson_04,
    lesson_05,
    lesson_06,
    lesson_07,
    lesson_08,
    lesson_09,
    lesson_10,
    lesson_11,
)
BETS: dict[str, Bet] = {row.id: row for lesson in LESSONS for row in lesson.BETS}
EXERCISES: dict[str, Exercise] = {row.id: row for lesson in LESSONS for row in lesson.EXERCISES}

Row = TypeVar("Row")


def find(table: dict[str, Row], key: str) -> Row:
    """The row called `key`.

    Raises ValueError for another, naming those that there are.
    """
    if key not in table:
        raise ValueError(f"{key!r} is none of {', '.join(table)}")
    return table[key]


def of_lesson(table: dict[str, Row], lesson: str) -> list[Row]:
    """The rows of a lesson, "03" say; none where it has none."""
    return [row for key, row in table.items() if key.partition(".")[0] == lesson]
