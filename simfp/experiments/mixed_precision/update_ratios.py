"""How large the updates of a network are beside its weights, and what is left of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simfp import observe
from simfp.experiments.training.run import Training
from simfp.observe import Rounding

__all__ = ["FIRST", "LAST", "Ratios", "ratios"]

FIRST, LAST = -40, 4  # the binades of |update| / |weight| that are counted; the ends take all beyond


class Ratios(NamedTuple):
    """How large the updates of one step were beside their weights: a count for each binade of |update| / |weight|."""

    fmt: str  # of the weights
    counts: NDArray[np.int64]  # from 2^FIRST on
    absorbed: NDArray[np.int64]  # of these, those that left the weight as it was
    unmoved: int  # weights whose update was zero

    @property
    def share(self) -> float:
        """Which share of the updates, not zero, was absorbed."""
        return float(self.absorbed.sum() / max(self.counts.sum(), 1))


class _Listener:
    """Gathers the ratios of the updates that an optimizer makes."""

    def __init__(self) -> None:
        self.counts = np.zeros(LAST - FIRST + 1, np.int64)
        self.absorbed = np.zeros(LAST - FIRST + 1, np.int64)
        self.unmoved = 0

    def __call__(self, told: Rounding) -> None:
        if told.place.phase != "update" or told.start is None:
            return
        start, before, after = (np.asarray(each, np.float64) for each in (told.start, told.before, told.after))
        change = np.abs(before - start)
        moving = (change != 0) & (start != 0)
        self.unmoved += int((change == 0).sum())
        _, exponents = np.frexp(change[moving] / np.abs(start[moving]))
        bins = np.clip(exponents - 1, FIRST, LAST) - FIRST
        size = len(self.counts)
        self.counts += np.bincount(bins, minlength=size)
        self.absorbed += np.bincount(bins[(after == start)[moving]], minlength=size)


def ratios(training: Training) -> Ratios:
    """The next step of a training run, its updates counted by their size beside the weights."""
    listener = _Listener()
    with observe.listening(listener):
        training.step()
    return Ratios(training.recipe.weights, listener.counts, listener.absorbed, listener.unmoved)
