"""What each loss scale does to each layer's gradients, standing still; the window between too small and too large."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from simfp.experiments.mixed_precision.loss_scale import FATES, KEPT, SCALES, Window
from simfp.figures.mixed_precision.scale_words import TEXTURES, layer_label, moment, reading, shares, span
from simfp.figures.pages import PAGES
from simfp.figures.palette import FORMATS
from simfp.figures.words import scale

__all__ = [
    "TEXTURES",
    "alternative",
    "draw_layers",
    "draw_windows",
    "figure",
    "layer_label",
    "reading",
    "shares",
    "span",
]

FP16 = FORMATS["float16"].color
TICKS = [k for k in SCALES if k % 4 == 0]


def rows(window: Window) -> list[tuple[str, NDArray[np.int64]]]:
    """All layers together and then each, with its counts at each scale: (scales, fates)."""
    counts = np.stack([each.counts for each in window.outcomes])
    return [("", counts.sum(1)), *((name, counts[:, i]) for i, name in enumerate(window.layers))]


def draw_layers(axes: Axes, window: Window, k: int, *, ink: str = "black") -> Axes:
    """A row for each layer, a column for each scale, in it the shares of the fates one above the other."""
    told = rows(window)
    at = np.array(SCALES)
    for row, (name, counts) in enumerate(told):
        base = np.full(len(SCALES), -row - 0.85)
        whole = counts.sum(1)
        for fate, (_, hatch, _) in TEXTURES.items():
            height = 0.8 * counts[:, FATES.index(fate)] / whole
            fill = {"same": FP16, "lost": "none"}.get(fate, "none")
            axes.bar(
                at, height, 0.92, base, color=fill, edgecolor=FP16 if fate != "lost" else "none", hatch=hatch, lw=0
            )
            base = base + height
        axes.text(SCALES[0] - 0.8, -row - 0.45, layer_label(name), ha="right", va="center", fontsize=8, color=ink)
        told_now = shares(window, k, None if row == 0 else row - 1)
        words = f"lost {told_now['lost']}, overflow {told_now['overflowed']}"
        axes.text(SCALES[-1] + 0.8, -row - 0.45, words, ha="left", va="center", fontsize=8, color=ink)
    axes.axvline(k, color=ink, lw=1.2, ls="--")
    axes.set_xlim(SCALES[0] - 0.6, SCALES[-1] + 0.6)
    axes.set_ylim(-len(told), 0)
    axes.set_yticks([])
    axes.set_xticks(TICKS, [f"$2^{{{x}}}$" for x in TICKS], color=ink)
    axes.tick_params(colors=ink, bottom=False)
    axes.set_facecolor("none")
    for side in axes.spines.values():
        side.set_visible(False)
    return axes


def draw_windows(axes: Axes, windows: Sequence[Window], step: int, k: int, *, ink: str = "black") -> Axes:
    """A bar for each moment, from the first scale that will do to the last."""
    for row, window in enumerate(windows):
        fits = window.fits()
        if fits:
            filled = FP16 if window.step == step else "none"
            axes.barh(-row, fits[-1] - fits[0] + 0.92, 0.6, fits[0] - 0.46, color=filled, edgecolor=FP16, lw=1.5)
        axes.text(SCALES[0] - 0.8, -row, moment(window), ha="right", va="center", fontsize=8, color=ink)
        axes.text(SCALES[-1] + 0.8, -row, span(fits), ha="left", va="center", fontsize=8, color=ink)
    axes.axvline(k, color=ink, lw=1.2, ls="--")
    axes.set_xlim(SCALES[0] - 0.6, SCALES[-1] + 0.6)
    axes.set_ylim(-len(windows) + 0.4, 0.6)
    axes.axis("off")
    return axes


def figure(windows: Sequence[Window], step: int, k: int, *, dark: bool = False) -> Figure:
    """The layers at one moment above, the windows of all moments below, at the scale 2**k."""
    page, ink, *_ = PAGES[dark]
    window = next(each for each in windows if each.step == step)
    heights = [0.3 * (len(window.layers) + 1), 0.26 * len(windows)]
    drawing = Figure(figsize=(9, sum(heights) + 1.3), facecolor=page, layout="constrained")
    above, below = drawing.subplots(2, 1, height_ratios=heights)
    title = f"scale {scale(2.0**k)}, {moment(window)}: {reading(window, k)}"
    drawing.suptitle(title, color=ink, x=0.01, ha="left", fontsize=10, fontweight="bold")
    draw_layers(above, window, k, ink=ink)
    draw_windows(below, windows, step, k, ink=ink)
    return drawing


def alternative(windows: Sequence[Window], step: int, k: int) -> str:
    """The same in words."""
    window = next(each for each in windows if each.step == step)
    lines = [f"Loss scale {scale(2.0**k)}, {window.task}, {moment(window)}: {reading(window, k)}."]
    for i, name in enumerate(window.layers):
        told = shares(window, k, i)
        words = ", ".join(f"{TEXTURES[fate][0]} {told[fate]}" for fate in TEXTURES if told[fate] != "0 %")
        lines.append(f"  {layer_label(name)}: {words}; will do: {span(window.fits(i))}")
    lines.append(f"Scales that lose at most {100 * (1 - KEPT):g} % and overflow nothing:")
    lines += [f"  {moment(each)}: {span(each.fits())}" for each in windows]
    return "\n".join(lines)
