"""What layers and parameters are called in a census: by a model's own names, else by their kind and a number."""

from __future__ import annotations

from collections import Counter
from typing import Any
from weakref import ref

__all__ = ["Names"]


class Names:
    """Names of layers and parameters, given once and kept.

    model: names them as its named_modules() and named_parameters() do; it itself is called by its class. What is not
    part of it, and everything without a model, is named when it is first met: "Linear 1", "parameter 2"; layers without
    parameters by their class alone.
    """

    def __init__(self, model: Any = None) -> None:
        # by id, with a reference that tells whether what had that id is still there
        self._layers: dict[int, tuple[Any, str]] = {}
        self._parameters: dict[int, tuple[Any, tuple[str, str]]] = {}  # the owner's name, and the parameter's
        self._met: Counter[str] = Counter()
        self._known: dict[str, None] = {"": None}  # in order
        if model is None:
            return
        if not hasattr(model, "named_modules"):
            raise TypeError(f"a census takes a module as its model, got {model!r}")
        for name, module in model.named_modules():
            self._name(module, name or type(module).__name__)
        for name, parameter in model.named_parameters():
            owner = name.rpartition(".")[0] or type(model).__name__
            self._parameters[id(parameter)] = ref(parameter), (owner, name)

    def layer(self, layer: Any) -> str:
        """The name of a layer; "" for None, which stands for what happens outside of all layers."""
        if layer is None:
            return ""
        found = self._layers.get(id(layer))
        if found and found[0]() is layer:
            return found[1]
        kind = type(layer).__name__
        # what has no weights may be made anew in each step, as losses are: one name for all
        return self._name(layer, self._next(kind) if any(True for _ in layer.parameters()) else kind)

    def _name(self, layer: Any, name: str) -> str:
        self._layers[id(layer)] = ref(layer), name
        self._known[name] = None
        return name

    def parameter(self, parameter: Any) -> tuple[str, str]:
        """The name of the layer that a parameter belongs to, "" if it is not known, and its own."""
        if parameter is None:
            return "", ""
        found = self._parameters.get(id(parameter))
        if found and found[0]() is parameter:
            return found[1]
        names = "", self._next("parameter")
        self._parameters[id(parameter)] = ref(parameter), names
        return names

    @property
    def layers(self) -> list[str]:
        """The names of all layers, in the model's order and then in that in which they were met."""
        return list(self._known)

    def _next(self, kind: str) -> str:
        self._met[kind] += 1
        return f"{kind} {self._met[kind]}"
