"""The right answers to lesson 03's exercises, and the typical wrong ones, each with what is to be said of it."""

from __future__ import annotations

import math
from collections import Counter
from functools import cache

import numpy as np
from numpy.typing import NDArray

from simfp import float16, round_to
from simfp.course.judges.mistakes import Mistake, Slip
from simfp.experiments.numbers import gradients
from simfp.experiments.numbers.underflow import FATES, SHIFTS, shares
from simfp.figures.words import percent, power_of_two

__all__ = [
    "BITS_LEFT_MISTAKES", "IS_LOST_MISTAKES", "SCALE_SLIPS", "TELLING",
    "bits", "fates_at", "good_scale", "lost", "praise_scale",
]  # fmt: skip

PRECISION = float16.precision
NORMAL, LAST = float16.smallest_normal, float16.smallest_subnormal
TIE = LAST / 2  # half way between the last number and zero: goes to the even one, zero

# the inputs that a message names, the most telling first; what is negative has its positive twin among them
TELLING = (
    1e-5, -1e-5, 1.0, -1.0, 1e-6, 1e-7, NORMAL, NORMAL / 2, LAST, TIE, -TIE, 4e-8, -4e-8, 1e-8, -1e-8, 3e-5, 6e-5,
    1.5 * NORMAL, 0.1, 3.0, 2e-8, 1e-30, 5e-324, 0.0, 65504.0, 65519.0, 65520.0, 1e6, math.inf, -math.inf, math.nan,
)  # fmt: skip


def lost(x: NDArray[np.float64]) -> NDArray[np.bool_]:
    """03.a: whether fp16 makes zero of a number that is none."""
    gone: NDArray[np.bool_] = (round_to(x, float16) == 0) & (x != 0)
    return gone


def bits(x: NDArray[np.float64]) -> NDArray[np.int64]:
    """03.b: how many significant bits fp16 has for what it makes of `x`."""
    return _bits_of(round_to(x, float16))


def _bits_of(x: NDArray[np.float64]) -> NDArray[np.int64]:
    """Bits from the leading one of `x` down to fp16's last place: at most 11; none for 0, inf and NaN."""
    number = np.isfinite(x) & (x != 0)
    leading = np.frexp(np.where(number, x, 1.0))[1]  # 2^leading is the first power of two above |x|
    places = leading - math.frexp(LAST)[1] + 1
    return np.where(number, np.clip(places, 0, PRECISION), 0)


# fmt: off
IS_LOST_MISTAKES = (
    Mistake(
        lambda x, said: (said == 1) & (x <= -NORMAL) & ~np.isin(-x, x),
        "You call {x} lost, but fp16 keeps it, as {fp16}. What counts is the distance from zero, whatever the sign: "
        "`abs(x)`.",
    ),
    Mistake(
        lambda x, said: (said == 1) & (np.abs(x) >= 2 * NORMAL),
        "You call {x} lost, but fp16 keeps it, as {fp16}. Does the comparison point the right way?",
    ),
    Mistake(
        lambda x, said: (said == 1) & (np.abs(x) > LAST),
        "You call {x} lost, but fp16 keeps it, as {fp16}. At 6e-5, or 2⁻¹⁴, the normal numbers end. Below, the bits go "
        "one after the other, and the last one goes much further down.",
    ),
    Mistake(
        lambda x, said: (said == 1) & (np.abs(x) == LAST),
        "You call {x} lost, but it is the smallest number that fp16 has, and is kept. What lies below it?",
    ),
    Mistake(
        lambda x, said: (said == 1) & (np.abs(x) > TIE) & (np.abs(x) < LAST),
        "You call {x} lost, since it is smaller than fp16's smallest number. But fp16 rounds to the nearest, and that "
        "is {fp16}, not zero. Where does zero begin to be nearer?",
    ),
    Mistake(
        lambda x, said: (said == 1) & (x == 0),
        "You call {x} lost, but zero was zero before: nothing went missing. Lost means not zero before, and "
        "zero after.",
    ),
    Mistake(
        lambda x, said: (said == 1) & np.isnan(x),
        "You call NaN lost, but fp16 has a NaN, and keeps it. Every comparison with NaN is False: which way round do "
        "yours have to be?",
    ),
    Mistake(
        lambda x, said: (said == 0) & (x > 0) & (x < TIE),
        "You say {x} is kept, but fp16 makes {fp16} of it. Your limit is too low: below which number is zero "
        "the nearest?",
    ),
    Mistake(
        lambda x, said: (said == 0) & (x < 0) & (x > -TIE),
        "You say {x} is kept, but fp16 makes zero of it, as it does of its positive twin. What counts is the distance "
        "from zero: `abs(x)`.",
    ),
    Mistake(
        lambda x, said: (said == 0) & (np.abs(x) == TIE),
        "All right but for {x}. It lies half way between 0 and 2⁻²⁴: a tie, and a tie goes to the neighbour whose last "
        "bit is even. That is zero, so this one is lost as well.",
    ),
)

