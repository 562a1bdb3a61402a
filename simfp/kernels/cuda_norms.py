"""torch's layer_norm and rms_norm on CUDA, forward and backward: a block of four warps for each row, in their order.

Every line is a float32 operation, or two that the compiler fuses. (Read in aten/src/ATen/native/cuda/
layer_norm_kernel.cu; the fusions are those of nvcc, seen in its machine code.)
"""

from __future__ import annotations

import numpy as np
from numba import njit

from simfp.kernels.updates import fma32

__all__ = ["column_gradients", "mean_squares", "row_gradients", "welford"]

f = np.float32
THREADS, WARP, VECTOR = 128, 32, 4
ROWS_OF_A_THREAD = 8
ZERO, ONE = f(0), f(1)


@njit(inline="always")
def _combined(mean_b, square_b, count_b, mean_a, square_a, count_a):
    """Mean, sum of squared distances and count of two parts together."""
    count = count_a + count_b
    if not count > ZERO:
        return ZERO, ZERO, count
    delta = mean_b - mean_a
    share = ONE / count
    share_a, share_b = count_a * share, count_b * share
    mean = fma32(share_a, mean_a, share_b * mean_b)
    square = fma32(delta * delta * count_a, share_b, square_a + square_b)
    return mean, square, count


@njit(nogil=True, cache=True, error_model="numpy")
def welford(rows, first, last, means, variances):
    """Mean and variance of each row; its length is a multiple of 4."""
    length = rows.shape[1]
    mean, square, count = np.empty(THREADS, f), np.empty(THREADS, f), np.empty(THREADS, f)
    for row in range(first, last):
        for thread in range(THREADS):
            m, s, n = ZERO, ZERO, ZERO
            for start in range(VECTOR * thread, length, VECTOR * THREADS):
                for place in range(start, start + VECTOR):
                    x = rows[row, place]
                    delta = x - m
                    n = n + ONE
                    m = fma32(delta, ONE / n, m)
                    s = fma32(delta, x - m, s)
            mean[thread], square[thread], count[thread] = m, s, n
        for warp in range(0, THREADS, WARP):  # each thread takes the one `half` above it
            half = WARP // 2
            while half:
                for a in range(warp, warp + half):
                    b = a + half
                    mean[a], square[a], count[a] = _combined(mean[a], square[a], count[a], mean[b], square[b], count[b])
                half //= 2
        half = THREADS // 2
        while half >= WARP:
            for a in range(0, half, WARP):
                b = a + half
                mean[a], square[a], count[a] = _combined(mean[a], square[a], count[a], mean[b], square[b], count[b])
            half //= 2
        means[row] = mean[0]
        variances[row] = square[0] / f(length)


@njit(nogil=True, cache=True, error_model="numpy")
def mean_squares(rows, first, last, means):
    """The mean of the squares of each row; its length is a multiple of 4."""
    length = rows.shape[1]
    sums = np.empty(THREADS, f)
    for row in range(first, last):
        for thread in range(THREADS):
            total = ZERO
            for start in range(VECTOR * thread, length, VECTOR * THREADS):
                for place in range(start, start + VECTOR):
                    total = fma32(rows[row, place], rows[row, place], total)
            sums[thread] = total
        means[row] = _block_sum(sums) / f(length)


@njit(nogil=True, cache=True, error_model="numpy")
def row_gradients(slopes, rows, weight, means, scales, first, last, centred, out):
    """The gradient of each row: (n w g - (x - mean) scale b - a) scale / n, where a and b are the sums of w g and of
    w g (x - mean) scale; a is left out where rows were not centred.
    """
    length = rows.shape[1]
    count = f(length)
    one, two = np.empty(THREADS, f), np.empty(THREADS, f)
    for row in range(first, last):
        mean, scale = means[row], scales[row]
        for thread in range(THREADS):
            a, b = ZERO, ZERO
            for start in range(VECTOR * thread, length, VECTOR * THREADS):
                for place in range(start, min(start + VECTOR, length)):
                    product = slopes[row, place] * weight[place]
                    a = a + product
                    b = fma32(product * (rows[row, place] - mean), scale, b)
            one[thread], two[thread] = a, b
        a, b = _block_sum(one), _block_sum(two)
        share = (ONE / count) * scale
        for place in range(length):
            away = (rows[row, place] - mean) * scale
            gradient = fma32(count * weight[place], slopes[row, place], -(away * b))
            if centred:
                gradient = gradient - a
            out[row, place] = gradient * share


@njit(nogil=True, cache=True, error_model="numpy")
def column_gradients(slopes, rows, means, scales, height, first, last, weight, bias):
    """Of each column the sums over rows of g (x - mean) scale and of g.

    Each of `height` threads takes 8 rows in a row, then those of the next tile; their sums are added in halves.
    """
    count = rows.shape[0]
    one, two = np.empty(height, f), np.empty(height, f)
    for column in range(first, last):
        for thread in range(height):
            a, b = ZERO, ZERO
            for tile in range(ROWS_OF_A_THREAD * thread, count, ROWS_OF_A_THREAD * height):
                for row in range(tile, min(tile + ROWS_OF_A_THREAD, count)):
                    g = slopes[row, column]
                    a = fma32(g * (rows[row, column] - means[row]), scales[row], a)
                    b = b + g
            one[thread], two[thread] = a, b
        half = height // 2
        while half:
            for thread in range(half):
                one[thread], two[thread] = one[thread] + one[thread + half], two[thread] + two[thread + half]
            half //= 2
        weight[column], bias[column] = one[0], two[0]


@njit(inline="always")
def _block_sum(values):
    """A block's sum: in halves within each warp, then of the warps."""
    for warp in range(0, THREADS, WARP):
        half = WARP // 2
        while half:
            for lane in range(warp, warp + half):
                values[lane] = values[lane] + values[lane + half]
            half //= 2
    return (values[0] + values[2 * WARP]) + (values[WARP] + values[3 * WARP])
