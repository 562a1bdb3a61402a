"""The graph: deep ones, used-up ones, and what is asked of `backward`."""

from __future__ import annotations

import gc
import math
import weakref
from collections.abc import Callable

import numpy as np
import pytest

import simfp as sf
from simfp.autograd import Tensor
from tests.near import hold


class Value:
    """A number that knows how it was made: backward mode over Python's floats, in a few lines."""

    def __init__(self, data: float, parents: tuple[tuple[Value, float], ...] = ()) -> None:
        self.data, self.grad, self.parents = data, 0.0, parents

    def __add__(self, other: Value) -> Value:
        return Value(self.data + other.data, ((self, 1.0), (other, 1.0)))

    def __mul__(self, other: Value) -> Value:
        return Value(self.data * other.data, ((self, other.data), (other, self.data)))

    def tanh(self) -> Value:
        result = math.tanh(self.data)
        return Value(result, ((self, 1 - result * result),))

    def backward(self) -> None:
        order: list[Value] = []

        def visit(value: Value) -> None:
            if value not in order:
                for parent, _ in value.parents:
                    visit(parent)
                order.append(value)

        visit(self)
        self.grad = 1.0
        for value in reversed(order):
            for parent, slope in value.parents:
                parent.grad += slope * value.grad


def small_network(inputs: list, weights: list) -> object:  # type: ignore[type-arg]
    """Two layers of two tanh units, and their product with themselves, of whatever numbers are given."""
    hidden = inputs
    for layer in range(2):
        hidden = [
            (hidden[0] * weights[layer * 6 + unit * 3] + hidden[1] * weights[layer * 6 + unit * 3 + 1]
             + weights[layer * 6 + unit * 3 + 2]).tanh()
            for unit in range(2)
        ]  # fmt: skip
    return hidden[0] * hidden[1] + hidden[0] * hidden[0]


def gradients(number: Callable[[float], object]) -> tuple[object, list[float]]:
    rng = np.random.default_rng(5)
    leaves = [number(float(np.float32(each))) for each in rng.uniform(-1, 1, 14)]
    loss = small_network(leaves[:2], leaves[2:])
    loss.backward()  # type: ignore[attr-defined]
    return loss, [float(leaf.grad) for leaf in leaves]  # type: ignore[attr-defined]


def test_a_small_network_has_the_gradients_of_twenty_lines_of_python() -> None:
    _, expected = gradients(Value)
    _, found = gradients(lambda x: sf.Tensor(x, requires_grad=True))
    np.testing.assert_allclose(found, expected, rtol=2e-6, atol=1e-7)  # float32 against float64


@pytest.mark.torch
def test_a_small_network_has_nearly_the_exact_gradients_as_torch_has() -> None:
    import torch

    _, exact = gradients(lambda x: torch.tensor(x, dtype=torch.float64, requires_grad=True))
    _, theirs = gradients(lambda x: torch.tensor(x, dtype=torch.float32, requires_grad=True))
    _, ours = gradients(lambda x: sf.Tensor(x, requires_grad=True))
    hold(ours, theirs, exact, 4, each=True)  # tanh's


# --- deep graphs


def chain(length: int, x: Tensor) -> Tensor:
    for _ in range(length):
        x = x + 1.0
    return x


def test_ten_thousand_operations_forward_and_backward() -> None:
    x = sf.Tensor(0.0, requires_grad=True)
    y = chain(10_000, x)
    y.backward()
    assert (y.item(), x.grad.item()) == (10_000.0, 1.0)


@pytest.mark.parametrize("length", [20_000, pytest.param(100_000, marks=pytest.mark.long)])
@pytest.mark.parametrize("walked", [False, True], ids=["unused", "after backward"])
def test_a_graph_of_very_many_operations_is_freed(walked: bool, length: int) -> None:
    x = sf.Tensor(0.0, requires_grad=True)
    y = chain(length, x)
    if walked:
        y.backward()
    first = weakref.ref(y.grad_fn)
    del y
    gc.collect()
    assert first() is None


def test_a_graph_that_forks_and_meets_again_many_times() -> None:
    x = sf.Tensor(1.0, requires_grad=True)
    y = x
    for _ in range(60):
        y = y * 0.5 + y * 0.5  # 2^60 paths
    y.backward()
    assert x.grad.item() == 1.0


# --- what is asked of backward


def test_gradients_of_two_walks_are_added() -> None:
    x = sf.Tensor([1.0, 2.0], requires_grad=True)
    (x * x).sum().backward()
    (x * 3.0).sum().backward()
    assert x.grad.tolist() == [5.0, 7.0]


def test_a_graph_is_walked_once_unless_it_is_kept() -> None:
    x = sf.Tensor(2.0, requires_grad=True)
    y = x * x
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == 8.0
    with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
        y.backward()


def test_only_one_value_has_a_gradient_of_its_own() -> None:
    x = sf.Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(RuntimeError, match="grad can be implicitly created only for scalar outputs"):
        (x * x).backward()
    with pytest.raises(RuntimeError, match="Mismatch in shape"):
        (x * x).backward([1.0])


def test_without_a_gradient_there_is_no_backward() -> None:
    with pytest.raises(RuntimeError, match="does not require grad and does not have a grad_fn"):
        (sf.Tensor(1.0) * 2.0).backward()
    x = sf.Tensor(1.0, requires_grad=True)
    with sf.no_grad():
        y = x * 2.0
    assert not y.requires_grad
    with pytest.raises(RuntimeError, match="does not require grad"):
        y.backward()


def test_a_tensor_that_is_no_leaf_keeps_its_gradient_if_asked() -> None:
    x = sf.Tensor([1.0, 2.0], requires_grad=True)
    y = x * 2.0
    z = y * y
    y.retain_grad()
    z.sum().backward()
    assert (y.grad.tolist(), x.grad.tolist(), z.grad) == ([4.0, 8.0], [8.0, 16.0], None)


def test_gradients_that_meet_are_rounded_to_the_format() -> None:
    x = sf.Tensor(1.0, requires_grad=True, dtype="float16")
    (x * 2048.0 + x).backward()
    assert x.grad.item() == 2048.0


def test_a_broadcast_input_gets_the_sum_in_its_own_shape_and_format() -> None:
    x = sf.Tensor(np.ones((3, 1)), requires_grad=True, dtype="float16")
    y = sf.Tensor(np.full((2, 1, 4), 0.1), dtype="float32")
    (x * y).sum().backward()
    assert (x.grad.shape, x.grad.dtype) == ((3, 1), sf.float16)
    assert x.grad.tolist() == [[float(np.float16(0.8))]] * 3
