"""Modules made of modules: one after the other, in a list, in a dict."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from simfp.autograd import Tensor
from simfp.nn.module import Module
from simfp.nn.parameter import Parameter

__all__ = ["ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Sequential"]


class _Numbered(Module):
    """Parts that are named by their numbers."""

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._modules.values())

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)._of(dict(list(self._modules.items())[index]))
        return self._modules[self._name(index)]

    def __setitem__(self, index: int, module: Module) -> None:
        self.register_module(self._name(index), module)

    def __delitem__(self, index: int | slice) -> None:
        kept = list(self._modules.items())
        if not isinstance(index, slice):
            self._name(index)
        del kept[index]
        numbered = all(name.isdigit() for name in self._modules)
        self._modules.clear()
        self._modules.update({str(i) if numbered else name: part for i, (name, part) in enumerate(kept)})

    def append(self, module: Module) -> Any:
        """Adds a part at the end."""
        self.register_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Any:
        """Adds parts at the end."""
        for module in list(modules):
            self.append(module)
        return self

    def pop(self, key: int) -> Any:
        """The part of that number, taken out."""
        found = self[key]
        del self[key]
        return found

    def __iadd__(self, other: Iterable[Module]) -> Any:
        return self.extend(other)

    def __add__(self, other: Iterable[Module]) -> Any:
        made = type(self)._of(dict(zip(map(str, range(len(self))), self)))
        return made.extend(other)

    def insert(self, index: int, module: Module) -> Any:
        """Adds a part before that of number `index`."""
        parts = list(self)
        parts.insert(index, module)
        self._modules.clear()
        return self.extend(parts)

    @classmethod
    def _of(cls, parts: dict[str, Any]) -> Any:
        made = cls()
        made.extend(parts.values())
        return made

    def _name(self, index: int) -> str:
        if not -len(self) <= index < len(self):
            raise IndexError(f"index {index} is out of range")
        return list(self._modules)[index]


class Sequential(_Numbered):
    """Modules that run one after the other, each on the result of the one before.

    args: modules, or one dict of them by name.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__()
        parts = (
            args[0] if len(args) == 1 and isinstance(args[0], Mapping) else dict(zip(map(str, range(len(args))), args))
        )
        for name, part in parts.items():
            self.register_module(name, part)

    def forward(self, input: Any) -> Any:
        """The result of the last module; the input itself if there is none."""
        for module in self:
            input = module(input)
        return input

    @classmethod
    def _of(cls, parts: dict[str, Any]) -> Any:
        return cls(parts)


class ModuleList(_Numbered):
    """A list of modules, which has no `forward`."""

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        self.extend(modules or [])

    def __repr__(self) -> str:
        """As torch shows it: parts that look the same and follow one another are shown once."""
        runs: list[tuple[str, int]] = []
        for text in map(repr, self):
            if runs and runs[-1][0] == text:
                runs[-1] = text, runs[-1][1] + 1
            else:
                runs.append((text, 1))
        if not runs:
            return f"{type(self).__name__}()"
        lines, first = [], 0
        for text, count in runs:
            name = f"({first}): " if count == 1 else f"({first}-{first + count - 1}): {count} x "
            lines.append(name + text.replace("\n", "\n  "))
            first += count
        return "\n  ".join([f"{type(self).__name__}(", *lines]) + "\n)"


class ModuleDict(Module):
    """A dict of modules, which has no `forward`."""

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None) -> None:
        super().__init__()
        self.update(modules or {})

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: str) -> bool:
        return key in self._modules

    def __getitem__(self, key: str) -> Any:
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.register_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def pop(self, key: str) -> Any:
        """The module of that name, taken out."""
        found = self[key]
        del self[key]
        return found

    def clear(self) -> None:
        """Takes all out."""
        self._modules.clear()

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Adds the modules of a dict, or of pairs."""
        for name, module in dict(modules).items():
            self.register_module(name, module)

    def keys(self) -> Iterable[str]:
        """The names."""
        return self._modules.keys()

    def values(self) -> Iterable[Any]:
        """The modules."""
        return self._modules.values()

    def items(self) -> Iterable[tuple[str, Any]]:
        """Names and modules."""
        return self._modules.items()


def _as_parameter(x: Any) -> Parameter:
    if not isinstance(x, Parameter) and not isinstance(x, Tensor):
        raise TypeError(f"expected a Parameter or a Tensor, got a {type(x).__name__}")
    return x if isinstance(x, Parameter) else Parameter(x)


class ParameterList(Module):
    """A list of parameters, named by their numbers; Tensors become parameters."""

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self.extend(values or [])

    def __len__(self) -> int:
        return len(self._parameters)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._parameters.values())

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)(list(self)[index])
        return list(self)[index]

    def __setitem__(self, index: int, value: Any) -> None:
        place = index + len(self) if index < 0 else index
        if not 0 <= place < len(self):
            raise IndexError(f"index {index} is out of range")
        self._parameters[str(place)] = _as_parameter(value)

    def append(self, value: Any) -> Any:
        """Adds a parameter at the end."""
        self.register_parameter(str(len(self)), _as_parameter(value))
        return self

    def extend(self, values: Iterable[Any]) -> Any:
        """Adds parameters at the end."""
        for each in list(values):
            self.append(each)
        return self


class ParameterDict(Module):
    """A dict of parameters; Tensors become parameters."""

    def __init__(self, parameters: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None) -> None:
        super().__init__()
        self.update(parameters or {})

    def __len__(self) -> int:
        return len(self._parameters)

    def __iter__(self) -> Iterator[str]:
        return iter(self._parameters)

    def __contains__(self, key: str) -> bool:
        return key in self._parameters

    def __getitem__(self, key: str) -> Any:
        return self._parameters[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.register_parameter(key, _as_parameter(value))

    def __delitem__(self, key: str) -> None:
        del self._parameters[key]

    def update(self, parameters: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> None:
        """Adds the parameters of a dict, or of pairs."""
        for name, value in dict(parameters).items():
            self[name] = value

    def keys(self) -> Iterable[str]:
        """The names."""
        return self._parameters.keys()

    def values(self) -> Iterable[Any]:
        """The parameters."""
        return self._parameters.values()

    def items(self) -> Iterable[tuple[str, Any]]:
        """Names and parameters."""
        return self._parameters.items()
