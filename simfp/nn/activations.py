"""Activations, dropout and flattening: modules without parameters."""

from __future__ import annotations

from typing import Any

from simfp.autograd import Tensor, as_tensor
from simfp.nn import functional
from simfp.nn.module import Module
from simfp.randomness import Chance, generator

__all__ = [
    "GELU", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "Flatten", "LeakyReLU", "LogSoftmax", "ReLU", "SiLU",
    "Sigmoid", "Softmax", "Softplus", "Tanh",
]  # fmt: skip


class ReLU(Module):
    """max(x, 0). inplace: whether the result is written over the input."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.relu(input, self.inplace)

    def extra_repr(self) -> str:
        """As torch shows it."""
        return "inplace=True" if self.inplace else ""


class LeakyReLU(Module):
    """x where it is positive, else `negative_slope` times it."""

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope, self.inplace = negative_slope, inplace

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.leaky_relu(input, self.negative_slope, self.inplace)

    def extra_repr(self) -> str:
        """As torch shows it."""
        return f"negative_slope={self.negative_slope}" + (", inplace=True" if self.inplace else "")


class GELU(Module):
    """x times the normal distribution's cumulative function; approximate="tanh" for nearly that."""

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.gelu(input, approximate=self.approximate)

    def extra_repr(self) -> str:
        """As torch shows it."""
        return f"approximate={self.approximate!r}"


class SiLU(Module):
    """x times its sigmoid. inplace: whether the result is written over the input."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.silu(input, self.inplace)

    def extra_repr(self) -> str:
        """As torch shows it."""
        return "inplace=True" if self.inplace else ""


class Softplus(Module):
    """log(1 + exp(beta x)) / beta, and x itself where beta x is above the threshold."""

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta, self.threshold = beta, threshold

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        """As torch shows it."""
        return f"beta={self.beta}, threshold={self.threshold}"


class Tanh(Module):
    """The hyperbolic tangent."""

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.tanh(input)


class Sigmoid(Module):
    """1 / (1 + exp(-x))."""

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.sigmoid(input)


class Softmax(Module):
    """exp(x) over its sum along an axis."""

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.softmax(input, self.dim)

    def extra_repr(self) -> str:
        """As torch shows it."""
        return f"dim={self.dim}"


class LogSoftmax(Module):
    """The logarithm of softmax along an axis."""

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.log_softmax(input, self.dim)

    def extra_repr(self) -> str:
        """As torch shows it."""
        return f"dim={self.dim}"


class Dropout(Module):
    """In training, zeroes values with probability p and divides the others by 1 - p.

    rng: a NumPy Generator or a seed, else the shared generator. inplace: whether the result is written over the input.

    Raises ValueError for a p outside of [0, 1].
    """

    def __init__(self, p: float = 0.5, inplace: bool = False, *, rng: Chance = None) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p, self.inplace = p, inplace
        self.rng = None if rng is None else generator(rng)

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.dropout(input, self.p, self.training, self.inplace, rng=generator(self.rng))

    def extra_repr(self) -> str:
        """As torch shows it."""
        return f"p={self.p}, inplace={self.inplace}"


class Dropout1d(Dropout):
    """In training zeroes whole channels of (N, C, L), or (C, L), with probability p, and divides the others by 1 - p.

    rng, inplace: as in `Dropout`.
    """

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.dropout1d(input, self.p, self.training, rng=generator(self.rng))


class Dropout2d(Dropout):
    """In training zeroes whole channels of (N, C, H, W) with probability p, and divides the others by 1 - p.

    rng, inplace: as in `Dropout`.
    """

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.dropout2d(input, self.p, self.training, rng=generator(self.rng))


class Dropout3d(Dropout):
    """In training zeroes whole channels of (N, C, D, H, W), or (C, D, H, W), and divides the others by 1 - p.

    rng, inplace: as in `Dropout`.
    """

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.dropout3d(input, self.p, self.training, rng=generator(self.rng))


class Flatten(Module):
    """The axes from `start_dim` to `end_dim` as one."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, input: Any) -> Tensor:
        """(N, ...) to (N, product)."""
        return as_tensor(input).flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        """As torch shows it."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"
