"""layer_norm's statistics in the order of CUDA's kernel: near the exact ones, for every length that it takes."""

import numpy as np
import pytest

import simfp as sf
from simfp.kernels import cuda_norms, welford
from simfp.ops import OPERATIONS
from simfp.ops.device_math import fma


@pytest.mark.parametrize("count", [4, 8, 64, 512, 516, 1000, 4096])
def test_moments_of_rows_are_nearly_exact(count: int) -> None:
    rows = np.random.default_rng(2).normal(3, 2, (5, count)).astype(np.float32)
    mean, variance, squares = np.empty((3, 5), np.float32)
    cuda_norms.welford(rows, 0, 5, mean, variance)
    cuda_norms.mean_squares(rows, 0, 5, squares)
    wide = rows.astype(np.float64)
    np.testing.assert_allclose(mean, wide.mean(axis=1), rtol=1e-6)
    np.testing.assert_allclose(variance, wide.var(axis=1), rtol=2e-6)
    np.testing.assert_allclose(squares, np.square(wide).mean(axis=1), rtol=2e-6)


@pytest.mark.parametrize("count", [1, 3, 31, 62, 511, 513, 1025, 5001])
@pytest.mark.parametrize("threads", [32, 512])
def test_moments_of_rows_without_vectors_are_nearly_exact(count: int, threads: int) -> None:
    rows = np.random.default_rng(2).normal(3, 2, (5, count)).astype(np.float32)
    parts = np.empty((3, 5), np.float32)
    welford.rows_of_blocks(rows, 0, 5, threads, parts)
    wide = rows.astype(np.float64)
    np.testing.assert_allclose(parts[0], wide.mean(axis=1), rtol=1e-6)
    np.testing.assert_allclose(parts[1] / parts[2], wide.var(axis=1), rtol=2e-6)
    assert parts[2].tolist() == [count] * 5


def test_two_values_are_taken_in_by_one_update_each_and_two_threads_are_merged() -> None:
    a, b = np.float32([0.1, 0.7])
    parts = np.empty((3, 1), np.float32)
    welford.rows_of_blocks(np.array([[a, b]]), 0, 1, 32, parts)
    delta, share = b - a, np.float32(0.5)
    assert parts[:, 0].tolist() == [fma(delta, share, a), fma(delta * delta, share, np.float32(0)), 2.0]


@pytest.mark.parametrize("row", [[-1.0, 0.0, 1.0], [-1.0, 0.0, 0.0, 1.0]])
def test_where_rows_are_uneven_a_missing_bias_is_added_as_0(row: list[float]) -> None:
    minus = sf.array(-np.ones(len(row), np.float32))
    made = OPERATIONS["layer_norm"].forward(sf.array(np.float32([row])), (len(row),), minus).result
    assert np.signbit(np.asarray(made)[0, 1]) == (len(row) % 4 == 0)


def test_in_vectors_the_first_of_four_is_not_fused_with_a_bias_that_has_no_weight() -> None:
    rng = np.random.default_rng(5)
    x, bias = rng.standard_normal((7, 400)).astype(np.float32), rng.standard_normal(400).astype(np.float32)
    saved = OPERATIONS["layer_norm"].forward(sf.array(x), (400,), None, sf.array(bias))
    mean, scale = saved.saved
    made, away = np.asarray(saved.result), x - mean
    apart = made != scale * away + bias
    assert not apart[:, ::4].any()
    assert apart.any()
    np.testing.assert_array_equal(np.delete(made, np.s_[::4], 1), np.delete(fma(scale, away, bias), np.s_[::4], 1))


@pytest.mark.parametrize("rows", [1, 7, 64, 100, 300, 513])
@pytest.mark.parametrize("height", [1, 8, 16, 32])
def test_sums_of_columns_miss_no_row(rows: int, height: int) -> None:
    slopes, x = np.random.default_rng(3).integers(-8, 9, (2, rows, 12)).astype(np.float32)
    means, scales = np.random.default_rng(4).integers(1, 4, (2, rows)).astype(np.float32)
    weight, bias = np.empty((2, 12), np.float32)
    cuda_norms.column_gradients(slopes, x, means, scales, height, 0, 12, weight, bias)
    np.testing.assert_array_equal(weight, (slopes * (x - means[:, None]) * scales[:, None]).sum(axis=0))
    np.testing.assert_array_equal(bias, slopes.sum(axis=0))
