"""The same training under six recipes, from several seeds, in three situations; recorded, as it takes minutes.

`python -m simfp.course.authoring.record_recipes` records them. Products are those of a simulated H100, so that the
bits do not depend on the machine that makes them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from simfp.experiments.training.run import Training
from simfp.experiments.training.sweeps import COMPARED

__all__ = ["COMPARED", "SEEDS", "SITUATIONS", "Situation", "made", "run", "runs", "start"]

SEEDS = range(5)
EVERY = 10  # steps from one point of a curve to the next, each the mean of so many losses
COUNTED = 20  # a census in every so many-th step


@dataclass(frozen=True)
class Situation:
    """What is trained, and how."""

    what: str
    settings: dict[str, Any]


SITUATIONS = {
    "usual": Situation(
        "a perceptron on digits, as one would train it",
        {"task": "mlp", "schedule": "cosine", "steps": 300, "batch": 64, "options": {"lr": 0.1, "momentum": 0.9}},
    ),
    "small gradients": Situation(
        "the same, its loss times 2^-16: as if it were averaged over 65,536 times as many samples",
        {"task": "mlp", "schedule": "cosine", "steps": 300, "batch": 64, "options": {"lr": 0.1, "momentum": 0.9},
         "loss_scale": 2.0**-16},
    ),
    "small steps": Situation(
        "the same with a learning rate of 0.003 and small batches",
        {"task": "mlp", "schedule": "cosine", "steps": 400, "batch": 16, "options": {"lr": 0.003, "momentum": 0.9}},
    ),
}  # fmt: skip


def start(situation: str, recipe: str, seed: int) -> Training:
    """A run that has taken no step yet.

    Raises ValueError for an unknown situation, and as `Training` does.
    """
    if situation not in SITUATIONS:
        raise ValueError(f"unknown situation {situation!r}; expected one of {', '.join(map(repr, SITUATIONS))}")
    settings: dict[str, Any] = {"accumulator": "hopper", "measure_every": 0} | SITUATIONS[situation].settings
    return Training(settings.pop("task"), recipe, seed=seed, census=COUNTED, **settings)


def made(situation: str, training: Training) -> dict[str, Any]:
    """What a run that is over came to, as it is recorded."""
    losses = [step.loss for step in training.history]
    census = training.census
    assert census is not None
    back = {"phase": "backward", "fmt": training.recipe.compute}
    return {
        "situation": situation,
        "recipe": training.recipe.name,
        "seed": training.settings.seed,
        "losses": [float(np.mean(losses[first : first + EVERY])) for first in range(0, len(losses), EVERY)],
        "accuracy": None if training.diverged_at is not None else training.accuracy(),
        "diverged_at": training.diverged_at,
        "skipped": sum(step.skipped for step in training.history),
        "scale": training.history[-1].scale,
        "counted": census.total("values", **back) - census.total("zero", **back),
        "zeroed": census.total("zeroed", **back),
        "updates": census.total("updates"),
        "swallowed": census.total("absorbed"),
        "weights": _digest(training),
    }


def run(situation: str, recipe: str, seed: int) -> dict[str, Any]:
    """One run from its first step to its last."""
    training = start(situation, recipe, seed)
    training.run()
    return made(situation, training)


def runs() -> Iterator[dict[str, Any]]:
    """All runs."""
    for situation in SITUATIONS:
        for seed in SEEDS:
            for recipe in COMPARED:
                yield run(situation, recipe, seed)


def _digest(training: Training) -> str:
    """SHA-256 over all weights, name by name."""
    whole = hashlib.sha256()
    for name, weights in training.model.state_dict().items():
        whole.update(name.encode())
        whole.update(np.ascontiguousarray(weights).tobytes())
    return whole.hexdigest()
