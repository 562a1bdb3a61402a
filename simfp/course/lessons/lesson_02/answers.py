"""The right answers to lesson 02's exercises, and the typical wrong ones, each with what is to be said of it."""

from __future__ import annotations

import math

import numpy as np

from simfp import float8_e4m3fn, float16, next_down, next_up, round_to
from simfp.course.judges.mistakes import Mistake, Slip
from simfp.course.lessons.lesson_02.judges import THROWS
from simfp.figures.words import decimal

__all__ = [
    "ROUND_BITS_MISTAKES", "SHARES", "STARTS", "STOCHASTIC_MISTAKES", "TELLING", "TWICE_SLIPS",
    "differs", "praise_twice", "twice",
]  # fmt: skip

# fmt: off
# the fp32 codes that a message names: what is negative has its positive twin among them
TELLING = (
    0x3F800000, 0x3F800001, 0x3F807FFF, 0x3F808000, 0x3F808001, 0x3F80FFFF, 0x3F810001, 0x3F817FFF, 0x3F818000,
    0x3F818001, 0x3F81FFFF, 0xBF800000, 0xBF800001, 0xBF807FFF, 0xBF808000, 0xBF808001, 0xBF817FFF, 0xBF818000,
    0xBF818001, 0x3FFF7FFF, 0x3FFF8000, 0x3FFFC000, 0xBFFFC000, 0x7F7F7FFF, 0x7F7F8000, 0x7F7FFFFF, 0xFF7FFFFF,
    0x00000000, 0x80000000, 0x00000001, 0x00008000, 0x00008001, 0x00018000, 0x007F8000, 0x7F800000, 0xFF800000,
    0x7FC00000, 0xFFC00000, 0x7F800001, 0xFF800001, 0x7FFFFFFF, 0xFFFFFFFF,
)

ROUND_BITS_MISTAKES = (
    Mistake(
        lambda c: ~c.nan & (c.said > 0xFFFF) & (c.said & 0xFFFF == 0),
        "For {x} you said {said}: the upper half is decided, but it still stands in the upper half. A bf16 code has "
        "16 bits: shift it down, `>> 16`.",
    ),
    Mistake(
        lambda c: c.negative & ~c.nan & (c.said ^ 0x8000 == c.right),
        "For {x} you said {said}, and the sign is lost. It is the topmost bit of either code, and stays as it is: no "
        "mask may remove it.",
    ),
    Mistake(
        lambda c: (c.lower == 1) & c.up,
        "For {x} you said {said}, as if everything went away from zero. The lower half is 1 of 65,536: the nearest is "
        "{right}.",
    ),
    Mistake(
        lambda c: (c.lower == 0x7FFF) & c.up,
        "For {x} you said {said}, but its lower half, 0x7fff, is less than half way: the nearest is {right}. You add "
        "one too many. What has to be added so that 0x8000 carries after an odd last bit only?",
    ),
    Mistake(
        lambda c: (c.lower > 0x8000) & c.down,
        "For {x} you said {said}: the lower half was cut off. That is rounding toward zero. The lower half is more "
        "than half way, so the nearest is {right}.",
    ),
    Mistake(
        lambda c: c.tie & ~c.odd & c.up & (c.tie & c.odd & c.down & ~c.negative).any(),
        "{x} is a tie, and you said {said}: your ties go to the odd neighbour. Even means that the last bit of the "
        "result is 0: {right}.",
    ),
    Mistake(
        lambda c: c.tie & ~c.odd & c.up & ~c.negative & (c.tie & c.odd & c.down & c.negative).any(),
        "{x} is a tie, and you said {said}: your ties go up, toward +∞. Half up has a bias; the even neighbour is "
        "{right}. (And the sign plays no part in this: the codes of a number and its negative differ in one bit.)",
    ),
    Mistake(
        lambda c: c.tie & ~c.odd & c.up,
        "{x} is a tie, and you said {said}: all your ties go away from zero. That is what adding 0x8000 does. The tie "
        "goes to the neighbour whose last bit is 0, and here that is {right}. What if you added 0x7fff, and the last "
        "kept bit?",
    ),
    Mistake(
        lambda c: c.tie & c.odd & c.down,
        "{x} is a tie, and you said {said}, whose last bit is 1. You leave ties where they are; the even neighbour is "
        "{right}. Which bit of the code tells whether the upper half is odd? (It is bit 16.)",
    ),
    Mistake(
        lambda c: c.carrying & ~c.subnormal & (c.said == c.upper & 0xFF80),
        "For {x} you said {said}. The mantissa was full, rounding up empties it, and the carry got lost: it belongs "
        "into the exponent. Add before you take the fields apart, and it goes there by itself.",
    ),
    Mistake(
        lambda c: c.carrying & (c.said == c.upper),
        "For {x} you said {said}. The mantissa was full, and you stopped there. Let the carry run into the exponent: "
        "{right} is the next number.",
    ),
    Mistake(
        lambda c: c.overflowing & (c.said & 0x7FFF == 0x7F7F),
        "For {x} you said {said}, the largest number. But it lies half a step or more beyond that, and rounding to "
        "nearest takes it to {right}. The carry leads there by itself.",
    ),
    Mistake(
        lambda c: c.infinite & c.says_nan,
        "For {x} you said {said}. Infinity has an empty mantissa and a full exponent; only a full exponent with "
        "something in the mantissa is a NaN. Infinity stays: {right}.",
    ),
    Mistake(
        lambda c: ~c.nan & c.subnormal & (c.right & 0x7FFF != 0) & (c.said & 0x7FFF == 0),
        "For {x} you said {said}. That is a subnormal number, and bf16 has those: {right}. They need no rule of their "
        "own.",
    ),
    Mistake(
        lambda c: c.nan & (c.said & 0xFFFF7FFF != 0x7F80),
        "{x} became {said}: the carry ran through the full exponent into the sign, or out "
        "at the top. Look for NaN first, and give back any bf16 NaN, such as 0x7fc0.",
    ),
    Mistake(
        lambda c: c.nan,
        "{x} became {said}: what made it a NaN stood in the lower half, and is gone. Look "
        "for NaN first, and give back any bf16 NaN, such as 0x7fc0.",
    ),
)

