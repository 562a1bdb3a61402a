"""Lesson 01: right and wrong answers to its exercises, what its checks hold them against, and its bets."""

import math
import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import simfp as sf
from simfp import course
from simfp.bits import bit_string
from simfp.course import progress
from simfp.course.judges.numbers import NumberJudge
from simfp.course.lessons.lesson_01 import answers, bets, exercises
from simfp.course.lessons.lesson_01.judges import CODES, DecodeJudge, FormatJudge, decoded
from simfp.formats import Format
from tests.lesson_answers import LessonAnswers
from tests.lesson_prose import words_of

pytestmark = pytest.mark.usefixtures("progress_file")

LESSON = Path(__file__).parents[2] / "lessons" / "01_see_the_bits.ipynb"
EXERCISES = {row.id: row for row in exercises.EXERCISES}


# ---- answers ----


def fields(code: int) -> tuple[float, int, int]:
    return (-1.0 if code >> 15 else 1.0), code >> 10 & 0x1F, code & 0x3FF


def normal(code: int) -> float:
    """The formula of the normal numbers, for any code."""
    minus, exponent, mantissa = fields(code)
    return minus * 2.0 ** (exponent - 15) * (1 + mantissa / 1024)


def decode_by_cases(code: int) -> float:
    minus, exponent, mantissa = fields(code)
    if exponent == 31:
        return math.nan if mantissa else minus * math.inf
    if exponent == 0:
        return minus * 2.0**-14 * (mantissa / 1024)
    return normal(code)


def decode_in_steps(code: int) -> float:
    """As a whole number of the smallest subnormal."""
    minus, exponent, mantissa = fields(code)
    if exponent == 31:
        return minus * (math.nan if mantissa else math.inf)
    steps = mantissa if exponent == 0 else (1024 + mantissa) << (exponent - 1)
    return minus * steps * 2.0**-24


def decode_as_fraction(code: int) -> Any:
    if code >> 10 & 0x1F == 31 or code == 0x8000:
        return decode_by_cases(code)
    return Fraction(decode_by_cases(code))


def with_normals(formula: Callable[[float, int, int], float]) -> Callable[[int], float]:
    """decode_fp16 with a formula of one's own for the normal numbers; the ends are right."""

    def decode_fp16(code: int) -> float:
        minus, exponent, mantissa = fields(code)
        return formula(minus, exponent, mantissa) if 0 < exponent < 31 else decode_by_cases(code)

    return decode_fp16


def where(change: Callable[[int, int], bool], other: Callable[[int], Any]) -> Callable[[int], Any]:
    """decode_fp16 but for the codes whose exponent and mantissa fields `change` picks."""

    def decode_fp16(code: int) -> Any:
        _, exponent, mantissa = fields(code)
        return other(code) if change(exponent, mantissa) else decode_by_cases(code)

    return decode_fp16


def masked(exponent_mask: int = 0x1F, mantissa_mask: int = 0x3FF) -> Callable[[int], float]:
    """decode_fp16 with masks of one's own."""

    def decode_fp16(code: int) -> float:
        exponent, mantissa = code >> 10 & exponent_mask, code & mantissa_mask
        return fields(code)[0] * 2.0 ** (exponent - 15) * (1 + mantissa / 1024)

    return decode_fp16


def twos_complement(code: int) -> float:
    return -decode_by_cases(CODES - code) if code > 0x8000 else decode_by_cases(code)


def fmt(exponent_bits: int, mantissa_bits: int, **more: Any) -> Format:
    return Format("mine", exponent_bits=exponent_bits, mantissa_bits=mantissa_bits, **more)


# fmt: off
RIGHT: dict[str, list[Any]] = {
    "01.a": [256, 256.0, np.int64(256), Fraction(256), np.array(256)],
    "01.b": [decode_by_cases, decode_in_steps, decode_as_fraction, lambda code: np.array(decode_by_cases(code)),
             lambda code: np.uint16(code).view(np.float16), lambda code: sf.decode(code, "fp16")],
    "01.c": [fmt(6, 5), fmt(6, 5, subnormals=False), fmt(6, 5, infinities=False), fmt(6, 5, exponent_bias=30),
             fmt(6, 5, exponent_bias=40)],
}

