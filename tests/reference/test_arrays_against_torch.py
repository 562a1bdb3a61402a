"""Arrays against torch on a CPU: the formats that operands meet in, and the bits of elementwise results."""

from __future__ import annotations

import operator
from collections.abc import Callable
from itertools import product
from typing import Any

import gmpy2
import numpy as np
import pytest
import torch

import simfp as sf
from tests.near import ulps_from
from tests.samples import all_codes, assert_same

pytestmark = pytest.mark.torch

FORMATS = {sf.float16: torch.float16, sf.bfloat16: torch.bfloat16, sf.float32: torch.float32}
SIXTEEN_BITS = [sf.float16, sf.bfloat16]
FLOAT8 = {sf.float8_e4m3fn: torch.float8_e4m3fn, sf.float8_e5m2: torch.float8_e5m2}
OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
}
SCALARS = (0.1, 3, 1 / 3, -7.3, 1e-3, 1e5, 70000.0, 2049, 1e-30, 0.0, True, float("inf"), float("nan"))

per_format = pytest.mark.parametrize("fmt", SIXTEEN_BITS, ids=str)


def values_of(tensor: torch.Tensor) -> np.ndarray:
    return tensor.to(torch.float32).numpy()


def as_tensor(a: sf.Array) -> torch.Tensor:
    return torch.from_numpy(a.values.copy()).to(FORMATS[a.dtype])


def every_value(fmt: sf.Format) -> sf.Array:
    return sf.array(sf.decode(all_codes(fmt), fmt), fmt)


# --- which format ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("x", "y"), list(product(FORMATS, repeat=2)), ids=str)
@pytest.mark.parametrize(("x_shape", "y_shape"), list(product([(), (1,), (2, 1)], repeat=2)), ids=str)
def test_two_tensors_and_two_arrays_meet_in_the_same_format(x: Any, y: Any, x_shape: Any, y_shape: Any) -> None:
    tensor = torch.ones(x_shape, dtype=FORMATS[x]) * torch.ones(y_shape, dtype=FORMATS[y])
    a = sf.array(np.ones(x_shape), x) * sf.array(np.ones(y_shape), y)
    assert FORMATS[a.dtype] == tensor.dtype
    assert a.shape == tuple(tensor.shape)


@pytest.mark.parametrize("scalar", [1, 1.0, True, np.float64(1), np.float32(1), np.int64(1)], ids=repr)
@pytest.mark.parametrize("fmt", FORMATS, ids=str)
def test_a_scalar_leaves_the_format(fmt: sf.Format, scalar: Any) -> None:
    assert FORMATS[(sf.array([1.0], fmt) * scalar).dtype] == (torch.ones(1, dtype=FORMATS[fmt]) * scalar).dtype
    assert FORMATS[(sf.array(1.0, fmt) * scalar).dtype] == (torch.ones((), dtype=FORMATS[fmt]) * scalar).dtype


@pytest.mark.parametrize("integers", [np.int8, np.int64, np.uint8, np.bool_])
@pytest.mark.parametrize("fmt", FORMATS, ids=str)
def test_integers_leave_the_format(fmt: sf.Format, integers: Any) -> None:
    plain = np.ones(2, integers)
    tensor = torch.ones(2, dtype=FORMATS[fmt]) * torch.from_numpy(plain)
    assert FORMATS[(sf.array([1.0, 1.0], fmt) * plain).dtype] == tensor.dtype


@pytest.mark.parametrize(("x", "y"), [(x, y) for x in FLOAT8 for y in {**FLOAT8, **FORMATS} if x != y], ids=str)
def test_8_bit_formats_meet_no_other_in_torch_either(x: sf.Format, y: sf.Format) -> None:
    dtypes = {**FLOAT8, **FORMATS}
    with pytest.raises(RuntimeError, match="Promotion for Float8 Types is not supported"):
        torch.result_type(torch.ones(1).to(dtypes[x]), torch.ones(1).to(dtypes[y]))
    with pytest.raises(TypeError, match="no common format"):
        sf.array([1.0], x) + sf.array([1.0], y)


