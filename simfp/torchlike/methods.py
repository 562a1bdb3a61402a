"""Methods of tensors that are functions of torchlike, or others under another name; and what to use for those not here.

A method that is not here says so with its hint. That is done name by name: a `__getattr__` of Tensor would make every
other attribute slow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simfp.arrays import Array
from simfp.autograd import Tensor
from simfp.autograd import functions as of
from simfp.torchlike import chance, combined
from simfp.torchlike.hints import HINTS
from simfp.torchlike.names import PAGE, hint

__all__: list[str] = []

FUNCTIONS = (  # of `combined`
    "absolute", "addmm", "broadcast_to", "clip", "diag", "divide", "moveaxis", "movedim", "multiply", "nanmean",
    "nansum", "negative", "ravel", "subtract", "trace", "true_divide", "unflatten",
)  # fmt: skip
METHODS: dict[str, Callable[..., Any]] = {
    **{name: getattr(combined, name) for name in FUNCTIONS},
    "bernoulli": chance.bernoulli, "multinomial": chance.multinomial,
    "reshape_as": lambda x, other: of.reshape(x, *other.shape),
}  # fmt: skip
SAME = {  # a method in place, and the one that it is
    "absolute_": "abs_", "clip_": "clamp_", "divide_": "div_", "multiply_": "mul_", "negative_": "neg_",
    "subtract_": "sub_", "true_divide_": "div_",
}  # fmt: skip

for _name, _function in METHODS.items():
    setattr(Tensor, _name, _function)
for _name, _other in SAME.items():
    for _owner in (Tensor, Array):
        setattr(_owner, _name, getattr(_owner, _other))


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
