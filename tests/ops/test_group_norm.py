"""group_norm's sums in the orders of torch's kernels: nothing left out; what is kept in 16 bits is rounded to them."""

from __future__ import annotations

import numpy as np
import pytest

import simfp as sf
from simfp.kernels import group_norm as kernels
from simfp.ops import OPERATIONS
from simfp.ops import normalization as ops


@pytest.mark.parametrize("threads", [32, 512])
@pytest.mark.parametrize("count", [1, 31, 33, 511, 513, 2000])
def test_sums_of_rows_miss_nothing(count: int, threads: int) -> None:
    slopes, others = np.random.default_rng(1).integers(-8, 9, (2, 5, count)).astype(np.float32)
    out = np.empty((2, 5), np.float32)
    kernels.rows_of_blocks(slopes, others, 0, 5, threads, out)
    np.testing.assert_array_equal(out, [slopes.sum(axis=1), (slopes * others).sum(axis=1)])


@pytest.mark.parametrize("samples", [1, 128, 129, 200])
@pytest.mark.parametrize("turns", [1, 32])
def test_sums_over_samples_miss_nothing(samples: int, turns: int) -> None:
    levels, inner, scales = np.random.default_rng(2).integers(-8, 9, (3, samples, 6)).astype(np.float32)
    out = np.empty((2, 6), np.float32)
    kernels.over_samples(levels, inner, scales, 0, 6, turns, out)
    np.testing.assert_array_equal(out, [levels.sum(axis=0), (inner * scales).sum(axis=0)])


def test_mean_and_scale_of_16_bits_are_rounded_to_them_and_so_is_eps() -> None:
    x = sf.array(np.random.default_rng(3).normal(3, 1e-3, (2, 6, 50)).astype(np.float32), "bfloat16")
    mean, scale = OPERATIONS["group_norm"].forward(x, 3).saved
    for each in (mean, scale):
        np.testing.assert_array_equal(each, sf.round_to(each, "bfloat16"))
    planes = np.asarray(x).astype(np.float32).reshape(2, 3, 2, 50)
    exact, _ = ops._statistics(planes, 1e-5, sf.as_format("float32"))
    np.testing.assert_allclose(exact[..., 0, 0], planes.mean(axis=(2, 3), dtype=np.float64), rtol=1e-6)


@pytest.mark.parametrize("shape", [(3, 6, 5), (3, 6), (2, 6, 3, 4)], ids=str)
@pytest.mark.parametrize("with_weight", [False, True])
@pytest.mark.parametrize("with_bias", [False, True])
def test_results_are_those_of_the_formula(shape: tuple[int, ...], with_weight: bool, with_bias: bool) -> None:
    rng = np.random.default_rng(4)
    x, w, b = (rng.standard_normal(size).astype(np.float32) for size in (shape, 6, 6))
    given = sf.array(w) if with_weight else None, sf.array(b) if with_bias else None
    made = np.asarray(OPERATIONS["group_norm"].forward(sf.array(x), 2, *given).result)
    groups = x.reshape(shape[0], 2, -1).astype(np.float64)
    exact = (groups - groups.mean(2, keepdims=True)) / np.sqrt(groups.var(2, keepdims=True) + 1e-5)
    over = (1, 6, *[1] * (len(shape) - 2))
    exact = exact.reshape(shape) * (w.reshape(over) if with_weight else 1) + (b.reshape(over) if with_bias else 0)
    np.testing.assert_allclose(made, exact, rtol=1e-4, atol=1e-5)
