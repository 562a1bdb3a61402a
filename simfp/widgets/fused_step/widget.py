"""One step of a tensor core, opened: its terms as rows of bits, aligned, cut off, added; L, F and the step by slider.

Every bit and every number on the screen is computed here, by simfp, for the setting of the moment. The front end
(widget.js) sets them in rows: it computes nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import traitlets

from simfp.experiments.numbers import fused_step as experiment
from simfp.experiments.numbers.fused_step import Step
from simfp.figures.numbers import fused_step as figures
from simfp.figures.palette import look
from simfp.formats import as_format
from simfp.silicon.tensor_core_bits import FRACTION_BITS, ROUNDINGS, TERMS
from simfp.tensor_core import HOPPER, TensorCore
from simfp.widgets.parts.base import Widget
from simfp.widgets.parts.front_end import module, style
from simfp.widgets.parts.settings import Kept, whole
from simfp.widgets.parts.tensor_core import core_settings

__all__ = ["FusedStep"]

MOST_TERMS_SHOWN = 4096  # products in all


class FusedStep(Widget):
    """The sum of the products of two vectors, one step of a tensor core at a time, every term in bits.

    Parameters
    ----------
    a, b
        Vectors of one length: finite values of `fmt`, numbers or an Array.
    fmt
        The format of both: a name, or whatever `as_format` takes; one that Hopper's tensor cores take.
    terms
        Products of one step, L: 1, 2, 4, 8, 16 or 32.
    fraction_bits
        Bits kept of each term below the largest exponent of a step, F: 10 to 30.
    rounding
        Of the running sum: "toward_zero" or "nearest_even".
    step
        Which step is shown, from 1; one beyond the last shows the last.

    All but the vectors and their format can be set later, in Python or on the screen. A wrong value raises ValueError
    or TypeError here; set later, the last good one is kept and `message` says why.
    """

    _esm = module("fused_step")
    _css = style("tensor_core")

    terms = Kept(core_settings["terms"], 16)
    fraction_bits = Kept(core_settings["fraction_bits"], 25)
    rounding = Kept(core_settings["rounding"], "toward_zero")
    step = Kept(whole("step", range(1, MOST_TERMS_SHOWN + 1)), 1)
    _table = traitlets.Dict().tag(sync=True)

    def __init__(self, a: Any, b: Any, fmt: Any = "float16", **settings: Any) -> None:
        self.fmt = as_format(fmt)
        self._accumulator = HOPPER.core(self.fmt).accumulator
        settings = self.checked(settings)
        if np.size(a) > MOST_TERMS_SHOWN:
            raise ValueError(f"at most {MOST_TERMS_SHOWN:,} products are shown step by step, got {np.size(a):,}")
        self._a, self._b = a, b
        self._steps: dict[tuple[int, int, str], tuple[Step, ...]] = {}
        chosen = (settings.get("terms", 16), settings.get("fraction_bits", 25))
        core = TensorCore(*chosen, self._accumulator, settings.get("rounding", "toward_zero"))
        experiment.steps(a, b, self.fmt, core)  # raises for what cannot be shown
        super().__init__(**settings)
        self._tell()
        self.observe(self._tell, names=list(self.checks()))

    def core(self) -> TensorCore:
        """The unit with the parameters of the sliders."""
        return TensorCore(self.terms, self.fraction_bits, self._accumulator, self.rounding)

    def steps(self) -> tuple[Step, ...]:
        """All steps, with these parameters."""
        key = (self.terms, self.fraction_bits, self.rounding)
        if key not in self._steps:
            self._steps[key] = experiment.steps(self._a, self._b, self.fmt, self.core())
        return self._steps[key]

    def shown(self) -> Step:
        """The step that is on the screen."""
        steps = self.steps()
        number: int = min(self.step, len(steps))
        return steps[number - 1]

    def _tell(self, _change: Any = None) -> None:
        try:
            core, step, count = self.core(), self.shown(), len(self.steps())
        except ValueError as error:  # the sum overflows with these settings
            self.message = str(error)
            return
        table = figures.rows(step, core)
        self._table = {
            "steps": count,
            "step": step.number + 1,
            "choices": {"rounding": [[name, name.replace("_", " ")] for name in ROUNDINGS]},
            "terms": list(TERMS),
            "fraction_bits": [FRACTION_BITS[0], FRACTION_BITS[-1]],
            "title": f"{look(self.fmt).label}, {figures.title(step, core, count)}",
            "rows": [list(row) for row in table],
            "tail": figures.TAIL,
            "outcome": [list(line) for line in figures.outcome(step, core)],
            "words": figures.alternative(step, core, count, self.fmt),
        }

    def figure(self, *, dark: bool = False) -> Any:
        """The same as a static Matplotlib Figure."""
        return figures.figure(self.shown(), self.core(), len(self.steps()), self.fmt, dark=dark)

    def alternative(self) -> str:
        """What the widget shows, in words."""
        return figures.alternative(self.shown(), self.core(), len(self.steps()), self.fmt)
