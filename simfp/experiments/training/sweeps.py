"""The same training under several recipes and from several seeds."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from statistics import mean, stdev
from typing import Any

from simfp.experiments.training.recipes import RECIPES
from simfp.experiments.training.run import Training

__all__ = ["COMPARED", "summary", "sweep"]

COMPARED = ("fp32", "tf32", "fp16", "fp16 + scaler", "bf16", "pure bf16")
LAST = 20  # steps that a run's final loss is the mean of


def sweep(
    task: str = "mlp",
    recipes: Sequence[Any] = COMPARED,
    seeds: Sequence[int] = range(5),
    *,
    stop: threading.Event | None = None,
    told: Callable[[dict[str, Any], int, int], Any] | None = None,
    **settings: Any,
) -> list[dict[str, Any]]:
    """A row for each recipe and seed: `recipe`, `seed`, `loss` (mean of the last steps), `accuracy` at the end,
    `diverged_at` (the step of the first loss that was no number, or None), `skipped` (steps that the scaler left out),
    `scale` (at the end).

    The runs of a seed start from the same weights and see the same samples, whatever the recipe.

    stop: ends the sweep within a step when it is set; the rows that are whole come back. told: called with each row,
    how many there are and how many there will be. settings: as `Training` takes them.
    """
    rows: list[dict[str, Any]] = []
    count = len(recipes) * len(seeds)
    for seed in seeds:
        for recipe in recipes:
            training = Training(task, recipe, seed=seed, **({"measure_every": 0} | settings))
            for _ in training:
                if stop and stop.is_set():
                    return rows
            history = training.history
            last = [step.loss for step in history[-LAST:]]
            diverged = training.diverged_at is not None
            rows.append(
                {
                    "recipe": training.recipe.name,
                    "seed": seed,
                    "loss": sum(last) / len(last),
                    "accuracy": None if diverged else training.accuracy(),
                    "diverged_at": training.diverged_at,
                    "skipped": sum(step.skipped for step in history),
                    "scale": history[-1].scale,
                }
            )
            if told:
                told(rows[-1], len(rows), count)
    return rows


def summary(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row for each recipe: how many runs, how many diverged, and of the others mean and deviation of the accuracy,
    the mean loss, and how far the mean accuracy is from that of fp32 with the same seeds, in percentage points (None
    where there is none to compare with)."""
    names = list(dict.fromkeys(row["recipe"] for row in rows))
    whole = {(row["recipe"], row["seed"]): row for row in rows if row["accuracy"] is not None}
    found = []
    for name in names:
        runs = [row for row in rows if row["recipe"] == name]
        good = [row for row in runs if row["accuracy"] is not None]
        pairs = [(row, whole["fp32", row["seed"]]) for row in good if ("fp32", row["seed"]) in whole]
        accuracies = [row["accuracy"] for row in good]
        found.append(
            {
                "recipe": name,
                "runs": len(runs),
                "diverged": len(runs) - len(good),
                "accuracy": mean(accuracies) if good else None,
                "deviation": stdev(accuracies) if len(good) > 1 else None,
                "loss": mean(row["loss"] for row in good) if good else None,
                "points_from_fp32": 100 * mean(a["accuracy"] - b["accuracy"] for a, b in pairs) if pairs else None,
            }
        )
    return sorted(found, key=lambda row: list(RECIPES).index(row["recipe"]) if row["recipe"] in RECIPES else 99)
