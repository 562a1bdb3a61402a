"""Activations that fewer networks use: modules without parameters, and PReLU with its one."""

from __future__ import annotations

from typing import Any

from simfp.autograd import Tensor
from simfp.devices import DeviceLike
from simfp.nn import functional, init
from simfp.nn.linear import empty
from simfp.nn.module import Module
from simfp.typing import FormatLike

__all__ = [
    "CELU", "ELU", "GLU", "SELU", "Hardsigmoid", "Hardswish", "Hardtanh", "LogSigmoid", "Mish", "PReLU", "ReLU6",
    "Softmin", "Softsign", "Tanhshrink",
]  # fmt: skip


class _InPlace(Module):
    """inplace: taken, and means nothing here."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def extra_repr(self) -> str:
        """As torch shows it."""
        return "inplace=True" if self.inplace else ""


class _Alpha(Module):
    """alpha: how low it goes. inplace: taken, and means nothing here."""

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha, self.inplace = alpha, inplace

    def extra_repr(self) -> str:
        """As torch shows it."""
        return f"alpha={self.alpha}" + (", inplace=True" if self.inplace else "")


class ELU(_Alpha):
    """x where it is positive, else alpha (exp(x) - 1)."""

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.elu(input, self.alpha)


class CELU(_Alpha):
    """x where it is positive, else alpha (exp(x / alpha) - 1)."""

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.celu(input, self.alpha)


class SELU(_InPlace):
    """ELU with the alpha and the scale that keep mean 0 and variance 1."""

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.selu(input)


class Hardsigmoid(_InPlace):
    """relu6(x + 3) / 6."""

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.hardsigmoid(input)

    def extra_repr(self) -> str:
        """Nothing, as in torch."""
        return ""


class Hardswish(Hardsigmoid):
    """x relu6(x + 3) / 6."""

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.hardswish(input)


class Hardtanh(Module):
    """x held between two numbers.

    Raises ValueError unless the first is below the second.
    """

    def __init__(
        self,
        min_val: float = -1.0,
        max_val: float = 1.0,
        inplace: bool = False,
        min_value: float | None = None,
        max_value: float | None = None,
    ) -> None:
        super().__init__()
        self.min_val = min_val if min_value is None else min_value
        self.max_val = max_val if max_value is None else max_value
        self.inplace = inplace
        if not self.max_val > self.min_val:
            raise ValueError(f"max_val must be larger than min_val, got {self.min_val} and {self.max_val}")

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.hardtanh(input, self.min_val, self.max_val)

    def extra_repr(self) -> str:
        """As torch shows it."""
        return f"min_val={self.min_val}, max_val={self.max_val}" + (", inplace=True" if self.inplace else "")


class ReLU6(Hardtanh):
    """min(max(x, 0), 6)."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(0.0, 6.0, inplace)

    def extra_repr(self) -> str:
        """As torch shows it."""
        return "inplace=True" if self.inplace else ""


class Mish(_InPlace):
    """x tanh(softplus(x))."""

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.mish(input)


class LogSigmoid(Module):
    """log(1 / (1 + exp(-x)))."""

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.logsigmoid(input)


class Softsign(Module):
    """x / (1 + |x|)."""

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.softsign(input)


class Tanhshrink(Module):
    """x - tanh(x)."""

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.tanhshrink(input)


class Softmin(Module):
    """`Softmax` of -x."""

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.softmin(input, self.dim, _stacklevel=5)

    def extra_repr(self) -> str:
        """As torch shows it."""
        return f"dim={self.dim}"


class GLU(Module):
    """The first half along an axis times the sigmoid of the second."""

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Any) -> Tensor:
        """(..., 2 n, ...) to (..., n, ...)."""
        return functional.glu(input, self.dim)

    def extra_repr(self) -> str:
        """As torch shows it."""
        return f"dim={self.dim}"


class PReLU(Module):
    """x where it is positive, else its product with `weight`: one number for all channels (axis 1), or one for each."""

    def __init__(
        self,
        num_parameters: int = 1,
        init: float = 0.25,
        device: DeviceLike | None = None,
        dtype: FormatLike | None = None,
    ) -> None:
        super().__init__()
        self.num_parameters, self.init = num_parameters, init
        self.weight = empty(num_parameters, dtype=dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Sets the weight to what it begins as."""
        init.constant_(self.weight, self.init)

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.prelu(input, self.weight)

    def extra_repr(self) -> str:
        """As torch shows it."""
        return f"num_parameters={self.num_parameters}"
