"""GradScaler's calls as buttons, in any order: after each, what the scaler holds, what came of it, and torch's errors.

Each press is the real call, made by simfp on two tiny models; the front end (widget.js) shows finished texts.
"""

from __future__ import annotations

from typing import Any

import traitlets

from simfp.experiments.mixed_precision.scaler_machine import CALLS, PARTS, Machine
from simfp.figures.mixed_precision import scaler_machine as figures
from simfp.widgets.parts.base import Widget
from simfp.widgets.parts.front_end import module, style

__all__ = ["ScalerMachine"]

ITERATION, ANEW = "a whole iteration", "start over"


class ScalerMachine(Widget):
    """A GradScaler to step through, with two optimizers, a and b.

    Parameters
    ----------
    init_scale, growth_interval
        The GradScaler's.

    `press` makes one of the calls, as the buttons do; outlier_a and outlier_b put a number into the next batches with
    which the gradients of that model overflow. Raises ValueError for a scale that is not above 0 and finite in float32,
    and for an interval that is no whole number above 0.
    """

    _esm = module("scaler_machine")
    _css = style("loss_scale", "scaler_machine")

    outlier_a = traitlets.Bool(False).tag(sync=True)
    outlier_b = traitlets.Bool(False).tag(sync=True)
    _state = traitlets.Dict().tag(sync=True)

    def __init__(self, *, init_scale: float = 2.0**16, growth_interval: int = 3) -> None:
        self._options = {"init_scale": init_scale, "growth_interval": growth_interval}
        self.machine = self._new()
        super().__init__()
        self._tell()
        self.on_msg(self._pressed)

    def press(self, *calls: str) -> ScalerMachine:
        """Makes calls, in this order; "a whole iteration" makes five, "start over" forgets them all.

        Raises ValueError for an unknown call.
        """
        for call in calls:
            self.machine.overflows = {name for name in PARTS if getattr(self, f"outlier_{name}")}
            if call == ANEW:
                self.machine = self._new()
            elif call == ITERATION:
                self.machine.iterate()
            else:
                self.machine.press(call)
        self._tell()
        return self

    def _new(self) -> Machine:
        return Machine(**self._options)  # type: ignore[arg-type]

    def _pressed(self, _widget: Any, call: Any, _buffers: Any) -> None:
        """A button of the front end was pressed."""
        if call in (*CALLS, ITERATION, ANEW):
            self.press(call)

    def _tell(self) -> None:
        history = self.machine.history
        self._state = {
            "calls": [*CALLS, ITERATION, ANEW],
            "held": [list(pair) for pair in figures.held(self.machine)],
            "columns": list(figures.COLUMNS),
            "rows": [list(row) for row in figures.rows(self.machine)],
            "log": [[len(history) - i, *each] for i, each in enumerate(reversed(history[-12:]))],
        }

    def figure(self, *, dark: bool = False) -> Any:
        """The same as a static Matplotlib Figure."""
        return figures.figure(self.machine, dark=dark)

    def alternative(self) -> str:
        """What the widget shows, in words."""
        return figures.alternative(self.machine)
