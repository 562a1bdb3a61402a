"""Lesson 01's bets and exercises: which numbers a format owns, and how its codes spell them."""

from __future__ import annotations

import numpy as np

from simfp import as_format, bfloat16, decode, encode, float16, float32
from simfp.course import lesson_01_answers as answers
from simfp.course.bets import Bet
from simfp.course.exercises import Exercise
from simfp.course.judges.judging import NumberJudge
from simfp.course.lesson_01_judges import DecodeJudge, FormatJudge
from simfp.figures.words import decimal
from simfp.formats import Format

__all__ = ["BETS", "EXERCISES"]


def flipped(x: float, fmt: Format) -> float:
    """What becomes of `x` when the first bit of its exponent is flipped."""
    return float(decode(int(encode(x, fmt)) ^ 1 << (fmt.bits - 2), fmt))


def nan_codes(spec: str) -> int:
    """How many codes of a format of at most 16 bits are NaN."""
    fmt = as_format(spec)
    with np.errstate(invalid="ignore"):  # signaling NaNs
        return int(np.isnan(decode(np.arange(1 << fmt.bits), fmt)).sum())


BETS = (
    Bet(
        "01.1",
        "fp16 owns 0, 1, 2, 3 and so on. Which is the first whole number that it does not own?",
        truth=lambda: answers.last_whole(float16) + 1.0,
        story=lambda first: (
            f"{first:g}. With {float16.precision} bits, the implicit one counted, every whole number below "
            f"2^{float16.precision} can be written; {2**float16.precision} itself is a power of two; from there on "
            f"fp16's numbers are 2 apart."
        ),
    ),
    Bet(
        "01.2",
        "The code of 0.5 in fp16 is 0 01110 0000000000. One bit flips, the first of the exponent: 0 11110 0000000000. "
        "What number is that?",
        truth=lambda: flipped(0.5, float16),
        story=lambda made: (
            f"{made:,.0f}: the exponent field went from 14 to 30, so the number was doubled 16 times. In fp32, the "
            f"same flip makes {decimal(flipped(0.5, float32), 3)} of 0.5. Not all bits are equal."
        ),
    ),
    Bet(
        "01.3",
        "How many of fp16's 65,536 codes stand for no number at all, but for NaN?",
        truth=lambda: float(nan_codes("fp16")),
        story=lambda count: (
            f"{count:,.0f}: every mantissa but the empty one, under a full exponent, with either sign. bf16 spends "
            f"{nan_codes('bf16')} codes on NaN, fp8 e5m2 {nan_codes('e5m2')}, fp8 e4m3 only {nan_codes('e4m3')}. "
            f"({count + 2:,.0f} would count the two infinities as well.)"
        ),
    ),
    Bet(
        "01.4",
        "Each weight is kept in fp32, and a copy of it in fp16 beside it. How many bytes is that, in per cent of fp32 "
        "alone?",
        truth=lambda: 100.0 * (float32.bits + float16.bits) / float32.bits,
        story=lambda share: (
            f"{share:.0f} %: {float32.bits // 8} + {float16.bits // 8} bytes in place of {float32.bits // 8}. Half the "
            f"bytes it is only for what is kept in 16 bits alone."
        ),
        unit="%",
    ),
)

EXERCISES = (
    Exercise(
        "01.a",
        "Up to which N does bf16 own every whole number from 0 to N?",
        NumberJudge(
            wants="a whole number, N",
            right=lambda n: n == answers.last_whole(bfloat16),
            praise=answers.praise_whole,
            slips=answers.WHOLE_SLIPS,
            otherwise="N counts up from 0: it cannot be {said}.",
        ),
        (
            "fp16 stores 10 bits of mantissa, and owns every whole number up to 2^11. Why 11?",
            "bf16 stores 7 bits of mantissa; with the leading one, that makes 8.",
            "Or ask: `sf.round_to(n, 'bf16') == n` says whether bf16 owns n. Which n is the first that it does not?",
        ),
    ),
    Exercise(
        "01.b",
        "Write `decode_fp16(code)`: from a code, an int from 0 to 65,535, to the number that it stands for in fp16.",
        DecodeJudge(name="decode_fp16", telling=answers.TELLING, mistakes=answers.DECODE_MISTAKES),
        (
            "`code >> 15` is the sign bit, `code >> 10 & 0x1f` the exponent field, `code & 0x3ff` the mantissa field. "
            "For most codes the number is `(-1)**sign * 2.0**(exponent - 15) * (1 + mantissa / 1024)`.",
            "Two exponent fields are special. Where it is 0, no one stands before the point, and the exponent is that "
            "of the smallest normal numbers: `(-1)**sign * 2.0**-14 * (mantissa / 1024)`.",
            "Where the exponent field is 31, an empty mantissa means infinity, with the sign, and any other means NaN: "
            "`float('inf')`, `float('nan')`. Multiply by -1.0, not -1, so that zero keeps its sign.",
        ),
        trial=(0x3C00,),
    ),
    Exercise(
        "01.c",
        "Build `mine`, a format of 12 bits that has everything from 0.000001 to 1,000,000 among its normal numbers, "
        "with as fine steps as that allows.",
        FormatJudge(
            right=answers.fits_the_data,
            praise=answers.praise_format,
            slips=answers.FORMAT_SLIPS,
        ),
        (
            "One bit is the sign's, so the exponent and the mantissa have 11 between them. Each bit that goes to the "
            "exponent is missing in the mantissa.",
            "From 0.000001 to 1,000,000 it is a factor of 10^12, about 2^40: some 40 exponents are needed. Five bits "
            "have 32 patterns, six have 64.",
            "`.smallest_normal` and `.max` say how far a format reaches at full precision.",
        ),
    ),
)
