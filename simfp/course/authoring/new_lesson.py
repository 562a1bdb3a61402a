"""The files of a new lesson: small, and complete. It runs, and passes what the tests ask of every lesson.

What it asks and tells is an example, there to be replaced: one bet, one exercise, one widget.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

from simfp import whole_files
from simfp.course import notebooks
from simfp.course.authoring import pictures
from simfp.figures.png import png

__all__ = ["ROOT", "lay_down"]

ROOT = Path(__file__).resolve().parents[3]  # of a checkout: simfp, lessons and tests lie in it
NAME = "name_this_lesson"
WIDGET = 'NumberLine(x="2049", fmt="float16")'


def lay_down(root: Path, number: str, name: str = NAME) -> list[Path]:
    """Writes the files of lesson `number` ("14") below `root`, all of them or none, and gives their paths.

    name: of its notebooks, in small letters: "do_something".

    Raises ValueError for what is no number or no name, for a lesson that is there, and where `root` is no checkout;
    OSError where a file cannot be written.
    """
    if not re.fullmatch(r"[0-9]{2}", number):
        raise ValueError(f"a lesson's number is two digits, such as 14, got {number!r}")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ValueError(f"a lesson's name is of small letters, digits and _, such as {NAME!r}, got {name!r}")
    package, lessons = root / "simfp/course/lessons", root / "lessons"
    for needed in (package, lessons / "solutions", root / "tests/course"):
        if not needed.is_dir():
            raise ValueError(f"lessons are written in a checkout of the project, and {needed} is not there")
    folder, test = package / f"lesson_{number}", root / f"tests/course/test_lesson_{number}.py"
    there = [*package.glob(folder.name), *lessons.glob(f"**/{number}_*"), *test.parent.glob(test.name)]
    if there:
        raise ValueError(f"lesson {number} exists: {there[0].relative_to(root)} is there")

    shown, picture = _widget(), f"images/{number}_line.png"
    lesson, solution = _lesson(number, f"![{shown[0]}]({picture})"), _solution(number)
    content: dict[Path, str | bytes] = {
        **{folder / file: text.replace("NN", number) for file, text in MODULES.items()},
        test: TEST.replace("NN", number),
        lessons / f"{number}_{name}.ipynb": notebooks.text_of(lesson),
        lessons / "solutions" / f"{number}_{name}.ipynb": notebooks.text_of(solution),
        lessons / picture: shown[1],
    }
    try:
        for path, text in content.items():
            whole_files.write(path, text)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        for path in content:
            path.unlink(missing_ok=True)
        raise
    return list(content)


def _widget() -> tuple[str, bytes]:
    """What the lesson's widget shows: its words, and its picture."""
    from simfp.widgets import NumberLine

    line = NumberLine(x="2049", fmt="float16")
    return pictures.alternative(line.alternative()), png(line.figure())


def _notebook(number: str, *cells: tuple[str, str, str, str]) -> dict[str, Any]:
    """A notebook of cells: id, kind, tag, text."""
    return notebooks.clean(
        {
            "cells": [
                {"id": key, "cell_type": kind, "metadata": {"tags": [tag] if tag else []}, "source": text}
                for key, kind, tag, text in (tuple(part.replace("NN", number) for part in cell) for cell in cells)
            ]
        }
    )


def _lesson(number: str, picture: str) -> dict[str, Any]:
    imports = (
        "from simfp.course import bet, check, hint, settle, solution\n"
        "from simfp.widgets import NumberLine\n\n"
        'bet("NN.1", ...)'
    )
    return _notebook(
        number,
        ("title", "markdown", "", "# NN · Which question does this lesson answer?"),
        ("opening", "markdown", "", "A bet, before any code. **What does fp16 make of 2049?**"),
        ("bet-1", "code", "", imports),
        ("line-words", "markdown", "", "Drag x along the line. Where does it jump from one number to the next?"),
        ("line", "code", "", WIDGET),
        ("picture-line", "markdown", "", f"*Without a kernel, a picture of it:*\n\n{picture}"),
        ("exercise-a-words", "markdown", "", "**Exercise NN.a.** How far apart are fp16's numbers near 2049?"),
        ("exercise-a", "code", "", 'step = ...\n\ncheck("NN.a", step)'),
        ("help-a", "code", "", '# hint("NN.a")\n# solution("NN.a")'),
        ("close", "markdown", "", "## Close\n\nYour bets, and what happened:"),
        ("settle", "code", "", 'settle("NN")'),
        ("keep", "markdown", "", "**Three lines to keep**\n\n- The first.\n- The second.\n- The third."),
        ("next", "markdown", "", "**Next question:** which? [Back to the map](00_start_here.ipynb)."),
    )


