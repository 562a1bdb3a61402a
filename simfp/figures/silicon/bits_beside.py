"""Two codes of one element, a device's and simfp's, as words and as a picture."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from simfp.bits import bit_string, decode
from simfp.figures.pages import PAGES
from simfp.figures.words import decimal
from simfp.silicon.bit_comparison import Beside

__all__ = ["Story", "alternative", "figure", "story"]

OTHER = "#D55E00"


class Story(NamedTuple):
    """One element in words."""

    title: str
    rows: tuple[tuple[str, str, str], ...]  # who, its bits, its value
    marks: tuple[bool, ...]  # for each bit, spaces included, whether the two differ
    told: str  # the difference


def story(each: Beside, live: bool) -> Story:
    """An element: where it is, both codes and what they are worth, and how they differ."""
    texts = [bit_string(code, each.fmt) for code in (each.told, each.made)]
    values = [float(decode(np.array(code, each.fmt.code_dtype), each.fmt)) for code in (each.told, each.made)]
    who = ("the GPU" if live else "the GPU, recorded", "simfp, now")
    apart = f"{each.ulps:,} ulp apart" if each.ulps else "zeros of two signs"
    told = "equal, bit for bit" if each.equal else apart
    went_in = f" for {' and '.join(_value(x) for x in each.given)}" if each.given else ""
    title = f"{each.part}{went_in}, element {', '.join(map(str, each.where)) or 'alone'}"
    rows = tuple((name, bits, _value(value)) for name, bits, value in zip(who, texts, values))
    marks = tuple(not each.equal and x != y for x, y in zip(*texts))
    return Story(title, rows, marks, told)


def _value(x: float) -> str:
    return "NaN" if np.isnan(x) else f"{'−' * bool(np.signbit(x))}{decimal(abs(x), 9)}"


def figure(name: str, told: Story, *, dark: bool = False) -> Figure:
    """The two codes as a picture, the bits that differ bold, in another colour and pointed at."""
    page, ink, *_ = PAGES[dark]
    drawing = Figure(figsize=(9, 2.3), facecolor=page)
    drawing.text(0.02, 0.87, name, color=ink, fontsize=12, fontweight="bold")
    drawing.text(0.02, 0.72, f"{told.title}: {told.told}", color=ink, fontsize=10)
    for line, (who, bits, value) in enumerate(told.rows):
        height = 0.48 - 0.3 * line
        drawing.text(0.02, height, f"{who}: {value}", color=ink, fontsize=10)
        for place, digit in enumerate(bits):
            other = told.marks[place]
            color = OTHER if other else ink
            style: dict[str, Any] = {"family": "monospace", "fontweight": "bold" if other else "normal", "fontsize": 11}
            for text, at in ((digit, height), ("^" * other, height - 0.12)):
                drawing.text(0.45 + 0.0145 * place, at, text, color=color, **style)
    return drawing


def alternative(name: str, told: Story, source: str) -> str:
    """The same in words."""
    lines = [f"{name}: {told.title}.", f"{told.told}."]
    lines += [f"{who}: {bits} is {value}." for who, bits, value in told.rows]
    return "\n".join([*lines, f"The answers were {source}."] if source else lines)
