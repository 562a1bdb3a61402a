"""What widgets share that have buttons for long work: run, pause, step, stop, and again from the beginning."""

from __future__ import annotations

from typing import Any, ClassVar

import traitlets

from simfp.widgets.parts.base import Widget
from simfp.widgets.parts.running import Runner

__all__ = ["PRESSES", "RunButtons"]

PRESSES = ("run", "pause", "step", "stop", "again")


class RunButtons(Widget):
    """A widget whose buttons begin a job, stop it, and so on. `message` says why one was refused.

    A subclass has `_begin`, which makes a new `_job` of the settings and a new `_runner` for it, `_show`, which is the
    `show` of that Runner, and `_items`.

    AT_STANDSTILL: the settings that begin anew, and are refused while the work is not over; what readers call them.
    """

    AT_STANDSTILL: ClassVar[dict[str, str]] = {}

    _pressed = traitlets.List([0, ""]).tag(sync=True)  # a number that grows, and which button it was

    _job: Any
    _reverting = False

    def __init__(self, **settings: Any) -> None:
        self._runner = Runner(self._show)
        super().__init__(**settings)
        self._begin()
        self.observe(self._begin_anew, names=list(self.AT_STANDSTILL))
        self.observe(self._press, names=["_pressed"])

    def _begin(self) -> None:
        raise NotImplementedError

    def _show(self, items: list[Any]) -> None:
        raise NotImplementedError

    @property
    def _items(self) -> int:
        """How many items of the job one step takes."""
        raise NotImplementedError

    @property
    def state(self) -> str:
        """How the work stands: "ready", "running", "paused", "stopped", "finished" or "failed"."""
        return self._runner.state

    def run(self) -> None:
        """Begins, or goes on. While it runs already, it says so."""
        self.message = ""
        if self._runner.state == "paused":
            self._runner.go_on()
            return
        try:
            self._runner.start(self._job)
        except RuntimeError as refusal:
            self.message = f"{refusal}"[0].upper() + f"{refusal}."[1:]

    def pause(self) -> None:
        """Stands still; a step in the making counts as not begun."""
        self._runner.pause()

    def step(self) -> None:
        """Takes one more step, of each run where there are several, and pauses."""
        self.message = ""
        if self._runner.at_work:
            self._runner.step(self._items)
        else:
            self._runner.start(self._job, self._items)

    def stop(self) -> None:
        """Ends the work; it can be gone on with, to the same bits."""
        self._runner.stop()

    def again(self) -> None:
        """Back to the first step."""
        self.message = ""
        self._runner.stop()
        self._runner.wait(10)
        self._begin()

    def wait(self, seconds: float | None = None, *, paused: bool = False) -> str:
        """Waits until the work is over, or `seconds` are; the state then. See `Runner.wait`."""
        return self._runner.wait(seconds, paused=paused)

    def close(self) -> None:
        """Ends the work, and the widget."""
        runner = getattr(self, "_runner", None)
        if runner is not None:
            runner.stop()
        super().close()

    def _begin_anew(self, change: Any) -> None:
        """A setting was changed; while the work is not over, it is changed back, and `message` says so."""
        name = change["name"]
        if self._reverting or change["new"] == change["old"]:
            return
        if self._runner.at_work:
            self._reverting = True
            setattr(self, name, change["old"])
            self._reverting = False
            self.message = f"The {self.AT_STANDSTILL[name]} can be changed when the run is over: stop it first."
            self.send_state(name)
            return
        try:
            self._begin()
        except ValueError as error:
            self.message = str(error)

    def _press(self, change: Any) -> None:
        _, button = change["new"]
        if button in PRESSES:
            getattr(self, button)()
