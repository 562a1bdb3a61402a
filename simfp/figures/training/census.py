"""Pictures of a census: the magnitudes that were rounded, over what a format has there, and what layers lost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from simfp.census import Census, Histogram
from simfp.experiments.numbers.underflow import Limits, limits_of
from simfp.figures.pages import PAGES
from simfp.figures.palette import FATES, look
from simfp.figures.words import percent, power_of_two
from simfp.formats import Format, as_format

__all__ = ["alternative", "bars_alternative", "draw_histogram", "draw_lost", "histogram_figure", "lost_figure", "zones"]


def zones(fmt: Format) -> dict[str, tuple[float, float]]:
    """log2 of the magnitudes between which a number becomes zero, subnormal, normal, or overflows, smallest first."""
    limits: Limits = limits_of(fmt)
    kept, normal, over = (math.log2(limit) for limit in limits)
    return {
        "zeroed": (-math.inf, kept), "subnormal": (kept, normal), "normal": (normal, over),
        "overflowed": (over, math.inf),
    }  # fmt: skip


def histogram_figure(census: Census, over: Any, *, dark: bool = False, **filters: Any) -> Figure:
    """How many values each binade held before rounding, over the zones of the format `over`.

    filters: which roundings, as `Census.total` takes them.
    """
    page, ink, *_ = PAGES[dark]
    drawing = Figure(figsize=(9, 3.2), facecolor=page, layout="constrained")
    draw_histogram(drawing.subplots(), census.histogram(**filters), as_format(over), dark=dark)
    drawing.suptitle(_title(filters), color=ink, x=0.01, ha="left", fontweight="bold")
    return drawing


def draw_histogram(axes: Axes, histogram: Histogram, fmt: Format, *, dark: bool = False) -> Axes:
    """The histogram; the zones below the smallest and above the largest number are shaded, and all are named."""
    page, ink, panel, *_ = PAGES[dark]
    color = look(fmt).color
    first, last = _span(histogram, fmt)
    counts = histogram.counts[first - histogram.lowest : last - histogram.lowest]
    edges = np.arange(first, last + 1)
    top = max(int(counts.max(initial=0)), 1)
    for name, (begin, end) in zones(fmt).items():
        left, right = max(begin, first), min(end, last)
        if left >= right:
            continue
        if name in ("zeroed", "overflowed"):
            axes.axvspan(left, right, color=panel, lw=0)
        bars = axes.stairs(
            counts, edges, fill=True, facecolor=color if name == "normal" else f"{color}40", edgecolor=color,
            linewidth=1, hatch=FATES[name].hatch,
        )  # fmt: skip
        bars.set_clip_path(Rectangle((left, -1), right - left, 2 * top + 1, transform=axes.transData))
        if right - left > max(3, (last - first) / 16):
            axes.text((left + right) / 2, 1.1 * top, FATES[name].label, color=ink, ha="center", va="center", fontsize=9)
        if left == begin:
            axes.axvline(begin, color=ink, lw=1, ls=":")
    axes.set_xlim(first, last)
    axes.set_ylim(0, 1.2 * top)
    ticks = list(range(-160, 140, 8 if last - first < 100 else 20))
    axes.set_xticks([tick for tick in ticks if first <= tick <= last])
    axes.set_xticklabels([power_of_two(int(tick)) for tick in axes.get_xticks()], color=ink)
    axes.set_xlabel("magnitude before rounding", color=ink)
    axes.set_ylabel("values", color=ink)
    axes.set_facecolor(page)
    axes.tick_params(color=ink, labelcolor=ink, labelsize=8)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("bottom", "left"))
        spine.set_color(ink)
    return axes


def alternative(census: Census, over: Any, **filters: Any) -> str:
    """The same histogram in words."""
    chosen, histogram = as_format(over), census.histogram(**filters)
    total = int(histogram.counts.sum())
    if not total:
        return f"{_title(filters)}: no numbers but zeros were rounded."
    filled = np.flatnonzero(histogram.counts)
    ends = [power_of_two(int(place) + histogram.lowest) for place in (filled[0], filled[-1] + 1)]
    most = int(histogram.counts.argmax()) + histogram.lowest
    lines = [
        f"{_title(filters)}: {total:,} numbers that are not zero, with magnitudes from {ends[0]} to {ends[1]}, most of "
        f"them near {power_of_two(most)}. {look(chosen).label}'s zones by the binades that lie in them:"
    ]
    places = np.arange(len(histogram.counts)) + histogram.lowest
    for name, zone in zones(chosen).items():
        # the edges lie within a rounding error of powers of two, and binades are counted whole
        begin, end = (edge if math.isinf(edge) else round(edge) for edge in zone)
        inside = int(histogram.counts[(places >= begin) & (places < end)].sum())
        said = f"below {power_of_two(int(end))}" if name == "zeroed" else f"from {power_of_two(int(begin))}"
        lines.append(f"  {FATES[name].label} ({said}): {percent(inside, total)}")
    return "\n".join(lines)


def lost_figure(rows: Sequence[dict[str, Any]], fmt: Any, *, share: str = "share_zeroed", dark: bool = False) -> Figure:
    """A bar for each row of a census' table: which share it lost.

    share: "share_zeroed", "share_subnormal", "share_overflowed" or "share_absorbed".
    """
    page, *_ = PAGES[dark]
    drawing = Figure(figsize=(9, 0.32 * len(rows) + 1.1), facecolor=page, layout="constrained")
    draw_lost(drawing.subplots(), rows, as_format(fmt), share=share, dark=dark)
    return drawing


def draw_lost(
    axes: Axes, rows: Sequence[dict[str, Any]], fmt: Format, *, share: str = "share_zeroed", dark: bool = False
) -> Axes:
    """The bars, the first row above; each has its name before it, and its share behind."""
    page, ink, *_ = PAGES[dark]
    places = np.arange(len(rows))
    values = [0.0 if math.isnan(row[share]) else 100 * row[share] for row in rows]
    hatch = FATES["subnormal"].hatch if share == "share_subnormal" else ""
    axes.barh(places, values, color=f"{look(fmt).color}40", edgecolor=look(fmt).color, hatch=hatch)
    for place, row in zip(places, rows):
        axes.annotate(
            _share(row, share), (values[place], place), (4, 0), textcoords="offset points", va="center", fontsize=8,
            color=ink,
        )  # fmt: skip
    axes.set_yticks(places, [_name(row) for row in rows], color=ink)
    axes.invert_yaxis()
    axes.set_xlim(0, max(*values, 1.0) * 1.2)
    axes.set_xlabel(f"{WORDS[share]}, in per cent", color=ink)
    axes.set_facecolor(page)
    axes.tick_params(color=ink, labelcolor=ink, labelsize=8)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("bottom", "left"))
        spine.set_color(ink)
    return axes


def bars_alternative(rows: Sequence[dict[str, Any]], *, share: str = "share_zeroed") -> str:
    """The same bars in words."""
    return "\n".join([f"{WORDS[share]}:", *(f"  {_name(row)}: {_share(row, share)}" for row in rows)])


WORDS = {
    "share_zeroed": "numbers that became zero",
    "share_subnormal": "numbers that became subnormal",
    "share_overflowed": "numbers that overflowed",
    "share_absorbed": "updates that changed nothing",
}


def _share(row: dict[str, Any], share: str) -> str:
    what = share.removeprefix("share_")
    whole = row["updates"] if what == "absorbed" else row["values"] - row["zero"] - row["infinite"] - row["nan"]
    return percent(row[what], whole) if whole else "nothing to lose"


def _name(row: dict[str, Any]) -> str:
    """What a row is about: its recipe, layer, gradient and so on, as far as it names them."""
    parts = [row.get(name) for name in ("recipe", "layer", "parameter", "operation", "gradient", "phase")]
    return " · ".join(str(part) for part in parts if part) or "outside of layers"


def _title(filters: dict[str, Any]) -> str:
    said = [str(value) for value in filters.values() if value is not None]
    return "Census: " + (", ".join(said) or "every rounding")


def _span(histogram: Histogram, fmt: Format) -> tuple[int, int]:
    """The first binade shown, and the one after the last: all that is filled, and the format's subnormals."""
    filled = np.flatnonzero(histogram.counts) + histogram.lowest
    edges = [fmt.min_exponent - fmt.mantissa_bits - 4, 2]
    first, last = min([*filled, edges[0]]), max([*filled, edges[1]]) + 1
    end = histogram.lowest + len(histogram.counts)
    return max(int(first), histogram.lowest), min(int(last), end)
