"""Linear, and the module that does nothing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from simfp.autograd import Tensor
from simfp.devices import DeviceLike
from simfp.nn import functional, init
from simfp.nn.module import Module
from simfp.nn.parameter import Parameter
from simfp.randomness import Chance, generator
from simfp.typing import FormatLike

__all__ = ["Identity", "Linear", "empty"]


def empty(*shape: int, dtype: FormatLike | None = None) -> Parameter:
    """A parameter for `reset_parameters` to fill."""
    return Parameter(np.zeros(shape, np.float32), dtype=dtype)


class Identity(Module):
    """The input; whatever it is made with is ignored, as torch ignores it."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__()

    def forward(self, input: Any) -> Any:
        """`input`."""
        return input


class Linear(Module):
    """``x @ weight.T + bias``. weight: (out_features, in_features); bias: (out_features,).

    Both begin uniform within 1 / sqrt(in_features), as torch's do, drawn from `rng` (a NumPy Generator or a seed) or
    the shared generator.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: DeviceLike | None = None,
        dtype: FormatLike | None = None,
        *,
        rng: Chance = None,
    ) -> None:
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.weight = empty(out_features, in_features, dtype=dtype)
        self.register_parameter("bias", empty(out_features, dtype=dtype) if bias else None)
        self.reset_parameters(rng)

    def reset_parameters(self, rng: Chance = None) -> None:
        """Draws the parameters anew."""
        reset(self, self.in_features, generator(rng))

    def forward(self, input: Any) -> Tensor:
        """(..., in_features) to (..., out_features)."""
        return functional.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        """As torch shows it."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


def reset(module: Any, fan_in: int, rng: np.random.Generator) -> None:
    """Fills `weight` and `bias` from the uniform distribution within 1 / sqrt(fan_in)."""
    init.kaiming_uniform_(module.weight, a=math.sqrt(5), generator=rng)
    if module.bias is not None:
        bound = 1 / math.sqrt(fan_in) if fan_in > 0 else 0.0
        init.uniform_(module.bias, -bound, bound, generator=rng)
