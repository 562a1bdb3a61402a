"""Sums in a GPU's order: nothing is lost or counted twice, and orders that can be told by hand are as told."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from simfp.ops import device_sums
from simfp.ops.device_math import fma

SHAPES = [
    (1,), (2,), (3,), (31,), (127,), (128,), (129,), (1000,), (1024,), (4099,), (70_001,), (300_000,), (5, 128),
    (3, 130), (7, 1023), (64, 10), (512, 128), (1000, 3), (3000, 4), (70_000, 2), (2, 3, 4), (4, 1, 200), (3, 100, 5),
]  # fmt: skip


@pytest.mark.parametrize("bits", [16, 32])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_term_is_added_once(shape: tuple[int, ...], bits: int) -> None:
    values = np.random.default_rng(len(shape)).integers(-8, 9, shape).astype(np.float32)  # sums are exact
    for kept in product((False, True), repeat=len(shape)):
        axes = tuple(axis for axis, keep in enumerate(kept) if not keep)
        np.testing.assert_array_equal(device_sums.over_axes(values, axes, bits), values.sum(axis=axes))


def test_a_sum_of_nothing_is_0() -> None:
    assert device_sums.over_axes(np.zeros((0, 3), np.float32), (0,)).tolist() == [0.0, 0.0, 0.0]


def in_a_tree(lanes: np.ndarray) -> np.float32:
    while len(lanes) > 1:
        lanes = lanes[: len(lanes) // 2] + lanes[len(lanes) // 2 :]
    return lanes[0]


def test_forty_values_are_added_by_a_warp() -> None:
    values = np.random.default_rng(0).standard_normal(40).astype(np.float32)
    lanes = values[:32].copy()
    lanes[:8] += values[32:]
    assert device_sums.over_axes(values, (0,)) == in_a_tree(lanes)


def test_a_thousand_neighbours_are_loaded_four_at_a_time_by_128_threads() -> None:
    values = np.random.default_rng(0).standard_normal(1000).astype(np.float32)
    sums = np.zeros((4, 128), np.float32)
    for place in range(250):
        sums[:, place % 128] += values[place * 4 : place * 4 + 4]
    threads = ((sums[0] + sums[1]) + sums[2]) + sums[3]
    assert device_sums.over_axes(values, (0,)) == in_a_tree(threads)


def test_a_few_rows_are_added_by_one_thread_to_each_column_in_four_turns() -> None:
    values = np.random.default_rng(0).standard_normal((30, 8)).astype(np.float32)
    sums = [values[turn] for turn in range(4)]
    for row in range(4, 30):
        sums[row % 4] = sums[row % 4] + values[row]
    expected = ((sums[0] + sums[1]) + sums[2]) + sums[3]
    # too few terms to share: 16 threads down would have fewer than 16 each
    assert device_sums._launch((30, 8), frozenset({0}), 4) == (1, 1, 1, 1)
    np.testing.assert_array_equal(device_sums.over_axes(values, (0,)), expected)


def test_a_batch_of_512_rows_is_shared_by_the_threads_of_a_block() -> None:
    values = np.random.default_rng(0).standard_normal((512, 128)).astype(np.float32)
    width, height, blocks, vector = device_sums._launch((512, 128), frozenset({0}), 4)
    assert (width, blocks, vector) == (1, 1, 1)
    rows = []
    for y in range(height):
        sums = [np.zeros(128, np.float32) for _ in range(4)]
        for turn, row in enumerate(range(y, 512, height)):
            sums[turn % 4] = sums[turn % 4] + values[row]
        rows.append(((sums[0] + sums[1]) + sums[2]) + sums[3])
    np.testing.assert_array_equal(device_sums.over_axes(values, (0,)), in_a_tree(np.array(rows)))


@pytest.mark.parametrize("count", [1, 5, 32, 33, 64, 100, 1000, 1024, 1025])
def test_softmaxes_sums_are_those_of_lanes(count: int) -> None:
    integers = np.random.default_rng(1).integers(-8, 9, (3, count)).astype(np.float32)
    np.testing.assert_array_equal(device_sums.by_warp(integers), integers.sum(axis=1, keepdims=True))
    values = np.random.default_rng(1).standard_normal(count).astype(np.float32)
    if 32 <= count <= 1024:
        lanes = np.zeros(32, np.float32)
        for place in range(count):
            lanes[place % 32] += values[place]
        assert device_sums.by_warp(values).tolist() == [in_a_tree(lanes)]


LENGTHS = [1, 31, 63, 64, 100, 1024, 1025, 1500, 2048, 2049, 4096, 9216, 9217, 9224, 12_252, 12_256, 24_520, 50_257]


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize(("bits", "promoted"), [(16, False), (16, True), (32, False)])
@pytest.mark.parametrize("count", LENGTHS)
def test_in_softmax_every_term_is_added_once(count: int, bits: int, promoted: bool, backward: bool) -> None:
    values = np.random.default_rng(count).integers(-8, 9, (3, count)).astype(np.float32)  # sums are exact
    rows = device_sums.of_softmax(values, 1, bits=bits, promoted=promoted, backward=backward)
    np.testing.assert_array_equal(rows, values.sum(axis=1, keepdims=True))
    columns = device_sums.of_softmax(values.T, 0, bits=bits, promoted=promoted, backward=backward)
    np.testing.assert_array_equal(columns, values.T.sum(axis=0, keepdims=True))


@pytest.mark.parametrize("axis", [0, 1, 2, 3])
def test_softmax_sums_along_the_axis_that_is_meant(axis: int) -> None:
    values = np.random.default_rng(3).integers(-8, 9, (4, 70, 5, 3)).astype(np.float32)
    np.testing.assert_array_equal(
        device_sums.of_softmax(values, axis, bits=32), values.sum(axis=axis, keepdims=True)
    )  # fmt: skip


def of_warps(threads: np.ndarray) -> np.float32:
    warps = [in_a_tree(lanes) for lanes in threads.reshape(-1, 32)]
    return in_a_tree(np.array(warps + [np.float32(0)] * (32 - len(warps))))


def test_4096_exponentials_are_kept_by_1024_threads_and_10_000_are_loaded_in_fours() -> None:
    values = np.random.default_rng(0).standard_normal(4096).astype(np.float32)
    threads = np.zeros(1024, np.float32)
    for turn in range(4):
        threads += values[turn * 1024 : (turn + 1) * 1024]
    assert device_sums.of_softmax(values, 0, bits=16).tolist() == [of_warps(threads)]
    values = np.random.default_rng(0).standard_normal(10_000).astype(np.float32)
    threads = np.zeros(1024, np.float32)
    for vector in range(2500):
        for x in values[4 * vector : 4 * vector + 4]:
            threads[vector % 1024] += x
    assert device_sums.of_softmax(values, 0, bits=32).tolist() == [of_warps(threads)]


def test_a_row_that_no_vector_begins_with_is_shifted_and_its_gradients_are_added_in_order() -> None:
    values = np.random.default_rng(0).standard_normal((2, 1025)).astype(np.float32)
    threads = np.zeros(128, np.float32)
    threads[1:] += values[1, :127]  # the row begins one past a vector's place
    for vector in range(128):  # 512 of the 898 that are left
        for x in values[1, 127 + 4 * vector : 131 + 4 * vector]:
            threads[vector] += x
    for place in range(639, 1025):
        threads[(place - 639) % 128] += values[1, place]
    warps = [np.add.accumulate(lanes)[-1] for lanes in threads.reshape(-1, 32)]
    made = device_sums.of_softmax(values, 1, bits=32, backward=True)
    assert made[1].tolist() == [np.add.accumulate(np.array(warps))[-1]]


def test_16_threads_share_a_column_of_64_and_one_has_it_where_columns_are_many() -> None:
    values = np.random.default_rng(0).standard_normal((128, 70)).astype(np.float32)
    alone = np.add.accumulate(values, axis=0)[-1:]
    np.testing.assert_array_equal(device_sums.of_softmax(values, 0, bits=32), alone)
    shared = in_a_tree(np.add.accumulate(values[:, :64].reshape(8, 16, 64), axis=0)[-1])
    np.testing.assert_array_equal(device_sums.of_softmax(values[:, :64], 0, bits=32)[0], shared)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_squared_distances_are_nearly_exact_and_none_is_left_out(shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(len(shape)).normal(3, 2, shape).astype(np.float32)
    wide = values.astype(np.float64)
    for kept in product((False, True), repeat=len(shape)):
        axes = tuple(axis for axis, keep in enumerate(kept) if not keep)
        exact = np.square(wide - wide.mean(axis=axes, keepdims=True)).sum(axis=axes)
        np.testing.assert_allclose(device_sums.squares_over_axes(values, axes), exact, rtol=1e-4, atol=1e-5)


def test_four_values_of_a_variance_are_taken_in_turns_by_two_parts() -> None:
    a, b, c, d = np.random.default_rng(7).standard_normal(4).astype(np.float32)
    half = np.float32(0.5)
    first, second = fma(c - a, half, a), fma(d - b, half, b)
    squares = [fma(c - a, c - first, np.float32(0)), fma(d - b, d - second, np.float32(0))]
    delta = second - first
    expected = fma(delta * delta * np.float32(2), half, squares[0] + squares[1])
    values = np.array([[a], [b], [c], [d]])  # one thread has the column
    assert device_sums.squares_over_axes(np.repeat(values, 8, 1), (0,)).tolist() == [float(expected)] * 8
