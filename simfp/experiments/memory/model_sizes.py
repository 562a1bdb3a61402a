"""The models whose memory is counted and measured: GPT-2 in its sizes, and multi-layer perceptrons."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["GPT", "GPT_SIZES", "MLP", "MLPS", "RECIPES", "TorchRecipe", "as_recipe"]


@dataclass(frozen=True)
class GPT:
    """A decoder with GPT-2's layout: tied embeddings, biases, four times the width inside its perceptrons."""

    name: str
    layers: int
    heads: int
    width: int
    vocabulary: int = 50257
    positions: int = 1024

    def __post_init__(self) -> None:
        for name in ("layers", "heads", "width", "vocabulary", "positions"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"`{name}` must be an integer of at least 1, got {value!r}")
        if self.width % self.heads:
            raise ValueError(f"`width` must be a multiple of `heads`, got {self.width} and {self.heads}")


@dataclass(frozen=True)
class MLP:
    """Linear layers with biases and ReLU between them; the loss is the mean squared error."""

    name: str
    widths: tuple[int, ...]

    def __post_init__(self) -> None:
        right = all(isinstance(width, int) and not isinstance(width, bool) and width > 0 for width in self.widths)
        if len(self.widths) < 2 or not right:
            raise ValueError(f"`widths` must be at least two integers above 0, got {self.widths!r}")


# fmt: off
#             name                    layers heads width
GPT_SIZES = (
    GPT("GPT-2 124M",                     12,   12,  768),
    GPT("GPT-2 355M",                     24,   16, 1024),
    GPT("GPT-2 774M",                     36,   20, 1280),
    GPT("GPT-2 1.5B",                     48,   25, 1600),
)
# fmt: on


# one of each kind: much data through few weights, and few data through many
MLPS = (MLP("MLP, narrow, large batch", (1024,) * 9), MLP("MLP, wide, small batch", (8192,) * 5))


@dataclass(frozen=True)
class TorchRecipe:
    """A way to train in torch whose memory and speed are counted and measured, as far as formats go.

    Those that simfp itself trains by are `simfp.experiments.training.recipes.Recipe`.

    weights: the format that parameters, gradients and the optimizer's states are kept in.
    autocast: the format that autocast runs products in; None: there is no autocast.
    tf32: whether tensor cores may round the inputs of float32 products to tf32.
    """

    name: str
    label: str
    weights: str
    autocast: str | None
    tf32: bool
    scaler: bool
    color: str  # the format whose colour stands for it in figures


# fmt: off
#           name            label                     weights     autocast    tf32   scaler  colour
RECIPES = (
    TorchRecipe("fp32",         "fp32",                   "float32",  None,       False, False, "float32"),
    TorchRecipe("tf32",         "fp32, tf32 products",    "float32",  None,       True,  False, "tfloat32"),
    TorchRecipe("fp16",         "fp16 autocast + scaler", "float32",  "float16",  False, True,  "float16"),
    TorchRecipe("bf16",         "bf16 autocast",          "float32",  "bfloat16", False, False, "bfloat16"),
    TorchRecipe("bf16_weights", "bf16 weights too",       "bfloat16", None,       False, False, "bfloat16"),
)
# fmt: on


def as_recipe(name: str) -> TorchRecipe:
    """The recipe called `name`. Raises ValueError for another, naming those that there are."""
    for recipe in RECIPES:
        if recipe.name == name:
            return recipe
    raise ValueError(f"unknown recipe {name!r}; expected one of {', '.join(recipe.name for recipe in RECIPES)}")
