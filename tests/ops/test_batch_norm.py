"""batch_norm's sums in the orders of torch's own kernels: near the exact ones, nothing left out or counted twice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import simfp as sf
from simfp.autograd import Tensor
from simfp.nn import functional as F
from simfp.ops import OPERATIONS, Call
from simfp.ops import batch_norm as ops

SHAPES = [
    (2, 1), (5, 7), (64, 32), (100, 33), (1000, 3), (3000, 40), (20_000, 5), (4, 6, 1),
    (3, 5, 33), (2, 3, 700), (40, 7, 5), (4, 16, 14, 14), (2, 2, 3, 4, 5),
]  # fmt: skip


def wide_moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    axes = (0, *range(2, x.ndim))
    return x.mean(axis=axes, dtype=np.float64), x.var(axis=axes, dtype=np.float64)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_moments_are_nearly_exact(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(1).normal(3, 2, shape).astype(np.float32)
    mean, variance = ops._moments(x)
    exact = wide_moments(x)
    np.testing.assert_allclose(mean, exact[0], rtol=2e-6)
    np.testing.assert_allclose(variance, exact[1], rtol=1e-5)


@pytest.mark.parametrize("fmt", ["float32", "float16"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_sums_of_gradients_miss_nothing(shape: tuple[int, ...], fmt: str) -> None:
    rng = np.random.default_rng(2)
    x, g = (sf.array(rng.integers(-1, 2, shape).astype(np.float32), fmt) for _ in range(2))
    mean = np.zeros((1, shape[1], *[1] * (len(shape) - 2)), np.float32)
    call = Call((x,), {"training": True}, x, ops.Statistics(mean, mean, mean, 0.0))
    sums, products = ops._channel_sums(g, call)
    axes = (0, *range(2, len(shape)))
    slopes, values = (np.asarray(each).astype(np.float32) for each in (g, x))
    np.testing.assert_array_equal(sums, slopes.sum(axis=axes))
    np.testing.assert_array_equal(products, (slopes * values).sum(axis=axes))


def test_in_16_bits_what_threads_hand_on_is_rounded() -> None:
    g = np.zeros((1, 1, 512), np.float32)
    g[0, 0, :2] = 2048, 1
    g[0, 0, 16:18] = 1  # a lane adds that of the lane 16 places on, then is handed on itself, rounded
    x = sf.array(np.zeros(g.shape, np.float32), "float16")
    call = Call((x,), {"training": True}, x, ops.Statistics(np.zeros((1, 1, 1), np.float32), *[np.ones(1)] * 2, 0.0))
    assert ops._channel_sums(sf.array(g, "float16"), call)[0].tolist() == [2051.0]
    g = g.copy()
    g[0, 0, [0, 1, 16, 17]] = 1, 2048, 1, 1  # now the large sum, 2049, is handed on as 2048
    assert ops._channel_sums(sf.array(g, "float16"), call)[0].tolist() == [2050.0]


def test_the_variance_of_running_statistics_is_the_unbiased_one() -> None:
    x = np.random.default_rng(3).normal(1, 2, (10, 4)).astype(np.float32)
    mean, variance = Tensor(np.zeros(4, np.float32)), Tensor(np.ones(4, np.float32))
    F.batch_norm(Tensor(x), mean, variance, training=True, momentum=0.25)
    exact = wide_moments(x)
    np.testing.assert_allclose(np.asarray(mean.data), 0.25 * exact[0], rtol=1e-6)
    np.testing.assert_allclose(np.asarray(variance.data), 0.75 + 0.25 * exact[1] * 10 / 9, rtol=1e-6)


@pytest.mark.parametrize("shape", [(6, 5), (3, 5, 4)], ids=str)
@pytest.mark.parametrize("training", [True, False])
def test_gradients_are_those_of_the_formula(shape: tuple[int, ...], training: bool) -> None:
    rng = np.random.default_rng(4)
    x, g, w = (rng.standard_normal(size).astype(np.float32) for size in (shape, shape, 5))
    over: Any = (1, 5, *[1] * (len(shape) - 2))
    given = [Tensor(x, True), Tensor(w, True), Tensor(np.zeros(5, np.float32), True)]
    running = () if training else (Tensor(np.full(5, 0.5, np.float32)), Tensor(np.full(5, 2.0, np.float32)))
    made = F.batch_norm(given[0], *(running or (None, None)), *given[1:], training=training)
    made.backward(Tensor(g))
    mean, variance = wide_moments(x) if training else (np.full(5, 0.5), np.full(5, 2.0))
    scale = (1 / np.sqrt(variance + 1e-5)).reshape(over)
    away, axes = (x - mean.reshape(over)) * scale, (0, *range(2, len(shape)))
    inward = g * w.reshape(over)
    if training:
        inward = inward - inward.mean(axis=axes, keepdims=True) - away * (inward * away).mean(axis=axes, keepdims=True)
    for leaf, exact in zip(given, (inward * scale, (g * away).sum(axis=axes), g.sum(axis=axes)), strict=True):
        assert leaf.grad is not None
        np.testing.assert_allclose(np.asarray(leaf.grad), exact, rtol=1e-4, atol=1e-5)
    assert OPERATIONS["batch_norm"].vjp(3) is None
