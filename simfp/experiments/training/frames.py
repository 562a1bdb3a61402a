"""Runs of training to look at while they go on: what each step came to, and what the last steps lost, by layer."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simfp.census import Histogram, Origin
from simfp.experiments.training.run import Step, Training
from simfp.nn import Conv2d, Linear, Module

__all__ = ["WINDOW", "Frame", "Layer", "SideBySide", "Watched", "describe"]

WINDOW = 10  # steps that layers and histogram are about, the last ones
COUNTED = ("numbers", "zeroed", "subnormal", "overflowed")


class Layer(NamedTuple):
    """What the backward pass lost in one layer: counts of numbers that were not zero before they were rounded."""

    name: str
    label: str  # for readers: "4: Linear 128 → 10"
    numbers: int
    zeroed: int
    subnormal: int
    overflowed: int


@dataclass(frozen=True, eq=False)
class Frame:
    """A run as it stands after a step."""

    step: Step
    layers: tuple[Layer, ...]  # over the last WINDOW steps, in the model's order
    histogram: Histogram  # of the backward pass's numbers before rounding, over the same steps
    origins: dict[str, Origin]  # "infinite" and "nan", once there is one


class Watched:
    """One run with its census.

    Raises ValueError for a training without a census of every step.
    """

    def __init__(self, training: Training) -> None:
        if training.census is None or training.census.every != 1:
            raise ValueError("a run to be watched needs a census of every step: Training(..., census=True)")
        self.training, self.census = training, training.census
        self.labels = {name: describe(name, module) for name, module in training.model.named_modules()}
        self._passed: deque[tuple[dict[str, NDArray[np.int64]], NDArray[np.int64]]] = deque(maxlen=WINDOW)
        self._passed.append(self._counts())

    def frame(self, step: Step) -> Frame:
        """What to show after `step`, the latest."""
        now, bins = self._counts()
        before, bins_before = self._passed[0]
        self._passed.append((now, bins))
        layers = []
        for name, counts in now.items():
            recent = counts - before.get(name, 0)
            if recent[0]:
                layers.append(Layer(name, self.labels.get(name, describe(name)), *map(int, recent)))
        lowest = self.census.histogram().lowest
        return Frame(step, tuple(layers), Histogram(lowest, bins - bins_before), dict(self.census.origins))

    def _counts(self) -> tuple[dict[str, NDArray[np.int64]], NDArray[np.int64]]:
        """All counts so far: those of COUNTED by layer, and by binade."""
        asked = {"phase": "backward", "fmt": self.training.recipe.compute}
        counts = {}
        for row in self.census.table(by="layer", **asked):
            numbers = row["values"] - row["zero"] - row["infinite"] - row["nan"]
            counts[row["layer"]] = np.array([numbers, *(row[name] for name in COUNTED[1:])], np.int64)
        return counts, self.census.histogram(**asked).counts


class SideBySide:
    """Several runs, a step of each in turn; iterating gives (which, Frame) pairs, and again goes on where it stood.

    A run that is over is left out; when all are, the iteration ends.
    """

    def __init__(self, trainings: Sequence[Training]) -> None:
        self.watched = tuple(map(Watched, trainings))

    @property
    def trainings(self) -> tuple[Training, ...]:
        """The runs."""
        return tuple(each.training for each in self.watched)

    def stop(self) -> None:
        """Ends the iteration, also from another thread and within a step, which then counts as not begun."""
        for training in self.trainings:
            training.stop()

    def __iter__(self) -> Iterator[tuple[int, Frame]]:
        going = {place: iter(each.training) for place, each in enumerate(self.watched)}
        try:
            while going:
                # the one that is furthest behind: a stop may have come between two of them
                place = min(going, key=lambda each: (len(self.watched[each].training.history), each))
                step = next(going[place], None)
                if step is not None:
                    yield place, self.watched[place].frame(step)
                elif self.watched[place].training.status == "stopped":
                    return
                else:
                    del going[place]
        finally:
            for steps in going.values():
                steps.close()  # type: ignore[attr-defined]


def describe(name: str, module: Module | None = None) -> str:
    """A layer as readers know it.

    >>> from simfp import nn
    >>> describe("4", nn.Linear(128, 10)), describe("blocks.0.mlp.1", nn.GELU()), describe("")
    ('4: Linear 128 → 10', 'blocks.0.mlp.1: GELU', 'outside of layers')
    """
    kind = type(module).__name__
    if module is None:
        return name or "outside of layers"
    if not name:
        return kind
    sizes: Any = None
    if isinstance(module, Linear):
        sizes = (module.in_features, module.out_features)
    elif isinstance(module, Conv2d):
        sizes = (module.in_channels, module.out_channels)
    return f"{name}: {kind} {sizes[0]} → {sizes[1]}" if sizes else f"{name}: {kind}"
