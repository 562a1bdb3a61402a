"""Methods of tensors that are functions of torchlike, or others under another name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simfp.arrays import Array
from simfp.autograd import Tensor
from simfp.autograd import functions as of
from simfp.torchlike import chance, combined

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
