"""Numbers as people type them, into `explain`, the command line and widgets: read exactly, or refused by name."""

from __future__ import annotations

import contextlib
import functools
import io
import math
from fractions import Fraction
from typing import Any
from unittest import mock

from hypothesis import strategies as st

from simfp.__main__ import main
from simfp.explain import explain, parse_number
from simfp.formats import NAMED_FORMATS, Format
from simfp.rounding import ROUNDING_MODES
from simfp.widgets import BitExplorer, NumberLine
from tests import exact
from tests.fuzz.properties import fuzzed
from tests.fuzz.strategies import formats, near_values, options, roundings
from tests.samples import assert_same

signs = st.sampled_from(["", "+", "-", "−"])
blanks = st.sampled_from(["", " ", "\t", "  "])
digits = st.text(alphabet="0123456789", min_size=1, max_size=25)
some_digits = st.text(alphabet="0123456789", max_size=25)


def whole(text: str) -> int:
    """A whole number, digit by digit."""
    return functools.reduce(lambda so_far, digit: 10 * so_far + "0123456789".index(digit), text, 0)


@st.composite
def decimals(draw: st.DrawFn) -> tuple[str, Fraction]:
    before, after = draw(digits), draw(some_digits)
    power = draw(st.one_of(st.none(), st.integers(-1000, 1000)))
    point = "." if after or draw(st.booleans()) else ""
    text = before + point + after + ("" if power is None else draw(st.sampled_from("eE")) + f"{power:+d}")
    return text, Fraction(whole(before + after), 10 ** len(after)) * Fraction(10) ** (power or 0)


@st.composite
def hexadecimals(draw: st.DrawFn) -> tuple[str, Fraction]:
    places = draw(st.lists(st.sampled_from("0123456789abcdefABCDEF"), min_size=1, max_size=16))
    after = draw(st.integers(0, len(places) - 1))
    power = draw(st.one_of(st.none(), st.integers(-1200, 1200)))
    head, tail = places[: len(places) - after], places[len(places) - after :]
    text = "0x" + "".join(head) + ("." + "".join(tail) if after else "") + ("" if power is None else f"p{power}")
    code = functools.reduce(lambda so_far, place: 16 * so_far + "0123456789abcdef".index(place.lower()), places, 0)
    return text, Fraction(code, 16**after) * Fraction(2) ** (power or 0)


@st.composite
def powers(draw: st.DrawFn) -> tuple[str, Fraction]:
    factor, after = draw(st.one_of(st.none(), digits)), draw(some_digits)
    power = draw(st.integers(-3000, 3000))
    base = draw(st.sampled_from(["2^", "2**"])) + draw(st.sampled_from([f"{power}", f"({power})"]))
    if factor is None:
        return base, Fraction(2) ** power
    text = factor + ("." + after if after else "") + draw(st.sampled_from([" * ", "*", "x", " · "])) + base
    return text, Fraction(whole(factor + after), 10 ** len(after)) * Fraction(2) ** power


numbers = st.one_of(decimals(), hexadecimals(), powers())
words = st.sampled_from(
    ["inf", "nan", "0x", "2^", "**", "e", "p", ".", "-", "+", "(", ")", " ", "9", "1e400", "_", "١"]
)
texts = st.one_of(st.text(max_size=20), st.lists(words, max_size=6).map("".join), numbers.map(lambda pair: pair[0]))


@fuzzed(examples=250, number=numbers, sign=signs, before=blanks, after=blanks)
def test_a_typed_number_is_read_exactly(number: tuple[str, Fraction], sign: str, before: str, after: str) -> None:
    text, value = number
    read = parse_number(before + sign + text + after)
    if value == 0 and sign in ("-", "−"):
        assert isinstance(read, float)
        assert math.copysign(1, read) == -1
    else:
        assert read == (-value if sign in ("-", "−") else value)


