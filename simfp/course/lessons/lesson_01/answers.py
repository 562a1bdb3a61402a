"""The right answers to lesson 01's exercises, and the typical wrong ones, each with what is to be said of it."""

from __future__ import annotations

import math

import numpy as np

from simfp import Format, bfloat16, float32, round_to
from simfp.course.judges.mistakes import Mistake, Slip
from simfp.course.lessons.lesson_01.judges import CODES, FormatSlip, throughout
from simfp.figures.words import decimal

__all__ = [
    "DECODE_MISTAKES", "FORMAT_SLIPS", "HIGH", "LOW", "MANTISSA_BITS", "TELLING", "WHOLE_SLIPS", "WIDTH",
    "fits_the_data", "last_whole", "praise_format", "praise_whole",
]  # fmt: skip


# ---- 01.a: whole numbers ----


def last_whole(fmt: Format) -> int:
    """The N up to which `fmt` owns every whole number from 0 on; N may be 65,536 at most."""
    whole = np.arange(float(CODES) + 2)
    return int(np.flatnonzero(round_to(whole, fmt) != whole)[0]) - 1


def praise_whole(n: float) -> str:
    """Why N is where it is."""
    return (
        f"{n:.0f}. With {bfloat16.precision} bits, the leading one counted, bf16 writes every whole number below "
        f"2^{bfloat16.precision}; from there on its steps are 2 apart, and {n + 1:.0f} is not among them. It is "
        f"rounded back to {made(n + 1)} (lesson 02), so a counter in bf16 that adds 1 stays there."
    )


def owned(n: float) -> bool:
    """Whether bf16 owns `n`."""
    return bool(round_to(n, bfloat16) == n)


# fmt: off
WHOLE_SLIPS = (
    Slip(lambda n: n == 257, "257 is the first that bf16 does not own. The question is how far it owns them all."),
    Slip(lambda n: n == 255, "bf16 owns 255, the largest number of eight bits. But 256 is a power of two: look again."),
    Slip(
        lambda n: n in (127, 128),
        "Seven bits are stored in the mantissa, but a one stands before them that is not stored: eight bits in all.",
    ),
    Slip(lambda n: abs(n - 2048) <= 1, "That is fp16, with its 11 bits. bf16 stores three bits less in the mantissa."),
    Slip(
        lambda n: abs(n - 2.0**float32.precision) <= 1,
        f"That is fp32, with its {float32.precision} bits. bf16 has fp32's exponent, but not its mantissa.",
    ),
    Slip(
        lambda n: n in (7, 8),
        "That is how many bits the mantissa has. How far can one count with so many bits (and the leading one)?",
    ),
    Slip(
        lambda n: abs(n - CODES) <= 1 or n == CODES // 2,
        "bf16 has that many codes, but it does not spend them on whole numbers: half of them lie between -1 and 1.",
    ),
    Slip(
        lambda n: n >= 1e38,
        "bf16 reaches that far (3.4e38 is its largest number), but the numbers up there are far apart, and long before "
        "that whole ones begin to be missing.",
    ),
    Slip(
        lambda n: n > 256 and owned(n),
        lambda n: f"bf16 owns {decimal(n)}, but not every whole number below it: 257 is missing, for one.",
    ),
    Slip(lambda n: n > 256, lambda n: f"bf16 does not even own {decimal(n)}: it makes {made(n)} of it."),
    Slip(
        lambda n: 0 <= n < 256,
        lambda n: f"It goes on: bf16 owns {math.floor(n) + 1} too. Where is the first one missing?",
    ),
)
# fmt: on


def made(x: float) -> str:
    """What bf16 makes of `x`."""
    return decimal(float(round_to(x, bfloat16)))


# ---- 01.b: a decoder ----

