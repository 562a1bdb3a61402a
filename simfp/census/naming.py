"""What layers and parameters are called in a census: by a model's own names, else by their kind and a number."""

from __future__ import annotations

from collections import Counter
from typing import Any

__all__ = ["Names"]


class Names:
    """Names of layers and parameters, given once and kept.

    model: names them as its named_modules() and named_parameters() do; it itself is called by its class. What is not
    part of it, and everything without a model, is named when it is first met: "Linear 1", "parameter 2".
    """

    def __init__(self, model: Any = None) -> None:
        self._layers: dict[Any, str] = {None: ""}
        self._parameters: dict[Any, tuple[str, str]] = {None: ("", "")}  # the owner's name, and the parameter's
        self._met: Counter[str] = Counter()
        if model is None:
            return
        if not hasattr(model, "named_modules"):
            raise TypeError(f"a census takes a module as its model, got {model!r}")
        for name, module in model.named_modules():
            self._layers[module] = name or type(module).__name__
        for name, parameter in model.named_parameters():
            owner = name.rpartition(".")[0] or type(model).__name__
            self._parameters[parameter] = owner, name

    def layer(self, layer: Any) -> str:
        """The name of a layer; "" for None, which stands for what happens outside of all layers."""
        if layer not in self._layers:
            self._layers[layer] = self._next(type(layer).__name__)
        return self._layers[layer]

    def parameter(self, parameter: Any) -> tuple[str, str]:
        """The name of the layer that a parameter belongs to, "" if it is not known, and its own."""
        if parameter not in self._parameters:
            self._parameters[parameter] = "", self._next("parameter")
        return self._parameters[parameter]

    @property
    def layers(self) -> list[str]:
        """The names of all layers, in the model's order and then in that in which they were met."""
        return list(self._layers.values())

    def _next(self, kind: str) -> str:
        self._met[kind] += 1
        return f"{kind} {self._met[kind]}"
