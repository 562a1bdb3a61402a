"""What stands around a number on the line of a format, and where each rounding sends it: plain data."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simfp.bits import decode
from simfp.explain import explain
from simfp.formats import Format
from simfp.rounding import ROUNDING_MODES, encode, round_to, ulp

__all__ = ["DETERMINISTIC", "MOST_MARKS", "SCALES", "Throws", "View", "marks", "settled", "throw", "view", "widest"]

SCALES = ("linear", "log")
MOST_MARKS = 130  # more numbers than this stand too close to be told apart: then every 2nd, 4th, 8th ... is marked
BEYOND = 0.02  # how far outside the stretch that is drawn which is not in it
DETERMINISTIC = tuple(mode for mode in ROUNDING_MODES if mode != "stochastic")


@dataclass(frozen=True)
class View:
    """A stretch of the line."""

    fmt: Format
    scale: str
    low: float
    high: float
    count: int  # how many numbers the format owns in it, its ends included

    @property
    def stride(self) -> int:
        """Every how manyth of its numbers can be marked: a power of two."""
        return 1 << max(0, math.ceil(math.log2(max(self.count, 1) / MOST_MARKS)))

    def place(self, value: float) -> float:
        """Where `value` stands: 0 at the left end, 1 at the right, less or more beyond them."""
        if self.scale == "linear":
            return (value - self.low) / (self.high - self.low)
        if not value > 0:
            return -math.inf
        if math.isinf(value):
            return math.inf
        return math.log2(value / self.low) / math.log2(self.high / self.low)

    def on_screen(self, value: float) -> float:
        """Where `value` is drawn: its place, or a little beyond the end where it left."""
        place = self.place(value)
        return -BEYOND if math.isnan(place) else min(max(place, -BEYOND), 1 + BEYOND)

    def value(self, place: float) -> float:
        """What stands at `place`, 0 to 1."""
        if self.scale == "linear":
            return self.low + place * (self.high - self.low)
        return self.low * math.exp2(place * math.log2(self.high / self.low))


@dataclass(frozen=True)
class Throws:
    """Many stochastic roundings of one number."""

    values: NDArray[np.float64]  # where they fell: one place or two
    counts: NDArray[np.int64]
    average: float
    off_ulps: float  # average - x
    expected_ulps: float  # the standard error of that average


def widest(fmt: Format) -> int:
    """The span at which the whole format is in view from anywhere."""
    return math.ceil(math.log2(fmt.max / fmt.smallest_subnormal)) + 1


def view(centre: float, fmt: Format, *, scale: str, span: int) -> View:
    """The stretch around `centre` that is 2**span steps (of the format's distance there) long to either side.

    It goes no further than the format does. On a logarithmic line it is the stretch of the magnitudes.
    """
    centre = min(max(centre, -fmt.max), fmt.max)
    reach = math.ldexp(float(ulp(centre, fmt)), span)
    if scale == "linear":
        low, high = max(centre - reach, -fmt.max), min(centre + reach, fmt.max)
    else:
        least, size = fmt.smallest_subnormal, max(abs(centre), fmt.smallest_subnormal)
        octaves = min(math.log2(1 + 2 * reach / size), 400)
        low, high = max(size / 2**octaves, least / 2), min(size * 2**octaves, fmt.max)
        low, high = (low, high) if low < high else (high / 2, high)
    return View(fmt, scale, low, high, _rank(high, fmt, "toward_negative") - _rank(low, fmt, "toward_positive") + 1)


def _rank(value: float, fmt: Format, rounding: str) -> int:
    """The number of steps from zero to the number of `fmt` at or beside `value`."""
    near = float(round_to(value, fmt, rounding))
    code = int(encode(abs(near), fmt))
    return -code if near < 0 else code


def marks(stretch: View) -> NDArray[np.float64]:
    """Every `stride`-th number of a stretch, counted from zero, so that marks stand as dense as numbers do."""
    stride = stretch.stride
    first = math.ceil(_rank(stretch.low, stretch.fmt, "toward_positive") / stride)
    last = _rank(stretch.high, stretch.fmt, "toward_negative") // stride
    ranks = stride * np.arange(first, last + 1)
    sizes = decode(np.abs(ranks), stretch.fmt).astype(np.float64)
    return np.unique(np.where(ranks < 0, -sizes, sizes))


def settled(x: str, fmt: Format) -> dict[str, float]:
    """Where each deterministic rounding sends the number typed as `x`, taken exactly, by the rounding's name."""
    return {mode: explain(x, fmt, mode).result for mode in DETERMINISTIC}


def throw(x: float, fmt: Format, *, count: int, seed: int) -> Throws:
    """`count` stochastic roundings of `x`, and their average."""
    fell = round_to(np.full(count, x), fmt, "stochastic", rng=seed)
    values, counts = np.unique(fell, return_counts=True)
    step = float(ulp(x, fmt))
    below = float(round_to(x, fmt, "toward_negative"))
    above = float(round_to(x, fmt, "toward_positive"))
    share = (x - below) / (above - below) if above > below else 0.0
    scatter = math.sqrt(share * (1 - share) / count) * ((above - below) / step if above > below else 0.0)
    return Throws(values, counts, float(fell.mean()), float((fell.mean() - x) / step), scatter)
