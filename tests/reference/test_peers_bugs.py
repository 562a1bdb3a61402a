"""What other packages get wrong, each as a test of what simfp does instead."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

import simfp as sf
from simfp.formats import NAMED_FORMATS, Format
from simfp.rounding import ROUNDING_MODES
from tests.samples import assert_same, custom

TWICE_ROUNDED = {name: fmt for name, fmt in NAMED_FORMATS.items() if fmt.precision < 24 and fmt.smallest_normal <= 1}


@pytest.mark.parametrize("fmt", TWICE_ROUNDED.values(), ids=str)
def test_float64_is_not_rounded_twice_on_its_way_through_float32(fmt: Format) -> None:
    """ml_dtypes and torch (which errs in fp16 too) lose the last term on the way, and find a tie."""
    above = 1 + fmt.eps / 2 + 2.0**-40
    assert sf.round_to(above, fmt) == 1 + fmt.eps
    assert sf.round_to(1 + 1.5 * fmt.eps - 2.0**-40, fmt) == 1 + fmt.eps
    assert sf.round_to(-above, fmt) == -1 - fmt.eps


def test_ml_dtypes_does_round_float64_twice() -> None:
    """Were this to pass some day otherwise, ml_dtypes could serve as an oracle from float64 too."""
    assert np.array(1 + 2**-8 + 2**-40).astype(ml_dtypes.bfloat16).astype(float) == 1.0
    assert sf.round_to(1 + 2**-8 + 2**-40, "bfloat16") == 1.0078125


@pytest.mark.torch
def test_torch_does_round_float64_twice() -> None:
    import torch

    x = torch.tensor([1 + 2**-8 + 2**-40], dtype=torch.float64)
    assert x.bfloat16().item() == 1.0
    x = torch.tensor([1 + 2**-11 + 2**-40], dtype=torch.float64)
    assert x.half().item() == 1.0
    assert sf.round_to(1 + 2**-11 + 2**-40, "float16") == 1 + 2**-10


def test_70000_overflows_float16_to_infinity() -> None:
    """In pychop it becomes 0."""
    assert_same(sf.round_to([70000.0, -70000.0], "float16"), [np.inf, -np.inf])


def test_near_ties_of_subnormals_are_no_ties() -> None:
    """pychop takes them for ties."""
    unit = 2.0**-24
    for k in range(0, 40):
        tie = (k + 0.5) * unit
        assert sf.round_to(np.nextafter(tie, 1), "float16") == (k + 1) * unit
        assert sf.round_to(np.nextafter(tie, 0), "float16") == k * unit
        assert sf.round_to(tie, "float16") == (k + k % 2) * unit


@pytest.mark.parametrize("rounding", ROUNDING_MODES)
def test_minus_zero_keeps_its_sign(rounding: str) -> None:
    """pychop loses it."""
    assert np.signbit(sf.round_to(np.array([-0.0, -0.0], np.float32), "float16", rounding, rng=0)).all()


def test_a_nan_with_any_payload_stays_a_nan() -> None:
    """CPFloat makes infinity or -0 of some."""
    payloads = np.concatenate([1 << np.arange(23), (1 << np.arange(1, 24)) - 1]).astype(np.uint32)
    nans = np.concatenate([payloads | 0x7F800000, payloads | 0xFF800000]).astype(np.uint32).view(np.float32)
    for fmt in NAMED_FORMATS.values():
        for rounding in ROUNDING_MODES:
            assert np.isnan(sf.round_to(nans, fmt, rounding, rng=0)).all()
        if fmt.nans:
            assert np.isnan(sf.decode(sf.encode(nans, fmt), fmt)).all()


def test_float8_e4m3fn_ends_at_448() -> None:
    """CPFloat goes on to 480, whose code is OCP's NaN."""
    assert sf.float8_e4m3fn.max == 448
    assert np.isnan(sf.round_to(480.0, "e4m3"))
    assert sf.round_to(480.0, "e4m3", overflow="saturate") == 448


def test_an_fma_is_rounded_once() -> None:
    """CPFloat rounds twice."""
    assert sf.fma(3, 683, 2.0**-24, "float16") == 2050
    assert sf.fma(7, 37, -(2.0**-100), "bfloat16") == 258


def test_directed_modes_feel_addends_far_below_float64s_last_bit() -> None:
    """CPFloat loses them."""
    assert sf.add(1.0, 2.0**-1000, "float16", "toward_positive") == 1 + 2.0**-10
    assert sf.add(1.0, -(2.0**-1000), "float16", "toward_zero") == 1 - 2.0**-11
    assert sf.subtract(1.0, 2.0**-1000, "bfloat16", "toward_negative") == 1 - 2.0**-8


@pytest.mark.parametrize("fmt", NAMED_FORMATS.values(), ids=str)
def test_what_rounds_up_to_the_smallest_normal_number_does_not_vanish(fmt: Format) -> None:
    """apytypes gives 0."""
    just_below = np.nextafter(fmt.smallest_normal, 0)
    assert sf.round_to(just_below, fmt) == fmt.smallest_normal
    assert sf.round_to(just_below, fmt, subnormals="flush") == fmt.smallest_normal


def test_stochastic_rounding_below_the_smallest_subnormal_is_not_always_zero() -> None:
    """apytypes always gives 0."""
    results = sf.round_to(np.full(100_000, 0.75 * 2.0**-24), "float16", "stochastic", rng=0)
    assert 74_000 < np.count_nonzero(results == 2.0**-24) < 76_000
    assert np.count_nonzero(results) == np.count_nonzero(results == 2.0**-24)


def test_a_format_without_subnormals_flushes_them() -> None:
    """gfloat's has_subnormals=False does not."""
    fmt = custom("half_without_subnormals", 5, 10, subnormals=False)
    assert_same(
        sf.round_to([2.0**-15, -(2.0**-15), 2.0**-14, 1.5 * 2.0**-14], fmt), [0, -0.0, 2.0**-14, 1.5 * 2.0**-14]
    )


def test_to_odd_never_overflows_to_infinity() -> None:
    """gfloat does."""
    for fmt in NAMED_FORMATS.values():
        assert_same(sf.round_to([1e300, -1e300], fmt, "to_odd"), [fmt.max, -fmt.max])


def test_nearest_even_takes_ties_to_even() -> None:
    """QPyTorch takes them away from zero."""
    assert sf.round_to([2049.0, 2051.0, -2049.0], "float16").tolist() == [2048.0, 2052.0, -2048.0]


def test_infinity_and_nan_stay_what_they_are() -> None:
    """In QPyTorch's (5, 10) they become 131008."""
    assert_same(sf.round_to([np.inf, -np.inf, np.nan], "float16"), [np.inf, -np.inf, np.nan])


def test_float8_e4m3fn_overflow_is_said_by_the_caller() -> None:
    """torch saturates, ml_dtypes gives NaN; neither asks."""
    assert np.isnan(sf.round_to(1000.0, "float8_e4m3fn", overflow="inf"))
    assert sf.round_to(1000.0, "float8_e4m3fn", overflow="saturate") == 448
