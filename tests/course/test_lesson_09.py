"""Lesson 09: right and wrong answers to its exercises, what its checks hold them against, its bets and its ledger."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import simfp as sf
from simfp import course, optim
from simfp.course import progress
from simfp.course.claims import updates as claims
from simfp.course.claims.verdict import Finding
from simfp.course.judges.numbers import NumberJudge
from simfp.course.lessons.lesson_09 import answers, bets, exercises, facts
from simfp.experiments.mixed_precision.update_ratios import Ratios
from simfp.experiments.training import races
from simfp.experiments.training.tasks import TASKS
from tests.lesson_answers import LessonAnswers
from tests.lesson_prose import words_of

pytestmark = pytest.mark.usefixtures("progress_file")

LESSON = Path(__file__).parents[2] / "lessons" / "09_keep_master_weights.ipynb"
EXERCISES = {row.id: row for row in exercises.EXERCISES}


def absorbed(weight: Any, update: Any, fmt: str) -> Any:
    return (sf.round_to(weight - update, fmt) == weight) & (update != 0)


def one_by_one(weight: float, update: float, fmt: str) -> bool:
    return bool(update) and float(sf.round_to(float(weight) - float(update), fmt)) == weight


def by_arrays(weight: Any, lost: Any, update: Any) -> Any:
    new = weight + (lost - update)
    return new, (lost - update) - (new - weight)


RIGHT: dict[str, list[Any]] = {
    "09.a": [absorbed, one_by_one],
    "09.b": [0.3903, 0.392, answers.smallest_lr(), np.float32(0.391), sf.ulp(1.5, "bf16") / 2 / 0.01],
    "09.c": [answers.kahan_step, by_arrays],
}

WRONG: dict[str, list[tuple[Any, str]]] = {
    "09.a": [
        *((row.function, row.message.partition(".")[0].partition("{")[0]) for row in answers.MISTAKES),
        (lambda w, u, fmt: np.asarray(w) > 1, "you say"), (lambda w, u, fmt: 0.5, "should be True or False"),
        (lambda w, u: True, "raised TypeError"), (lambda w, u, fmt: None, "Is a `return` missing?"),
        (True, "This wants a function"),
    ],
    "09.b": [
        (0.3899, "the weight stays: the update does not reach"), (0.78, "That is a whole step over the gradient"),
        (0.0488, "That would do in fp16"), (2.98e-6 * 2, "That would do in fp32"), (2.0**-8, "what the *update* must"),
        (2.0**-7, "That is a whole step of the weight"), (0.586, "You take 2⁻⁸ of the weight"),
        (0.5, "there is a smaller one"), (0.0, "more than 0"), (0.1, "With 0.1 the weight stays"),
        ("0.39", "a str"), (lambda: 0.39, "got a function"),
    ],
    "09.c": [
        *((function, message.partition(":")[0].partition(",")[0]) for function, message in answers.KAHAN_IMPOSTORS),
        (lambda w, lost, u: w - u, "It should return two things"),
        (lambda w, lost, u: (w - u, sf.array(0, "fp32")), "no wider: one of them is an Array in float32"),
        (lambda w, lost, u: (1.0, 0.0), "one of them is 1.0"), (lambda w, lost, u: None, "Is a `return` missing?"),
        (lambda w, lost, u: (w, lost), "you come to 1; exactly it is 0.8001"),
        (lambda w, lost, u: (w + u / 0, lost) if u else (w, lost), "From 1, after 200 updates"),
        (lambda w: w, "raised TypeError"), (1.0, "This wants a function"),
    ],
}  # fmt: skip


class TestAnswers(LessonAnswers):
    exercises, right, wrong = EXERCISES, RIGHT, WRONG


@pytest.mark.long  # asks again what every wrong answer above is told
def test_every_message_in_the_tables_is_one_that_some_wrong_answer_gets() -> None:
    judge = EXERCISES["09.b"].judge
    assert isinstance(judge, NumberJudge)
    numbers = [float(a) for a, _ in WRONG["09.b"] if isinstance(a, float)]
    firsts = {next((i for i, slip in enumerate(judge.slips) if slip.fits(x)), None) for x in numbers}
    assert firsts == {*range(len(judge.slips)), None}
    for key, messages in (
        ("09.a", [row.message for row in answers.MISTAKES]),
        ("09.c", [message for _, message in answers.KAHAN_IMPOSTORS]),
    ):
        heard = "\n".join(course.check(key, answer).text for answer, _ in WRONG[key])
        for message in messages:
            pieces = map(re.escape, re.split(r"\{\w+\}", message))
            assert re.search("[^\n]*".join(pieces), heard), message


@pytest.mark.parametrize("key", EXERCISES)
def test_an_exercise_without_an_answer_says_not_yet_and_counts_as_no_try(key: str) -> None:
    for answer in (..., None, *([] if key == "09.b" else [lambda *_: ...])):
        assert course.check(key, answer).title == f"{key}: not yet"
    assert progress.read()["exercises"] == {}


def test_the_step_of_09_c_is_the_optimizer_s_own() -> None:
    for course_ in answers.COURSES:
        p = sf.Tensor([course_.start], requires_grad=True, dtype="bfloat16")
        optimizer = optim.SGD([p], lr=1.0, kahan=True)
        for update in course_.updates:
            p.grad = sf.array([update], "bfloat16")
            optimizer.step()
        assert p.data.item() == answers._ends(answers.kahan_step, course_)[0]


def test_the_bets_turn_out_as_told() -> None:
    truths = {row.id: row.truth() for row in bets.BETS}
    assert (truths["09.1"], truths["09.4"], truths["09.5"]) == (1.5, "0.00025", "infinite")
    assert 90 < truths["09.2"] < 94  # type: ignore[operator]
    assert 2.15 < truths["09.3"] < 2.25  # type: ignore[operator]
    for row, won, lost in zip(
        bets.BETS, (1.5, 95, 2.2, 0.00025, "infinite"), (1.4, 50, 1.0, "0.002", "smaller"), strict=True
    ):
        assert row.won(row.read(won))  # type: ignore[arg-type]
        assert not row.won(row.read(lost))  # type: ignore[arg-type]
        assert row.story(row.truth())


def test_the_ledger_s_verdicts_follow_from_the_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    assert claims.tiny_updates().verdict == "does not hold"
    assert claims.master_copy().verdict == "holds under conditions"
    monkeypatch.setattr(claims, "sizes", lambda task: np.array([1e-8, 1e-8, 1e-3]))
    assert claims.tiny_updates().verdict == "holds"
    monkeypatch.setattr(claims, "sizes", lambda task: np.array([1e-8, 1e-3, 1e-3]))
    assert claims.tiny_updates().verdict == "holds under conditions"
    counts = np.array([10])
    with monkeypatch.context() as patched:
        patched.setattr(claims, "measured", lambda name: Ratios("float32", counts, counts, 0))
        assert claims.master_copy().verdict == "does not hold"
    kept = races.stored(0.00025)

    def raced(**ends: list[float]) -> Finding:
        """What the ledger says of a race whose recipes end elsewhere: losses of three seeds."""
        losses = kept.losses.copy()
        for name, last in ends.items():
            losses[kept.recipes.index(name.replace("__", " + ").replace("_", " ")), :, -1] = last
        monkeypatch.setattr(claims, "stored", lambda lr: kept._replace(losses=losses))
        return claims.master_copy()

    assert "fp16 or bf16 weights" in raced().conditions
    # one seed that goes on is enough not to speak of a stall, and one that is lost not to speak of a rescue
    assert "of bf16 weights" in raced(pure_fp16=[2.2, 1.0, 2.2]).conditions
    assert raced(pure_fp16=[1.0] * 3, pure_bf16=[2.3, 2.3, 1.0]).verdict == "does not hold"
    for name in ("pure_fp16__kahan", "pure_bf16__stochastic"):
        assert raced(**{name: [0.8, 1.5, 0.8]}).verdict == "holds"


def test_what_the_lesson_says_without_computing_it_is_so() -> None:
    prose = words_of(LESSON)
    model = TASKS["mlp"].model(np.random.default_rng(0))
    claimed = {
        "its 26,122 weights": sum(p.numel() for p in model.parameters()) == 26_122,
        "in 600 steps": races.steps_at(0.002) == 600,
        "an eighth of the learning rate, and eight times as many steps": races.steps_at(0.002 / 8) == 8 * 600,
        "the ends of seven such races": len(races.RATES) == 7,
        "seven ways to keep the weights, three seeds each": (len(races.RECIPES), len(races.SEEDS)) == (7, 3),
        "steps × lr = 1.2": races.DISTANCE == 1.2,
        "13 bits more than fp16": sf.float32.precision - sf.float16.precision == 13,
        "three bits more": sf.float16.precision - sf.bfloat16.precision == 3,
        "bf16's numbers are 0.0078 apart": float(sf.ulp(1.4, "bf16")) == 2.0**-7,
        "from 2.30 to below 1 in 600 steps": (f"{races.GUESSING:.2f}", races.stored(0.002).last("fp32").max() < 1)
        == ("2.30", True),
        "fp32 comes a little farther than before": (slow := races.stored(0.00025).last("fp32").mean())
        < races.stored(0.002).last("fp32").mean()
        < 1.2 * slow,
        "lr = 0.02": facts.SLOW["lr"] == 0.02,
        "move it": not answers.updates.update(2.0**-10, 1e-3, 0.1, "bf16").absorbed,
    }
    assert [text for text, true in claimed.items() if text.lower() not in prose.lower() or not true] == []
