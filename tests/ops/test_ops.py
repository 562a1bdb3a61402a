"""What rows do on purpose otherwise than a CPU: the arithmetic of torch's CUDA kernels, rule by rule."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import simfp as sf
from simfp import observe
from simfp.autograd import apply
from simfp.nn import functional as F
from simfp.ops import OPERATIONS, device_math
from simfp.precision import AUTOCAST_LISTS
from tests.operation_cases import EVERY_CASE, NAMES, Case, Floats, filled
from tests.samples import all_codes

SIXTEEN_BITS = [sf.float16, sf.bfloat16]
per_format = pytest.mark.parametrize("fmt", SIXTEEN_BITS, ids=str)


def every_value(fmt: sf.Format) -> sf.Array:
    return sf.array(sf.decode(all_codes(fmt), fmt), fmt)


def rounded(values: Any, fmt: sf.Format) -> np.ndarray:
    return sf.round_to(np.asarray(values, np.float64), fmt).astype(np.float32)


# --- scalars


@per_format
def test_division_by_a_number_multiplies_by_its_float32_reciprocal(fmt: sf.Format) -> None:
    x = every_value(fmt)
    with np.errstate(all="ignore"):
        expected = rounded(x.values * (np.float32(1) / np.float32(3)), fmt)
    np.testing.assert_array_equal((sf.Tensor(x) / 3).data.values, expected)


def test_a_number_over_a_tensor_is_the_rounded_reciprocal_times_it() -> None:
    x = sf.array([3.0], "float16")
    assert (7.0 / sf.Tensor(x)).data.values == rounded(7.0 * rounded(1 / 3, sf.float16), sf.float16)
    assert (7.0 / sf.Tensor(x)).data.values != rounded(7 / 3, sf.float16)


def test_a_multiple_added_is_rounded_once() -> None:
    x, y = sf.Tensor([1.0]), sf.Tensor([1 + 2.0**-12])
    alpha = 1 + 2.0**-13
    exact = 1 + (1 + 2.0**-12) * (1 + 2.0**-13)
    assert sf.autograd.functions.add(x, y, alpha=alpha).data.values == np.float32(exact)


@pytest.mark.parametrize("scalar", [2, 0.1, True, np.float64(0.1), np.int64(3)], ids=repr)
@per_format
def test_numbers_leave_the_format(fmt: sf.Format, scalar: Any) -> None:
    x = sf.Tensor([1.0, 2.0], dtype=fmt)
    for result in (x + scalar, scalar - x, x * scalar, x / scalar, scalar / x, x**scalar, x.clamp(max=float(scalar))):
        assert result.dtype == fmt


# --- how often is rounded


@per_format
@pytest.mark.parametrize("name", ["exp", "log", "rsqrt", "tanh", "sigmoid", "silu", "gelu", "softplus"])
def test_a_function_is_one_float32_computation_and_one_rounding(fmt: sf.Format, name: str) -> None:
    x = every_value(fmt)
    in_float32 = apply(OPERATIONS[name], x.astype("float32")).data
    np.testing.assert_array_equal(apply(OPERATIONS[name], x).data.values, in_float32.astype(fmt).values)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@per_format
def test_softmax_is_one_float32_computation_and_one_rounding(fmt: sf.Format, name: str) -> None:
    x = sf.array(np.random.default_rng(2).uniform(-5, 5, (50, 33)), fmt)
    in_float32 = apply(OPERATIONS[name], x.astype("float32"), 1).data
    np.testing.assert_array_equal(apply(OPERATIONS[name], x, 1).data.values, in_float32.astype(fmt).values)


def slope_through(name: str, x: sf.Tensor, *options: Any) -> np.ndarray:
    apply(OPERATIONS[name], x, *options).backward(np.full(x.shape, 3.0))
    return x.grad.values  # type: ignore[union-attr]


def test_the_slopes_of_tanh_and_sigmoid_are_rounded_step_by_step() -> None:
    values = np.random.default_rng(6).uniform(-3, 3, 2000)
    for name, slope in (("tanh", lambda y: (1 - _16(y * y), 1)), ("sigmoid", lambda y: (1 - y, y))):
        x = sf.Tensor(values, requires_grad=True, dtype="float16")
        y = apply(OPERATIONS[name], x).data.values
        first, second = slope(y)
        np.testing.assert_array_equal(slope_through(name, x), _16(_16(3 * _16(first)) * second))


def _16(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float16).astype(np.float32)


def test_the_slope_of_a_gelu_is_rounded_once() -> None:
    values = np.random.default_rng(6).uniform(-3, 3, 2000)
    for approximate in ("none", "tanh"):
        grads = []
        for fmt in ("float16", "float32"):
            x = sf.Tensor(sf.array(values, "float16").astype(fmt), requires_grad=True)
            F.gelu(x, approximate).backward(np.full(x.shape, 3.0))
            grads.append(x.grad.values)
        np.testing.assert_array_equal(grads[0], _16(grads[1]))


def test_the_bias_of_a_linear_is_inside_the_rounding_and_that_of_a_convolution_outside() -> None:
    # the sum is 2048 + 1, a tie in float16; the bias is another 1
    x, weight, bias = (sf.Tensor(each, dtype="float16") for each in ([[2048.0, 1.0]], [[1.0, 1.0]], [1.0]))
    assert F.linear(x, weight, bias).item() == 2050.0
    assert F.conv2d(x.view(1, 2, 1, 1), weight.view(1, 2, 1, 1), bias).item() == 2048.0


def test_every_gradient_of_a_convolution_is_one_sum() -> None:
    # a pixel in many windows: in float16 one after the other, 2048 + 1 + 1 ... would stay 2048
    x = sf.Tensor(np.ones((1, 1, 3, 3)), requires_grad=True, dtype="float16")
    weight = sf.Tensor(np.ones((1, 1, 3, 3)), requires_grad=True, dtype="float16")
    g = np.ones((1, 1, 3, 3))
    g[0, 0, 0, 0] = 2048.0
    F.conv2d(x, weight, padding=1).backward(sf.array(g, "float16"))
    assert x.grad.values[0, 0, 1, 1] == 2056.0


def test_gradients_of_a_repeated_row_are_added_in_float32() -> None:
    weight = sf.Tensor(np.zeros((3, 1)), requires_grad=True, dtype="float16")
    g = sf.array([[2048.0], [1.0], [1.0], [1.0]], "float16")
    F.embedding(np.array([1, 1, 1, 1]), weight).backward(g)
    assert weight.grad.tolist() == [[0.0], [2052.0], [0.0]]  # 2051, to even
    x = sf.Tensor(np.zeros((3, 1)), requires_grad=True, dtype="float16")
    x[np.array([1, 1, 1, 1])].backward(g)
    assert x.grad.tolist() == weight.grad.tolist()


def test_a_gelu_loses_the_bits_that_1_plus_erf_loses() -> None:
    x = np.float32(-5.5)
    exact = 0.5 * float(x) * math.erfc(-float(x) / math.sqrt(2))
    found = apply(OPERATIONS["gelu"], sf.array([x])).item()
    assert found == -5.5 * 0.5 * 2.0**-24  # 1 + erf, on float32's grid below 1
    assert abs(found - exact) > 0.3 * abs(exact)


def test_dropout_scales_by_the_float32_quotient() -> None:
    x = sf.Tensor(np.full(1000, 0.1), requires_grad=True, dtype="float16")
    y = F.dropout(x, 0.3, rng=5)
    kept = y.data.values != 0
    scaled = np.float32(0.0999755859375) * (np.float32(1) / np.float32(0.7))
    assert 0.6 < kept.mean() < 0.8
    assert set(y.tolist()) == {0.0, float(np.float16(scaled))}
    y.backward(np.ones(1000))
    np.testing.assert_array_equal(x.grad.values != 0, kept)
    np.testing.assert_array_equal(F.dropout(x, 0.3, rng=5).data.values, y.data.values)


def test_equals_share_the_gradient_of_the_largest() -> None:
    x = sf.Tensor([1.0, 3.0, 3.0, 3.0], requires_grad=True, dtype="float16")
    x.max().backward()
    assert x.grad.tolist() == [0.0, *[float(np.float16(1 / 3))] * 3]
    x.grad = None
    x.max(dim=0).values.backward()
    assert x.grad.tolist() == [0.0, 1.0, 0.0, 0.0]


# --- device_math


# The largest errors in ulps that the CUDA C++ Programming Guide states for its single-precision functions.
CUDA_ULPS = {"exp": 2, "log": 1, "log1p": 1, "tanh": 2, "rsqrt": 2, "erf": 2}


@pytest.mark.parametrize("name", CUDA_ULPS)
def test_functions_of_float32_err_as_much_as_cudas_and_no_more(name: str) -> None:
    reference = {"rsqrt": lambda x: 1 / np.sqrt(x), "erf": np.vectorize(math.erf)}.get(name) or getattr(np, name)
    x = np.random.default_rng(7).uniform(1e-3, 5, 20_000).astype(np.float32)
    found = getattr(device_math, name)(x)
    assert found.dtype == np.float32
    nearest = reference(x.astype(np.float64)).astype(np.float32)
    away = np.abs(found.view(np.int32).astype(np.int64) - nearest.view(np.int32))
    assert 0 < away.max() <= CUDA_ULPS[name]


def test_a_fused_product_and_sum_is_rounded_once() -> None:
    x, z = np.float32([1 + 2.0**-23]), np.float32([-1 - 2.0**-22])
    assert device_math.fma(x, x, z).tolist() == [2.0**-46]
    assert device_math.fma(x[:, None], 2.0, z).shape == (1, 1)


# --- rows and autocast


def test_every_listed_operation_is_under_torchs_name_for_it() -> None:
    known = set().union(*AUTOCAST_LISTS.values())
    listed = {name for name, row in OPERATIONS.items() if row.autocast != "follows_inputs"}
    assert listed == set(OPERATIONS) & known


def test_whoever_listens_hears_each_rounding_of_a_kernel_once() -> None:
    heard: list[str] = []
    x = sf.Tensor(np.ones((2, 4)), dtype="float16")
    with observe.listening(lambda rounding: heard.append(rounding.operation)):
        F.softmax(F.gelu(F.layer_norm(x, (4,))), 1)
    assert heard == ["layer_norm", "gelu", "softmax"]


# --- every row in every kind of format

FORMATS = [
    sf.float32, sf.float16, sf.bfloat16, sf.tfloat32, sf.float8_e5m2, sf.float8_e4m3fn,
    sf.Format("e9m23", exponent_bits=9, mantissa_bits=23), sf.Format("e6m14", exponent_bits=6, mantissa_bits=14),
]  # fmt: skip


@pytest.mark.parametrize("fmt", FORMATS, ids=str)
@pytest.mark.parametrize(("name", "case"), EVERY_CASE, ids=NAMES)
def test_results_and_gradients_belong_to_their_formats(name: str, case: Case, fmt: sf.Format) -> None:
    leaves: list[sf.Tensor] = []

    def tensor(spec: Floats, values: np.ndarray) -> sf.Tensor:
        leaves.append(sf.Tensor(values, requires_grad=spec.grad, dtype=fmt))
        return leaves[-1]

    result = apply(OPERATIONS[name], *filled(case.args, tensor, lambda x: x), **case.options)
    assert result.dtype == fmt or name == "_to_copy"
    found = [result.data]
    if result.requires_grad:
        result.backward(np.ones(result.shape))
        found += [leaf.grad for leaf in leaves if leaf.requires_grad]  # type: ignore[misc]
        assert all(leaf.grad.shape == leaf.shape and leaf.grad.dtype == fmt for leaf in leaves if leaf.requires_grad)
    for array in found:
        assert array.values.dtype == array.dtype.carrier
        np.testing.assert_array_equal(sf.round_to(array.values, array.dtype), array.values)


def test_a_loss_of_other_sizes_is_warned_of_and_then_refused() -> None:
    x = sf.Tensor(np.ones((3, 4)))
    with pytest.warns(UserWarning, match="different to the input size"), pytest.raises(RuntimeError, match="size of"):
        F.huber_loss(x, np.ones((2, 4), np.float32))
    with pytest.warns(UserWarning, match="different to the input size"):
        assert F.mse_loss(x, np.ones((1, 4), np.float32)).item() == 0.0
