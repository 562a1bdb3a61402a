"""Lesson 07's bets and exercises: which gradients vanish in fp16, where, and what it takes to keep them."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from simfp.census import Census
from simfp.course import lesson_07_answers as answers
from simfp.course.bets import Bet
from simfp.course.display import Table
from simfp.course.exercises import Exercise
from simfp.course.judges.calls import CallJudge
from simfp.course.judges.judging import NumberJudge
from simfp.experiments.mixed_precision.lost_gradients import PUBLISHED, usable
from simfp.experiments.training.run import Training
from simfp.figures.words import decimal
from simfp.silicon import recordings

__all__ = ["BETS", "EXERCISES", "by_recipe", "published", "silently"]

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


BETS = (
    Bet(
        "07.1",
        "A small network learns to read digits in fp16, 300 steps, with no loss scaling. Of all numbers in its "
        "backward pass that are not zero, how many per cent does fp16 turn into zero?",
        truth=lost_in_all,
        story=lambda share: f"{share:.1f} %, and no error, no warning, no strange loss told you.",
        unit="%",
        near=lambda bet, share: share / 2 <= bet <= 2 * share,
    ),
    Bet(
        "07.2",
        "While the network learns, does the share that is lost grow or shrink, or does it stay?",
        truth=change,
        story=lambda what: (
            f"It {what}: from {ends()[0]:.2%} of the first 30 steps to {ends()[1]:.1%} of the last 30. A network that "
            f"is nearly always right has small errors, and gradients are made of errors."
        ),
        options=CHANGES,
    ),
    Bet(
        "07.3",
        "Three linear layers and the loss: where is most lost, in the first, the middle or the last layer, or in the "
        "loss?",
        truth=worst,
        story=lambda place: (
            f"In the {place}: {by_layer()[place]:.0%} of its numbers, and {by_layer()['first']:.1%} in the first "
            f"layer. The loss's gradient is a probability divided by the size of the batch; for a digit that the "
            f"network does not even consider, that is next to nothing."
        ),
        options=PLACES,
    ),
    Bet(
        "07.4",
        "The same network in fp32, same seed. By how many percentage points of right answers is it better?",
        truth=points_lost,
        story=lambda points: (
            f"By {decimal(points, 2)} points. What was lost here were mostly the gradients of answers that were right "
            f"already. Silent, and harmless: so far. Make every gradient smaller, and the same network is lost."
        ),
        unit="points",
        near=lambda bet, points: abs(bet - points) <= 1.5,
    ),
)

EXERCISES = (
    Exercise(
        "07.a",
        "In the GPT of two blocks: which layer loses most, by its share of numbers that became zero?",
        answers.judge_layer,
        (
            "Choose gpt as the task in the dashboard (stop the other run first), press Run, and read the table.",
            "Which layer multiplies probabilities, each of them small, with small gradients?",
            "There are two such layers, one in each block. The table says which loses more.",
        ),
    ),
    Exercise(
        "07.b",
        "Write `lost_share(gradients)`: of the numbers in a float32 array that are not zero, the share that fp16 turns "
        "into zero.",
        CallJudge(
            example="lost_share(gradients)",
            cases=answers.SHARE_CASES,
            right=answers.lost_share,
            spelled=answers.spell_numbers,
            number=lambda x: decimal(x, 4),
            impostors=answers.SHARE_IMPOSTORS,
            symptoms=answers.SHARE_SYMPTOMS,
            praise="Right in all {cases} cases: signs, ties, and zeros that were zero before. That is the number the "
            "census calls zeroed.",
        ),
        (
            "First take what is not zero: `there = gradients[gradients != 0]`.",
            "`sf.round_to(there, 'fp16')` is what fp16 makes of it. Which of these are 0?",
            "The mean of a boolean array is the share that is true: `np.mean(... == 0)`.",
        ),
        trial=(np.array([1.0], np.float32),),
    ),
    Exercise(
        "07.c",
        "Multiply the loss by a power of two, and every gradient grows by it. Which factor saves 99.9 % of the "
        "gradients, with none too large?",
        NumberJudge(
            wants="the factor, a power of two",
            right=answers.factor_is_right,
            praise=answers.praise_factor,
            slips=answers.FACTOR_SLIPS,
            otherwise="{said} is no power of two. Any other factor would round every gradient once more.",
        ),
        (
            "Read the table: in which rows is less than 0.1 % zero? In which of them does nothing overflow?",
            "The factor is 2 to the power of k, not k.",
            "`2.0**16` is what PyTorch's GradScaler begins with.",
        ),
    ),
)
