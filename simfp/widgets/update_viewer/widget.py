"""One weight and its update in bits, in three formats: how much of the update is left?

Every bit and every number is computed here, by simfp's own optimizer; the front end (widget.js) sets them in
rows: it computes nothing.
"""

from __future__ import annotations

import math
from typing import Any

import traitlets

from simfp.experiments.mixed_precision.updates import Update, update
from simfp.figures.mixed_precision import updates as figures
from simfp.figures.palette import look
from simfp.figures.words import decimal, power_of_two
from simfp.widgets.parts.base import Widget
from simfp.widgets.parts.front_end import module, style
from simfp.widgets.parts.settings import Kept

__all__ = ["FORMATS", "UpdateViewer"]

FORMATS = ("bfloat16", "float16", "float32")
LARGEST = 1000.0

# fmt: off
WEIGHTS = tuple(2.0 ** (quarter / 4) for quarter in range(-40, 17))
RATES = tuple(float(f"{digit}e{power}") for power in range(-7, 0) for digit in (1, 2, 5))
GRADIENTS = tuple(float(f"{digit}e{power}") for power in range(-9, 1) for digit in (1, 2, 5))
SLIDERS = {"weight": WEIGHTS, "lr": RATES, "gradient": GRADIENTS}
# fmt: on


def _number(name: str, *, positive: bool) -> Any:
    def check(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:
            raise ValueError(f"{name} must be a finite number, got {value!r}")
        if abs(value) > LARGEST or (positive and value <= 0):
            low = "above 0" if positive else f"from −{LARGEST:g}"
            raise ValueError(f"{name} must be {low} to {LARGEST:g}, got {value!r}")
        return float(value)

    return check


class UpdateViewer(Widget):
    """One step of plain SGD on one weight, weight - lr * gradient, in bf16, fp16 and fp32, every bit in its place.

    Parameters
    ----------
    weight, lr
        Numbers above 0, at most 1000.
    gradient
        A number from -1000 to 1000; positive makes the weight smaller.

    All can be set later, in Python or on the screen. A wrong value raises ValueError here; set later, the last good one
    is kept and `message` says why.
    """

    _esm = module("update_viewer")
    _css = style("update_viewer")

    weight = Kept(_number("weight", positive=True), 1.5)
    lr = Kept(_number("lr", positive=True), 1e-3)
    gradient = Kept(_number("gradient", positive=False), 1e-1)
    _table = traitlets.Dict().tag(sync=True)

    def __init__(self, weight: float = 1.5, lr: float = 1e-3, gradient: float = 1e-1) -> None:
        settings = {"weight": weight, "lr": lr, "gradient": gradient}
        super().__init__(**self.checked(settings))
        self._tell()
        self.observe(self._tell, names=list(SLIDERS))

    def updates(self) -> tuple[Update, ...]:
        """The update as each format has it."""
        return tuple(update(self.weight, self.lr, self.gradient, fmt) for fmt in FORMATS)

    def title(self) -> str:
        """The setting in words."""
        wide = self.updates()[-1]
        told = f"weight {decimal(self.weight, 4)}, lr {decimal(self.lr, 3)}, gradient {decimal(self.gradient, 3)}"
        return f"{told}: the update is {decimal(abs(float(wide.change)), 3)}; {figures.ratio(wide)}"

    def _tell(self, _change: Any = None) -> None:
        updates = self.updates()
        self._table = {
            "sliders": {
                name: {
                    "values": list(values),
                    "texts": [_text(name, value) for value in values],
                    "now": _text(name, getattr(self, name)),
                }
                for name, values in SLIDERS.items()
            },
            "title": self.title(),
            "formats": [
                {
                    "label": look(told.fmt).label,
                    "color": look(told.fmt).color,
                    "verdict": figures.verdict(told),
                    "lost": told.absorbed or not told.change,
                    "lines": [list(line) for line in figures.lines(told)],
                }
                for told in updates
            ],
            "places": figures.PLACES,
            "words": self.alternative(),
        }

    def figure(self, *, dark: bool = False) -> Any:
        """The same as a static Matplotlib Figure."""
        return figures.figure(self.updates(), self.title(), dark=dark)

    def alternative(self) -> str:
        """What the widget shows, in words."""
        return figures.alternative(self.updates(), self.title())


def _text(name: str, value: float) -> str:
    exponent = math.log2(abs(value)) if value else 0.5
    if name == "weight" and exponent.is_integer() and value > 0:
        return f"weight = {power_of_two(int(exponent))}" + ("" if exponent else " = 1")
    return f"{name} = {decimal(value, 4)}"
