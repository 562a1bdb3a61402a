"""Lesson 11's bets and exercises: fp16 or bf16, and what each of the six recipes is good for."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean, stdev
from typing import Any, NamedTuple

from simfp.course import lesson_11_answers as answers
from simfp.course import recordings
from simfp.course.bets import Bet
from simfp.course.display import Table
from simfp.course.exercises import Exercise
from simfp.experiments.recipe_runs import COMPARED, SITUATIONS
from simfp.figures.words import percent

__all__ = ["BETS", "EXERCISES", "TITLES", "Compared", "against_fp32", "numbers", "recorded", "runs"]

TITLES = {"usual": "as usual", "small gradients": "loss × 2⁻¹⁶", "small steps": "learning rate × 0.03"}
T_OF_FOUR = 2.776  # 97.5 % of Student's distribution with 4 degrees of freedom, so of five seeds
UNDER_AUTOCAST = ("tf32", "fp16", "fp16 + scaler", "bf16")  # weights in fp32


def recorded() -> list[dict[str, Any]]:
    """All recorded runs."""
    rows: list[dict[str, Any]] = recordings.load("recipe_runs")["runs"]
    return rows


def runs(situation: str, recipe: str) -> list[dict[str, Any]]:
    """The recorded runs of one recipe in one situation, by seed.

    Raises ValueError for a situation or a recipe that was not recorded.
    """
    if situation not in SITUATIONS:
        raise ValueError(f"unknown situation {situation!r}; expected one of {', '.join(map(repr, SITUATIONS))}")
    if recipe not in COMPARED:
        raise ValueError(f"unknown recipe {recipe!r}; expected one of {', '.join(map(repr, COMPARED))}")
    return [row for row in recorded() if (row["situation"], row["recipe"]) == (situation, recipe)]


class Compared(NamedTuple):
    """A recipe against fp32, from the same seeds: in percentage points of right answers."""

    recipe: str
    accuracy: float  # the mean, in per cent
    spread: float  # the deviation over the seeds
    points: float  # the mean difference
    margin: float  # with 95 % confidence the true mean lies so near


def against_fp32(situation: str) -> tuple[Compared, ...]:
    """Each recipe against fp32 in one situation."""
    right = [100 * row["accuracy"] for row in runs(situation, "fp32")]
    found = []
    for recipe in COMPARED:
        values = [100 * (row["accuracy"] or 0.0) for row in runs(situation, recipe)]
        differences = [x - y for x, y in zip(values, right, strict=True)]
        margin = T_OF_FOUR * stdev(differences) / len(differences) ** 0.5
        found.append(Compared(recipe, mean(values), stdev(values), mean(differences), margin))
    return tuple(found)


def numbers(situation: str) -> Table:
    """The same as a table, with what was lost."""
    rows = []
    for recipe, accuracy, spread, points, margin in against_fp32(situation):
        of = runs(situation, recipe)
        zeroed, counted, absorbed, updates = (
            sum(row[name] for row in of) for name in ("zeroed", "counted", "swallowed", "updates")
        )
        against = "–" if recipe == "fp32" else f"{points:+.2f} ± {margin:.2f}"
        lost = percent(zeroed, counted), percent(absorbed, updates)
        rows.append((recipe, f"{accuracy:.1f} ± {spread:.1f} %", against, *lost))
    return Table(
        f"{SITUATIONS[situation].what}: {len(runs(situation, 'fp32'))} seeds. Deviation over seeds; against fp32 from "
        "the same seeds, in percentage points, with 95 % confidence.",
        ("recipe", "right answers", "against fp32", "gradients that became zero", "updates absorbed"),
        rows,
    )


def lost_recipes(situation: str) -> list[str]:
    """The recipes that answer more than 5 points worse than fp32 on average."""
    return [row.recipe for row in against_fp32(situation) if row.points < -5]


def named(recipes: Sequence[str]) -> str:
    """The one recipe of a list, else "none"."""
    return recipes[0] if len(recipes) == 1 else "none"


def cost() -> float:
    """By how many points bf16 under autocast is worse than fp32, on average, as usual."""
    return -next(row.points for row in against_fp32("usual") if row.recipe == "bf16")


def which_matters() -> str:
    """Whether the seed or the recipe (bf16 for fp32) moves the right answers more."""
    rows = {row.recipe: row for row in against_fp32("usual")}
    return "seed" if rows["fp32"].spread > abs(rows["bf16"].points) else "recipe"


BETS = (
    Bet(
        "11.1",
        "A perceptron on digits, 97 % right in fp32. The same in bf16 under autocast, five seeds: by how many "
        "percentage points is it worse, on average?",
        truth=cost,
        story=lambda points: (
            f"By {points:.2f} points. With five seeds that cannot be told from none: one picture of the 360 that are "
            f"asked is 0.28 points."
        ),
        unit="points",
        near=lambda bet, points: abs(bet - points) <= 0.5,
    ),
    Bet(
        "11.2",
        "What moves the right answers more: another recipe (bf16 in place of fp32), or another seed?",
        truth=which_matters,
        story=lambda what: (
            f"The {what}: fp32's deviation over the seeds is {against_fp32('usual')[0].spread:.2f} points. Whoever "
            f"compares recipes by one run each compares seeds."
        ),
        options=("recipe", "seed"),
    ),
    Bet(
        "11.3",
        "Now every gradient is 65,536 times smaller. Of the six recipes, one fails. Which?",
        truth=lambda: named(lost_recipes("small gradients")),
        story=lambda name: (
            f"{name}: {_points('small gradients', name)} points. The scaler, and bf16's range, do not even notice."
            if name in COMPARED
            else "No single one did."
        ),
        options=COMPARED,
    ),
    Bet(
        "11.4",
        "And with a learning rate of 0.003 in place of 0.1? Again one fails.",
        truth=lambda: named(lost_recipes("small steps")),
        story=lambda name: (
            f"{name}: {_points('small steps', name)} points. Its gradients are all there; its weights have too few "
            f"bits to take such small steps."
            if name in COMPARED
            else "No single one did."
        ),
        options=COMPARED,
    ),
)


def _points(situation: str, recipe: str) -> str:
    found = next((row for row in against_fp32(situation) if row.recipe == recipe), None)
    return f"{found.points:+.0f}" if found else "no"


EXERCISES = (
    Exercise(
        "11.a",
        f"Choose a recipe for each. {' '.join(f'{job}: {what}' for job, what in answers.JOBS.items())}",
        answers.judge_choice,
        (
            "A: which format do Volta's tensor cores take? Try `list(sf.VOLTA.cores)`.",
            "B: `sf.round_to(80_000, 'fp16')`.",
            "C: lesson 02 had a rounding that loses nothing on average. The dashboard has a recipe with it.",
        ),
        untouched=dict.fromkeys(answers.JOBS, ...),
    ),
    Exercise(
        "11.b",
        f"What went wrong in this run: {', '.join(answers.FAILURES)}?",
        answers.judge_failure,
        (
            "Go through the table by phase. Did any gradient become zero, or infinite?",
            "Gradients are there, and finite, and yet the network hardly learns. What comes after the gradients?",
            "The last column of the line *update* says it.",
        ),
    ),
    Exercise(
        "11.c",
        "For each number: which of the two has one nearer to it, fp16 or bf16?",
        answers.judge_nearer,
        (
            "bf16 has 8 bits of precision everywhere, fp16 11 from 2⁻¹⁴ to 65,504.",
            "Below 2⁻¹⁴ fp16 loses a bit with every halving. When has it fewer than 8?",
            "From 2⁻¹⁷ to 2⁻¹⁶ both have 8; below 2⁻¹⁷ bf16 has more.",
        ),
        untouched=dict.fromkeys(answers.NUMBERS, ...),
    ),
)
