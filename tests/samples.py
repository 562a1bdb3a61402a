"""The formats and the numbers that tests go through."""

from __future__ import annotations

from functools import cache
from itertools import pairwise, product
from typing import Any

import numpy as np

from simfp.formats import NAMED_FORMATS, Format
from simfp.rounding import ROUNDING_MODES
from tests import exact

DETERMINISTIC = [mode for mode in ROUNDING_MODES if mode != "stochastic"]
OPTIONS = [
    {"subnormals": subnormals, "overflow": overflow}
    for subnormals, overflow in product(("keep", "flush"), ("inf", "saturate"))
]


def custom(name: str, exponent_bits: int, mantissa_bits: int, **options: Any) -> Format:
    return Format(name, exponent_bits=exponent_bits, mantissa_bits=mantissa_bits, **options)


NUMBERS_ONLY = {"infinities": False, "nans": False}
CUSTOM_FORMATS = [
    custom("e3m0_numbers", 3, 0, **NUMBERS_ONLY),
    custom("e3m0_infinities", 3, 0, nans=False),
    custom("e3m0_nans", 3, 0, infinities=False),
    custom("e3m0_no_subnormals", 3, 0, subnormals=False, **NUMBERS_ONLY),
    custom("e8m0", 8, 0, infinities=False),
    custom("e1m2", 1, 2, **NUMBERS_ONLY),
    custom("e1m3_nans", 1, 3, infinities=False),
    custom("e2m1", 2, 1),
    custom("e4m1_infinities", 4, 1, nans=False),
    custom("e3m2", 3, 2),
    custom("e3m2_no_subnormals", 3, 2, subnormals=False),
    custom("e3m2_nans_no_subnormals", 3, 2, infinities=False, subnormals=False),
    custom("e2m4_bias_10", 2, 4, exponent_bias=10),
    custom("e2m3_bias_-5", 2, 3, exponent_bias=-5),
    custom("e4m3", 4, 3),
    custom("e4m3_bias_0", 4, 3, exponent_bias=0, infinities=False),
    custom("e3m4_bias_140", 3, 4, exponent_bias=140),  # among float32's own subnormals
    custom("e3m4_bias_-120", 3, 4, exponent_bias=-120),  # around float32's largest
    custom("e3m2_bias_-960", 3, 2, exponent_bias=-960),
    custom("e5m7", 5, 7),
    custom("e6m9_nans_no_subnormals", 6, 9, infinities=False, subnormals=False),  # DLFloat's shape
    custom("e8m3_bias_150", 8, 3, exponent_bias=150),
    custom("e8m7_no_subnormals", 8, 7, subnormals=False),
    custom("e9m2", 9, 2),
    custom("e5m23", 5, 23),
    custom("e9m23", 9, 23),
    custom("e10m4_infinities", 10, 4, nans=False, exponent_bias=470),
]
FORMATS = [*NAMED_FORMATS.values(), *CUSTOM_FORMATS]
SMALL_FORMATS = [fmt for fmt in FORMATS if fmt.bits <= 8]
SIXTEEN_BIT_FORMATS = [fmt for fmt in FORMATS if fmt.bits <= 16]


def all_codes(fmt: Format) -> np.ndarray:
    return np.arange(2**fmt.bits, dtype=fmt.code_dtype)


@cache
def boundaries(fmt: Format) -> np.ndarray:
    """Every place where some mode changes its mind, one float64 ulp to either side, and the ends of float64.

    Of formats of more than 8 bits: the start, the middle and the end of every binade.
    """
    places = small_boundaries(fmt) if fmt.bits <= 8 else binade_boundaries(fmt)
    ends = [0.0, 5e-324, 2.0**-1022, 2.0**-149, 2.0**-126, 2.0**127, 2.0**128, np.finfo(np.float32).max]
    ends += [np.finfo(np.float64).max, np.inf, np.nan]
    points = np.array(sorted({float(place) for place in places})[1:])
    points = np.unique(np.concatenate([points, np.nextafter(points, 0), np.nextafter(points, np.inf), ends]))
    return np.concatenate([points, -points])


def small_boundaries(fmt: Format) -> set[exact.Fraction]:
    """Zero, every value, every midpoint, every quarter below the smallest, and what overflows."""
    unit = exact.spacing(exact.largest(fmt), fmt)
    values = [*exact.magnitudes(fmt), *(exact.largest(fmt) + i * unit for i in range(1, 4))]
    if not fmt.subnormals:
        values += [exact.spacing(exact.Fraction(0), fmt) * i for i in range(2**fmt.mantissa_bits)]
    values.sort()
    middles = [(low + high) / 2 for low, high in pairwise(values)]
    return {*values, *middles, middles[0] / 2}


def binade_boundaries(fmt: Format) -> set[exact.Fraction]:
    """Values and midpoints at the start, middle and end of each binade, the subnormals' and the first beyond too.

    Of formats of more than 8 exponent bits: the first and last 30 binades, and every seventh between.
    """
    places = {exact.Fraction(0), exact.largest(fmt)}
    binades = range(fmt.min_exponent - fmt.mantissa_bits - 2, fmt.max_exponent + 3)
    if fmt.exponent_bits > 8:
        binades = {*binades[:30], *binades[30:-30:7], *binades[-30:]}
    for e in binades:
        start, unit = exact.power(e), exact.spacing(exact.power(e), fmt)
        middle, end = start * 3 / 2, start * 2
        places |= {start, start + unit / 2, middle - unit / 2, middle, middle + unit / 2, end - unit, end - unit / 2}
    return places


def near_the_ends(points: np.ndarray, fmt: Format) -> np.ndarray:
    """Those of the points that may meet a flush or an overflow."""
    size = np.abs(points.astype(np.float64))
    return points[~((size > 4 * fmt.smallest_normal) & (size < fmt.max / 4))]


@cache
def float32_boundaries(fmt: Format) -> np.ndarray:
    """The same for float32 input, with one float32 ulp to either side."""
    with np.errstate(over="ignore"):
        points = np.unique(boundaries(fmt).astype(np.float32))
        points = np.concatenate([points, np.nextafter(points, 0), np.nextafter(points, np.float32(np.inf))])
    return np.concatenate([np.unique(points[points != 0]), np.array([0.0, -0.0, -np.nan], np.float32)])


def as_float64(x: Any) -> np.ndarray:
    """Any floats as float64, signalling NaNs without a warning."""
    with np.errstate(invalid="ignore"):
        return np.asarray(x, np.float64)


def different(actual: np.ndarray, expected: np.ndarray) -> np.ndarray:
    bits_differ = actual.view(np.uint64) != expected.view(np.uint64)
    return bits_differ & ~(np.isnan(actual) & np.isnan(expected))


def assert_same(actual: Any, expected: Any, *inputs: Any) -> None:
    """Fails with the first few values that are not the expected ones to the bit."""
    actual, expected = as_float64(actual), as_float64(expected)
    assert actual.shape == expected.shape, f"shapes differ: {actual.shape}, {expected.shape}"
    wrong = np.flatnonzero(different(actual, expected).reshape(-1))
    shown = [
        f"{', '.join(repr(float(np.asarray(x).reshape(-1)[i])) for x in inputs)}: "
        f"got {actual.reshape(-1)[i]!r}, expected {expected.reshape(-1)[i]!r}"
        for i in wrong[:5]
    ]
    assert not len(wrong), f"{len(wrong)} of {actual.size} are wrong:\n" + "\n".join(shown)
