"""One step of a tensor core, opened: its terms as rows of bits, aligned, cut off, added; L, F and the step by slider.

Every bit and every number on the screen is computed here, by simfp, for the setting of the moment. The front end
(widget.js) sets them in rows: it computes nothing.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import anywidget
import numpy as np
import traitlets

from simfp.experiments.numbers import fused_step as experiment
from simfp.experiments.numbers.fused_step import Step
from simfp.figures.numbers import fused_step as figures
from simfp.figures.palette import look
from simfp.figures.png import png
from simfp.formats import as_format
from simfp.silicon.tensor_core_bits import FRACTION_BITS, ROUNDINGS, TERMS
from simfp.tensor_core import HOPPER, TensorCore
from simfp.widgets.parts.front_end import Kept, module, style
from simfp.widgets.underflow.widget import one_of

__all__ = ["FusedStep", "core_settings", "whole"]

MOST_TERMS_SHOWN = 4096  # products in all


def whole(name: str, values: range) -> Callable[[Any], int]:
    """A check for a setting that takes a whole number of `values`."""

    def check(value: Any) -> int:
        integer = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
        if not integer or value not in values:
            raise ValueError(f"{name} must be a whole number from {values[0]} to {values[-1]}, got {value!r}")
        return int(value)

    return check


def _terms(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value not in TERMS:
        raise ValueError(f"terms must be one of {', '.join(map(str, TERMS))}, got {value!r}")
    return int(value)


# fmt: off
core_settings: dict[str, Callable[[Any], Any]] = {
    "terms":         _terms,
    "fraction_bits": whole("fraction_bits", FRACTION_BITS),
    "rounding":      one_of("rounding", ROUNDINGS),
}
SETTINGS = core_settings | {"step": whole("step", range(1, MOST_TERMS_SHOWN + 1))}
# fmt: on


class FusedStep(anywidget.AnyWidget):  # type: ignore[misc]
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
    _css = style("fused_step")

    terms = Kept(SETTINGS["terms"], 16).tag(sync=True)
    fraction_bits = Kept(SETTINGS["fraction_bits"], 25).tag(sync=True)
    rounding = Kept(SETTINGS["rounding"], "toward_zero").tag(sync=True)
    step = Kept(SETTINGS["step"], 1).tag(sync=True)
    message = traitlets.Unicode("").tag(sync=True)
    _table = traitlets.Dict().tag(sync=True)

    def __init__(self, a: Any, b: Any, fmt: Any = "float16", **settings: Any) -> None:
        self.fmt = as_format(fmt)
        self._accumulator = HOPPER.core(self.fmt).accumulator
        for name, value in settings.items():
            if name not in SETTINGS:
                raise TypeError(f"unknown setting {name!r}; expected one of {', '.join(SETTINGS)}")
            settings[name] = SETTINGS[name](value)
        if np.size(a) > MOST_TERMS_SHOWN:
            raise ValueError(f"at most {MOST_TERMS_SHOWN:,} products are shown step by step, got {np.size(a):,}")
        self._a, self._b = a, b
        self._steps: dict[tuple[int, int, str], tuple[Step, ...]] = {}
        chosen = (settings.get("terms", 16), settings.get("fraction_bits", 25))
        core = TensorCore(*chosen, self._accumulator, settings.get("rounding", "toward_zero"))
        experiment.steps(a, b, self.fmt, core)  # raises for what cannot be shown
        super().__init__(**settings)
        self._tell()
        self.observe(self._tell, names=list(SETTINGS))

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

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """The live widget, and for readers without a kernel its picture and its words."""
        data, metadata = super()._repr_mimebundle_(**options)
        words = self.alternative()
        data |= {"text/plain": words, "image/png": base64.b64encode(png(self.figure())).decode()}
        return data, metadata | {"image/png": {"alt": words}}
