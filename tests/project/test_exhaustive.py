"""The judges of `make exhaustive` judged: by exact fractions, by SoftFloat, and by being given wrong answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import cache
from typing import Any

import ml_dtypes  # noqa: F401  (NumPy then knows "bfloat16")
import numpy as np
import pytest
import softfloatpy as softfloat

import simfp as sf
from tests import exact
from tests.examples import some
from tests.exhaustive import arithmetic, conversions, report, running, suites
from tests.exhaustive.suites import BLOCK, BLOCKS, SUITES, Suite, Tally

FORMATS = list(conversions.STORAGE)
MODES = arithmetic.MODES
SOFTFLOAT_MODES = {
    "nearest_even": softfloat.RoundingMode.NEAR_EVEN,
    "nearest_away": softfloat.RoundingMode.NEAR_MAX_MAG,
    "toward_zero": softfloat.RoundingMode.MIN_MAG,
    "toward_positive": softfloat.RoundingMode.MAX,
    "toward_negative": softfloat.RoundingMode.MIN,
}
SOFTFLOAT_OPERATIONS = {
    "add": softfloat.f16_add,
    "subtract": softfloat.f16_sub,
    "multiply": softfloat.f16_mul,
    "divide": softfloat.f16_div,
}
SOFTFLOAT_CONVERSIONS = {"float16": softfloat.f32_to_f16, "bfloat16": softfloat.f32_to_bf16}
IN_ONE_PROCESS: Any = type("Pool", (), {"imap": staticmethod(map)})


@pytest.fixture
def softfloat_mode() -> Iterator[Callable[[str], None]]:
    """Sets SoftFloat's rounding mode, which is its process's, for one test."""
    yield lambda rounding: softfloat.set_rounding_mode(SOFTFLOAT_MODES[rounding])
    softfloat.set_rounding_mode(softfloat.RoundingMode.NEAR_EVEN)


@pytest.fixture
def folder(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An empty folder of states."""
    monkeypatch.setattr(running, "FOLDER", tmp_path)
    return tmp_path


def codes_of(values: list[float], fmt: str) -> np.ndarray:
    """Codes of values that the format owns."""
    return np.array(values, np.float32).astype(conversions.STORAGE[fmt]).view(np.uint16)


def same(got: np.ndarray, expected: np.ndarray, fmt: str) -> bool:
    return got.shape == expected.shape and suites.differences(got, expected, fmt).size == 0


