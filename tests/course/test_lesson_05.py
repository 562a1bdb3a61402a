"""Lesson 05: right and wrong answers to its exercises, what its checks hold them against, and its bets."""

import math
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import simfp as sf
from simfp import course
from simfp.course import progress
from simfp.course.judges.arrays import ArrayJudge
from simfp.course.judges.numbers import NumberJudge
from simfp.course.lessons.lesson_05 import answers, bets, exercises
from simfp.experiments.numbers import sums
from simfp.figures.numbers import sums as drawn
from tests.lesson_answers import LessonAnswers
from tests.lesson_prose import words_of

pytestmark = pytest.mark.usefixtures("progress_file")

LESSON = Path(__file__).parents[2] / "lessons" / "05_add_small_to_large.ipynb"
EXERCISES = {row.id: row for row in exercises.EXERCISES}


# ---- answers ----


def zero() -> Any:
    return sf.array(0, "fp16")


def kahan(x: Any) -> Any:
    total = rest = zero()
    for term in x:
        worth = term - rest
        grown = total + worth
        rest = (grown - total) - worth
        total = grown
    return total


def neumaier(x: Any) -> Any:
    """What is lost is gathered, and added at the end."""
    total = lost = zero()
    for term in x:
        grown = total + term
        lost = lost + ((total - grown) + term if abs(total) >= abs(term) else (term - grown) + total)
        total = grown
    return total + lost


def plainly(x: Any) -> Any:
    total = zero()
    for term in x:
        total = total + term
    return total


def wrong_way(x: Any) -> Any:
    total = rest = zero()
    for term in x:
        worth = term + rest
        grown = total + worth
        rest = (grown - total) - worth
        total = grown
    return total


def simplified(x: Any) -> Any:
    total = rest = zero()
    for term in x:
        worth = term - rest
        grown = total + worth
        rest = grown - (total + worth)
        total = grown
    return total


def never_set(x: Any) -> Any:
    total, rest = zero(), sf.array(math.nan, "fp16")
    for term in x:
        worth = term - rest
        grown = total + worth
        rest = (grown - total) - worth
        total = grown
    return total


def begun_anew(x: Any) -> Any:
    total = zero()
    for term in x:
        rest = zero()
        worth = term - rest
        grown = total + worth
        rest = (grown - total) - worth
        total = grown
    return total


def doubled(x: Any) -> Any:
    return kahan(x) + x[0]


# fmt: off
RIGHT: dict[str, list[Any]] = {
    "05.a": [32, 32.0, np.float16(32), Fraction(32)],
    "05.c": [kahan, neumaier, np.sum, lambda x: sf.sum(x, accumulator=sf.KahanSum("fp16"))],
    "05.b": [12, 12.0, np.int64(12)],
}

WRONG: dict[str, list[tuple[Any, str]]] = {
    "05.a": [
        (2048, "where a sum of ones stops"), (20.48, "It does not stop after 2,048 terms"), (16, "One doubling more"),
        (64, "It does not get there"), (65504, "It does not even come near"), (math.inf, "does not even come near"),
        (25, "the steps are all the same"), (100, "fp16 does not get there"), (8, "At 8 it still grows"),
        (0.01, "At 0.01 it still grows"), (33, "Where is half a step"), (-32, "Not -32"),
        (math.nan, "NaN is not a number"), ("32", "a str"), (lambda: 32, "got a function"),
    ],
    "05.c": [
        (plainly, "Nothing is carried along"), (begun_anew, "Nothing is carried along"),
        (wrong_way, "The correction goes the wrong way"), (simplified, "is 0, always"),
        (never_set, "It must be 0, not a number that was never set"),
        (lambda x: kahan(x[:-1]) if x.size > 1 else kahan(x), "the last term is missing"),
        (doubled, "Of a single term, [5], you make 10"),
        (lambda x: kahan(x) * sf.array(1.05, "fp16") if x.size > 1 else kahan(x), "nearly nothing"),
        (lambda x: float(kahan(x)), "An Array of simfp is wanted"), (lambda x: x, "the shape () is wanted"),
        (lambda x: None, "Is a `return` missing?"), (kahan(sf.array([1.0], "fp16")), "This wants a function"),
    ],
    "05.b": [
        (4095, "So many additions there are in all"), (4096, "That is the number of terms"),
        (2048, "the first round has"), (11, "One round is missing"), (13, "One too many"), (64, "blocks of 64"),
        (2, "Too few"), (100, "Not 100"), (math.inf, "Not ∞"), ("12", "a str"),
    ],
}
# fmt: on


