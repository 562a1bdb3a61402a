"""Peak memory as stacked bars: a bar for each way to train, a part for each thing that is held."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simfp.experiments.memory import ITEMS, Memory
from simfp.figures.palette import ITEMS as LOOKS
from simfp.figures.precision import INK

__all__ = ["GIB", "Bar", "bars", "describe_bars", "gib", "share"]

GIB = 2**30


class Bar(NamedTuple):
    """One bar: its name, what was computed, and the measured peak in bytes, if there is one."""

    name: str
    computed: Memory
    measured: int | None = None


def gib(size: float) -> str:
    """Bytes in GiB, to three digits.

    >>> gib(2**30), gib(14.5 * 2**30), gib(5 * 2**20)
    ('1.00 GiB', '14.5 GiB', '0.005 GiB')
    """
    value = size / GIB
    return f"{value:.{0 if value >= 100 else 1 if value >= 10 else 2 if value >= 0.1 else 3}f} GiB"


def share(size: float, of: float) -> str:
    """How many per cent `size` is of `of`."""
    return f"{100 * size / of:.0f} %"


def bars(given: Sequence[Bar], *, ax: Axes | None = None, ink: str = INK) -> Axes:
    """Horizontal stacked bars, the first at the top; a diamond where a peak was measured."""
    axes = Figure(figsize=(9, 0.62 * len(given) + 1.9), layout="constrained").subplots() if ax is None else ax
    shown = [item for item in ITEMS if any(bar.computed.at_peak[item] > 0 for bar in given)]
    for place, bar in enumerate(given):
        left = 0.0
        for item in shown:
            size = bar.computed.at_peak[item] / GIB
            part = LOOKS[item]
            axes.barh(
                place, size, 0.66, left=left, color=part.color, hatch=part.hatch, edgecolor="white", linewidth=0.6
            )
            left += size
        axes.annotate(
            gib(bar.computed.peak), (left, place), (12, 0), textcoords="offset points", va="center", color=ink
        )
        if bar.measured is not None:
            axes.plot(bar.measured / GIB, place, "D", ms=8, mfc="none", mec=ink, mew=2)
    for item in shown:
        part = LOOKS[item]
        axes.barh(0, 0, color=part.color, hatch=part.hatch, edgecolor="white", linewidth=0.6, label=part.label)
    if any(bar.measured is not None for bar in given):
        axes.plot([], [], "D", ms=8, mfc="none", mec=ink, mew=2, label="measured peak")
    axes.set_yticks(range(len(given)), [bar.name for bar in given], color=ink)
    axes.set_ylim(len(given) - 0.4, -0.6)
    axes.set_xlim(0, 1.14 * max(bar.computed.peak for bar in given) / GIB)
    axes.set_xlabel("peak memory of a training step, GiB", color=ink)
    axes.tick_params(colors=ink, which="both")
    for name, spine in axes.spines.items():
        spine.set_visible(name == "bottom")
        spine.set_color(ink)
    axes.legend(frameon=False, labelcolor=ink, ncols=4, loc="lower center", bbox_to_anchor=(0.4, 1.0), fontsize="small")
    return axes


def describe_bars(given: Sequence[Bar]) -> str:
    """The same in words."""
    told = []
    for bar in given:
        held = bar.computed.at_peak
        largest = sorted((item for item in ITEMS if held[item]), key=lambda item: -held[item])[:4]
        parts = ", ".join(f"{LOOKS[item].label} {gib(held[item])}" for item in largest)
        measured = f"; measured {gib(bar.measured)}" if bar.measured is not None else ""
        told.append(f"{bar.name}: {gib(bar.computed.peak)} ({parts}{measured})")
    return f"Peak memory. {'; '.join(told)}."