@fuzzed(examples=250, text=texts)
def test_any_text_is_read_or_refused_with_its_beginning(text: str) -> None:
    try:
        read = parse_number(text)
    except ValueError as error:
        assert repr(text[:40]) in str(error)
        return
    assert isinstance(read, (Fraction, float))
    assert read == parse_number(f" {text} ") or read != read


@fuzzed(
    examples=150,
    number=st.one_of(numbers.map(lambda pair: pair[1]), formats.flatmap(near_values).map(Fraction)),
    fmt=formats, rounding=roundings, told=options,
)  # fmt: skip
def test_explain_rounds_what_was_typed_exactly_and_lies_between_its_neighbours(
    number: Fraction, fmt: Format, rounding: str, told: dict[str, Any]
) -> None:
    text = f"0x{abs(number.numerator):x}p{1 - number.denominator.bit_length()}"
    if number.denominator & (number.denominator - 1) or len(text) > 900 or number.denominator.bit_length() > 2999:
        return  # no hexadecimal has it
    story = explain("-" * (number < 0) + text, fmt, rounding, **told)
    assert_same(story.result, exact.round_exact(number if number else 0.0, fmt, rounding, **told), number)
    assert str(story)
    if number and math.isfinite(story.below) and math.isfinite(story.above):
        assert Fraction(story.below) <= number <= Fraction(story.above)


@fuzzed(examples=120, text=texts, fmt=st.one_of(st.sampled_from(list(NAMED_FORMATS)), st.text(max_size=6)),
        rounding=st.sampled_from([*ROUNDING_MODES, "up"]), flush=st.sampled_from(["keep", "flush", "x"]))  # fmt: skip
def test_the_command_line_tells_a_story_or_says_why_not(text: str, fmt: str, rounding: str, flush: str) -> None:
    out, err = io.StringIO(), io.StringIO()
    arguments = ["explain", text, fmt, "--rounding", rounding, "--subnormals", flush]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = main(arguments)
        except SystemExit as stopped:  # argparse took a word for an option
            status = stopped.code
    assert status in (0, 2)
    assert bool(out.getvalue()) == (status == 0) or "-h" in arguments[1:3] or "--help" in str(arguments)
    assert bool(err.getvalue()) == (status == 2)
    assert "Traceback" not in err.getvalue()


@functools.cache
def number_line() -> NumberLine:
    return NumberLine("0.1")


@functools.cache
def bit_explorer() -> BitExplorer:
    return BitExplorer("1")


@fuzzed(examples=100, text=st.one_of(texts, st.sampled_from(["1e309", "-2^1024", "1e-5000", "9" * 999])))
def test_a_text_field_takes_a_text_or_keeps_its_last_good_value(text: str) -> None:
    for widget, setting in ((number_line(), "x"), (bit_explorer(), "value")):
        before, table = getattr(widget, setting), widget._table
        setattr(widget, setting, text)
        if widget.message:
            assert (getattr(widget, setting), widget._table) == (before, table)
            assert widget.message.endswith(f"kept {before!r}")
        else:
            assert getattr(widget, setting) == text.strip()
            assert widget.alternative()
            assert parse_number(getattr(widget, setting)) == parse_number(text) or "nan" in text.lower()


@fuzzed(examples=60, text=st.one_of(st.text(max_size=12), st.text(alphabet="0123456789abcdefxX_ ", max_size=12)),
        row=st.integers(-1, 6))  # fmt: skip
def test_a_typed_code_is_taken_or_refused(text: str, row: int) -> None:
    explorer = bit_explorer()
    before = explorer.value
    with mock.patch.object(explorer, "send"):
        explorer._touched(explorer, {"row": row, "do": "code", "to": text}, [])
    if explorer.message:
        assert explorer.value == before
    else:
        fmt = explorer.formats[row]
        assert explorer.codes[fmt.name] == int(text.strip().lower().removeprefix("0x").replace("_", ""), 16)
