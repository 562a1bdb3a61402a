"""The underflow slider at one k, standing still: for readers without a kernel, for print, for slides."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from simfp.bits import bit_string
from simfp.experiments.numbers.underflow import BINS_PER_OCTAVE, SHIFTS, Histogram, Landing, Lane, Scene
from simfp.figures.numbers.words import became, limits
from simfp.figures.pages import PAGES
from simfp.figures.palette import FATES, look
from simfp.figures.words import decimal, factor, percent, power_of_two, relative_error

__all__ = ["CLOSE", "alternative", "draw_bits", "draw_lane", "figure", "shares_in_words"]

CLOSE = range(-30, 51)  # the shifts, and so the magnitudes, of the close-up
FLOOR = 0.12  # thickness of the floor under numbers of full precision; the tallest bar is 1


def figure(scene: Scene, k: int, *, show: str = "both", close_up: bool = False, dark: bool = False) -> Figure:
    """Bits of the single value above, a lane of gradients for each format below, at shift `k`."""
    page, ink, *_ = PAGES[dark]
    rows = [] if show == "gradients" else list(scene.landings)
    heights = [0.3 * (len(rows) + 2)] * bool(rows) + [1.2 if show != "value" else 0.7] * len(scene.lanes)
    drawing = Figure(figsize=(9, sum(heights) + 0.9), facecolor=page, layout="constrained")
    places = np.atleast_1d(drawing.subplots(len(heights), 1, height_ratios=heights))
    drawing.suptitle(f"k = {k}: everything × {factor(k)}", color=ink, x=0.01, ha="left", fontweight="bold")
    if rows:
        draw_bits(places[0], rows, k, ink=ink)
    span = CLOSE if close_up and k in CLOSE else SHIFTS
    fates = {row.fmt: row for row in scene.landings}
    for axes, lane in zip(places[bool(rows) :], scene.lanes, strict=True):
        bars = None if show == "value" else scene.histogram
        point = None if show == "gradients" else fates[lane.fmt]
        draw_lane(axes, lane, k, histogram=bars, point=point, dark=dark)
        axes.set_xlim(-span[-1], -span[0])
        axes.tick_params(labelbottom=axes is places[-1])
    return drawing


def draw_bits(
    axes: Axes, landings: list[Landing], k: int, *, ink: str = "black", shifts: range = SHIFTS, digits: int = 6
) -> Axes:
    """One line for each format: the bits of the value, what it became, its error, its fate."""
    index = shifts.index(k)
    columns = {"format": 0.0, "bits": 0.11, "becomes": 0.5, "error": 0.63, "what became of it": 0.74}
    table: list[tuple[str, ...]] = [tuple(columns)]
    for row in landings:
        error = relative_error(row.before[index], row.after[index])
        bits = bit_string(int(row.codes[index]), row.fmt)
        table.append((look(row.fmt).label, bits, decimal(row.after[index]), error, became(row, index)))
    axes.axis("off")
    axes.set_title(f"the value {decimal(landings[0].before[index], digits)}", loc="left", fontsize=10, color=ink)
    for line, texts in enumerate(table):
        for place, text in zip(columns.values(), texts, strict=True):
            mono = line > 0 and place == columns["bits"]
            family = "monospace" if mono else None
            weight = "bold" if line == 0 or place == 0 else "normal"
            axes.text(
                place, 1 - (line + 0.5) / len(table), text, fontsize=9, family=family, weight=weight, color=ink,
                va="center", transform=axes.transAxes,
            )  # fmt: skip
        if line:
            color = look(landings[line - 1].fmt).color
            axes.scatter([-0.012], [1 - (line + 0.5) / len(table)], marker="s", s=40, color=color, clip_on=False)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    return axes


def draw_lane(
    axes: Axes,
    lane: Lane,
    k: int,
    *,
    histogram: Histogram | None = None,
    point: Landing | None = None,
    dark: bool = False,
    shifts: range = SHIFTS,
) -> Axes:
    """The floor of one format, the gradients that stand on it or have fallen through, and the single value."""
    page, ink, panel, *_ = PAGES[dark]
    label, color = look(lane.fmt)
    kept, normal, over = np.log2(lane.limits)
    span = {"zeroed": (-400, kept), "subnormal": (kept, normal), "normal": (normal, over), "overflowed": (over, 400)}
    axes.fill_between(span["zeroed"], -3, 0, color=panel, lw=0)
    axes.fill_between(span["overflowed"], -FLOOR, 3, color=panel, lw=0)
    if histogram is not None:
        heights = histogram.counts / histogram.counts.max()
        left = histogram.first + np.arange(heights.size) / BINS_PER_OCTAVE - k
        for name, (begin, end) in span.items():
            bars = axes.stairs(
                -FLOOR - heights if name == "zeroed" else heights,
                [*left, left[-1] + 1 / BINS_PER_OCTAVE],
                baseline=-FLOOR if name == "zeroed" else 0,
                fill=True,
                facecolor=color if name == "normal" else f"{color}40",
                edgecolor=color,
                linewidth=1,
                hatch=FATES[name].hatch,
            )
            bars.set_clip_path(Rectangle((begin, -3), end - begin, 6, transform=axes.transData))
    steps = [*lane.staircase, (over, 0)]
    for (begin, bits), (end, _) in pairwise(steps):
        axes.fill_between([begin, end], 0, -FLOOR * bits / lane.fmt.precision, color=ink, lw=0)
    if point is not None:
        index = shifts.index(k)
        at, lost = float(np.log2(point.before[index])), point.fates[index] in ("zeroed", "overflowed")
        axes.axvline(at, color=ink, ls="--", lw=1)
        y = -FLOOR - 0.15 if point.fates[index] == "zeroed" else 0.15
        axes.scatter([at], [y], s=40, facecolor=page if lost else ink, edgecolor=ink, zorder=5)
    axes.set_facecolor(page)
    axes.set_ylim((-1.2, 1.1) if histogram is not None else (-0.5, 0.5))
    axes.set_yticks([])
    ticks = list(range(-200, 60, 20))
    axes.set_xticks(ticks, [power_of_two(exponent) for exponent in ticks], color=ink)
    axes.tick_params(color=ink, labelsize=8)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(ink)
    said = shares_in_words(lane, k, shifts) if histogram is not None else limits(lane)
    axes.set_title(f"{label}: {said}", loc="left", fontsize=9, color=ink)
    return axes


def alternative(scene: Scene, k: int, *, show: str = "both") -> str:
    """The same figure in words."""
    index = SHIFTS.index(k)
    lines = [f"Underflow slider at k = {k}: everything × {factor(k)}."]
    if show != "gradients":
        lines.append(f"The value {decimal(scene.landings[0].before[index])}:")
        lines += [
            f"  {look(row.fmt).label}: {bit_string(int(row.codes[index]), row.fmt)} is {decimal(row.after[index])}, "
            f"error {relative_error(row.before[index], row.after[index])}; {became(row, index)}"
            for row in scene.landings
        ]
    if show != "value":
        lines.append(f"{scene.gradients.values.size:,} gradients ({scene.gradients.description}):")
        lines += [f"  {look(lane.fmt).label}: {shares_in_words(lane, k)}" for lane in scene.lanes]
    return "\n".join(lines)


def shares_in_words(lane: Lane, k: int, shifts: range = SHIFTS) -> str:
    """The share of the gradients that meets each fate at shift `k`."""
    counts = lane.shares[shifts.index(k)]
    total = int(counts.sum())
    texts = [f"{texture.label} {percent(int(n), total)}" for n, texture in zip(counts, FATES.values(), strict=True)]
    return ", ".join(texts)
