"""What a training step keeps in memory, tensor by tensor: weights, states, what autograd saves, the loss, gradients.

A step is told as it happens: each tensor is held when an operation makes it, and dropped after the last that needs
it. So the peak comes out, when it is, and what it is made of. What is saved, in which format, is what torch's autograd
was seen to save (`lessons/recordings/h200_measure.json`), and a test holds the one against the other.

Left out: what the allocator rounds up (up to 1 MiB a tensor), buffers inside kernels (the sum of a bias gradient over
many rows has one of up to 128 MiB), and what the CUDA context takes outside of torch's allocator.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from simfp.experiments.memory.gpt import gpt_step
from simfp.experiments.memory.mlp import mlp_step
from simfp.experiments.memory.model_sizes import GPT, MLP, RECIPES, TorchRecipe, as_recipe
from simfp.experiments.memory.timeline import ITEMS, Kept, Timeline
from simfp.formats import NAMED_FORMATS

__all__ = ["BATCHES", "CONTEXTS", "ITEMS", "Bar", "Memory", "grid", "memory", "parameters"]

BATCHES = (1, 2, 4, 8, 16, 32, 64)
CONTEXTS = (128, 256, 512, 1024)
WORKSPACE = 64 << 20  # bytes that cuBLAS has from torch's allocator on Hopper, once products have run


@dataclass(frozen=True)
class Memory:
    """What one training step needs, in bytes.

    rest: between steps, with no gradients: weights, states, inputs, workspace.
    after_forward: with all that is saved for the backward pass.
    peak: the most at any time; `at_peak` says of what (bytes by item), and `moment` when.
    phases: the peak of the forward pass, the backward pass and the optimizer's step.
    kept: what autograd saves, tensor by tensor.
    """

    rest: int
    after_forward: int
    peak: int
    moment: str
    at_peak: dict[str, int]
    phases: dict[str, int]
    kept: tuple[Kept, ...]


def memory(
    model: GPT | MLP,
    recipe: str | TorchRecipe,
    batch: int,
    context: int = 1024,
    *,
    checkpointing: bool = False,
    explicit: bool = False,
) -> Memory:
    """What a step of AdamW on `model` under `recipe` needs; `batch` sequences of `context` tokens, or rows for an MLP.

    checkpointing: each block's activations are dropped, and computed again in the backward pass.
    explicit: attention step by step, with its (context, context) matrices, in place of one fused kernel.

    Raises ValueError for an unknown recipe, a batch or context below 1 or a context beyond the model's positions, and
    for options that the model does not have.
    """
    how = recipe if isinstance(recipe, TorchRecipe) else as_recipe(recipe)
    for name, value in (("batch", batch), ("context", context)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"`{name}` must be an integer of at least 1, got {value!r}")
    timeline = Timeline()
    timeline.hold("workspace", "cuBLAS", "workspace", "uint8", WORKSPACE)
    count = parameters(model)
    timeline.hold("weights", "model", "parameters", how.weights, count)
    for name in ("exp_avg", "exp_avg_sq"):
        timeline.hold("optimizer states", "AdamW", name, how.weights, count)
    if isinstance(model, GPT):
        if context > model.positions:
            raise ValueError(
                f"`context` must be at most {model.positions}, the positions of {model.name}, got {context}"
            )
        gpt_step(timeline, model, how, batch, context, checkpointing=checkpointing, explicit=explicit)
    else:
        if checkpointing or explicit:
            raise ValueError("`checkpointing` and `explicit` are for a GPT; an MLP has neither blocks nor attention")
        mlp_step(timeline, model, how, batch)
    timeline.begin("optimizer's step")
    scratch = timeline.hold("temporaries", "AdamW", "square roots", how.weights, count)
    timeline.drop(scratch)
    timeline.begin("")
    return Memory(
        timeline.rest,
        timeline.after_forward,
        timeline.peak,
        timeline.moment,
        {item: timeline.at_peak.get(item, 0) for item in ITEMS},
        dict(timeline.phases),
        timeline.kept,
    )


class Bar(NamedTuple):
    """One bar: its name, what was computed, and the measured peak in bytes, if there is one."""

    name: str
    computed: Memory
    measured: int | None = None


@lru_cache(maxsize=32)
def grid(model: GPT, *, checkpointing: bool = False, explicit: bool = False) -> dict[tuple[int, int, str], Memory]:
    """What a step needs for every context of CONTEXTS, batch of BATCHES and recipe: (context, batch, name) -> Memory.

    Recipes that keep the same things in the same formats share one.
    """
    told: dict[tuple[int, int, str], Memory] = {}
    for context in CONTEXTS:
        for batch in BATCHES:
            alike: dict[tuple[str, int], Memory] = {}
            for recipe in RECIPES:
                key = (recipe.weights, NAMED_FORMATS[recipe.autocast or recipe.weights].bits)
                if key not in alike:
                    options = {"checkpointing": checkpointing, "explicit": explicit}
                    alike[key] = memory(model, recipe, batch, context, **options)
                told[context, batch, recipe.name] = alike[key]
    return told


def parameters(model: GPT | MLP) -> int:
    """How many parameters a model has.

    >>> from simfp.experiments.memory.model_sizes import GPT_SIZES
    >>> [f"{parameters(size):,}" for size in GPT_SIZES[:2]]
    ['124,439,808', '354,823,168']
    """
    if isinstance(model, MLP):
        return sum(fan_in * fan_out + fan_out for fan_in, fan_out in pairwise(model.widths))
    d = model.width
    block = 12 * d * d + 13 * d  # four linear layers with biases, two layer_norms
    return (model.vocabulary + model.positions) * d + model.layers * block + 2 * d
