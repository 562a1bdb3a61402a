"""Numbers hit the ceiling: a slider moves 2^k, and with it one value, a set of gradients, and a softmax.

Every number on the screen is computed here, by simfp, for every k ahead, and sent as finished text and as counts.
The front end (widget.js) looks up and draws: it neither rounds nor decodes, and no gradient is ever sent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

import traitlets

from simfp.experiments.numbers import gradients
from simfp.experiments.numbers import overflow as experiment
from simfp.experiments.numbers.overflow import MASKED, SHIFTS, Scene, Softmax
from simfp.figures.numbers import overflow as figures
from simfp.figures.numbers.overflow import DIGITS, MAGNITUDES, question
from simfp.figures.numbers.words import ceiling, origins
from simfp.figures.palette import FATES, look
from simfp.figures.words import decimal, factor, numbers, power_of_two
from simfp.formats import Format
from simfp.widgets.parts.base import Widget
from simfp.widgets.parts.front_end import module, style
from simfp.widgets.parts.lanes import FORMATS, TICK, bars, lane_table, value_row
from simfp.widgets.parts.settings import Kept, formats_of, one_of, switch, whole

__all__ = ["Overflow"]


class Overflow(Widget):
    """The overflow slider: everything on the screen is multiplied by 2**k.

    Parameters
    ----------
    k
        A whole number from 0 to 140.
    formats
        The formats side by side: names, or whatever `as_format` takes.
    data
        Which gradients: one of `simfp.experiments.numbers.gradients.NAMES`.
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

    k = Kept(whole("k", SHIFTS), 0)
    data = Kept(one_of("data", gradients.NAMES), "recorded")
    significand = Kept(one_of("significand", tuple(experiment.SIGNIFICANDS)), "1")
    subtract_max = Kept(switch("subtract_max"), False)
    mask = Kept(one_of("mask", tuple(experiment.MASKS)), "-1e9")
    show = Kept(one_of("show", ("all", "value", "histogram", "softmax")), "all")
    _value = traitlets.Dict().tag(sync=True)  # three tables, so that only what a setting changed is sent again
    _gradients = traitlets.Dict().tag(sync=True)
    _softmax = traitlets.Dict().tag(sync=True)

    def __init__(self, k: int = 0, *, formats: Sequence[Any] = FORMATS, **settings: Any) -> None:
        self.formats = formats_of(formats)
        super().__init__(**self.checked({"k": k, **settings}, "formats"))
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
