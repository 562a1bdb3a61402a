"""How far narrow formats end from float32: differences with error bars, and learning curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simfp.experiments.training.seed_statistics import Difference
from simfp.figures.pages import INK
from simfp.figures.palette import FORMATS

__all__ = ["curves", "describe_curves", "describe_differences", "differences"]

COLORS = {"tf32": "tfloat32", "fp16": "float16", "bf16": "bfloat16"}  # what is none of these is fp32
DASHES = {"fp32": "-", "tf32": ":", "fp16": "--", "bf16": "-."}
CLAIMED = (0.1, 0.3)  # per cent


def color(run: str) -> str:
    """The colour of a run."""
    return FORMATS[COLORS.get(run, "float32")].color


def differences(given: Sequence[Difference], *, ax: Axes | None = None) -> Axes:
    """Each run's mean difference with two standard errors, its seeds as dots, between the claimed limits."""
    axes = Figure(figsize=(9, 0.6 * len(given) + 1.5), layout="constrained").subplots() if ax is None else ax
    for limit, hatch in zip(CLAIMED, ("", "//"), strict=True):
        axes.axvspan(-limit, limit, color=INK, alpha=0.1, hatch=hatch, lw=0)
        axes.annotate(f"{limit} %", (limit, 1), (-2, -3), xycoords=("data", "axes fraction"),
                      textcoords="offset points", color=INK, fontsize="small", va="top", ha="right")  # fmt: skip
    axes.axvline(0, color=INK, lw=1)
    for place, run in enumerate(given):
        axes.plot(run.each, [place + 0.22] * len(run.each), "|", ms=9, mew=1.5, color=color(run.name))
        axes.errorbar(run.mean, place, xerr=2 * run.error, fmt="o", ms=8, lw=2.5, capsize=5, color=color(run.name))
    axes.set_yticks(range(len(given)), [run.name for run in given], color=INK)
    axes.set_ylim(len(given) - 0.3, -0.8)
    most = max(max(map(abs, run.each)) for run in given)
    axes.set_xlim(-1.15 * max(most, CLAIMED[1]), 1.15 * max(most, CLAIMED[1]))
    axes.set_xlabel("validation loss against fp32's, per cent (ticks: seeds; bar: two standard errors)", color=INK)
    axes.tick_params(colors=INK, which="both")
    axes.spines[:].set_color(INK)
    return axes


def describe_differences(given: Sequence[Difference]) -> str:
    """The same in words."""
    told = "; ".join(
        f"{run.name} {run.mean:+.3f} % ± {2 * run.error:.3f} %, single seeds from {min(run.each):+.2f} to "
        f"{max(run.each):+.2f} %"
        for run in given
    )
    return f"Validation loss against fp32's, means with two standard errors: {told}."


def curves(runs: Sequence[Mapping[str, Any]], *, ax: Axes | None = None) -> Axes:
    """Validation loss against steps, the mean of all seeds, both logarithmic."""
    axes = Figure(figsize=(9, 3.6), layout="constrained").subplots() if ax is None else ax
    for run in runs:
        name = run["run"]
        steps = [point["step"] for point in run["curve"]]
        losses = [float(np.mean(point["validation"])) for point in run["curve"]]
        axes.loglog(steps, losses, ls=DASHES.get(name, (0, (1, 4))), color=color(name), lw=2.5, label=name)
    axes.set_xlabel("steps", color=INK)
    axes.set_ylabel("validation loss, nats a character", color=INK)
    axes.tick_params(colors=INK, which="both")
    axes.spines[:].set_color(INK)
    axes.legend(frameon=False, labelcolor=INK)
    return axes


def describe_curves(runs: Sequence[Mapping[str, Any]]) -> str:
    """The same in words: where each begins and ends."""
    told = "; ".join(
        f"{run['run']} from {np.mean(first['validation']):.3f} to {np.mean(last['validation']):.4f}"
        for run in runs
        for first, last in [(run["curve"][0], run["curve"][-1])]
    )
    steps = [point["step"] for point in runs[0]["curve"]]
    return f"Validation loss, mean of all seeds, from step {steps[0]:,} to step {steps[-1]:,}: {told}."
