"""Numbers hit the ceiling: a slider moves 2^k, and with it one value, a set of gradients, and a softmax.

Every number on the screen is computed here, by simfp, for every k ahead, and sent as finished text and as counts.
The front end (overflow.js) looks up and draws: it neither rounds nor decodes, and no gradient is ever sent.
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

from simfp.experiments import gradients
from simfp.experiments import overflow as experiment
from simfp.experiments.overflow import MASKED, SHIFTS, Scene, Softmax
from simfp.figures import overflow as figures
from simfp.figures.overflow import DIGITS, MAGNITUDES, question
from simfp.figures.palette import FATES, look
from simfp.figures.png import png
from simfp.figures.words import ceiling, decimal, factor, numbers, origins, power_of_two
from simfp.formats import Format, as_format
from simfp.widgets.front_end import Kept, module, style
from simfp.widgets.underflow import FORMATS, TICK, bars, lane_table, one_of, value_row

__all__ = ["Overflow"]


def _shift(value: Any) -> int:
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or value not in SHIFTS:
        raise ValueError(f"k must be a whole number from {SHIFTS[0]} to {SHIFTS[-1]}, got {value!r}")
    return int(value)


def _switch(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"subtract_max must be True or False, got {value!r}")
    return value


# fmt: off
SETTINGS: dict[str, Callable[[Any], Any]] = {
    "k":            _shift,
    "data":         one_of("data", gradients.NAMES),
    "significand":  one_of("significand", tuple(experiment.SIGNIFICANDS)),
    "subtract_max": _switch,
    "mask":         one_of("mask", tuple(experiment.MASKS)),
    "show":         one_of("show", ("all", "value", "histogram", "softmax")),
}
# fmt: on


class Overflow(anywidget.AnyWidget):  # type: ignore[misc]
    """The overflow slider: everything on the screen is multiplied by 2**k.

    Parameters
    ----------
    k
        A whole number from 0 to 140.
    formats
        The formats side by side: names, or whatever `as_format` takes.
    data
        Which gradients: one of `simfp.experiments.gradients.NAMES`.
    significand
        The single value is this times 2**k: "1", "1.5", "1.999", "below the tie" or "the tie". At k = 15 the last
        three are 65504, float16's largest number; the last float32 that is rounded to it; and 65520, the tie.
    subtract_max
        Whether the softmax subtracts the largest logit first.
    mask
        What is added to a masked logit: "-1e9", "-inf" or "-65504".
    show
        "value", "histogram", "softmax" or "all".

    All but `formats` can be set later, in Python or on the screen; each shows what the other did. A wrong value
    raises ValueError or TypeError here; set later, the last good one is kept and `message` says why.
    """

    _esm = module("overflow")
    _css = style("lanes", "overflow")

    k = Kept(SETTINGS["k"], 0).tag(sync=True)
    data = Kept(SETTINGS["data"], "recorded").tag(sync=True)
    significand = Kept(SETTINGS["significand"], "1").tag(sync=True)
    subtract_max = Kept(SETTINGS["subtract_max"], False).tag(sync=True)
    mask = Kept(SETTINGS["mask"], "-1e9").tag(sync=True)
    show = Kept(SETTINGS["show"], "all").tag(sync=True)
    message = traitlets.Unicode("").tag(sync=True)
    _value = traitlets.Dict().tag(sync=True)  # three tables, so that only what a setting changed is sent again
    _gradients = traitlets.Dict().tag(sync=True)
    _softmax = traitlets.Dict().tag(sync=True)

    def __init__(self, k: int = 0, *, formats: Sequence[Any] = FORMATS, **settings: Any) -> None:
        self.formats = tuple(as_format(fmt) for fmt in formats)
        if not self.formats:
            raise ValueError("`formats` must name at least one format")
        for name, value in {"k": k, **settings}.items():
            if name not in SETTINGS:
                raise TypeError(f"unknown setting {name!r}; expected one of formats, {', '.join(SETTINGS)}")
            SETTINGS[name](value)
        super().__init__(k=k, **settings)
        self._tell()
        for name, tables in TOLD.items():
            self.observe(lambda _change, tables=tables: self._tell(tables), names=name)

    def _tell(self, tables: Sequence[str] = ("_value", "_gradients", "_softmax")) -> None:
        scene = self._scene()
        for name in tables:
            setattr(self, name, TABLES[name](scene))

    def _scene(self) -> Scene:
        return _scene(self.data, self.formats, self.significand, self.subtract_max, self.mask)

    def figure(self, *, dark: bool = False) -> Any:
        """The same as a static Matplotlib Figure."""
        return figures.figure(self._scene(), self.k, show=self.show, dark=dark)

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
def _scene(data: str, formats: tuple[Format, ...], significand: str, subtract_max: bool, mask: str) -> Scene:
    return experiment.scene(data, formats, significand=significand, subtract_max=subtract_max, mask=mask)


@cache
def value_table(scene: Scene) -> dict[str, Any]:
    """What the single value becomes, for every k, and what never changes: finished texts, in the order of SHIFTS."""
    value = scene.landings[0].before
    return {
        "shifts": [SHIFTS[0], SHIFTS[-1]],
        "magnitudes": [MAGNITUDES[0], MAGNITUDES[-1]],
        "ticks": [[x, power_of_two(x)] for x in MAGNITUDES if x % TICK == 0],
        "choices": {
            "data": [[name, name] for name in gradients.NAMES],
            "significand": [[name, _choice(name)] for name in experiment.SIGNIFICANDS],
            "mask": [[name, name.replace("-", "−").replace("inf", "∞")] for name in experiment.MASKS],
        },
        "factors": [factor(-k) for k in SHIFTS],
        "values": [decimal(x, DIGITS) for x in value],
        "value_at": math.log2(value[0]),
        "rows": [value_row(row) for row in scene.landings],
    }


@cache
def gradients_table(scene: Scene) -> dict[str, Any]:
    """What the gradients become, and where the value stands among them, for every k: counts and texts."""
    size = scene.gradients.values.size
    fates = {row.fmt: row.fates for row in scene.landings}
    return {
        "gradients": f"{size:,} gradients, {scene.gradients.name}: {scene.gradients.description}",
        "bars": bars(scene.histogram),
        "lanes": [lane_table(lane, size, fates[lane.fmt], ceiling(lane)) for lane in scene.lanes],
        "fates": [[name, texture.label, texture.meaning] for name, texture in FATES.items()],
    }


@cache
def softmax_table(scene: Scene) -> dict[str, Any]:
    """What the softmax becomes, for every k: places in a list of texts, since many are the same for many k."""
    texts: dict[str, int] = {}

    def place(text: str) -> int:
        return texts.setdefault(text, len(texts))

    def lines(softmax: Softmax) -> list[list[int]]:
        told = [_softmax(softmax, index) for index in range(len(SHIFTS))]
        return [[place(text) for text in line] for line in zip(*told, strict=True)]

    return {
        "questions": [question(scene, index) for index in range(len(SHIFTS))],
        "softmaxes": [
            {
                "label": look(fmt).label,
                "color": look(fmt).color,
                "cases": [[case, lines(cases[case])] for case in MASKED],
            }
            for fmt, cases in scene.softmaxes.items()
        ],
        "texts": list(texts),
    }


# fmt: off
TABLES = {"_value": value_table, "_gradients": gradients_table, "_softmax": softmax_table}
TOLD   = {  # setting -> the tables that tell of it
    "data":         ("_gradients",),
    "significand":  ("_value", "_gradients"),
    "subtract_max": ("_softmax",),
    "mask":         ("_softmax",),
}
# fmt: on


def _choice(name: str) -> str:
    words = {"below the tie": "just below 65520", "the tie": "65520, the tie,"}
    return f"{words[name]} at k = 15" if name in words else f"{name} × 2ᵏ"


def _softmax(softmax: Softmax, index: int) -> tuple[str, str, str]:
    """The weights, what there was on the way, and where infinity and NaN come from."""
    terms = f"exp: {numbers(softmax.exponentials[index])}, sum: {decimal(float(softmax.sums[index]), 3)}"
    return numbers(softmax.weights[index]), terms, origins(softmax, index)
