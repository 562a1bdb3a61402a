"""How parameters begin: torch's distributions, drawn from NumPy's generators and rounded to the parameter's format.

The numbers are not torch's; only the distributions are. `generator` is a NumPy Generator or a seed; without it the
shared one of `nn.manual_seed`.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simfp.arrays import array
from simfp.autograd import Tensor, no_grad
from simfp.randomness import Chance
from simfp.randomness import generator as _generator

__all__ = [
    "calculate_gain", "constant_", "eye_", "kaiming_normal_", "kaiming_uniform_", "normal_", "ones_", "orthogonal_",
    "trunc_normal_", "uniform_", "xavier_normal_", "xavier_uniform_", "zeros_",
]  # fmt: skip

# fmt: off
GAINS: dict[str, float] = {
    "linear": 1.0, "conv1d": 1.0, "conv2d": 1.0, "conv3d": 1.0,
    "conv_transpose1d": 1.0, "conv_transpose2d": 1.0, "conv_transpose3d": 1.0,
    "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2), "selu": 3 / 4,
}
# fmt: on


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Chance = None) -> Tensor:
    """`tensor`, filled from the uniform distribution over [a, b)."""
    return _filled(tensor, _generator(generator).uniform(a, b, tensor.shape))


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Chance = None) -> Tensor:
    """`tensor`, filled from the normal distribution."""
    return _filled(tensor, _generator(generator).normal(mean, std, tensor.shape))


def trunc_normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0, generator: Chance = None
) -> Tensor:
    """`tensor`, filled from the normal distribution within [a, b]: what falls outside is drawn again.

    Raises ValueError where nearly all would fall outside.
    """
    if not (a < b and mean - 6 * std < b and mean + 6 * std > a):
        raise ValueError(f"[a, b] = [{a}, {b}] holds next to nothing of a normal distribution about {mean}, std {std}")
    rng = _generator(generator)
    values = rng.normal(mean, std, tensor.shape)
    while (outside := (values < a) | (values > b)).any():
        values[outside] = rng.normal(mean, std, int(outside.sum()))
    return _filled(tensor, values)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """`tensor`, filled with one number."""
    return _filled(tensor, np.full(tensor.shape, val, np.float64))


def ones_(tensor: Tensor) -> Tensor:
    """`tensor`, filled with 1."""
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """`tensor`, filled with 0."""
    return constant_(tensor, 0.0)


def eye_(tensor: Tensor) -> Tensor:
    """`tensor`, a matrix, with 1 on its diagonal and 0 elsewhere."""
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    return _filled(tensor, np.eye(tensor.shape[0], tensor.shape[1]))


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Chance = None) -> Tensor:
    """Uniform, of standard deviation gain sqrt(2 / (fan_in + fan_out)) (Glorot and Bengio, 2010)."""
    bound = gain * math.sqrt(6.0 / sum(_fans(tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Chance = None) -> Tensor:
    """Normal, of standard deviation gain sqrt(2 / (fan_in + fan_out)) (Glorot and Bengio, 2010)."""
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / sum(_fans(tensor))), generator)


def kaiming_uniform_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Chance = None
) -> Tensor:
    """Uniform, of standard deviation gain / sqrt(fan) (He et al., 2015). a: the slope of leaky_relu below 0."""
    if 0 in tensor.shape:
        return _nothing_to_fill(tensor)
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Chance = None
) -> Tensor:
    """Normal, of standard deviation gain / sqrt(fan) (He et al., 2015). a: the slope of leaky_relu below 0."""
    if 0 in tensor.shape:
        return _nothing_to_fill(tensor)
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Chance = None) -> Tensor:
    """A (semi-)orthogonal matrix, the axes after the first as one (Saxe et al., 2013).

    Its factors are LAPACK's: the last bits differ with the processor.
    """
    if tensor.ndim < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    rows, columns = tensor.shape[0], math.prod(tensor.shape[1:])
    flat = _generator(generator).normal(size=(max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(flat)
    q = q * np.sign(np.diag(r))  # uniform over all such matrices
    return _filled(tensor, gain * (q if rows >= columns else q.T).reshape(tensor.shape))


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The gain that torch recommends for what comes after. param: leaky_relu's slope below 0, 0.01 if not given.

    Raises ValueError for an unknown one.
    """
    if nonlinearity == "leaky_relu":
        return math.sqrt(2.0 / (1 + (0.01 if param is None else param) ** 2))
    if nonlinearity not in GAINS:
        raise ValueError(f"Unsupported nonlinearity {nonlinearity}; expected one of {', '.join(GAINS)}, leaky_relu")
    return GAINS[nonlinearity]


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"Mode {mode} not supported, please use one of ['fan_in', 'fan_out']")
    fan = _fans(tensor)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def _fans(tensor: Tensor) -> tuple[int, int]:
    """How many inputs reach a unit, and how many units an input."""
    if tensor.ndim < 2:
        raise ValueError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def _nothing_to_fill(tensor: Tensor) -> Tensor:
    warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)
    return tensor


def _filled(tensor: Tensor, values: NDArray[Any]) -> Tensor:
    with no_grad():
        tensor.copy_(array(values, tensor.dtype))
    return tensor
