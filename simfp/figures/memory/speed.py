"""How fast: operations under their roofline, and tokens a second as bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simfp.experiments.memory.model_sizes import as_recipe
from simfp.experiments.memory.roofline import Roof
from simfp.figures.pages import INK
from simfp.figures.palette import FORMATS

__all__ = ["describe_roofline", "describe_throughput", "roofline", "throughput"]

# an operation is told by its marker, a format by its colour
MARKERS = {"matmul": "o", "relu": "^", "add": "v", "layer_norm": "s", "softmax": "D"}
HATCHES = ("", "////", "xxxx")
DASHES = {"bfloat16": "--"}  # where it lies on fp16's, both are seen


def roofline(points: Sequence[Mapping[str, Any]], roofs: Mapping[str, Roof], *, ax: Axes | None = None) -> Axes:
    """Measured operations: TFLOP/s against floating-point operations a byte, both logarithmic, under their roofs.

    points: rows with "operation", "format", "flops", "bytes", "seconds"; those without operations are left out.
    """
    axes = Figure(figsize=(9, 5), layout="constrained").subplots() if ax is None else ax
    shown = [row for row in points if row["flops"] and row["operation"] in MARKERS and row["format"] in roofs]
    intensities = [row["flops"] / row["bytes"] for row in shown]
    left, right = min(intensities) / 2, 2 * max(intensities)
    for fmt, roof in roofs.items():
        corner = roof.peak / roof.bandwidth
        xs = [left, corner, right]
        ys = [roof.attainable(x) / 1e12 for x in xs]
        axes.plot(xs, ys, DASHES.get(fmt, "-"), color=FORMATS[fmt].color, lw=2, label=FORMATS[fmt].label)
    for row, intensity in zip(shown, intensities, strict=True):
        rate = row["flops"] / row["seconds"] / 1e12
        color, marker = FORMATS[row["format"]].color, MARKERS[row["operation"]]
        if row["format"] in DASHES:  # it lies on another: a small one on a larger
            axes.plot(intensity, rate, marker, ms=4, color=color, zorder=4)
        else:
            axes.plot(intensity, rate, marker, ms=9, color=color, zorder=3)
    for name in dict.fromkeys(row["operation"] for row in shown):
        axes.plot([], [], MARKERS[name], ms=7, color=INK, label=name)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(left, right)
    axes.set_xlabel("floating-point operations for each byte moved", color=INK)
    axes.set_ylabel("TFLOP/s", color=INK)
    axes.tick_params(colors=INK, which="both")
    axes.spines[:].set_color(INK)
    axes.grid(color=INK, alpha=0.2, lw=0.6)
    axes.legend(frameon=False, labelcolor=INK, loc="lower right", ncols=2)
    return axes


def describe_roofline(points: Sequence[Mapping[str, Any]], roofs: Mapping[str, Roof]) -> str:
    """The same in words: the roofs, and the highest point of each format for each operation."""
    roof = "; ".join(
        f"{FORMATS[fmt].label} {roof.peak / 1e12:.0f} TFLOP/s, from {corner:.0f} operations a byte on"
        for fmt, roof in roofs.items()
        for corner in [roof.peak / roof.bandwidth]
    )
    best: dict[str, list[str]] = {}
    for name in MARKERS:
        for fmt in roofs:
            rates = [
                row["flops"] / row["seconds"] / 1e12
                for row in points
                if (row["operation"], row["format"]) == (name, fmt)
            ]
            if rates:
                best.setdefault(name, []).append(f"{FORMATS[fmt].label} {max(rates):.3g}")
    told = "; ".join(f"{name} {', '.join(rates)}" for name, rates in best.items())
    bandwidth = next(iter(roofs.values())).bandwidth
    return f"Roofline. The slope is {bandwidth / 1e12:.1f} TB/s. Roofs: {roof}. Highest points, in TFLOP/s: {told}."


def throughput(speeds: Mapping[str, Mapping[int, float]], *, ax: Axes | None = None) -> Axes:
    """Tokens a second: a group of bars for each recipe, a bar for each batch. speeds: recipe -> batch -> tokens/s."""
    axes = Figure(figsize=(9, 3.8), layout="constrained").subplots() if ax is None else ax
    batches = list(next(iter(speeds.values())))
    width = 0.8 / len(batches)
    for place, (name, rates) in enumerate(speeds.items()):
        color = FORMATS[as_recipe(name).color].color
        for number, batch in enumerate(batches):
            x = place + (number - (len(batches) - 1) / 2) * width
            hatch = HATCHES[number % len(HATCHES)]
            axes.bar(x, rates[batch] / 1000, 0.92 * width, color=color, hatch=hatch, edgecolor="white", linewidth=0.6)
            axes.annotate(f"{rates[batch] / 1000:.0f}", (x, rates[batch] / 1000), (0, 3), textcoords="offset points",
                          ha="center", color=INK, fontsize="small")  # fmt: skip
    for number, batch in enumerate(batches):
        axes.bar(0, 0, color=INK, hatch=HATCHES[number % len(HATCHES)], edgecolor="white", label=f"batch {batch}")
    axes.set_xticks(range(len(speeds)), [as_recipe(name).label for name in speeds])
    axes.set_ylabel("thousand tokens a second", color=INK)
    axes.tick_params(colors=INK, which="both")
    for name, spine in axes.spines.items():
        spine.set_visible(name in ("bottom", "left"))
        spine.set_color(INK)
    axes.legend(frameon=False, labelcolor=INK, loc="upper left")
    return axes


def describe_throughput(speeds: Mapping[str, Mapping[int, float]]) -> str:
    """The same in words."""
    told = (
        f"{as_recipe(name).label}: {', '.join(f'{rate:,.0f} with batch {batch}' for batch, rate in rates.items())}"
        for name, rates in speeds.items()
    )
    return f"Tokens a second. {'; '.join(told)}."
