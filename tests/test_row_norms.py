"""layer_norm's statistics in the order of CUDA's kernel: near the exact ones, for every length that it takes."""

import numpy as np
import pytest

from simfp.kernels import cuda_norms


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


@pytest.mark.parametrize("rows", [1, 7, 64, 100, 300, 513])
@pytest.mark.parametrize("height", [1, 8, 16, 32])
def test_sums_of_columns_miss_no_row(rows: int, height: int) -> None:
    slopes, x = np.random.default_rng(3).integers(-8, 9, (2, rows, 12)).astype(np.float32)
    means, scales = np.random.default_rng(4).integers(1, 4, (2, rows)).astype(np.float32)
    weight, bias = np.empty((2, 12), np.float32)
    cuda_norms.column_gradients(slopes, x, means, scales, height, 0, 12, weight, bias)
    np.testing.assert_array_equal(weight, (slopes * (x - means[:, None]) * scales[:, None]).sum(axis=0))
    np.testing.assert_array_equal(bias, slopes.sum(axis=0))
