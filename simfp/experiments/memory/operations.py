"""What every operation of a training step does to memory: inputs that are cast, gradients that are widened."""

from __future__ import annotations

from dataclasses import dataclass

from simfp.experiments.memory.model_sizes import TorchRecipe
from simfp.experiments.memory.timeline import Held, Timeline

__all__ = ["Formats", "Step"]


@dataclass
class Formats:
    """Which format what is kept in, under a recipe."""

    weights: str  # parameters, their gradients, and the residual stream
    products: str  # what matrix products take and give
    norms: str  # what layer_norm, softmax by itself and losses give

    @classmethod
    def of(cls, recipe: TorchRecipe) -> Formats:
        """Under autocast products run in 16 bits, norms and losses in float32; else all runs in the weights' format."""
        return cls(recipe.weights, recipe.autocast or recipe.weights, recipe.weights)

    @property
    def cast(self) -> bool:
        """Whether products take other numbers than norms give."""
        return self.products != self.weights


@dataclass
class Step:
    """What every operation of a step needs to know."""

    timeline: Timeline
    formats: Formats

    def hold(self, operation: str, name: str, values: int, fmt: str, item: str = "activations") -> Held:
        """Holds a tensor."""
        return self.timeline.hold(item, operation, name, fmt, values)

    def weight(self, operation: str, values: int, biases: int = 0) -> list[Held]:
        """autocast's copies of a layer's weight and, second, its bias; none where nothing is cast."""
        if not self.formats.cast:
            return []
        made = [self.hold(operation, "weight", values, self.formats.products, "cast weights")]
        return made + [self.hold(operation, "bias", biases, self.formats.products, "cast weights")] * bool(biases)

    def as_input(self, made: Held, operation: str) -> Held:
        """`made`, a product's input, in the products' format: itself, or a copy, and then `made` is let go."""
        if not self.formats.cast:
            made.operation, made.name = operation, "input"  # it is kept as that
            return made
        copy = self.hold(operation, "input", made.values, self.formats.products)
        self.timeline.drop(made)
        return copy

    def gradient(self, operation: str, values: int) -> Held:
        """The gradient of a product's weights, widened to their format where it came in another."""
        if not self.formats.cast:
            return self.hold(operation, "gradient", values, self.formats.weights, "gradients")
        narrow = self.hold(operation, "gradient, not yet widened", values, self.formats.products, "temporaries")
        wide = self.hold(operation, "gradient", values, self.formats.weights, "gradients")
        self.timeline.drop(narrow)
        return wide

    def passing(self, operation: str, values: int, fmt: str, after: Held | None = None) -> Held:
        """A gradient on its way back through the layers; then the one before it, `after`, is let go."""
        made = self.hold(operation, "gradient on its way", values, fmt, "temporaries")
        if after is not None:
            self.timeline.drop(after)
        return made
