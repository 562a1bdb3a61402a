"""Methods of tensors that are not here: each says what to use.

That is done name by name: a `__getattr__` of Tensor would make every
other attribute slow.
"""

from __future__ import annotations

from typing import Any

from simfp.autograd import Tensor
from simfp.torchlike.hints import HINTS
from simfp.torchlike.names import PAGE, hint

__all__: list[str] = []


class _Absent:
    """An attribute that is not there: asked for, it raises AttributeError with what to use."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, x: Any, kind: type) -> Any:
        use = hint("Tensor", self.name)
        raise AttributeError(
            f"'Tensor' object has no attribute {self.name!r}: {use}; {PAGE} lists every name", name=self.name, obj=x
        )


for _spaces, _names, _ in HINTS:
    for _name in _names.split() if "Tensor" in _spaces.split() else ():
        _name = _name.removesuffix("*")  # of a family the name that it begins with
        if _name.isidentifier() and not _name.endswith("_") and not hasattr(Tensor, _name):
            setattr(Tensor, _name, _Absent(_name))