# fmt: off
# the codes that a message names
TELLING = (
    0x3C00, 0x3E00, 0x4000, 0x4200, 0x3800, 0x3555, 0x2E66, 0x5640, 0xBC00, 0xC200, 0x3C01, 0x4300, 0x7BFF, 0xFBFF,
    0x0400, 0x8400, 0x0000, 0x0001, 0x0200, 0x03FF, 0x8001, 0x8000, 0x7C00, 0xFC00, 0x7E00, 0x7C01, 0xFE00, 0xFFFF,
)

DECODE_MISTAKES = (
    Mistake(
        lambda c: throughout(c, c.said == c.code),
        "For {x} you said {said}: that is the code, read as a whole number. Take the three fields apart first.",
    ),
    Mistake(
        lambda c: throughout(c, c.said == c.in_bfloat16()),
        "For {x} you said {said}: that is what bf16 has there, with 8 exponent bits and a bias of 127. fp16 has 5, and "
        "15.",
    ),
    Mistake(
        lambda c: throughout(c, np.where(c.negative, c.said == -c.right, c.said == 0)) & ~c.negative,
        "For {x} you said {said}: you multiplied by the sign bit itself, and that is 0 here. The factor is 1 for 0 and "
        "-1 for 1: `(-1)**sign`.",
    ),
    Mistake(
        lambda c: throughout(c, ~c.negative & (c.ratio == -1)),
        "For {x} you said {said}: negative numbers are right, and positive ones are not. `-1**sign` is -(1**sign); "
        "write `(-1)**sign`.",
    ),
    Mistake(
        lambda c: throughout(c, (c.said == c.with_xor(sign=True, power=False)) | (c.ratio == 1))
        | throughout(c, (c.said == c.with_xor(sign=False, power=True)) | (c.ratio == 1))
        | throughout(c, (c.said == c.with_xor(sign=True, power=True)) | (c.ratio == 1)),
        "For {x} you said {said}, and it stands for {right}. In Python `^` is exclusive or; a power is `**`.",
    ),
    Mistake(
        lambda c: throughout(c, c.negative & (abs(c.ratio) == 2.0**32)),
        "For {x} you said {said}: the sign bit is still in your exponent, as 32. After the shift, keep the five lowest "
        "bits: `& 0x1f`.",
    ),
    Mistake(
        lambda c: throughout(c, (c.exponent > 15) & (c.ratio == 2.0**-16)),
        "For {x} you said {said}: the topmost bit of the exponent got lost. The exponent has five bits: `& 0x1f`.",
    ),
    Mistake(
        lambda c: throughout(c, c.said == c.misread(mantissa=0)),
        "For {x} you said {said}: the whole mantissa, {mantissa}, got lost. Is it `//` in place of `/`?",
    ),
    Mistake(
        lambda c: throughout(c, c.said == c.misread(mantissa=0x1FF)),
        "For {x} you said {said}: the topmost bit of the mantissa got lost. The mantissa has ten bits: `& 0x3ff`.",
    ),
    Mistake(
        lambda c: throughout(c, c.said == c.misread(mantissa=0x7FF)),
        "For {x} you said {said}: your mantissa has eleven bits, and one of them is the exponent's. Ten are `& 0x3ff`.",
    ),
    Mistake(
        lambda c: throughout(c, c.ratio == 2.0**15),
        "For {x} you said {said}, and it stands for {right}. The exponent field is {exponent}, but the exponent is "
        "{exponent} - 15: the bias makes room for negative ones.",
    ),
    Mistake(
        lambda c: throughout(c, (c.ratio == 2) | (c.ratio == 0.5)),
        "For {x} you said {said}, and it stands for {right}: a factor of two. The bias is 2^(5-1) - 1 = 15, not 14 or "
        "16.",
    ),
    Mistake(
        lambda c: throughout(c, c.ratio == 2.0**-112),
        "For {x} you said {said}. A bias of 127 is that of fp32 and bf16; fp16's, with its five exponent bits, is 15.",
    ),
    Mistake(
        lambda c: throughout(c, c.said == c.formula(leading=0)),
        "For {x} you said {said}: the implicit one is missing. The ten bits stand *after* the point, 1.mmmmmmmmmm; the "
        "one before it is never stored.",
    ),
    Mistake(
        lambda c: throughout(c, c.said == c.formula(unit=1)),
        "For {x} you said {said}: the mantissa, {mantissa}, was taken as a whole number. Its bits stand after the "
        "point: {mantissa}/1024.",
    ),
    Mistake(
        lambda c: throughout(c, c.said == c.formula(unit=1023)),
        "For {x} you said {said}, and it stands for {right}. So near! Ten bits after the point count in 1/1024, that "
        "is 2^-10; 1023 is only the largest of them.",
    ),
    Mistake(
        lambda c: throughout(c, c.said == c.formula(unit=512)) | throughout(c, c.said == c.formula(unit=2048)),
        "For {x} you said {said}, and it stands for {right}. The mantissa has ten bits, and the last of them counts "
        "2^-10 = 1/1024.",
    ),
    Mistake(
        lambda c: throughout(c, c.said == c.minus * 2.0 ** (c.exponent - 15) + c.mantissa / 1024),
        "For {x} you said {said}, and it stands for {right}. Brackets are missing: the power multiplies all of "
        "`(1 + mantissa / 1024)`.",
    ),
    Mistake(
        lambda c: throughout(c, c.ratio == -1) & ~c.negative,
        "For {x} you said {said}: the sign is the wrong way round. A sign bit of 1 means negative.",
    ),
    Mistake(
        lambda c: throughout(c, c.negative & (c.ratio == -1)),
        "For {x} you said {said}: right but for the sign. The topmost bit is 1, and that means negative.",
    ),
    Mistake(
        lambda c: throughout(c, c.negative & (c.said == c.in_twos_complement())),
        "For {x} you said {said}, as if a negative code were a two's complement, as integers are. A float has a sign "
        "bit beside the rest: flip it, and the other fields stay. It stands for {right}.",
    ),
    Mistake(
        lambda c: c.normal,
        "For {x} you said {said}, and it stands for {right}. Exponent field {exponent}, mantissa field {mantissa}: it "
        "is 2^({exponent} - 15) times 1 + {mantissa}/1024, with the sign.",
    ),
    Mistake(
        lambda c: (c.exponent == 0) & ((c.said == c.formula()) | (c.said == c.formula(bias=14))),
        "For {x} you said {said}, and it stands for {right}. Where the exponent field is 0, no one is put before the "
        "point: 0.mmmmmmmmmm.",
    ),
    Mistake(
        lambda c: c.subnormal & (2 * c.said == c.right),
        "For {x} you said {said}: half of what it is. Subnormal numbers go on from the smallest normal one in equal "
        "steps, so they share its exponent: 1 - 15 = -14, and not 0 - 15.",
    ),
    Mistake(
        lambda c: c.subnormal & (c.said == 0),
        "For {x} you said {said}. Only an empty mantissa makes it zero; this one is a subnormal number, {right}.",
    ),
    Mistake(
        lambda c: c.subnormal & (c.said == -c.right),
        "For {x} you said {said}: subnormal numbers have a sign as well. It is {right}.",
    ),
    Mistake(
        lambda c: c.zero & c.negative & (c.said == 0),
        "For {x} you said 0, and it is -0: a zero with a sign. It equals 0, but 1/-0 is -inf. As an int, `-1 * 0` is "
        "plain 0; with floats, `-1.0 * 0.0` is -0.0.",
    ),
    Mistake(
        lambda c: (c.exponent == 31) & np.isfinite(c.said),
        "For {x} you said {said}. An exponent field of 31 is reserved: for infinity if the mantissa is empty, else for "
        "NaN. This one is {right}.",
    ),
    Mistake(
        lambda c: c.infinite & np.isnan(c.said),
        "For {x} you said {said}. The mantissa is empty, so this is infinity: {right}. With anything in the mantissa "
        "it would be NaN.",
    ),
    Mistake(
        lambda c: c.nan & np.isinf(c.said),
        "For {x} you said {said}. There is something in the mantissa ({mantissa}), so this is NaN; infinity's is "
        "empty.",
    ),
    Mistake(
        lambda c: c.infinite & np.isinf(c.said),
        "For {x} you said {said}: infinity has a sign, like any other number. This one is {right}.",
    ),
)

