"""A dashboard of training: one or two runs go on while their losses, what they lose and where is shown.

What is on the screen is computed here: shares, texts, counts by binade. The front end (widget.js) draws them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np
import traitlets

from simfp.experiments.training.frames import Frame, SideBySide
from simfp.experiments.training.recipes import RECIPES, Recipe
from simfp.experiments.training.run import Training
from simfp.experiments.training.tasks import TASKS
from simfp.figures.palette import FATES, look
from simfp.figures.training import dashboard as figures
from simfp.figures.training.census import zones
from simfp.figures.training.dashboard import Shown
from simfp.figures.words import decimal, percent, power_of_two
from simfp.widgets.parts.front_end import module, style
from simfp.widgets.parts.run_buttons import RunButtons
from simfp.widgets.parts.running import Runner
from simfp.widgets.parts.settings import Kept, one_of, whole

__all__ = ["CHOICES", "Dashboard"]

MOST_RUNS = 2
RATES = range(-8, 9)  # the learning rate is the task's, times 2 to the power of half of it
SCALES = range(-30, 31)
# eight bits under autocast, with nothing scaled: what lies beyond 16 bits, to be tried
CHOICES = RECIPES | {
    "fp8 e5m2": Recipe("fp8 e5m2", "float32", "float8_e5m2"),
    "fp8 e4m3": Recipe("fp8 e4m3", "float32", "float8_e4m3fn"),
}
POINTS = 240  # of a curve, at most
SPAN = (-48, 20)  # binades shown; whatever lies beyond is drawn in the outermost


def _recipes(value: Any) -> list[str]:
    names = [value] if isinstance(value, str) else list(value)
    if not 1 <= len(names) <= MOST_RUNS:
        raise ValueError(f"recipes must be one or two names, got {value!r}")
    for name in names:
        if not isinstance(name, str) or name not in CHOICES:
            raise ValueError(f"unknown recipe {name!r}; expected one of {', '.join(map(repr, CHOICES))}")
    return names


class Dashboard(RunButtons):
    """Trains a network under one recipe, or two side by side, and shows what becomes of the gradients.

    Parameters
    ----------
    task
        What is trained: a name in `simfp.experiments.training.tasks.TASKS`.
    recipes
        A name in CHOICES, or two: `simfp.experiments.training.recipes.RECIPES`, and fp8 under autocast.
    rate
        A whole number from -8 to 8: the learning rate is the task's times 2 ** (rate / 2).
    scale
        A whole number from -30 to 30: the loss is multiplied by 2 ** scale, and gradients divided by it.
    settings
        Others, as `Training` takes them: steps, seed, batch, optimizer ...

    `rate` and `scale` can be changed while it runs, and count from the next step on; `task` and `recipes` begin anew,
    and are refused while a run is not over. `message` says why. `trainings` are the runs, each with its census.

    Raises ValueError or TypeError for what cannot be trained.
    """

    AT_STANDSTILL: ClassVar[dict[str, str]] = {"task": "task", "recipes": "recipe"}

    _esm = module("dashboard")
    _css = style("dashboard")

    task = Kept(one_of("task", tuple(TASKS)), "mlp")
    recipes = Kept(_recipes, ["fp16"])
    rate = Kept(whole("rate", RATES), 0)
    scale = Kept(whole("scale", SCALES), 0)
    _fixed = traitlets.Dict().tag(sync=True)
    _live = traitlets.Dict().tag(sync=True)

    _job: SideBySide

    def __init__(
        self,
        task: str = "mlp",
        recipes: str | Sequence[str] = "fp16",
        *,
        rate: int = 0,
        scale: int = 0,
        **settings: Any,
    ) -> None:
        self._settings = {"measure_every": 50} | settings
        chosen = self.checked({"task": task, "recipes": recipes, "rate": rate, "scale": scale})
        self._made(chosen["task"], chosen["recipes"])  # raises for settings that make no sense
        super().__init__(**chosen)
        self.observe(self._change, names=["rate", "scale"])

    # The runs.

    @property
    def trainings(self) -> tuple[Training, ...]:
        """The runs."""
        return self._job.trainings

    @property
    def _items(self) -> int:  # a step of each run
        return len(self.trainings)

    def train(self, steps: int) -> Dashboard:
        """Takes so many steps of each run before it returns, and pauses there; an interrupt stops it. The dashboard."""
        if isinstance(steps, bool) or not isinstance(steps, (int, np.integer)) or steps < 1:
            raise ValueError(f"`steps` must be an integer of at least 1, got {steps!r}")
        self._runner.start(self._job, int(steps) * self._items)
        self.wait(paused=True)
        return self

    def _made(self, task: str, recipes: Sequence[str]) -> SideBySide:
        return SideBySide([Training(task, CHOICES[name], census=True, **self._settings) for name in recipes])

    def _begin(self) -> None:
        self._job = self._made(self.task, self.recipes)
        self._lr = [float((training.settings.options or {})["lr"]) for training in self.trainings]
        self._frames: list[Frame | None] = [None] * len(self.trainings)
        self._change()
        self._runner = Runner(self._show)
        self._fixed = self._told_once()
        self._show([])

    def _change(self, _change: Any = None) -> None:
        for training, lr in zip(self.trainings, self._lr, strict=True):
            told = {"lr": lr * 2 ** (self.rate / 2), "loss_scale": 2.0**self.scale}
            self._runner.ask(partial(training.change, **told))
        self._fixed = self._told_once()

    # What is shown.

    def shown(self) -> tuple[Shown, ...]:
        """The runs as they are on the screen."""
        return tuple(
            Shown(t.recipe.name, t.recipe.compute, self._status(t), tuple(t.history), frame, t.diverged_at)
            for t, frame in zip(self.trainings, self._frames, strict=True)
        )

    def _status(self, training: Training) -> str:
        return training.status if training.status in ("finished", "diverged") else self._runner.state

    def _show(self, items: list[tuple[int, Frame]]) -> None:
        for place, frame in items:
            self._frames[place] = frame
        runs = self.shown()
        done = max(len(run.steps) for run in runs)
        most = max(training.settings.steps or 1 for training in self.trainings)
        said = f"{self._runner.state}: step {done} of {most}"
        if self._runner.error:
            said = f"{said}. It ended with an error: {self._runner.error}"
        self._live = {
            "state": self._runner.state,
            "said": said,
            "done": done,
            "most": most,
            "runs": [_told(run) for run in runs],
            "words": figures.alternative(runs),
        }

    def _told_once(self) -> dict[str, Any]:
        lr = self._lr[0] * 2 ** (self.rate / 2)
        return {
            "choices": {
                "task": [[name, f"{name}: {task.what}"] for name, task in TASKS.items()],
                "recipe": [[name, name] for name in CHOICES],
            },
            "rates": [RATES[0], RATES[-1]],
            "scales": [SCALES[0], SCALES[-1]],
            "rate": f"learning rate {decimal(lr, 3)}",
            "scale": f"loss × {power_of_two(self.scale)}",
            "span": list(SPAN),
            "ticks": [[place, power_of_two(place)] for place in range(SPAN[0], SPAN[1] + 1, 8)],
            "runs": [_look(training.recipe) for training in self.trainings],
            "warnings": [warning for training in self.trainings for warning in training.warnings],
        }

    def figure(self, *, dark: bool = False) -> Any:
        """The same as a static Matplotlib Figure."""
        return figures.figure(self.shown(), dark=dark)

    def alternative(self) -> str:
        """What the widget shows, in words."""
        return figures.alternative(self.shown())


def _look(recipe: Recipe) -> dict[str, Any]:
    """A run's name and colour, and the zones of its format: name, meaning, ends within SPAN."""
    found = []
    for name, (begin, end) in zones(recipe.compute).items():
        left, right = max(begin, SPAN[0]), min(end, SPAN[1] + 1)
        if left < right:
            found.append([name, FATES[name].label, left, right])
    return {
        "name": recipe.name,
        "label": look(recipe.compute).label,
        "color": look(recipe.compute).color,
        "zones": found,
    }


