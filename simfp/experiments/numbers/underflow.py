"""What formats make of numbers that are halved again and again: one value, and a whole set of gradients.

Everything is multiplied by 2^-k, which is exact in float64 for every shift k here, and rounded to each format.
Which gradients meet which fate is found without rounding each of them at every shift: under nearest-even the fate
depends on the magnitude alone, so `limits_of` finds, by bisection with simfp's own rounding, the magnitudes at
which it changes, and the sorted set is cut there. (A test rounds every gradient at every shift instead.)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simfp.experiments.numbers.gradients import Gradients, load
from simfp.formats import NAMED_FORMATS, Format
from simfp.rounding import encode, fate, round_to

__all__ = [
    "BINS_PER_OCTAVE", "FATES", "SHIFTS", "SIGNIFICANDS", "Histogram", "Landing", "Lane", "Limits", "Scene",
    "histogram", "landing", "limits_of", "scene", "shares", "staircase",
]  # fmt: skip

SHIFTS = range(-30, 141)  # from a loss scale of 2^30 to beyond bfloat16's smallest number
FATES = ("normal", "subnormal", "zeroed", "overflowed")
BINS_PER_OCTAVE = 2
SIGNIFICANDS = {  # each exact in float32
    "1": 1.0,
    "1.5": 1.5,
    "4/3": float(np.float32(4 / 3)),  # 1.0101...
    "1.999": 2 - 2.0**-10,  # eleven ones: all that float16 holds
}


class Limits(NamedTuple):
    """The magnitudes from which on a format does something else, as float64."""

    kept: float  # the first that is not rounded to zero
    normal: float  # the first that lands on a normal number
    overflowed: float  # the first that is too large


@dataclass(frozen=True, eq=False)
class Landing:
    """What one format makes of one number, at each shift of SHIFTS."""

    fmt: Format
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    codes: NDArray[Any]
    fates: tuple[str, ...]  # as `simfp.fate` names them
    bits_left: NDArray[np.int64]  # significant bits that a number of that size has there; 0 for zero and beyond


@dataclass(frozen=True, eq=False)
class Histogram:
    """How many magnitudes lie in each bin of log2; bin i begins at 2**(first + i / BINS_PER_OCTAVE)."""

    first: float
    counts: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Lane:
    """What one format makes of the gradients, at each shift of SHIFTS."""

    fmt: Format
    limits: Limits
    staircase: list[tuple[int, int]]
    shares: NDArray[np.int64]  # a row for each shift, a column for each of FATES


@dataclass(frozen=True, eq=False)
class Scene:
    """All that the underflow slider shows, for every shift."""

    gradients: Gradients
    histogram: Histogram
    significand: str  # a key of SIGNIFICANDS
    subnormals: str
    landings: tuple[Landing, ...]  # of the single value: float32 first, then the formats
    lanes: tuple[Lane, ...]  # of the gradients: the formats


def scene(data: str, formats: tuple[Format, ...], *, significand: str = "1", subnormals: str = "keep") -> Scene:
    """What the formats make of the gradients called `data` and of one value, for every shift of SHIFTS."""
    loaded, value = load(data), SIGNIFICANDS[significand]
    rows = dict.fromkeys((NAMED_FORMATS["float32"], *formats))
    return Scene(
        loaded,
        histogram(loaded),
        significand,
        subnormals,
        tuple(landing(value, fmt, subnormals=subnormals) for fmt in rows),
        tuple(
            Lane(
                fmt,
                limits_of(fmt, subnormals=subnormals),
                staircase(fmt, subnormals=subnormals),
                shares(loaded, fmt, subnormals=subnormals),
            )
            for fmt in formats
        ),
    )


def landing(value: float, fmt: Format, *, subnormals: str = "keep", shifts: Iterable[int] = SHIFTS) -> Landing:
    """What `fmt` makes of `value` times 2**-k, for each shift k."""
    before = np.ldexp(np.float64(value), -np.asarray(list(shifts)))
    after = round_to(before, fmt, subnormals=subnormals)
    codes = encode(before, fmt, subnormals=subnormals)
    fates = fate(before, fmt, subnormals=subnormals)
    number = np.isfinite(after) & (after != 0)
    exponent = np.frexp(np.where(number, after, 1.0))[1] - 1
    bits_left = np.where(number, fmt.precision - np.maximum(fmt.min_exponent - exponent, 0), 0)
    return Landing(fmt, before, after, codes, tuple(str(word) for word in fates), bits_left)


def limits_of(fmt: Format, *, subnormals: str = "keep") -> Limits:
    """The magnitudes at which the fate of a number changes in `fmt`, under nearest-even."""
    reached = {
        "kept": ("subnormal", "exact", "rounded", "overflowed"),
        "normal": ("exact", "rounded", "overflowed"),
        "overflowed": ("overflowed",),
    }
    # positive float64 patterns order as their values do: bisect them
    lowest = np.full(len(reached), np.float64(fmt.smallest_subnormal / 4)).view(np.int64)
    highest = np.full(len(reached), np.float64(4 * fmt.max)).view(np.int64)
    while np.any(highest - lowest > 1):
        middle = lowest + (highest - lowest) // 2
        words = fate(middle.view(np.float64), fmt, subnormals=subnormals)
        there = np.array([word in names for word, names in zip(words, reached.values(), strict=True)])
        highest, lowest = np.where(there, middle, highest), np.where(there, lowest, middle)
    return Limits(*(float(x) for x in highest.view(np.float64)))


def shares(
    gradients: Gradients, fmt: Format, *, subnormals: str = "keep", shifts: Iterable[int] = SHIFTS
) -> NDArray[np.int64]:
    """How many of the gradients, times 2**-k, meet each fate: a row for each shift k, a column for each of FATES."""
    magnitudes = np.sort(np.abs(gradients.values.astype(np.float64)))
    limits = np.array(limits_of(fmt, subnormals=subnormals))
    edges = np.ldexp(limits, np.asarray(list(shifts))[:, None])  # |g| * 2^-k < limit, told without moving each g
    below = np.searchsorted(magnitudes, edges)
    zeroed, small, finite = below.T
    return np.stack([finite - small, small - zeroed, zeroed, magnitudes.size - finite], axis=1)


def histogram(gradients: Gradients) -> Histogram:
    """How the magnitudes of the gradients spread over the powers of two."""
    bins = np.floor(BINS_PER_OCTAVE * np.log2(np.abs(gradients.values.astype(np.float64)))).astype(np.int64)
    return Histogram(int(bins.min()) / BINS_PER_OCTAVE, np.bincount(bins - bins.min()))


def staircase(fmt: Format, *, subnormals: str = "keep") -> list[tuple[int, int]]:
    """The floor under the numbers of `fmt`: (exponent, significant bits) of each binade that has subnormals, upwards.

    The last row is the first binade of normal numbers; all above it are as precise.
    """
    lowest = fmt.min_exponent - fmt.mantissa_bits * (fmt.subnormals and subnormals == "keep")
    exponents = range(lowest, fmt.min_exponent + 1)
    return [(exponent, fmt.precision - (fmt.min_exponent - exponent)) for exponent in exponents]
