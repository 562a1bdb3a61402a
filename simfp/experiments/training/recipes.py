"""Recipes: which format weights are kept in, which one products run in, and what is done about what is lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from simfp.accumulation import Accumulator, Float64Sum
from simfp.formats import NAMED_FORMATS, Format
from simfp.rounding import round_to
from simfp.tensor_core import HOPPER

__all__ = ["ACCUMULATORS", "RECIPES", "Abandoned", "Products", "Recipe", "as_recipe"]

FLOAT32, TFLOAT32, FLOAT16 = (NAMED_FORMATS[name] for name in ("float32", "tfloat32", "float16"))
UPDATES = ("nearest", "kahan", "stochastic")


@dataclass(frozen=True)
class Recipe:
    """How a network is trained, as far as formats go.

    weights: the format in which weights, gradients and the optimizer's state are kept.
    autocast: the format that autocast runs products in; None: there is no autocast, all runs in the weights' format.
    scaler: whether a GradScaler scales the loss.
    tf32: whether inputs of products are rounded to tf32, as a GPU that is allowed to does with float32.
    update: how weights are rounded when they are updated: to "nearest", so with "kahan"'s compensation, or
        "stochastic".

    Raises ValueError, saying why, for a recipe that cannot be.
    """

    name: str
    weights: str = "float32"
    autocast: str | None = None
    scaler: bool = False
    tf32: bool = False
    update: str = "nearest"

    def __post_init__(self) -> None:
        for fmt in (self.weights, *([self.autocast] if self.autocast else [])):
            if fmt not in NAMED_FORMATS:
                raise ValueError(f"unknown format {fmt!r}; expected one of {', '.join(NAMED_FORMATS)}")
        if self.update not in UPDATES:
            raise ValueError(f"unknown update {self.update!r}; expected one of {', '.join(UPDATES)}")
        problem = self._problem()
        if problem:
            raise ValueError(f"recipe {self.name!r} cannot be: {problem}")

    def _problem(self) -> str:
        if self.scaler and self.weights != "float32":
            return (
                f"a GradScaler unscales gradients in float32, and those of {self.weights} weights are {self.weights}: "
                "divided by the scale they would vanish again. Keep the weights in float32, under autocast"
            )
        if self.scaler and self.autocast != "float16":
            return (
                f"a GradScaler is for float16, whose range is small; {self.autocast or self.weights} reaches as far as "
                "float32 does, and there is nothing to scale"
            )
        if self.autocast and self.weights != "float32":
            return f"autocast casts float32 weights; {self.weights} weights run in {self.weights} as they are"
        if self.tf32 and (self.autocast or self.weights != "float32"):
            return "tf32 is a way to multiply float32 numbers, and here products run in 16 bits"
        return ""

    @property
    def compute(self) -> Format:
        """The format that results of products are in."""
        return NAMED_FORMATS[self.autocast or self.weights]

    def warnings(self, optimizer: str = "SGD", options: dict[str, Any] | None = None) -> tuple[str, ...]:
        """What goes wrong with this recipe, as sentences; none where nothing is to be feared."""
        told = []
        given = options or {}
        if self.autocast == "float16" and not self.scaler:
            told.append(
                "fp16 autocast without a GradScaler: gradients below 2^-25 become zero, and nothing says so; "
                "training may stall."
            )
        if self.weights not in ("float32", "tfloat32") and self.update == "nearest":
            fmt = NAMED_FORMATS[self.weights]
            told.append(
                f"pure {self.weights} weights: an update smaller than about 2^-{fmt.precision} of its weight leaves "
                "the weight as it was. Keep master weights in float32, or round updates with Kahan's compensation or "
                "stochastically."
            )
        eps = given.get("eps", 1e-8)
        if optimizer in ("Adam", "AdamW") and round_to(eps, self.weights) == 0:
            told.append(
                f"{optimizer}'s eps={eps:g} is 0 in {self.weights}: where the second moment has vanished, as it does "
                "for gradients below about 2^-12, the update divides by 0 and weights become infinite or NaN. "
                f"eps=1e-4 would be a number in {self.weights}."
            )
        return tuple(told)


# fmt: off
RECIPES = {recipe.name: recipe for recipe in (
    #       name                    weights     autocast    scaler       what else
    Recipe("fp32",                  "float32"),
    Recipe("tf32",                  "float32",                           tf32=True),
    Recipe("fp16",                  "float32",  "float16"),
    Recipe("fp16 + scaler",         "float32",  "float16",  scaler=True),
    Recipe("bf16",                  "float32",  "bfloat16"),
    Recipe("pure bf16",             "bfloat16"),
    Recipe("pure bf16 + kahan",     "bfloat16",                          update="kahan"),
    Recipe("pure bf16 + stochastic", "bfloat16",                         update="stochastic"),
    Recipe("pure fp16",             "float16"),
    Recipe("pure fp16 + kahan",     "float16",                           update="kahan"),
    Recipe("pure fp16 + stochastic", "float16",                          update="stochastic"),
)}
# fmt: on


def as_recipe(recipe: Any) -> Recipe:
    """A Recipe, or the one of RECIPES that has that name.

    Raises ValueError for an unknown name.
    """
    if isinstance(recipe, Recipe):
        return recipe
    if recipe not in RECIPES:
        raise ValueError(f"unknown recipe {recipe!r}; expected one of {', '.join(map(repr, RECIPES))}")
    return RECIPES[recipe]


ACCUMULATORS: dict[str, Accumulator] = {"float64": Float64Sum(), "hopper": HOPPER}


class Abandoned(Exception):
    """A pass through a network that is not to be finished."""


class Products(Accumulator):
    """Carries sums as another accumulator does; with `tf32`, of float32 factors rounded to tf32.

    check: called before each product, and may raise `Abandoned`: so that whoever waits for a long step can end it.
    """

    def __init__(self, inner: Accumulator, *, tf32: bool = False, check: Callable[[], None] | None = None) -> None:
        self.inner, self.tf32, self.check = inner, tf32, check

    @property
    def format(self) -> Format:
        """The format that totals come in."""
        return self.inner.format

    def add_products(self, a: Any, b: Any, *, plain: bool = False) -> Any:
        """The totals; see `Accumulator`."""
        return self.inner.add_products(a, b, plain=plain)

    def products(self, a: Any, b: Any, fmt: Format) -> Any:
        """The totals, for values of `fmt`."""
        if self.check:
            self.check()
        if self.tf32 and fmt == FLOAT32:
            a, b, fmt = np.asarray(round_to(a, TFLOAT32)), np.asarray(round_to(b, TFLOAT32)), TFLOAT32
        return self.inner.products(a, b, fmt)
