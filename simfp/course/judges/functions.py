"""How a function of one number is judged: over every code of a format and every boundary between two.

A mistake is a row: where it shows, and what to say. The first row that fits speaks; so rows go from the most telling
to the most general.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simfp.bits import decode
from simfp.course.display import short
from simfp.course.judges.judgement import Judgement, kind_of
from simfp.course.judges.mistakes import Mistake
from simfp.figures.palette import look
from simfp.figures.words import decimal, power_of_two
from simfp.formats import Format
from simfp.rounding import round_to

__all__ = ["FunctionJudge", "probes", "spell"]


@dataclass(frozen=True)
class FunctionJudge:
    """Judges a function of one number, called with an array if it takes one and else with one float at a time."""

    example: str  # the call that is wanted: "is_lost(1e-5)"
    returns: str  # what it returns, in words
    kinds: str  # NumPy's kinds of result that are taken: "b", "iuf"
    telling: tuple[float, ...]  # asked first, and what messages name; the rest finds what these leave
    right: Callable[[NDArray[np.float64]], NDArray[Any]]
    mistakes: tuple[Mistake, ...]
    fmt: Format

    def __call__(self, answer: Any) -> Judgement:
        """Whether the function `answer` is right for every input, and if not, why."""
        name = self.example.partition("(")[0]
        if not callable(answer):
            hint = f"Give the function itself: `{name}`, not what it returns for one number."
            return Judgement(False, f"This wants a function; got {short(answer)}, {kind_of(answer)}. {hint}")
        if isinstance(answer, type):
            return Judgement(False, f"This wants a function that takes a number; got the type {answer.__name__}.")
        telling = np.array(self.telling)
        asked = 0
        for many, few in ((telling, telling), probes(self.fmt)):
            x, said = many, self._of_array(answer, many)
            if said is None:
                x = few
                said, trouble = self._one_by_one(answer, few)
                if trouble:
                    return Judgement(False, trouble)
            right = self.right(x)
            wrong = said != right  # a NaN is always wrong
            if wrong.any():
                return Judgement(False, self._reason(x[wrong], said[wrong], right[wrong]))
            asked += x.size
        return Judgement(True, f"Right for all {asked:,} inputs: every code of {self._name}, and every boundary.")

    @property
    def _name(self) -> str:
        return look(self.fmt).label

    def _of_array(self, answer: Callable[[Any], Any], x: NDArray[np.float64]) -> NDArray[Any] | None:
        """What the function makes of the whole array; None if it takes single numbers only."""
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                said = answer(x.copy())
            except Exception:  # whatever it is, single numbers will tell
                return None
        fits = isinstance(said, np.ndarray) and said.shape == x.shape and said.dtype.kind in self.kinds
        return said if fits else None

    def _one_by_one(self, answer: Callable[[Any], Any], x: NDArray[np.float64]) -> tuple[NDArray[Any], str]:
        """What the function makes of each float, or, in words, why it cannot be asked."""
        said = np.full(x.shape, math.nan) if self.kinds != "b" else np.zeros(x.shape, np.bool_)
        for number, each in enumerate(x.tolist()):
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                try:
                    one = answer(each)
                except Exception as error:
                    return said, self._raised(each, error)
            if one is None:
                return said, f"For {spell(each)} your function returned None. Is a `return` missing?"
            value = np.asarray(one)
            if value.ndim or value.dtype.kind not in self.kinds:
                wanted = f"For {spell(each)} it should return {self.returns}"
                return said, f"{wanted}; it returned {short(one)}, {kind_of(one)}."
            said[number] = value
        return said, ""

    def _raised(self, x: float, error: Exception) -> str:
        """What to say of an input for which the function raised."""
        told = f"For {spell(x)} your function raised {type(error).__name__}: {error}."
        given = np.array([x])
        reason = next((row for row in self.mistakes if row.shows(given, np.array([math.nan]))[0]), None)
        return f"{told} {self._fill(reason.message, x, math.nan, self.right(given)[0])}" if reason else told

    def _reason(self, x: NDArray[Any], said: NDArray[Any], right: NDArray[Any]) -> str:
        """The message of the first mistake that shows in these wrong answers."""
        for shows, message in self.mistakes:
            there = np.flatnonzero(shows(x, said))
            if there.size:
                first = there[0]
                return self._fill(message, float(x[first]), said[first], right[first])
        general = "For {x} you said {said}; {fmt} makes {fp16} of it, so the answer is {right}."
        return self._fill(general, float(x[0]), said[0], right[0])

    def _fill(self, message: str, x: float, said: Any, right: Any) -> str:
        made = decimal(float(round_to(x, self.fmt)))
        as_text = str if self.kinds == "b" else lambda value: decimal(float(value))
        return message.format(x=spell(x), said=as_text(said), right=as_text(right), fp16=made, fmt=self._name)


@cache
def probes(fmt: Format) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Inputs that find every wrong step: all codes of `fmt`, then its boundaries.

    The boundaries are the midpoints between neighbours, each with its own neighbours in float64. The second
    array, for functions that take one number at a time, has the midpoints below twice the smallest normal only.
    """
    with np.errstate(invalid="ignore"):  # signaling NaNs among the codes
        codes = decode(np.arange(1 << fmt.bits), fmt).astype(np.float64)
    magnitudes = np.append(np.unique(codes[np.isfinite(codes) & (codes >= 0)]), 2.0 ** (fmt.max_exponent + 1))
    midpoints = (magnitudes[1:] + magnitudes[:-1]) / 2  # exact: one bit more than fmt's precision
    few = midpoints[midpoints < 2 * fmt.smallest_normal]
    around = (np.concatenate([m, np.nextafter(m, 0), np.nextafter(m, np.inf)]) for m in (midpoints, few))
    many, single = (np.concatenate([codes, m, -m]) for m in around)
    return many, single


def spell(x: float) -> str:
    """An input as a message names it: powers of two as such, one float64 step beside a short number as that."""
    if not math.isfinite(x) or x == 0:
        return str(x)
    mantissa, exponent = math.frexp(abs(x))
    if mantissa == 0.5 and not 1e-3 < abs(x) < 1e4:
        return f"{'-' * (x < 0)}{power_of_two(exponent - 1)}"
    if len(repr(x)) <= 12:
        return re.sub("e([+-])0", r"e\1", repr(x))
    for side, other in (("just above", np.nextafter(x, -math.inf)), ("just below", np.nextafter(x, math.inf))):
        if math.frexp(abs(other))[0] == 0.5:
            return f"a number {side} {spell(float(other))}"
    return decimal(x)
