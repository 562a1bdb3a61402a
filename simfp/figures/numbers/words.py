"""What becomes of numbers, one and many, in a few words: where formats end, and where infinities and NaN come from."""

from __future__ import annotations

from simfp.experiments.numbers.overflow import Origin, Softmax
from simfp.experiments.numbers.underflow import Landing, Lane
from simfp.figures.words import decimal, power_of_two
from simfp.rounding import ulp

__all__ = ["became", "ceiling", "limits", "origins"]


def became(landing: Landing, index: int) -> str:
    """What became of the value at place `index` of a Landing, in a few words."""
    before, after, fate = landing.before[index], landing.after[index], landing.fates[index]
    if fate == "zeroed":
        kept_otherwise = before > landing.fmt.smallest_subnormal / 2
        return "flushed to zero: lost" if kept_otherwise else "zero: lost"
    if fate == "overflowed":
        return f"too large: {decimal(after)}"
    exactly = "exact" if after == before else "rounded"
    if fate == "subnormal":
        return f"subnormal, {exactly}: {landing.bits_left[index]} of {landing.fmt.precision} bits left"
    return exactly


def limits(lane: Lane) -> str:
    """Where a format's numbers thin out and end, in a few words."""
    normal, lowest = lane.fmt.min_exponent, lane.staircase[0][0]
    if lowest == normal:
        return f"normal from {power_of_two(normal)}, nothing below"
    return f"normal from {power_of_two(normal)}, last bit at {power_of_two(lowest)}"


def ceiling(lane: Lane) -> str:
    """Where a format's numbers end at the top, in a few words."""
    largest = lane.fmt.max
    tie = largest + float(ulp(largest, lane.fmt)) / 2
    return f"largest {decimal(largest)}, too large {'above' if lane.limits.overflowed > tie else 'from'} {decimal(tie)}"


def origins(softmax: Softmax, index: int) -> str:
    """Which operations made the infinities and the NaN of row `index` of a Softmax, and of what."""
    return "; ".join(map(_origin, softmax.origins[index])) or "no ∞ or NaN arises"


def _origin(origin: Origin) -> str:
    symbols = {"adding the mask": "+", "subtracting the maximum": "−", "the sum": "+", "the division": "÷"}
    first, *second = (decimal(operand) for operand in origin.operands)
    of = first
    if second:
        of += f" {symbols[origin.stage]} {f'({second[0]})' if second[0][0] in '-−' else second[0]}"
    return f"{decimal(origin.result)} from {origin.stage}{'' if origin.stage == 'exp' else ' '}({of})"
