"""A race: the same network under several recipes and from several seeds, all at the same learning rate.

All races of the lesson are of one length, steps * lr = DISTANCE: half the learning rate has twice as many steps, and
the smaller the steps, the less it matters to weights that lose nothing.

`python -m simfp.experiments.training.races` runs them anew, one for each of RATES, and writes what came out beside
this file.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simfp import whole_files
from simfp.experiments.training.run import Training

__all__ = [
    "DISTANCE", "FILE", "GUESSING", "LAP", "RATE", "RATES", "RECIPES", "SEEDS", "Lap", "Race", "Standing", "steps_at",
    "stored",
]  # fmt: skip

FILE = "race.npz"
RECIPES = (
    "fp32",
    "pure fp16", "pure fp16 + kahan", "pure fp16 + stochastic",
    "pure bf16", "pure bf16 + kahan", "pure bf16 + stochastic",
)  # fmt: skip
SEEDS = (0, 1, 2)
LAP = 10  # steps that a run takes before it is the next one's turn
RATE, MOMENTUM, BATCH = 0.002, 0.9, 64
RATES = (0.00025, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016)
DISTANCE = 1.2  # steps * lr
POINTS = 60  # of a curve, about
GUESSING = math.log(10)  # the loss of one who knows nothing of ten digits


def steps_at(lr: float) -> int:
    """How many steps a race at this learning rate has.

    Raises ValueError for one that is not a finite number above 0.
    """
    if not 0 < lr < math.inf:
        raise ValueError(f"`lr` must be a finite number above 0, got {lr!r}")
    return max(1, round(DISTANCE / lr))


class Standing(NamedTuple):
    """How a race stands.

    losses: averages of each `every` steps, (recipes, seeds, points); NaN where nobody was yet.
    """

    recipes: tuple[str, ...]
    seeds: tuple[int, ...]
    lr: float
    every: int
    losses: NDArray[np.float64]
    points: int  # that all have finished

    def last(self, recipe: str) -> NDArray[np.float64]:
        """The loss of the last point that all have finished, for each seed."""
        found: NDArray[np.float64] = self.losses[self.recipes.index(recipe), :, max(self.points - 1, 0)]
        return found

    def fallen(self, recipe: str) -> NDArray[np.float64]:
        """How far the loss fell, for each seed: 0 where it is that of guessing, 1 where it fell as far as in fp32."""
        found: NDArray[np.float64] = (GUESSING - self.last(recipe)) / (GUESSING - self.last("fp32"))
        return found


class Lap(NamedTuple):
    """LAP steps of one run, or those that were left."""

    recipe: str
    seed: int
    steps: int  # of this run, so far


class Race:
    """Runs of one network under several recipes and from several seeds; iterating goes on where it stood.

    The runs take turns, LAP steps each. `stop` may be called from any thread, and works within a step.
    """

    def __init__(
        self,
        lr: float = RATE,
        recipes: Sequence[str] = RECIPES,
        seeds: Sequence[int] = SEEDS,
        steps: int | None = None,
    ) -> None:
        self.recipes, self.seeds, self.lr = tuple(recipes), tuple(seeds), float(lr)
        self.steps = steps_at(lr) if steps is None else int(steps)
        settings: dict[str, Any] = {
            "steps": self.steps, "batch": BATCH, "optimizer": "SGD", "options": {"lr": lr, "momentum": MOMENTUM},
            "measure_every": 0,
        }  # fmt: skip
        self.trainings = [[Training("mlp", recipe, seed=seed, **settings) for seed in seeds] for recipe in recipes]
        self.every = max(min(LAP // 2, self.steps), self.steps // POINTS)
        self._stopping = False

    @property
    def laps(self) -> int:
        """How many laps there are, of all runs together."""
        return -(-self.steps // LAP) * len(self.recipes) * len(self.seeds)

    @property
    def done(self) -> int:
        """How many laps are over."""
        whole = -(-self.steps // LAP)
        return sum(whole if self._over(run) else len(run.history) // LAP for run in self._runs())

    def round(self) -> int:
        """How many laps are left until all runs stand at the same step; a whole round where they do."""
        runs = [run for run in self._runs() if not self._over(run)]
        first = min((len(run.history) // LAP for run in runs), default=0)
        return sum(len(run.history) // LAP == first for run in runs)

    def stop(self) -> None:
        """Ends the iteration at once; a step in the making is given up."""
        self._stopping = True
        for training in self._runs():
            training.stop()

    def __iter__(self) -> Iterator[Lap]:
        self._stopping = False
        for goal in range(LAP, self.steps + LAP, LAP):
            for training in self._runs():
                if self._over(training, goal):
                    continue
                if not self._stopping:  # it may have been stopped between two laps
                    self._run_to(training, goal)
                if self._stopping:
                    return
                yield Lap(training.recipe.name, training.settings.seed, len(training.history))

    def _runs(self) -> Iterator[Training]:
        return (training for row in self.trainings for training in row)

    def _over(self, training: Training, goal: int | None = None) -> bool:
        goal = self.steps if goal is None else min(goal, self.steps)
        return training.status == "diverged" or len(training.history) >= goal

    def _run_to(self, training: Training, goal: int) -> None:
        for step in training:
            if self._stopping or step.number + 1 >= goal:
                return

    def standing(self) -> Standing:
        """How it stands."""
        size = self.steps // self.every
        # counted first: a thread may take steps meanwhile, and the losses are to have these points at least
        points = sum(all(self._over(run, point * self.every) for run in self._runs()) for point in range(1, size + 1))
        losses = np.full((len(self.recipes), len(self.seeds), size), np.nan)
        for i, row in enumerate(self.trainings):
            for j, training in enumerate(row):
                history = np.array([step.loss for step in training.history])
                whole = len(history) // self.every
                losses[i, j, :whole] = history[: whole * self.every].reshape(whole, self.every).mean(1)
        return Standing(self.recipes, self.seeds, self.lr, self.every, losses, points)


@cache
def stored(lr: float = RATE) -> Standing:
    """What came out of `Race(lr)` when it was run to be stored; a run of one's own comes to the same.

    Raises ValueError for a learning rate that is not in RATES.
    """
    if lr not in RATES:
        raise ValueError(f"`lr` must be one of {', '.join(map(str, RATES))}, got {lr!r}")
    with resources.files(__package__).joinpath("data", FILE).open("rb") as file, np.load(file) as kept:
        told = json.loads(str(kept["settings"]))
        losses = kept[str(lr)]
    every = told["every"][str(lr)]
    return Standing(tuple(told["recipes"]), tuple(told["seeds"]), lr, every, losses, losses.shape[2])


def main() -> None:
    """Runs the races, and writes them down when all are over."""
    arrays: dict[str, Any] = {}
    every = {}
    for lr in RATES:
        race = Race(lr)
        for lap in race:
            if lap == (RECIPES[-1], SEEDS[-1], lap.steps) and lap.steps % 100 == 0:
                print(f"lr {lr}: step {lap.steps} of {race.steps}", flush=True)
        arrays[str(lr)], every[str(lr)] = race.standing().losses, race.every
    arrays["settings"] = json.dumps(
        {"recipes": RECIPES, "seeds": SEEDS, "every": every, "script": "simfp.experiments.training.races"}
    )
    whole_files.write_arrays(Path(str(resources.files(__package__).joinpath("data", FILE))), **arrays)
    print(f"wrote {FILE}")


if __name__ == "__main__":
    main()
