"""Gradients share no memory: with one another, with what was given to `backward`, or with any tensor's values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import simfp as sf
from simfp import nn, optim
from simfp.autograd import functions as F
from simfp.autograd import no_grad
from simfp.clipping import clip_grad_norm_, clip_grad_value_
from simfp.grad_scaler import GradScaler


def leaf(*values: float) -> sf.Tensor:
    return sf.Tensor(np.array(values, np.float32), requires_grad=True)


WAYS: dict[str, Callable[[sf.Tensor, sf.Tensor], sf.Tensor]] = {
    "a sum": lambda a, b: a + b,
    "a difference": lambda a, b: a - b,
    "a clone": lambda a, b: a.clone() + b.clone(),
    "shapes": lambda a, b: a.reshape(2, 1) + b.reshape(2, 1),
    "a transpose": lambda a, b: a.reshape(1, 2).t() + b.reshape(2, 1),
    "casts": lambda a, b: a.to("float16") + b.to("float16"),
    "a residual": lambda a, b: (a + b) + a,
    "parts": lambda a, b: a[:] + b[0:2],
    "expansion": lambda a, b: a.expand(3, 2) + b.expand(3, 2),
    "concatenation": lambda a, b: F.cat([a, b]),
    "a stack": lambda a, b: F.stack([a, b]),
    "a sum of all": lambda a, b: a.sum() + b.sum(),
    "itself": lambda a, b: a + 0 * b,
    "splitting": lambda a, b: F.cat([a.split(1)[0], b.chunk(2)[1], b.split(1)[0]]),
    "linear": lambda a, b: a.reshape(1, 2) @ b.reshape(2, 1),
    "where": lambda a, b: F.where(np.array([True, False]), a, b),
    "in place": lambda a, b: (a * 1).add_(b),
}


@pytest.mark.parametrize("way", WAYS)
def test_each_gradient_has_memory_of_its_own_that_can_be_edited(way: str) -> None:
    a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    made = WAYS[way](a, b)
    g = sf.array(np.arange(1, made.numel() + 1, dtype=np.float32).reshape(made.shape), made.dtype)
    made.retain_grad()
    made.backward(g)
    grads = {"a": a.grad, "b": b.grad, "made": made.grad}
    assert all(grad is not None for grad in grads.values())
    before = {name: grad.values.copy() for name, grad in grads.items()}
    others = [g._values, a.data._values, b.data._values, made.data._values]
    for name, grad in grads.items():
        rest = [each._values for key, each in grads.items() if key != name]
        assert not any(np.shares_memory(grad._values, other) for other in [*rest, *others])
    for name in ("a", "b", "made"):
        grads[name] *= 2
        for other, grad in grads.items():
            doubled = list(grads).index(other) <= list(grads).index(name)
            np.testing.assert_array_equal(grad.values, before[other] * (2 if doubled else 1))
    np.testing.assert_array_equal(g.values.reshape(-1), np.arange(1, g.size + 1))


def test_a_loop_over_parameters_divides_each_gradient_once() -> None:
    a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    (a + b).sum().backward()
    for p in [a, b]:
        p.grad /= 2
    assert a.grad.tolist() == b.grad.tolist() == [0.5, 0.5]


@pytest.mark.parametrize("through", [lambda x: x, lambda x: x.clone(), lambda x: x.reshape(2, 1).reshape(2)])
def test_what_backward_was_given_stays_the_callers(through: Callable[[Any], Any]) -> None:
    x, g = leaf(1.0, 2.0), sf.array([1.0, 2.0])
    through(x).backward(g)
    x.grad *= 3
    assert g.tolist() == [1.0, 2.0]
    g *= 0
    assert x.grad.tolist() == [3.0, 6.0]


def test_a_second_gradient_is_added_in_place() -> None:
    x = leaf(1.0, 2.0)
    (x * 2).sum().backward()
    kept = x.grad
    (x * 3).sum().backward()
    assert x.grad is kept
    assert kept.tolist() == [5.0, 5.0]


def test_an_edited_gradient_does_not_reach_a_walk_that_comes_again() -> None:
    x = leaf(1.0, 2.0)
    y = x.reshape(2, 1) + 1
    for _ in range(2):
        y.sum().backward(retain_graph=True)
        x.grad *= 10
    assert x.grad.tolist() == [110.0, 110.0]


def test_a_gradient_of_batch_norm_is_that_of_what_comes_in_now() -> None:
    x = sf.Tensor(np.array([[1.0, 2], [3, 5], [4, 0]], np.float32), requires_grad=True)
    weight = leaf(1.0, 2.0)
    y = nn.functional.batch_norm(x, None, None, weight, training=True)
    g = sf.array(np.arange(6, dtype=np.float32).reshape(3, 2))
    y.backward(g, retain_graph=True)
    first = weight.grad.values.copy()
    weight.grad = None
    g *= 2
    y.backward(g)
    np.testing.assert_array_equal(weight.grad.values, first * 2)


def test_a_gradient_that_cannot_be_written_to_is_replaced() -> None:
    x = leaf(1.0, 2.0)
    x.grad = sf.array(np.broadcast_to(np.float32(1), 2))
    x.grad._values.flags.writeable = False
    x.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_clipping_and_unscaling_write_into_the_gradient_that_the_caller_keeps() -> None:
    p = leaf(1.0, 2.0)
    optimizer, scaler = optim.SGD([p], lr=0.5), GradScaler(init_scale=4.0)
    scaler.scale((p * 8).sum()).backward()
    kept = p.grad
    assert kept.tolist() == [32.0, 32.0]
    scaler.unscale_(optimizer)
    assert p.grad is kept
    assert kept.tolist() == [8.0, 8.0]
    clip_grad_value_([p], 6.0)
    assert kept.tolist() == [6.0, 6.0]
    clip_grad_norm_([p], 3.0, float("inf"))
    assert p.grad is kept
    assert np.all(kept.values <= 3)
    optimizer.zero_grad(set_to_none=False)
    assert p.grad is kept
    assert kept.tolist() == [0.0, 0.0]
    kept += 1


def test_a_module_sets_gradients_to_zero_in_place() -> None:
    layer = nn.Linear(2, 1)
    layer(leaf(1.0, 2.0)).sum().backward()
    kept = layer.weight.grad
    layer.zero_grad(set_to_none=False)
    assert layer.weight.grad is kept
    assert kept.tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize("fmt", ["float32", "float16"])
@pytest.mark.parametrize("make", [lambda p: optim.SGD([p], lr=0.5, momentum=0.9), lambda p: optim.AdamW([p], lr=0.5)])
def test_a_step_writes_into_the_weights(make: Callable[[Any], Any], fmt: str) -> None:
    p = sf.Tensor(sf.array([1.0, 2.0], fmt), requires_grad=True)
    view, flat, data = p[1:], p.detach(), p.data
    optimizer = make(p)
    for _ in range(2):
        optimizer.zero_grad()
        (p * p).sum().backward()
        optimizer.step()
    assert p.data is data
    assert p.tolist() != [1.0, 2.0]
    assert flat.tolist() == p.tolist()
    assert view.tolist() == p.tolist()[1:]


def test_a_graph_that_needs_the_old_weights_is_refused_after_a_step() -> None:
    p, q = leaf(1.0, 2.0), leaf(3.0, 4.0)
    loss, other = (p * p).sum(), (p * q.detach()).sum()
    optimizer = optim.SGD([p], lr=0.5)
    loss.backward(retain_graph=True)
    optimizer.step()
    with pytest.raises(
        RuntimeError, match=r"modified by an inplace operation: \[float32 \[2\]\], which is input `[xy]`"
    ):
        loss.backward()
    other.backward()  # which does not


def test_parameters_are_loaded_and_initialized_in_place() -> None:
    layer = nn.Linear(2, 1)
    view = layer.weight.detach()
    layer.load_state_dict({"weight": np.ones((1, 2), np.float32), "bias": np.zeros(1, np.float32)})
    assert view.tolist() == [[1.0, 1.0]]
    nn.init.constant_(layer.weight, 3.0)
    assert view.tolist() == [[3.0, 3.0]]
    with no_grad():
        layer.weight.zero_()
    assert view.tolist() == [[0.0, 0.0]]
