"""Numbers fall through the floor: a slider moves 2^-k, and with it one value and a whole set of gradients.

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
from simfp.experiments.numbers import underflow as experiment
from simfp.experiments.numbers.underflow import SHIFTS, Scene
from simfp.figures.numbers import underflow as figures
from simfp.figures.numbers.underflow import CLOSE
from simfp.figures.numbers.words import limits
from simfp.figures.palette import FATES
from simfp.figures.words import decimal, factor, power_of_two
from simfp.formats import Format
from simfp.rounding import SUBNORMALS
from simfp.widgets.parts.base import Widget
from simfp.widgets.parts.front_end import module, style
from simfp.widgets.parts.lanes import FORMATS, TICK, bars, lane_table, value_row
from simfp.widgets.parts.settings import Kept, formats_of, one_of, switch, whole

__all__ = ["Underflow"]


class Underflow(Widget):
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

    k = Kept(whole("k", SHIFTS), 0)
    data = Kept(one_of("data", gradients.NAMES), "recorded")
    significand = Kept(one_of("significand", tuple(experiment.SIGNIFICANDS)), "1")
    subnormals = Kept(one_of("subnormals", SUBNORMALS), "keep")
    show = Kept(one_of("show", ("both", "value", "gradients")), "both")
    close_up = Kept(switch("close_up"), False)
    _table = traitlets.Dict().tag(sync=True)

    def __init__(self, *, formats: Sequence[Any] = FORMATS, **settings: Any) -> None:
        self.formats = formats_of(formats)
        super().__init__(**self.checked(settings, "formats"))
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
