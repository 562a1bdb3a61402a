"""The optimizers' kernels against exact fractions: fma in float32, and a step made of it."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np

import simfp as sf
from simfp.kernels import round_to_odd, updates
from tests import exact
from tests.samples import assert_same

LARGEST, TINY, NORMAL = float(np.finfo(np.float32).max), 2.0**-149, 2.0**-126
MAGNITUDES = [
    0.0, TINY, 3 * TINY, NORMAL - TINY, NORMAL, NORMAL * (1 + 2**-23), 2.0**-75, 2.0**-74, 2.0**-63 * (1 + 2**-23),
    2.0**-24, 2.0**-23, 0.5, 1 - 2**-24, 1.0, 1 + 2**-23, 1 + 2**-22, 1.5, 2.0, 3.0, 683.0, 2.0**23, 2.0**24 - 1,
    2.0**63, 2.0**64 * (1 + 2**-23), 2.0**127, LARGEST, np.inf, np.nan,
]  # fmt: skip
NUMBERS = np.array([sign * magnitude for magnitude in MAGNITUDES for sign in (1, -1)], np.float32)


def rounded_fma(x: float, y: float, z: float) -> float:
    return exact.round_exact(exact.exact_result("fma", (x, y, z)), sf.float32, "nearest_even")


def scaled_add(factors: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    out = np.empty_like(x)
    for i, factor in enumerate(factors):
        updates.scaled_add(factor, x[i : i + 1], y[i : i + 1], out[i : i + 1])
    return out


def test_fma_is_rounded_once_for_all_triples_of_hard_numbers() -> None:
    x, y = (np.array(column, np.float32) for column in zip(*product(NUMBERS, NUMBERS)))
    for factor in NUMBERS:
        out = np.empty_like(x)
        updates.scaled_add(factor, x, y, out)
        expected = [rounded_fma(float(factor), float(a), float(b)) for a, b in zip(x, y)]
        assert_same(out, expected, np.full(x.size, factor), x, y)


def test_fma_to_odd_of_float32_numbers_is_that_of_any_for_all_triples_of_hard_numbers() -> None:
    # that one is held against exact fractions in every mode: `sf.fma` is made of it
    x, y = (np.array(column, np.float32) for column in zip(*product(NUMBERS, NUMBERS)))
    for factor in NUMBERS:
        out, expected = np.empty((2, x.size))
        round_to_odd.scaled_add(factor, x, y, out)
        round_to_odd.fma(np.full(x.size, factor, np.float64), x.astype(np.float64), y.astype(np.float64), expected)
        assert_same(out, expected, np.full(x.size, factor), x, y)


def test_fma_is_rounded_once_next_to_midpoints() -> None:
    # factor * x + y one part in 2^48 of itself away from the middle of two neighbours, and on it
    draw = np.random.default_rng(1)
    cases = []
    while len(cases) < 3000:
        factor, x = (float(np.float32(each)) for each in draw.normal(size=2) * 2.0 ** draw.integers(-60, 40, 2))
        target = float(np.float32(draw.normal() * 2.0 ** draw.integers(-20, 20) * factor * x))
        middle = Fraction(target) + exact.spacing(abs(Fraction(target)), sf.float32) / 2
        with np.errstate(over="ignore"):
            y = np.float32(float(middle - Fraction(factor) * Fraction(x)))
        cases += [(factor, x, float(y)), (factor, x, float(np.nextafter(y, np.float32(0))))]
    factors, x, y = np.array(cases, np.float32).T.copy()
    expected = [rounded_fma(*map(float, case)) for case in zip(factors, x, y)]
    assert_same(scaled_add(factors, x, y), expected, factors, x, y)


def test_fma_is_not_that_of_float64_rounded_to_float32() -> None:
    # (1 + 2^-12)^2 = 1 + 2^-11 + 2^-24, half of an ulp; 2^-80 breaks the tie, which float64 does not see
    x, y = np.float32([1 + 2**-12]), np.float32([2**-80])
    assert np.float32(np.float64(x[0]) * x[0] + y[0]) == 1 + 2**-11
    assert scaled_add(x, x, y)[0] == np.float32(1 + 2**-11 + 2**-23)
