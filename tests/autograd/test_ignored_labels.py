"""Labels that are ignored, and other values that a mask takes out: their gradient is 0, whatever comes in."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import simfp as sf
from simfp import nn, optim
from simfp.amp import GradScaler
from simfp.autograd import functions as F
from simfp.nn import functional

LOGITS = {
    (2, 3): (2,), (3,): (), (2, 3, 2): (2, 2),
}  # fmt: skip
LOSSES = {
    "cross_entropy": functional.cross_entropy,
    "smoothed": lambda *given, **options: functional.cross_entropy(*given, label_smoothing=0.1, **options),
    "nll_loss": functional.nll_loss,
}


def gradient_of(name: str, shape: tuple[int, ...], labels: Any, slope: float, **options: Any) -> tuple[Any, Any]:
    x = sf.Tensor(np.linspace(-1, 1, math.prod(shape), dtype=np.float32).reshape(shape), requires_grad=True)
    loss = LOSSES[name](x, labels, **options)
    loss.backward(np.full(loss.shape, slope, np.float32))
    return loss.data.values, x.grad.values


@pytest.mark.parametrize("shape", LOGITS)
@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("ignored", [-100, 7])
@pytest.mark.parametrize("slope", [1.0, math.inf, math.nan])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weight", [None, [0.5, 1.0, 2.0]])
def test_where_all_labels_are_ignored_the_gradient_is_zero(
    name: str, shape: Any, ignored: int, slope: float, reduction: str, weight: Any
) -> None:
    labels = np.full(LOGITS[shape], ignored)
    weights = None if weight is None else np.array(weight, np.float32)
    loss, grad = gradient_of(name, shape, labels, slope, ignore_index=ignored, reduction=reduction, weight=weights)
    assert np.isnan(loss) if reduction == "mean" else (loss == 0).all()
    if name == "smoothed" and not math.isfinite(slope) and reduction != "mean":
        return  # the smoothing is a sum of products, whose gradients are those of products
    if name != "nll_loss" and math.isnan(slope):
        return
    np.testing.assert_array_equal(grad, np.zeros(shape))


def test_an_ignored_sample_gets_no_part_of_an_infinite_gradient() -> None:
    for name in ("nll_loss", "cross_entropy"):
        _, grad = gradient_of(name, (2, 3), np.array([1, -100]), math.inf)
        np.testing.assert_array_equal(grad[1], np.zeros(3))
        assert not np.isfinite(grad[0]).all()


def test_a_counted_class_of_weight_zero_is_nan() -> None:
    loss, grad = gradient_of("nll_loss", (2, 3), np.array([1, -100]), 1.0, weight=np.array([1, 0, 1], np.float32))
    assert np.isnan(loss)
    assert np.isnan(grad[0, 1])
    np.testing.assert_array_equal(grad[1], np.zeros(3))


def test_a_micro_batch_of_ignored_labels_spoils_no_weight_and_no_scale() -> None:
    layer = nn.Linear(4, 3)
    optimizer, scaler = optim.SGD(layer.parameters(), lr=0.1), GradScaler(init_scale=8.0)
    x = sf.Tensor(np.ones((2, 4), np.float32))
    for labels in ([0, 1], [-100, -100]):
        scaler.scale(nn.CrossEntropyLoss()(layer(x), np.array(labels))).backward()
    scaler.step(optimizer)
    scaler.update()
    assert scaler.get_scale() == 8.0
    assert np.isfinite(layer.weight.data.values).all()


@pytest.mark.parametrize(
    ("pick", "expected"),
    [
        (lambda x: F.relu(x), [0, math.inf]),
        (lambda x: functional.leaky_relu(x, 0.0), [math.nan, math.inf]),  # a product with the slope, as in torch
        (lambda x: x.clamp(0, 5), [0, math.inf]),
        (lambda x: F.where(np.array([False, True]), x, 0.0), [0, math.inf]),
        (lambda x: x.masked_fill(np.array([True, False]), 0.0), [0, math.inf]),
        (lambda x: F.maximum(x, np.zeros(2, np.float32)), [0, math.inf]),
        (lambda x: functional.max_pool2d(x.reshape(1, 1, 1, 2), (1, 2)), [0, math.inf]),
        (lambda x: functional.embedding(np.array([0, 1]), x.reshape(2, 1), padding_idx=0), [0, math.inf]),
        (lambda x: x.reshape(1, 2).triu(1), [0, math.inf]),
        (lambda x: x[1:], [0, math.inf]),
        (lambda x: x.max(0)[0], [0, math.inf]),
        (lambda x: x.amax(), [math.nan, math.inf]),  # as in torch, where a product with 0 takes it out
        (lambda x: x.norm(math.inf), [math.nan, math.inf]),
    ],
)
def test_what_is_left_out_gets_zero_of_an_infinite_gradient_where_torch_says_so(pick: Any, expected: Any) -> None:
    x = sf.Tensor([-1.0, 2.0], requires_grad=True)
    y = pick(x)
    y.backward(np.full(y.shape, math.inf, np.float32))
    np.testing.assert_array_equal(x.grad.values, expected)
