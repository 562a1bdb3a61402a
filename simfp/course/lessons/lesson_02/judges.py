"""Judges for the two functions of lesson 02: one that rounds codes, one that rounds by a throw of chance."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simfp import bfloat16, decode, encode, next_up
from simfp.course.display import short
from simfp.course.judges.judgement import Judgement
from simfp.course.judges.mistakes import Mistake, ask, first_shown, refusal
from simfp.figures.words import decimal

__all__ = ["THROWS", "Cases", "CodeJudge", "ThrowJudge", "Throws", "cases", "every_boundary"]

THROWS = 64  # values of u, evenly spaced from 0 up to but not including 1
LARGEST_CODE = 0xFFFF

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


# ---- codes ----


@dataclass(frozen=True)
class Cases:
    """fp32 codes, what a function said that their bf16 codes are, and what they are."""

    code: Ints
    said: Ints  # beyond a code's reach cut to just outside of it
    right: Ints

    upper = property(lambda self: self.code >> 16)
    lower = property(lambda self: self.code & 0xFFFF)
    negative = property(lambda self: self.code >> 31 == 1)
    odd = property(lambda self: self.upper & 1 == 1)
    tie = property(lambda self: self.lower == 0x8000)
    full = property(lambda self: self.upper & 0x7F == 0x7F)  # the mantissa's kept bits are all ones
    nan = property(lambda self: self.code & 0x7FFFFFFF > 0x7F800000)
    infinite = property(lambda self: self.code & 0x7FFFFFFF == 0x7F800000)
    overflowing = property(lambda self: ~self.infinite & (self.right & 0x7FFF == 0x7F80))
    carrying = property(lambda self: self.full & ~self.overflowing & (self.right == self.upper + 1))
    subnormal = property(lambda self: self.upper & 0x7F80 == 0)  # or zero
    inner = property(  # nothing special
        lambda self: ~(self.nan | self.infinite | self.overflowing | self.full | self.subnormal)
    )
    up = property(lambda self: self.inner & (self.said == self.upper + 1))  # away from zero
    down = property(lambda self: self.inner & (self.said == self.upper))  # toward zero
    says_nan = property(lambda self: (self.said & 0x7FFF > 0x7F80) & (self.said >= 0) & (self.said <= LARGEST_CODE))
    wrong = property(lambda self: np.where(self.nan, ~self.says_nan, self.said != self.right))  # any NaN will do


def cases(codes: Ints, said: Iterable[int]) -> Cases:
    """What was said of `codes`, beside what simfp says."""
    with np.errstate(invalid="ignore"):  # signaling NaNs
        right = encode(decode(codes.astype(np.uint32), "float32"), bfloat16).astype(np.int64)
    return Cases(codes, np.array([min(max(int(each), -1), 1 << 40) for each in said]), right)


def every_boundary() -> Ints:
    """Each bf16 code as an fp32 code, with the lower half at each place where rounding may change its mind."""
    lower = np.array([0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF])
    codes: Ints = ((np.arange(1 << 16)[:, None] << 16) | lower).reshape(-1)
    return codes


@dataclass(frozen=True)
class CodeJudge:
    """Judges a function from a code of fp32 to the code of what bf16 makes of it, both of them integers."""

    name: str
    telling: tuple[int, ...]  # asked first, and what messages name
    mistakes: tuple[Mistake, ...]

    def __call__(self, answer: Any) -> Judgement:
        """Whether the function `answer` is right at every boundary, and if not, why."""
        refused = refusal(answer, self.name)
        if refused:
            return Judgement(False, refused)
        for codes in (np.array(self.telling), every_boundary()):
            said: list[int] = []
            for code in codes.tolist():
                trouble = self._ask(answer, code, said)
                if trouble:
                    return Judgement(False, trouble)
            found = cases(codes, said)
            if found.wrong.any():
                return Judgement(False, self._reason(found))
        return Judgement(
            True,
            f"Right for all {codes.size:,} codes asked: every bf16 code, every tie between two, and the fp32 codes "
            f"just above and just below each.",
        )

    def _ask(self, answer: Callable[[int], Any], code: int, said: list[int]) -> str:
        """Adds what the function says of `code`; why it cannot be taken, in words."""
        one, trouble = ask(answer, (code,), lambda: _spell32(code))
        if trouble:
            return trouble
        if isinstance(one, (float, np.floating)):
            return (
                f"For {_spell32(code)} your function returned {short(one)}, a number with a point. This wants the "
                f"code: a whole number. Use `>>`, `&` and `+`; `/` leaves the integers, `//` does not."
            )
        if isinstance(one, (bool, np.bool_)) or not isinstance(one, (int, np.integer)):
            kind = type(one).__name__
            return f"For {_spell32(code)} it should return a code, an int; it returned {short(one)}, of type {kind}."
        said.append(int(one))
        return ""

    def _reason(self, found: Cases) -> str:
        """The message of the first mistake that shows."""
        message, first = first_shown(self.mistakes, found, "For {x} you said {said}; bf16 has {right}.")
        said = int(found.said[first])
        return message.format(
            x=_spell32(int(found.code[first])),
            said=_spell16(said) if 0 <= said <= LARGEST_CODE else f"{'-' * (said < 0)}0x{abs(said):x}",
            right=_spell16(int(found.right[first])),
        )


def _spell32(code: int) -> str:
    with np.errstate(invalid="ignore"):
        return f"0x{code:08x} ({decimal(float(decode(np.uint32(code), 'float32')), 9)})"


def _spell16(code: int) -> str:
    with np.errstate(invalid="ignore"):
        return f"0x{code:04x} ({decimal(float(decode(np.uint16(code), bfloat16)), 9)})"


# ---- throws ----


@dataclass(frozen=True)
class Throws:
    """Numbers between neighbours, and where a function sent each of them for `THROWS` values of u."""

    x: Floats
    below: Floats
    above: Floats
    share: Ints  # how many of the throws have to go above
    said: Floats  # a row for each x

    ups = property(lambda self: (self.said == self.above[:, None]).sum(1))
    owned = property(lambda self: self.share == 0)
    stray = property(lambda self: ((self.said != self.below[:, None]) & (self.said != self.above[:, None])).any(1))
    moved = property(lambda self: self.owned & (self.said != self.x[:, None]).any(1))
    wrong = property(lambda self: np.where(self.owned, self.moved | self.stray, self.stray | (self.ups != self.share)))

    def all(self, where: Mask) -> Mask:
        """Where x is not owned, if `where` holds for all such x; else nowhere."""
        found: Mask = ~self.owned & bool(where[~self.owned].all())
        return found


@dataclass(frozen=True)
class ThrowJudge:
    """Judges a function stochastic(x, u) that takes x to a bf16 neighbour, with u from 0 up to 1."""

    name: str
    starts: tuple[float, ...]  # bf16 values
    shares: tuple[int, ...]  # of the way from each to the next one above, in parts of THROWS
    mistakes: tuple[Mistake, ...]

    def __call__(self, answer: Any) -> Judgement:
        """Whether the function `answer` is unbiased: over evenly spaced u the average is x itself, exactly."""
        refused = refusal(answer, self.name)
        if refused:
            return Judgement(False, refused)
        share, below = (each.reshape(-1) for each in np.meshgrid(np.array(self.shares), np.array(self.starts)))
        above: Floats = next_up(below, bfloat16)
        x = below + share / THROWS * (above - below)  # exact: 8 and 6 bits
        said = np.empty((x.size, THROWS))
        again = np.empty(THROWS)
        for row, each in zip([*said, again], [*x.tolist(), x[1]], strict=True):
            for number in range(THROWS):
                trouble = self._ask(answer, float(each), number, row)
                if trouble:
                    return Judgement(False, trouble)
        if not np.array_equal(said[1], again):
            return Judgement(
                False,
                f"Asked twice for the same x and the same u, your function gave two answers. Does it throw dice of its "
                f"own? The chance comes in as `u`: use that. (x was {decimal(float(x[1]), 10)}.)",
            )
        found = Throws(x, below, above, share, said)
        if found.wrong.any():
            return Judgement(False, self._reason(found))
        return Judgement(
            True,
            f"Right for {x.size} numbers, positive and negative, large and small. Over {THROWS} evenly spaced u the "
            f"average of what you return is x itself, exactly, for each of them: that is what unbiased means.",
        )

    def _ask(self, answer: Callable[[float, float], Any], x: float, number: int, row: Floats) -> str:
        """Writes what the function says for one throw into `row`; why it cannot be taken, in words."""
        u = number / THROWS
        call = f"For x = {decimal(x, 10)}, u = {u:g}"
        try:
            with np.errstate(all="ignore"):
                one = answer(x, u)
        except ZeroDivisionError:
            return (
                f"{call} your function divides by zero. bf16 owns this x: both neighbours are x itself, and there is "
                f"no gap to divide by. Give x back."
            )
        except Exception as error:
            return f"{call} your function raised {type(error).__name__}: {error}."
        if one is None:
            return f"{call} your function returned None. Is a `return` missing?"
        value = np.asarray(one)
        if value.ndim or value.dtype.kind not in "iuf":
            kind = type(one).__name__
            return f"{call} it should return one of the two neighbours; it returned {short(one)}, of type {kind}."
        row[number] = value
        return ""

    def _reason(self, found: Throws) -> str:
        """The message of the first mistake that shows."""
        general = "For x = {x}, of {throws} evenly spaced u your function sent {ups} to {above}, and not {share}."
        message, first = first_shown(self.mistakes, found, general)
        strays = found.said[first][
            (found.said[first] != found.below[first]) & (found.said[first] != found.above[first])
        ]
        return message.format(
            x=decimal(float(found.x[first]), 10),
            below=decimal(float(found.below[first]), 10),
            above=decimal(float(found.above[first]), 10),
            ups=int(found.ups[first]),
            share=int(found.share[first]),
            stray=decimal(float(strays[0]), 10) if strays.size else "",
            throws=THROWS,
        )
