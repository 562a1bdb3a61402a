"""What lesson 02 computes: what becomes of the numbers that a format does not own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simfp import bfloat16, round_to

__all__ = ["NOT_QUITE_A_TIE", "STEP", "quarters", "walk"]

NOT_QUITE_A_TIE = 1 + 2.0**-8 + 2.0**-40
STEP = 0.001  # of the weight in bet 02.4


def quarters() -> NDArray[np.float64]:
    """100,000 random multiples of 1/4 from 128 up to 256, where bf16 owns the whole numbers and nothing between."""
    return np.random.default_rng(2).integers(4 * 128, 4 * 256, 100_000) / 4


def drift(rounding: str) -> float:
    """How much larger the sum of the quarters gets when each is rounded so."""
    return float(np.sum(round_to(quarters(), bfloat16, rounding) - quarters()))


def walk(rounding: str, weights: int = 1) -> NDArray[np.float64]:
    """bf16 weights of 1 after 0, 1, 2 ... 1,000 updates of +STEP, each rounded so; a column for each weight."""
    rng = np.random.default_rng(5)
    rows = [np.ones(weights)]
    for _ in range(1000):
        rows.append(round_to(rows[-1] + STEP, bfloat16, rounding, rng=rng))
    return np.array(rows)
