"""Training runs standing still: losses, what is lost, where and of which magnitude; and all of it in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from simfp.experiments.training.frames import Frame
from simfp.experiments.training.run import Step
from simfp.figures.pages import PAGES
from simfp.figures.palette import FATES, look
from simfp.figures.training.census import draw_histogram, zones
from simfp.figures.words import decimal, percent, power_of_two
from simfp.formats import Format

__all__ = ["DASHES", "Shown", "alternative", "counted", "figure", "readings", "story"]

DASHES = ("-", "--", ":", "-.")  # of the runs side by side: told apart by more than colour


@dataclass(frozen=True, eq=False)
class Shown:
    """A run as it stands."""

    name: str  # of its recipe
    fmt: Format  # that products run in
    status: str
    steps: Sequence[Step]
    frame: Frame | None  # after the last of them
    diverged_at: int | None = None


def figure(runs: Sequence[Shown], *, dark: bool = False) -> Figure:
    """Losses and lost shares of all runs above; layers and magnitudes of each below."""
    page, ink, *_ = PAGES[dark]
    most = max(len(run.frame.layers) if run.frame else 1 for run in runs)
    low = max(2.0, 0.26 * most + 0.9)
    drawing = Figure(figsize=(9, 2.3 + len(runs) * (low + 0.2)), facecolor=page, layout="constrained")
    places = drawing.subplots(1 + len(runs), 2, squeeze=False, height_ratios=[2.3, *[low] * len(runs)])
    for axes, values, title in (
        (places[0][0], [[step.loss for step in run.steps] for run in runs], "loss"),
        (places[0][1], [[100 * (step.lost or 0) for step in run.steps] for run in runs], "became zero, % of a step"),
    ):
        for run, line, dash in zip(runs, values, DASHES, strict=False):
            axes.plot(line, color=look(run.fmt).color, ls=dash, lw=1.3, label=run.name)
        axes.set_title(title, loc="left", fontsize=10, color=ink)
        axes.set_xlabel("step", color=ink)
        if title == "loss":
            axes.set_yscale("log")
            axes.legend(frameon=False, labelcolor=ink, fontsize=8)
    for run, (layers, magnitudes) in zip(runs, places[1:], strict=True):
        rows = run.frame.layers if run.frame else ()
        shares = [100 * layer.zeroed / layer.numbers for layer in rows]
        layers.barh(range(len(rows)), shares, color=f"{look(run.fmt).color}60", edgecolor=look(run.fmt).color)
        for place, (share, layer) in enumerate(zip(shares, rows, strict=True)):
            text = percent(layer.zeroed, layer.numbers)
            layers.annotate(
                text, (share, place), (3, 0), textcoords="offset points", va="center", fontsize=8, color=ink
            )
        layers.set_yticks(range(len(rows)), [layer.label for layer in rows], color=ink)
        layers.invert_yaxis()
        layers.set_xlim(0, max([*shares, 0.1]) * 1.35)
        layers.set_title(f"{run.name}: became zero, by layer", loc="left", fontsize=10, color=ink)
        if run.frame:
            draw_histogram(magnitudes, run.frame.histogram, run.fmt, dark=dark)
        magnitudes.set_title("magnitudes before rounding", loc="left", fontsize=10, color=ink)
    for axes in places.flat:
        axes.set_facecolor(page)
        axes.tick_params(color=ink, labelcolor=ink, labelsize=8)
        for side, spine in axes.spines.items():
            spine.set_visible(side in ("bottom", "left"))
            spine.set_color(ink)
    return drawing


def readings(run: Shown) -> list[tuple[str, str]]:
    """What is read off a run: names and values."""
    if not run.steps or run.frame is None:
        return [("step", "none yet")]
    last, layers = run.steps[-1], run.frame.layers
    numbers = sum(layer.numbers for layer in layers)
    told = [
        ("step", f"{len(run.steps)}"),
        ("loss", decimal(last.loss, 4)),
        ("became zero", percent(sum(layer.zeroed for layer in layers), numbers)),
        ("subnormal", percent(sum(layer.subnormal for layer in layers), numbers)),
    ]
    accuracy = next((step.accuracy for step in reversed(run.steps) if step.accuracy is not None), None)
    if accuracy is not None:
        told.append(("right answers", f"{100 * accuracy:.1f} %"))
    skipped = sum(step.skipped for step in run.steps)
    if skipped:
        told.append(("steps skipped", f"{skipped}"))
    return told


def story(run: Shown) -> list[str]:
    """What went wrong with a run, in sentences; none where nothing did."""
    told = []
    if run.frame is not None:
        for what, origin in run.frame.origins.items():
            word = {"infinite": "infinity", "nan": "NaN"}[what]
            of = f", the gradient of {origin.gradient}" if origin.gradient else ""
            of = f", {origin.parameter}" if origin.parameter else of
            cause = {
                "rounding": f"numbers up to {decimal(origin.largest_before, 4)} were too large for {origin.fmt}",
                "operation": f"{origin.operation} made it of numbers that were none",
                "given": "it came with what was given",
            }[origin.cause]
            where = f"layer {origin.layer}, " if origin.layer else ""
            told.append(
                f"The first {word} arose at step {origin.step}, {origin.phase}: {where}{origin.operation}{of}; {cause}."
            )
    if run.diverged_at is not None:
        told.append(f"The loss was no number any more at step {run.diverged_at}. The run ended there.")
    return told


def counted(run: Shown) -> list[int]:
    """How many of the last steps' numbers lie in each of `zones`, by whole binades, the smallest first."""
    if run.frame is None:
        return [0] * len(zones(run.fmt))
    first, counts = run.frame.histogram
    places = np.arange(len(counts)) + first
    found = []
    for begin, end in zones(run.fmt).values():
        low, high = (edge if math.isinf(edge) else round(edge) for edge in (begin, end))
        found.append(int(counts[(places >= low) & (places < high)].sum()))
    return found


def alternative(runs: Sequence[Shown]) -> str:
    """What the dashboard shows, in words."""
    lines = []
    for run in runs:
        lines.append(f"{run.name}, {run.status}: " + ", ".join(f"{name} {value}" for name, value in readings(run)))
        if run.frame is None:
            continue
        lost = "; ".join(f"{layer.label} {percent(layer.zeroed, layer.numbers)}" for layer in run.frame.layers)
        lines.append(f"  Became zero, by layer: {lost}")
        total = int(run.frame.histogram.counts.sum())
        shares = zip(zones(run.fmt).items(), counted(run), strict=True)
        said = [
            f"{FATES[name].label}{f' below {power_of_two(round(zone[1]))}' if name == 'zeroed' else ''} "
            f"{percent(count, total)}"
            for (name, zone), count in shares
            if count
        ]
        lines.append(f"  Magnitudes before rounding: {', '.join(said)}")
        lines += [f"  {sentence}" for sentence in story(run)]
    return "\n".join(lines)
