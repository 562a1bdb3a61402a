"""How exactly formats hold numbers of every size: relative error against magnitude."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from simfp.figures.pages import INK
from simfp.figures.palette import look
from simfp.figures.words import decimal, power_of_two
from simfp.formats import Format, as_format
from simfp.rounding import round_to

__all__ = ["describe", "errors", "relative_error"]

FLOOR = 2.0**-16  # smaller errors are drawn here
MARKERS = (".", "+", "x", "1")  # formats are told by the marker too


def errors(x: ArrayLike, fmt: Format, *, subnormals: str = "keep") -> NDArray[np.float64]:
    """|rounded - x| / x for positive float64 `x`."""
    values = np.asarray(x, np.float64)
    rounded: NDArray[np.float64] = round_to(values, fmt, subnormals=subnormals)
    return np.abs(rounded - values) / values


def relative_error(x: ArrayLike, *formats: Any, subnormals: str = "keep", ax: Axes | None = None) -> Axes:
    """Relative error of each of `x` (positive) in each format, on logarithmic axes.

    A dot for each number, and a line for the largest error in each binade.
    """
    axes = Figure(figsize=(8, 3.8), layout="constrained").subplots() if ax is None else ax
    values = np.asarray(x, np.float64)
    binade = np.floor(np.log2(values))
    for marker, fmt in zip(MARKERS, map(as_format, formats), strict=False):
        name, color = look(fmt)
        found = errors(values, fmt, subnormals=subnormals)
        axes.plot(values, np.maximum(found, FLOOR), marker, ms=2.5, color=color, alpha=0.45)
        begins = np.unique(binade)
        worst = [found[binade == begin].max() or np.nan for begin in begins]  # no line where all are exact
        axes.stairs(worst, 2.0 ** np.append(begins, begins[-1] + 1), baseline=None, color=color, lw=2.5)
        axes.plot([], [], marker, ls="-", color=color, label=name)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    axes.set_ylim(FLOOR / 2, 4)
    axes.set_xlabel("the number", color=INK)
    axes.set_ylabel("relative error", color=INK)
    axes.axhline(1, color=INK, lw=0.8, ls=":")
    axes.annotate("100 %: nothing left", (1, 1), xycoords=("axes fraction", "data"), color=INK,
                  ha="right", va="bottom", fontsize="small")  # fmt: skip
    axes.tick_params(which="both", colors=INK)
    axes.spines[:].set_color(INK)
    axes.legend(frameon=False, labelcolor=INK, loc="lower left")
    return axes


def describe(x: ArrayLike, *formats: Any, subnormals: str = "keep") -> str:
    """The same figure in words: for each format the largest error among normal numbers, and where nothing is left."""
    values = np.asarray(x, np.float64)
    parts = []
    for fmt in map(as_format, formats):
        found = errors(values, fmt, subnormals=subnormals)
        normal = (values >= fmt.smallest_normal) & (values <= fmt.max)
        text = f"{look(fmt).label}: among normal numbers at most {decimal(100 * found[normal].max(), 3)} %"
        gone = values[found == 1]
        below = f"below {power_of_two(fmt.min_exponent)} = {decimal(fmt.smallest_normal, 2)}"
        if gone.size:
            text += f", growing {below}, and 100 % at {decimal(gone.max(), 2)} and less"
        elif values.min() < fmt.smallest_normal:
            text += f", growing {below}"
        parts.append(text)
    span = f"Relative error of {values.size:,} numbers from {decimal(values.min(), 2)} to {decimal(values.max(), 2)}"
    return f"{span}. {'; '.join(parts)}."
