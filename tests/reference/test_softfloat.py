"""Berkeley SoftFloat as an independent oracle, ties away from zero included."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import softfloatpy as softfloat

import simfp as sf
from simfp.formats import Format
from tests.samples import assert_same, boundaries, float32_boundaries

MODES = {
    "nearest_even": softfloat.RoundingMode.NEAR_EVEN,
    "nearest_away": softfloat.RoundingMode.NEAR_MAX_MAG,
    "toward_zero": softfloat.RoundingMode.MIN_MAG,
    "toward_positive": softfloat.RoundingMode.MAX,
    "toward_negative": softfloat.RoundingMode.MIN,
}
TYPES = {16: softfloat.Float16, 32: softfloat.Float32, 64: softfloat.Float64}
per_mode = pytest.mark.parametrize("rounding", MODES)


@pytest.fixture(autouse=True)
def leave_the_mode_as_it_was() -> Iterator[None]:
    before = softfloat.get_rounding_mode()
    yield
    softfloat.set_rounding_mode(before)


def boxed(patterns: np.ndarray) -> list[Any]:
    """SoftFloat's numbers with these bit patterns."""
    size = patterns.dtype.itemsize
    raw = patterns.astype(patterns.dtype.newbyteorder(">")).tobytes()
    return [TYPES[8 * size].from_bytes(raw[i : i + size]) for i in range(0, len(raw), size)]


def patterns_of(numbers: list[Any], width: int) -> np.ndarray:
    raw = b"".join(number.to_bytes() for number in numbers)
    return np.frombuffer(raw, f">u{width // 8}").astype(f"u{width // 8}")


# -- conversions


# fmt: off
#                 to          from              SoftFloat's function      points
CONVERSIONS = {
    "f64_to_f16": (sf.float16,  np.float64, softfloat.f64_to_f16,  boundaries(sf.float16)),
    "f64_to_f32": (sf.float32,  np.float64, softfloat.f64_to_f32,  boundaries(sf.float32)),
    "f32_to_f16": (sf.float16,  np.float32, softfloat.f32_to_f16,  float32_boundaries(sf.float16)),
    "f32_to_bf16": (sf.bfloat16, np.float32, softfloat.f32_to_bf16, float32_boundaries(sf.bfloat16)),
}
# fmt: on


@per_mode
@pytest.mark.parametrize("conversion", CONVERSIONS)
def test_conversions_give_softfloats_codes(conversion: str, rounding: str) -> None:
    fmt, dtype, convert, points = CONVERSIONS[conversion]
    draw = np.random.default_rng(1)
    drawn = draw.normal(size=50_000) * 2.0 ** draw.integers(fmt.min_exponent - 12, fmt.max_exponent + 2, 50_000)
    with np.errstate(over="ignore"):
        x = np.concatenate([points[~np.isnan(points)], drawn.astype(dtype)])
    softfloat.set_rounding_mode(MODES[rounding])
    expected = patterns_of([convert(number) for number in boxed(x.view(f"u{x.itemsize}"))], fmt.bits)
    wrong = np.flatnonzero(sf.encode(x, fmt, rounding) != expected)
    assert not wrong.size, x[wrong[:5]]


@per_mode
@pytest.mark.parametrize(
    ("fmt", "convert_signed", "convert_unsigned"),
    [
        (sf.float16, softfloat.i64_to_f16, softfloat.ui64_to_f16),
        (sf.float32, softfloat.i64_to_f32, softfloat.ui64_to_f32),
    ],
)
def test_integers_give_softfloats_codes(
    fmt: Format, convert_signed: Callable[..., Any], convert_unsigned: Callable[..., Any], rounding: str
) -> None:
    draw = np.random.default_rng(2)
    size = 2 ** draw.integers(0, 64, 5000).astype(np.uint64)
    unsigned = np.concatenate([draw.integers(0, 2**64, 5000, dtype=np.uint64) % size, size, size + 1, size - 1])
    signed = np.concatenate([unsigned.view(np.int64), -unsigned.view(np.int64)])
    softfloat.set_rounding_mode(MODES[rounding])
    for integers, convert, box in (
        (signed, convert_signed, softfloat.Int64),
        (unsigned, convert_unsigned, softfloat.UInt64),
    ):
        expected = patterns_of([convert(box.from_int(n)) for n in integers.tolist()], fmt.bits)
        assert (sf.encode(integers, fmt, rounding) == expected).all()


# -- operations


OPERATIONS = {"add": "add", "subtract": "sub", "multiply": "mul", "divide": "div", "sqrt": "sqrt", "fma": "mul_add"}
COUNTS = {"sqrt": 1, "fma": 3}


def drawn_codes(fmt: Format, seed: int, n: int) -> list[np.ndarray]:
    """Three columns of codes: any at all, and in every second row such as lie near each other and the ends."""
    draw = np.random.default_rng(seed)
    columns = [draw.integers(0, 2**fmt.bits, n, dtype=np.uint64) for _ in range(3)]
    near = draw.integers(0, 2**fmt.bits, n, dtype=np.uint64)
    for column in columns:
        column[::2] = (
            near[::2] + draw.integers(0, 2 ** (fmt.mantissa_bits + 3), n, dtype=np.uint64)[::2]
        ) % 2**fmt.bits
        column[::7] &= np.uint64(~(2 ** (fmt.mantissa_bits - 3) - 1) & (2**64 - 1))  # few bits: ties are common
    return [column.astype(fmt.code_dtype) for column in columns]


@per_mode
@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("fmt", [sf.float16, sf.float32], ids=str)
def test_operations_give_what_softfloat_gives(fmt: Format, operation: str, rounding: str) -> None:
    count = COUNTS.get(operation, 2)
    columns = drawn_codes(fmt, 3, 30_000)[:count]
    operate = getattr(softfloat, f"f{fmt.bits}_{OPERATIONS[operation]}")
    softfloat.set_rounding_mode(MODES[rounding])
    expected = patterns_of([operate(*row) for row in zip(*map(boxed, columns))], fmt.bits)
    values = [sf.decode(column, fmt) for column in columns]
    assert_same(getattr(sf, operation)(*values, fmt, rounding), sf.decode(expected, fmt), *values)