class TestAnswers(LessonAnswers):
    exercises, right, wrong = EXERCISES, RIGHT, WRONG


@pytest.mark.long  # asks again what every wrong answer above is told
def test_every_message_in_the_tables_is_one_that_some_wrong_answer_gets() -> None:
    for key in ("05.a", "05.b"):
        judge = EXERCISES[key].judge
        assert isinstance(judge, NumberJudge)
        numbers = [float(a) for a, _ in WRONG[key] if isinstance(a, (int, float)) and not math.isnan(a)]
        firsts = {next((i for i, slip in enumerate(judge.slips) if slip.fits(x)), None) for x in numbers}
        assert firsts == {*range(len(judge.slips)), None}
    judge = EXERCISES["05.c"].judge
    assert isinstance(judge, ArrayJudge)
    heard = "\n".join(course.check("05.c", answer).text for answer, _ in WRONG["05.c"])
    for row in (*judge.impostors, *judge.symptoms):
        pieces = map(re.escape, re.split(r"\{\w+\}", row.message))
        assert re.search("[^\n]*".join(pieces), heard), row.message


@pytest.mark.parametrize(
    ("key", "answer"), [(key, answer) for key in EXERCISES for answer in (..., None, lambda x: ...)]
)
def test_an_exercise_without_an_answer_says_not_yet_and_counts_as_no_try(key: str, answer: Any) -> None:
    if callable(answer) and key != "05.c":
        return
    assert course.check(key, answer).title == f"{key}: not yet"
    assert progress.read()["exercises"] == {}


# ---- what the checks hold answers against, and the bets ----


def test_a_running_sum_of_hundredths_stops_where_half_a_step_exceeds_it() -> None:
    x = float(sf.round_to(0.01, "fp16"))
    total, last = 0.0, -1.0
    while total != last:
        last, total = total, float(sf.add(total, x, "fp16"))
    assert total == answers.stop(0.01) == 32


def test_the_bets_turn_out_as_told() -> None:
    assert {row.id: row.truth() for row in bets.BETS} == {
        "05.1": 2048.0, "05.2": 256.0, "05.3": 409.5, "05.4": 65.0,
    }  # fmt: skip
    for row, won, lost in zip(bets.BETS, (2048, 250, 409.5, 64), (5000, 409.5, 256, 3000), strict=True):
        assert row.won(row.read(won))  # type: ignore[arg-type]
        assert not row.won(row.read(lost))  # type: ignore[arg-type]
        assert row.story(row.truth())
    assert "In fp16 at n = 513" in bets.BETS[3].story(65.0)


def test_what_the_lesson_says_without_computing_it_is_so() -> None:
    prose = words_of(LESSON)
    tenth = float(sf.round_to(0.1, "fp16"))
    facts = {
        "which exactly would be 409.5": 4096 * tenth == 409.5,
        "fp16's 0.1 is a little less than 0.1": Fraction(tenth) < Fraction(1, 10),
        "between 8 and 16 that is 0.1015625": sf.add(8, tenth, "fp16") - 8 == 0.1015625,
        "between 128 and 256 it is 0.125": sf.add(128, tenth, "fp16") - 128 == 0.125,
        "256 + 1 = 256 in bf16": sf.add(256, 1, "bf16") == 256,
        "its leaves are 128 terms, in eight strides": sf.PairwiseSum("fp32")
        == sf.PairwiseSum("fp32", leaf=128, lanes=8),
        "A GPU's tensor core adds sixteen products": sf.HOPPER.core("fp16").terms == 16,
    }
    assert [text for text, true in facts.items() if text not in prose or not true] == []


def test_the_curves_say_what_the_lesson_says_of_them() -> None:
    curves = {curve.name: curve.errors for curve in sums.curves("fp16")}
    assert len(sums.COUNTS) == len(curves["Kahan"])
    assert curves["one after the other"][-1] > 0.5  # it stands still
    assert curves["stochastic"][0] >= curves["one after the other"][0]
    assert curves["stochastic"][-1] < 0.05
    assert max(curves["pairwise"]) < 1e-3
    assert all(a <= 2 * b for a, b in zip(curves["Kahan"], curves["exact, rounded once"], strict=True))
    assert max(curves["in float32"]) < min(curves["exact, rounded once"])
    rows = sums.curves("fp16")
    axes = drawn.errors(rows)
    assert [line.get_label() for line in axes.get_lines()] == [row.name for row in rows]
    assert drawn.errors(rows, ax=axes) is axes
    assert "one after the other from 0.00018 to 0.75" in drawn.describe_errors(rows)
