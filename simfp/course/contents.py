"""The map of the lessons that are there, and how far the learner has come in each."""

from __future__ import annotations

from typing import Any

from simfp import lessons_folder
from simfp.course import catalogue, notebooks, progress
from simfp.course.display import Card, Table

__all__ = ["table"]


def table() -> Table | Card:
    """A row for each lesson: its question, and what of its bets and exercises is done."""
    folder = lessons_folder.lessons()
    if folder is None:
        return Card("The lessons are not here", "Open this notebook from the folder that it came in.", "wrong")
    kept = progress.read()
    files = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    rows = [
        (
            notebooks.title(file),
            _done(catalogue.of_lesson(catalogue.BETS, file.name[:2]), kept["bets"], "settled"),
            _done(catalogue.of_lesson(catalogue.EXERCISES, file.name[:2]), kept["exercises"], "passed"),
        )
        for file in files
    ]
    caption = f"The lessons. Your progress is kept in {progress.path()}, and nowhere else."
    return Table(caption, ("lesson", "bets settled", "exercises solved"), rows, tuple(file.name for file in files))


def _done(rows: list[Any], kept: dict[str, Any], what: str) -> str:
    if not rows:
        return "–"
    done = [bool(kept.get(row.id, {}).get(what)) for row in rows]
    return f"{'●' * sum(done)}{'○' * (len(done) - sum(done))} {sum(done)} of {len(done)}"
