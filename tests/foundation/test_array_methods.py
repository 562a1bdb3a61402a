"""torch's methods on Arrays, as gradients and a Tensor's data have them: what comes back, rounded once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import simfp as sf
from simfp.array_methods import ValueMethods
from simfp.autograd import functions
from tests.samples import all_codes

# What is not about values, or is NumPy's function of the same name: tested below, one by one.
PROGRAMS: dict[str, Callable[[Any], Any]] = {
    "abs": lambda a: a.abs(), "neg": lambda a: a.neg(), "sqrt": lambda a: a.abs().sqrt(), "exp": lambda a: a.exp(),
    "square": lambda a: a.square(), "log": lambda a: a.abs().log(), "reciprocal": lambda a: a.reciprocal(),
    "sign": lambda a: a.sign(), "floor": lambda a: a.floor(), "ceil": lambda a: a.ceil(), "trunc": lambda a: a.trunc(),
    "round": lambda a: a.round(), "clamp": lambda a: a.clamp(-0.5, 0.5), "add": lambda a: a.add(1.5),
    "sub": lambda a: a.sub(a.flip(0)), "mul": lambda a: a.mul(0.75), "div": lambda a: a.div(4.0),
    "pow": lambda a: a.pow(2), "maximum": lambda a: a.maximum(a.neg()), "minimum": lambda a: a.minimum(a.neg()),
    "matmul": lambda a: a.matmul(a.t()), "norm": lambda a: a.norm(), "norm of order 1": lambda a: a.norm(1, 0),
    "prod": lambda a: a.prod(1), "cumsum": lambda a: a.cumsum(0), "cumprod": lambda a: a.cumprod(1),
    "amax": lambda a: a.amax(0), "amin": lambda a: a.amin(), "view": lambda a: a.view(-1),
    "flatten": lambda a: a.flatten(), "unsqueeze": lambda a: a.unsqueeze(1), "permute": lambda a: a.permute(1, 0),
    "squeeze": lambda a: a.view(1, 3, 1, 4).squeeze(), "one squeezed": lambda a: a.view(1, 3, 1, 4).squeeze(0),
    "expand": lambda a: a.unsqueeze(0).expand(2, 3, 4), "tril": lambda a: a.tril(), "triu": lambda a: a.triu(1),
    "half": lambda a: a.half(), "to": lambda a: a.to("bfloat16"), "clone": lambda a: a.clone(),
}  # fmt: skip
TRUTHS: dict[str, Callable[[Any], Any]] = {
    "isnan": lambda a: a.isnan(), "isinf": lambda a: a.isinf(), "isfinite": lambda a: a.isfinite(),
    "any": lambda a: a.any(1), "all": lambda a: a.all(), "eq": lambda a: a.eq(0.5), "ne": lambda a: a.ne(0.5),
    "lt": lambda a: a.lt(0.0), "le": lambda a: a.le(0.0), "gt": lambda a: a.gt(0.0), "ge": lambda a: a.ge(0.0),
    "argmax": lambda a: a.argmax(1), "argmin": lambda a: a.argmin(), "nonzero": lambda a: a.nonzero(),
}  # fmt: skip


def values(fmt: Any) -> sf.Array:
    return sf.array(np.random.default_rng(3).normal(size=(3, 4)), fmt)


@pytest.mark.parametrize("fmt", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_an_array_gives_what_a_tensor_gives(name: str, fmt: str) -> None:
    of_array, of_tensor = PROGRAMS[name](values(fmt)), PROGRAMS[name](sf.Tensor(values(fmt)))
    assert isinstance(of_array, sf.Array)
    assert (of_array.dtype, of_array.shape) == (of_tensor.dtype, of_tensor.shape)
    if name in ("exp", "log", "div"):  # rounded once, where a Tensor has CUDA's own function
        assert np.abs(of_array.values - of_tensor.data.values).max() <= sf.ulp(np.abs(of_array.values).max(), fmt)
        return
    np.testing.assert_array_equal(of_array.values, of_tensor.data.values)


@pytest.mark.parametrize("name", TRUTHS)
def test_what_is_so_of_an_array_is_told_by_numpys_arrays(name: str) -> None:
    found, expected = TRUTHS[name](values("float16")), TRUTHS[name](sf.Tensor(values("float16")))
    assert not isinstance(found, sf.Tensor)
    np.testing.assert_array_equal(found, expected.numpy())


def test_every_value_of_float16_is_nan_infinite_or_neither() -> None:
    a = sf.array(sf.decode(all_codes(sf.float16), sf.float16), sf.float16)
    counts = [int(a.isnan().sum()), int(a.isinf().sum()), int(a.isfinite().sum())]
    assert counts == [2 * 1023, 2, (1 << 16) - 2 * 1024]


def test_a_gradient_is_looked_at_as_in_a_training_script() -> None:
    x = sf.tensor([3.0, -4.0], requires_grad=True)
    (x * x).sum().backward()
    g = x.grad
    assert g.norm().item() == 10.0
    assert g.abs().max().item() == 8.0
    assert not g.isnan().any()
    assert g.isfinite().all()
    assert g.detach() is g
    assert g.cpu() is g.cuda() is g.to("cuda") is g.data is g.to(sf.float32)
    assert g.numpy().tolist() == [6.0, -8.0]
    assert not np.shares_memory(g.clone().values, g.values)
    assert (g.dim(), g.numel(), g.size, g.is_floating_point(), g.element_size()) == (1, 2, 2, True, 4)
    assert functions.cat([g.view(-1), g.flatten()]).tolist() == [6.0, -8.0, 6.0, -8.0]
    assert g.to(sf.int64).tolist() == [6, -8]


def test_bad_input_is_refused() -> None:
    a = values("float16")
    with pytest.raises(RuntimeError, match="At least one of 'min' or 'max'"):
        a.clamp()
    with pytest.raises(ValueError, match="norms of order 3"):
        a.norm(3)
    with pytest.raises(IndexError, match="Dimension out of range"):
        a.flatten(5)
    with pytest.raises(RuntimeError, match="invalid device ordinal: 7"):
        a.to("cuda:7")


def test_no_method_takes_the_place_of_one_of_numpys() -> None:
    assert {"size", "shape", "sum", "mean", "max", "min", "T", "copy", "astype"}.isdisjoint(vars(ValueMethods))


@pytest.mark.parametrize("name", ["float8_e8m0fnu", "float8_e4m3fnuz", "int4"])
@pytest.mark.parametrize("dtype", [None, "float16"])
def test_a_format_that_is_missing_is_named(name: str, dtype: Any) -> None:
    x = np.array([1, 2]).astype(getattr(ml_dtypes, name))
    with pytest.raises(TypeError, match=f"simfp has no format {name}, only float32, tfloat32"):
        sf.array(x, dtype)
    assert sf.array(x.astype(np.float32), dtype).tolist() == [1.0, 2.0]


# --- right, and to stay so


def test_variances_and_means_of_many_values_are_right() -> None:
    halves = sf.Tensor(np.repeat(np.array([0, 1], np.float32), 50_000))
    assert halves.var().item() == pytest.approx(0.25 * 100_000 / 99_999, rel=1e-6)
    steps = np.arange(262_144) % 1024
    assert sf.Tensor(steps.astype(np.float32)).std().item() == pytest.approx(steps.std(ddof=1), rel=1e-6)
    for fmt in ("float16", "bfloat16", "float32"):
        assert sf.Tensor(np.full(100_000, 2.0, np.float32), dtype=fmt).mean().item() == 2.0


def test_rounding_to_many_decimals_does_not_overflow() -> None:
    assert np.round(sf.array(2.0, "float16"), 5).item() == 2.0


def test_the_number_below_infinity_is_the_largest_and_bf16_has_no_odd_numbers_above_256() -> None:
    assert sf.next_down(np.float32(np.inf), sf.float16) == 65504.0
    assert sf.array([257.0, 259.0], "bfloat16").tolist() == [256.0, 260.0]
