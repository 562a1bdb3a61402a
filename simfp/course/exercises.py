"""Exercises: a question, who judges the answer, staged hints, and a solution that a notebook holds."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from simfp import lessons_folder
from simfp.course import notebooks, progress
from simfp.course.display import Card
from simfp.course.judges.judgement import Judgement

__all__ = ["Exercise", "check", "hint", "solution"]


@dataclass(frozen=True)
class Exercise:
    """One exercise. Its solution is the cells of lessons/solutions that carry its id as a tag."""

    id: str
    question: str
    judge: Callable[[Any], Judgement]
    hints: tuple[str, ...]
    untouched: Any = None  # what a slider says that nobody has moved
    trial: tuple[Any, ...] = (1.0,)  # what a function is called with, to see whether it still returns the dots


def check(row: Exercise, answer: Any) -> Card:
    """Whether `answer` is right, and if not, why; its `passed` tells. `...` and None are no answers yet."""
    if _is_missing(answer, row):
        return Card(f"{row.id}: not yet", row.question, "waiting")
    passed, message = row.judge(answer)
    kept = progress.entry("exercises", row.id)
    progress.update("exercises", row.id, tries=kept.get("tries", 0) + 1, passed=passed or kept.get("passed", False))
    if passed:
        return Card(f"{row.id}: right", message, "right", passed=True)
    more = "" if kept.get("hints", 0) else f'\n\n`hint("{row.id}")` helps on.'
    return Card(f"{row.id}: not quite", message + more, "wrong")


def _is_missing(answer: Any, row: Exercise) -> bool:
    """Whether there is no answer yet: dots, None, a function that still returns the dots, a slider not moved."""
    if callable(answer):
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                return answer(*row.trial) is ...
        except Exception:  # it was tried: the judge will say what is wrong with it
            return False
    return answer is ... or answer is None or (type(answer) is type(row.untouched) and answer == row.untouched)


def hint(row: Exercise) -> Card:
    """One hint more than the last time, after those given before."""
    given = min(progress.entry("exercises", row.id).get("hints", 0) + 1, len(row.hints))
    progress.update("exercises", row.id, hints=given)
    after = "Run the cell again for the next." if given < len(row.hints) else "That was the last one."
    return Card(f"{row.id}: hint {given} of {len(row.hints)}", "\n\n".join([*row.hints[:given], after]))


def solution(row: Exercise) -> Card:
    """A solution, once the learner has tried."""
    if not progress.entry("exercises", row.id).get("tries"):
        why = f'Even a wrong answer tells you something: `check("{row.id}", ...)` with yours in place of the dots.'
        return Card(f"{row.id}: the solution comes after a try", why, "waiting")
    folder = lessons_folder.lessons()
    files = sorted((folder / "solutions").glob(f"{row.id.partition('.')[0]}_*.ipynb")) if folder else []
    cells = [cell for file in files for cell in notebooks.tagged(file, row.id)]
    if not cells:
        return Card(
            f"{row.id}: no solution found", "The solutions lie in the folder `solutions` of the lessons.", "wrong"
        )
    text = "\n\n".join(notebooks.source(cell) for cell in cells if cell["cell_type"] == "markdown")
    code = "\n\n".join(notebooks.source(cell) for cell in cells if cell["cell_type"] == "code")
    return Card(f"{row.id}: a solution", text, code=code)