BITS_LEFT_MISTAKES = (
    Mistake(
        lambda x, said: (said != np.floor(said)) & np.isfinite(said),
        "Bits are counted in whole numbers, and for {x} you said {said}. `math.floor` makes one of a logarithm.",
    ),
    Mistake(
        lambda x, said: (np.abs(x) == 1) & (said == float16.bits),
        "{said} is the whole code. The sign and the exponent are in it too; what counts are the digits of the number.",
    ),
    Mistake(
        lambda x, said: (np.abs(x) == 1) & (said == 1),
        "You count the ones in {x}. The zeros after the leading one are digits as well; in fp16 it has {right} "
        "of them.",
    ),
    Mistake(
        lambda x, said: (np.abs(x) == 1) & (said == float16.mantissa_bits),
        "For {x} you said {said}, which is what is stored. The leading one is not stored, but it counts: {right}.",
    ),
    Mistake(
        lambda x, said: (np.abs(x) >= NORMAL) & np.isfinite(x) & (said > PRECISION),
        "For {x} you said {said}. Among normal numbers the count stops growing: there are never more than 11.",
    ),
    Mistake(
        lambda x, said: (np.abs(x) > LAST) & (np.abs(x) < NORMAL / 4) & (said == PRECISION),
        "For {x} you said {said}, as for a normal number. It is below 2⁻¹⁴, and each halving from there on "
        "costs a bit: "
        "{right} are left.",
    ),
    Mistake(
        lambda x, said: (x < 0) & np.isfinite(x) & ~np.isin(-x, x),
        "{x} has as many bits as its positive twin, {right}: the sign has a bit of its own. Use `abs(x)`.",
    ),
    Mistake(
        lambda x, said: (np.abs(x) > LAST) & (np.abs(x) < NORMAL) & (said == 0),
        "For {x} you said {said}, but fp16 keeps it, as {fp16}. Subnormal numbers have fewer bits, not none: "
        "{right} here.",
    ),
    Mistake(
        lambda x, said: (np.abs(x) > TIE) & (np.abs(x) < NORMAL) & (said == bits(x) - 1) & np.isin(LAST, x),
        "One too few for {x}: you said {said}, and it has {right}. The leading one counts too; at 2⁻²⁴ there is "
        "one bit.",
    ),
    Mistake(
        lambda x, said: (np.abs(x) >= LAST) & (np.abs(x) < NORMAL) & (said == bits(x) + 1),
        "One too many for {x}: you said {said}, and it has {right}. At 2⁻¹⁵ there are ten bits, and at 2⁻²⁴ one.",
    ),
    Mistake(
        lambda x, said: (np.abs(x) > TIE) & (np.abs(x) < NORMAL) & (said == _bits_of(x)),
        "For {x} you said {said}. That is right for the number before rounding. fp16 makes {fp16} of it, and that has "
        "{right}: round first, then count.",
    ),
    Mistake(
        lambda x, said: (x != 0) & (np.abs(x) <= TIE),
        "fp16 makes {fp16} of {x}, and zero has no leading one to count from: the answer is 0. (2⁻²⁵ is a tie, "
        "and goes "
        "to zero.)",
    ),
    Mistake(
        lambda x, said: x == 0,
        "Zero has no leading one, and no logarithm. It has 0 bits: look for it before you count.",
    ),
    Mistake(
        lambda x, said: np.isinf(round_to(x, float16)),
        "{x} is {fp16} in fp16, and that has no digits: the answer is 0. Look for it before you count.",
    ),
    Mistake(
        lambda x, said: np.isnan(x),
        "NaN is not a number and has no digits: the answer is 0. Look for it before you count.",
    ),
)
# fmt: on

