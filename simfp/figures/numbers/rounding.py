"""A weight that takes many small steps: to the nearest it stands still, by chance it arrives on average."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from simfp.figures.pages import INK
from simfp.figures.palette import look
from simfp.figures.words import decimal
from simfp.formats import as_format

__all__ = ["describe_walks", "walks"]

SHOWN = 8  # single weights; more would hide one another


def walks(
    nearest: NDArray[np.float64], thrown: NDArray[np.float64], step: float, fmt: str, *, ax: Axes | None = None
) -> Axes:
    """One weight rounded to the nearest, several rounded by chance and the average of all of these, step after step.

    nearest: one weight after 0, 1, 2 ... steps. thrown: as many rows, a column for each weight.
    """
    axes = Figure(figsize=(8, 3.6), layout="constrained").subplots() if ax is None else ax
    color = look(as_format(fmt)).color
    steps = np.arange(len(nearest))
    axes.plot(steps, thrown[:, :SHOWN], color=color, lw=0.8, alpha=0.45)
    axes.plot([], [], color=color, lw=0.8, alpha=0.6, label=f"stochastic, {SHOWN} of {thrown.shape[1]:,} weights")
    axes.plot(steps, thrown.mean(1), color=color, lw=3, label=f"stochastic, average of {thrown.shape[1]:,}")
    axes.plot(steps, nearest, color=color, lw=3, ls="--", label="to the nearest")
    axes.plot(steps, nearest[0] + step * steps, color=INK, lw=1.5, ls=":", label="exact")
    axes.set_xlabel("steps", color=INK)
    axes.set_ylabel(f"the weight, in {look(as_format(fmt)).label}", color=INK)
    axes.tick_params(colors=INK)
    axes.spines[:].set_color(INK)
    axes.legend(frameon=False, labelcolor=INK, loc="upper left")
    return axes


def describe_walks(nearest: NDArray[np.float64], thrown: NDArray[np.float64], step: float, fmt: str) -> str:
    """The same figure in words: where each of them ends."""
    count, last = len(nearest) - 1, thrown[-1]
    return (
        f"A {look(as_format(fmt)).label} weight of {decimal(nearest[0])} after {count:,} steps of {decimal(step)}: "
        f"exactly {decimal(nearest[0] + step * count)}; rounded to the nearest {decimal(nearest[-1])}; "
        f"{last.size:,} weights rounded stochastically lie between {decimal(last.min())} and {decimal(last.max())}, "
        f"on average at {decimal(last.mean(), 4)}."
    )
