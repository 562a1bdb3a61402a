"""MPFR, through gmpy2, as an independent oracle: it rounds to any precision and exponent range, subnormals too."""

from __future__ import annotations

from typing import Any

import gmpy2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import simfp as sf
from simfp.formats import Format
from tests.examples import examples
from tests.samples import FORMATS, assert_same, boundaries

MODES = {
    "nearest_even": gmpy2.RoundToNearest,
    "toward_zero": gmpy2.RoundToZero,
    "toward_positive": gmpy2.RoundUp,
    "toward_negative": gmpy2.RoundDown,
}
IEEE_FORMATS = [fmt for fmt in FORMATS if fmt.infinities and fmt.nans and fmt.subnormals]
per_mode = pytest.mark.parametrize("rounding", MODES)
per_format = pytest.mark.parametrize("fmt", IEEE_FORMATS, ids=str)

EXACT = gmpy2.context(precision=53)


def context(fmt: Format, rounding: str) -> Any:
    """MPFR's context for a format: its significands lie in [1/2, 1), so its exponents are one more than ours."""
    return gmpy2.context(
        precision=fmt.precision,
        emax=fmt.max_exponent + 1,
        emin=fmt.min_exponent - fmt.precision + 2,
        subnormalize=True,
        round=MODES[rounding],
    )


def exactly(x: float) -> Any:
    return gmpy2.mpfr(float(x), 53, context=EXACT)


@per_mode
@per_format
def test_float64_is_rounded_as_mpfr_rounds_it_at_every_boundary(fmt: Format, rounding: str) -> None:
    points = boundaries(fmt)
    points = points[np.isfinite(points)]
    plus = context(fmt, rounding).plus
    assert_same(sf.round_to(points, fmt, rounding), [float(plus(exactly(x))) for x in points], points)


def operands(fmt: Format, seed: int, n: int) -> tuple[np.ndarray, ...]:
    """Three columns of values of the format, in which sums cancel and results reach both ends now and then."""
    draw = np.random.default_rng(seed)

    def column() -> np.ndarray:
        wide = draw.random(n) < 0.5
        low, high = fmt.min_exponent - fmt.mantissa_bits, fmt.max_exponent
        near = (low + high) // 2 + draw.integers(-fmt.precision, fmt.precision, n)
        exponents = np.where(wide, draw.integers(low, high + 1, n), near)
        x = np.ldexp(draw.uniform(1, 2, n), exponents) * draw.choice([1, -1], n)
        return np.asarray(sf.round_to(x, fmt, "toward_zero", overflow="saturate"))

    x, y, z = column(), column(), column()
    with np.errstate(all="ignore"):
        cancelling = np.nan_to_num(sf.round_to(-x * y, fmt, overflow="saturate"))
    z[::3] = cancelling[::3]
    return x, y, z


OPERATIONS = {
    "add": lambda mpfr, x, y, z: mpfr.add(x, y),
    "subtract": lambda mpfr, x, y, z: mpfr.sub(x, y),
    "multiply": lambda mpfr, x, y, z: mpfr.mul(x, y),
    "divide": lambda mpfr, x, y, z: mpfr.div(x, y),
    "sqrt": lambda mpfr, x, y, z: mpfr.sqrt(x),
    "fma": lambda mpfr, x, y, z: mpfr.fma(x, y, z),
}
COUNTS = {"sqrt": 1, "fma": 3}


@per_mode
@pytest.mark.parametrize("operation", OPERATIONS)
@per_format
def test_operations_give_what_mpfr_gives(fmt: Format, operation: str, rounding: str) -> None:
    columns = operands(fmt, 1, 1000)
    if operation == "sqrt":
        columns = tuple(map(np.abs, columns))
    mpfr = context(fmt, rounding)
    expected = [float(OPERATIONS[operation](mpfr, *map(exactly, row))) for row in zip(*columns)]
    given_columns = columns[: COUNTS.get(operation, 2)]
    assert_same(getattr(sf, operation)(*given_columns, fmt, rounding), expected, *given_columns)


finite = st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=True)


@given(st.tuples(finite, finite, finite), st.sampled_from(IEEE_FORMATS), st.sampled_from([*MODES]))
@examples(500)
def test_any_float64_operands_give_what_mpfr_gives(values: tuple[float, ...], fmt: Format, rounding: str) -> None:
    mpfr = context(fmt, rounding)
    for operation, operate in OPERATIONS.items():
        expected = float(operate(mpfr, *map(exactly, values)))
        assert_same(getattr(sf, operation)(*values[: COUNTS.get(operation, 2)], fmt, rounding), expected)
