"""Lesson 11's bets: fp16 or bf16, and what each of the six recipes is good for."""

from __future__ import annotations

from simfp.course.bets import Bet
from simfp.course.lessons.lesson_11.facts import against_fp32, cost, lost_recipes, named, which_matters
from simfp.experiments.training.recipe_runs import COMPARED

__all__ = ["BETS"]

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