@pytest.mark.parametrize(("x", "y"), list(product(FORMATS, repeat=2)), ids=str)
def test_joined_and_in_place_results_have_torchs_format(x: sf.Format, y: sf.Format) -> None:
    a, b = sf.array([0.1], x), sf.array([0.3], y)
    s, t = as_tensor(a), as_tensor(b)
    assert FORMATS[np.concatenate([a, b]).dtype] == torch.cat([s, t]).dtype
    a += b
    s += t
    assert FORMATS[a.dtype] == s.dtype
    assert_same(a.values, values_of(s))


# --- which bits -----------------------------------------------------------------------------------------------------


@per_format
@pytest.mark.parametrize("name", OPERATORS)
def test_arithmetic_of_every_value_with_random_partners(name: str, fmt: sf.Format) -> None:
    a = every_value(fmt)
    for seed in range(8):
        order = np.random.default_rng(seed).permutation(a.size)
        b = a[order]
        expected = OPERATORS[name](as_tensor(a), as_tensor(b))
        assert_same(OPERATORS[name](a, b).values, values_of(expected), a.values, b.values)


@pytest.mark.parametrize("name", OPERATORS)
def test_arithmetic_of_float32(name: str) -> None:
    rng = np.random.default_rng(9)
    a, b = (sf.array(rng.integers(0, 2**32, 100_000, dtype=np.uint32).view(np.float32)) for _ in range(2))
    assert_same(OPERATORS[name](a, b).values, values_of(OPERATORS[name](as_tensor(a), as_tensor(b))))


@per_format
@pytest.mark.parametrize("name", ["reciprocal", "absolute", "negative", "square", "floor", "ceil", "trunc"])
def test_a_function_of_every_value(name: str, fmt: sf.Format) -> None:
    a = every_value(fmt)
    assert_same(getattr(np, name)(a).values, values_of(getattr(torch, name)(as_tensor(a))), a.values)


@per_format
@pytest.mark.parametrize("name", ["maximum", "minimum", "copysign"])
def test_a_choice_from_two_values(name: str, fmt: sf.Format) -> None:
    a = every_value(fmt)
    a = a[~np.isnan(a)]
    b = a[np.random.default_rng(10).permutation(a.size)]
    zeros_meet = (a == 0) & (b == 0)  # either may be the larger
    actual, expected = getattr(np, name)(a, b).values, values_of(getattr(torch, name)(as_tensor(a), as_tensor(b)))
    assert_same(actual[~zeros_meet], expected[~zeros_meet], a.values[~zeros_meet], b.values[~zeros_meet])


@per_format
@pytest.mark.parametrize("scalar", SCALARS, ids=repr)
def test_a_product_with_a_scalar(fmt: sf.Format, scalar: Any) -> None:
    a = every_value(fmt)
    t = as_tensor(a)
    assert_same((a * scalar).values, values_of(t * scalar), a.values)
    assert_same((scalar * a).values, values_of(scalar * t), a.values)


@per_format
@pytest.mark.parametrize("scalar", SCALARS, ids=repr)
def test_a_quotient_by_a_scalar(fmt: sf.Format, scalar: Any) -> None:
    a = every_value(fmt)
    assert_same((a / scalar).values, values_of(as_tensor(a) / scalar), a.values)


@per_format
@pytest.mark.parametrize("scalar", SCALARS, ids=repr)
def test_a_scalar_divided_is_in_torch_a_product_with_the_reciprocal(fmt: sf.Format, scalar: Any) -> None:
    a = every_value(fmt)
    assert_same((np.reciprocal(a) * scalar).values, values_of(scalar / as_tensor(a)), a.values)


@per_format
@pytest.mark.parametrize("scalar", [scalar for scalar in SCALARS if scalar is not True], ids=repr)
def test_a_sum_with_a_scalar_is_on_a_cpu_one_with_the_rounded_scalar(fmt: sf.Format, scalar: Any) -> None:
    a = every_value(fmt)
    t = as_tensor(a)
    rounded = sf.array(scalar, fmt)
    assert_same((a + rounded).values, values_of(t + scalar), a.values)
    assert_same((a - rounded).values, values_of(t - scalar), a.values)
    assert_same((rounded - a).values, values_of(scalar - t), a.values)
    if rounded.item() == np.float32(scalar):  # and so, as on a GPU, one with the scalar
        assert_same((a + scalar).values, values_of(t + scalar), a.values)


