"""Lesson 07: right and wrong answers to its exercises, what its checks hold them against, and its bets."""

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import simfp as sf
from simfp import course
from simfp.course import progress
from simfp.course.claims import training as claims
from simfp.course.judges.calls import CallJudge
from simfp.course.judges.numbers import NumberJudge
from simfp.course.lessons.lesson_07 import answers, bets, exercises, facts
from simfp.experiments.mixed_precision.lost_gradients import census_by_scale, usable
from simfp.experiments.training.run import Training
from tests.lesson_answers import LessonAnswers
from tests.lesson_prose import words_of

pytestmark = pytest.mark.usefixtures("progress_file")

LESSON = Path(__file__).parents[2] / "lessons" / "07_lose_a_gradient.ipynb"
EXERCISES = {row.id: row for row in exercises.EXERCISES}
TINY = 2.0**-25


# ---- answers ----


def share(gradients: Any) -> Any:
    there = gradients[gradients != 0]
    return np.mean(sf.round_to(there, "fp16") == 0)


def by_numpy(gradients: Any) -> Any:
    there = gradients[gradients != 0]
    with np.errstate(over="ignore"):
        return np.count_nonzero(there.astype(np.float16) == 0) / there.size


def by_fate(gradients: Any) -> Any:
    return (sf.fate(gradients, "fp16") == "zeroed").sum() / (gradients != 0).sum()


def by_limit(gradients: Any) -> Any:
    there = abs(gradients[gradients != 0])
    return (there <= TINY).mean()


def below(limit: float) -> Any:
    return lambda gradients: np.mean(abs(gradients[gradients != 0]) < limit)


# fmt: off
RIGHT: dict[str, list[Any]] = {
    "07.a": ["blocks.1.attention", " blocks.1.attention: MultiheadAttention"],
    "07.b": [share, by_numpy, by_fate, by_limit, lambda g: float(share(g))],
    "07.c": [2.0**13, 2**16, np.float32(2**19), 2.0**15],
}
WRONG: dict[str, list[tuple[Any, str]]] = {
    "07.a": [
        ("blocks.0.attention", "The right kind of layer, but the other block"),
        ("CrossEntropyLoss", "In the perceptron"),
        ("GPT", "the head and the embeddings"),
        ("blocks.1.attention.out_proj", "the linear layer behind the attention"),
        ("blocks.0.mlp.1", "GELU's gradient"), ("blocks.0.mlp.0", "Gradients do not have to become smaller"),
        ("blocks.1.mlp.2", "Nothing in this layer"), ("attention", "No layer is called 'attention'"),
        (1, "This wants a layer's name"),
    ],
    "07.b": [
        (lambda g: np.mean(sf.round_to(g, "fp16") == 0), "What was zero before is not lost"),
        (lambda g: np.mean((g != 0) & (sf.round_to(g, "fp16") == 0)), "divided by the number of all"),
        (below(6e-5), "Below 6e-5 precision fades"), (below(2.0**-14), "the smallest *normal* number"),
        (below(2.0**-24), "is rounded up to it"), (below(TINY), "The tie is missing"),
        (lambda g: np.mean(g[g != 0] <= TINY), "Gradients have signs"),
        (lambda g: 1 - share(g), "the share that is *kept*"),
        (lambda g: 100 * share(g), "not per cent"),
        (lambda g: np.sum(sf.round_to(g[g != 0], "fp16") == 0), "at most 1"),
        (lambda g: 0.3, "returns 0.3; right is"), (lambda g: "none", "should return a number"),
        (0.5, "This wants a function"),
        (lambda g: g / 0 if isinstance(g, float) else None, "Is a `return` missing?"),
    ],
    "07.c": [
        (16, "Is 16 the exponent?"), (13, "Is 13 the exponent?"), (1, "still becomes zero"),
        (1024, "still becomes zero"),
        (2.0**-3, "still becomes zero"), (2.0**20, "overflow above"), (2.0**30, "overflow above"), (0, "above 0"),
        (-8, "above 0"), (2.0**40, "the very first number"), (math.inf, "the very first number"),
        (2.0**-20, "smaller still"),
        (10_000, "no power of two"), ("2**13", "a str"),
    ],
}
# fmt: on


class TestAnswers(LessonAnswers):
    exercises, right, wrong = EXERCISES, RIGHT, WRONG


def test_every_message_in_the_tables_is_one_that_some_wrong_answer_gets() -> None:
    judge = EXERCISES["07.c"].judge
    assert isinstance(judge, NumberJudge)
    numbers = [float(a) for a, _ in WRONG["07.c"] if isinstance(a, (int, float))]
    firsts = {next((i for i, slip in enumerate(judge.slips) if slip.fits(x)), None) for x in numbers}
    assert firsts == {*range(len(judge.slips)), None}
    counted = EXERCISES["07.b"].judge
    assert isinstance(counted, CallJudge)
    heard = "\n".join(course.check("07.b", answer).text for answer, _ in WRONG["07.b"])
    for row in (*counted.impostors, *counted.symptoms):
        pieces = map(re.escape, re.split(r"\{\w+\}", row.message))
        assert re.search("[^\n]*".join(pieces), heard), row.message