def telling_patterns(fmt: str) -> np.ndarray:
    """float32 patterns at, just below and just above values and midpoints around the ends, and some of every binade."""
    infinity, normal = conversions.INFINITY[fmt], conversions.SMALLEST_NORMAL[fmt]
    near = np.concatenate([np.arange(end - 3, end + 3) for end in (3, normal, infinity - 3, infinity // 2)])
    values, below = (conversions.values(fmt)[codes].view(np.float32).astype(np.float64) for codes in (near, near - 1))
    exact_ones = np.concatenate([values, (values + below) / 2]).astype(np.float32).view(np.uint32).astype(np.int64)
    exact_ones = np.concatenate([exact_ones, [0, 0x477FF000, 0x7F7F8000]])
    around = np.concatenate([exact_ones - 1, exact_ones, exact_ones + 1])
    random = np.random.default_rng(3).integers(0, 1 << 31, 2000)
    patterns = np.concatenate([around, random, [0x7F7FFFFF, 0x7F800000, 0x7F800001, 0x7FC00000, 0x7FFFFFFF]])
    patterns = np.unique(patterns.astype(np.int64) & 0x7FFFFFFF)
    return np.concatenate([patterns, patterns | 1 << 31]).astype(np.uint32)


def telling_pairs(fmt: str) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of codes: the ends of the format with each other, and random ones, half of them of similar magnitude."""
    infinity, normal = conversions.INFINITY[fmt], conversions.SMALLEST_NORMAL[fmt]
    one = int(codes_of([1.0], fmt)[0])
    ends = [0, 1, 2, normal - 1, normal, normal + 1, one - 1, one, one + 1, infinity - 2, infinity - 1, infinity]
    ends = np.array([*ends, infinity + 1, 0x7FFF])
    ends = np.concatenate([ends, ends | 0x8000])
    rng = np.random.default_rng(5)
    x = rng.integers(0, 1 << 16, 1500)
    y = np.where(rng.random(x.size) < 0.5, rng.integers(0, 1 << 16, x.size), x ^ rng.integers(0, 1 << 11, x.size))
    y ^= rng.integers(0, 2, x.size) << 15
    pairs = np.concatenate([np.stack(np.meshgrid(ends, ends)).reshape(2, -1), [x, y]], axis=1)
    return pairs[0].astype(np.uint16), pairs[1].astype(np.uint16)


# --- conversions -----------------------------------------------------------------------------------------------


def expected_one_by_one(patterns: np.ndarray, fmt: str, rounding: str) -> np.ndarray:
    return np.concatenate([conversions.expected_codes(int(one), 1, fmt, rounding) for one in patterns])


@pytest.mark.parametrize("rounding", MODES)
@pytest.mark.parametrize("fmt", FORMATS)
def test_intervals_agree_with_exact_fractions(fmt: str, rounding: str) -> None:
    patterns = telling_patterns(fmt)
    values = patterns.view(np.float32).tolist()
    rounded = [exact.round_exact(x, sf.as_format(fmt), rounding) for x in values]
    assert same(expected_one_by_one(patterns, fmt, rounding), codes_of(rounded, fmt), fmt)


@pytest.mark.parametrize("rounding", SOFTFLOAT_MODES)
@pytest.mark.parametrize("fmt", FORMATS)
def test_intervals_agree_with_softfloat(fmt: str, rounding: str, softfloat_mode: Callable[[str], None]) -> None:
    softfloat_mode(rounding)
    patterns = telling_patterns(fmt)
    inputs = (softfloat.Float32.from_bytes(int(one).to_bytes(4, "big")) for one in patterns)
    answers = [int.from_bytes(SOFTFLOAT_CONVERSIONS[fmt](x).to_bytes(), "big") for x in inputs]
    assert same(expected_one_by_one(patterns, fmt, rounding), np.array(answers, np.uint16), fmt)


@pytest.mark.parametrize("rounding", MODES)
@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("start", [0, 0x33000000, 0x477FE000, 0x7F7F7000, 0x7F7FF000, 0x80000000, 0xC77FE000])
def test_a_block_is_answered_like_its_patterns_one_by_one(fmt: str, rounding: str, start: int) -> None:
    block = conversions.expected_codes(start, 0x2000, fmt, rounding)
    some = np.arange(0, 0x2000, 61)
    np.testing.assert_array_equal(block[some], expected_one_by_one(start + some, fmt, rounding))


@pytest.mark.parametrize("fmt", FORMATS)
def test_flushing_and_saturating_change_only_subnormals_and_infinities(fmt: str) -> None:
    normal, infinity = conversions.SMALLEST_NORMAL[fmt], conversions.INFINITY[fmt]
    codes = np.array([0, 1, normal - 1, normal, infinity - 1, infinity, 0x7FFF, 0x8001, 0x8000 | infinity], np.uint16)
    settled = [0, 0, 0, normal, infinity - 1, infinity - 1, 0x7FFF, 0x8000, 0x8000 | (infinity - 1)]
    assert conversions.settled(codes, fmt, flush=True, saturate=True).tolist() == settled
    np.testing.assert_array_equal(conversions.settled(codes, fmt), codes)


# --- arithmetic ------------------------------------------------------------------------------------------------


@cache
def exact_results(fmt: str, operation: str, rounding: str) -> list[Fraction | float]:
    """What the pairs give before rounding; only the sign of a zero depends on the mode: it is another one downward."""
    values = conversions.values(fmt).view(np.float32)
    pairs = (values[codes].tolist() for codes in telling_pairs(fmt))
    return [exact.exact_result(operation, pair, rounding) for pair in zip(*pairs)]


@pytest.mark.parametrize("rounding", MODES)
@pytest.mark.parametrize("operation", arithmetic.OPERATIONS)
@pytest.mark.parametrize("fmt", FORMATS)
def test_integer_arithmetic_agrees_with_exact_fractions(fmt: str, operation: str, rounding: str) -> None:
    x, y = telling_pairs(fmt)
    form = sf.as_format(fmt)
    results = exact_results(fmt, operation, "toward_negative" if rounding == "toward_negative" else "nearest_even")
    answers = [exact.round_exact(result, form, rounding) for result in results]
    assert same(arithmetic.expected_codes(operation, x, y, fmt, rounding), codes_of(answers, fmt), fmt)


@pytest.mark.parametrize("rounding", SOFTFLOAT_MODES)
@pytest.mark.parametrize("operation", arithmetic.OPERATIONS)
def test_integer_arithmetic_agrees_with_softfloat(
    operation: str, rounding: str, softfloat_mode: Callable[[str], None]
) -> None:
    softfloat_mode(rounding)
    x, y = telling_pairs("float16")
    pairs = zip(*([softfloat.Float16.from_bytes(int(one).to_bytes(2, "big")) for one in codes] for codes in (x, y)))
    answers = [int.from_bytes(SOFTFLOAT_OPERATIONS[operation](a, b).to_bytes(), "big") for a, b in pairs]
    expected = arithmetic.expected_codes(operation, x, y, "float16", rounding)
    assert same(expected, np.array(answers, np.uint16), "float16")


# --- comparing -------------------------------------------------------------------------------------------------


def test_suites_are_all_combinations_of_group_format_and_mode() -> None:
    assert len(set(SUITES)) == len(SUITES) == len(suites.GROUPS) * len(FORMATS) * len(MODES)


def test_any_nan_equals_any_nan_but_zeros_of_different_signs_differ() -> None:
    got = np.array([0x7E00, 0xFE01, 0x0000, 0x3C00, 0x7C00], np.uint16)
    expected = np.array([0x7FFF, 0x7FFF, 0x8000, 0x3C00, 0x7FFF], np.uint16)
    assert suites.differences(got, expected, "float16").tolist() == [2, 4]


@pytest.mark.parametrize("group", suites.GROUPS)
@pytest.mark.parametrize("fmt", FORMATS)
def test_a_small_block_finds_nothing_wrong(group: str, fmt: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suites, "BLOCK", 1 << 12)
    for rounding in MODES:
        for block in (0x3C12A, 0x47800, 0x7F80F, 0xFFFFF):
            tallies = suites.check(Suite(group, fmt, rounding), block)
            assert {route: (tally.compared, tally.wrong) for route, tally in tallies.items()} == dict.fromkeys(
                tallies, (1 << 12, 0)
            )


@pytest.mark.parametrize(
    ("group", "answering", "route"),
    [("conversions", "encode", "encode"), ("products", "multiply", "sf.multiply")],
)
def test_one_wrong_answer_is_found_and_told_with_a_line_that_repeats_it(
    group: str, answering: str, route: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suites, "BLOCK", 1 << 12)
    right = getattr(sf, answering)

    def wrong(*operands: Any) -> Any:
        answers = right(*operands)
        if np.ndim(answers):
            answers.view(f"u{answers.itemsize}")[100] += 1
        return answers

    monkeypatch.setattr(sf, answering, wrong)
    tally = suites.check(Suite(group, "float16", "nearest_even"), 0x3C12A)[route]
    assert (tally.compared, tally.wrong, len(tally.cases)) == (1 << 12, 1, 1)
    line, _, told = tally.cases[0].partition("  gives ")
    got, expected = (int(word, 16) for word in told.split(", expected "))
    again = eval(line, {"sf": sf, "np": np})
    bits = int(again) if again.dtype.kind == "u" else int(again.view(np.uint32))
    assert bits == expected != got


@pytest.mark.parametrize("group", suites.GROUPS)
@pytest.mark.parametrize("fmt", some(FORMATS, every=2))
def test_every_route_can_be_repeated_by_its_line(group: str, fmt: str) -> None:
    index = 0x3C12A456
    ask = suites._conversions if group == "conversions" else suites._arithmetic
    with np.errstate(all="ignore"):
        for _, expression, got, _ in ask(Suite(group, fmt, "nearest_even"), index // BLOCK):
            again = np.asarray(eval(expression(index), {"sf": sf, "np": np}))
            assert int(again.view(got.dtype)) == int(got[index % BLOCK])


# --- running ---------------------------------------------------------------------------------------------------

SUITE = Suite("conversions", "float16", "toward_zero")


def counted(suite: Suite, block: int) -> dict[str, Tally]:
    """A check that finds one wrong answer in every third block."""
    return {"route": Tally(10, int(block % 3 == 0), [f"block {block}"] * (block % 3 == 0))}


def test_a_run_that_was_stopped_goes_on_where_it_was(folder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopping(suite: Suite, block: int) -> dict[str, Tally]:
        if block == 5:
            raise KeyboardInterrupt
        return counted(suite, block)

    monkeypatch.setattr(running, "check", stopping)
    with pytest.raises(KeyboardInterrupt):
        running.run(SUITE, running.load(SUITE, "this code"), IN_ONE_PROCESS, blocks=12)
    stopped = running.load(SUITE, "this code")
    assert (stopped.done, stopped.wrong, stopped.date) == (5, 2, "")

    monkeypatch.setattr(running, "check", counted)
    running.run(SUITE, stopped, IN_ONE_PROCESS, blocks=12)
    finished = running.load(SUITE, "this code")
    assert (finished.done, finished.wrong, finished.routes["route"].compared) == (12, 4, 120)
    assert finished.routes["route"].cases == ["block 0", "block 3", "block 6"]
    assert finished.date
    assert finished.commit


def test_a_run_of_other_code_begins_anew(folder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "check", counted)
    running.run(SUITE, running.load(SUITE, "this code"), IN_ONE_PROCESS, blocks=2)
    assert running.load(SUITE, "other code").done == 0
    running.forget(SUITE)
    assert running.load(SUITE, "this code").done == 0


def test_the_digest_changes_with_versions_and_code_but_not_with_words_about_it(tmp_path: Any) -> None:
    digest = running.source_digest(SUITE, {"numpy": "1"})
    assert digest == running.source_digest(SUITE, {"numpy": "1"}) != running.source_digest(SUITE, {"numpy": "2"})
    texts = [
        'def one():\n    """Doc."""\n    return 1\n',
        "def one():\n    return  1  # said\n",
        "def one(): return 2\n",
    ]
    codes = []
    for text in texts:
        (tmp_path / "file.py").write_text(text)
        codes.append(running._code(tmp_path / "file.py"))
    assert codes[0] == codes[1] != codes[2]


def test_writing_leaves_no_other_file(tmp_path: Any) -> None:
    running.write_whole(tmp_path / "text", "old")
    running.write_whole(tmp_path / "text", "new")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("text", "new")]


# --- the report ------------------------------------------------------------------------------------------------


def test_the_committed_report_has_conversions_and_products_in_nearest_even_and_nothing_wrong() -> None:
    rows = json.loads(report.REPORT.read_text())["suites"]
    reported = {Suite(row["group"], row["format"], row["rounding"]) for row in rows}
    asked = {suite for suite in SUITES if suite.group in ("conversions", "products")}
    assert reported >= {suite for suite in asked if suite.rounding == "nearest_even"}
    tallies = [tally for row in rows for tally in row["routes"].values()]
    assert all(tally == {"compared": BLOCKS * BLOCK, "wrong": 0} for tally in tallies)


def test_the_page_says_what_the_report_says() -> None:
    assert report.REPORT.with_suffix(".md").read_text() == report.as_text(json.loads(report.REPORT.read_text()))


def test_rows_of_other_code_leave_the_report(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "REPORT", tmp_path / "report.json")
    first, second, third = SUITES[:3]
    tallies = {"route": Tally(1 << 32, 0)}
    states = {suite: running.State(f"source of {suite}", BLOCKS, 9.4, "2026-01-02", "abc", tallies) for suite in SUITES}
    sources = {suite: state.source for suite, state in states.items()}
    report.write({suite: states[suite] for suite in (first, second)}, sources)
    report.write({third: states[third]}, sources | {first: "changed"})
    rows = json.loads(report.REPORT.read_text())["suites"]
    assert [Suite(row["group"], row["format"], row["rounding"]) for row in rows] == [second, third]
