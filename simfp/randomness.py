"""Where modules take their chance from: one generator for all, unless a call names its own.

A run that is to go on as if it had not been interrupted keeps `get_rng_state()` beside its other states.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, TypeAlias

import numpy as np

__all__ = ["Chance", "generator", "get_rng_state", "manual_seed", "set_rng_state"]

Chance: TypeAlias = np.random.Generator | int | None  # a Generator, a seed, or the shared one

_shared = np.random.default_rng()  # the one source of chance; `manual_seed` starts it anew


def manual_seed(seed: int) -> np.random.Generator:
    """Starts the shared generator anew, so that initial values and dropout repeat; not with torch's numbers."""
    _shared.bit_generator.state = np.random.default_rng(seed).bit_generator.state
    return _shared


def generator(rng: Chance = None) -> np.random.Generator:
    """`rng` as a NumPy Generator, a seed standing for a new one; the shared one if it is None."""
    return _shared if rng is None else np.random.default_rng(rng)


def get_rng_state() -> dict[str, Any]:
    """Where the shared generator stands, as a dict of numbers and text that a checkpoint can keep; a copy."""
    return deepcopy(dict(_shared.bit_generator.state))


def set_rng_state(state: Any) -> None:
    """Brings the shared generator back to where it stood: initial values and dropout go on as they did from there.

    state: what `get_rng_state` gave, be it through JSON.

    Raises TypeError or ValueError for anything else; the generator then stands where it stood.
    """
    if not isinstance(state, Mapping):
        raise TypeError(f"expected what `get_rng_state` gives, a dict, got {type(state).__name__}")
    trial = np.random.default_rng(0)
    try:
        trial.bit_generator.state = deepcopy(dict(state))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"no state of the shared generator, {type(trial.bit_generator).__name__}: {error!r}") from None
    _shared.bit_generator.state = trial.bit_generator.state
