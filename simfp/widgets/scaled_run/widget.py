"""A network that trains in fp16 while its loss scale is dragged, or while a GradScaler looks for one.

The training is done by simfp in a thread; the front end (widget.js) is sent curves as heights and finished texts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import traitlets

from simfp.experiments.mixed_precision.scaled_run import STEPS, Point, ScaledRun
from simfp.experiments.training.tasks import TASKS
from simfp.figures.mixed_precision import scaled_run as figures
from simfp.figures.palette import FORMATS
from simfp.figures.words import scale
from simfp.widgets.parts.base import Widget
from simfp.widgets.parts.front_end import module, style
from simfp.widgets.parts.running import Runner
from simfp.widgets.parts.settings import Kept, one_of, switch

__all__ = ["LossScaleRun"]

EXPONENTS = range(-20, 41)
RATES = range(-4, 3)  # log10 of learning rates
BUTTONS = ("start", "pause", "step", "stop", "start over")


def _number(name: str, low: float, high: float, *, whole: bool = False, open_low: bool = False) -> Any:
    """A check for a number between two bounds."""
    bounds = f"above {low:g} and at most {high:g}" if open_low else f"from {low:g} to {high:g}"
    wants = f"{name} must be a {'whole ' if whole else ''}number {bounds}"

    def check(value: Any) -> Any:
        kinds: tuple[type, ...] = (int, np.integer) if whole else (int, float, np.integer, np.floating)
        good = isinstance(value, kinds) and not isinstance(value, bool)
        if not good or not low <= value <= high or (open_low and value == low):
            raise ValueError(f"{wants}, got {value!r}")
        return int(value) if whole else float(value)

    return check


class LossScaleRun(Widget):
    """A training run in fp16 whose loss scale can be dragged while it runs.

    Parameters
    ----------
    network
        One of the tasks of `simfp.experiments.training.tasks`: "mlp", "deep", "cnn" or "gpt". Another one begins anew.
    k
        The scale is set to 2**k, -20 to 40; a GradScaler goes on from there.
    by_hand
        Whether the scale is held at 2**k: a step that overflows is then left out, and nothing else happens.
    growth_factor, backoff_factor, growth_interval
        The GradScaler's.
    lr
        The learning rate; if not given, the task's.
    steps
        How many steps the run has.

    All but `steps` can be set at any time, also while it runs; from the next step on they count. `advance` takes steps
    and waits for them; the buttons do it in a thread.
    """

    _esm = module("scaled_run")
    _css = style("loss_scale", "scaled_run")

    network = Kept(one_of("network", tuple(TASKS)), "mlp")
    k = Kept(_number("k", EXPONENTS[0], EXPONENTS[-1], whole=True), 16)
    by_hand = Kept(switch("by_hand"), False)
    growth_factor = Kept(_number("growth_factor", 1, 1024, open_low=True), 2.0)
    backoff_factor = Kept(_number("backoff_factor", 0, 0.99, open_low=True), 0.5)
    growth_interval = Kept(_number("growth_interval", 1, 100_000, whole=True), 50)
    lr = Kept(_number("lr", 0, 100, open_low=True), 0.1)
    _fixed = traitlets.Dict().tag(sync=True)
    _run = traitlets.Dict().tag(sync=True)

    def __init__(self, network: str = "mlp", *, steps: int = STEPS, **settings: Any) -> None:
        self.checked({"network": network})
        settings = self.checked({"lr": TASKS[network].options["lr"], **settings}, "steps")
        self._steps = steps
        self.runner = Runner(self._show)
        super().__init__(network=network, **settings)
        self.run = self._new_run()
        self._fixed = {
            "buttons": list(BUTTONS),
            "networks": [[name, f"{name}: {task.what}"] for name, task in TASKS.items()],
            "exponents": [EXPONENTS[0], EXPONENTS[-1]],
            "factors": [scale(2.0**k) for k in EXPONENTS],
            "color": FORMATS["float16"].color,
        }
        self._show([])
        for name in self.checks():
            self.observe(self._set, names=name)
        self.on_msg(lambda _widget, button, _buffers: self.press(button))

    def advance(self, steps: int) -> LossScaleRun:
        """Takes so many steps, waits for them, and pauses."""
        self.runner.stop()
        self.runner.wait()
        self.runner.start(self.run, steps)
        self.runner.wait(paused=True)
        return self

    def _new_run(self) -> ScaledRun:
        run = ScaledRun(self.network, scale=2.0**self.k, steps=self._steps)
        for name in ("by_hand", "growth_factor", "backoff_factor", "growth_interval", "lr"):
            self._apply(run, name)
        return run

    def _apply(self, run: ScaledRun, name: str) -> None:
        value = getattr(self, name)
        if name == "k":
            run.set_scale(2.0**value)
        elif name in ("by_hand", "lr"):
            setattr(run, name, value)
            run.held = 2.0**self.k
        else:
            getattr(run.scaler, f"set_{name}")(value)

    def _set(self, change: Any) -> None:
        """A control was moved: its value counts from the next step on; another network begins anew."""
        if change["name"] == "network":
            self._start_over()
            self.lr = TASKS[self.network].options["lr"]
            return
        run = self.run
        if self.runner.at_work:
            run.before_next_step(lambda: self._apply(run, change["name"]))
        else:
            self._apply(run, change["name"])

    def _start_over(self) -> None:
        self.runner.stop()
        self.runner.wait()
        self.run = self._new_run()
        self._show([])

    def press(self, asked: str) -> None:
        """Does what a button does: "start", "pause", "step", "stop" or "start over"."""
        if asked == "start over":
            self._start_over()
        elif asked == "stop":
            self.runner.stop()
        elif asked == "pause":
            self.runner.pause()
        elif asked == "step" and self.runner.at_work:
            self.runner.step()
        elif asked == "start" and self.runner.state == "paused":
            self.runner.go_on()
        elif asked in ("start", "step"):
            try:
                self.runner.start(self.run, 1 if asked == "step" else float("inf"))
                self.message = ""
            except RuntimeError as error:
                self.message = str(error)

    def _show(self, _items: list[Point]) -> None:
        """Called by the runner, at most ten times a second."""
        run, state = self.run, self.runner.state
        if self.runner.error:
            self.message = self.runner.error
        points = run.points[:]
        over = run.training.status in ("finished", "diverged")
        self._run = {
            "state": run.training.status if over else state if points or self.runner.at_work else "ready",
            "can": _allowed(state, over),
            "steps": run.training.settings.steps,
            "panels": [panel._asdict() for panel in figures.panels(points)],
            "skipped": [point.step for point in points if point.skipped],
            "reading": list(figures.reading(run).items()),
            "story": figures.story(run),
        }

    def figure(self, *, dark: bool = False) -> Any:
        """The same as a static Matplotlib Figure."""
        return figures.figure(self.run, dark=dark)

    def alternative(self) -> str:
        """What the widget shows, in words."""
        return figures.alternative(self.run)


def _allowed(state: str, over: bool) -> list[str]:
    """Which buttons do something in a state of the runner."""
    if over:
        return ["start over"]
    if state == "running":
        return ["pause", "stop", "start over"]
    if state == "paused":
        return ["start", "step", "stop", "start over"]
    return ["start", "step", "start over"]
