"""explain: the figures of one rounding, held against the twin, and its story."""

from __future__ import annotations

import math
import subprocess
import sys
from bisect import bisect_left, bisect_right
from decimal import Decimal
from fractions import Fraction
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import simfp as sf
from simfp.__main__ import main
from simfp.explain import parse_number
from simfp.formats import NAMED_FORMATS, Format
from simfp.rounding import ROUNDING_MODES
from tests import exact
from tests.examples import examples, some
from tests.samples import DETERMINISTIC, FORMATS, OPTIONS, SMALL_FORMATS, assert_same, boundaries


def some_boundaries(fmt: Format, n: int) -> list[float]:
    points = boundaries(fmt)
    return [float(x) for x in points[:: 1 + len(points) // n]]


@pytest.mark.parametrize("points", [9, pytest.param(40, marks=pytest.mark.long)])
@pytest.mark.parametrize("rounding", DETERMINISTIC)
@pytest.mark.parametrize("fmt", FORMATS, ids=str)
def test_the_figures_of_a_rounding_are_right(fmt: Format, rounding: str, points: int) -> None:
    for x in some_boundaries(fmt, points):
        for options in OPTIONS:
            told = sf.explain(x, fmt, rounding, **options)
            assert_same(told.result, exact.round_exact(x, fmt, rounding, **options))
            assert (told.fmt, told.rounding) == (fmt, rounding)
            assert told.fate == sf.fate(x, fmt, rounding, **options), x
            if told.code is None:
                assert math.isnan(told.result)
                assert not fmt.nans
            else:
                assert_same(sf.decode(told.code, fmt), told.result)
            if math.isfinite(x):
                assert told.x == Fraction(x)
                assert told.ulp == sf.ulp(x, fmt)
            if math.isfinite(x) and math.isfinite(told.result):
                assert told.error_ulps == float((Fraction(told.result) - Fraction(x)) / Fraction(told.ulp))
            else:
                assert math.isnan(told.error_ulps)
            assert str(told).count("\n") in (4, 9)


@pytest.mark.parametrize("fmt", SMALL_FORMATS, ids=str)
def test_the_neighbours_and_the_tie_are_those_of_the_sorted_table(fmt: Format) -> None:
    ends = [math.inf] if fmt.infinities else []
    table = sorted({sign * value for value in exact.magnitudes(fmt) for sign in (1, -1)})
    table = [*(-x for x in ends), *table, *ends]
    for x in some_boundaries(fmt, 400):
        told = sf.explain(x, fmt)
        if math.isnan(x):
            assert math.isnan(told.below)
            assert math.isnan(told.above)
            continue
        below = table[bisect_right(table, x) - 1] if x >= table[0] else None
        above = table[bisect_left(table, x)] if x <= table[-1] else None
        for found, expected in ((told.below, below), (told.above, above)):
            assert math.isnan(found) if expected is None else found == expected, x
        inside = None not in (below, above) and below != above and math.inf not in (above, -below)
        if not fmt.subnormals and abs(x) < fmt.smallest_normal:  # the full grid decides, and what is below is flushed
            inside = False
        assert told.tie == ((Fraction(below) + Fraction(above)) / 2 if inside else None), x


@given(
    st.fractions(max_denominator=10**30) | st.decimals(-(10**6), 10**6, places=40).map(Fraction),
    st.sampled_from(FORMATS),
    st.sampled_from(DETERMINISTIC),
)
@examples(400)
def test_a_number_typed_as_text_is_rounded_from_its_exact_value(x: Fraction, fmt: Format, rounding: str) -> None:
    typed = f"{Decimal(x.numerator) / Decimal(x.denominator):f}"
    value = Fraction(typed)
    told = sf.explain(typed, fmt, rounding)
    assert told.x == value
    sign_of_zero = -0.0 if typed.startswith("-") else 0.0
    assert_same(told.result, exact.round_exact(value or sign_of_zero, fmt, rounding))


def test_text_is_taken_exactly_where_float64_would_find_a_tie() -> None:
    assert sf.explain("2049.000000000000000000000000000000001", "float16").result == 2050.0
    assert sf.explain("2048.999999999999999999999999999999999", "float16").result == 2048.0
    assert sf.explain(2**1100, "float16", "toward_zero").result == 65504.0
    assert sf.explain("1e-900", "float16", "toward_positive").result == 2.0**-24


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("6e-8", Fraction(6, 10**8)),
        ("-0.1", Fraction(-1, 10)),
        (" 65504 ", Fraction(65504)),
        ("0x1.8p-14", Fraction(3, 2**15)),
        ("-0xff", Fraction(-255)),
        ("0x.8p1", Fraction(1)),
        ("2^-24", Fraction(1, 2**24)),
        ("2**-24", Fraction(1, 2**24)),
        ("-2^(-3)", Fraction(-1, 8)),
        ("1.5*2^-24", Fraction(3, 2**25)),
        ("0", Fraction(0)),
        ("inf", math.inf),
        ("-Infinity", -math.inf),
    ],
)
def test_numbers_are_read_as_people_type_them(text: str, value: Fraction | float) -> None:
    assert parse_number(text) == value


