"""The right answers to lesson 12's exercises, and the typical wrong ones, each with what is to be said of it."""

from __future__ import annotations

import math

import numpy as np

from simfp.bits import decode
from simfp.course.judges.mistakes import Impostor, Slip, Symptom

__all__ = [
    "ADDITIONS", "ADDITIONS_SLIPS", "FACTOR", "FACTOR_SLIPS", "ULPS_CASES", "ULPS_IMPOSTORS", "ULPS_SYMPTOMS",
    "spell_codes", "ulps",
]  # fmt: skip

SIGN, REST = 0x8000, 0x7FFF

ULPS_CASES = (
    (0x3C00, 0x3C01), (0x3C01, 0x3C00), (0x3C00, 0x3C00), (0x3C00, 0x4000), (0x0001, 0x8001), (0x0000, 0x8000),
    (0x8000, 0x0003), (0xBC02, 0xBC00), (0x3C00, 0xBC00), (0x7BFF, 0x7C00), (0x03FF, 0x0400), (0xFBFF, 0x7BFF),
)  # fmt: skip


def place(code: int) -> int:
    """Where a code's number stands, counted from zero."""
    return -(code & REST) if code & SIGN else code & REST


def ulps(a: int, b: int) -> int:
    """12.a: how many steps of fp16 lie between two codes."""
    return abs(place(a) - place(b))


def spell_codes(a: int, b: int) -> str:
    """Two codes as a message names them."""
    return f"0x{a:04x}, 0x{b:04x}"


def _signed(code: int) -> int:
    return code - (1 << 16) if code & SIGN else code


def _two_zeros(code: int) -> int:
    return -(code & REST) - 1 if code & SIGN else code


def _in_values(a: int, b: int) -> float:
    return float(abs(np.float64(decode(a, "float16")) - np.float64(decode(b, "float16"))))


ULPS_IMPOSTORS = (
    Impostor(
        lambda a, b: abs(a - b),
        "You take the codes as they are. For `{call}` that gives {said}; right is {right}. Negative numbers have their "
        "codes from 0x8000 on, upward as they go *down*: one of each sign needs its sign first.",
    ),
    Impostor(
        lambda a, b: abs(_signed(a) - _signed(b)),
        "You read the codes as two's complement. `{call}` is {right}, not {said}: a float has a sign bit and a size, "
        "and the size of a negative one counts the same way as that of a positive one.",
    ),
    Impostor(
        lambda a, b: abs(_two_zeros(a) - _two_zeros(b)),
        "You count +0 and −0 as two numbers. For `{call}` you return {said}; they are one, so it is {right}.",
    ),
    Impostor(
        lambda a, b: abs((a & REST) - (b & REST)),
        "You leave the sign out: `{call}` gives {said}, and right is {right}. On the way from one sign to the other "
        "lie all numbers in between.",
    ),
    Impostor(
        lambda a, b: place(b) - place(a),
        "The places are right. But a distance has no direction: `{call}` gives {said}; right is {right}.",
    ),
    Impostor(
        _in_values,
        "You return the difference of the *values*: {said} for `{call}`. How many steps of fp16 it is, is asked: "
        "{right}.",
    ),
)

ULPS_SYMPTOMS = (
    Symptom(lambda given, said, right: said < 0, "`{call}` returns {said}. A distance is not negative."),
    Symptom(lambda given, said, right: said != said, "`{call}` returns NaN. Count with codes, not with values."),
    Symptom(
        lambda given, said, right: said == right - 1,
        "`{call}` returns {said}, one too few: from a number to the next it is 1. Right is {right}.",
    ),
)

VALUES, LANES = 1000, 32
ADDITIONS = math.ceil(VALUES / LANES) - 1 + int(math.log2(LANES))

ADDITIONS_SLIPS = (
    Slip(lambda n: n == VALUES - 1, "That would be one after the other. The lanes work side by side."),
    Slip(lambda n: n == VALUES, "That is how many values there are. The lanes share them."),
    Slip(lambda n: n == 10, "That would be one tree for all 1,000 values. First each lane adds up its own 32."),
    Slip(lambda n: n == 31, "That is the lane. After it 32 lanes are still to be added."),
    Slip(lambda n: n == 5, "That is the tree of the lanes. Before it each lane adds up its own values."),
    Slip(lambda n: n == 37, "One too many: 32 values are added up by 31 additions."),
    Slip(lambda n: n == 62, "31 in the lane is right. But the lanes are added in pairs: 16, 8, 4, 2, 1."),
)

FACTOR = 6_537 / 2

FACTOR_SLIPS = (
    Slip(
        lambda n: n == 6_537 or n == 6_537 * 2,
        "The distance is 2 steps of the largest, not one; and both count the same distance.",
    ),
    Slip(lambda n: 0 < n < 1 and 0.5 < n * FACTOR < 2, "That is the other way round: how many times *smaller* is it?"),
    Slip(lambda n: n == 2, "2 is the distance in steps of the largest. In steps of the element it is 6,537."),
    Slip(lambda n: 10 <= n <= 20, "That may be the power of two. Give the factor itself."),
    Slip(lambda n: n == 65_536, "That is how many elements were compared. It does not come in here."),
)
