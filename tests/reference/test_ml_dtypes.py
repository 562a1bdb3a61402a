"""NumPy and ml_dtypes, where they are right: casts from float32, and from float64 to what NumPy itself casts."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

import simfp as sf
from simfp.formats import STORAGE_DTYPES, Format
from tests.samples import FORMATS, assert_same, boundaries, custom, float32_boundaries

STORED = {sf.as_format(dtype): dtype for dtype in STORAGE_DTYPES.values()}
# Formats of ml_dtypes that have no name here: they are customs of ours.
OTHERS = {
    custom("float8_e3m4", 3, 4): ml_dtypes.float8_e3m4,
    custom("float8_e4m3", 4, 3): ml_dtypes.float8_e4m3,
}


def cast(x: np.ndarray, dtype: Any) -> np.ndarray:
    with np.errstate(over="ignore", invalid="ignore"):
        return x.astype(dtype)


@pytest.mark.parametrize(("fmt", "dtype"), [*STORED.items(), *OTHERS.items()], ids=str)
def test_float32_is_cast_to_the_same_codes(fmt: Format, dtype: Any) -> None:
    draw = np.random.default_rng(1)
    drawn = draw.normal(size=200_000) * 2.0 ** draw.integers(fmt.min_exponent - 9, fmt.max_exponent + 2, 200_000)
    x = np.concatenate([float32_boundaries(fmt), cast(drawn, np.float32)])
    x = x[~np.isnan(x)] if fmt.nans else x[np.isfinite(x)]
    codes = cast(x, dtype).view(fmt.code_dtype)
    rounded = sf.round_to(x, fmt)
    nan = np.isnan(rounded)
    assert (sf.encode(x, fmt)[~nan] == codes[~nan]).all()
    assert np.isnan(cast(codes.view(dtype), np.float32)[nan]).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_numpys_own_casts_from_float64_agree(dtype: Any) -> None:
    fmt = sf.as_format(dtype)
    x = boundaries(fmt)
    draw = np.random.default_rng(2)
    x = np.concatenate([x, draw.normal(size=200_000) * 2.0 ** draw.integers(-30, 20, 200_000)])
    assert_same(sf.round_to(x, fmt), cast(x, dtype).astype(np.float64), x)


@pytest.mark.parametrize("operation", ["add", "subtract", "multiply", "divide", "sqrt"])
@pytest.mark.parametrize("fmt", [sf.float16, sf.bfloat16, sf.float32], ids=str)
def test_operations_agree_where_the_wide_type_has_twice_the_bits_and_two(fmt: Format, operation: str) -> None:
    """An operation in a type of at least 2p + 2 bits, rounded again, is rounded right (Figueroa 1995)."""
    draw = np.random.default_rng(3)
    codes = draw.integers(0, 2**fmt.bits, (2, 300_000), dtype=np.uint64)
    x, y = (np.asarray(sf.decode(column, fmt)) for column in codes)
    with np.errstate(all="ignore"):
        wide = [column.astype(np.float64) for column in (x, y)][: 1 if operation == "sqrt" else 2]
        expected = getattr(np, operation)(*wide)
        expected = expected.astype(np.float32).astype(np.float64) if fmt == sf.float32 else sf.round_to(expected, fmt)
    with np.errstate(invalid="ignore"):
        assert_same(getattr(sf, operation)(*wide, fmt), expected, *wide)


def test_the_formats_of_ml_dtypes_that_are_ours_are_all_named() -> None:
    assert {fmt.name for fmt in STORED} == {fmt.name for fmt in FORMATS if fmt.storage_dtype is not None}
    assert all(fmt.name == np.dtype(dtype).name for fmt, dtype in STORED.items())