# ---- 01.c: a format of one's own ----

WIDTH, LOW, HIGH, MANTISSA_BITS = 12, 1e-6, 1e6, 5


def fits_the_data(fmt: Format) -> bool:
    """01.c: whether `fmt` is 12 bits wide, has 1e-6 to 1e6 among its normal numbers, and is as fine as can be."""
    wide = fmt.smallest_normal <= LOW and fmt.max >= HIGH
    return fmt.bits == WIDTH and wide and fmt.mantissa_bits >= MANTISSA_BITS


def praise_format(fmt: Format) -> str:
    """What the learner has built."""
    reach = f"from {decimal(fmt.smallest_normal, 3)} to {decimal(fmt.max, 3)}"
    return (
        f"{fmt.exponent_bits} exponent bits and {fmt.mantissa_bits} of mantissa: {reach} at full precision, with "
        f"steps of {decimal(fmt.eps)} at 1. One exponent bit less gives 30 doublings; you need 40. "
        f"`BitExplorer(formats=[mine, 'fp16'])` shows it."
    )


FORMAT_SLIPS = (
    FormatSlip(
        lambda fmt: fmt.exponent_bits + fmt.mantissa_bits == WIDTH,
        lambda fmt: f"{fmt.exponent_bits} + {fmt.mantissa_bits} = {WIDTH}, but the sign takes a bit as well: this "
                    f"format has {fmt.bits}.",
    ),
    FormatSlip(
        lambda fmt: fmt.bits != WIDTH,
        lambda fmt: f"It should have {WIDTH} bits; 1 + {fmt.exponent_bits} + {fmt.mantissa_bits} = {fmt.bits}.",
    ),
    FormatSlip(
        lambda fmt: fmt.exponent_bits < 6 and fmt.exponent_bias == 2 ** (fmt.exponent_bits - 1) - 1,
        lambda fmt: f"Its normal numbers reach from {decimal(fmt.smallest_normal, 5)} to {decimal(fmt.max, 5)}. That "
                    f"is too narrow: it must be 0.000001 to 1,000,000. Each exponent bit more doubles the number of "
                    f"doublings.",
    ),
    FormatSlip(
        lambda fmt: fmt.exponent_bits < 6,
        lambda fmt: f"The bias moves the range, from {decimal(fmt.smallest_normal, 3)} to {decimal(fmt.max, 3)} now, "
                    f"but does not widen it. From 0.000001 to 1,000,000 it takes 40 doublings, and "
                    f"{fmt.exponent_bits} exponent bits give "
                    f"{fmt.max_exponent - fmt.min_exponent + 1}.",
    ),
    FormatSlip(
        lambda fmt: fmt.smallest_normal > LOW,
        lambda fmt: f"Its smallest normal number is {decimal(fmt.smallest_normal, 3)}: below that, precision fades, "
                    f"and 0.000001 lies there. A larger bias moves everything down.",
    ),
    FormatSlip(
        lambda fmt: fmt.max < HIGH,
        lambda fmt: f"Its largest number is {decimal(fmt.max, 3)}, less than 1,000,000. A smaller bias moves "
                    f"everything up.",
    ),
    FormatSlip(
        lambda fmt: fmt.mantissa_bits < MANTISSA_BITS,
        lambda fmt: f"It reaches from {decimal(fmt.smallest_normal, 3)} to {decimal(fmt.max, 3)}, more than is "
                    f"needed, and pays with precision: its steps at 1 are {decimal(fmt.eps)}. An exponent bit can go "
                    f"to the mantissa.",
    ),
)
# fmt: on