KEPT = 0.999  # the share of gradients that the scale has to keep from zero


@cache
def fates_at(exponent: int) -> Counter[str]:
    """How many of the recorded gradients, times 2^exponent, are normal, subnormal, zeroed, overflowed in fp16."""
    row = _all_shares()[SHIFTS.index(-exponent)]
    return Counter(dict(zip(FATES, map(int, row))))


@cache
def _all_shares() -> NDArray[np.int64]:
    return shares(gradients.load("recorded"), float16)


def _exponent(scale: float) -> int | None:
    """e of a power of two 2^e within the reach of the slider, else None."""
    mantissa, above = math.frexp(scale)
    return above - 1 if mantissa == 0.5 and 1 - above in SHIFTS else None


def good_scale(scale: float) -> bool:
    """03.c: whether it is a power of two that keeps enough gradients from zero, and all of them finite."""
    exponent = _exponent(scale)
    if exponent is None:
        return False
    found = fates_at(exponent)
    return found["overflowed"] == 0 and found["zeroed"] <= (1 - KEPT) * found.total()


def window() -> list[int]:
    """The exponents of the powers of two that do."""
    return [-shift for shift in reversed(SHIFTS) if good_scale(2.0**-shift)]


def praise_scale(scale: float) -> str:
    """What the scale does, and how much room there was."""
    found, (first, *_, last) = fates_at(_exponent(scale) or 0), window()
    zeroed, normal = (percent(found[name], found.total()) for name in ("zeroed", "normal"))
    return (
        f"With a factor of {scale:,.0f} only {zeroed} are zero, {normal} are normal, and none overflows. Anything from "
        f"{power_of_two(first)} to {power_of_two(last)} does. You have set a loss scale by hand. PyTorch's GradScaler "
        f"begins at 65,536, which is {power_of_two(16)}."
    )


def too_small(scale: float) -> str:
    """What is said of a factor below the window."""
    found = fates_at(_exponent(scale) or 0)
    zeroed = percent(found["zeroed"], found.total())
    return (
        f"Too small: {_name(scale)} leaves {zeroed} of the gradients at zero, and at most 0.1 % may be. Go further up."
    )


def too_large(scale: float) -> str:
    """What is said of a factor above the window."""
    found = fates_at(_exponent(scale) or 0)
    return (
        f"Too large: {_name(scale)} carries {found['overflowed']:,} of {found.total():,} gradients "
        f"({percent(found['overflowed'], found.total())}) beyond 65,504, where they become infinite. A single one "
        f"spoils the whole step."
    )


def _name(scale: float) -> str:
    return power_of_two(_exponent(scale) or 0)


SCALE_SLIPS = (
    Slip(
        lambda s: abs(s) in window(),
        lambda s: (
            f"{s:g} is how many steps the slider moved. Each doubles the numbers, so the factor is `2.0**{abs(s):g}`."
        ),
    ),
    Slip(lambda s: s <= 0, "The factor has to be larger than zero: a power of two, such as `2.0**3`."),
    Slip(math.isinf, "An infinite factor would make every gradient infinite. Give a power of two, such as `2.0**3`."),
    Slip(
        lambda s: math.frexp(s)[0] != 0.5,
        "Give a power of two. It moves the exponent and touches no other bit, while another factor rounds each "
        "gradient "
        "once more.",
    ),
    Slip(
        lambda s: good_scale(1 / s),
        "That is the other way: it makes the gradients smaller still. The factor is 2⁻ᵏ, and it grows as k goes down.",
    ),
    Slip(
        lambda s: s > 2.0 ** -SHIFTS[0], "Too large: that is beyond the end of the slider, and most would be infinite."
    ),
    Slip(lambda s: s < 2.0 ** -SHIFTS[-1], "Too small: that is beyond the end of the slider, and all would be zero."),
    Slip(lambda s: fates_at(_exponent(s) or 0)["overflowed"] > 0, too_large),
    Slip(lambda s: True, too_small),
)
