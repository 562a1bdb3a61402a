"""A memory calculator: sliders for batch and context, a bar for each recipe, and what the chosen one is made of.

Every byte is computed here, by simfp.experiments.memory, for every batch and context ahead, and sent as shares and
finished text. The front end (widget.js) looks up and draws: it adds nothing up.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from functools import cache
from typing import Any

import anywidget
import traitlets

from simfp.experiments.memory.model_sizes import GPT, GPT_SIZES, RECIPES
from simfp.experiments.memory.training_step import BATCHES, CONTEXTS, ITEMS, Memory, grid
from simfp.figures.memory import peaks as figures
from simfp.figures.memory.peaks import Setting
from simfp.figures.palette import ITEMS as LOOKS
from simfp.figures.png import png
from simfp.figures.words import gib, share
from simfp.widgets.parts.front_end import Kept, module, style
from simfp.widgets.underflow.widget import one_of

__all__ = ["MemoryCalculator"]

MODELS = {size.name: size for size in GPT_SIZES}
ATTENTIONS = ("fused", "written out")


def _one_number(name: str, valid: tuple[int, ...]) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        if isinstance(value, bool) or value not in valid:
            raise ValueError(f"{name} must be one of {', '.join(map(str, valid))}, got {value!r}")
        return int(value)

    return check


def _switch(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"checkpointing must be True or False, got {value!r}")
    return value


# fmt: off
SETTINGS: dict[str, Callable[[Any], Any]] = {
    "batch":         _one_number("batch", BATCHES),
    "context":       _one_number("context", CONTEXTS),
    "model":         one_of("model", tuple(MODELS)),
    "recipe":        one_of("recipe", tuple(recipe.name for recipe in RECIPES)),
    "attention":     one_of("attention", ATTENTIONS),
    "checkpointing": _switch,
}
# fmt: on


class MemoryCalculator(anywidget.AnyWidget):  # type: ignore[misc]
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

    batch = Kept(SETTINGS["batch"], 16).tag(sync=True)
    context = Kept(SETTINGS["context"], 1024).tag(sync=True)
    model = Kept(SETTINGS["model"], "GPT-2 124M").tag(sync=True)
    recipe = Kept(SETTINGS["recipe"], "fp16").tag(sync=True)
    attention = Kept(SETTINGS["attention"], "fused").tag(sync=True)
    checkpointing = Kept(SETTINGS["checkpointing"], False).tag(sync=True)
    message = traitlets.Unicode("").tag(sync=True)
    _table = traitlets.Dict().tag(sync=True)

    def __init__(self, **settings: Any) -> None:
        for name, value in settings.items():
            if name not in SETTINGS:
                raise TypeError(f"unknown setting {name!r}; expected one of {', '.join(SETTINGS)}")
            settings[name] = SETTINGS[name](value)
        super().__init__(**settings)
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

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """The live widget, and for readers without a kernel its picture and its words."""
        data, metadata = super()._repr_mimebundle_(**options)
        words = self.alternative()
        data |= {"text/plain": words, "image/png": base64.b64encode(png(self.figure())).decode()}
        return data, metadata | {"image/png": {"alt": words}}


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
