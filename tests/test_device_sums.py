"""Sums in a GPU's order: nothing is lost or counted twice, and orders that can be told by hand are as told."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from simfp.ops import device_sums

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
