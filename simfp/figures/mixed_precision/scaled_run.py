"""A run under a loss scale: the scale's way, the loss, and the share of gradients lost, with axes and words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.figure import Figure

from simfp.experiments.mixed_precision.scaled_run import Point, ScaledRun, exponent
from simfp.figures import words
from simfp.figures.pages import PAGES
from simfp.figures.palette import FORMATS
from simfp.figures.words import decimal, power_of_two

__all__ = ["Panel", "alternative", "figure", "panels", "reading", "share", "story"]

FP16 = FORMATS["float16"].color
LEAST_SHARE = -5  # log10 of the smallest share that has a height of its own; 0 stands below
SHARES = {0: "100 %", -1: "10 %", -2: "1 %", -3: "0.1 %", -4: "0.01 %"}


class Panel(NamedTuple):
    """One curve, in parts of its height: 0 below, 1 above; None where there is nothing to draw."""

    name: str
    heights: list[float | None]
    ticks: list[tuple[float, str]]


def panels(points: Sequence[Point]) -> tuple[Panel, Panel, Panel]:
    """The scale's exponent, the loss, and the share lost, each on an axis that holds all of its curve."""
    exponents = [exponent(point.scale) for point in points]
    finite = [x for x in exponents if math.isfinite(x)]
    low, high = min([-4.0, *finite]) - 1, max([24.0, *finite]) + 1
    every = 4 if high - low < 50 else 20
    marks = [k for k in range(math.ceil(low), math.floor(high) + 1) if k % every == 0]
    losses = [point.loss for point in points if math.isfinite(point.loss)]
    top = max([2.5, *losses]) * 1.04
    unit = 10.0 ** math.floor(math.log10(top / 2))
    step = next(unit * n for n in (1, 2, 5, 10) if top / (unit * n) <= 4)
    return (
        Panel(
            "loss scale",
            [(x - low) / (high - low) if math.isfinite(x) else 0.0 for x in exponents],
            [((k - low) / (high - low), power_of_two(k)) for k in marks],
        ),
        Panel(
            "loss",
            [point.loss / top if math.isfinite(point.loss) else None for point in points],
            [(n * step / top, decimal(n * step, 3)) for n in range(int(top / step) + 1)],
        ),
        Panel(
            "gradients lost",
            [_height(point.lost) for point in points],
            [(0.0, "none"), *((_height(10.0**power), text) for power, text in SHARES.items())],
        ),
    )


def _height(part: float) -> float:
    """Where a share stands on an axis of its logarithm."""
    return 1 - max(math.log10(part), LEAST_SHARE) / LEAST_SHARE * 0.95 if part > 0 else 0.0


def share(part: float) -> str:
    """A share in per cent; what is not nothing is not called so.

    >>> share(0.0), share(0.00001), share(0.0132), share(1.0)
    ('none', '< 0.01 %', '1.32 %', 'all')
    """
    if part in (0.0, 1.0):
        return "all" if part else "none"
    return "< 0.01 %" if part < 1e-4 else f"{100 * part:.2f} %"


def reading(run: ScaledRun) -> dict[str, str]:
    """The last step in words: name -> value."""
    if not run.points:
        return {}
    last = run.points[-1]
    skipped = sum(point.skipped for point in run.points)
    return {
        "step": f"{len(run.points)} of {run.training.settings.steps}",
        "loss": decimal(last.loss, 4),
        "scale": words.scale(last.scale),
        "consecutive good steps": str(last.tracker),
        "lost": share(last.lost),
        "overflow": share(last.overflowed),
        "steps skipped": str(skipped),
    }


def story(run: ScaledRun) -> str:
    """What has happened, in a sentence; nothing where nothing special has."""
    if run.diverged_at is not None:
        last = run.points[-1]
        what = "NaN" if math.isnan(last.loss) else "infinite"
        return f"The loss became {what} at step {run.diverged_at}, in the forward pass. No loss scale helps there."
    recent = run.points[-20:]
    if len(recent) == 20 and all(point.skipped for point in recent):
        return "Every one of the last 20 steps was skipped: the weights stand still."
    if recent and recent[-1].scale == 0:
        return "The scale is 0, and so is every gradient. There is no floor under it, and no way back."
    return ""


def figure(run: ScaledRun, *, dark: bool = False) -> Figure:
    """The three curves, one below the other; a cross at the foot of the first for each skipped step."""
    page, ink, *_ = PAGES[dark]
    drawing = Figure(figsize=(9, 5), facecolor=page, layout="constrained")
    steps = [point.step for point in run.points]
    for axes, panel in zip(drawing.subplots(3, 1, sharex=True), panels(run.points), strict=True):
        axes.plot(steps, [math.nan if h is None else h for h in panel.heights], color=FP16, lw=1.5)
        if panel.name == "loss scale":
            there = [point.step for point in run.points if point.skipped]
            axes.plot(there, [0.03] * len(there), "x", color=ink, ms=6)
        axes.set_title(panel.name, loc="left", fontsize=9, color=ink)
        axes.set_ylim(0, 1.02)
        axes.set_xlim(0, run.training.settings.steps)
        axes.set_yticks([at for at, _ in panel.ticks], [text for _, text in panel.ticks], fontsize=8, color=ink)
        axes.tick_params(colors=ink)
        axes.set_facecolor("none")
        axes.grid(axis="y", lw=0.3)
    told = "; ".join(f"{name} {value}" for name, value in reading(run).items())
    drawing.suptitle(told or "not begun", color=ink, x=0.01, ha="left", fontsize=9, fontweight="bold")
    return drawing


def alternative(run: ScaledRun) -> str:
    """The same in words."""
    task = run.training.settings.task
    if not run.points:
        return f"A run of {task} under a loss scale, not begun."
    scales = [point.scale for point in run.points]
    lines = [f"A run of {task} under a loss scale: {'; '.join(f'{k} {v}' for k, v in reading(run).items())}."]
    lines.append(
        f"The scale began at {words.scale(scales[0])}; "
        f"its least was {words.scale(min(scales))}, its most {words.scale(max(scales))}."
    )
    told = story(run)
    return "\n".join([*lines, told] if told else lines)
