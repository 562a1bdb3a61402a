"""Where the first infinity and the first NaN came from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from textwrap import fill
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simfp.arrays import Array
from simfp.observe import Place, Rounding

__all__ = ["CONVERSIONS", "Origin", "Range", "origin_of"]

CONVERSIONS = ("array", "astype", "encode", "promote", "round_to", "_to_copy")  # roundings that compute nothing

INPUTS = {
    "forward": (),
    "backward": ("incoming gradient",),
    "unscale": ("gradient",),
    "update": ("weights", "gradient"),
}

TESTS: dict[str, Callable[[Any], Any]] = {"infinite": np.isinf, "nan": np.isnan}
WIDTH = 96  # characters a line of text
WORDS = {"infinite": "infinity", "nan": "NaN"}


@dataclass(frozen=True)
class Range:
    """What an array held: magnitudes of its numbers that were finite and not zero, and how many others there were."""

    name: str
    fmt: str
    shape: tuple[int, ...]
    smallest: float  # NaN where there were none
    largest: float
    zeros: int
    infinite: int
    nan: int

    def __str__(self) -> str:
        text = f"{self.name} ({self.fmt}, shape {self.shape}): "
        text += "no number but 0" if np.isnan(self.largest) else f"magnitudes {self.smallest:.3g} to {self.largest:.3g}"
        others = [f"{count} {word}" for count, word in ((self.infinite, "infinite"), (self.nan, "NaN")) if count]
        return ", ".join([text, *others])


@dataclass(frozen=True)
class Origin:
    """The first infinity, or NaN, of a run: what made it, and of what."""

    what: str  # "infinite" or "nan"
    cause: str  # "rounding": of a finite number; "operation": of inputs that had none; "given": it came with the data
    step: int
    phase: str
    layer: str
    operation: str
    gradient: str  # of which input, in the backward phase
    parameter: str  # whose, in the phases unscale and update
    fmt: str  # of the result
    count: int  # how many of the result's values
    size: int  # how many values the result has
    largest_before: float  # the largest finite magnitude before the rounding; NaN if there was none
    inputs: tuple[Range, ...]  # of the operation, where they are known

    def __str__(self) -> str:
        where = f"layer {self.layer!r}" if self.layer else "no layer"
        of = f", gradient of {self.gradient}" if self.gradient else f", {self.parameter}" if self.parameter else ""
        reason = {
            "rounding": f"numbers up to {self.largest_before:.6g} were too large",
            "operation": "its inputs had none",
            "given": "it came with what was given",
        }
        headline = (
            f"first {WORDS[self.what]}: step {self.step}, {self.phase}, {where}, {self.operation}{of}, in {self.fmt}: "
            f"{self.count} of {self.size} values; {reason[self.cause]}"
        )
        return "\n".join([_wrapped(headline, ""), *(_wrapped(str(each), "  ") for each in self.inputs)])


def _wrapped(text: str, indent: str) -> str:
    """At words, which a notebook does not care for where a line is too long for it."""
    return fill(
        text, WIDTH, initial_indent=indent, subsequent_indent=f"{indent}    ", break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip


def origin_of(what: str, event: Rounding, step: int, layer: str, parameter: str) -> Origin | None:
    """The origin of "infinite" or "nan" in one rounding; None where its operation only propagated an earlier one."""
    test, place = TESTS[what], event.place
    now, was = test(event.after), test(event.before)
    inputs = [(position, x) for position, x in enumerate(place.inputs) if _is_numeric(x)]
    if (now & ~was).any():
        cause = "rounding"
    elif event.operation in CONVERSIONS and not any(test(_values(x)).any() for _, x in inputs):
        if what == "infinite":  # masks are given so
            return None
        cause = "given"
    elif any(test(_values(x)).any() for _, x in inputs):
        return None
    else:
        cause = "operation"
    finite = np.abs(event.before[np.isfinite(event.before)])
    return Origin(
        what, cause, step, place.phase, layer, place.operation or event.operation, place.gradient or "", parameter,
        event.fmt.name, int(now.sum()), now.size, float(finite.max()) if finite.size else float("nan"),
        tuple(_range(_name(place, position), x) for position, x in inputs),
    )  # fmt: skip


def _name(place: Place, position: int) -> str:
    names = INPUTS[place.phase]
    return names[position] if position < len(names) else f"input {position + 1 - len(names)}"


def _is_numeric(x: Any) -> bool:
    return isinstance(x, (Array, float)) or (isinstance(x, np.ndarray) and x.dtype.kind == "f")


def _values(x: Any) -> NDArray[Any]:
    return np.asarray(x.values if isinstance(x, Array) else x)


def _range(name: str, x: Any) -> Range:
    values = np.abs(_values(x).astype(np.float64))
    numbers = values[np.isfinite(values) & (values != 0)]
    ends = (float(numbers.min()), float(numbers.max())) if numbers.size else (float("nan"),) * 2
    counts = (int((values == 0).sum()), int(np.isinf(values).sum()), int(np.isnan(values).sum()))
    return Range(name, x.dtype.name if isinstance(x, Array) else "float64", values.shape, *ends, *counts)
