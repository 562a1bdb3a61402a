"""What lesson 07 computes: which gradients vanish in fp16, where, and what it takes to keep them."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from simfp.census import Census
from simfp.course.display import Table
from simfp.course.lessons.lesson_07 import answers
from simfp.experiments.mixed_precision.lost_gradients import PUBLISHED, usable
from simfp.experiments.training.run import Training
from simfp.silicon import recordings

__all__ = ["by_recipe", "published", "silently"]

PLACES = ("first", "middle", "last", "loss")  # the perceptron's three linear layers, and the loss
NAMES = {"0": "first", "2": "middle", "4": "last", "CrossEntropyLoss": "loss"}
CHANGES = ("grows", "shrinks", "stays")


@cache
def counted() -> Training:
    """The run that the lesson counts."""
    training = Training("mlp", "fp16", census=True, measure_every=0)
    training.run()
    return training


def lost_in_all() -> float:
    """The share of the backward pass's numbers that became zero, in per cent."""
    census = counted().census
    assert census is not None
    return 100 * census.share("zeroed", phase="backward", fmt="float16")


def change() -> str:
    """Whether the share lost in a step grows, shrinks or stays while the network learns."""
    first, last = ends()
    return "grows" if last > 1.5 * first else "shrinks" if last < first / 1.5 else "stays"


def ends() -> tuple[float, float]:
    """The mean share lost in the first 30 steps, and in the last 30."""
    lost = [step.lost or 0.0 for step in counted().history]
    return float(np.mean(lost[:30])), float(np.mean(lost[-30:]))


def by_layer() -> dict[str, float]:
    """The share lost in each of PLACES."""
    census = counted().census
    assert census is not None
    table = census.table(by="layer", phase="backward", fmt="float16")
    return {NAMES[row["layer"]]: row["share_zeroed"] for row in table if row["layer"] in NAMES}


def worst() -> str:
    """The place that loses most."""
    shares = by_layer()
    return max(shares, key=lambda place: shares[place])


@cache
def points_lost() -> float:
    """By how many percentage points of right answers the same run in fp32 is better."""
    right = Training("mlp", "fp32", measure_every=0)
    right.run()
    return 100 * (right.accuracy() - counted().accuracy())


def by_recipe(situation: str, recipe: str) -> list[dict[str, Any]]:
    """The recorded runs of a recipe in a situation, one for each seed."""
    rows = recordings.load("recipe_runs")["runs"]
    return [row for row in rows if (row["situation"], row["recipe"]) == (situation, recipe)]


def silently() -> dict[str, list[float]]:
    """Of the recorded fp16 runs without a scaler, a value for each seed: shares of numbers that became zero ("usual"
    and "small gradients"), and by how many percentage points fp32 answers better ("points", "points small")."""
    found: dict[str, list[float]] = {}
    for situation, points in (("usual", "points"), ("small gradients", "points small")):
        runs = by_recipe(situation, "fp16")
        found[situation] = [run["zeroed"] / run["counted"] for run in runs]
        right = by_recipe(situation, "fp32")
        found[points] = [100 * (b["accuracy"] - a["accuracy"]) for a, b in zip(runs, right, strict=True)]
    return found


def published(census: Census) -> Table:
    """What was published of gradients in fp16 beside what this census counted, with the sources."""
    rows = census.table(by=("gradient",), phase="backward", fmt="float16")
    ours = next(row for row in rows if row["gradient"] == "x")
    zeros = (ours["zero"] + ours["zeroed"]) / ours["values"]
    good = usable(answers.window(), answers.KEPT)
    paper = "Micikevicius et al. 2018, arXiv 1710.03740, section 3.2: a Multibox SSD detector"
    guide = "NVIDIA, Training with Mixed Precision: the network of its histogram"
    share, scale, left, lost = PUBLISHED.values()
    return Table(
        "Gradients of activations in fp16, without scaling. Theirs are large networks on pictures, ours a small "
        "perceptron on digits: other networks, the same arithmetic.",
        ("what", "published", "here", "source"),
        (
            ("zero after rounding, those included that were zero before", f"{share:.0%}", f"{zeros:.1%}", paper),
            ("not zero after rounding", f"{left:.1%}", f"{1 - zeros:.1%}", guide),
            ("of those not zero before, became zero", "not told", f"{ours['share_zeroed']:.1%}", "here"),
            (
                "a factor that was enough",
                f"{scale:,} to match fp32",
                f"{2 ** good[0]:,} to lose less than 0.1 %",
                paper,
            ),
            ("lost at a factor of 32,768", f"{lost:.1%}", f"{_lost_at(15):.2%}", guide),
        ),
    )


def _lost_at(exponent: int) -> float:
    row = next(row for row in answers.window() if row["exponent"] == exponent)
    return float(row["zeroed"])
