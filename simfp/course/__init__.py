"""What the lessons share: bets, checks, hints, the ledger of claims, recordings of GPU runs.

bet("03.1", "zero")       say what you expect, before you run it
check("03.a", answer)     is it right? if not, why?
hint("03.a")              one hint at a time
solution("03.a")          after a try
settle("03")              what became of the bets of a lesson
lessons()                 the map, with your progress
environment()             does this machine run the course?
forget("03")              start a lesson over
ledger.show()             the claims that the course tests, and how they stand
recordings.load(name)     what a GPU answered
watch(training)           takes its steps, with a progress bar

What is here, in the order in which it may import one another (each only those above it):

    display         cards, tables and pictures, in a notebook and as text
    notebooks       the lessons' files
    progress        what the learner has done
    judges          who judges an answer
    bets            bets, kept and settled
    exercises       questions, hints, solutions
    lessons         a folder for each lesson
    catalogue       bets and exercises by id
    contents        the map of the lessons
    claims          the experiments of the ledger
    ledger          the claims that the course tests
    machine         whether this machine runs the course
    progress_bar    long work in a cell
    authoring       for those who write lessons
    record_recipes  a command that recordings name, now in authoring
"""

from typing import Any

from simfp.course import bets, catalogue, contents, exercises, ledger
from simfp.course.display import Card, Picture, Table
from simfp.course.machine import environment
from simfp.course.progress import forget
from simfp.course.progress_bar import watch
from simfp.silicon import recordings

__all__ = [
    "bet",
    "check",
    "environment",
    "forget",
    "hint",
    "ledger",
    "lessons",
    "picture",
    "recordings",
    "settle",
    "solution",
    "watch",
]


def bet(key: str, answer: Any = ...) -> Card:
    """Keeps your bet, to come back at the end of the lesson. `...` is no bet yet."""
    return bets.place(catalogue.find(catalogue.BETS, key), answer)


def settle(lesson: str) -> Table:
    """What you bet in a lesson ("03"), and what happened."""
    rows = catalogue.of_lesson(catalogue.BETS, lesson)
    if not rows:
        known = sorted({key.partition(".")[0] for key in catalogue.BETS})
        raise ValueError(f"no bets in lesson {lesson!r}; expected one of {', '.join(known)}")
    return bets.settle(rows)


def check(key: str, answer: Any = ...) -> Card:
    """Whether your answer to an exercise is right, and if not, why. `...` is no answer yet."""
    return exercises.check(catalogue.find(catalogue.EXERCISES, key), answer)


def hint(key: str) -> Card:
    """The next hint for an exercise."""
    return exercises.hint(catalogue.find(catalogue.EXERCISES, key))


def solution(key: str) -> Card:
    """A solution of an exercise, once you have tried."""
    return exercises.solution(catalogue.find(catalogue.EXERCISES, key))


def lessons() -> Table | Card:
    """The map of the lessons, with your progress."""
    return contents.table()


def picture(axes: Any, text: str) -> Picture:
    """A Matplotlib figure with the text that says the same."""
    return Picture(axes.figure, text)
