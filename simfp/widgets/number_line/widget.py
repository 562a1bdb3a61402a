"""A number dragged along the line of a format, and where each rounding sends it.

Every place and every text on the screen is computed here, by simfp, for the x of the moment. The front end
(widget.js) draws them, and says what the hand did: it computes nothing.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import traitlets

from simfp.experiments.numbers import number_line as experiment
from simfp.explain import explain, parse_number
from simfp.figures.numbers import number_line as figures
from simfp.figures.palette import FORMATS, look
from simfp.figures.words import decimal
from simfp.formats import Format, as_format
from simfp.rounding import ROUNDING_MODES, next_down, next_up, round_to, ulp
from simfp.widgets.parts.base import Widget
from simfp.widgets.parts.front_end import module, style
from simfp.widgets.parts.settings import Kept, one_of, whole

__all__ = ["NumberLine"]

GRID = 16  # parts of an ulp that a dragged x stops at, so that a hand can find a tie
MOST_THROWS = 100_000
LABELS = 6  # numbers with their value written under them
DOTS = 200  # throws drawn one by one


def _typed(value: Any) -> str:
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (str, int, float, np.integer, np.floating)):
        raise TypeError(f"x must be a number or a text that reads as one, got {value!r}")
    whole = isinstance(value, (int, np.integer))
    text = value.strip() if isinstance(value, str) else str(int(value)) if whole else repr(float(value))
    number = parse_number(text)
    if isinstance(number, float) and not math.isfinite(number):
        raise ValueError(f"x must be finite to stand on the line, got {text!r}")
    try:
        float(number)  # the nearest one, where x is drawn
    except OverflowError:
        shown = text if len(text) <= 40 else f"{text[:40]}..."
        raise ValueError(
            f"x must be at most {sys.float_info.max:.6g} in magnitude (float64's), got {shown!r}"
        ) from None
    return text


class NumberLine(Widget):
    """The line of a format around x; drag x, and see where each rounding sends it.

    Parameters
    ----------
    x
        A finite number, or text that `simfp.explain.parse_number` reads ("0.1", "0x1.8p-14", "2^-24"), kept exactly.
    fmt
        The format: a name, or whatever `as_format` takes.
    rounding
        The rounding that stands out: one of `simfp.rounding.ROUNDING_MODES`.
    scale
        "linear" or "log".
    span
        How much is in view: 2**span steps of the format to either side, and at most the whole format.
    throws, seed
        How often x is rounded stochastically, and with which seed.

    All can be set later, in Python or on the screen; each shows what the other did. A wrong value raises ValueError or
    TypeError here; set later, the last good one is kept and `message` says why.
    """

    _esm = module("number_line")
    _css = style("number_line")

    x = Kept(_typed, "0.1")
    fmt = Kept(lambda value: value, "float16")
    rounding = Kept(one_of("rounding", tuple(ROUNDING_MODES)), "nearest_even")
    scale = Kept(one_of("scale", experiment.SCALES), "linear")
    span = Kept(whole("span", range(601)), 2)
    throws = Kept(whole("throws", range(1, MOST_THROWS + 1)), 200)
    seed = Kept(whole("seed", range(2**53 + 1)), 0)
    _table = traitlets.Dict().tag(sync=True)

    def __init__(self, x: Any = "0.1", *, fmt: Any = "float16", span: Any = None, **settings: Any) -> None:
        self._formats: dict[str, Format] = {name: as_format(name) for name in FORMATS}
        chosen = as_format(fmt)
        self._formats.setdefault(chosen.name, chosen)
        if self._formats[chosen.name] != chosen:
            raise ValueError(f"the name {chosen.name!r} is that of another format; give yours a name of its own")
        settings |= {"x": x} | ({} if span is None else {"span": span})
        settings = self.checked(settings, "fmt")
        self._centre = 0.0
        self._answers = 0
        super().__init__(fmt=chosen.name, **settings)
        self._look_at_x()
        self.observe(self._follow, names=["x", "fmt", "rounding", "scale", "span", "throws", "seed"])
        self.on_msg(self._act)

    @traitlets.validate("fmt")  # type: ignore[untyped-decorator]
    def _known(self, proposal: Any) -> str:
        given = proposal["value"]
        if isinstance(given, str) and given in self._formats:
            return given
        try:
            fmt = as_format(given)
        except (TypeError, ValueError) as error:
            self.message = f"{error}; kept {self.fmt!r}"
            return str(self.fmt)
        self._formats.setdefault(fmt.name, fmt)
        return fmt.name

    @property
    def format(self) -> Format:
        """The format whose line it is."""
        return self._formats[self.fmt]

    @property
    def value(self) -> float:
        """x as the nearest float64."""
        return float(parse_number(self.x))

    def results(self) -> dict[str, float]:
        """Where each deterministic rounding sends x."""
        return experiment.settled(self.x, self.format)

    def _follow(self, change: Any) -> None:
        if change["name"] in ("fmt", "span", "scale") or not 0 <= self._view().place(self.value) <= 1:
            self._look_at_x()
        else:
            self._compute()

    def _look_at_x(self) -> None:
        """Moves the view to x, so that a number of the format stands in its middle."""
        self._centre = float(round_to(self.value, self.format, overflow="saturate"))
        self._compute()

    def _view(self) -> experiment.View:
        span = min(self.span, experiment.widest(self.format))
        return experiment.view(self._centre, self.format, scale=self.scale, span=span)

    def _throws(self) -> experiment.Throws:
        return experiment.throw(self.value, self.format, count=self.throws, seed=self.seed)

    # ---- what a hand does

    def _act(self, _widget: Any, content: Any, _buffers: Any) -> None:
        """One move of the hand: `{"to": 0.4}` along the line, `{"steps": -1}` on the grid, `{"go": "tie"}`."""
        self._answers += 1
        before = self._table
        with self.hold_sync():  # x and table together
            if "to" in content:
                self._slide(float(content["to"]))
            elif "steps" in content:
                self.x = repr(self._snapped(self.value) + int(content["steps"]) * self._grain())
            elif content.get("go") in MOVES:
                self.x = repr(MOVES[content["go"]](self))
            elif "zoom" in content:
                widest = experiment.widest(self.format)
                self.span = min(max(min(self.span, widest) + int(content["zoom"]), 0), widest)
            elif "throw" in content:
                self.seed += 1
            if self._table is before:  # an answer to every message, also where nothing changed
                self._compute()

    def _slide(self, place: float) -> None:
        stretch = self._view()
        value = stretch.value(min(max(place, 0.0), 1.0))
        self.x = repr(self._snapped(value) if stretch.count <= experiment.MOST_MARKS else value)

    def _grain(self) -> float:
        return float(ulp(self.value, self.format)) / GRID

    def _snapped(self, value: float) -> float:
        grain = float(ulp(value, self.format)) / GRID
        return round(value / grain) * grain

    def tie(self) -> float:
        """Half way between the two neighbours of x; above x where x is one of them."""
        told = explain(self.x, self.format)
        below = told.below
        above = told.above if told.above != below else float(next_up(below, self.format))
        if not (math.isfinite(below) and math.isfinite(above)):
            return self.value
        return (below + above) / 2

    # ---- what the screen shows

    def _compute(self) -> None:
        self._table = self._tell()

    def _tell(self) -> dict[str, Any]:
        """All that the front end shows: places from 0 to 1, and finished texts."""
        stretch, fmt, x = self._view(), self.format, self.value
        numbers = experiment.marks(stretch)
        close = stretch.count <= experiment.MOST_MARKS
        every = max(1, math.ceil(len(numbers) / LABELS))
        throws = self._throws()
        most = int(throws.counts.sum())
        ties = (numbers[1:] + numbers[:-1]) / 2 if close else np.empty(0)
        told = explain(self.x, fmt, "nearest_even")
        return {
            "choices": {
                "fmt": [[name, look(each).label] for name, each in self._formats.items()],
                "rounding": [[mode, mode] for mode in ROUNDING_MODES],
                "scale": [[scale, scale] for scale in experiment.SCALES],
            },
            "answers": self._answers,
            "label": look(fmt).label,
            "color": look(fmt).color,
            "spans": [0, experiment.widest(fmt)],
            "marks": [
                [stretch.place(float(number)), decimal(float(number), 7) if index % every == 0 else ""]
                for index, number in enumerate(numbers)
            ],
            "ties": [stretch.place(float(tie)) for tie in ties],
            "x": [stretch.on_screen(x), self.x],
            "tie": told.tie is not None and x == float(told.tie),
            "exact": told.below == told.above,
            "rows": [
                [mode, stretch.on_screen(result), decimal(result, 9), mode == self.rounding]
                for mode, result in self.results().items()
            ],
            "throws": [
                [stretch.on_screen(float(value)), math.ceil(int(count) * DOTS / max(most, DOTS))]
                for value, count in zip(throws.values, throws.counts, strict=True)
            ],
            "average": stretch.on_screen(throws.average),
            "thrown": figures.thrown(throws),
            "stochastic": self.rounding == "stochastic",
            "why": told.why,
            "caption": _caption(stretch, close),
        }

    def figure(self, *, dark: bool = False) -> Any:
        """The same as a static Matplotlib Figure."""
        return figures.figure(self._view(), self.value, self.results(), self._throws(), self.rounding, dark=dark)

    def alternative(self) -> str:
        """What the widget shows, in words."""
        return figures.alternative(self._view(), self.x, self.results(), self._throws(), self.rounding)


# fmt: off
MOVES: dict[str, Callable[[NumberLine], float]] = {
    "down":  lambda line: _finite(line, next_down(line.value, line.format)),
    "up":    lambda line: _finite(line, next_up(line.value, line.format)),
    "tie":   NumberLine.tie,
    "first": lambda line: -line.format.max if line.scale == "linear" else line.format.smallest_subnormal,
    "last":  lambda line: line.format.max,
}
# fmt: on


def _finite(line: NumberLine, value: Any) -> float:
    """`value`, or the x that was where there is no neighbour to go to."""
    return float(value) if math.isfinite(value) else line.value


def _caption(stretch: experiment.View, close: bool) -> str:
    label = look(stretch.fmt).label
    ends = f"from {decimal(stretch.low)} to {decimal(stretch.high)}"
    if stretch.scale == "log":
        ends += " (a logarithmic line has no zero and no negative numbers: they stand off its left end)"
    if close:
        return f"{label} owns {stretch.count:,} numbers {ends}: the bars. Rings: the ties, half way between two."
    return f"{label} owns {stretch.count:,} numbers {ends}: too many to draw. The bars: every {stretch.stride:,}th."
