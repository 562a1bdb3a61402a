"""Lesson 03's bets and exercises: what fp16 makes of small numbers."""

from __future__ import annotations

import numpy as np

from simfp import bfloat16, fate, float16, round_to
from simfp.course import lesson_03_answers as answers
from simfp.course.bets import Bet
from simfp.course.exercises import Exercise
from simfp.course.judges.judging import FunctionJudge, NumberJudge
from simfp.experiments.numbers.underflow import FATES
from simfp.figures.words import decimal, percent
from simfp.formats import Format
from simfp.silicon import recordings

__all__ = ["BETS", "EXERCISES"]


def first_lost(fmt: Format) -> int:
    """The first k at which `fmt` makes zero of 2^-k."""
    return next(k for k in range(1000) if fate(2.0**-k, fmt) == "zeroed")


def tell_one(x: float) -> str:
    """What fp16 makes of one small number, and what is left of its bits."""
    half, left = float(round_to(x, float16)), answers.bits(np.array(x))
    steps = half / float16.smallest_subnormal
    return f"It becomes {decimal(half, 8)}, which is {steps:.0f} × 2⁻²⁴. Of {float16.precision} bits {left} are left."


def percent_zeroed() -> float:
    """The share of the recorded gradients that fp16 makes zero, in per cent."""
    found = answers.fates_at(0)
    return 100 * found["zeroed"] / found.total()


def tell_zeroed(share: float) -> str:
    """What fp16 makes of the recorded gradients."""
    found = answers.fates_at(0)
    zeroed, subnormal, normal = (percent(found[name], found.total()) for name in ("zeroed", "subnormal", "normal"))
    return f"{zeroed} became zero. {subnormal} more became subnormal, with fewer bits; {normal} kept all of them."


def what_the_gpu_did() -> str:
    """Whether the GPU of the recording keeps fp16's subnormals: "keep" or "flush"."""
    return "keep" if all(row["kept"] == row["numbers"] for row in recorded_rows()) else "flush"


def tell_gpu() -> str:
    """What the recording says, and where it comes from."""
    rows = recorded_rows()
    keeping = sum(row["kept"] == row["numbers"] for row in rows)
    source = recordings.source(recordings.load("h100_subnormals"))
    return f"In {keeping} of {len(rows)} kinds of operation the GPU gave every subnormal fp16 number back ({source})."


def recorded_rows() -> list[dict[str, int]]:
    """What the recording says of fp16, operation by operation."""
    return [row for row in recordings.load("h100_subnormals")["rows"] if row["format"] == "float16"]


def near_or_not(x: float) -> str:
    """What it says of fp16 to expect `x` where 1e-5 went in."""
    return {0.0: "zero", 1e-5: "exactly"}.get(x, "near")


BETS = (
    Bet(
        "03.1",
        "What does fp16 make of 1e-5: exactly that, something near, or zero?",
        truth=lambda: near_or_not(float(round_to(1e-5, float16))),
        story=lambda truth: tell_one(1e-5),
        options=("exactly", "near", "zero"),
        from_number=near_or_not,
    ),
    Bet(
        "03.2",
        "bf16 has 16 bits too. At which k does 2⁻ᵏ become zero in bf16?",
        truth=lambda: first_lost(bfloat16),
        story=lambda k: (
            f"At k = {k}; in fp16 at k = {first_lost(float16)}. Of 16 bits bf16 spends "
            f"{bfloat16.exponent_bits} on the exponent, fp16 {float16.exponent_bits}."
        ),
    ),
    Bet(
        "03.3",
        "Of 100,000 gradients, recorded in training, how many per cent does fp16 make zero?",
        truth=percent_zeroed,
        story=tell_zeroed,
        unit="%",
        near=lambda bet, share: abs(bet - share) <= 2,
    ),
    Bet(
        "03.4",
        "Does an H100, a GPU that large networks are trained on, keep subnormals or flush them to zero?",
        truth=what_the_gpu_did,
        story=lambda answer: tell_gpu(),
        options=("keep", "flush"),
    ),
)

EXERCISES = (
    Exercise(
        "03.a",
        "Write `is_lost(x)`: True where fp16 makes zero of a number that was not zero, else False.",
        FunctionJudge(
            example="is_lost(1e-5)",
            returns="True or False",
            kinds="b",
            telling=answers.TELLING,
            right=answers.lost,
            mistakes=answers.IS_LOST_MISTAKES,
            fmt=float16,
        ),
        (
            "The first table walks down to zero. Which is the last 2⁻ᵏ that is kept, and which is the first "
            "that is not?",
            "Between the two, a number goes to the nearer neighbour. Half way, at 2⁻²⁵, zero wins: is it `<` or `<=`?",
            "Lost is what is not zero, and no further from zero than 2⁻²⁵: `abs(x)` between two bounds.",
        ),
    ),
    Exercise(
        "03.b",
        "Write `bits_left(x)`: how many significant bits fp16 has left for x. 11 for normal numbers, 1 at 2⁻²⁴, and "
        "0 for whatever becomes 0, inf or NaN.",
        FunctionJudge(
            example="bits_left(1e-5)",
            returns="a whole number",
            kinds="iuf",
            telling=answers.TELLING,
            right=answers.bits,
            mistakes=answers.BITS_LEFT_MISTAKES,
            fmt=float16,
        ),
        (
            "After rounding, 0, inf and NaN are told apart by one comparison: only the others lie between 0 and inf.",
            "The last place of every subnormal is 2⁻²⁴. If the leading one is at 2ᵉ, e + 24 more places follow it.",
            "`math.frexp(half)` gives m and e with half = m · 2ᵉ, and m from 0.5 up to 1: so the leading one is "
            "at 2ᵉ⁻¹. "
            "And normal numbers stop at `min(11, ...)`.",
        ),
    ),
    Exercise(
        "03.c",
        "By which power of two must the recorded gradients be multiplied, so that at least 99.9 % of them are not zero "
        "in fp16, and none is infinite?",
        NumberJudge(
            wants="the factor, a number such as `2.0**3`",
            right=answers.good_scale,
            praise=answers.praise_scale,
            slips=answers.SCALE_SLIPS,
            otherwise="Not {said}.",
        ),
        (
            "Negative k make the numbers larger: at k = -3 all of them are multiplied by 2³.",
            f"Of fp16's readings ({', '.join(FATES)}), zero has to fall to 0.1 %, and overflow has to stay at 0.",
            "There are several right answers, next to one another. Try `2.0**12`: the check says on which side "
            "it fails.",
        ),
    ),
)