def _solution(number: str) -> dict[str, Any]:
    return _notebook(
        number,
        ("title", "markdown", "", "# Solutions to lesson NN"),
        ("imports", "code", "", "import simfp as sf\nfrom simfp.course import check"),
        ("a-words", "markdown", "NN.a", "The distance is the ulp, the unit in the last place."),
        ("a", "code", "NN.a", 'check("NN.a", sf.ulp(2049, "fp16"))'),
    )


MODULES = {
    "__init__.py": '"""Lesson NN: which question it answers."""\n',
    "facts.py": '''"""What lesson NN computes."""

from __future__ import annotations

from simfp import float16, round_to, ulp

__all__ = ["rounded", "step"]


def rounded() -> float:
    """What fp16 makes of 2049."""
    return float(round_to(2049.0, float16))


def step() -> float:
    """How far apart fp16's numbers are near 2049."""
    return float(ulp(2049.0, float16))
''',
    "bets.py": '''"""Lesson NN's bets."""

from __future__ import annotations

from simfp.course.bets import Bet
from simfp.course.lessons.lesson_NN.facts import rounded

__all__ = ["BETS"]

BETS = (
    Bet(
        "NN.1",
        "What does fp16 make of 2049?",
        truth=rounded,
        story=lambda number: f"{number:.0f}: a tie goes to the even neighbour.",
    ),
)
''',
    "exercises.py": '''"""Lesson NN's exercises."""

from __future__ import annotations

from simfp.course.exercises import Exercise
from simfp.course.judges.mistakes import Slip
from simfp.course.judges.numbers import NumberJudge
from simfp.course.lessons.lesson_NN.facts import step

__all__ = ["EXERCISES"]

EXERCISES = (
    Exercise(
        "NN.a",
        "How far apart are fp16's numbers near 2049?",
        NumberJudge(
            wants="a number: the distance",
            right=lambda distance: distance == step(),
            praise=lambda distance: f"{distance:g}: the numbers there are even.",
            slips=(
                Slip(lambda distance: distance == step() / 2, "That is half the distance: the largest error."),
                Slip(lambda distance: distance == 2 * step(), "So far they are apart from 4096 on."),
                Slip(lambda distance: distance <= 0, "A distance is more than 0."),
                Slip(lambda distance: distance > 2 * step(), "Too far: look at the line again."),
            ),
            otherwise="Not {said}. Which numbers does x jump between?",
        ),
        ("The line shows the neighbours of x.", "`sf.ulp` tells the distance."),
    ),
)
''',
}

TEST = '''"""Lesson NN: right and wrong answers to its exercises."""

from typing import Any

import pytest

from simfp.course.lessons.lesson_NN import exercises
from tests.lesson_answers import LessonAnswers

pytestmark = pytest.mark.usefixtures("progress_file")

RIGHT: dict[str, list[Any]] = {"NN.a": [2, 2.0]}
WRONG: dict[str, list[tuple[Any, str]]] = {
    "NN.a": [
        (1, "half the distance"),
        (4, "from 4096 on"),
        (0, "more than 0"),
        (1024, "Too far"),
        (3, "Not 3"),
        ("2", "a str"),
    ],
}


class TestAnswers(LessonAnswers):
    exercises = {row.id: row for row in exercises.EXERCISES}
    right, wrong = RIGHT, WRONG
'''
