"""Activations, softmax and dropout, as torch.nn.functional has them."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from simfp.arrays import Array
from simfp.autograd import Tensor, apply, as_tensor
from simfp.autograd import functions as of
from simfp.autograd.in_place import change
from simfp.autograd.shaping import reshape
from simfp.ops import OPERATIONS
from simfp.randomness import Chance, generator
from simfp.typing import DTypeLike

__all__ = [
    "celu", "dropout", "dropout1d", "dropout2d", "dropout3d", "elu", "gelu", "glu", "hardsigmoid", "hardswish",
    "hardtanh", "leaky_relu", "log_softmax", "logsigmoid", "mish", "prelu", "relu", "relu6", "selu", "sigmoid", "silu",
    "softmax", "softmin", "softplus", "softsign", "tanh", "tanhshrink",
]  # fmt: skip

SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


def relu(input: Any, inplace: bool = False) -> Tensor:
    """max(input, 0); written over the input if `inplace`."""
    return _applied(inplace, "relu", input)


def leaky_relu(input: Any, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """The input where it is positive, else its product with a slope; written over the input if `inplace`."""
    return _applied(inplace, "leaky_relu", input, negative_slope)


def gelu(input: Any, approximate: str = "none") -> Tensor:
    """The input times the normal distribution's cumulative function, or by `approximate="tanh"` nearly that."""
    return apply(OPERATIONS["gelu"], input, approximate=approximate)


def silu(input: Any, inplace: bool = False) -> Tensor:
    """The input times its sigmoid; written over the input if `inplace`."""
    return _applied(inplace, "silu", input)


def _applied(inplace: bool, name: str, x: Any, *others: Any) -> Any:
    if inplace and isinstance(x, Tensor):
        return change(x, OPERATIONS[name], *others)
    return apply(OPERATIONS[name], x, *others)


def softplus(input: Any, beta: float = 1, threshold: float = 20) -> Tensor:
    """log(1 + exp(beta x)) / beta, and x itself where beta x is above the threshold."""
    return apply(OPERATIONS["softplus"], input, beta, threshold)


tanh, sigmoid = of.tanh, of.sigmoid


def elu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """The input where it is positive, else alpha (exp(x) - 1)."""
    return apply(OPERATIONS["elu"], input, alpha)


def selu(input: Any, inplace: bool = False) -> Tensor:
    """`elu` with the alpha and the scale that keep mean 0 and variance 1 (Klambauer et al., 2017)."""
    return apply(OPERATIONS["elu"], input, SELU_ALPHA, SELU_SCALE)


def celu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """The input where it is positive, else alpha (exp(x / alpha) - 1).

    Raises RuntimeError for an alpha of 0.
    """
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    return apply(OPERATIONS["elu"], input, alpha, 1.0, 1.0 / alpha)


def hardtanh(input: Any, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """The input held between two numbers.

    Raises ValueError for a minimum above the maximum.
    """
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    return apply(OPERATIONS["hardtanh"], input, min_val, max_val)


def relu6(input: Any, inplace: bool = False) -> Tensor:
    """min(max(x, 0), 6)."""
    return hardtanh(input, 0.0, 6.0)


def hardsigmoid(input: Any, inplace: bool = False) -> Tensor:
    """relu6(x + 3) / 6."""
    return apply(OPERATIONS["hardsigmoid"], input)


def hardswish(input: Any, inplace: bool = False) -> Tensor:
    """x relu6(x + 3) / 6."""
    return apply(OPERATIONS["hardswish"], input)


def mish(input: Any, inplace: bool = False) -> Tensor:
    """x tanh(softplus(x))."""
    return apply(OPERATIONS["mish"], input)


def logsigmoid(input: Any) -> Tensor:
    """log(1 / (1 + exp(-x)))."""
    return apply(OPERATIONS["log_sigmoid"], input)


def prelu(input: Any, weight: Any) -> Tensor:
    """The input where it is positive, else its product with a weight, one for all or one for each channel (axis 1).

    Raises RuntimeError for a weight that does not fit.
    """
    x, slope = as_tensor(input), as_tensor(weight)
    channels = x.shape[1] if x.ndim > 1 else 1
    if slope.ndim > 1 or slope.numel() not in (1, channels):
        raise RuntimeError(
            f"Mismatch of parameter numbers and input channel size. Found parameter numbers = {list(slope.shape)} and "
            f"channel size = {channels}."
        )
    shape = [1] * x.ndim
    if slope.numel() > 1:
        shape[1] = channels
    return apply(OPERATIONS["prelu"], x, reshape(slope, shape))


def glu(input: Any, dim: int = -1) -> Tensor:
    """The first half along an axis times the sigmoid of the second."""
    return apply(OPERATIONS["glu"], input, dim)


def softsign(input: Any) -> Tensor:
    """x / (1 + |x|): two operations, as in torch."""
    x = as_tensor(input)
    return x / (of.abs(x) + 1)


def tanhshrink(input: Any) -> Tensor:
    """x - tanh(x): two operations, as in torch."""
    x = as_tensor(input)
    return x - of.tanh(x)


def softmin(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: DTypeLike | None = None) -> Tensor:
    """`softmax` of -x."""
    return of.softmax(-as_tensor(input), _chosen("softmin", input, dim), dtype)


def softmax(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: DTypeLike | None = None) -> Tensor:
    """exp(x) over its sum along an axis."""
    return of.softmax(input, _chosen("softmax", input, dim), dtype)


def log_softmax(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: DTypeLike | None = None) -> Tensor:
    """The logarithm of `softmax`."""
    return of.log_softmax(input, _chosen("log_softmax", input, dim), dtype)


def _chosen(name: str, x: Any, dim: int | None) -> int:
    if dim is not None:
        return dim
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument.",
        stacklevel=3,
    )
    return 0 if as_tensor(x).ndim in (0, 1, 3) else 1


def dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False, *, rng: Chance = None) -> Tensor:
    """Values zeroed with probability p, the others over 1 - p; the input itself unless `training`.

    inplace: whether that is written over the input.
    rng: a NumPy Generator, or a seed for one; the shared one of `nn.manual_seed` if not given.
    """
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    x = as_tensor(input)
    if not training or p == 0:
        return x
    return _applied(inplace, "dropout", x, generator(rng).random(x.shape) >= p, p)


def _feature_dropout(dimensions: int) -> Any:
    def feature_dropout(
        input: Any, p: float = 0.5, training: bool = True, inplace: bool = False, *, rng: Chance = None
    ) -> Tensor:
        if not 0 <= p <= 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        x = as_tensor(input)
        if not training or p == 0:
            return x
        alone = x.ndim == dimensions + 1 and dimensions != 2  # torch takes (N, C, H) as a batch
        shape = (*x.shape[: 1 if alone else 2], *[1] * (x.ndim - (1 if alone else 2)))
        kept = generator(rng).random(shape) >= p
        noise = Array(kept / (1 - p) if p < 1 else np.zeros(shape), x.dtype)  # rounded first, as torch's
        return x * noise

    feature_dropout.__name__ = feature_dropout.__qualname__ = f"dropout{dimensions}d"
    feature_dropout.__doc__ = f"""Whole channels of (N, C, ...) zeroed with probability p, the others over 1 - p.

    The input has {dimensions} axes after the channels. rng: a NumPy Generator, or a seed for one; else the shared one.
    """
    return feature_dropout


dropout1d, dropout2d, dropout3d = map(_feature_dropout, (1, 2, 3))
