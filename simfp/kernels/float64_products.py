"""Sums of products in float64, each from its first term to its last: the same bits on every processor.

Products of factors of at most 26 bits' precision are exact, so that only additions round, and nothing hangs on whether
a processor fuses the two. Rows are taken four at a time and terms four at a time, so that what is loaded once is used
often; every sum still takes its terms one by one.
"""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["ROWS", "WIDTH", "products"]

ROWS, WIDTH = 4, 256  # of a task: so many rows, and so many columns, whose sums stay in a processor's first cache
TERMS = 4


@njit(cache=True, nogil=True, error_model="numpy")
def products(a, b, out, first, last):
    """out[s, m, n] = the sum over k of a[s, m, k] * b[s, k, n], for tasks first <= t < last.

    A task is ROWS rows and WIDTH columns of one matrix of the stack. a: (S, M, K), b: (S, K, N), out: (S, M, N), all
    float64 and contiguous.
    """
    rows, terms, columns = a.shape[1], a.shape[2], b.shape[2]
    down, across = (rows + ROWS - 1) // ROWS, (columns + WIDTH - 1) // WIDTH
    sums = np.empty((ROWS, WIDTH))
    for task in range(first, last):
        stack, place = task // (down * across), task % (down * across)
        m0, n0 = (place // across) * ROWS, (place % across) * WIDTH
        width, height = min(WIDTH, columns - n0), min(ROWS, rows - m0)
        left, right = a[stack], b[stack]
        for i in range(height):
            for j in range(width):
                sums[i, j] = 0.0
        whole = terms - terms % TERMS
        for k in range(0, whole, TERMS):
            if height == ROWS:
                _four_rows(left, right, sums, m0, n0, k, width)
            else:
                for i in range(height):
                    _one_row(left, right, sums[i], m0 + i, n0, k, width)
        for k in range(whole, terms):
            for i in range(height):
                _one_term(left[m0 + i, k], right[k], sums[i], n0, width)
        for i in range(height):
            for j in range(width):
                out[stack, m0 + i, n0 + j] = sums[i, j]


@njit(inline="always")
def _one_term(factor, row, sums, n0, width):
    for j in range(width):
        sums[j] += factor * row[n0 + j]


@njit(inline="always")
def _one_row(a, b, sums, m, n0, k, width):
    a0, a1, a2, a3 = a[m, k], a[m, k + 1], a[m, k + 2], a[m, k + 3]
    b0, b1, b2, b3 = b[k, n0:], b[k + 1, n0:], b[k + 2, n0:], b[k + 3, n0:]
    for j in range(width):
        sums[j] = (((sums[j] + a0 * b0[j]) + a1 * b1[j]) + a2 * b2[j]) + a3 * b3[j]


@njit(inline="always")
def _four_rows(a, b, sums, m, n0, k, width):
    p0, p1, p2, p3 = a[m, k], a[m, k + 1], a[m, k + 2], a[m, k + 3]
    q0, q1, q2, q3 = a[m + 1, k], a[m + 1, k + 1], a[m + 1, k + 2], a[m + 1, k + 3]
    r0, r1, r2, r3 = a[m + 2, k], a[m + 2, k + 1], a[m + 2, k + 2], a[m + 2, k + 3]
    s0, s1, s2, s3 = a[m + 3, k], a[m + 3, k + 1], a[m + 3, k + 2], a[m + 3, k + 3]
    b0, b1, b2, b3 = b[k, n0:], b[k + 1, n0:], b[k + 2, n0:], b[k + 3, n0:]
    p, q, r, s = sums[0], sums[1], sums[2], sums[3]
    for j in range(width):
        w, x, y, z = b0[j], b1[j], b2[j], b3[j]
        p[j] = (((p[j] + p0 * w) + p1 * x) + p2 * y) + p3 * z
        q[j] = (((q[j] + q0 * w) + q1 * x) + q2 * y) + q3 * z
        r[j] = (((r[j] + r0 * w) + r1 * x) + r2 * y) + r3 * z
        s[j] = (((s[j] + s0 * w) + s1 * x) + s2 * y) + s3 * z