@pytest.mark.parametrize("key", EXERCISES)
@pytest.mark.parametrize("answer", [..., None])
def test_an_exercise_without_an_answer_says_not_yet_and_counts_as_no_try(key: str, answer: Any) -> None:
    assert course.check(key, answer).title == f"{key}: not yet"
    assert progress.read()["exercises"] == {}


# ---- what the checks hold answers against, the bets and the ledger ----


def test_the_layer_that_loses_most_is_the_same_from_another_seed_and_after_more_steps() -> None:
    shares = answers.gpt_shares()
    training = Training("gpt", "fp16", steps=6, seed=3, census=True, measure_every=0)
    training.run()
    assert training.census is not None
    table = training.census.table(by="layer", phase="backward", fmt="fp16")
    others = {row["layer"]: row["share_zeroed"] for row in table}
    for found in (shares, others):
        first, second = sorted(found.values())[-1:-3:-1]
        assert first > 1.5 * second
        assert max(found, key=lambda name: found[name]) == "blocks.1.attention"


def test_the_window_is_that_of_the_lesson() -> None:
    rows = census_by_scale("mlp", range(-8, 31, 2), after=100)
    known = {row["exponent"]: row for row in answers.window()}
    assert all(row == known[row["exponent"]] for row in rows)
    good = usable(answers.window(), 0.001)
    assert good == list(range(good[0], good[-1] + 1))
    assert (good[0], good[-1]) == (13, 19)


def test_the_bets_turn_out_as_told() -> None:
    truths: dict[str, Any] = {row.id: row.truth() for row in bets.BETS}
    assert truths["07.1"] == pytest.approx(5.13, abs=0.5)
    assert (truths["07.2"], truths["07.3"]) == ("grows", "loss")
    assert abs(truths["07.4"]) < 1.5
    for row, won, lost in zip(bets.BETS, (4, "grows", "loss", 1), (50, "stays", "first", 20), strict=True):
        assert row.won(row.read(won))  # type: ignore[arg-type]
        assert not row.won(row.read(lost))  # type: ignore[arg-type]
        assert row.story(row.truth())
    assert "In the loss: 40% of its numbers, and 0.8% in the first layer" in bets.BETS[2].story("loss")


def test_what_was_published_stands_beside_what_was_counted() -> None:
    census = facts.counted().census
    assert census is not None
    table = facts.published(census)
    text = str(table)
    for wanted in ("67%", "5.3%", "arXiv 1710.03740", "8 to match fp32", "NVIDIA"):
        assert wanted in text
    rows = [row for row in census.table(by="gradient", phase="backward", fmt="fp16") if row["gradient"] == "x"]
    zeros = (rows[0]["zero"] + rows[0]["zeroed"]) / rows[0]["values"]
    assert table.rows[0][2] == f"{zeros:.1%}"
    assert table.rows[3][2].startswith(f"{2**13:,} ")


def test_the_ledger_s_verdict_follows_from_the_recorded_runs() -> None:
    finding = claims.silent_zeros()
    found = facts.silently()
    assert len(found["usual"]) == 5
    assert min(found["usual"]) > 0.03
    assert finding.verdict == "holds"
    assert f"{min(found['usual']):.1%} to {max(found['usual']):.1%}" in finding.figures[0]
    assert "0 losses were infinite or NaN" in finding.figures[0]


def test_the_ledger_would_say_otherwise_of_other_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = {"usual": [0.0, 0.1], "points": [0.0], "small gradients": [0.1], "points small": [0.0]}
    monkeypatch.setattr(claims, "silently", lambda: nothing)
    assert claims.silent_zeros().verdict == "does not hold"


def test_what_the_lesson_says_without_computing_it_is_so() -> None:
    prose = words_of(LESSON)
    census = facts.counted().census
    assert census is not None
    asked: dict[str, Any] = {"phase": "backward", "fmt": "fp16"}
    shares = facts.by_layer()
    broken = Training("mlp", "fp16", loss_scale=2.0**22, census=True, measure_every=0)
    broken.run()
    assert broken.census is not None
    origins = broken.census.origins
    small = Training("mlp", "fp16", loss_scale=2.0**-16, measure_every=0)
    small.run()
    # fmt: off
    claimed = {
        "some two numbers in five are subnormal": 0.36 < census.share("subnormal", **asked) < 0.44,
        "several per cent are gone": 0.03 < census.share("zeroed", **asked) < 0.09,
        "the loss of 5 % of all gradients": round(100 * census.share("zeroed", **asked)) == 5,
        "The first layer loses least": shares["first"] == min(shares.values()),
        "most is lost where the backward pass *begins*": shares["loss"] == max(shares.values()),
        "those of at most 2⁻²⁵, about 3e-8": float(sf.round_to(TINY, "fp16")) == 0 and f"{TINY:.0e}" == "3e-08",
        "on the first cast of the backward pass": origins["infinite"].operation == "_to_copy",
        "the next operation computed ∞ − ∞": origins["nan"].operation == "log_softmax",
        "in that same step, and the loss said so one step later": origins["nan"].step == 0 and broken.diverged_at == 1,
        "it answers no better than by chance": small.accuracy() < 0.15,
        "its loss is worse than at the start": small.history[-1].loss > small.history[0].loss,
        "Ours has the same illness": census.total("zeroed", gradient="x", **asked) > 0,
    }
    # fmt: on
    assert [text for text, true in claimed.items() if text not in prose or not true] == []
