"""What listeners hear of Arrays: what the exact result lost, not what was left of it on the way."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import simfp as sf
from simfp import observe


def heard(operation: str, run: Callable[[], object]) -> list[str]:
    told: list[observe.Rounding] = []
    with observe.listening(told.append):
        run()
    return [observe.FATES[index] for event in told if event.operation == operation for index in event.fates]


# fmt: off
#    operation    operand   its format  other operand                  fate of the result
LOSSES = [
    ("multiply",  1e-30,    "bf16",     1e-30,                         "zeroed"),
    ("multiply",  1e-30,    "bf16",     sf.array([1e-30], "bf16"),     "zeroed"),
    ("add",       3e38,     "bf16",     sf.array([3e38], "bf16"),      "overflowed"),
    ("multiply",  60000.0,  "fp16",     1e38,                          "overflowed"),
    ("multiply",  1.0,      "fp16",     1e50,                          "overflowed"),
    ("multiply",  1.0,      "fp16",     1e-50,                         "zeroed"),
    ("multiply",  1e-30,    "tf32",     sf.array([1e-30], "tf32"),     "zeroed"),
    ("multiply",  1e-30,    "fp32",     sf.array([1e-30], "fp32"),     "zeroed"),
    ("divide",    1.0,      "fp16",     0.0,                           "exact"),
]
# fmt: on


@pytest.mark.parametrize(("operation", "x", "fmt", "y", "fate"), LOSSES)
def test_what_float32_would_hide_is_heard(operation: str, x: float, fmt: str, y: object, fate: str) -> None:
    a = sf.array([x], fmt)
    assert heard(operation, lambda: getattr(np, operation)(a, y)) == [fate]


@pytest.mark.parametrize("fmt", ["fp16", "bf16", "fp32"])
def test_a_function_that_leaves_float64_itself_has_overflowed_or_vanished(fmt: str) -> None:
    a = sf.array([-1000, 1000, 0], fmt)
    assert heard("exp", lambda: np.exp(a)) == ["zeroed", "overflowed", "exact"]
    assert heard("log", lambda: np.log(sf.array([0.0], fmt))) == ["exact"]


@pytest.mark.parametrize("fmt", ["fp16", "bf16", "tf32", "fp32", "e5m2"])
def test_listening_changes_no_result(fmt: str) -> None:
    rng = np.random.default_rng(3)
    x, y = (sf.array(rng.standard_normal(4000) * 2.0 ** rng.integers(-40, 40, 4000), fmt) for _ in range(2))
    for ufunc in (np.add, np.multiply, np.divide, np.exp, np.tanh):
        operands = (x, y)[: ufunc.nin]
        alone = ufunc(*operands).codes
        with observe.listening(lambda rounding: None):
            np.testing.assert_array_equal(ufunc(*operands).codes, alone)


@pytest.mark.parametrize("dtype", [">f4", ">f8"])
def test_big_endian_values_have_the_fates_of_their_values(dtype: str) -> None:
    x = np.array([1.0, 0.1], dtype)
    assert heard("round_to", lambda: sf.round_to(x, "fp16")) == ["exact", "rounded"]
    wide = sf.Format("wide", exponent_bits=10, mantissa_bits=8)
    assert sf.round_to(x, wide)[0] == 1.0
    assert sf.add(x, x, "fp16").dtype == x.dtype.newbyteorder("=")


def test_a_limit_beyond_a_format_without_infinity_is_a_limit_still() -> None:
    a = sf.array([1.0, 448.0], "e4m3")
    assert np.clip(a, -1000, 1000).tolist() == [1.0, 448.0]
    assert np.maximum(a, -np.inf).tolist() == [1.0, 448.0]
    assert (a < 1000).all()
    assert (a < np.inf).all()


@pytest.mark.parametrize("huge", [2**60 + 1, np.array([2**60 + 1]), -(2**53) - 1])
def test_operations_refuse_integers_that_float64_does_not_hold(huge: object) -> None:
    with pytest.raises(ValueError, match=r"add takes integers from -2\*\*53 to 2\*\*53, .* got -?\d+"):
        sf.add(huge, 1, "fp32")


def test_next_up_of_a_format_wider_than_float32_is_above() -> None:
    low = sf.Format("low", exponent_bits=5, mantissa_bits=10, exponent_bias=150)
    up = sf.next_up(np.float32(0), low)
    assert up == low.smallest_subnormal
    assert up.dtype == np.float64


def test_a_stochastic_story_tells_the_fate_of_its_own_throw() -> None:
    stories = [sf.explain(65519.0, "fp16", "stochastic", rng=seed) for seed in range(40)]
    assert {(story.result, story.fate) for story in stories} == {(np.inf, "overflowed"), (65504.0, "rounded")}
    assert "probability of 0:" in sf.explain(1 + 2**-13, "fp16", "stochastic", random_bits=1).why
