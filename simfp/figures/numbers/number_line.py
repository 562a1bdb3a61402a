"""The number line standing still: for readers without a kernel, for print, for slides."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.figure import Figure

from simfp.experiments.numbers.number_line import DETERMINISTIC, MOST_MARKS, Throws, View, marks
from simfp.figures.pages import PAGES
from simfp.figures.palette import look
from simfp.figures.words import decimal

__all__ = ["alternative", "figure", "thrown"]


def figure(
    stretch: View, x: float, results: dict[str, float], throws: Throws, rounding: str, *, dark: bool = False
) -> Figure:
    """The format's numbers, x among them, and an arrow to where each rounding sends it."""
    page, ink, *_ = PAGES[dark]
    label, color = look(stretch.fmt)
    drawing = Figure(figsize=(9, 3.4), facecolor=page, layout="constrained")
    axes = drawing.subplots()
    axes.set_facecolor(page)
    axes.set_axis_off()
    axes.set_xlim(-0.28, 1.03)
    axes.set_ylim(-len(DETERMINISTIC) - 2.4, 2.2)
    axes.hlines(0, 0, 1, color=ink, lw=1)
    numbers = marks(stretch)
    places = np.array([stretch.place(number) for number in numbers])
    axes.vlines(places, -0.25, 0.5, color=color, lw=1.5)
    if stretch.count <= MOST_MARKS:
        middles = (numbers[1:] + numbers[:-1]) / 2
        axes.scatter([stretch.place(tie) for tie in middles], [0] * len(middles), s=14, facecolor=page, edgecolor=ink)
    every = max(1, math.ceil(len(numbers) / 9))
    for place, number in zip(places[::every], numbers[::every], strict=True):
        axes.text(place, 0.65, decimal(number), color=ink, fontsize=8, ha="center")
    at = stretch.on_screen(x)
    axes.scatter([at], [0], s=50, color=ink, zorder=5)
    axes.vlines([at], -len(DETERMINISTIC) - 1.6, 0, color=ink, lw=1, ls="--")
    for line, mode in enumerate(DETERMINISTIC, start=1):
        bold = "bold" if mode == rounding else "normal"
        told = f"{mode}: {decimal(results[mode], 9)}"
        axes.text(-0.02, -line, told, color=ink, fontsize=9, ha="right", va="center", fontweight=bold)
        to, width = stretch.on_screen(results[mode]), 2.5 if bold == "bold" else 1.2
        axes.plot([at, to], [-line, -line], color=color, lw=width)
        axes.plot([to], [-line], marker="o" if to == at else ">" if to > at else "<", color=color, ms=4 + width)
    line = -len(DETERMINISTIC) - 1
    weight = "bold" if rounding == "stochastic" else "normal"
    axes.text(-0.02, line, "stochastic", color=ink, fontsize=9, ha="right", va="center", fontweight=weight)
    for value, count in zip(throws.values, throws.counts, strict=True):
        axes.scatter(
            [stretch.on_screen(value)], [line], s=300 * count / throws.counts.sum() + 4, color=color, alpha=0.6
        )
    axes.scatter([stretch.on_screen(throws.average)], [line], marker="|", s=120, color=ink)
    axes.text(-0.28, line - 1, thrown(throws), color=ink, fontsize=9, va="center")
    axes.set_title(f"{label}: x = {decimal(x, 10)}, {rounding}", loc="left", fontsize=10, color=ink)
    return drawing


def thrown(throws: Throws) -> str:
    """What the stochastic throws did, in words."""
    places = ", ".join(
        f"{count} at {decimal(value, 9)}" for value, count in zip(throws.values, throws.counts, strict=True)
    )
    if not math.isfinite(throws.average):
        return f"{int(throws.counts.sum())} throws: {places}; no average"
    off = f"{throws.off_ulps:+.3f}".replace("-", "−")
    return (
        f"{int(throws.counts.sum())} throws: {places}; their average {decimal(throws.average, 9)} is x {off} ulp "
        f"(chance alone makes about ± {throws.expected_ulps:.3f})"
    )


def alternative(stretch: View, x: str, results: dict[str, float], throws: Throws, rounding: str) -> str:
    """The same in words."""
    label = look(stretch.fmt).label
    lines = [f"Number line of {label} from {decimal(stretch.low)} to {decimal(stretch.high)}, {stretch.scale}."]
    goes = f"{rounding} sends it to {decimal(results[rounding], 9)}" if rounding in results else "rounded by chance"
    lines.append(f"x = {x}; {goes}.")
    lines.append(", ".join(f"{mode} to {decimal(result, 9)}" for mode, result in results.items()) + ".")
    lines.append(f"Stochastic: {thrown(throws)}.")
    return "\n".join(lines)