def test_zeros_and_nan_are_read_with_their_signs() -> None:
    assert math.copysign(1, parse_number("-0")) == -1
    assert math.copysign(1, parse_number("-0.0e5")) == -1
    assert math.isnan(parse_number("NaN"))


@pytest.mark.parametrize("text", ["", "one", "1,5", "0x", "2^", "2^1.5", "--1", "1e", "0xg", "-", "-.", "1_0 0"])
def test_text_that_is_no_number_is_named_with_what_is_understood(text: str) -> None:
    with pytest.raises(ValueError, match=r"cannot read '.*' as a number; understood are decimals \(6e-8\), "):
        sf.explain(text, "float16")


@pytest.mark.parametrize("text", ["1e2000", "2^9999", "0x1p-5000", "1e-99999999999", "2^" + "9" * 500])
def test_powers_out_of_reach_are_refused_at_once(text: str) -> None:
    with pytest.raises(ValueError, match="is out of reach; powers of "):
        sf.explain(text, "float16")


@pytest.mark.parametrize("x", [[1.0], np.zeros(2), None, 1j, b"1", np.complex64(1), np.longdouble(1), {}])
def test_anything_but_one_number_is_refused(x: Any) -> None:
    with pytest.raises(TypeError, match="`x` must be one number or a string, got "):
        sf.explain(x, "float16")


def test_wrong_modes_formats_and_options_are_named() -> None:
    with pytest.raises(ValueError, match="unknown rounding 'up'; expected one of nearest_even, "):
        sf.explain(1.0, "float16", "up")
    with pytest.raises(ValueError, match="unknown format 'fp17'"):
        sf.explain(1.0, "fp17")
    with pytest.raises(ValueError, match="unknown overflow 'wrap'; expected one of inf, saturate"):
        sf.explain(1.0, "float16", overflow="wrap")


@pytest.mark.parametrize("x", [0.1, np.float32(0.1), np.float16(0.1), ml_dtypes.bfloat16(0.1), 3, np.int8(3), True])
def test_scalars_of_any_kind_are_taken_exactly(x: Any) -> None:
    told = sf.explain(x, "float8_e5m2")
    assert told.x == Fraction(float(x))
    assert told.result == sf.round_to(float(x), "float8_e5m2")


# -- the story


