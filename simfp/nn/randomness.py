"""Where modules take their chance from: one generator for all, unless a call names its own."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["generator", "manual_seed"]

_shared = np.random.default_rng()  # the one source of chance; `manual_seed` starts it anew


def manual_seed(seed: int) -> np.random.Generator:
    """Starts the shared generator anew, so that initial values and dropout repeat; not with torch's numbers."""
    _shared.bit_generator.state = np.random.default_rng(seed).bit_generator.state
    return _shared


def generator(rng: Any = None) -> np.random.Generator:
    """`rng` as a NumPy Generator, a seed standing for a new one; the shared one if it is None."""
    return _shared if rng is None else np.random.default_rng(rng)
