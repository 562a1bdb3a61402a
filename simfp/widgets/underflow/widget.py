"""Numbers fall through the floor: a slider moves 2^-k, and with it one value and a whole set of gradients.

Every number on the screen is computed here, by simfp, for every k ahead, and sent as finished text and as counts.
The front end (widget.js) looks up and draws: it neither rounds nor decodes, and no gradient is ever sent.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import anywidget
import numpy as np
import traitlets

from simfp.bits import bit_string
from simfp.experiments.numbers import gradients
from simfp.experiments.numbers import underflow as experiment
from simfp.experiments.numbers.underflow import SHIFTS, Histogram, Landing, Lane, Scene
from simfp.figures.numbers import underflow as figures
from simfp.figures.numbers.underflow import CLOSE
from simfp.figures.palette import FATES, look
from simfp.figures.png import png
from simfp.figures.words import became, decimal, factor, limits, percent, power_of_two, relative_error
from simfp.formats import Format, as_format
from simfp.rounding import SUBNORMALS
from simfp.widgets.parts.front_end import Kept, module, style

__all__ = ["FORMATS", "TICK", "Underflow", "bars", "lane_table", "one_of", "value_row"]

FORMATS = ("float16", "bfloat16", "float8_e4m3fn", "float8_e5m2")
TICK = 10  # binades between the marks of the ruler


def one_of(name: str, valid: Sequence[str]) -> Callable[[Any], Any]:
    """A check for a setting called `name` that takes one of the `valid` words."""

    def check(value: Any) -> str:
        if not isinstance(value, str) or value not in valid:
            raise ValueError(f"unknown {name} {value!r}; expected one of {', '.join(valid)}")
        return value

    return check


def _shift(value: Any) -> int:
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or value not in SHIFTS:
        raise ValueError(f"k must be a whole number from {SHIFTS[0]} to {SHIFTS[-1]}, got {value!r}")
    return int(value)


def _switch(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"close_up must be True or False, got {value!r}")
    return value


# fmt: off
SETTINGS: dict[str, Callable[[Any], Any]] = {
    "k":           _shift,
    "data":        one_of("data", gradients.NAMES),
    "significand": one_of("significand", tuple(experiment.SIGNIFICANDS)),
    "subnormals":  one_of("subnormals", SUBNORMALS),
    "show":        one_of("show", ("both", "value", "gradients")),
    "close_up":    _switch,
}
# fmt: on


class Underflow(anywidget.AnyWidget):  # type: ignore[misc]
    """The underflow slider: everything on the screen is multiplied by 2**-k.

    Parameters
    ----------
    k
        A whole number from -30 to 140. Negative ones scale up: 2**-k is then a loss scale.
    formats
        The formats side by side: names, or whatever `as_format` takes.
    data
        Which gradients: one of `simfp.experiments.numbers.gradients.NAMES`.
    significand
        The single value is this times 2**-k: "1", "1.5", "4/3" or "1.999".
    subnormals
        "keep" them, or "flush" them to zero, as some hardware and compiler modes do.
    show
        "value", "gradients" or "both".
    close_up
        Whether the ruler shows only the neighbourhood of fp16's floor.

    All but `formats` can be set later, in Python or on the screen; each shows what the other did. A wrong value
    raises ValueError or TypeError here; set later, the last good one is kept and `message` says why.
    """

    _esm = module("underflow")
    _css = style("lanes")

    k = Kept(SETTINGS["k"], 0).tag(sync=True)
    data = Kept(SETTINGS["data"], "recorded").tag(sync=True)
    significand = Kept(SETTINGS["significand"], "1").tag(sync=True)
    subnormals = Kept(SETTINGS["subnormals"], "keep").tag(sync=True)
    show = Kept(SETTINGS["show"], "both").tag(sync=True)
    close_up = Kept(SETTINGS["close_up"], False).tag(sync=True)
    message = traitlets.Unicode("").tag(sync=True)
    _table = traitlets.Dict().tag(sync=True)

    def __init__(self, *, formats: Sequence[Any] = FORMATS, **settings: Any) -> None:
        self.formats = tuple(as_format(fmt) for fmt in formats)
        if not self.formats:
            raise ValueError("`formats` must name at least one format")
        for name, value in settings.items():
            if name not in SETTINGS:
                raise TypeError(f"unknown setting {name!r}; expected one of formats, {', '.join(SETTINGS)}")
            SETTINGS[name](value)
        super().__init__(**settings)
        self._compute()
        self.observe(self._compute, names=["data", "significand", "subnormals"])

    def _compute(self, _change: Any = None) -> None:
        self._table = table(self._scene())

    def _scene(self) -> Scene:
        return _scene(self.data, self.formats, self.significand, self.subnormals)

    def figure(self, *, dark: bool = False) -> Any:
        """The same as a static Matplotlib Figure."""
        return figures.figure(self._scene(), self.k, show=self.show, close_up=self.close_up, dark=dark)

    def alternative(self) -> str:
        """What the widget shows, in words."""
        return figures.alternative(self._scene(), self.k, show=self.show)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """The live widget, and for readers without a kernel its picture and its words."""
        data, metadata = super()._repr_mimebundle_(**options)
        words = self.alternative()
        data |= {"text/plain": words, "image/png": base64.b64encode(png(self.figure())).decode()}
        return data, metadata | {"image/png": {"alt": words}}


@cache
def _scene(data: str, formats: tuple[Format, ...], significand: str, subnormals: str) -> Scene:
    return experiment.scene(data, formats, significand=significand, subnormals=subnormals)


def table(scene: Scene) -> dict[str, Any]:
    """All that the front end shows, for every k: finished texts and counts, in the order of SHIFTS."""
    size = scene.gradients.values.size
    fates = {row.fmt: row.fates for row in scene.landings}
    value = scene.landings[0].before
    return {
        "shifts": [SHIFTS[0], SHIFTS[-1]],
        "close": [CLOSE[0], CLOSE[-1]],
        "ticks": [[exponent, power_of_two(exponent)] for exponent in range(-200, 60, TICK)],
        "choices": {
            "data": [[name, name] for name in gradients.NAMES],
            "significand": [[name, f"{name} × 2⁻ᵏ"] for name in experiment.SIGNIFICANDS],
            "subnormals": [["keep", "kept"], ["flush", "flushed to zero"]],
        },
        "factors": [factor(k) for k in SHIFTS],
        "values": [decimal(x) for x in value],
        "value_at": math.log2(value[-SHIFTS[0]]),
        "rows": [value_row(row) for row in scene.landings],
        "gradients": f"{size:,} gradients, {scene.gradients.name}: {scene.gradients.description}",
        "bars": bars(scene.histogram),
        "lanes": [lane_table(lane, size, fates[lane.fmt], limits(lane)) for lane in scene.lanes],
        "fates": [[name, texture.label, texture.meaning] for name, texture in FATES.items()],
    }


def value_row(row: Landing) -> dict[str, Any]:
    """What one format makes of the single value, for every k."""
    return {
        "label": look(row.fmt).label,
        "color": look(row.fmt).color,
        "bits": [bit_string(int(code), row.fmt) for code in row.codes],
        "after": [decimal(x) for x in row.after],
        "error": [relative_error(x, y) for x, y in zip(row.before, row.after, strict=True)],
        "became": [became(row, index) for index in range(len(row.fates))],
    }


def bars(histogram: Histogram) -> dict[str, Any]:
    """The histogram at k = 0."""
    return {
        "first": histogram.first,
        "width": 1 / experiment.BINS_PER_OCTAVE,
        "heights": histogram.counts.tolist(),
    }


def lane_table(lane: Lane, size: int, fates: Sequence[str], ends: str) -> dict[str, Any]:
    """What one format makes of so many gradients, and the fates of the single value in it, for every k.

    ends: where the numbers of the format end, in words.
    """
    return {
        "label": look(lane.fmt).label,
        "color": look(lane.fmt).color,
        "limits": ends,
        "ends": [math.log2(limit) for limit in lane.limits],
        "staircase": [[exponent, bits / lane.fmt.precision] for exponent, bits in lane.staircase],
        "shares": [[percent(int(count), size) for count in row] for row in lane.shares],
        "fates": list(fates),
    }
