"""`round_to`, `encode` and `decode`, in formats, values and memory layouts drawn at random, against exact fractions."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

from simfp.bits import decode
from simfp.formats import Format
from simfp.rounding import ROUNDING_MODES, encode, next_down, next_up, round_to
from tests import exact
from tests.fuzz.properties import fuzzed
from tests.fuzz.strategies import (
    SMALL_DTYPES,
    custom_formats,
    float_arrays,
    formats,
    laid_out,
    layouts,
    options,
    roundings,
)
from tests.samples import as_float64, assert_same


def bits_of(x: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(x).view(np.uint32 if x.dtype.itemsize == 4 else np.uint64)


def expected(x: np.ndarray, fmt: Format, rounding: str, told: dict[str, Any]) -> np.ndarray:
    """Each value rounded exactly, in the dtype of `x`."""
    each = [exact.round_exact(value, fmt, rounding, **told) for value in as_float64(x).ravel().tolist()]
    with np.errstate(over="ignore"):  # a float32 result may be beyond float32
        return np.array(each, np.float64).reshape(x.shape).astype(x.dtype.newbyteorder("="))


@fuzzed(
    examples=450,
    drawn=formats.flatmap(lambda fmt: st.tuples(st.just(fmt), float_arrays(fmt))),
    rounding=roundings, told=options, layout=layouts,
)  # fmt: skip
def test_round_to_rounds_exactly_and_leaves_its_input(
    drawn: tuple[Format, np.ndarray], rounding: str, told: dict[str, Any], layout: str
) -> None:
    fmt, flat = drawn
    x = laid_out(flat, layout)
    before = x.copy()
    result = np.asarray(round_to(x, fmt, rounding, **told))
    assert result.shape == x.shape
    assert result.dtype == x.dtype.newbyteorder("=")
    assert x.tobytes() == before.tobytes()
    assert_same(result, expected(x, fmt, rounding, told), x)
    nan = np.isnan(x)
    native = np.ascontiguousarray(x, x.dtype.newbyteorder("="))
    quiet = 1 << (22 if x.dtype.itemsize == 4 else 51)  # what tells a quiet NaN; not part of its payload
    kept = (bits_of(result) | quiet) == (bits_of(native) | quiet)
    assert kept[nan].all(), "a NaN keeps its sign and payload"
    if fmt.carrier == x.dtype or x.dtype.itemsize == 8:  # in float32 a wider format's number may be lost
        again = np.asarray(round_to(result, fmt, rounding, **told))
        assert (bits_of(again) == bits_of(result))[~nan & ~np.isnan(result)].all(), "a result is rounded to itself"


@fuzzed(examples=100, fmt=formats, number=st.one_of(st.integers(-(2**200), 2**200), st.booleans(),
        st.integers(-(2**63), 2**63 - 1).map(np.int64), st.integers(0, 2**64 - 1).map(np.uint64)),
        rounding=roundings, told=options)  # fmt: skip
def test_integers_of_any_size_are_rounded_once(fmt: Format, number: Any, rounding: str, told: dict[str, Any]) -> None:
    whole = Fraction(int(number))
    answer = float(round_to(number, fmt, rounding, **told))
    assert_same(answer, exact.round_exact(whole if whole else 0.0, fmt, rounding, **told), float(number))


@fuzzed(examples=100, fmt=formats, dtype=st.sampled_from(SMALL_DTYPES),
        codes=st.lists(st.integers(0, 2**16 - 1), max_size=6), rounding=roundings, told=options)  # fmt: skip
def test_small_floats_are_rounded_as_their_values(
    fmt: Format, dtype: np.dtype[Any], codes: list[int], rounding: str, told: dict[str, Any]
) -> None:
    uint = np.uint16 if dtype.itemsize == 2 else np.uint8
    x = np.array([code % (1 << 8 * dtype.itemsize) for code in codes], uint).view(dtype)
    result = np.asarray(round_to(x, fmt, rounding, **told))
    assert result.dtype == np.float32
    with np.errstate(invalid="ignore"):
        wide = x.astype(np.float32)
    assert_same(result, expected(wide, fmt, rounding, told), wide)


@fuzzed(
    examples=250,
    drawn=formats.flatmap(lambda fmt: st.tuples(st.just(fmt), float_arrays(fmt, finite=False))),
    rounding=roundings, told=options, layout=layouts,
)  # fmt: skip
def test_encode_gives_the_code_of_the_exact_rounding(
    drawn: tuple[Format, np.ndarray], rounding: str, told: dict[str, Any], layout: str
) -> None:
    fmt, flat = drawn
    x = laid_out(flat, layout)
    wanted = np.array([exact.round_exact(value, fmt, rounding, **told) for value in as_float64(x).ravel().tolist()])
    if not fmt.nans and np.isnan(wanted).any():
        with pytest.raises(ValueError, match=re.escape(f"{fmt} has no code for NaN")):
            encode(x, fmt, rounding, **told)
        return
    codes = np.asarray(encode(x, fmt, rounding, **told))
    assert codes.shape == x.shape
    assert codes.dtype == fmt.code_dtype
    values = [exact.decode(int(code), fmt) for code in codes.ravel()]
    assert_same(np.array(values, np.float64), wanted.astype(np.float64), x.ravel())


@fuzzed(
    examples=200,
    drawn=formats.flatmap(
        lambda fmt: st.tuples(st.just(fmt), st.lists(st.integers(0, 2**fmt.bits - 1), min_size=1, max_size=8))
    ),
    layout=layouts,
)  # fmt: skip
def test_decode_gives_the_exact_value_of_a_code_and_encode_the_code_again(
    drawn: tuple[Format, list[int]], layout: str
) -> None:
    fmt, listed = drawn
    codes = laid_out(np.array(listed, fmt.code_dtype), layout)
    values = np.asarray(decode(codes, fmt))
    assert values.shape == codes.shape
    assert values.dtype == fmt.carrier
    plain = codes.ravel().tolist()
    assert_same(values.ravel(), np.array([exact.decode(code, fmt) for code in plain], np.float64), codes.ravel())
    with np.errstate(invalid="ignore"):
        again = encode(values, fmt).ravel().tolist()
    smallest = 1 << fmt.mantissa_bits
    for code, back, value in zip(plain, again, values.ravel().tolist()):
        magnitude = code & (2 ** (fmt.bits - 1) - 1)
        flushed = not fmt.subnormals and 0 < magnitude < smallest  # such a code stands for zero, which has another
        quiet_bit = fmt.mantissa_bits and math.isnan(value) and fmt.infinities
        if not flushed and not quiet_bit:
            assert back == code, f"code {code:#x} came back as {back:#x}"
        if quiet_bit:
            assert math.isnan(exact.decode(back, fmt))


@fuzzed(examples=60, drawn=formats.flatmap(lambda fmt: st.tuples(
    st.just(fmt), st.one_of(st.integers(-(2**62), -1), st.integers(2**fmt.bits, 2**62)))))  # fmt: skip
def test_what_is_no_code_is_named(drawn: tuple[Format, int]) -> None:
    fmt, wrong = drawn
    with pytest.raises(ValueError, match=rf"^{wrong} is no code of {fmt}; codes run from 0 to {2**fmt.bits - 1} "):
        decode(np.array([0, wrong]), fmt)


@fuzzed(
    examples=150,
    drawn=formats.flatmap(lambda fmt: st.tuples(st.just(fmt), float_arrays(fmt, finite=True))),
    told=options, seed=st.integers(0, 2**64 - 1), bits=st.one_of(st.none(), st.integers(1, 32)),
)  # fmt: skip
def test_stochastic_rounding_goes_to_a_neighbour_and_where_a_chance_is_0_or_1_to_that_one(
    drawn: tuple[Format, np.ndarray], told: dict[str, Any], seed: int, bits: int | None
) -> None:
    fmt, x = drawn
    result = np.asarray(round_to(x, fmt, "stochastic", rng=seed, random_bits=bits, **told))
    same = np.asarray(round_to(x.copy(), fmt, "stochastic", rng=seed, random_bits=bits, **told))
    assert result.tobytes() == same.tobytes(), "one seed, one answer"
    for value, answer in zip(x.tolist(), result.tolist()):
        if value == 0:
            assert answer == 0
            continue
        inner, outer, chance = exact.stochastic(value, fmt, bits, **told)
        with np.errstate(over="ignore"):
            inner, outer = (float(np.array(each).astype(x.dtype)) for each in (inner, outer))
        allowed = [inner] if chance == 0 else [inner, outer]
        assert any(answer == each or (answer != answer and each != each) for each in allowed), (value, answer, allowed)


@fuzzed(examples=150, drawn=formats.flatmap(lambda fmt: st.tuples(st.just(fmt), float_arrays(fmt, finite=True))))
def test_neighbours_are_the_next_values_of_the_format(drawn: tuple[Format, np.ndarray]) -> None:
    fmt, x = drawn
    ups, downs = np.asarray(next_up(x, fmt)), np.asarray(next_down(x, fmt))
    for value, up, down in zip(x.tolist(), ups.tolist(), downs.tolist()):
        assert_same(up, above(value, fmt), value)
        assert_same(down, -above(-value, fmt), value)


def above(value: float, fmt: Format) -> float:
    """The smallest value of the format above a finite one; -0 where that is zero and came from below."""
    largest = float(exact.largest(fmt))
    if value >= largest:
        return math.inf if fmt.infinities else largest
    if value < -largest:
        return -largest
    smallest = float(exact.power(1 - fmt.bias) if not fmt.subnormals else exact.power(1 - fmt.bias - fmt.mantissa_bits))
    if 0 <= value < smallest:
        return smallest
    if -smallest <= value < 0:
        return -0.0
    inner, outer, part, _ = exact.between(abs(Fraction(value)), fmt)
    if value > 0:
        return float(outer)
    if part:
        return -float(inner)
    step = exact.spacing(inner, fmt)
    return -float(inner - (step / 2 if inner == exact.power(exact.binade(inner)) > exact.power(1 - fmt.bias) else step))


@fuzzed(
    examples=120,
    numbers=st.fixed_dictionaries(
        {"exponent_bits": st.integers(-2, 14), "mantissa_bits": st.integers(-2, 30)},
        optional={"exponent_bias": st.integers(-1200, 1200), "infinities": st.booleans(), "nans": st.booleans()},
    ),
)
def test_a_format_is_what_its_codes_say_or_is_refused_by_name(numbers: dict[str, Any]) -> None:
    try:
        fmt = Format("drawn", **numbers)
    except ValueError as error:
        refused = str(error)
    else:
        refused = ""
    if refused:
        assert re.search("`exponent_bits|`mantissa_bits|formats must stay within", refused)
        return
    assert Fraction(fmt.max) == exact.largest(fmt)
    assert exact.meaning(fmt.max_code, fmt) == exact.largest(fmt)
    assert Fraction(fmt.smallest_normal) == exact.meaning(1 << fmt.mantissa_bits, fmt)
    if fmt.mantissa_bits:
        assert Fraction(fmt.smallest_subnormal) == exact.meaning(1, fmt)
    if fmt.infinity_code is not None:
        assert exact.meaning(fmt.infinity_code, fmt) == exact.INFINITY
    if fmt.nan_code is not None:
        assert exact.meaning(fmt.nan_code, fmt) == exact.NAN


@fuzzed(examples=60, fmt=custom_formats(), name=st.sampled_from(["rounding", "subnormals", "overflow"]), word=st.text())
def test_an_unknown_option_is_named(fmt: Format, name: str, word: str) -> None:
    if word in ("keep", "flush", "inf", "saturate", *ROUNDING_MODES):
        return
    with pytest.raises(ValueError, match=re.escape(f"unknown {name} {word!r}; expected one of ")):
        round_to([1.0], fmt, **{name: word})
