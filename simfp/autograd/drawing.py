"""Tensors that fill themselves with random numbers: ``x.uniform_()``, ``x.normal_()``, ``x.bernoulli_()``.

The numbers are not torch's; only the distributions are. They come from the shared generator of `nn.manual_seed`, unless
`generator`, a NumPy Generator or a seed, is given.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simfp.arrays import Array, array
from simfp.autograd.conversions import tensor
from simfp.autograd.in_place import T, copy_
from simfp.autograd.tensor import Tensor, TensorLike, as_tensor
from simfp.randomness import Chance
from simfp.randomness import generator as _generator

__all__ = ["bernoulli", "bernoulli_", "multinomial", "normal_", "uniform_"]


def uniform_(x: T, from_: float = 0.0, to: float = 1.0, *, generator: Chance = None) -> T:
    """Numbers of the uniform distribution over [from, to), rounded to the format, in place.

    Raises RuntimeError for bounds in the wrong order.
    """
    if from_ > to:
        raise RuntimeError(f"uniform_ expects to return a [from, to) range, but found from={from_} > to={to}")
    return _drawn(x, _generator(generator).uniform(from_, to, x.shape))


def normal_(x: T, mean: float = 0.0, std: float = 1.0, *, generator: Chance = None) -> T:
    """Numbers of the normal distribution, rounded to the format, in place.

    Raises RuntimeError for a negative standard deviation.
    """
    if std < 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std}")
    return _drawn(x, _generator(generator).normal(mean, std, x.shape))


def bernoulli_(x: T, p: TensorLike = 0.5, *, generator: Chance = None) -> T:
    """1 with probability p (a number, or a tensor of them), else 0, in place.

    Raises RuntimeError for a probability outside 0 to 1.
    """
    chance = np.asarray(p.data.values if isinstance(p, Tensor) else p.values if isinstance(p, Array) else p)
    if not ((chance >= 0) & (chance <= 1)).all():
        raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p}")
    return _drawn(x, (_generator(generator).random(x.shape) < chance).astype(np.float32))


def _drawn(x: T, values: NDArray[Any]) -> T:
    fmt = x.dtype if isinstance(x, Array) or x.is_floating_point() else "float32"
    return copy_(x, array(values, fmt))


def bernoulli(input: TensorLike, p: float | None = None, *, generator: Chance = None) -> Tensor:
    """1 with the probability that stands in `input` (or p), else 0, in its format.

    Raises RuntimeError for what is no probability.
    """
    given = as_tensor(input).detach()
    chances = np.full(given.shape, p) if p is not None else np.asarray(given.data.values)
    if not ((chances >= 0) & (chances <= 1)).all():
        raise RuntimeError(f"Expected p_in >= 0 && p_in <= 1, got {float(chances.min())} to {float(chances.max())}")
    return tensor(_generator(generator).random(given.shape) < chances, given.dtype)


def multinomial(input: TensorLike, num_samples: int, replacement: bool = False, *, generator: Chance = None) -> Tensor:
    """Places, int64, drawn from each row with probabilities in proportion to its values.

    Raises RuntimeError for more than two axes, negative or infinite values, a row of zeros, and more samples than
    there are places with anything, without `replacement`.
    """
    weights = np.asarray(as_tensor(input).detach().data.values, np.float64)
    if weights.ndim not in (1, 2):
        raise RuntimeError(f"prob_dist must be 1 or 2 dim, got {weights.ndim}")
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    rows = np.atleast_2d(weights)
    if not (rows.sum(-1) > 0).all():
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
    rng = _generator(generator)
    if replacement or num_samples == 1:
        edges = rows.cumsum(-1)
        throws = rng.random((len(rows), num_samples)) * edges[:, -1:]
        picked = np.array([np.searchsorted(edge, throw, side="right") for edge, throw in zip(edges, throws)])
    elif (np.count_nonzero(rows, -1) < num_samples).any():
        raise RuntimeError(f"cannot sample {num_samples} places without replacement: fewer have a probability above 0")
    else:  # the first arrivals of exponential clocks
        with np.errstate(divide="ignore"):
            picked = np.argsort(rng.exponential(size=rows.shape) / rows, -1, kind="stable")[:, :num_samples]
    return tensor(picked.reshape(*weights.shape[:-1], num_samples), "int64")
