"""Lesson 11: right and wrong answers to its exercises, what its checks hold them against, and its bets."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import simfp as sf
from simfp import course
from simfp.course import progress
from simfp.course.claims import training as claims
from simfp.course.lessons.lesson_11 import answers, bets, exercises, facts
from simfp.course.lessons.lesson_11.facts import Compared
from simfp.experiments.training.recipe_runs import COMPARED, EVERY, SITUATIONS
from simfp.experiments.training.recipes import RECIPES
from simfp.figures.training import recipes as drawn
from tests.lesson_answers import LessonAnswers
from tests.lesson_prose import words_of

pytestmark = pytest.mark.usefixtures("progress_file")

LESSON = Path(__file__).parents[2] / "lessons" / "11_choose_fp16_or_bf16.ipynb"
EXERCISES = {row.id: row for row in exercises.EXERCISES}
CHOICE = {"A": "fp16 + scaler", "B": "bf16", "C": "pure bf16 + stochastic"}
NEARER = {0.1: "fp16", 300.7: "fp16", 70_000.0: "bf16", 3e-5: "fp16", 1e-6: "bf16", 1e-10: "bf16", 1.001: "fp16"}


# ---- answers ----

# fmt: off
RIGHT: dict[str, list[Any]] = {
    "11.a": [CHOICE, dict(reversed(CHOICE.items()))],
    "11.b": ["absorbed updates", " Absorbed updates "],
    "11.c": [NEARER, {float(x): name for x, name in NEARER.items()}],
}
WRONG: dict[str, list[tuple[Any, str]]] = {
    "11.a": [
        (CHOICE | {"A": "bf16"}, "no bfloat16"), (CHOICE | {"A": "pure bf16"}, "no bfloat16"),
        (CHOICE | {"A": "tf32"}, "tf32 came with Ampere"), (CHOICE | {"A": "fp32"}, "leave the tensor cores idle"),
        (CHOICE | {"A": "fp16"}, "Nothing holds the gradients above"),
        (CHOICE | {"A": "pure fp16"}, "absorb small updates"),
        (CHOICE | {"B": "fp16"}, "fp16 makes ∞ of 80,000"), (CHOICE | {"B": "fp16 + scaler"}, "A scaler does not help"),
        (CHOICE | {"B": "pure bf16"}, "why give up the float32 weights"),
        (CHOICE | {"B": "fp32"}, "It would do no harm"),
        (CHOICE | {"B": "tf32"}, "bf16 makes 79872 of 80,000"),
        (CHOICE | {"C": "bf16"}, "four bytes each, where there is room for two"),
        (CHOICE | {"C": "pure bf16"}, "is always absorbed"),
        (CHOICE | {"C": "pure bf16 + kahan"}, "a second 16-bit number"),
        (CHOICE | {"C": "pure fp16"}, "too small a range"),
        (CHOICE | {"A": "fp17"}, "A: 'fp17' is no recipe"), (CHOICE | {"C": ...}, "C: Ellipsis is no recipe"),
        ({"A": "bf16"}, "a recipe for"), ("bf16", "This wants a dict"),
    ],
    "11.b": [
        ("underflow", "Of all gradients 0 became zero"), ("overflow", "0 gradients overflowed"),
        ("learning rate too large", "the loss would jump or rise"), ("pure bf16", "This wants one of"), (5, "got 5"),
    ],
    "11.c": [
        (NEARER | {0.1: "bf16"}, "0.1: fp16 makes 0.0999756 of it, bf16 0.100098"),
        (NEARER | {70_000.0: "fp16"}, "65504 is the largest number of fp16"),
        (NEARER | {3e-5: "bf16"}, "9 of 11 bits are left, and bf16 has 8"),
        (NEARER | {1e-6: "fp16"}, "a bit is lost with every halving"),
        (NEARER | {1e-10: "fp16"}, "fp16 makes 0 of it"),
        (NEARER | {1.001: "fp32"}, "\"fp16\" or \"bf16\"; got 'fp32'"),
        (NEARER | {300.7: ...}, "got Ellipsis"), ({0.1: "fp16"}, "a dict from each of the 7 numbers"),
        (["fp16"] * 7, "a dict"),
    ],
}
# fmt: on


class TestAnswers(LessonAnswers):
    exercises, right, wrong = EXERCISES, RIGHT, WRONG


def test_every_job_has_one_recipe_and_every_other_is_told_why() -> None:
    for job, why in answers.WARDED.items():
        reasons: dict[str, str] = {name: why(name) for name in RECIPES}
        assert [name for name, reason in reasons.items() if not reason] == [CHOICE[job]]


@pytest.mark.parametrize("key", EXERCISES)
@pytest.mark.parametrize("answer", [..., None, "as it was"])
def test_an_exercise_without_an_answer_says_not_yet_and_counts_as_no_try(key: str, answer: Any) -> None:
    if isinstance(answer, str):
        answer = EXERCISES[key].untouched
    assert course.check(key, answer).title == f"{key}: not yet"
    assert progress.read()["exercises"] == {}


# ---- what the checks hold answers against, the bets and the ledger ----


def test_which_format_is_nearer_is_told_by_fractions() -> None:
    for x, name in NEARER.items():
        errors = {}
        for fmt in ("fp16", "bf16"):
            made = float(sf.round_to(x, fmt))
            errors[fmt] = abs(Fraction(made) - Fraction(x)) if np.isfinite(made) else Fraction(10) ** 400
        assert min(errors, key=lambda fmt: errors[fmt]) == name == answers.nearer(x)


def test_the_mystery_has_the_symptoms_that_its_answer_names() -> None:
    run = answers.mystery()
    assert run.census is not None
    assert (run.recipe.name, run.status) == ("pure bf16", "finished")
    assert run.census.share("absorbed") > 0.9
    assert run.census.total("zeroed") == run.census.total("overflowed") == len(run.census.origins) == 0
    losses = [step.loss for step in run.history]
    assert 2 < losses[-1] < losses[0]


def test_a_comparison_is_of_the_same_seeds() -> None:
    for situation in SITUATIONS:
        rows = {row.recipe: row for row in facts.against_fp32(situation)}
        assert list(rows) == list(COMPARED)
        assert rows["fp32"][3:] == (0.0, 0.0)
        right, told = (facts.runs(situation, name) for name in ("fp32", "bf16"))
        differences = [100 * (a["accuracy"] - b["accuracy"]) for a, b in zip(told, right, strict=True)]
        assert rows["bf16"].points == pytest.approx(np.mean(differences))
        assert rows["bf16"].margin == pytest.approx(2.776 * np.std(differences, ddof=1) / np.sqrt(5))
        assert [row["seed"] for row in told] == [row["seed"] for row in right]
    with pytest.raises(ValueError, match="unknown situation 'x'"):
        facts.runs("x", "fp32")
    with pytest.raises(ValueError, match="unknown recipe 'x'"):
        facts.runs("usual", "x")


def test_the_bets_turn_out_as_told() -> None:
    truths = {row.id: row.truth() for row in bets.BETS}
    assert truths["11.1"] == pytest.approx(0.11, abs=0.01)
    assert (truths["11.2"], truths["11.3"], truths["11.4"]) == ("seed", "fp16", "pure bf16")
    for row, won, lost in zip(bets.BETS, (0, "seed", "fp16", "pure bf16"), (3, "recipe", "bf16", "fp16"), strict=True):
        assert row.won(row.read(won))  # type: ignore[arg-type]
        assert not row.won(row.read(lost))  # type: ignore[arg-type]
        assert row.story(row.truth())
    assert bets.BETS[2].story("fp16").startswith("fp16: -54 points")
    assert bets.BETS[2].story("none") == "No single one did."


def other(**changes: float) -> Callable[[str], tuple[Compared, ...]]:
    """Comparisons in which some recipes stand elsewhere."""

    def compared(situation: str) -> tuple[Compared, ...]:
        return tuple(Compared(name, 97.0, 0.5, changes.get(name.partition(" ")[0], 0.0), 0.2) for name in COMPARED)

    return compared


def test_the_ledger_s_verdicts_follow_from_the_recorded_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    free, quality = claims.no_scaling(), claims.quality()
    assert (free.verdict, quality.verdict) == ("holds", "holds under conditions")
    assert "In 15 runs" in free.figures[0]
    assert " 0 of 7,486,267 numbers" in free.figures[0]
    assert "bf16 -0.11 ± 0.31" in quality.figures[0]
    monkeypatch.setattr(claims, "against_fp32", other())
    assert claims.quality().verdict == "holds"
    monkeypatch.setattr(claims, "against_fp32", other(tf32=-0.4))
    assert claims.quality().verdict == "does not hold"
    monkeypatch.setattr(claims, "against_fp32", other(bf16=-0.4))
    assert claims.no_scaling().verdict == "does not hold"
    monkeypatch.setattr(claims, "against_fp32", other())
    rows = [row | {"zeroed": 1} for row in facts.recorded()]
    monkeypatch.setattr(claims, "recorded", lambda: rows)
    assert claims.no_scaling().verdict == "does not hold"


def test_the_tables_and_figures_say_the_same_as_the_recording() -> None:
    rows = facts.recorded()
    for situation in SITUATIONS:
        table = facts.numbers(situation)
        assert [row[0] for row in table.rows] == list(COMPARED)
        for row, told in zip(table.rows, facts.against_fp32(situation), strict=True):
            assert row[1] == f"{told.accuracy:.1f} ± {told.spread:.1f} %"
            assert f"{told.recipe} {row[1]}" in drawn.describe_accuracies(rows, facts.TITLES)
    panel = drawn.accuracies(rows, facts.TITLES)
    panels = panel.figure.axes
    assert [axes.get_title(loc="left") for axes in panels] == list(facts.TITLES.values())
    for axes in panels:
        assert [label.get_text() for label in axes.get_xticklabels()] == list(COMPARED)
    marks = [line for line in panels[1].get_lines() if len(line.get_xdata()) == 5]
    shown = sorted(float(y) for y in marks[COMPARED.index("fp16")].get_ydata())
    assert shown == sorted(100 * row["accuracy"] for row in facts.runs("small gradients", "fp16"))
    curves = drawn.curves(rows, "small gradients", EVERY)
    assert [line.get_label() for line in curves.get_lines()] == list(COMPARED)
    assert "fp16 1.56" in drawn.describe_curves(rows, "small gradients")


def test_what_the_lesson_says_without_computing_it_is_so() -> None:
    prose = words_of(LESSON)
    usual, small, steps = ({name: facts.runs(situation, name) for name in COMPARED} for situation in SITUATIONS)
    spread = facts.against_fp32("usual")[0].spread
    fp16, bf16 = sf.float16, sf.bfloat16
    # fmt: off
    claimed = {
        "fp16 spends 10 of them on the mantissa and 5 on the exponent; bf16 7 and 8":
            (fp16.mantissa_bits, fp16.exponent_bits, bf16.mantissa_bits, bf16.exponent_bits) == (10, 5, 7, 8),
        "A perceptron on digits is 97 % right in fp32": round(facts.against_fp32("usual")[0].accuracy) == 97,
        "Ninety runs": len(facts.recorded()) == 90,
        "whatever a recipe costs here is less than what the next seed brings":
            all(abs(row.points) < spread for row in facts.against_fp32("usual")),
        "pure bf16 absorbs most of its updates":
            all(row["swallowed"] > row["updates"] / 2 for row in usual["pure bf16"]),
        "more than half of its gradients are zero": all(row["zeroed"] > row["counted"] / 2 for row in small["fp16"]),
        "its weights are those of fp16 before, to the last bit":
            [row["weights"] for row in small["fp16 + scaler"]] == [row["weights"] for row in usual["fp16"]],
        "its weights at the end are those of before, to the last bit":
            [row["weights"] for row in small["bf16"]] == [row["weights"] for row in usual["bf16"]],
        "no gradient is to blame": all(row["zeroed"] == 0 for row in steps["pure bf16"]),
        "batches of 16 in place of 64, and 400 steps in place of 300": [
            (row.settings["batch"], row.settings["steps"], row.settings["options"]["lr"]) for row in SITUATIONS.values()
        ] == [(64, 300, 0.1), (64, 300, 0.1), (16, 400, 0.003)],
        "8 bits of precision": bf16.precision == 8,
        "must stay below 65,504": fp16.max == 65504,
        "where products round their inputs to 11 bits": sf.tfloat32.precision == 11,
    }
    # fmt: on
    assert [text for text, true in claimed.items() if text not in prose or not true] == []
