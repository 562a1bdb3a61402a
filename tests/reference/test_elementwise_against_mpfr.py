"""Functions of Arrays against MPFR: correctly rounded for every value of the 16-bit formats."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import product
from typing import Any

import gmpy2
import numpy as np
import pytest

import simfp as sf
from simfp.elementwise import UFUNCS
from tests.examples import some
from tests.samples import all_codes, assert_same

SIXTEEN_BITS = [sf.float16, sf.bfloat16]
ANGLES_BITS = 600  # a quotient may be a midpoint, and its angle smaller by less than 2^-260 of it
BITS = 120  # of MPFR's results: no 16-bit input's result lies so near a midpoint without being one


def log_of_sum(x: Any, y: Any, exp: Callable[[Any], Any], log1p: Callable[[Any], Any]) -> Any:
    """log(exp(x) + exp(y)), where exp may go beyond any number."""
    if gmpy2.is_nan(x) or gmpy2.is_nan(y):
        return gmpy2.nan()
    larger, smaller = max(x, y), min(x, y)
    return larger if gmpy2.is_infinite(larger) else larger + log1p(exp(smaller - larger))


DEGREE = {"degrees": lambda x: x * 180 / gmpy2.const_pi(), "radians": lambda x: x * gmpy2.const_pi() / 180}
UNARY: dict[str, Callable[[Any], Any]] = {
    **{name: getattr(gmpy2, name) for name in ("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "cbrt")},
    **{name: getattr(gmpy2, name) for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "sqrt", "square")},
    **{f"arc{name}": getattr(gmpy2, f"a{name}") for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    "reciprocal": lambda x: 1 / x,
    **DEGREE,
    "rad2deg": DEGREE["degrees"],
    "deg2rad": DEGREE["radians"],
}
BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "power": lambda x, y: x**y,
    "float_power": lambda x, y: x**y,
    "hypot": gmpy2.hypot,
    "arctan2": gmpy2.atan2,
    "logaddexp": lambda x, y: log_of_sum(x, y, gmpy2.exp, gmpy2.log1p),
    "logaddexp2": lambda x, y: log_of_sum(x, y, gmpy2.exp2, lambda part: gmpy2.log1p(part) / gmpy2.log(2)),
}
SPECIAL = (1.0, -1.0, 0.0, -0.0, np.inf, -np.inf, np.nan)
PARTNERS = (2.0, 3.0, -1.0, 0.5, -0.5, 1.5, -3.0, 0.0, 7.25)


def mpfr_rounded(function: Callable[..., Any], rows: Iterable[tuple[float, ...]], fmt: sf.Format) -> np.ndarray:
    """MPFR's results, cut to float64 with a sticky last bit, and rounded once to the format."""
    bits = ANGLES_BITS if function is gmpy2.atan2 else BITS
    with gmpy2.context(gmpy2.context(), precision=bits):
        wide = [function(*map(gmpy2.mpfr, row)) for row in rows]
    with gmpy2.context(
        gmpy2.context(), precision=53, round=gmpy2.RoundToZero, emin=-1073, emax=1024, subnormalize=True
    ):
        cut = np.array([float(+x) for x in wide])
    sticky = np.array([gmpy2.is_finite(x) and float(c) != x for x, c in zip(wide, cut)])
    return sf.round_to((cut.view(np.uint64) | sticky).view(np.float64), fmt)


def test_mpfr_knows_every_function_that_needs_float64() -> None:
    by_fractions = {"floor", "ceil", "rint", "sign", "heaviside", "floor_divide", "remainder", "divmod", "fmod", "modf"}
    needed = {ufunc.__name__ for ufunc, kind in UFUNCS.items() if kind == "function"} - by_fractions
    assert needed <= UNARY.keys() | BINARY.keys()


@pytest.mark.parametrize("fmt", SIXTEEN_BITS, ids=str)
@pytest.mark.parametrize("name", UNARY)
def test_a_function_is_correctly_rounded_for_every_16_bit_value(name: str, fmt: sf.Format) -> None:
    x = sf.decode(all_codes(fmt), fmt)
    actual = getattr(np, name)(sf.array(x, fmt))
    assert actual.dtype == fmt
    assert_same(actual.values, mpfr_rounded(UNARY[name], ((value,) for value in x.tolist()), fmt), x)


@pytest.mark.parametrize("fmt", some(SIXTEEN_BITS, every=2), ids=str)
@pytest.mark.parametrize("name", BINARY)
def test_a_function_of_two_is_correctly_rounded_for_every_16_bit_value_and_some_partners(
    name: str, fmt: sf.Format
) -> None:
    rng = np.random.default_rng(3)
    codes = all_codes(fmt)
    x = sf.decode(codes, fmt)
    y = np.concatenate(
        [np.resize(np.array(PARTNERS, np.float32), codes.size // 2), sf.decode(rng.permutation(codes), fmt)]
    )
    y = rng.permutation(y)[: codes.size]
    actual = getattr(np, name)(sf.array(x, fmt), sf.array(y, fmt))
    assert_same(actual.values, mpfr_rounded(BINARY[name], zip(x.tolist(), y.tolist()), fmt), x, y)


@pytest.mark.parametrize("power", [-2.0, -1.0, 2.0, 3.0, 0.5])
@pytest.mark.parametrize("fmt", SIXTEEN_BITS, ids=str)
def test_powers_that_are_ties_go_to_even(fmt: sf.Format, power: float) -> None:
    x = sf.decode(all_codes(fmt), fmt)
    actual = sf.array(x, fmt) ** power
    assert_same(actual.values, mpfr_rounded(BINARY["power"], ((value, power) for value in x.tolist()), fmt), x)


def test_lengths_that_are_ties_go_to_even() -> None:
    legs = np.arange(1, 2048, dtype=np.float64)
    a, b = (leg.reshape(-1) for leg in np.meshgrid(legs, legs * 2))
    length = np.sqrt(a * a + b * b)
    tie = (length == np.rint(length)) & (length > 2048) & (length < 4096) & (length % 2 == 1)
    assert tie.sum() > 100
    actual = np.hypot(sf.array(a[tie], sf.float16), sf.array(b[tie], sf.float16))
    assert_same(actual.values, sf.round_to(length[tie], sf.float16), a[tie], b[tie])


@pytest.mark.parametrize("name", UNARY)
def test_a_float32_function_is_correctly_rounded_for_all_of_a_sample(name: str) -> None:
    rng = np.random.default_rng(4)
    x = (rng.standard_normal(20_000) * np.exp2(rng.integers(-30, 10, 20_000))).astype(np.float32)
    actual = getattr(np, name)(sf.array(x))
    assert_same(actual.values, mpfr_rounded(UNARY[name], ((value,) for value in x.tolist()), sf.float32), x)


@pytest.mark.parametrize(("x", "y"), list(product(SPECIAL, repeat=2)))
@pytest.mark.parametrize("name", BINARY)
def test_special_values_are_as_mpfr_has_them(name: str, x: float, y: float) -> None:
    actual = getattr(np, name)(sf.array([x], sf.float16), sf.array([y], sf.float16))
    assert_same(actual.values, mpfr_rounded(BINARY[name], [(x, y)], sf.float16))
