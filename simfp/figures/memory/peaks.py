"""Peak memory as stacked bars: a bar for each way to train, a part for each thing that is held."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simfp.experiments.memory.model_sizes import GPT, RECIPES, as_recipe
from simfp.experiments.memory.training_step import ITEMS, Bar, Memory, grid
from simfp.figures.pages import INK, PAGES
from simfp.figures.palette import ITEMS as LOOKS
from simfp.figures.words import GIB, gib, share

__all__ = ["Setting", "alternative", "bars", "describe_bars", "figure"]


class Setting(NamedTuple):
    """One setting of the calculator."""

    model: GPT
    batch: int
    context: int
    recipe: str
    checkpointing: bool
    explicit: bool

    def memories(self) -> dict[str, Memory]:
        """What every recipe needs, by its name."""
        told = grid(self.model, checkpointing=self.checkpointing, explicit=self.explicit)
        return {recipe.name: told[self.context, self.batch, recipe.name] for recipe in RECIPES}

    @property
    def title(self) -> str:
        """The setting in words, the recipe left out."""
        sequences = "sequence" if self.batch == 1 else "sequences"
        attention = "attention written out" if self.explicit else "fused attention"
        checkpoints = "with" if self.checkpointing else "without"
        return (
            f"{self.model.name}, {self.batch} {sequences} of {self.context:,} tokens, {attention}, "
            f"{checkpoints} checkpointing"
        )


def bars(given: Sequence[Bar], *, ax: Axes | None = None, ink: str = INK) -> Axes:
    """Horizontal stacked bars, the first at the top; a diamond where a peak was measured."""
    axes = Figure(figsize=(9, 0.62 * len(given) + 1.9), layout="constrained").subplots() if ax is None else ax
    shown = [item for item in ITEMS if any(bar.computed.at_peak[item] > 0 for bar in given)]
    for place, bar in enumerate(given):
        left = 0.0
        for item in shown:
            size = bar.computed.at_peak[item] / GIB
            part = LOOKS[item]
            axes.barh(
                place, size, 0.66, left=left, color=part.color, hatch=part.hatch, edgecolor="white", linewidth=0.6
            )
            left += size
        axes.annotate(
            gib(bar.computed.peak), (left, place), (12, 0), textcoords="offset points", va="center", color=ink
        )
        if bar.measured is not None:
            axes.plot(bar.measured / GIB, place, "D", ms=8, mfc="none", mec=ink, mew=2)
    for item in shown:
        part = LOOKS[item]
        axes.barh(0, 0, color=part.color, hatch=part.hatch, edgecolor="white", linewidth=0.6, label=part.label)
    if any(bar.measured is not None for bar in given):
        axes.plot([], [], "D", ms=8, mfc="none", mec=ink, mew=2, label="measured peak")
    axes.set_yticks(range(len(given)), [bar.name for bar in given], color=ink)
    axes.set_ylim(len(given) - 0.4, -0.6)
    axes.set_xlim(0, 1.14 * max(bar.computed.peak for bar in given) / GIB)
    axes.set_xlabel("peak memory of a training step, GiB", color=ink)
    axes.tick_params(colors=ink, which="both")
    for name, spine in axes.spines.items():
        spine.set_visible(name == "bottom")
        spine.set_color(ink)
    axes.legend(frameon=False, labelcolor=ink, ncols=4, loc="lower center", bbox_to_anchor=(0.4, 1.0), fontsize="small")
    return axes


def describe_bars(given: Sequence[Bar]) -> str:
    """The same in words."""
    told = []
    for bar in given:
        held = bar.computed.at_peak
        largest = sorted((item for item in ITEMS if held[item]), key=lambda item: -held[item])[:4]
        parts = ", ".join(f"{LOOKS[item].label} {gib(held[item])}" for item in largest)
        measured = f"; measured {gib(bar.measured)}" if bar.measured is not None else ""
        told.append(f"{bar.name}: {gib(bar.computed.peak)} ({parts}{measured})")
    return f"Peak memory. {'; '.join(told)}."


def figure(setting: Setting, *, dark: bool = False) -> Figure:
    """The calculator standing still: a bar for each recipe, the chosen one marked."""
    page, ink, *_ = PAGES[dark]
    drawing = Figure(figsize=(9, 4.6), facecolor=page, layout="constrained")
    axes = drawing.subplots()
    axes.set_facecolor(page)
    told = setting.memories()
    named = [Bar(f"{'▸ ' if r.name == setting.recipe else ''}{r.label}", told[r.name]) for r in RECIPES]
    bars(named, ax=axes, ink=ink)
    drawing.suptitle(setting.title, color=ink, x=0.01, ha="left", fontweight="bold", fontsize=11)
    return drawing


def alternative(setting: Setting) -> str:
    """The same in words: the peaks of all recipes, and what the chosen one's is made of."""
    told = setting.memories()
    chosen, whole = told[setting.recipe], told["fp32"].peak
    lines = [f"Memory calculator: {setting.title}."]
    lines += [f"  {r.label}: {gib(told[r.name].peak)}, {share(told[r.name].peak, whole)} of fp32" for r in RECIPES]
    parts = ", ".join(f"{LOOKS[item].label} {gib(size)}" for item, size in chosen.at_peak.items() if size)
    lines.append(f"{as_recipe(setting.recipe).label}, at the peak ({chosen.moment}): {parts}.")
    return "\n".join(lines)
