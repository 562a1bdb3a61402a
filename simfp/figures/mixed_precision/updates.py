"""Updates beside their weights: the bits of one, aligned in three formats; and histograms of a network's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simfp.experiments.mixed_precision.update_ratios import FIRST, Ratios
from simfp.experiments.mixed_precision.updates import Update
from simfp.figures.pages import PAGES
from simfp.figures.palette import look
from simfp.figures.words import decimal, percent, power_of_two
from simfp.formats import Format, as_format

__all__ = ["PLACES", "Line", "alternative", "describe", "figure", "histograms", "lines", "ratio", "verdict"]

PLACES = 38  # columns of bits, from one above the weight's first bit down


class Line(NamedTuple):
    """One row of bits, all in the same columns; spaces stand where there is no bit."""

    name: str
    value: str
    sign: str
    kept: str  # down to the last bit that the format has there
    lost: str  # below it


def _top(told: Update) -> int:
    """The place above the first bit of all three numbers."""
    sizes = [float(x) for x in (told.weight, told.change, told.after) if x]
    return max((math.frexp(x)[1] for x in sizes), default=-told.fmt.mantissa_bits) + 1


def _last_place(x: float, fmt: Format) -> int:
    """The place of the last bit that the format has where a number stands."""
    least = fmt.min_exponent - fmt.mantissa_bits
    return max(math.frexp(x)[1] - fmt.precision, least) if x else least


def _bits(x: Fraction, top: int) -> str:
    """The bits of a magnitude from 2^(top - 1) down, PLACES of them; nothing before the first one."""
    unit = Fraction(2) ** (top - PLACES)
    whole = int(abs(x) / unit)
    text = format(whole, "b").rjust(PLACES) if whole else " " * PLACES
    rest = abs(x) - whole * unit
    return text[:-1] + "…" if rest and whole else " " * (PLACES - 1) + "…" if rest else text


def _signed(x: Fraction | float) -> str:
    return f"{'−' * (x < 0)}{decimal(abs(float(x)), 7)}"


def lines(told: Update) -> list[Line]:
    """The weight, its update and the new weight, as rows of bits."""
    top = _top(told)
    rows = (  # each with the number whose bits say where the format ends
        ("weight", Fraction(told.weight), told.weight),
        ("− lr × gradient", -told.change, told.weight),
        ("new weight", Fraction(told.after), told.after),
    )
    made = []
    for name, x, where in rows:
        text, cut = _bits(x, top), min(max(top - _last_place(where, told.fmt), 0), PLACES)
        sign = "−" if x < 0 else "+" if x > 0 else " "
        made.append(Line(name, _signed(x), sign, text[:cut], text[cut:].rstrip("0")))
    return made


def ratio(told: Update) -> str:
    """How many times the weight is as large as its update."""
    if not told.change:
        return "the update is 0"
    size = abs(told.weight / float(told.change))
    return f"the weight is {decimal(size, 4)} times as large, 2^{math.log2(size):.1f}" if size else "the weight is 0"


def verdict(told: Update) -> str:
    """What became of the update, in a sentence."""
    if not told.gradient:
        return f"the gradient itself is 0 in {look(told.fmt).label}: nothing is left to be done"
    half, wanted = decimal(told.half_step, 3), decimal(abs(float(told.change)), 3)
    if told.absorbed:
        return (
            f"absorbed: {wanted} is {'less than' if abs(told.change) < told.half_step else 'just'} half a step, {half}"
        )
    share = float(abs(told.made) / abs(told.change))
    steps = round(abs(float(told.made)) / (2 * told.half_step))
    moved = f"moved by {steps:,} step{'s' * (steps != 1)}" if steps < 1000 else "moved"
    return f"{moved}: {100 * share:.4g} % of what was wanted"


def figure(updates: Sequence[Update], title: str, *, dark: bool = False) -> Figure:
    """The rows of bits of one update in several formats."""
    page, ink, _, faint, cut = PAGES[dark]
    drawing = Figure(figsize=(10, 0.27 * (5 * len(updates) + 2)), facecolor=page)
    axes = drawing.add_axes((0, 0, 1, 1))
    axes.axis("off")
    axes.set_xlim(0, 100)
    axes.set_ylim(5 * len(updates) + 1.6, 0)
    axes.text(1, 0.8, title, color=ink, fontsize=10, fontweight="bold", va="center")
    start, width = 34.0, 1.4
    y = 2.2
    for told in updates:
        style = look(told.fmt)
        axes.text(1, y, style.label, color=style.color, fontsize=11, fontweight="bold", va="center")
        axes.text(8, y, verdict(told), color=ink, fontsize=9.5, fontweight="bold", va="center")
        for line in lines(told):
            y += 1
            axes.text(8, y, line.name, color=faint, fontsize=8.5, va="center")
            axes.text(32, y, line.value, color=ink, fontsize=8.5, va="center", ha="right")
            for place, digit in enumerate(line.kept + line.lost):
                if digit != " ":
                    color = style.color if place < len(line.kept) else cut
                    axes.text(
                        start + width * (place + 0.5), y, digit, color=color, fontsize=8.5, family="monospace",
                        ha="center", va="center", fontweight="bold" if digit == "1" else "normal",
                    )  # fmt: skip
            edge = start + width * len(line.kept)
            axes.plot([edge, edge], [y - 0.5, y + 0.5], color=cut, lw=1.2, ls="--")
        y += 1.9
    return drawing


def alternative(updates: Sequence[Update], title: str) -> str:
    """The same in words."""
    told = [f"{title}."]
    for each in updates:
        now = f"{_signed(each.weight)} becomes {_signed(each.after)}"
        told.append(f"{look(each.fmt).label}: {now}; {verdict(each)}.")
    return "\n".join(told)


# ---- a network


def histograms(steps: Sequence[Ratios]) -> Axes:
    """How many updates are how large beside their weights, a row for each run; what was absorbed is hatched."""
    drawing = Figure(figsize=(8, 1.7 * len(steps)), layout="constrained")
    axes: Sequence[Axes] = list(drawing.subplots(len(steps), 1, sharex=True, squeeze=False)[:, 0])
    ink = "#808080"  # stands out from a white and from a dark page
    for ax, told in zip(axes, steps, strict=True):
        fmt = as_format(told.fmt)
        style = look(fmt)
        places = [FIRST + i + 0.5 for i in range(len(told.counts))]
        moved = told.counts - told.absorbed
        ax.bar(places, moved, width=0.92, color=style.color, label="moved its weight")
        ax.bar(
            places, told.absorbed, width=0.92, bottom=moved, facecolor="none", edgecolor=style.color, hatch="////",
            label="absorbed",
        )  # fmt: skip
        ax.axvline(-fmt.precision, color=ink, ls="--", lw=1.2)
        share = percent(int(told.absorbed.sum()), int(told.counts.sum()))
        ax.set_title(f"{style.label} weights: {share} absorbed", color=ink, fontsize=10, loc="left")
        ax.tick_params(colors=ink)
        ax.spines[:].set_color(ink)
        ax.legend(frameon=False, labelcolor=ink, fontsize=8, loc="upper right")
    axes[-1].set_xlabel("log2 of |update| / |weight|; dashed: 2^-precision", color=ink)
    return axes[0]


def describe(steps: Sequence[Ratios]) -> str:
    """The same in words."""
    told = []
    for each in steps:
        label, total = look(as_format(each.fmt)).label, int(each.counts.sum())
        largest = max((i for i, count in enumerate(each.absorbed) if count), default=None)
        most = f", the largest below {power_of_two(FIRST + largest + 1)} of its weight" if largest is not None else ""
        lost = int(each.absorbed.sum())
        told.append(f"{label} weights: {lost:,} of {total:,} updates were absorbed ({percent(lost, total)}){most}")
    return f"Sizes of updates beside their weights. {'; '.join(told)}."
