"""Census: a listener that counts what every rounding of a training run did."""

from __future__ import annotations

from types import TracebackType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simfp import observe
from simfp.census.naming import Names
from simfp.census.origins import Origin, origin_of
from simfp.census.table import SHARES, Table, share_of, shares
from simfp.formats import Format, as_format
from simfp.kernels.tallies import tally32, tally64
from simfp.observe import FATES, PHASES, Rounding
from simfp.typing import FormatLike, Phase

__all__ = ["COUNTS", "FATES", "Census", "Histogram"]

# what is counted of each rounding; the fates add up to the values
COUNTS = (*FATES, "zero", "infinite", "updates", "absorbed")
EARLIER = {"swallowed": "absorbed"}  # names of counts of before, still taken
BY = ("layer", "operation", "phase", "fmt")
LOWEST, HIGHEST = -170, 140  # the binades of histograms; the first takes all below it, the last all above


class Key(NamedTuple):
    """What is counted apart."""

    layer: str
    operation: str
    gradient: str
    parameter: str
    rounding: str
    phase: str
    fmt: Format


class Histogram(NamedTuple):
    """How many values, finite and not zero, each binade held before rounding.

    counts[i]: of values from 2**(lowest + i) up to its double; the first and the last with all beyond.
    """

    lowest: int
    counts: NDArray[np.int64]