def test_the_story_of_a_tie() -> None:
    assert str(sf.explain(2049, "float16")) == (
        "2049.0 in float16, nearest_even\n"
        "  exact value  2049\n"
        "  hexadecimal  0x1.0020000000000p+11\n"
        "  at or below  2048 = 2^11   [0 11010 0000000000]   0x6800\n"
        "  tie          2049\n"
        "  at or above  2050   [0 11010 0000000001]   0x6801\n"
        "  result       2048 = 2^11   [0 11010 0000000000]   0x6800\n"
        "  error        -0.5 ulp of 2^1\n"
        "  fate         rounded\n"
        "  why          exactly halfway between 2048.0 and 2050.0; of the two, 2048.0 has the even last bit"
    )


# fmt: off
#    number            format  rounding           part of the reason
REASONS = [
    (1.0,              "fp16", "nearest_even",    "float16 owns this value, so nothing is rounded"),
    (3 * 2.0**-24,     "fp16", "nearest_even",    "it is subnormal, and 2 of 11 bits of precision are left"),
    (6e-8,             "fp16", "nearest_even",    "below the tie, so 5.960464477539063e-08 is the nearer"),
    (2051,             "fp16", "nearest_even",    "of the two, 2052.0 has the even last bit"),
    (2049,             "fp16", "nearest_away",    "of the two, 2050.0 lies farther from zero"),
    (2049,             "fp16", "toward_zero",     "toward_zero takes the neighbour nearer to zero"),
    (-2049,            "fp16", "toward_positive", "toward_positive takes the neighbour above"),
    (2049,             "fp16", "toward_negative", "toward_negative takes the neighbour below"),
    (2049,             "fp16", "to_odd",          "to_odd takes the neighbour whose last bit is 1"),
    (2049,             "fp16", "stochastic",      "goes away from zero with a probability of 0.5"),
    (70000,            "fp16", "nearest_even",    "by half a step (65520.0) or more, it becomes infinity"),
    (65510,            "fp16", "nearest_even",    "but by less than it takes to overflow: 65520.0 or more"),
    (65510,            "fp16", "toward_zero",     "beyond the largest number, 65504.0, where toward_zero stops"),
    (65505,            "fp16", "toward_positive", "toward_positive leads to infinity"),
    (464,              "e4m3", "nearest_even",    "than it takes to overflow: more than 464.0"),
    (463,              "e4m3", "nearest_away",    "than it takes to overflow: 464.0 or more"),
    (500,              "e4m3", "nearest_even",    "it becomes NaN, as float8_e4m3fn has no infinity"),
    (9,                "fp4",  "nearest_even",    "float4_e2m1fn has nothing larger, not even infinity"),
    (math.inf,         "fp16", "nearest_even",    "float16 has infinities"),
    (math.inf,         "fp4",  "nearest_even",    "float4_e2m1fn has no infinity, so it becomes 6.0"),
    (math.nan,         "fp16", "nearest_even",    "NaN stays NaN"),
    (math.nan,         "fp4",  "nearest_even",    "NaN stays NaN, though float4_e2m1fn has no code for it"),
    (-0.0,             "fp16", "nearest_even",    "zero keeps its sign"),
]
# fmt: on


@pytest.mark.parametrize(("x", "fmt", "rounding", "reason"), REASONS)
def test_the_reason_names_what_decided(x: float, fmt: str, rounding: str, reason: str) -> None:
    assert reason in sf.explain(x, fmt, rounding, **({"rng": 1} if rounding == "stochastic" else {})).why


def test_the_reasons_cover_every_mode() -> None:
    assert {rounding for _, _, rounding, _ in REASONS} == ROUNDING_MODES.keys()


def test_flushing_and_saturating_are_given_as_reasons() -> None:
    assert "is flushed to zero" in sf.explain(1e-5, "float16", subnormals="flush").why
    assert "2^-14" in sf.explain(1e-5, "float16", subnormals="flush").why
    assert "it was told to saturate" in sf.explain(1e9, "float16", overflow="saturate").why
    assert "was told to saturate" in sf.explain(math.inf, "float16", overflow="saturate").why


