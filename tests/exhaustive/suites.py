"""What is compared: one suite for each group, format and rounding mode, in blocks, by every route that leads there."""

from __future__ import annotations

import operator as operators
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

import simfp as sf
from tests.exhaustive import arithmetic, conversions
from tests.exhaustive.conversions import STORAGE

BLOCK = 1 << 22
BLOCKS = (1 << 32) // BLOCK
CASES = 3  # wrong answers that are shown, for each route and block

Bits = NDArray[Any]

# fmt: off
#                operation    symbol  operator
GROUPS: dict[str, tuple[str, str, Any]] = {
    "conversions": ("convert",  "",  None),
    "sums":        ("add",      "+", operators.add),
    "differences": ("subtract", "-", operators.sub),
    "products":    ("multiply", "*", operators.mul),
    "quotients":   ("divide",   "/", operators.truediv),
}
# fmt: on


@dataclass(frozen=True)
class Suite:
    """All 2^32 inputs of one group, in one format and mode."""

    group: str
    fmt: str
    rounding: str

    def __str__(self) -> str:
        return f"{self.group} {self.fmt} {self.rounding}"


# the mode that everybody uses first
SUITES = [Suite(group, fmt, mode) for mode, group, fmt in product(arithmetic.MODES, GROUPS, STORAGE)]


@dataclass
class Tally:
    """What became of one route's answers."""

    compared: int = 0
    wrong: int = 0
    cases: list[str] = field(default_factory=list)


def check(suite: Suite, block: int) -> dict[str, Tally]:
    """Compares one block by every route."""
    routes = _conversions if suite.group == "conversions" else _arithmetic
    tallies = {}
    with np.errstate(all="ignore"):
        for route, expression, got, expected in routes(suite, block):
            where = differences(got, expected, suite.fmt)
            cases = [
                f"{expression(block * BLOCK + int(i))}  gives {int(got[i]):#x}, expected {int(expected[i]):#x}"
                for i in where[:CASES]
            ]
            tallies[route] = Tally(got.size, where.size, cases)
    return tallies


def differences(got: Bits, expected: Bits, fmt: str) -> NDArray[np.int64]:
    """Where two arrays of codes, or of float32 or float64 patterns, differ; but NaN equals NaN."""
    width = 8 * got.dtype.itemsize
    infinity = {16: conversions.INFINITY[fmt], 32: 0x7F800000, 64: 0x7FF << 52}[width]
    where = np.flatnonzero(got != expected)
    magnitudes = np.stack([got[where], expected[where]]) & got.dtype.type((1 << (width - 1)) - 1)
    both_nan: Bits = (magnitudes > infinity).all(axis=0)
    return where[~both_nan]


Routes = Iterator[tuple[str, Callable[[int], str], Bits, Bits]]


def _conversions(suite: Suite, block: int) -> Routes:
    """Route, how to ask for one answer, the answers, and what they must be."""
    fmt, rounding = suite.fmt, suite.rounding
    start = block * BLOCK
    patterns = np.arange(start, start + BLOCK, dtype=np.uint32)
    x = patterns.view(np.float32)
    codes = conversions.expected_codes(start, BLOCK, fmt, rounding)
    values = conversions.values(fmt)

    def ask(call: str, wide: bool = False) -> Callable[[int], str]:
        to_float64 = ".astype(np.float64)" if wide else ""
        return lambda i: call.format(x=f"np.uint32({i:#x}).view(np.float32){to_float64}", fmt=fmt, rounding=rounding)

    yield "encode", ask("sf.encode({x}, '{fmt}', '{rounding}')"), sf.encode(x, fmt, rounding), codes

    call = "sf.round_to({x}, '{fmt}', '{rounding}')"
    yield "round_to of float32", ask(call), sf.round_to(x, fmt, rounding).view(np.uint32), values[codes]

    wide, wide_values = x.astype(np.float64), values.view(np.float32).astype(np.float64).view(np.uint64)
    yield "round_to of float64", ask(call, True), sf.round_to(wide, fmt, rounding).view(np.uint64), wide_values[codes]

    call = "sf.round_to({x}, '{fmt}', '{rounding}', subnormals='flush', overflow='saturate')"
    settled = conversions.settled(codes, fmt, flush=True, saturate=True)
    rounded = sf.round_to(x, fmt, rounding, subnormals="flush", overflow="saturate")
    yield "round_to, flushing and saturating", ask(call), rounded.view(np.uint32), values[settled]

    if rounding == "nearest_even":
        yield _peer(fmt), ask("{x}.astype('{fmt}')"), x.astype(STORAGE[fmt]).view(np.uint16), codes


def _arithmetic(suite: Suite, block: int) -> Routes:
    """The same for pairs of codes: the first one is the upper half of the index, the second one the lower half."""
    fmt, rounding = suite.fmt, suite.rounding
    operation, symbol, operator = GROUPS[suite.group]
    pairs = np.arange(block * BLOCK, (block + 1) * BLOCK, dtype=np.uint32)
    x_codes, y_codes = (pairs >> np.uint32(16)).astype(np.uint16), pairs.astype(np.uint16)
    values = conversions.values(fmt)
    x, y = values[x_codes].view(np.float32), values[y_codes].view(np.float32)
    expected = arithmetic.expected_codes(operation, x_codes, y_codes, fmt, rounding)

    def ask(call: str, operand: str) -> Callable[[int], str]:
        return lambda i: call.format(
            x=operand.format(code=i >> 16, fmt=fmt), y=operand.format(code=i & 0xFFFF, fmt=fmt), fmt=fmt
        )

    call = f"sf.{operation}({{x}}, {{y}}, '{{fmt}}', '{rounding}')"
    answers = getattr(sf, operation)(x, y, fmt, rounding)
    yield f"sf.{operation}", ask(call, "sf.decode({code:#x}, '{fmt}')"), answers.view(np.uint32), values[expected]

    if rounding == "nearest_even":
        call = f"({{x}} {symbol} {{y}}).codes"
        operand = "sf.array(sf.decode({code:#x}, '{fmt}'), dtype='{fmt}')"
        answers = operator(sf.array(x, dtype=fmt), sf.array(y, dtype=fmt)).codes
        yield f"Array {symbol} Array", ask(call, operand), answers, expected

        operand = "np.uint16({code:#x}).view('{fmt}')"
        answers = operator(x_codes.view(STORAGE[fmt]), y_codes.view(STORAGE[fmt])).view(np.uint16)
        yield _peer(fmt), ask(f"{{x}} {symbol} {{y}}", operand), answers, expected


def _peer(fmt: str) -> str:
    return f"{'NumPy' if fmt == 'float16' else 'ml_dtypes'}, for comparison"
