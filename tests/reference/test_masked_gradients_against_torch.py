"""Ignored labels, and other values that are left out, under gradients of 1, infinity and NaN: as in torch."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as theirs

import simfp as sf
from simfp.autograd import functions
from simfp.nn import functional as ours

pytestmark = pytest.mark.torch

SLOPES = [1.0, math.inf, -math.inf, math.nan]


def compare(run: Callable[..., Any], values: np.ndarray, slope: float) -> None:
    """`run`, called with functions of losses, of tensors, a tensor, and what makes arrays of arrays: on both sides."""
    x = sf.Tensor(values.copy(), requires_grad=True)
    y = run(ours, functions, x, lambda a: a)
    y.backward(np.full(y.shape, slope, np.float32))
    other = torch.from_numpy(values.copy()).requires_grad_(True)
    z = run(theirs, torch, other, torch.from_numpy)
    z.backward(torch.full(z.shape, slope))
    # the functions differ by ulps
    np.testing.assert_allclose(y.data.values, z.detach().numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(x.grad.values, other.grad.numpy(), rtol=1e-5, atol=1e-6)


LABELS = {"all ignored": lambda some: np.full_like(some, -100), "some": lambda some: np.where(some == 1, some, -100)}
SHAPES: dict[tuple[int, ...], np.ndarray] = {
    (3,): np.array(1), (2, 3): np.array([1, 0]), (2, 3, 2): np.array([[1, 0], [2, 1]]),
}  # fmt: skip


@pytest.mark.parametrize("slope", SLOPES)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weight", [None, [0.5, 1.0, 2.0], [1.0, 0.0, 1.0]])
@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("shape", SHAPES)
def test_ignored_labels(shape: tuple[int, ...], labels: str, weight: Any, reduction: str, slope: float) -> None:
    values = np.linspace(-1, 1, math.prod(shape), dtype=np.float32).reshape(shape)
    target = np.asarray(LABELS[labels](SHAPES[shape]))
    for loss, options in (("nll_loss", {}), ("cross_entropy", {}), ("cross_entropy", {"label_smoothing": 0.1})):

        def run(F: Any, _: Any, x: Any, array: Any, loss: str = loss, options: Any = options) -> Any:
            weights = None if weight is None else array(np.array(weight, np.float32))
            return getattr(F, loss)(x, array(target), weight=weights, reduction=reduction, **options)

        compare(run, values, slope)


X = np.array([-2.0, -1, 0, 1, 2, math.inf, -math.inf, math.nan], np.float32)
ZEROS, POSITIVE = np.zeros(8, np.float32), X > 0
HIDDEN, ALL = np.array([[True, True, False]]), np.array([[True, True, True]])
# fmt: off
LEFT_OUT: dict[str, Callable[..., Any]] = {
    "relu":               lambda F, T, x, array: T.relu(x),
    "leaky_relu":         lambda F, T, x, array: F.leaky_relu(x, 0.0),
    "clamp":              lambda F, T, x, array: x.clamp(-1, 1),
    "masked_fill":        lambda F, T, x, array: x.masked_fill(array(POSITIVE), 0.0),
    "where":              lambda F, T, x, array: T.where(array(POSITIVE), x, 0.0),
    "abs":                lambda F, T, x, array: T.abs(x),
    "maximum":            lambda F, T, x, array: T.maximum(x, array(ZEROS)),
    "minimum":            lambda F, T, x, array: T.minimum(x, array(ZEROS)),
    "softplus":           lambda F, T, x, array: F.softplus(x),
    "amax":               lambda F, T, x, array: x[:5].amax(),
    "max of rows":        lambda F, T, x, array: x[:5].max(0)[0],
    "norm":               lambda F, T, x, array: x[:5].norm(),
    "norm of zero":       lambda F, T, x, array: x[2:3].norm(),
    "norm 1":             lambda F, T, x, array: x[:3].norm(1),
    "norm inf":           lambda F, T, x, array: x[:3].norm(math.inf),
    "std of equals":      lambda F, T, x, array: x[2:3].expand(3).std(),
    "max_pool2d":         lambda F, T, x, array: F.max_pool2d(x[:4].reshape(1, 1, 2, 2), 2),
    "tril":               lambda F, T, x, array: x[:4].reshape(2, 2).tril(),
    "softmax, masked":    lambda F, T, x, array: T.stack([x[:3]]).masked_fill(array(HIDDEN), -math.inf).softmax(1),
    "softmax of nothing": lambda F, T, x, array: T.stack([x[:3]]).masked_fill(array(ALL), -math.inf).softmax(1),
    "log_softmax":        lambda F, T, x, array: T.stack([x[:3]]).masked_fill(array(HIDDEN), -math.inf).log_softmax(1),
    "logsumexp":          lambda F, T, x, array: T.logsumexp(x[:5], 0),
    "attention":          lambda F, T, x, array: F.scaled_dot_product_attention(*[x[:4].reshape(1, 2, 2)] * 3, is_causal=True),  # noqa: E501
    "embedding":          lambda F, T, x, array: F.embedding(array(np.array([0, 1])), x[:6].reshape(3, 2), padding_idx=0),  # noqa: E501
    "slice":              lambda F, T, x, array: x[2:4],
    "gather":             lambda F, T, x, array: x.gather(0, array(np.array([1]))),
    "l1_loss":            lambda F, T, x, array: F.l1_loss(x, array(ZEROS), reduction="none"),
    "smooth_l1_loss":     lambda F, T, x, array: F.smooth_l1_loss(x, array(ZEROS), reduction="none"),
    "huber_loss":         lambda F, T, x, array: F.huber_loss(x, array(ZEROS), reduction="none"),
    "pow 0":              lambda F, T, x, array: x**0,
    "pow of zeros":       lambda F, T, x, array: T.pow(x, array(ZEROS)),
    "sqrt":               lambda F, T, x, array: T.sqrt(x),
    "layer_norm":         lambda F, T, x, array: F.layer_norm(x[:4].reshape(2, 2), (2,)),
}
# fmt: on


@pytest.mark.parametrize("slope", SLOPES)
@pytest.mark.parametrize("name", LEFT_OUT)
def test_values_left_out(name: str, slope: float) -> None:
    compare(LEFT_OUT[name], X, slope)
