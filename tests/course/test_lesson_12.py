"""Lesson 12: right and wrong answers to its exercises, its bets, what it makes again, and what it says."""

from __future__ import annotations

import json
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
from simfp.course.judges.calls import CallJudge
from simfp.course.judges.numbers import NumberJudge
from simfp.course.lessons.lesson_06.facts import additions
from simfp.course.lessons.lesson_12 import answers, bets, exercises, facts
from simfp.experiments.numbers import adders
from simfp.gpu import live
from simfp.probing import masks_for, summation_tree, survivors
from simfp.silicon import compare, recordings, reproducible_runs
from simfp.silicon.device_checks import STEPS
from simfp.silicon.frontier import FRONTIER
from tests.lesson_answers import LessonAnswers
from tests.lesson_prose import words_of

pytestmark = pytest.mark.usefixtures("progress_file")

LESSON = Path(__file__).parents[2] / "lessons" / "12_validate_on_a_gpu.ipynb"
EXERCISES = {row.id: row for row in exercises.EXERCISES}
RECORDING = recordings.load("h200_operations")


# ---- answers ----


def place(code: int) -> int:
    return -(code & 0x7FFF) if code >> 15 else code & 0x7FFF


def by_walking(a: int, b: int) -> int:
    """From the lower to the higher, number by number, by NumPy's own steps."""
    x, y = np.array([a, b], np.uint16).view(np.float16)
    low, high, count = min(x, y), max(x, y), 0
    while low != high:
        low, count = np.nextafter(low, np.float16(np.inf)), count + 1
    return count


def in_values(a: int, b: int) -> float:
    return abs(float(sf.decode(a, "fp16")) - float(sf.decode(b, "fp16")))


# fmt: off
RIGHT: dict[str, list[Any]] = {
    "12.a": [answers.ulps, lambda a, b: abs(place(a) - place(b)), by_walking, lambda a, b: float(answers.ulps(b, a))],
    "12.b": [36, 36.0, np.int64(36), Fraction(36)],
    "12.c": [6_537 / 2, 3_268, 2**12, 3_300.0, 2_200, 4_900],
}

WRONG: dict[str, list[tuple[Any, str]]] = {
    "12.a": [
        (lambda a, b: abs(a - b), "You take the codes as they are"),
        (lambda a, b: abs(np.uint16(a).view(np.int16).item() - np.uint16(b).view(np.int16).item()), "two's complement"),
        (lambda a, b: abs((place(a) - (a >> 15)) - (place(b) - (b >> 15))), "You count +0 and −0 as two numbers"),
        (lambda a, b: abs((a & 0x7FFF) - (b & 0x7FFF)), "You leave the sign out"),
        (lambda a, b: place(b) - place(a), "a distance has no direction"),
        (in_values, "the difference of the *values*"),
        (lambda a, b: place(a) - place(b), "A distance is not negative"),
        (lambda a, b: math.nan, "Count with codes, not with values"),
        (lambda a, b: max(answers.ulps(a, b) - 1, 0), "one too few"),
        (lambda a, b: 7, "returns 7; right is"),
        (lambda a, b: None, "Is a `return` missing?"), (3, "This wants a function"),
    ],
    "12.b": [
        (999, "one after the other"), (1000, "The lanes share them"), (10, "one tree for all"),
        (31, "That is the lane"), (5, "That is the tree of the lanes"), (37, "One too many"), (62, "added in pairs"),
        (7, "Not 7"),
        ("36", "a str"),
    ],
    "12.c": [
        (6_537, "2 steps of the largest"), (2, "2 is the distance"), (1 / 3_268, "the other way round"),
        (12, "the power of two"), (65_536, "how many elements were compared"), (1e6, "Not 1e6"),
        (lambda: 1, "a function"),
    ],
}
# fmt: on


class TestAnswers(LessonAnswers):
    exercises, right, wrong = EXERCISES, RIGHT, WRONG


def test_every_message_in_the_tables_is_one_that_some_wrong_answer_gets() -> None:
    for key in ("12.b", "12.c"):
        judge = EXERCISES[key].judge
        assert isinstance(judge, NumberJudge)
        numbers = [float(a) for a, _ in WRONG[key] if isinstance(a, (int, float))]
        firsts = {next((i for i, slip in enumerate(judge.slips) if slip.fits(x)), None) for x in numbers}
        assert firsts == {*range(len(judge.slips)), None}
    judge = EXERCISES["12.a"].judge
    assert isinstance(judge, CallJudge)
    heard = "\n".join(course.check("12.a", answer).text for answer, _ in WRONG["12.a"])
    for row in (*judge.impostors, *judge.symptoms):
        pieces = map(re.escape, re.split(r"\{\w+\}", row.message))
        assert re.search("[^\n]*".join(pieces), heard), row.message


def test_no_two_typical_wrong_functions_are_the_same_on_the_cases() -> None:
    judge = EXERCISES["12.a"].judge
    assert isinstance(judge, CallJudge)
    functions = [judge.right, *(row.function for row in judge.impostors)]
    assert len({tuple(float(function(*case)) for case in judge.cases) for function in functions}) == len(functions)


