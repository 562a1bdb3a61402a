"""What lesson 11 computes: fp16 or bf16, and what each of the six recipes is good for."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean, stdev
from typing import Any, NamedTuple

from simfp.course.display import Table
from simfp.experiments.training.recipe_runs import COMPARED, SITUATIONS
from simfp.figures.words import percent
from simfp.silicon import recordings

__all__ = ["TITLES", "Compared", "against_fp32", "numbers", "recorded", "runs"]

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
