"""Tensors that fill themselves with random numbers: ``x.uniform_()``, ``x.normal_()``, ``x.bernoulli_()``.

The numbers are not torch's; only the distributions are. They come from the shared generator of `nn.manual_seed`, unless
`generator`, a NumPy Generator or a seed, is given.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simfp.arrays import Array, array
from simfp.autograd import Tensor
from simfp.nn.randomness import generator as _generator

__all__: list[str] = []


def uniform_(x: Any, from_: float = 0.0, to: float = 1.0, *, generator: Any = None) -> Any:
    """Numbers of the uniform distribution over [from, to), rounded to the format, in place.

    Raises RuntimeError for bounds in the wrong order.
    """
    if from_ > to:
        raise RuntimeError(f"uniform_ expects to return a [from, to) range, but found from={from_} > to={to}")
    return _drawn(x, _generator(generator).uniform(from_, to, x.shape))


def normal_(x: Any, mean: float = 0.0, std: float = 1.0, *, generator: Any = None) -> Any:
    """Numbers of the normal distribution, rounded to the format, in place.

    Raises RuntimeError for a negative standard deviation.
    """
    if std < 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std}")
    return _drawn(x, _generator(generator).normal(mean, std, x.shape))


def bernoulli_(x: Any, p: Any = 0.5, *, generator: Any = None) -> Any:
    """1 with probability p (a number, or a tensor of them), else 0, in place.

    Raises RuntimeError for a probability outside 0 to 1.
    """
    chance = np.asarray(p.data.values if isinstance(p, Tensor) else p.values if isinstance(p, Array) else p)
    if not ((chance >= 0) & (chance <= 1)).all():
        raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p}")
    return _drawn(x, (_generator(generator).random(x.shape) < chance).astype(np.float32))


def _drawn(x: Any, values: NDArray[Any]) -> Any:
    fmt = x.dtype if isinstance(x.data, Array) else "float32"
    return x.copy_(array(values, fmt))


for _method in (uniform_, normal_, bernoulli_):
    setattr(Tensor, _method.__name__, _method)
    setattr(Array, _method.__name__, _method)