@pytest.mark.parametrize("key", EXERCISES)
def test_an_exercise_without_an_answer_says_not_yet_and_counts_as_no_try(key: str) -> None:
    assert course.check(key, ...).title == f"{key}: not yet"
    assert progress.read()["exercises"] == {}


# ---- bets, and what the lesson computes ----


def test_the_bets_turn_out_as_told() -> None:
    truths = {row.id: row.truth() for row in bets.BETS}
    assert truths["12.1"] == len([row for row in RECORDING["rows"] if row["differing"]]) == 8
    assert 20 < float(truths["12.2"]) < 40
    assert truths["12.3"] == 0
    for row, won, lost in zip(bets.BETS, (10, 28, 0), (200, 0, 100), strict=True):
        assert row.won(row.read(won))  # type: ignore[arg-type]
        assert not row.won(row.read(lost))  # type: ignore[arg-type]
        assert row.story(row.truth())


def test_a_run_of_another_tensor_core_would_be_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "HOPPER", sf.AMPERE)
    assert facts.run_again("sgd fp16", 7) > 0


def test_the_additions_of_12_b_are_those_of_the_tree_that_asking_finds() -> None:
    tree = summation_tree(survivors(adders.in_a_softmax, 1000, masks_for("float32")), 1000)
    assert additions(tree, 0) == answers.ADDITIONS


def test_what_is_made_again_has_a_verdict_and_a_wrong_bit_would_show(capsys: pytest.CaptureFixture[str]) -> None:
    report = facts.made_again(RECORDING, ["scaler", "linear"])
    assert {row["verdict"] for row in report["rows"]} == {"equal", "frontier"}
    assert "20 checks, 774,164 elements made again: 14 equal, 6 frontier" in capsys.readouterr().out
    other = json.loads(json.dumps(RECORDING))
    row = next(row for row in other["rows"] if row["suite"] == "scaler")
    row["checksums"]["scales"] = "0" * 64
    again = facts.made_again(other, ["scaler"])
    assert [row["verdict"] for row in again["rows"]] == ["DIFFERS", "equal"]
    with pytest.raises(ValueError, match="unknown suite 'sofmax'; expected some of casts, elementwise"):
        facts.made_again(RECORDING, ["sofmax"])


def test_the_report_is_kept_as_two_whole_files_that_can_be_compared(tmp_path: Path) -> None:
    path = tmp_path / "new" / "validation.json"
    live.keep(path, facts.made_again(RECORDING, ["scaler"]))
    assert sorted(each.name for each in path.parent.iterdir()) == ["validation.html", "validation.json"]
    lines, differing = compare.compared(compare.read(path), RECORDING)
    assert differing == 0
    assert "2 checks of the same inputs" in "\n".join(lines)
    page = path.with_suffix(".html").read_text()
    assert "NVIDIA H200" in page
    assert f"simfp {sf.__version__}, run on" in page


def test_without_a_gpu_the_recording_is_taken_and_the_first_line_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    if live._no_gpu() == "":
        pytest.skip("a GPU is here")
    asked = live.asked()
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("from a recording: no GPU is here")
    assert second.startswith("it was recorded on an NVIDIA H200, driver")
    assert (asked.live, asked.report) == (False, RECORDING)


def test_an_operation_that_is_not_checked_is_named() -> None:
    assert len(facts.inputs_of("sum of rows float32")) == 1
    with pytest.raises(ValueError, match="no operation is checked as 'fft float32'"):
        facts.inputs_of("fft float32")


def test_what_the_lesson_says_without_computing_it_is_so() -> None:
    prose = words_of(LESSON)
    rows = {row["name"]: row for row in RECORDING["rows"]}
    whole = recordings.load("h200_validation")
    elements = sum(row["elements"] for row in whole["rows"])
    worst = rows["attention float16"]
    tiny = np.float32([-8.2e-8, -8.4e-8])
    claimed = {
        "51 million codes": round(sum(row["elements"] for row in rows.values()) / 1e6) == 51,
        "317 checks": len(rows) == 317,
        "678 million elements in a minute and a half": (round(elements / 1e6), whole["seconds"] < 90) == (678, True),
        "6,537 ulp, and 2 of the largest": (worst["worst_ulp"], worst["of_largest"]) == (6_537, 2.0),
        "Fifteen runs were recorded": len(recordings.load("h200_training")["runs"])
        == len(reproducible_runs.RUNS)
        == 15,
        "Outside the table of the frontier, 0 bits differ": all(
            row["verdict"] in ("equal", "frontier") for row in whole["rows"])
            and all(row["frontier"] in FRONTIER for row in rows.values() if row["differing"]),
        "closer to zero than 8 × 10<sup>−8</sup>": facts.exp(tiny).tolist() == [1, 1 - 2.0**-23],
        "raises its scale twice and then skips a step": [
            scale for step, scale in recordings.load("h200_training")["runs"][0]["scales"] if step < 100
        ] == [2.0**20, 2.0**21, 2.0**22, 2.0**21],
    }  # fmt: skip
    prose += " ".join(row.question for row in bets.BETS)
    assert [text for text, true in claimed.items() if text not in prose or not true] == []
    assert STEPS[True]["gpt"] < STEPS[False]["gpt"]
