"""A race live: one network under seven recipes and from three seeds, trained while their losses are drawn.

What is on the screen is computed here; the front end (widget.js) draws points and finished texts.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import traitlets

from simfp.experiments.training.races import LAP, RATE, RATES, SEEDS, Lap, Race, Standing, steps_at, stored
from simfp.figures.training import races as figures
from simfp.figures.words import decimal
from simfp.widgets.parts.front_end import module, style
from simfp.widgets.parts.run_buttons import RunButtons
from simfp.widgets.parts.running import Runner
from simfp.widgets.parts.settings import Kept, one_number

__all__ = ["UpdateRace"]


class UpdateRace(RunButtons):
    """The same network at the same learning rate, its weights kept in fp32, fp16 or bf16, with three seeds each.

    Parameters
    ----------
    lr
        The learning rate of all: one of simfp.experiments.training.races.RATES. Another one begins anew, and waits
        until a run is over.
    seeds, steps
        How many seeds each recipe has, 1 to 5, and how many steps each run has; if not given, as many as it takes for
        steps * lr to be the same at every learning rate.

    Before anything has run, the curves are those of a run that was stored with the course, if it has these settings;
    a run of your own draws over them. `race` holds the runs.
    """

    AT_STANDSTILL: ClassVar[dict[str, str]] = {"lr": "learning rate"}

    _esm = module("update_race")
    _css = style("update_race")

    lr = Kept(one_number("lr", RATES), RATE)
    _live = traitlets.Dict().tag(sync=True)

    _job: Race

    def __init__(self, lr: float = RATE, *, seeds: int = len(SEEDS), steps: int | None = None) -> None:
        for name, value, most in (("seeds", seeds, 5), ("steps", 1 if steps is None else steps, 10_000)):
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not 1 <= value <= most:
                raise ValueError(f"{name} must be a whole number from 1 to {most:,}, got {value!r}")
        self._seeds, self._steps = int(seeds), None if steps is None else int(steps)
        super().__init__(**self.checked({"lr": lr}))

    @property
    def race(self) -> Race:
        """The runs."""
        return self._job

    @property
    def _items(self) -> int:  # a lap of each run
        return self.race.round()

    def _begin(self) -> None:
        self._job = Race(self.lr, seeds=range(self._seeds), steps=self._steps)
        self._runner = Runner(self._show)
        self._show([])

    def standing(self) -> Standing:
        """What is drawn: this race, or before its first lap the stored one."""
        return stored(self.lr) if self._is_stored() else self.race.standing()

    def _is_stored(self) -> bool:
        begun = any(training.history for row in self.race.trainings for training in row)
        same = (self._seeds, self.race.steps) == (len(SEEDS), steps_at(self.lr))
        return same and not begun and not self._runner.at_work

    def _show(self, _laps: list[Lap]) -> None:
        standing = self.standing()
        runs = len(self.race.recipes) * len(self.race.seeds)
        steps = min(self.race.done // runs * LAP, self.race.steps)
        said = f"{self._runner.state}: step {steps} of {self.race.steps}"
        if self._is_stored():
            said = "shown: a run that was stored; Run makes it anew"
        if self._runner.error:
            said = f"{said}. It ended with an error: {self._runner.error}"
        looks = [figures.look_of(recipe) for recipe in standing.recipes]
        told = figures.rows(standing)
        self._live = {
            "rates": [[rate, decimal(rate, 3)] for rate in RATES],
            "state": self._runner.state,
            "said": said,
            "done": self.race.done,
            "most": self.race.laps,
            "steps": self.race.steps,
            "curves": [
                {"label": name, "reading": text, "points": _points(losses, standing.every)} | style._asdict()
                for (name, text), style, losses in zip(told, looks, standing.losses, strict=True)
            ],
            "words": self.alternative(),
        }

    def figure(self, *, dark: bool = False) -> Any:
        """The same as a static Matplotlib Figure."""
        return figures.draw(self.standing(), dark=dark).figure

    def alternative(self) -> str:
        """What the widget shows, in words."""
        return figures.alternative(self.standing())


def _points(losses: Any, every: int) -> list[list[float]]:
    """Step, average, best and worst of each point that all seeds have come to."""
    there = np.flatnonzero(np.isfinite(losses).all(axis=0))
    return [
        [float(every * (point + 1)), *(round(float(f(losses[:, point])), 4) for f in (np.mean, np.min, np.max))]
        for point in there
    ]
