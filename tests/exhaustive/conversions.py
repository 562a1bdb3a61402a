"""What every float32 becomes in a 16-bit format: the first float32 that rounds to each code, in integers.

Rounding is monotone. So the non-negative float32, taken in the order of their bit patterns, fall into one interval
for each code, and a block of consecutive patterns is answered by repeating each code as often as its interval asks.
Nothing of simfp runs here: the values of the codes are NumPy's and ml_dtypes'.
"""

from __future__ import annotations

import math
from functools import cache
from itertools import pairwise

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

STORAGE = {"float16": np.dtype(np.float16), "bfloat16": np.dtype(ml_dtypes.bfloat16)}
INFINITY = {name: int(np.array(np.inf, dtype).view(np.uint16)) for name, dtype in STORAGE.items()}
SMALLEST_NORMAL = {
    name: int(np.array(ml_dtypes.finfo(dtype).smallest_normal, dtype).view(np.uint16))
    for name, dtype in STORAGE.items()
}
FLOAT32_INFINITY = 0x7F800000
FLOAT32_NAN = 0x7FC00000
SIGN_16, SIGN_32 = 1 << 15, 1 << 31
GRID = 149  # every finite float32 is an integer times 2^-149

# Where, between two neighbouring codes, rounding starts to take the upper one: in halves of their distance, and
# whether from that point on or only beyond it. By whether the lower code is odd, since ties and to_odd ask for that.
# fmt: off
#                          even code         odd code
STARTS = {
    "nearest_even":    ((1, "beyond"),    (1, "from")),
    "nearest_away":    ((1, "from"),      (1, "from")),
    "toward_zero":     ((2, "from"),      (2, "from")),
    "away_from_zero":  ((0, "beyond"),    (0, "beyond")),
    "to_odd":          ((0, "beyond"),    (2, "from")),
}
# fmt: on
REACHES_INFINITY = ("nearest_even", "nearest_away", "away_from_zero")


@cache
def values(fmt: str) -> NDArray[np.uint32]:
    """The float32 pattern of the value of each code, as NumPy or ml_dtypes has it."""
    codes = np.arange(1 << 16, dtype=np.uint16)
    return codes.view(STORAGE[fmt]).astype(np.float32).view(np.uint32)


def pattern(units: int) -> int:
    """The float32 pattern of units * 2^-149, which must be a float32."""
    shift = max(units.bit_length() - 24, 0)
    assert units % (1 << shift) == 0, f"{units} * 2^-{GRID} is no float32"
    return (shift << 23) + (units >> shift)


@cache
def first_patterns(fmt: str, direction: str) -> NDArray[np.int64]:
    """The first non-negative float32 pattern that rounds to each code from +0 to infinity, and one beyond it."""
    infinity = INFINITY[fmt]
    finite = values(fmt)[:infinity].view(np.float32)
    units = [int(math.ldexp(float(value), GRID)) for value in finite]
    units.append(2 * units[-1] - units[-2])  # infinity stands where the next number would
    first = [0]
    for code, (low, high) in enumerate(pairwise(units)):
        halves, how = STARTS[direction][code % 2]
        start = low + (high - low) // 2 * halves  # exact: 16-bit numbers lie at least 2^-133 apart
        first.append(pattern(start) + (how == "beyond"))
    if direction not in REACHES_INFINITY:
        first[infinity] = FLOAT32_INFINITY
    return np.array([*first, FLOAT32_INFINITY + 1])


def away_or_toward_zero(rounding: str, negative: bool) -> str:
    """The direction that a mode takes for one sign."""
    away = {"toward_positive": not negative, "toward_negative": negative}
    return rounding if rounding not in away else "away_from_zero" if away[rounding] else "toward_zero"


def expected_codes(start: int, count: int, fmt: str, rounding: str) -> NDArray[np.uint16]:
    """Codes that the float32 patterns start ... start + count - 1 round to, all of one sign; 0x7FFF for NaN."""
    negative = start >= SIGN_32
    low = start - SIGN_32 * negative
    high = low + count
    assert high <= SIGN_32, "a block must not hold both signs"
    first = first_patterns(fmt, away_or_toward_zero(rounding, negative))
    codes = slice(max(int(np.searchsorted(first, low, side="right")) - 1, 0), int(np.searchsorted(first, high)))
    bounds = np.clip(np.append(first[codes], high), low, high)
    answer = np.arange(codes.start, codes.stop, dtype=np.uint16)
    answer[answer > INFINITY[fmt]] = SIGN_16 - 1
    return np.repeat(answer | np.uint16(SIGN_16 * negative), np.diff(bounds))


def settled(codes: NDArray[np.uint16], fmt: str, *, flush: bool = False, saturate: bool = False) -> NDArray[np.uint16]:
    """The codes after subnormal results were flushed to zero, or infinite ones held at the largest number."""
    magnitude = codes & np.uint16(SIGN_16 - 1)
    sign = codes & np.uint16(SIGN_16)
    if flush:
        magnitude = np.where(magnitude < SMALLEST_NORMAL[fmt], np.uint16(0), magnitude)
    if saturate:
        magnitude = np.where(magnitude == INFINITY[fmt], np.uint16(INFINITY[fmt] - 1), magnitude)
    return magnitude | sign
