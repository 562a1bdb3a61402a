"""A memory calculator: sliders for batch and context, a bar for each recipe, and what the chosen one is made of.

Every byte is computed here, by simfp.experiments.memory, for every batch and context ahead, and sent as shares and
finished text. The front end (widget.js) looks up and draws: it adds nothing up.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import traitlets

from simfp.experiments.memory.model_sizes import GPT, GPT_SIZES, RECIPES
from simfp.experiments.memory.training_step import BATCHES, CONTEXTS, ITEMS, Memory, grid
from simfp.figures.memory import peaks as figures
from simfp.figures.memory.peaks import Setting
from simfp.figures.palette import ITEMS as LOOKS
from simfp.figures.words import gib, share
from simfp.widgets.parts.base import Widget
from simfp.widgets.parts.front_end import module, style
from simfp.widgets.parts.settings import Kept, one_number, one_of, switch

__all__ = ["MemoryCalculator"]

MODELS = {size.name: size for size in GPT_SIZES}
ATTENTIONS = ("fused", "written out")


class MemoryCalculator(Widget):
    """How much memory a training step of GPT-2 with AdamW needs at its peak, under five recipes.

    Parameters
    ----------
    batch
        Sequences: 1, 2, 4, 8, 16, 32 or 64.
    context
        Tokens of each: 128, 256, 512 or 1024.
    model
        "GPT-2 124M", "GPT-2 355M", "GPT-2 774M" or "GPT-2 1.5B".
    recipe
        Whose parts are listed: "fp32", "tf32", "fp16", "bf16" or "bf16_weights".
    attention
        "fused" in one kernel, or "written out" step by step, with its matrices of context by context.
    checkpointing
        Whether the blocks' activations are computed a second time in place of being kept.

    All can be set later, in Python or on the screen; each shows what the other did. A wrong value raises ValueError
    or TypeError here; set later, the last good one is kept and `message` says why.
    """

    _esm = module("memory_calculator")
    _css = style("memory_calculator")

    batch = Kept(one_number("batch", BATCHES), 16)
    context = Kept(one_number("context", CONTEXTS), 1024)
    model = Kept(one_of("model", tuple(MODELS)), "GPT-2 124M")
    recipe = Kept(one_of("recipe", tuple(recipe.name for recipe in RECIPES)), "fp16")
    attention = Kept(one_of("attention", ATTENTIONS), "fused")
    checkpointing = Kept(switch("checkpointing"), False)
    _table = traitlets.Dict().tag(sync=True)

    def __init__(self, **settings: Any) -> None:
        super().__init__(**self.checked(settings))
        self._tell()
        self.observe(self._tell, names=["model", "attention", "checkpointing"])

    def _tell(self, _change: Any = None) -> None:
        self._table = table(MODELS[self.model], self.checkpointing, self.attention == ATTENTIONS[1])

    def setting(self) -> Setting:
        """What is set, as the figure takes it."""
        explicit = self.attention == ATTENTIONS[1]
        model = MODELS[self.model]
        return Setting(model, self.batch, self.context, self.recipe, self.checkpointing, explicit)

    def memories(self) -> dict[str, Memory]:
        """What every recipe needs with this setting, by its name."""
        return self.setting().memories()

    def figure(self, *, dark: bool = False) -> Any:
        """The same as a static Matplotlib Figure."""
        return figures.figure(self.setting(), dark=dark)

    def alternative(self) -> str:
        """What the widget shows, in words."""
        return figures.alternative(self.setting())


@cache
def table(model: GPT, checkpointing: bool, explicit: bool) -> dict[str, Any]:
    """All that the front end shows, for every context and batch: shares of the widest bar, and finished texts."""
    told = grid(model, checkpointing=checkpointing, explicit=explicit)
    return {
        "contexts": list(CONTEXTS),
        "batches": list(BATCHES),
        "choices": {
            "model": [[name, name] for name in MODELS],
            "attention": [[name, name] for name in ATTENTIONS],
            "recipe": [[recipe.name, recipe.label] for recipe in RECIPES],
        },
        "items": [[LOOKS[item].label, LOOKS[item].color] for item in ITEMS],
        "cells": [[_cell({r.name: told[context, batch, r.name] for r in RECIPES}) for batch in BATCHES]
                  for context in CONTEXTS],
    }  # fmt: skip


def _cell(memories: dict[str, Memory]) -> dict[str, Any]:
    """One batch and context: for each recipe its bar, its reading, when the peak is, and its parts in words."""
    whole = memories["fp32"]
    widest = max(each.peak for each in memories.values())
    return {
        name: {
            "bar": [round(each.at_peak[item] / widest, 4) for item in ITEMS],
            "reading": f"{gib(each.peak)}, {share(each.peak, whole.peak)} of fp32",
            "moment": each.moment,
            "parts": [
                [
                    gib(each.at_peak[item]) if each.at_peak[item] else "–",
                    share(each.at_peak[item], each.peak) if each.at_peak[item] else "–",
                    share(each.at_peak[item], whole.at_peak[item]) if whole.at_peak[item] else "–",
                ]
                for item in ITEMS
            ],
        }
        for name, each in memories.items()
    }
