"""Operations whose gradients share sums: these are made once for each gradient that comes, where somebody asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import simfp as sf
from simfp.kernels import batch_norm, cuda_norms, group_norm
from simfp.nn import functional
from simfp.ops import OPERATIONS

RNG = np.random.default_rng(5)
X, ROWS = RNG.standard_normal((6, 4, 3)), RNG.standard_normal((6, 4))
NORMS: dict[str, tuple[Callable[..., Any], Any, Any, str]] = {  # the call, x, and the kernel that makes the sums
    "layer_norm": (lambda x, *more: functional.layer_norm(x, (4,), *more), ROWS, cuda_norms, "column_gradients"),
    "group_norm": (lambda x, *more: functional.group_norm(x, 2, *more), X, group_norm, "over_samples"),
    "batch_norm of columns": (lambda x, *more: _batch_norm(x, *more), ROWS, batch_norm, "column_gradients"),
    "batch_norm of planes": (lambda x, *more: _batch_norm(x, *more), X, batch_norm, "plane_gradients"),
}


def _batch_norm(x: Any, *more: Any) -> Any:
    return functional.batch_norm(x, None, None, *more, training=True)


def test_these_are_the_operations_with_a_joint_backward() -> None:
    joint = {name for name, row in OPERATIONS.items() if row.joint}
    assert joint == {"layer_norm", "rms_norm", "group_norm", "batch_norm"}
    assert joint - {"rms_norm"} == {name.split(" ")[0] for name in NORMS}


@pytest.mark.parametrize("name", NORMS)
@pytest.mark.parametrize("wanted", [("weight", "bias"), ("bias",), ("x", "weight", "bias")], ids="+".join)
def test_shared_sums_are_made_once_for_each_gradient(
    name: str, wanted: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    call, x, kernels, loop = NORMS[name]
    made: list[int] = []
    original = getattr(kernels, loop)
    monkeypatch.setattr(kernels, loop, lambda *args: (made.append(1), original(*args))[1])
    given = {"x": x, "weight": np.linspace(0.5, 2, 4), "bias": np.linspace(-1, 1, 4)}
    tensors = {key: sf.Tensor(np.float32(value), requires_grad=key in wanted) for key, value in given.items()}
    out = call(*tensors.values())
    slopes = [np.random.default_rng(seed).standard_normal(out.shape).astype(np.float32) for seed in (1, 2)]
    for times, slope in enumerate(slopes, 1):
        out.backward(slope, retain_graph=True)
        assert len(made) == times
    # and they are those of this gradient, not of the one before: the sum of two backwards is that of two fresh ones
    alone = []
    for slope in slopes:
        fresh = {key: sf.Tensor(np.float32(value), requires_grad=key in wanted) for key, value in given.items()}
        call(*fresh.values()).backward(slope)
        alone.append({key: fresh[key].grad.values for key in wanted})
    for key in wanted:
        np.testing.assert_array_equal(tensors[key].grad.values, alone[0][key] + alone[1][key])


def test_sums_of_parameters_that_need_no_gradient_are_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any) -> None:
        raise AssertionError("nobody asked")

    monkeypatch.setattr(cuda_norms, "column_gradients", refuse)
    monkeypatch.setattr(group_norm, "over_samples", refuse)
    for name in ("layer_norm", "group_norm"):
        call, x, _, _ = NORMS[name]
        tensor = sf.Tensor(np.float32(x), requires_grad=True)
        call(tensor, *(sf.Tensor(np.ones(4, np.float32)) for _ in range(2))).sum().backward()
        assert tensor.grad.shape == x.shape
