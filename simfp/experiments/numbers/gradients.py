"""Sets of gradients to look at: one recorded from a training run, and made ones with known distributions."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["NAMES", "Gradients", "load"]

COUNT = 100_000
RECORDING = "digits_gradients.npz"


@dataclass(frozen=True, eq=False)
class Gradients:
    """Gradient values and where they come from."""

    name: str
    values: NDArray[np.float32]  # flat; none is zero, infinite or NaN
    description: str  # one sentence
    provenance: dict[str, Any] = field(default_factory=dict)  # of a recording: script, versions, date, network ...


def load(name: str) -> Gradients:
    """The set called `name`, one of NAMES; always the same values.

    Raises ValueError for another name.
    """
    if name == "recorded":
        return _recorded()
    if name in _MADE:
        description, log2_of = _MADE[name]
        rng = np.random.default_rng(20260)
        magnitudes = np.exp2(log2_of(rng))
        signs = rng.choice([-1.0, 1.0], COUNT)
        return Gradients(name, (signs * magnitudes).astype(np.float32), description)
    raise ValueError(f"unknown set of gradients {name!r}; expected one of {', '.join(NAMES)}")


def _recorded() -> Gradients:
    with resources.files(__package__).joinpath("data", RECORDING).open("rb") as file, np.load(file) as recording:
        provenance = json.loads(str(recording["provenance"]))
        return Gradients("recorded", recording["values"], provenance["description"], provenance)


LogMagnitudes = Callable[[np.random.Generator], NDArray[np.float64]]


def _normal(rng: np.random.Generator) -> NDArray[np.float64]:
    return rng.normal(-20.0, 5.0, COUNT)


def _uniform(rng: np.random.Generator) -> NDArray[np.float64]:
    return rng.uniform(-40.0, 0.0, COUNT)


def _two_heaps(rng: np.random.Generator) -> NDArray[np.float64]:
    return np.where(rng.random(COUNT) < 0.1, rng.normal(-8.0, 1.5, COUNT), rng.normal(-26.0, 2.5, COUNT))


# fmt: off
#              description                                                               log2 of the magnitudes
_MADE: dict[str, tuple[str, LogMagnitudes]] = {
    "lognormal": ("log2 of the magnitude is normal around -20, with a deviation of 5",   _normal),
    "uniform":   ("log2 of the magnitude is uniform between -40 and 0",                  _uniform),
    "two heaps": ("nine in ten near 2^-26, as in the first layers, one in ten near 2^-8", _two_heaps),
}
# fmt: on
NAMES = ("recorded", *_MADE)
