"""Arrays without elements: what torch makes of them, in shapes, values, gradients and errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from simfp.autograd import Tensor
from simfp.nn import functional

pytestmark = pytest.mark.torch

SHAPES = [(0,), (3, 0), (0, 3), (2, 0, 3), (2, 3, 0), (0, 4, 5)]
# fmt: off
NORMS: dict[str, tuple[Callable[..., Any], list[tuple[int, ...]]]] = {
    #                         call                                                      shapes of x, weight and bias
    "group_norm, no sample":  (lambda F, x, *more: F.group_norm(x, 2, *more),           [(0, 4, 3), (4,), (4,)]),
    "group_norm, no values":  (lambda F, x, *more: F.group_norm(x, 2, *more),           [(2, 4, 0), (4,), (4,)]),
    "group_norm, alone":      (lambda F, x: F.group_norm(x, 2),                         [(0, 4)]),
    "layer_norm, no rows":    (lambda F, x, *more: F.layer_norm(x, (5,), *more),        [(0, 5), (5,), (5,)]),
    "layer_norm, no columns": (lambda F, x: F.layer_norm(x, (0,)),                      [(3, 0)]),
    "rms_norm, no columns":   (lambda F, x: F.rms_norm(x, (0,)),                        [(3, 0)]),
    "batch_norm, no sample":  (lambda F, x, *more: F.batch_norm(x, None, None, *more, training=True),
                                                                                        [(0, 4, 3), (4,), (4,)]),
    "batch_norm, columns":    (lambda F, x, *more: F.batch_norm(x, None, None, *more, training=True),
                                                                                        [(0, 4), (4,), (4,)]),
    "batch_norm, no channel": (lambda F, x: F.batch_norm(x, None, None, training=True), [(2, 0, 3)]),
}
# fmt: on


def both(call: Callable[..., Any], *shapes: tuple[int, ...]) -> None:
    """The same results, and gradients of all inputs, from simfp and torch."""
    ours = [Tensor(np.ones(shape, np.float32), requires_grad=True) for shape in shapes]
    theirs = [torch.ones(shape, requires_grad=True) for shape in shapes]
    got, wanted = call(functional, *ours), call(torch.nn.functional, *theirs)
    np.testing.assert_array_equal(got.data.values, wanted.detach().numpy(), strict=True)
    got.sum().backward()
    wanted.sum().backward()
    for x, y in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(x.grad.values, y.grad.numpy(), strict=True)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_softmax_of_nothing_is_nothing(name: str, shape: tuple[int, ...]) -> None:
    for dim in range(len(shape)):
        both(lambda F, x, dim=dim: getattr(F, name)(x, dim), shape)


@pytest.mark.parametrize("name", NORMS)
def test_normalizing_nothing_gives_nothing(name: str) -> None:
    call, shapes = NORMS[name]
    both(call, *shapes)


def test_a_batch_of_nothing_leaves_running_statistics_as_they_are() -> None:
    for module, make in ((functional, np.zeros), (torch.nn.functional, torch.zeros)):
        mean, variance = (Tensor(np.full(4, 0.5)) if make is np.zeros else torch.full((4,), 0.5) for _ in range(2))
        x = Tensor(np.zeros((0, 4, 3))) if make is np.zeros else torch.zeros(0, 4, 3)
        module.batch_norm(x, mean, variance, training=True)
        assert mean.tolist() == variance.tolist() == [0.5] * 4


def test_statistics_and_groups_that_make_no_sense_are_refused_as_torch_refuses_them() -> None:
    ours, theirs = Tensor(np.ones((2, 4, 3), np.float32)), torch.ones(2, 4, 3)
    half, other = Tensor(np.ones(4, np.float32)), torch.ones(4)
    for call in (
        lambda F, x, one: F.batch_norm(x, one, None, training=True),
        lambda F, x, one: F.batch_norm(x, None, None),
        lambda F, x, one: F.group_norm(x, -2),
    ):
        with pytest.raises((ValueError, RuntimeError)) as wanted:
            call(torch.nn.functional, theirs, other)
        with pytest.raises(type(wanted.value)) as got:
            call(functional, ours, half)
        assert str(got.value) == str(wanted.value).split("\n")[0]


@pytest.mark.parametrize(
    ("x", "y"),
    [((3, 0), (0, 2)), ((0, 3), (3, 2)), ((2, 3, 0), (0, 2)), ((2, 0, 3), (3, 2)), ((2, 3, 0), (0,)), ((0,), (0,))],
    ids=str,
)  # fmt: skip
def test_products_of_nothing_are_zeros_and_their_gradients_nothing(x: tuple[int, ...], y: tuple[int, ...]) -> None:
    both(lambda F, a, b: a @ b, x, y)
    if len(y) == 2:
        both(lambda F, a, b: F.linear(a, b.T), x, y)