def _told(run: Shown) -> dict[str, Any]:
    """What the front end draws of a run: points of curves, layers, counts by binade, finished texts."""
    every = math.ceil(max(len(run.steps), 1) / POINTS)
    kept = [step for step in run.steps if step.number % every == 0 or step is run.steps[-1]]
    layers = run.frame.layers if run.frame else ()
    return {
        "status": run.status,
        "losses": [[step.number, step.loss] for step in kept if math.isfinite(step.loss)],
        "lost": [[step.number, 100 * step.lost] for step in kept if step.lost is not None],
        "readings": [list(pair) for pair in figures.readings(run)],
        "story": figures.story(run),
        "layers": [
            [layer.label, layer.zeroed / layer.numbers, layer.subnormal / layer.numbers,
             percent(layer.zeroed, layer.numbers), percent(layer.subnormal, layer.numbers)]
            for layer in layers
        ],
        "bars": _bars(run.frame),
    }  # fmt: skip


def _bars(frame: Frame | None) -> list[int]:
    """Counts by binade of SPAN; the first and the last with all beyond."""
    counts = [0] * (SPAN[1] - SPAN[0] + 1)
    if frame is not None:
        for place in np.flatnonzero(frame.histogram.counts):
            at = min(max(int(place) + frame.histogram.lowest, SPAN[0]), SPAN[1]) - SPAN[0]
            counts[at] += int(frame.histogram.counts[place])
    return counts