class Census:
    """Counts what every rounding did, in this thread, while the context that it is lasts.

    >>> import simfp as sf
    >>> with Census() as census:
    ...     _ = sf.array([1e-9, 0.0, 0.5, 1e-6], "float16")
    >>> census.total("zeroed"), census.total("subnormal"), census.total("exact"), census.total("zero")
    (1, 1, 2, 1)

    Of every value that is rounded one fate is counted: "exact", "rounded", "subnormal", "zeroed", "overflowed" or
    "nan" (see `simfp.fate`). "zeroed" is a value that was not zero and is now; what was zero before is "exact", and
    counted once more as "zero". "overflowed" was finite, and beyond the format's largest number; what was infinite
    before is "exact" in a format with infinities, and counted once more as "infinite". "nan" was NaN before.
    Of the update of every weight, "updates" counts those that were not zero, and "absorbed" those among them that
    left the weight as it was; with Kahan's compensation, that left the compensation as it was. Its earlier name,
    "swallowed", is taken as well.

    Counts are kept by layer, operation, phase (forward, backward, unscale, update) and format; in the backward phase
    also by `gradient`, the input of the operation whose gradient was computed, and in the last two phases by
    `parameter`. They take the same memory however long the run.

    model: names layers and parameters as its named_modules() and named_parameters() do. Without, layers are called by
    their class and a number (or by their class alone, where they have no weights).
    every: counts only in each so many-th step (the first, then the one after every - 1 others), for long runs. Then
    the first infinity and the first NaN are the first ones in those steps.
    histogram: whether binades are counted; without, counting takes less time.

    Raises TypeError for a model that is none, ValueError for `every` below 1.
    """

    def __init__(self, model: Any = None, *, every: int = 1, histogram: bool = True) -> None:
        if isinstance(every, bool) or not isinstance(every, (int, np.integer)) or every < 1:
            raise ValueError(f"`every` must be an integer of at least 1, got {every!r}")
        self.every = int(every)
        self.steps = 0  # that `step` has ended
        self.origins: dict[str, Origin] = {}  # "infinite" and "nan", as soon as there is one
        self._names = Names(model)
        self._bins = HIGHEST - LOWEST + 1 if histogram else 0
        self._counted: dict[Any, tuple[Key, NDArray[np.int64], NDArray[np.int64]]] = {}
        # by phase and the format's id, which stays its own while some key keeps the format
        self._of_step: dict[tuple[str, int], tuple[Format, NDArray[np.int64]]] = {}
        self._last: dict[tuple[str, int], tuple[Format, NDArray[np.int64]]] = {}
        self._listens = False
        self._inside = False

    # Listening.

    def __enter__(self) -> Census:
        if self._inside:
            raise RuntimeError("this census listens already")
        self._inside = True
        self._turn(self.counts_step)
        return self

    def __exit__(self, *exception: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._turn(False)
        self._inside = False

    @property
    def counts_step(self) -> bool:
        """Whether this step is one of those that are counted."""
        return self.steps % self.every == 0

    def step(self) -> None:
        """Ends a step of training: what is counted from now on belongs to the next one."""
        if self.counts_step:
            self._last, self._of_step = self._of_step, {}
        self.steps += 1
        if self._inside:
            self._turn(self.counts_step)

    def _turn(self, on: bool) -> None:
        if on and not self._listens:
            observe.listen(self._hear)
        elif self._listens and not on:
            observe.stop(self._hear)
        self._listens = on

    @property
    def _hear(self) -> Any:
        # one object, as `observe.stop` wants it: a bound method is made anew each time it is asked for
        return self.__dict__.setdefault("_listener", self._count)

    def _count(self, event: Rounding) -> None:
        place = event.place
        layer, (owner, parameter) = self._names.layer(place.layer), self._names.parameter(place.parameter)
        name = layer or owner
        identity = (name, parameter, place.operation, place.gradient, event.operation, place.phase, id(event.fmt))
        entry = self._counted.get(identity)
        if entry is None:
            counts, bins = np.zeros(len(COUNTS), np.int64), np.zeros(self._bins, np.int64)
            operation = place.operation or event.operation
            key = Key(name, operation, place.gradient or "", parameter, event.operation, place.phase, event.fmt)
            entry = self._counted[identity] = key, counts, bins
        key, counts, bins = entry
        of_step = self._of_step.get((key.phase, id(key.fmt)))
        if of_step is None:
            of_step = self._of_step[key.phase, id(key.fmt)] = key.fmt, np.zeros(len(COUNTS), np.int64)
        before, after = event.before, event.after
        # an empty array of the same type where there is none, so that the loop is compiled for fewer types
        start = after[:0] if event.start is None else event.start.astype(after.dtype, copy=False)
        tally = tally32 if before.dtype == np.float32 else tally64
        infinite, nan = tally(before, after, start, event.limits, LOWEST, counts, of_step[1], bins)
        for what, there in (("infinite", infinite), ("nan", nan)):
            if there and what not in self.origins:
                origin = origin_of(what, event, self.steps, key.layer, key.parameter)
                if origin is not None:
                    self.origins[what] = origin

    # Asking.

    def total(self, what: str, **filters: Any) -> int:
        """How many values there were, or of one kind of COUNTS: ``census.total("zeroed", phase="backward")``.

        filters: `layer` (a name, with all layers within it, or a module), `operation` (torch's name, or that under
        which the rounding is reported: "matmul" within "linear"), `gradient`, `parameter`, `phase`, `fmt`.

        Raises ValueError for an unknown kind, filter, phase, format or layer.
        """
        what = EARLIER.get(what, what)
        _check("count", what, ("values", *COUNTS))
        return self._total(filters)[what]

    def share(self, what: str, **filters: Any) -> float:
        """Which share met a fate: of the numbers that were finite and not zero, "subnormal", "zeroed" or "overflowed";
        of the updates that were not zero, "absorbed". NaN where there were none.

        filters: as `total` takes them.
        """
        what = EARLIER.get(what, what)
        _check("share", what, tuple(SHARES))
        return share_of(what, self._total(filters))

    def table(self, *, by: tuple[str, ...] | str = BY, **filters: Any) -> Table:
        """A row for each combination of what `by` names; see `Table`.

        by: some of layer, operation, gradient, parameter, rounding, phase, fmt. filters: as `total` takes them.
        """
        names = (by,) if isinstance(by, str) else tuple(by)
        for name in names:
            _check("column", name, Key._fields)
        sums: dict[tuple[Any, ...], NDArray[np.int64]] = {}
        for key, counts, _ in self._chosen(filters):
            group = tuple(getattr(key, name) for name in names)
            sums[group] = sums.get(group, 0) + counts
        order = {name: number for number, name in enumerate(self._names.layers)}
        if "layer" in names:  # the model's order; within a layer, that in which things happened
            column = names.index("layer")
            sums = dict(sorted(sums.items(), key=lambda item: order.get(item[0][column], len(order))))
        rows = []
        for group, counts in sums.items():
            labels = {name: value.name if name == "fmt" else value for name, value in zip(names, group)}
            named = _named(counts)
            rows.append(labels | named | shares(named))
        return Table(names, rows)

    def histogram(self, **filters: Any) -> Histogram:
        """How many values each binade held before rounding.

        filters: as `total` takes them. Raises RuntimeError for a census without histogram.
        """
        if not self._bins:
            raise RuntimeError("this census counts no binades: it was made with histogram=False")
        chosen = [bins for _, _, bins in self._chosen(filters)]
        return Histogram(LOWEST, np.sum(chosen, axis=0, dtype=np.int64) if chosen else np.zeros(self._bins, np.int64))

    def last_step(self, phase: Phase, fmt: FormatLike | None = None) -> dict[str, int]:
        """The counts of a phase, or of its roundings to `fmt`, in the last step that was counted and is over."""
        _check("phase", phase, PHASES)
        wanted = None if fmt is None else as_format(fmt)
        sums = np.zeros(len(COUNTS), np.int64)
        for (of, _), (to, counts) in self._last.items():
            if of == phase and wanted in (None, to):
                sums += counts
        return _named(sums)

    def state(self) -> Any:
        """All that is counted, as a copy that `load_state` takes back."""
        counted = {name: (key, counts.copy(), bins.copy()) for name, (key, counts, bins) in self._counted.items()}
        of_step = {name: (fmt, counts.copy()) for name, (fmt, counts) in self._of_step.items()}
        return self.steps, dict(self.origins), counted, of_step, self._last

    def load_state(self, state: Any) -> None:
        """Goes back to what was counted when `state` was taken of this census."""
        self.steps, origins, counted, of_step, self._last = state
        self.origins = dict(origins)
        self._counted = {name: (key, counts.copy(), bins.copy()) for name, (key, counts, bins) in counted.items()}
        self._of_step = {name: (fmt, counts.copy()) for name, (fmt, counts) in of_step.items()}
        if self._inside:
            self._turn(self.counts_step)

    def reset(self) -> None:
        """Forgets all counts, origins and steps; names are kept."""
        self.origins = {}
        self.steps = 0
        self._counted, self._of_step, self._last = {}, {}, {}
        if self._inside:
            self._turn(True)

    def __repr__(self) -> str:
        counted = self._total({})
        lost = f"{counted['zeroed']:,} zeroed, {counted['overflowed']:,} overflowed, {counted['absorbed']:,} absorbed"
        return f"<Census of {counted['values']:,} values in {self.steps:,} steps: {lost}>"

    def _total(self, filters: dict[str, Any]) -> dict[str, int]:
        chosen = [counts for _, counts, _ in self._chosen(filters)]
        return _named(np.sum(chosen, axis=0, dtype=np.int64) if chosen else np.zeros(len(COUNTS), np.int64))

    def _chosen(self, filters: dict[str, Any]) -> list[tuple[Key, NDArray[np.int64], NDArray[np.int64]]]:
        """What passes all filters."""
        wanted = {name: value for name, value in filters.items() if value is not None}
        for name in wanted:
            _check("filter", name, tuple(name for name in Key._fields if name != "rounding"))
        if "phase" in wanted:
            _check("phase", wanted["phase"], PHASES)
        if "fmt" in wanted:
            wanted["fmt"] = as_format(wanted["fmt"])
        if "layer" in wanted:
            layer = wanted["layer"]
            wanted["layer"] = layer if isinstance(layer, str) else self._names.layer(layer)
            known = self._names.layers
            if not any(_within(name, wanted["layer"]) for name in known):
                _check("layer", wanted["layer"], tuple(known))
        return [each for each in self._counted.values() if _passes(each[0], wanted)]


def _passes(key: Key, wanted: dict[str, Any]) -> bool:
    for name, value in wanted.items():
        if name == "layer":
            good = _within(key.layer, value)
        elif name == "operation":
            good = value in (key.operation, key.rounding)
        else:
            good = getattr(key, name) == value
        if not good:
            return False
    return True


def _within(layer: str, wanted: str) -> bool:
    """Whether a layer is the one wanted, or part of it."""
    return layer == wanted or bool(wanted and layer.startswith(f"{wanted}."))


def _named(counts: NDArray[np.int64]) -> dict[str, int]:
    values = int(counts[: len(FATES)].sum())
    return {"values": values} | {name: int(count) for name, count in zip(COUNTS, counts)}


def _check(what: str, given: Any, valid: tuple[str, ...]) -> None:
    if given not in valid:
        raise ValueError(f"unknown {what} {given!r}; expected one of {', '.join(map(repr, valid))}")
