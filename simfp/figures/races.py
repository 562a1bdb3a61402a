"""A race's losses as curves: the average over the seeds, and a band from the best to the worst of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simfp.experiments.races import LAP, Standing
from simfp.experiments.recipes import RECIPES
from simfp.figures.palette import look
from simfp.figures.words import decimal
from simfp.formats import as_format

__all__ = ["Look", "alternative", "draw", "label", "look_of", "rows"]

DASHES = {"nearest": "-", "kahan": "--", "stochastic": ":"}
PAGES = {False: ("white", "#1f1f1f"), True: ("#111111", "#e8e8e8")}
LABELS = {"fp32": "fp32 weights", "pure fp16": "fp16 weights", "pure bf16": "bf16 weights"}


class Look(NamedTuple):
    """How a recipe's curve is drawn: the colour of its weights' format, and a dash of its own."""

    color: str
    dash: str
    width: float  # what others lie upon is wide


def look_of(recipe: str) -> Look:
    """The look of a recipe."""
    row = RECIPES[recipe]
    width = 6 if row.weights == "float32" else 2.5
    return Look(look(as_format(row.weights)).color, DASHES[row.update], width)


def label(recipe: str) -> str:
    """A recipe as a legend names it."""
    return LABELS.get(recipe, recipe.replace("pure bf16 + ", "bf16, ").replace("kahan", "Kahan"))


def rows(standing: Standing) -> list[tuple[str, str]]:
    """For each recipe its name, and the losses that it stands at, from the best seed to the worst."""
    if not standing.laps:
        return [(label(recipe), "not yet run") for recipe in standing.recipes]
    told = []
    for recipe in standing.recipes:
        last = np.sort(standing.last(recipe))
        ends = (
            f"{decimal(float(last[0]), 3)} to {decimal(float(last[-1]), 3)}" if len(last) > 1 else decimal(last[0], 3)
        )
        told.append((label(recipe), f"loss {ends}"))
    return told


def draw(standing: Standing, *, ax: Axes | None = None, dark: bool = False, plain: bool = False) -> Axes:
    """The losses against the steps. plain: on a clear ground, for any page."""
    page, ink = ("none", "#808080") if plain else PAGES[dark]
    if ax is None:
        ax = Figure(figsize=(9, 4.2), layout="constrained", facecolor=page).subplots()
    ax.set_facecolor(page)
    steps = LAP * np.arange(1, standing.losses.shape[2] + 1)
    for recipe, losses in zip(standing.recipes, standing.losses, strict=True):
        style, there = look_of(recipe), np.isfinite(losses).all(axis=0)
        ax.plot(
            steps[there],
            losses[:, there].mean(0),
            style.dash,
            color=style.color,
            lw=0.8 * style.width,
            label=label(recipe),
        )
        ax.fill_between(steps[there], losses[:, there].min(0), losses[:, there].max(0), color=style.color, alpha=0.15)
    ax.set_xlabel("steps", color=ink)
    ax.set_ylabel("loss", color=ink)
    ax.tick_params(colors=ink)
    ax.spines[:].set_color(ink)
    ax.legend(frameon=False, labelcolor=ink, loc="lower left")
    return ax


def alternative(standing: Standing) -> str:
    """The same in words."""
    told = "; ".join(f"{name}: {text}" for name, text in rows(standing))
    return (
        f"The same network with lr {decimal(standing.lr, 3)}, from {len(standing.seeds)} seeds each, after "
        f"{standing.laps * LAP} steps. {told}."
    )