# bf16 values, and how far above them to ask, in parts of THROWS; 0: a number that bf16 owns
STARTS = (1.0, 3.0, 300.0, 2.0**-20, 0.0, -1.0078125, -3.015625, -302.0)
SHARES = (16, 48, 8, 56, 32, 1, 63, 0)

STOCHASTIC_MISTAKES = (
    Mistake(
        lambda t: t.stray & ~t.moved,
        "For x = {x} your function returned {stray}. bf16 owns {below} and {above} and nothing between: one of these "
        "two has to come back.",
    ),
    Mistake(
        lambda t: t.all(np.where(t.share == THROWS // 2, True, t.ups == THROWS * (t.share > THROWS // 2))),
        "Whatever u is, x = {x} goes to the same neighbour, the nearest one. That is rounding to nearest. The farther "
        "one must get its share: of {throws} evenly spaced u, {share} have to go to {above}.",
    ),
    Mistake(
        lambda t: t.all(t.ups == THROWS),
        "Everything goes up: x = {x} became {above} for each of {throws} u, and only {share} should lead there.",
    ),
    Mistake(
        lambda t: t.all(t.ups == 0),
        "Everything goes down: x = {x} became {below} for each of {throws} u, and {share} of them should lead to "
        "{above}. (Is the probability always 0, or u always larger?)",
    ),
    Mistake(
        lambda t: t.all((t.ups == 0) | (t.ups == THROWS)),
        "The u makes no difference: for each x all {throws} of them led to the same neighbour. Compare u with the part "
        "of the way from `below` to `above` that x has gone.",
    ),
    Mistake(
        lambda t: t.all(t.ups == THROWS // 2),
        "You throw a fair coin: half of the u lead up, whatever x is. But x = {x} is not in the middle. It should go "
        "to {above} for {share} of {throws}.",
    ),
    Mistake(
        lambda t: t.all(t.ups == np.clip(np.ceil(THROWS * (t.x - t.below)), 0, THROWS)),
        "For x = {x}, {ups} of {throws} u led to {above}, and it should be {share}. x - below is a distance, and a "
        "probability has no unit: divide by the gap, above - below.",
    ),
    Mistake(
        lambda t: t.all((t.ups == THROWS - t.share) | (t.ups == THROWS - 1 - t.share)),
        "The wrong way round: x = {x} went to {above} for {ups} of {throws} u, and it should for {share}. The nearer "
        "neighbour has to be the likelier one.",
    ),
    Mistake(
        lambda t: t.all((t.ups == t.share + 1) | (t.x < 0)) | t.all((t.ups == t.share - 1) | (t.x < 0)),
        "Nearly: of {throws} evenly spaced u, {ups} led from x = {x} to {above}, and it should be {share}. u may be 0 "
        "but is never 1: is it `<` or `<=`?",
    ),
    Mistake(
        lambda t: (t.x < 0) & ~t.owned & ~t.wrong[t.x > 0].any(),
        "Right for positive x. But x = {x} went to {above} for {ups} of {throws} u, and it should for {share}. Measure "
        "from `below`, the neighbour on the side of -∞, whatever the sign.",
    ),
    Mistake(
        lambda t: t.moved,
        "bf16 owns x = {x}, and a number that it owns has to stay. Yours moved for some u. (`next_up` and `next_down` "
        "always take a step; rounding toward ±∞ stays where it is.)",
    ),
)
# fmt: on

NARROW, MIDDLE = float8_e4m3fn, float16


def twice(x: float) -> tuple[float, float, float]:
    """What fp8 e4m3 makes of `x` at once, what fp16 makes of it, and what e4m3 makes of that."""
    middle = float(round_to(x, MIDDLE))
    return float(round_to(x, NARROW)), middle, float(round_to(middle, NARROW))


def differs(x: float) -> bool:
    """02.c: whether it matters that fp16 comes between."""
    once, _, second = twice(x)
    return once != second and not (math.isnan(once) and math.isnan(second))


def is_tie(x: float) -> bool:
    """Whether `x` lies half way between two neighbours of fp8 e4m3."""
    if not abs(x) <= NARROW.max or x == round_to(x, NARROW):
        return False
    return bool(next_down(x, NARROW) + next_up(x, NARROW) == 2 * x)


def praise_twice(x: float) -> str:
    """What happened to `x` on either way."""
    once, middle, second = (decimal(each, 12) for each in twice(x))
    return (
        f"fp8 e4m3 makes {once} of it. On the way through fp16 it becomes {middle}, a tie or beyond one, and then "
        f"{second}: two roundings, each of them right, and together wrong."
    )


def same_both_ways(x: float) -> str:
    """What is said of a number for which fp16 does no harm."""
    once, middle, _ = (decimal(each, 12) for each in twice(x))
    return f"fp16 makes {middle} of it, and either way it ends at {once}."


TWICE_SLIPS = (
    Slip(math.isinf, "Infinity is too far out: both ways lose it alike. Stay among the numbers, near 1 say."),
    Slip(
        lambda x: abs(x) == 1 + 2.0**-8 + 2.0**-40,
        "That is the number for fp32 and bf16. fp8 e4m3 keeps 3 bits after the point, so that its ties lie elsewhere, "
        "and fp16 drops what is smaller than half of 2⁻¹⁰.",
    ),
    Slip(
        lambda x: x == round_to(x, NARROW),
        lambda x: f"fp8 e4m3 owns {decimal(x, 12)}: nothing is rounded, on either way. Go half way to a neighbour.",
    ),
    Slip(
        is_tie,
        lambda x: (
            f"{decimal(x, 12)} is a tie, good, but fp16 owns it as well, so that the first step changes nothing. "
            f"Move off the tie by so little that fp16 moves you back. (By less than 2⁻⁵² float64 itself does.)"
        ),
    ),
    Slip(
        lambda x: abs(x) > NARROW.max,
        lambda x: f"That is beyond {decimal(NARROW.max)}, the largest number of fp8 e4m3. {same_both_ways(x)}",
    ),
    Slip(
        lambda x: float(round_to(x, MIDDLE)) == x,
        lambda x: (
            f"fp16 owns {decimal(x, 12)}, so the first step changes nothing. You need a number that fp16 does not own."
        ),
    ),
    Slip(
        lambda x: is_tie(float(round_to(x, MIDDLE))),
        lambda x: (
            f"So close! fp16 sends it onto a tie, and the tie goes to the even neighbour, {decimal(twice(x)[2], 12)}. "
            f"But that is where x belongs. Come from the other side of the tie, or take the next one."
        ),
    ),
    Slip(
        lambda x: abs(x) < NARROW.smallest_subnormal / 2,
        lambda x: (
            f"That is smaller than half of the smallest fp8 e4m3 number: either way it is lost. "
            f"The smallest tie is at {decimal(NARROW.smallest_subnormal / 2, 12)}."
        ),
    ),
)
