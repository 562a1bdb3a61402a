"""What lesson 03 computes: what fp16 makes of small numbers."""

from __future__ import annotations

import numpy as np

from simfp import fate, float16, round_to
from simfp.course.lessons.lesson_03 import answers
from simfp.figures.words import decimal, percent
from simfp.formats import Format
from simfp.silicon import recordings

__all__ = [
    "first_lost",
    "near_or_not",
    "percent_zeroed",
    "recorded_rows",
    "tell_gpu",
    "tell_one",
    "tell_zeroed",
    "what_the_gpu_did",
]


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