@pytest.mark.parametrize("fmt", some(FORMATS, every=3), ids=str)
def test_every_story_can_be_told(fmt: Format) -> None:
    for x in some_boundaries(fmt, 30):
        for rounding in ROUNDING_MODES:
            for options in OPTIONS[::3]:
                told = sf.explain(x, fmt, rounding, **options, **({"rng": 1} if rounding == "stochastic" else {}))
                assert told.why in str(told)
                assert told.fate in str(told)


# -- the command line


def test_the_command_line_tells_the_story(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "6e-8", "fp16"]) == 0
    assert capsys.readouterr().out == f"{sf.explain('6e-8', 'fp16')}\n"
    assert main(["explain", "-2^-24", "bf16", "--rounding", "toward_zero", "--subnormals", "flush"]) == 0
    assert capsys.readouterr().out == f"{sf.explain('-2^-24', 'bf16', 'toward_zero', subnormals='flush')}\n"
    assert main(["explain", "-inf", "e4m3", "--overflow", "saturate"]) == 0
    assert "-448" in capsys.readouterr().out


def test_the_command_line_lists_every_format(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["formats"]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in rows] == list(NAMED_FORMATS)
    assert header.startswith("format")
    half = next(row for row in rows if row.startswith("float16")).split()
    assert half[1:7] == ["16", "5", "10", "65504", "6.10352e-05", "5.96046e-08"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["explain", "one", "fp16"], "cannot read 'one' as a number"),
        (["explain", "1", "fp17"], "unknown format 'fp17'; expected one of float32"),
        (["explain", "1", "fp16", "--rounding", "up"], "unknown rounding 'up'; expected one of nearest_even"),
        (["explain", "1", "fp16", "--overflow", "wrap"], "unknown overflow 'wrap'; expected one of inf, saturate"),
    ],
)
def test_the_command_line_names_what_is_wrong(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    said = capsys.readouterr()
    assert message in said.err
    assert said.out == ""


def test_python_m_simfp_runs() -> None:
    ran = subprocess.run([sys.executable, "-m", "simfp", "explain", "2049", "fp16"], capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == f"{sf.explain('2049', 'fp16')}\n"


@pytest.mark.parametrize(
    ("typed", "negative"), [("-0", True), ("-0x0", True), ("-0*2^3", True), ("-.0e5", True), ("0", False)]
)
def test_a_typed_zero_keeps_its_sign(typed: str, negative: bool) -> None:
    assert np.signbit(sf.explain(typed, "fp16").result) == negative


@pytest.mark.parametrize("typed", ["snan", "nan1", "1_0", "0x", "0x.", ".", "-", "e5", "1e", "2^", ""])
def test_what_is_no_number_is_refused_with_a_word_on_what_is(typed: str) -> None:
    with pytest.raises(ValueError, match=r"cannot read .* as a number; understood are decimals"):
        sf.explain(typed, "fp16")


def test_an_integer_too_long_to_tell_is_refused() -> None:
    with pytest.raises(ValueError, match="`x` has 20001 bits; at most 3000 are told"):
        sf.explain(2**20000, "fp16")


@pytest.mark.parametrize("rounding", ["nearest_even", "stochastic"])
def test_between_zero_and_the_smallest_normal_a_format_without_subnormals_has_no_tie(rounding: str) -> None:
    gapped = sf.Format("gapped", exponent_bits=3, mantissa_bits=2, subnormals=False)
    for x in (0.2, 0.21875, 0.24):
        story = sf.explain(x, gapped, rounding, **({"rng": 1} if rounding == "stochastic" else {}))
        assert story.tie is None
        assert ("flushed to zero" if story.result == 0 else "near enough to the smallest normal") in story.why


def test_saturation_is_named_where_it_decided() -> None:
    assert "told to saturate" in sf.explain(np.inf, "e4m3", overflow="saturate").why
    assert "told to saturate" in sf.explain(470, "e4m3", overflow="saturate").why
    assert "toward_zero goes no further" in sf.explain(1e6, "fp16", "toward_zero").why