# What people answer, and what the answer to that must say.
WRONG: dict[str, list[tuple[Any, str]]] = {
    "01.a": [
        (257, "257 is the first that bf16 does not own"), (255, "256 is a power of two"),
        (128, "a one stands before them that is not stored"), (127, "a one stands before them"),
        (2048, "That is fp16, with its 11 bits"), (2049, "That is fp16"), (2**24, "That is fp32, with its 24 bits"),
        (7, "That is how many bits the mantissa has"), (8, "That is how many bits"),
        (65536, "bf16 has that many codes"), (32768, "bf16 has that many codes"),
        (3.3895313892515355e38, "long before that whole ones begin to be missing"), (math.inf, "whole ones begin"),
        (512, "bf16 owns 512, but not every whole number below it"), (300, "bf16 owns 300, but not"),
        (1001, "bf16 does not even own 1001: it makes 1000 of it"),
        (100, "bf16 owns 101 too"), (0, "bf16 owns 1 too"), (-256, "it cannot be -256"),
        (math.nan, "NaN is not a number"), ("256", "got '256', a str"), (lambda: 256, "got a function"),
    ],
    "01.b": [
        (lambda code: code, "that is the code, read as a whole number"),
        (lambda code: sf.decode(np.uint16(code), "bf16"), "that is what bf16 has there"),
        (masked(exponent_mask=0x3F), "the sign bit is still in your exponent"),
        (lambda code: masked(exponent_mask=0x3F)(code) * fields(code)[0], "the sign bit is still in your exponent"),
        (masked(exponent_mask=0xF), "the topmost bit of the exponent got lost"),
        (masked(mantissa_mask=0x1FF), "the topmost bit of the mantissa got lost"),
        (masked(mantissa_mask=0x7FF), "your mantissa has eleven bits"),
        (with_normals(lambda s, e, m: s * 2.0**e * (1 + m / 1024)), "the exponent is 15 - 15"),
        (with_normals(lambda s, e, m: s * 2.0 ** (e - 16) * (1 + m / 1024)), "not 14 or 16"),
        (with_normals(lambda s, e, m: s * 2.0 ** (e - 14) * (1 + m / 1024)), "not 14 or 16"),
        (with_normals(lambda s, e, m: s * 2.0 ** (e - 127) * (1 + m / 1024)), "A bias of 127"),
        (with_normals(lambda s, e, m: s * 2.0 ** (e - 15) * (m / 1024)), "the implicit one is missing"),
        (with_normals(lambda s, e, m: s * 2.0 ** (e - 15) * (1 + m)), "was taken as a whole number"),
        (with_normals(lambda s, e, m: s * 2.0 ** (e - 15) * (1 + m / 1023)), "1023 is only the largest of them"),
        (with_normals(lambda s, e, m: s * 2.0 ** (e - 15) * (1 + m / 512)), "the last of them counts"),
        (with_normals(lambda s, e, m: s * 2.0 ** (e - 15) * (1 + m / 2048)), "the last of them counts"),
        (with_normals(lambda s, e, m: (s < 0) * 2.0 ** (e - 15) * (1 + m / 1024)), "multiplied by the sign bit itself"),
        (with_normals(lambda s, e, m: -1.0 * 2.0 ** (e - 15) * (1 + m / 1024)), "`-1**sign` is -(1**sign)"),
        (with_normals(lambda s, e, m: s * (2 ^ (e - 15)) * (1 + m / 1024)), "`^` is exclusive or; a power is `**`"),
        (with_normals(lambda s, e, m: (-1 ^ (s < 0)) * 2.0 ** (e - 15) * (1 + m / 1024)), "`^` is exclusive or"),
        (with_normals(lambda s, e, m: 2.0 ^ e), "In Python `^` is exclusive or"),  # type: ignore[operator]
        (lambda code: 2.0 ** (code >> 10 & 31) * ..., "Dots still stand"),  # type: ignore[operator]
        (with_normals(lambda s, e, m: s * 2.0 ** (e - 15) * (1 + m // 1024)), "Is it `//` in place of `/`?"),
        (with_normals(lambda s, e, m: s * 2.0 ** (e - 15) * 1 + m / 1024), "Brackets are missing"),
        (with_normals(lambda s, e, m: s * 2.0 ** (e - 15) * (1 + m / 1000)), "Exponent field 15, mantissa field 512"),
        (with_normals(lambda s, e, m: s * (e - 15) * (1 + m / 1024)), "with the sign"),
        (lambda code: -decode_by_cases(code), "the sign is the wrong way round"),
        (lambda code: decode_by_cases(code & 0x7FFF), "right but for the sign"),
        (twos_complement, "as if a negative code were a two's complement"),
        (normal, "Where the exponent field is 0, no one is put before the point"),
        (where(lambda e, m: e == 0, lambda code: 2 * normal(code)), "no one is put before the point"),
        (where(lambda e, m: e == 0 and m > 0, normal), "no one is put before the point"),
        (where(lambda e, m: e == 0, lambda code: decode_by_cases(code) / 2), "half of what it is"),
        (where(lambda e, m: e == 0, lambda code: fields(code)[0] * 0.0), "Only an empty mantissa makes it zero"),
        (where(lambda e, m: e == 0, lambda code: abs(decode_by_cases(code))), "subnormal numbers have a sign as well"),
        (where(lambda e, m: e == 0 and m == 0, lambda code: 0), "a zero with a sign"),
        (where(lambda e, m: e == 31, normal), "An exponent field of 31 is reserved"),
        (where(lambda e, m: e == 31 and m == 0, normal), "An exponent field of 31 is reserved"),
        (where(lambda e, m: e == 31, lambda code: math.nan), "The mantissa is empty, so this is infinity"),
        (where(lambda e, m: e == 31, lambda code: fields(code)[0] * math.inf), "so this is NaN"),
        (where(lambda e, m: e == 31 and m == 0, lambda code: math.inf), "infinity has a sign"),
        (lambda code: str(decode_by_cases(code)), "it returned '1.0', of type str"),
        (lambda code: code == 0, "it returned False, of type bool"),
        (lambda code: (code, 1), "of type tuple"),
        (lambda code: 1j, "of type complex"),
        (lambda code: None, "Is a `return` missing?"),
        (lambda code: 1 / (code - 0x3C00), "raised ZeroDivisionError"),
        (lambda: 1.0, "raised TypeError"),
        (decode_by_cases(0x3C00), "This wants a function; got 1.0"),
        (float, "got the type float"),
        (where(lambda e, m: (e, m) == (20, 77), lambda code: 5), "you said 5, and it stands for 34.40625"),
    ],
    "01.c": [
        (fmt(6, 6), "6 + 6 = 12, but the sign takes a bit as well"), (fmt(5, 7), "this format has 13"),
        (fmt(6, 4), "1 + 6 + 4 = 11"), (fmt(8, 7), "1 + 8 + 7 = 16"), (sf.float16, "1 + 5 + 10 = 16"),
        (fmt(5, 6), "That is too narrow"), (fmt(4, 7), "That is too narrow"),
        (fmt(5, 6, exponent_bias=20), "and 5 exponent bits give 30"), (fmt(5, 6, exponent_bias=10), "does not widen"),
        (fmt(6, 5, exponent_bias=10), "below that, precision fades"),
        (fmt(6, 5, exponent_bias=50), "A smaller bias moves everything up"),
        (fmt(7, 4), "An exponent bit can go to the mantissa"), (fmt(8, 3), "and pays with precision"),
        ("fp16", "'fp16' is a name"), (12, "got 12, of type int"), ((6, 5), "of type tuple"),
        (Format, "got the type Format"), (lambda: fmt(6, 5), "of type function"),
    ],
}
# fmt: on


class TestAnswers(LessonAnswers):
    exercises, right, wrong = EXERCISES, RIGHT, WRONG


def test_every_message_in_the_tables_is_one_that_some_wrong_answer_gets() -> None:
    judge = EXERCISES["01.a"].judge
    assert isinstance(judge, NumberJudge)
    numbers = [float(a) for a, _ in WRONG["01.a"] if isinstance(a, (int, float)) and not math.isnan(a)]
    assert {next((i for i, slip in enumerate(judge.slips) if slip.fits(x)), None) for x in numbers} == {
        *range(len(judge.slips)), None,
    }  # fmt: skip

    judge = EXERCISES["01.b"].judge
    assert isinstance(judge, DecodeJudge)
    heard = "\n".join(course.check("01.b", answer).text for answer, _ in WRONG["01.b"])
    for mistake in judge.mistakes:
        pieces = map(re.escape, re.split(r"\{\w+\}", mistake.message))
        assert re.search("[^\n]*".join(pieces), heard), mistake.message

    judge = EXERCISES["01.c"].judge
    assert isinstance(judge, FormatJudge)
    built = [each for each, _ in WRONG["01.c"] if isinstance(each, Format)]
    assert {next(i for i, slip in enumerate(judge.slips) if slip.fits(each)) for each in built} == set(
        range(len(judge.slips))
    )


def unwritten(code: int) -> Any:
    _sign, _exponent = code >> 15, ...
    return ...


@pytest.mark.parametrize(
    ("key", "answer"), [*((key, answer) for key in EXERCISES for answer in (..., None)), ("01.b", unwritten)]
)
def test_an_exercise_without_an_answer_says_not_yet_and_counts_as_no_try(key: str, answer: Any) -> None:
    assert course.check(key, answer).title == f"{key}: not yet"
    assert progress.read()["exercises"] == {}


@pytest.mark.parametrize("said", [10**400, -(10**400), math.nan, -math.inf, np.float32(3), np.array([1.0]), 5e-324])
def test_no_number_is_so_odd_that_a_check_of_the_decoder_raises(said: Any) -> None:
    assert not course.check("01.b", lambda code: said).passed


# ---- what the checks hold answers against ----


def test_the_decoder_is_held_against_whole_numbers_of_the_smallest_subnormal() -> None:
    codes = np.arange(CODES)
    found = decoded(codes, [decode_in_steps(code) for code in codes.tolist()])
    assert not found.wrong.any()
    assert np.array_equal(found.right, np.arange(CODES, dtype=np.uint16).view(np.float16).astype(float), equal_nan=True)


def test_no_format_of_12_bits_with_a_longer_mantissa_has_all_the_data() -> None:
    low, high = answers.LOW, answers.HIGH
    for mantissa_bits in range(6, 11):
        for bias in range(-60, 60):
            try:
                one = fmt(
                    11 - mantissa_bits, mantissa_bits, exponent_bias=bias, infinities=False, nans=False
                )  # the widest
            except ValueError:
                continue
            assert not (one.smallest_normal <= low and one.max >= high)
    assert fmt(6, 5).bits == 12


@pytest.mark.parametrize(("spec", "first"), [("fp16", 2049), ("bf16", 257), ("e4m3", 17), ("e5m2", 9)])
def test_the_first_whole_number_that_a_format_does_not_own(spec: str, first: int) -> None:
    owned = {float(x) for x in sf.decode(np.arange(1 << sf.as_format(spec).bits), spec) if math.isfinite(x)}
    assert next(n for n in range(5000) if n not in owned) == first
    assert answers.last_whole(sf.as_format(spec)) == first - 1


# ---- bets, and what the lesson says ----


def test_the_bets_turn_out_as_told() -> None:
    assert {row.id: row.truth() for row in bets.BETS} == {
        "01.1": 2049.0, "01.2": 32768.0, "01.3": 2046.0, "01.4": 150.0,
    }  # fmt: skip
    for row, won, lost in zip(bets.BETS, (2049, 32768, 2046, 150), (2048, 1, 2048, 50), strict=True):
        assert row.won(row.read(won))  # type: ignore[arg-type]
        assert not row.won(row.read(lost))  # type: ignore[arg-type]
    stories = {row.id: row.story(row.truth()) for row in bets.BETS}
    assert "1.7e38 of 0.5" in stories["01.2"]
    assert "bf16 spends 254 codes on NaN, fp8 e5m2 6, fp8 e4m3 only 2" in stories["01.3"]
    assert "4 + 2 bytes in place of 4" in stories["01.4"]


def test_what_the_lesson_says_without_computing_it_is_so() -> None:
    prose = words_of(LESSON)
    assert f"reaches up to {sf.float16.max:,.0f}" in prose
    assert f"For 1 it is {int(sf.encode(1, 'fp16')) >> 10}" in prose
    assert f"in place of {sf.float32.precision}" in prose
    e4m3 = sf.as_format("e4m3")
    assert f"it reaches {e4m3.max:.0f}" in prose
    assert f"it would end at {fmt(4, 3).max:.0f}" in prose
    assert f"It has {sf.tfloat32.bits} bits" in prose
    assert f"`{bits_of(0.5)}`" in prose
    assert f"`{bits_of(32768)}`" in prose
    assert f"{2**sf.bfloat16.precision} in bf16, {2**sf.float16.precision:,} in fp16" in prose


def test_codes_walk_away_from_zero_as_the_lesson_says() -> None:
    values = sf.decode(np.arange(1 << 16), "fp16")
    assert (np.diff(values[:0x7C01]) > 0).all()
    assert (np.diff(values[0x8000:0xFC01]) < 0).all()
    numbers = np.arange(1 << 16)[np.isfinite(values)]
    keys = np.where(numbers >= 0x8000, numbers ^ 0xFFFF, numbers | 0x8000)
    assert (np.diff(values[numbers[np.argsort(keys)]]) >= 0).all()
    assert sf.round_to(257, "bf16") == 256


def bits_of(x: float) -> str:
    return bit_string(sf.encode(x, "fp16"), "fp16")
