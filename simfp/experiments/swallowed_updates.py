"""Updates that are too small for their weights: how many are swallowed, and what keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simfp.experiments.training import Training

__all__ = ["RECIPES", "SETTINGS", "swallowed_updates"]

RECIPES = ("fp32", "pure bf16", "pure bf16 + kahan", "pure bf16 + stochastic", "pure fp16")
# small steps, as at the end of long training
SETTINGS: dict[str, Any] = {"optimizer": "SGD", "options": {"lr": 2e-3, "momentum": 0.9}, "steps": 600}


def swallowed_updates(
    task: str = "mlp",
    recipes: Sequence[Any] = RECIPES,
    *,
    every: int = 10,
    **settings: Any,
) -> list[dict[str, Any]]:
    """How many of the weights' updates came to nothing in a run under each recipe, and what became of the run.

    every: counts in every so many-th step. settings: as `Training` takes them; what is not given, as in SETTINGS.

    A row for each recipe: `recipe`, `updates` and `swallowed` (counts: updates that were not zero, and those that left
    the weight, or with Kahan's method its compensation, as it was), `share`, `series` (pairs of a step's number and its
    share), `by_layer` (shares by layer), `loss` (the mean of the last 20 steps), `accuracy`, `diverged_at`.

    Under stochastic rounding a swallowed update is no loss in the mean: others are rounded up by as much.
    """
    rows = []
    for recipe in recipes:
        training = Training(task, recipe, census=every, **(SETTINGS | {"measure_every": 0} | settings))
        history = training.run()
        census = training.census
        assert census is not None
        last = [step.loss for step in history[-20:]]
        rows.append(
            {
                "recipe": training.recipe.name,
                "updates": census.total("updates"),
                "swallowed": census.total("swallowed"),
                "share": census.share("swallowed"),
                "series": [(step.number, step.swallowed) for step in history if step.swallowed is not None],
                "by_layer": {row["layer"]: row["share_swallowed"] for row in census.table(by="layer", phase="update")},
                "loss": sum(last) / len(last),
                "accuracy": None if training.diverged_at is not None else training.accuracy(),
                "diverged_at": training.diverged_at,
            }
        )
    return rows
