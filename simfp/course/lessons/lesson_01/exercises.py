"""Lesson 01's exercises: which numbers a format owns, and how its codes spell them."""

from __future__ import annotations

from simfp import bfloat16
from simfp.course.exercises import Exercise
from simfp.course.judges.numbers import NumberJudge
from simfp.course.lessons.lesson_01 import answers
from simfp.course.lessons.lesson_01.judges import DecodeJudge, FormatJudge

__all__ = ["EXERCISES"]

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
