"""An embedding's gradient in the two orders of CUDA's kernels: exact where sums are, and by hand where they are not."""

from __future__ import annotations

import numpy as np
import pytest

import simfp as sf
from simfp.autograd import Tensor
from simfp.nn import functional as F


def gradient(indices: np.ndarray, slopes: np.ndarray, count: int, padding: int | None = None, fmt: str = "float32"):
    """The gradient of a matrix of `count` rows."""
    weight = Tensor(np.zeros((count, slopes.shape[1]), np.float32), True, dtype=fmt)
    F.embedding(indices, weight, padding_idx=padding).backward(Tensor(slopes, dtype=fmt))
    assert weight.grad is not None
    return np.asarray(weight.grad).astype(np.float32)


@pytest.mark.parametrize("uses", [1, 40, 3072, 3073, 5000])
@pytest.mark.parametrize("padding", [None, 2])
@pytest.mark.parametrize("fmt", ["float32", "bfloat16"])
def test_every_use_counts_once_and_padding_not_at_all(uses: int, padding: int | None, fmt: str) -> None:
    rng = np.random.default_rng(uses)
    indices, slopes = rng.integers(0, 900, uses), rng.integers(-2, 3, (uses, 3)).astype(np.float32)  # sums are exact
    expected = np.zeros((900, 3), np.float32)
    np.add.at(expected, indices, slopes)
    if padding is not None:
        expected[padding] = 0
    np.testing.assert_array_equal(gradient(indices, slopes, 900, padding, fmt), expected)


def test_many_uses_are_added_in_tens_and_few_in_groups_of_32() -> None:
    rng = np.random.default_rng(1)
    slopes = rng.standard_normal((4000, 2)).astype(np.float32)
    indices = np.arange(4000) % 160  # each row 25 times
    tens = [np.add.accumulate(slopes[7::160][start : start + 10])[-1] for start in (0, 10, 20)]
    np.testing.assert_array_equal(gradient(indices, slopes, 160)[7], tens[0] + tens[1] + tens[2])
    few = np.zeros(320, int)
    groups = [np.add.accumulate(slopes[start : start + 32])[-1] for start in range(0, 320, 32)]
    np.testing.assert_array_equal(gradient(few, slopes[:320], 1)[0], np.add.accumulate(np.array(groups))[-1])


def test_in_16_bits_many_uses_are_rounded_once() -> None:
    slopes = np.full((4000, 1), 1.0, np.float32)
    slopes[::4] = 2**-9
    indices = np.repeat(np.arange(1000), 4)
    expected = sf.round_to(np.float32(3 + 2**-9), "bfloat16")
    assert (gradient(indices, slopes, 1000, fmt="bfloat16") == expected).all()
