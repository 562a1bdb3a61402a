"""Runs under several recipes, each from several seeds: what they came to, with the spread of the seeds."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean, stdev
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simfp.experiments.training.recipes import RECIPES
from simfp.figures.pages import INK
from simfp.figures.palette import look
from simfp.formats import NAMED_FORMATS

__all__ = ["accuracies", "curves", "describe_accuracies", "describe_curves"]

# a mark and a dash of its own for each, as some share a colour
MARKS = {"fp32": "o", "tf32": "o", "fp16": "o", "fp16 + scaler": "s", "bf16": "o", "pure bf16": "^"}
DASHES = {"fp16 + scaler": "--", "pure bf16": ":"}


def accuracies(rows: Sequence[dict[str, Any]], titles: dict[str, str]) -> Axes:
    """Right answers at the end, a panel for each situation: a mark for each seed, and mean and deviation of them.

    rows: as `simfp.experiments.training.recipe_runs` makes them. titles: of the situations, in order.
    """
    drawing = Figure(figsize=(9, 3.6), layout="constrained")
    panels = np.atleast_1d(drawing.subplots(1, len(titles), sharey=True))
    for axes, (situation, title) in zip(panels, titles.items(), strict=True):
        for place, (name, found) in enumerate(_by_recipe(rows, situation).items()):
            color, values = _color(name), [100 * (row["accuracy"] or 0) for row in found]
            axes.plot(place + np.linspace(-0.18, 0.18, len(values)), values, "o", ms=3, color=color, alpha=0.6)
            spread = stdev(values) if len(values) > 1 else 0
            axes.errorbar(
                place, mean(values), spread, fmt=MARKS.get(name, "o"), color=color, ms=7, capsize=6, mfc="none"
            )
        names = list(_by_recipe(rows, situation))
        axes.set_xticks(range(len(names)), names, rotation=35, ha="right", color=INK, fontsize=9)
        axes.set_title(title, loc="left", color=INK, fontsize=10)
        axes.tick_params(colors=INK)
        axes.spines[:].set_color(INK)
        axes.axhline(10, color=INK, lw=0.8, ls=":")
    panels[0].set_ylim(0, 103)
    panels[0].set_ylabel("right answers, %", color=INK)
    panels[0].annotate("chance", (0, 10), (0, 3), textcoords="offset points", color=INK, fontsize=8)
    return panels[0]  # type: ignore[no-any-return]


def describe_accuracies(rows: Sequence[dict[str, Any]], titles: dict[str, str]) -> str:
    """The same in words: mean and deviation of each."""
    told = []
    for situation, title in titles.items():
        said = []
        for name, found in _by_recipe(rows, situation).items():
            values = [100 * (row["accuracy"] or 0) for row in found]
            said.append(
                f"{name} {mean(values):.1f} ± {stdev(values):.1f} %" if len(values) > 1 else f"{name} {values[0]:.1f} %"
            )
        told.append(f"{title}: {', '.join(said)}")
    return f"Right answers, mean and deviation over the seeds. {'; '.join(told)}."


def curves(rows: Sequence[dict[str, Any]], situation: str, every: int) -> Axes:
    """Losses of one situation: the mean of all seeds, and between the best and the worst of them a band."""
    axes = Figure(figsize=(8, 3.6), layout="constrained").subplots()
    for name, found in _by_recipe(rows, situation).items():
        losses = np.array([row["losses"] for row in found])
        steps = (np.arange(losses.shape[1]) + 0.5) * every
        dash = DASHES.get(name, "-")
        axes.plot(steps, losses.mean(0), dash, color=_color(name), lw=2, label=name)
        axes.fill_between(steps, losses.min(0), losses.max(0), color=_color(name), alpha=0.15, lw=0)
    axes.set_yscale("log")
    axes.set_xlabel("step", color=INK)
    axes.set_ylabel("loss", color=INK)
    axes.tick_params(colors=INK, which="both")
    axes.spines[:].set_color(INK)
    axes.legend(frameon=False, labelcolor=INK, fontsize=9)
    return axes


def describe_curves(rows: Sequence[dict[str, Any]], situation: str) -> str:
    """The same in words: where each ends."""
    found = _by_recipe(rows, situation).items()
    ends = ", ".join(f"{name} {mean(row['losses'][-1] for row in runs):.3g}" for name, runs in found)
    return f"Mean loss of the last steps: {ends}."


def _by_recipe(rows: Sequence[dict[str, Any]], situation: str) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if row["situation"] == situation:
            found.setdefault(row["recipe"], []).append(row)
    return found


def _color(name: str) -> str:
    if name == "tf32":
        return look(NAMED_FORMATS["tfloat32"]).color  # its inputs are; what it computes is float32
    return look(RECIPES[name].compute).color