@per_format
def test_a_square_root_is_the_nearest_value_to_the_exact_one_and_torchs_is_near(fmt: sf.Format) -> None:
    a = every_value(fmt)
    with np.errstate(invalid="ignore"):
        exact = np.sqrt(a.values.astype(np.float64))  # IEEE 754's, of more than twice the bits
    theirs = values_of(torch.sqrt(as_tensor(a)))
    assert_same(np.sqrt(a).values, sf.round_to(exact, fmt), a.values)
    finite = np.isfinite(exact)
    assert_same(theirs[~finite], exact[~finite], a.values[~finite])
    assert ulps_from(exact[finite], theirs[finite], fmt, each=True) <= 1  # by way of a float32 that may be an ulp off


@per_format
@pytest.mark.parametrize("power", [2, -1, 0.5, 2.5, 0.1, 1 / 3])
def test_a_power_with_a_scalar_exponent_is_the_nearest_value_to_the_exact_one(fmt: sf.Format, power: float) -> None:
    a = sf.array(np.arange(1, 2000, 7) / 8, fmt)
    exponent = gmpy2.mpfr(sf.round_to(power, fmt))  # which both take in the array's format
    with gmpy2.context(gmpy2.context(), precision=120):
        exact = np.array([float(gmpy2.mpfr(x) ** exponent) for x in a.values.tolist()])  # float64 moves no midpoint
    ours, theirs, nearest = (a**power).values, values_of(as_tensor(a) ** power), sf.round_to(exact, fmt)
    assert_same(ours, nearest, a.values)
    finite = np.isfinite(nearest)
    assert_same(theirs[~finite], nearest[~finite], a.values[~finite])
    assert ulps_from(exact[finite], theirs[finite], fmt, each=True) <= 1.1  # rounded from a float32 that is near


@per_format
def test_comparisons_with_scalars(fmt: sf.Format) -> None:
    a = sf.array([0.1, 0.2, 1.0, np.inf, np.nan], fmt)
    t = as_tensor(a)
    for compare, scalar in product((operator.eq, operator.lt, operator.ge, operator.ne), (0.1, 0.2, 1, 1e30)):
        assert compare(a, scalar).tolist() == compare(t, scalar).tolist()


@per_format
def test_integers_are_rounded_before_they_are_used(fmt: sf.Format) -> None:
    integers = np.arange(-5000, 5000)
    a = sf.array(np.full(integers.size, 0.5), fmt)
    t, u = as_tensor(a), torch.from_numpy(integers)
    for compute in OPERATORS.values():
        assert_same(compute(a, integers).values, values_of(compute(t, u)), integers)
        assert_same(compute(integers, a).values, values_of(compute(u, t)), integers)


@per_format
def test_limits_and_choices_round_their_scalars(fmt: sf.Format) -> None:
    a = sf.array([-1.0, 0.05, 0.2, 3.0], fmt)
    t = as_tensor(a)
    assert_same(np.clip(a, 0.1, 0.3).values, values_of(torch.clamp(t, 0.1, 0.3)))
    keep = np.array([True, False, True, False])
    assert_same(np.where(keep, a, 0.1).values, values_of(torch.where(torch.from_numpy(keep), t, 0.1)))


@per_format
def test_small_sums_and_products_whose_order_does_not_matter(fmt: sf.Format) -> None:
    rng = np.random.default_rng(11)
    a, b = (sf.array(rng.integers(-8, 9, (16, 16)), fmt) for _ in range(2))
    s, t = as_tensor(a), as_tensor(b)
    assert_same((a @ b).values, values_of(s @ t))
    assert_same(a.sum(0).values, values_of(s.sum(0)))
    assert_same(a.mean(1).values, values_of(s.mean(1)))
