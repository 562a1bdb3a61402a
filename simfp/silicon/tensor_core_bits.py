"""Recorded products held against a tensor core with parameters of one's choice, element by element."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simfp.formats import as_format
from simfp.silicon import product_cases
from simfp.silicon.product_cases import Case, Recorded
from simfp.tensor_core import HOPPER, TensorCore

__all__ = ["FRACTION_BITS", "LARGEST", "NO_DISTANCE", "ROUNDINGS", "SHOWN", "TERMS", "Comparison", "compare", "shown",
           "unit"]  # fmt: skip

TERMS = (1, 2, 4, 8, 16, 32)  # products of a step: L
FRACTION_BITS = range(10, 31)  # kept below the largest exponent of a step: F
ROUNDINGS = ("toward_zero", "nearest_even")  # of the running sum
LARGEST = 64  # rows and columns that are shown one by one
NO_DISTANCE = -1  # between NaN and a number, and between the two zeros

# A choice of the recorded cases: inputs of every width, plain and awkward.
SHOWN = (
    Case("float16", "spread", 48, 64, 48),
    Case("float16", "near one", 48, 64, 48),
    Case("float16", "half zero", 48, 64, 48),
    Case("float16", "subnormal", 48, 64, 48),
    Case("bfloat16", "spread", 48, 64, 48),
    Case("tfloat32", "spread", 32, 32, 32),
    Case("float8_e4m3fn", "near one", 48, 128, 48),
)


class Comparison(NamedTuple):
    """A model's elements beside those that were recorded."""

    made: NDArray[np.uint32]  # codes of float32
    told: NDArray[np.uint32]
    differs: NDArray[np.bool_]  # whether the bits do; any NaN counts as any other
    distance: NDArray[np.int64]  # in ulp of the accumulator, counted in its numbers; NO_DISTANCE where there is none

    @property
    def worst(self) -> int:
        """The largest distance."""
        return int(self.distance.max())


def shown(answers: Iterable[Recorded]) -> dict[str, Recorded]:
    """Those of `answers` that a picture of their elements can show, by name, the choice in SHOWN first.

    Left out are those with too many elements, those that no tensor core made (fp32), and those in several parts.
    """
    fit = {
        row.case.name: row
        for row in answers
        if max(row.answer.shape) <= LARGEST and row.case.fmt != "float32" and row.case.fast
    }
    first = [case.name for case in SHOWN if case.name in fit]
    return {name: fit[name] for name in first or fit}


def unit(case: Case, terms: int, fraction_bits: int, rounding: Literal["toward_zero", "nearest_even"]) -> TensorCore:
    """A tensor core with these parameters; its running sum has the format that Hopper's has for such inputs."""
    return TensorCore(terms, fraction_bits, HOPPER.core(case.fmt).accumulator, rounding)


def compare(row: Recorded, core: TensorCore) -> Comparison:
    """What `core` makes of the inputs of a recorded product, beside the answer."""
    made = core.products(*product_cases.values(row.case), as_format(row.case.fmt)).astype(np.float32)
    codes, told = made.view(np.uint32), row.answer
    nan = np.isnan(made), np.isnan(told.view(np.float32))
    differs = (codes != told) & ~(nan[0] & nan[1])
    apart = np.abs(_places(codes) - _places(told)) >> (23 - core.accumulator.mantissa_bits)
    distance = np.where(differs, np.where(nan[0] | nan[1] | (apart == 0), NO_DISTANCE, apart), 0)
    return Comparison(codes, told, differs, distance)


def _places(codes: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Where float32 numbers stand in the row of all of them; both zeros at 0."""
    size = (codes & np.uint32(0x7FFFFFFF)).astype(np.int64)
    return np.where(codes >> 31, -size, size)
