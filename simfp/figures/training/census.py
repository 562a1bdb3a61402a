"""The picture of a census: the magnitudes that were rounded, over what a format has there."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from simfp.census import Histogram
from simfp.experiments.numbers.underflow import Limits, limits_of
from simfp.figures.pages import PAGES
from simfp.figures.palette import FATES, look
from simfp.figures.words import power_of_two
from simfp.formats import Format

__all__ = ["draw_histogram", "zones"]


def zones(fmt: Format) -> dict[str, tuple[float, float]]:
    """log2 of the magnitudes between which a number becomes zero, subnormal, normal, or overflows, smallest first."""
    limits: Limits = limits_of(fmt)
    kept, normal, over = (math.log2(limit) for limit in limits)
    return {
        "zeroed": (-math.inf, kept), "subnormal": (kept, normal), "normal": (normal, over),
        "overflowed": (over, math.inf),
    }  # fmt: skip


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


def _span(histogram: Histogram, fmt: Format) -> tuple[int, int]:
    """The first binade shown, and the one after the last: all that is filled, and the format's subnormals."""
    filled = np.flatnonzero(histogram.counts) + histogram.lowest
    edges = [fmt.min_exponent - fmt.mantissa_bits - 4, 2]
    first, last = min([*filled, edges[0]]), max([*filled, edges[1]]) + 1
    end = histogram.lowest + len(histogram.counts)
    return max(int(first), histogram.lowest), min(int(last), end)
