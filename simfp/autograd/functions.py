"""Operations on Tensors under torch's names, as functions and as methods and operators of Tensor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simfp.autograd.tensor import Tensor, apply
from simfp.ops import OPERATIONS


def add(x: Any, y: Any) -> Tensor:
    """x + y."""
    return apply(OPERATIONS["add"], x, y)


def sub(x: Any, y: Any) -> Tensor:
    """x - y."""
    return apply(OPERATIONS["sub"], x, y)


def mul(x: Any, y: Any) -> Tensor:
    """x * y."""
    return apply(OPERATIONS["mul"], x, y)


def div(x: Any, y: Any) -> Tensor:
    """x / y."""
    return apply(OPERATIONS["div"], x, y)


def neg(x: Any) -> Tensor:
    """-x."""
    return apply(OPERATIONS["neg"], x)


def matmul(x: Any, y: Any) -> Tensor:
    """x @ y: each sum of products rounded once."""
    return apply(OPERATIONS["matmul"], x, y)


def sum(x: Any, dim: Any = None, keepdim: bool = False) -> Tensor:
    """The sum over all axes, or over `dim`: added in float32, rounded once."""
    return apply(OPERATIONS["sum"], x, dim, keepdim)


def mean(x: Any, dim: Any = None, keepdim: bool = False) -> Tensor:
    """The mean over all axes, or over `dim`: added in float32, rounded once."""
    return apply(OPERATIONS["mean"], x, dim, keepdim)


def _reflected(function: Callable[[Any, Any], Tensor]) -> Callable[[Any, Any], Tensor]:
    return lambda x, y: function(y, x)


METHODS: dict[str, Callable[..., Tensor]] = {
    "__add__": add, "__radd__": _reflected(add), "__sub__": sub, "__rsub__": _reflected(sub),
    "__mul__": mul, "__rmul__": _reflected(mul), "__truediv__": div, "__rtruediv__": _reflected(div),
    "__neg__": neg, "__matmul__": matmul, "__rmatmul__": _reflected(matmul),
    "matmul": matmul, "sum": sum, "mean": mean,
}  # fmt: skip

for _name, _function in METHODS.items():
    setattr(Tensor, _name, _function)
