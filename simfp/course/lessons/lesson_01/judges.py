"""Judges for two answers of lesson 01: a decoder of fp16's codes, and a format of the learner's own."""

from __future__ import annotations

import math
import numbers
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from simfp import Format, bfloat16, decode, float16
from simfp.bits import bit_string
from simfp.course.display import short
from simfp.course.judges.judgement import Judgement
from simfp.course.judges.mistakes import Mistake, ask, first_shown, refusal
from simfp.figures.words import decimal

__all__ = [
    "CODES", "DecodeJudge", "Decoded", "FormatJudge", "FormatSlip", "decoded", "throughout",
]  # fmt: skip

CODES = 1 << float16.bits

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


# ---- a decoder ----


@dataclass(frozen=True)
class Decoded:
    """Codes of fp16, the numbers that a function said they stand for, and those that they do stand for."""

    code: Ints
    said: Floats
    right: Floats

    exponent = property(lambda self: self.code >> 10 & 0x1F)
    mantissa = property(lambda self: self.code & 0x3FF)
    negative = property(lambda self: self.code >> 15 == 1)
    minus = property(lambda self: np.where(self.negative, -1.0, 1.0))
    normal = property(lambda self: (self.exponent > 0) & (self.exponent < 31))
    subnormal = property(lambda self: (self.exponent == 0) & (self.mantissa > 0))
    zero = property(lambda self: (self.exponent == 0) & (self.mantissa == 0))
    infinite = property(lambda self: (self.exponent == 31) & (self.mantissa == 0))
    nan = property(lambda self: (self.exponent == 31) & (self.mantissa > 0))
    ratio = property(lambda self: np.where(self.normal, self.said / self.right, math.nan))
    wrong = property(  # any NaN will do for a NaN; and the sign of zero counts
        lambda self: np.where(
            self.nan,
            ~np.isnan(self.said),
            (self.said != self.right) | (np.signbit(self.said) != np.signbit(self.right)),
        )
    )

    def formula(self, *, leading: float = 1, unit: float = 1024, bias: int = 15) -> Floats:
        """What a formula like that of the normal numbers makes of the fields, for every code."""
        scale = 2.0 ** (self.exponent - bias)
        made: Floats = self.minus * scale * (leading + self.mantissa / unit)
        return made

    def misread(self, *, exponent: int = 0x1F, mantissa: int = 0x3FF) -> Floats:
        """What the formula makes of fields that were cut out with other masks."""
        scale = 2.0 ** ((self.code >> 10 & exponent) - 15)
        made: Floats = self.minus * scale * (1 + (self.code & mantissa) / 1024)
        return made

    def with_xor(self, *, sign: bool, power: bool) -> Floats:
        """What the formula makes where `^`, which is exclusive or, was written for a power."""
        factor = np.where(self.negative, -2.0, -1.0) if sign else self.minus
        scale = (2 ^ (self.exponent - 15)).astype(np.float64) if power else 2.0 ** (self.exponent - 15)
        made: Floats = factor * scale * (1 + self.mantissa / 1024)
        return made

    def in_bfloat16(self) -> Floats:
        """What bf16 has under the same codes."""
        return _values(self.code, bfloat16)

    def in_twos_complement(self) -> Floats:
        """The numbers that result if a negative code is negated as a whole number is."""
        return np.where(self.negative, -_values(CODES - self.code & 0xFFFF, float16), self.right)


def throughout(c: Decoded, shows: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The normal numbers that are wrong, if `shows` explains every one of them; else none."""
    wrong: NDArray[np.bool_] = c.normal & c.wrong
    return wrong & bool(shows[wrong].all())


def decoded(codes: Ints, said: Iterable[float]) -> Decoded:
    """What was said of `codes`, beside what simfp says."""
    return Decoded(codes, np.array(list(said), np.float64), _values(codes, float16))


@dataclass(frozen=True)
class DecodeJudge:
    """Judges a function from a code of fp16, an int, to the number that it stands for."""

    name: str
    telling: tuple[int, ...]  # asked first, and what messages name
    mistakes: tuple[Mistake, ...]

    def __call__(self, answer: Any) -> Judgement:
        """Whether the function `answer` is right for all 65,536 codes, and if not, why."""
        refused = refusal(answer, self.name)
        if refused:
            return Judgement(False, refused)
        for codes in (np.array(self.telling), np.arange(CODES)):
            said: list[float] = []
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                for code in codes.tolist():
                    trouble = self._ask(answer, code, said)
                    if trouble:
                        return Judgement(False, trouble)
                found = decoded(codes, said)
                if found.wrong.any():
                    return Judgement(False, self._reason(found))
        finite = int(np.isfinite(found.right).sum())
        infinite, nan = int(found.infinite.sum()), int(found.nan.sum())
        return Judgement(
            True,
            f"Right for all {codes.size:,} codes: {finite:,} numbers (zero is there twice), {infinite} infinities and "
            f"{nan:,} NaNs. You have written down fp16, all of it.",
        )

    def _ask(self, answer: Callable[[int], Any], code: int, said: list[float]) -> str:
        """Adds what the function says of `code`; why it cannot be taken, in words."""
        one, trouble = ask(answer, (code,), lambda: _spell(code))
        if trouble:
            return trouble
        if isinstance(one, (bool, np.bool_)) or not isinstance(one, numbers.Real):
            kind = type(one).__name__
            return f"For {_spell(code)} it should return a number; it returned {short(one)}, of type {kind}."
        try:
            said.append(float(one))
        except OverflowError:  # an integer of more than 300 digits
            said.append(math.inf if cast(int, one) > 0 else -math.inf)
        return ""

    def _reason(self, found: Decoded) -> str:
        """The message of the first mistake that shows."""
        message, first = first_shown(self.mistakes, found, "For {x} you said {said}; it stands for {right}.")
        return message.format(
            x=_spell(int(found.code[first])),
            said=decimal(float(found.said[first]), 9),
            right=decimal(float(found.right[first]), 9),
            exponent=int(found.exponent[first]),
            mantissa=int(found.mantissa[first]),
        )


def _values(codes: Ints, fmt: Format) -> Floats:
    with np.errstate(invalid="ignore"):  # signaling NaNs
        values: Floats = decode(codes.astype(np.uint16), fmt).astype(np.float64)
    return values


def _spell(code: int) -> str:
    return f"0x{code:04x} ({bit_string(code, float16)})"


# ---- a format ----


class FormatSlip(NamedTuple):
    """A typical wrong format."""

    fits: Callable[[Format], bool]
    message: Callable[[Format], str]


@dataclass(frozen=True)
class FormatJudge:
    """Judges a Format that the learner built."""

    right: Callable[[Format], bool]
    praise: Callable[[Format], str]
    slips: tuple[FormatSlip, ...]  # between them, they fit every wrong format

    def __call__(self, answer: Any) -> Judgement:
        """Whether the format `answer` is right, and if not, why."""
        example = '`sf.Format("mine", exponent_bits=4, mantissa_bits=3)`'
        if isinstance(answer, str):
            return Judgement(False, f"{short(answer)} is a name. Build a format of your own, as in {example}.")
        if not isinstance(answer, Format):
            what = "the type" if isinstance(answer, type) else f"{short(answer)}, of type"
            kind = answer.__name__ if isinstance(answer, type) else type(answer).__name__
            return Judgement(False, f"This wants a format, as in {example}; got {what} {kind}.")
        if self.right(answer):
            return Judgement(True, self.praise(answer))
        return Judgement(False, next(message(answer) for fits, message in self.slips if fits(answer)))
