"""What the underflow and the overflow slider share: a row for each format, and its lane in the histogram."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from simfp.bits import bit_string
from simfp.experiments.numbers import underflow as experiment
from simfp.experiments.numbers.underflow import Histogram, Landing, Lane
from simfp.figures.numbers.words import became
from simfp.figures.palette import look
from simfp.figures.words import decimal, percent, relative_error

__all__ = ["FORMATS", "TICK", "bars", "lane_table", "value_row"]

FORMATS = ("float16", "bfloat16", "float8_e4m3fn", "float8_e5m2")
TICK = 10  # binades between the marks of the ruler


def value_row(row: Landing) -> dict[str, Any]:
    """What one format makes of the single value, for every k."""
    return {
        "label": look(row.fmt).label,
        "color": look(row.fmt).color,
        "bits": [bit_string(int(code), row.fmt) for code in row.codes],
        "after": [decimal(x) for x in row.after],
        "error": [relative_error(x, y) for x, y in zip(row.before, row.after, strict=True)],
        "became": [became(row, index) for index in range(len(row.fates))],
    }


def bars(histogram: Histogram) -> dict[str, Any]:
    """The histogram at k = 0."""
    return {
        "first": histogram.first,
        "width": 1 / experiment.BINS_PER_OCTAVE,
        "heights": histogram.counts.tolist(),
    }


def lane_table(lane: Lane, size: int, fates: Sequence[str], ends: str) -> dict[str, Any]:
    """What one format makes of so many gradients, and the fates of the single value in it, for every k.

    ends: where the numbers of the format end, in words.
    """
    return {
        "label": look(lane.fmt).label,
        "color": look(lane.fmt).color,
        "limits": ends,
        "ends": [math.log2(limit) for limit in lane.limits],
        "staircase": [[exponent, bits / lane.fmt.precision] for exponent, bits in lane.staircase],
        "shares": [[percent(int(count), size) for count in row] for row in lane.shares],
        "fates": list(fates),
    }
