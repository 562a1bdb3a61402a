"""Errors of sums against the number of terms, a line for each way to carry the sum."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simfp.experiments.numbers.sums import COUNTS, Curve
from simfp.figures.pages import INK
from simfp.figures.words import decimal

__all__ = ["describe_errors", "errors"]

# colour-blind-safe, and each with a dash of its own
STYLES = (("#D55E00", "-"), ("#E69F00", ":"), ("#0072B2", "--"), ("#009E73", "-."), ("#56B4E9", "-"), ("#888888", "--"))


def errors(curves: Sequence[Curve], *, ax: Axes | None = None) -> Axes:
    """Average relative error against the number of terms, both on logarithmic axes."""
    axes = Figure(figsize=(8, 4.2), layout="constrained").subplots() if ax is None else ax
    for (color, dash), curve in zip(STYLES, curves, strict=False):
        axes.loglog(COUNTS, [max(error, 1e-9) for error in curve.errors], dash, color=color, lw=2.5, label=curve.name)
    axes.set_xlabel("terms", color=INK)
    axes.set_ylabel("relative error, on average", color=INK)
    axes.tick_params(colors=INK, which="both")
    axes.spines[:].set_color(INK)
    axes.legend(frameon=False, labelcolor=INK, loc="upper left")
    return axes


def describe_errors(curves: Sequence[Curve]) -> str:
    """The same in words: where each line begins and ends."""
    told = (f"{curve.name} from {decimal(curve.errors[0], 2)} to {decimal(curve.errors[-1], 2)}" for curve in curves)
    return f"Relative errors of sums of {COUNTS[0]} to {COUNTS[-1]:,} terms: {'; '.join(told)}."
