"""Races as curves: losses against the steps, and where the races end against the learning rate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from simfp.experiments.training.races import Standing
from simfp.experiments.training.recipes import RECIPES
from simfp.figures.pages import PAGES
from simfp.figures.palette import look
from simfp.figures.words import decimal
from simfp.formats import as_format

__all__ = ["Look", "alternative", "describe", "draw", "ends", "label", "look_of", "rows"]

LABELS = {"fp32": "fp32 weights", "pure fp16": "fp16 weights", "pure bf16": "bf16 weights"}

#          update        dash: points of ink and gap
DASHES = {"nearest": (), "kahan": (8, 8), "stochastic": (2, 4)}
# lines that lie upon one another: those of one format stand in the gaps of the other's
SHIFTS = {"float32": 0, "float16": 0, "bfloat16": 0.5}  # of a dash's whole length


class Look(NamedTuple):
    """How a recipe's curve is drawn: the colour of its weights' format, and a dash of its own."""

    color: str
    dash: tuple[int, ...]  # ink and gap; none: a line without gaps
    shift: float  # where in its dash it begins
    width: float  # what others lie upon is wide


def look_of(recipe: str) -> Look:
    """The look of a recipe."""
    row = RECIPES[recipe]
    dash = DASHES[row.update]
    return Look(
        look(as_format(row.weights)).color,
        dash,
        SHIFTS[row.weights] * sum(dash),
        7 if row.weights == "float32" else 2.5,
    )


def label(recipe: str) -> str:
    """A recipe as a legend names it."""
    return LABELS.get(recipe, recipe.replace("pure ", "").replace(" + ", ", ").replace("kahan", "Kahan"))


def rows(standing: Standing) -> list[tuple[str, str]]:
    """For each recipe its name, and the losses that it stands at, from the best seed to the worst."""
    if not standing.points:
        return [(label(recipe), "not yet run") for recipe in standing.recipes]
    return [(label(recipe), f"loss {_ends(standing.last(recipe))}") for recipe in standing.recipes]


def _ends(losses: NDArray[np.float64]) -> str:
    best, worst = (decimal(float(f(losses)), 3) for f in (np.min, np.max))
    return best if len(losses) == 1 else f"{best} to {worst}"


def draw(standing: Standing, *, ax: Axes | None = None, dark: bool = False, plain: bool = False) -> Axes:
    """The losses against the steps. plain: on a clear ground, for any page."""
    ax, ink = _page(ax, dark, plain)
    steps = standing.every * np.arange(1, standing.losses.shape[2] + 1)
    for recipe, losses in zip(standing.recipes, standing.losses, strict=True):
        there = np.isfinite(losses).all(axis=0)
        _curve(ax, recipe, steps[there], losses[:, there])
    ax.set_xlabel("steps", color=ink)
    ax.set_ylabel("loss", color=ink)
    ax.legend(frameon=False, labelcolor=ink, loc="lower left", handlelength=4)
    return ax


def ends(standings: Sequence[Standing], *, ax: Axes | None = None, dark: bool = False, plain: bool = True) -> Axes:
    """How far the loss fell in each race, in per cent of fp32's fall, against its learning rate."""
    ax, ink = _page(ax, dark, plain)
    rates = [standing.lr for standing in standings]
    for recipe in standings[0].recipes:
        _curve(ax, recipe, rates, 100 * np.array([each.fallen(recipe) for each in standings]).T, marker="o")
    ax.set_xscale("log", base=2)
    ax.set_xticks(rates, [decimal(rate, 3) for rate in rates])
    ax.set_xlabel("learning rate; to the left half of it, and twice the steps", color=ink)
    ax.set_ylabel("fall of the loss, % of fp32's", color=ink)
    ax.legend(frameon=False, labelcolor=ink, loc="center left", bbox_to_anchor=(1, 0.5), handlelength=4)
    return ax


def _page(ax: Axes | None, dark: bool, plain: bool) -> tuple[Axes, str]:
    page, ink = ("none", "#808080") if plain else PAGES[dark][:2]
    if ax is None:
        ax = Figure(figsize=(9, 4.2), layout="constrained", facecolor=page).subplots()
    ax.set_facecolor(page)
    ax.tick_params(colors=ink)
    ax.spines[:].set_color(ink)
    return ax, ink


def _curve(ax: Axes, recipe: str, x: Any, losses: NDArray[np.float64], **more: Any) -> None:
    """The average over the seeds, and a band from the best to the worst of them; losses: (seeds, points)."""
    style, width = look_of(recipe), 0.8
    dash = (style.shift / style.width, [part / style.width for part in style.dash]) if style.dash else "-"
    ax.plot(x, losses.mean(0), ls=dash, color=style.color, lw=width * style.width, ms=5, label=label(recipe), **more)
    ax.fill_between(x, losses.min(0), losses.max(0), color=style.color, alpha=0.15)


def alternative(standing: Standing) -> str:
    """A race in words."""
    told = "; ".join(f"{name}: {text}" for name, text in rows(standing))
    return (
        f"The same network with lr {decimal(standing.lr, 3)}, from {len(standing.seeds)} seeds each, after "
        f"{standing.points * standing.every} steps. {told}."
    )


def describe(standings: Sequence[Standing]) -> str:
    """The ends of races in words, on average over the seeds."""
    told = [
        f"{label(recipe)}: " + ", ".join(f"{100 * standing.fallen(recipe).mean():.1f} %" for standing in standings)
        for recipe in standings[0].recipes
        if recipe != "fp32"
    ]
    rates = ", ".join(decimal(standing.lr, 3) for standing in standings)
    return f"How far the loss fell, of fp32's fall, for learning rates of {rates}. {'; '.join(told)}."
