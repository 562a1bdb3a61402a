"""A race: the same network under several recipes and from several seeds, all at the same learning rate.

`python -m simfp.experiments.races` runs the one of the lesson anew and writes what came out beside this file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simfp.experiments.training import Training

__all__ = ["FILE", "LAP", "RATE", "RATES", "RECIPES", "SEEDS", "STEPS", "Lap", "Race", "Standing", "stored"]

FILE = "race.npz"
RECIPES = ("fp32", "pure fp16", "pure bf16", "pure bf16 + kahan", "pure bf16 + stochastic")
SEEDS = (0, 1, 2)
STEPS, LAP = 600, 10  # steps of a run; after each LAP of them everybody has a turn
RATE, MOMENTUM, BATCH = 0.002, 0.9, 64
RATES = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02)


class Standing(NamedTuple):
    """How a race stands: losses, averages of each LAP of steps, (recipes, seeds, laps); NaN where nobody was yet."""

    recipes: tuple[str, ...]
    seeds: tuple[int, ...]
    lr: float
    losses: NDArray[np.float64]
    laps: int  # that all have finished

    def last(self, recipe: str) -> NDArray[np.float64]:
        """The loss of the last lap that all have finished, for each seed."""
        found: NDArray[np.float64] = self.losses[self.recipes.index(recipe), :, max(self.laps - 1, 0)]
        return found


class Lap(NamedTuple):
    """A lap that all have finished."""

    number: int  # from 1


class Race:
    """Runs of one network under several recipes and from several seeds; iterating goes on where it stood.

    The runs take turns, LAP steps each. `stop` may be called from any thread, and works within a step.
    """

    def __init__(
        self,
        lr: float = RATE,
        recipes: Sequence[str] = RECIPES,
        seeds: Sequence[int] = SEEDS,
        steps: int = STEPS,
    ) -> None:
        self.recipes, self.seeds, self.lr, self.steps = tuple(recipes), tuple(seeds), float(lr), int(steps)
        settings: dict[str, Any] = {
            "steps": steps, "batch": BATCH, "optimizer": "SGD", "options": {"lr": lr, "momentum": MOMENTUM},
            "measure_every": 0,
        }  # fmt: skip
        self.trainings = [[Training("mlp", recipe, seed=seed, **settings) for seed in seeds] for recipe in recipes]
        self.laps = -(-self.steps // LAP)
        self._stopping = False

    def stop(self) -> None:
        """Ends the iteration at once; a step in the making is given up."""
        self._stopping = True
        for row in self.trainings:
            for training in row:
                training.stop()

    def __iter__(self) -> Iterator[Lap]:
        self._stopping = False
        for lap in range(self.laps):
            if self._finished(lap):
                continue
            for row in self.trainings:
                for training in row:
                    self._run_to(training, (lap + 1) * LAP)
                    if self._stopping:
                        return
            yield Lap(lap + 1)

    def _finished(self, lap: int) -> bool:
        return all(self._over(training, (lap + 1) * LAP) for row in self.trainings for training in row)

    def _over(self, training: Training, steps: int) -> bool:
        return training.status == "diverged" or len(training.history) >= min(steps, self.steps)

    def _run_to(self, training: Training, steps: int) -> None:
        if self._over(training, steps):
            return
        for step in training:
            if step.number + 1 >= steps or self._stopping:
                return

    def standing(self) -> Standing:
        """How it stands."""
        losses = np.full((len(self.recipes), len(self.seeds), self.laps), np.nan)
        for i, row in enumerate(self.trainings):
            for j, training in enumerate(row):
                history = [step.loss for step in training.history]
                for lap in range(len(history) // LAP):
                    losses[i, j, lap] = np.mean(history[lap * LAP : (lap + 1) * LAP])
        laps = sum(self._finished(lap) for lap in range(self.laps))
        return Standing(self.recipes, self.seeds, self.lr, losses, laps)


@cache
def stored() -> Standing:
    """What came out of `Race()` when it was run to be stored; a run of one's own comes to the same."""
    with resources.files(__package__).joinpath("data", FILE).open("rb") as file, np.load(file) as kept:
        told = json.loads(str(kept["settings"]))
        losses = kept["losses"]
    return Standing(tuple(told["recipes"]), tuple(told["seeds"]), told["lr"], losses, losses.shape[2])


def main() -> None:
    """Runs the race and writes it down."""
    race = Race()
    for lap in race:
        print(f"lap {lap.number} of {race.laps}", flush=True)
    found = race.standing()
    settings = {"recipes": found.recipes, "seeds": found.seeds, "lr": found.lr, "script": "simfp.experiments.races"}
    target = resources.files(__package__).joinpath("data", FILE)
    np.savez_compressed(str(target), losses=found.losses, settings=json.dumps(settings))
    print(f"wrote {FILE}")


if __name__ == "__main__":
    main()
