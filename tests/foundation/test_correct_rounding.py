"""NumPy's functions on Arrays, correctly rounded: held against MPFR where float64 alone would not say."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import gmpy2
import numpy as np
import pytest
from gmpy2 import mpfr

import simfp as sf
from simfp.any_precision import FUNCTIONS, nearest, power, to_odd
from simfp.correct_rounding import BESIDES, settle, steady


def _with_pi(compute: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    return lambda x: compute(x, gmpy2.const_pi())


def _log_of_sum(grow: Callable[[Any], Any], shrink: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda x, y: max(x, y) + shrink(1 + grow(min(x, y) - max(x, y)))


# fmt: off
MPFR: dict[np.ufunc, Callable[..., Any]] = {
    np.exp: gmpy2.exp, np.exp2: gmpy2.exp2, np.expm1: gmpy2.expm1, np.log: gmpy2.log, np.log2: gmpy2.log2,
    np.log10: gmpy2.log10, np.log1p: gmpy2.log1p, np.cbrt: gmpy2.cbrt, np.hypot: gmpy2.hypot, np.sin: gmpy2.sin,
    np.cos: gmpy2.cos, np.tan: gmpy2.tan, np.arcsin: gmpy2.asin, np.arccos: gmpy2.acos, np.arctan: gmpy2.atan,
    np.arctan2: gmpy2.atan2, np.sinh: gmpy2.sinh, np.cosh: gmpy2.cosh, np.tanh: gmpy2.tanh, np.arcsinh: gmpy2.asinh,
    np.arccosh: gmpy2.acosh, np.arctanh: gmpy2.atanh, np.float_power: lambda x, y: x**y,
    np.logaddexp: _log_of_sum(gmpy2.exp, gmpy2.log), np.logaddexp2: _log_of_sum(gmpy2.exp2, gmpy2.log2),
    np.degrees: _with_pi(lambda x, pi: x * 180 / pi), np.radians: _with_pi(lambda x, pi: x * pi / 180),
}
MPFR |= {np.rad2deg: MPFR[np.degrees], np.deg2rad: MPFR[np.radians]}
# fmt: on
functions = pytest.mark.parametrize("ufunc", FUNCTIONS, ids=lambda ufunc: ufunc.__name__)


def exact(ufunc: np.ufunc, *args: float) -> Any:
    with gmpy2.context(precision=2000):
        return MPFR[ufunc](*map(mpfr, args))


def to_float32(x: Any) -> float:
    """Rounded once, among the normal numbers."""
    with gmpy2.context(precision=24):
        return float(+x)


def drawn(ufunc: np.ufunc, count: int, seed: int) -> list[np.ndarray]:
    """float32 numbers of many sizes, of which the function has a normal result."""
    rng = np.random.default_rng(seed)

    def number() -> np.ndarray:
        spread = np.ldexp(rng.uniform(-1, 1, count), 6 - rng.integers(0, 40, count))
        either = np.where(rng.random(count) < 0.5, rng.uniform(-8, 8, count), spread)
        return either.astype(np.float32).astype(np.float64)

    args = [number() for _ in range(ufunc.nin)]
    with np.errstate(all="ignore"):
        size = np.abs(ufunc(*args))
    good = (size < 1e30) & (size > 1e-30)
    return [x[good] for x in args]


def test_there_is_a_judge_for_every_function() -> None:
    assert set(MPFR) == set(FUNCTIONS)


@functions
def test_a_function_rounded_to_odd_is_the_exact_result_so_rounded(ufunc: np.ufunc) -> None:
    for args in zip(*(x[:40].tolist() for x in drawn(ufunc, 200, 1))):
        value = exact(ufunc, *args)
        with gmpy2.context(precision=53, round=gmpy2.RoundToZero):
            cut = float(+value)
        odd = int(np.float64(cut).view(np.int64)) & 1
        wanted = cut if odd or mpfr(cut, 53) == value else math.nextafter(cut, math.copysign(math.inf, cut))
        assert to_odd(ufunc, *args) == wanted, args


@functions
def test_results_that_float64_cannot_settle_are_correctly_rounded(ufunc: np.ufunc) -> None:
    # as if a processor's kernel were off by 4 ulp to either side, of results near the middle of two float32 numbers
    args = drawn(ufunc, 400_000, 2)
    with np.errstate(all="ignore"):
        result = ufunc(*args)
    rest = (result.view(np.int64) & ((1 << 29) - 1)) - (1 << 28)
    hard = np.argsort(np.abs(rest), kind="stable")[:25]
    picked = [x[hard] for x in args]
    wanted = [to_float32(exact(ufunc, *each)) for each in zip(*(x.tolist() for x in picked))]
    for off in (-4, 0, 4):
        moved = result[hard] + off * np.spacing(result[hard])
        settle(ufunc, picked, moved, sf.float32)
        assert moved.astype(np.float32).tolist() == wanted
    arrays = [sf.array(x, sf.float32) for x in picked]
    assert ufunc(*arrays).values.tolist() == wanted


def test_cancellation_and_angles_near_a_zero_are_correctly_rounded() -> None:
    rng = np.random.default_rng(3)
    turns = np.float32(np.pi) * np.arange(1, 40).astype(np.float32)
    for ufunc in (np.sin, np.cos, np.tan):
        wanted = [to_float32(exact(ufunc, float(x))) for x in turns]
        assert ufunc(sf.array(turns)).values.tolist() == wanted
    x = -np.float32(rng.uniform(0.5, 1, 100))
    y = np.log(-np.expm1(x.astype(np.float64))).astype(np.float32)  # e^x + e^y is nearly 1
    assert np.logaddexp(sf.array(x), sf.array(y)).values.tolist() == [
        to_float32(exact(np.logaddexp, *each)) for each in zip(x.tolist(), y.tolist())
    ]
    assert set(BESIDES) == {np.sin, np.cos, np.tan, np.logaddexp, np.logaddexp2}


@pytest.mark.parametrize(
    ("ufunc", "args", "value"),
    [
        (np.exp, (0.0,), 1.0), (np.log, (1.0,), 0.0), (np.exp2, (-7.0,), 2.0**-7), (np.log2, (8.0,), 3.0),
        (np.log10, (1000.0,), 3.0), (np.cbrt, (27.0,), 3.0), (np.hypot, (3.0, 4.0), 5.0), (np.power, (9.0, 1.5), 27.0),
        (np.power, (2.0, -3.0), 0.125), (np.arctan2, (0.0, 2.0), 0.0), (np.logaddexp2, (3.0, 3.0), 4.0),
    ],
)  # fmt: skip
def test_a_census_calls_exact_what_is_exact(ufunc: Any, args: Any, value: float) -> None:
    with sf.Census() as census:
        assert ufunc(*(sf.Tensor([x]).data for x in args)).values.tolist() == [value]
    assert census.total("rounded") == 0


def test_saturated_results_are_rounded_not_exact() -> None:
    with sf.Census() as census:
        assert np.tanh(sf.array([12.0, 30.0])).values.tolist() == [1.0, 1.0]
        assert np.cos(sf.array([2.0**-60])).values.tolist() == [1.0]
    assert (census.total("rounded"), census.total("exact")) == (3, 2 + 1)  # the arrays themselves are exact


def test_steady_results_are_correctly_rounded_to_36_bits() -> None:
    x = np.random.default_rng(4).uniform(-3, 3, 300)
    made = steady(np.exp, x)
    for given, each in zip(x.tolist(), made.tolist()):
        with gmpy2.context(precision=36):
            assert each == float(+exact(np.exp, given))
    assert steady(np.exp, [np.inf, -np.inf, 0.0]).tolist() == [np.inf, 0.0, 1.0]


def test_every_nan_of_a_steady_function_is_the_same_one() -> None:
    given = np.array([0x7FFE40DBA0000000, 0xFFF9491CC0000000, 0x7FF0000000000001], np.uint64).view(np.float64)
    nans = np.concatenate([given, np.tile(given, 5)])  # more than a vector of any kernel, and some beside it
    for ufunc, x in ((np.tanh, nans), (np.log, nans), (np.log, -np.arange(1.0, 20.0)), (np.log, -1.0)):
        assert set(steady(ufunc, x).view(np.uint64).ravel().tolist()) == {int(np.float64(np.nan).view(np.uint64))}


def test_numbers_of_schedules_and_optimizers_are_the_nearest_ones() -> None:
    for step in (1, 2, 3, 1000, 12345):
        assert power(0.999, step) == float(mpfr(exact(np.float_power, 0.999, float(step)), 53))
        assert nearest(np.cos, step * 0.01) == float(mpfr(exact(np.cos, step * 0.01), 53))


VARIANTS = {
    "no vectors of NumPy's": {"NPY_DISABLE_CPU_FEATURES": None},
    "Haswell's OpenBLAS, one thread": {"OPENBLAS_CORETYPE": "HASWELL", "OPENBLAS_NUM_THREADS": "1"},
}


def _digests(**changed: str) -> dict[str, str]:
    command = [sys.executable, "-W", "ignore", "-m", "tests.processor_bits", "few_functions"]
    told = subprocess.run(command, env={**os.environ, **changed}, capture_output=True, text=True, check=True)
    found: dict[str, str] = json.loads(told.stdout)
    return found


def test_no_answer_hangs_on_the_kernels_that_numpy_chooses() -> None:
    from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__  # type: ignore[attr-defined]

    usual = _digests()
    assert len(usual) > 100
    there = " ".join(name for name in __cpu_dispatch__ if __cpu_features__.get(name))
    for name, changed in VARIANTS.items():
        found = _digests(**{key: there if value is None else value for key, value in changed.items()})
        assert [each for each in usual if usual[each] != found[each]] == [], name
