"""Lesson 02: right and wrong answers to its exercises, what its checks hold them against, and its bets."""

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
from simfp.course import catalogue, progress
from simfp.course.judges.numbers import NumberJudge
from simfp.course.lessons.lesson_02 import answers, bets, exercises, facts
from simfp.course.lessons.lesson_02.judges import THROWS, CodeJudge, ThrowJudge, every_boundary
from simfp.figures.numbers import rounding
from tests.lesson_answers import LessonAnswers
from tests.lesson_prose import words_of

pytestmark = pytest.mark.usefixtures("progress_file")

LESSON = Path(__file__).parents[2] / "lessons" / "02_round_a_number.ipynb"
EXERCISES = {row.id: row for row in exercises.EXERCISES}


# ---- answers ----


def is_nan(code: int) -> bool:
    return code & 0x7FFFFFFF > 0x7F800000


def is_infinite(code: int) -> bool:
    return code & 0x7FFFFFFF == 0x7F800000


def bits_by_addition(code: int) -> int:
    return 0x7FC0 if is_nan(code) else (code + 0x7FFF + (code >> 16 & 1)) >> 16


def bits_by_cases(code: int) -> int:
    if is_nan(code):
        return code >> 16 | 0x40
    upper, lower = code >> 16, code & 0xFFFF
    return upper + (lower > 0x8000 or (lower == 0x8000 and upper % 2 == 1))


def bits_by_division(code: int) -> int:
    return 0xFFFF if is_nan(code) else round(code / 65536)  # Python's round goes to even as well


def bits_with(
    first: Callable[[int], int | None] = lambda code: 0x7FC0 if is_nan(code) else None,
    add: Callable[[int], int] = lambda code: 0x7FFF + (code >> 16 & 1),
    last: Callable[[int, int], int] = lambda code, rounded: rounded >> 16,
) -> Callable[[int], int]:
    """round_bits as people write it, with one step changed or forgotten."""

    def round_bits(code: int) -> int:
        found = first(code)
        return last(code, code + add(code)) if found is None else found

    return round_bits


def full(code: int) -> bool:
    return code >> 16 & 0x7F == 0x7F and bits_by_addition(code) != code >> 16


def neighbours(x: float) -> tuple[float, float]:
    return float(sf.round_to(x, "bf16", "toward_negative")), float(sf.round_to(x, "bf16", "toward_positive"))


def throw_right(x: float, u: float) -> float:
    below, above = neighbours(x)
    return above if u * (above - below) < x - below else below


def throw_other_way(x: float, u: float) -> float:
    below, above = neighbours(x)
    return above if u * (above - below) >= above - x and above != below else below


def throw_where(up: Callable[[float, float], bool]) -> Callable[[float, float], float]:
    """stochastic with a condition of one's own, given the part of the way that x has gone, and u."""

    def stochastic(x: float, u: float) -> float:
        below, above = neighbours(x)
        part = (x - below) / (above - below) if above > below else 0.0
        return above if up(part, u) else below

    return stochastic


def throw_unscaled(x: float, u: float) -> float:
    below, above = neighbours(x)
    return above if u < x - below else below


def throw_with_steps(x: float, u: float) -> float:
    below, above = float(sf.next_down(x, "bf16")), float(sf.next_up(x, "bf16"))
    return above if u < (x - below) / (above - below) else below


DICE = np.random.default_rng(0)

# fmt: off
RIGHT: dict[str, list[Any]] = {
    "02.a": [bits_by_addition, bits_by_cases, bits_by_division, lambda code: np.int64(bits_by_addition(code))],
    "02.b": [throw_right, throw_other_way, throw_where(lambda part, u: math.floor(part + u) == 1),
             lambda x, u: np.float64(throw_right(x, u))],
    "02.c": [1 + 2**-4 + 2**-12, -(1 + 2**-4 + 2**-12), 1.0625 + 2**-11, 1.1875 - 2**-13, 2.0**-10 + 2**-22,
             np.float64(1.0626), Fraction(17, 16) + Fraction(1, 4096), 464.05, 1.06250001],
}

# What people answer, and what the answer to that must say. Each message is one that no other wrong answer gets.
WRONG: dict[str, list[tuple[Any, str]]] = {
    "02.a": [
        (lambda code: code >> 16, "the lower half was cut off"),
        (lambda code: (code >> 16) + 1, "the nearest is 0x3f80 (1)"),
        (bits_with(add=lambda code: 0xFFFF), "as if everything went away from zero"),
        (bits_with(add=lambda code: 0x8000), "That is what adding 0x8000 does"),
        (bits_with(add=lambda code: 0x8000 if code >> 31 == 0 else 0x7FFF), "your ties go up, toward +∞"),
        (bits_with(add=lambda code: 0x7FFF), "You leave ties where they are"),
        (bits_with(add=lambda code: 0x7FFF + (code & 1)), "You leave ties where they are"),
        (bits_with(add=lambda code: 0x8000 - (code >> 16 & 1)), "your ties go to the odd neighbour"),
        (bits_with(add=lambda code: 0x8000 + (code >> 16 & 1)), "You add one too many"),
        (bits_with(last=lambda code, rounded: rounded & 0xFFFF0000), "shift it down"),
        (bits_with(last=lambda code, rounded: rounded >> 16 & 0x7FFF), "the sign is lost"),
        (bits_with(last=lambda code, rounded: code >> 16 & 0xFF80 if full(code) else rounded >> 16),
         "the carry got lost"),
        (bits_with(last=lambda code, rounded: code >> 16 if full(code) else rounded >> 16), "you stopped there"),
        (bits_with(last=lambda code, rounded:
                   rounded >> 16 if is_infinite(code) or rounded >> 16 & 0x7FFF != 0x7F80 else (rounded >> 16) - 1),
         "half a step or more beyond that"),
        (bits_with(first=lambda code: 0x7FC0 if code & 0x7F800000 == 0x7F800000 else None), "Infinity has an empty"),
        (bits_with(first=lambda code: 0x7FC0 if is_nan(code) else
                   code >> 16 & 0x8000 if code & 0x7F800000 == 0 else None), "That is a subnormal number"),
        (bits_with(first=lambda code: None), "the carry ran through the full exponent"),
        (bits_with(first=lambda code: code >> 16 if is_nan(code) else None), "what made it a NaN stood in the lower"),
        (lambda code: float(sf.round_to(sf.decode(np.uint32(code), "fp32"), "bf16")), "a number with a point"),
        (lambda code: bits_by_addition(code) / 1, "`/` leaves the integers"),
        (lambda code: hex(bits_by_addition(code)), "it returned '0x3f80', of type str"),
        (lambda code: True, "it returned True, of type bool"),
        (lambda code: None, "Is a `return` missing?"),
        (lambda code: code[0], "raised TypeError"),
        (bits_by_addition(5), "got 0, of type int. Give the function itself: `round_bits`"),
        (int, "got the type int"),
        (bits_with(first=lambda code: 0x7FC0 if is_nan(code) else 7 if code >> 16 == 0x4242 else None),
         "you said 0x0007 (6.42848473e-40); bf16 has 0x4242"),
    ],
    "02.b": [
        (lambda x, u: sf.round_to(x, "bf16"), "That is rounding to nearest"),
        (throw_where(lambda part, u: part > 0.5), "That is rounding to nearest"),
        (lambda x, u: neighbours(x)[1], "Everything goes up"),
        (lambda x, u: neighbours(x)[0], "Everything goes down"),
        (lambda x, u: sf.round_to(x, "bf16", "toward_zero"), "The u makes no difference"),
        (throw_where(lambda part, u: u < 0.5), "You throw a fair coin"),
        (throw_unscaled, "divide by the gap"),
        (throw_where(lambda part, u: u > part), "The wrong way round"),
        (throw_where(lambda part, u: u < 1 - part), "The wrong way round"),
        (throw_where(lambda part, u: u <= part), "is it `<` or `<=`?"),
        (throw_where(lambda part, u: u > 1 - part), "is it `<` or `<=`?"),
        (lambda x, u: throw_right(x, u) if x >= 0 else -abs(neighbours(x)[u < 0.3]), "Right for positive x"),
        (lambda x, u: throw_right(x, u) if x >= 0 else throw_where(lambda part, u: u < 1 - part)(x, u),
         "Right for positive x"),
        (throw_with_steps, "a number that it owns has to stay"),
        (lambda x, u: x + u * 2**-7, "bf16 owns 1 and 1.0078125 and nothing between"),
        (lambda x, u: u < 0.5, "one of the two neighbours; it returned True"),
        (lambda x, u: None, "Is a `return` missing?"),
        (lambda x, u: throw_right(x, float(DICE.random())), "Does it throw dice of its own?"),
        (lambda x, u: neighbours(x)[u < (x - neighbours(x)[0]) / (neighbours(x)[1] - neighbours(x)[0])],
         "there is no gap to divide by"),
        (lambda x: x, "raised TypeError"),
        (1.0, "This wants a function; got 1.0"),
        (float, "got the type float"),
        (throw_where(lambda part, u: u < part**2), "sent"),
    ],
    "02.c": [
        (1 + 2**-8 + 2**-40, "That is the number for fp32 and bf16"),
        (1.125, "fp8 e4m3 owns 1.125"), (0, "fp8 e4m3 owns 0"),
        (1 + 2**-4, "is a tie, good, but fp16 owns it as well"), (1 + 2**-4 + 2**-60, "is a tie, good"),
        (1.5 + 2**-10, "fp16 owns 1.5009765625"),
        (1 + 2**-4 - 2**-12, "Come from the other side of the tie"), (1.1875 + 2**-12, "Come from the other side"),
        (1.1, "fp16 moves it, but leaves it on the same side"),
        (1000.3, "the largest number of fp8 e4m3"), (math.inf, "Infinity is too far out"),
        (1e-5, "smaller than half of the smallest fp8 e4m3 number"),
        (math.nan, "NaN is not a number"), ("1.0625", "got '1.0625', a str"), (lambda x: x, "got a function"),
    ],
}
# fmt: on


class TestAnswers(LessonAnswers):
    exercises, right, wrong = EXERCISES, RIGHT, WRONG


@pytest.mark.long  # asks again what every wrong answer above is told
@pytest.mark.parametrize("key", WRONG)
def test_every_message_in_the_tables_is_one_that_some_wrong_answer_gets(key: str) -> None:
    heard = "\n".join(course.check(key, answer).text for answer, _ in WRONG[key])
    judge = EXERCISES[key].judge
    if isinstance(judge, NumberJudge):
        numbers = [float(a) for a, _ in WRONG[key] if isinstance(a, (int, float)) and not math.isnan(a)]
        firsts = {next((i for i, slip in enumerate(judge.slips) if slip.fits(x)), None) for x in numbers}
        assert firsts >= set(range(len(judge.slips)))
        return
    assert isinstance(judge, (CodeJudge, ThrowJudge))
    for mistake in judge.mistakes:
        pieces = map(re.escape, re.split(r"\{\w+\}", mistake.message))
        assert re.search("[^\n]*".join(pieces), heard), mistake.message


def unwritten_bits(code32: int) -> Any:
    _upper, _lower = code32 >> 16, code32 & 0xFFFF
    return ...


def unwritten_throw(x: float, u: float) -> Any:
    _below = sf.round_to(x, "bf16", "toward_negative")
    return ...


@pytest.mark.parametrize(
    ("key", "answer"),
    [(key, answer) for key in EXERCISES for answer in (..., None)]
    + [("02.a", unwritten_bits), ("02.b", unwritten_throw)],
)
def test_an_exercise_without_an_answer_says_not_yet_and_counts_as_no_try(key: str, answer: Any) -> None:
    assert course.check(key, answer).title == f"{key}: not yet"
    assert progress.read()["exercises"] == {}


@pytest.mark.parametrize("said", [-1, 1 << 16, 10**400, -(10**400), np.uint64(2**64 - 1), np.array(3)], ids=str)
def test_no_code_is_so_odd_that_a_check_raises(said: Any) -> None:
    assert not course.check("02.a", lambda code: said).passed


@pytest.mark.parametrize("said", [math.nan, math.inf, -math.inf, 10**400, 5])
def test_no_neighbour_is_so_odd_that_a_check_raises(said: Any) -> None:
    assert not course.check("02.b", lambda x, u: said).passed


# ---- what the checks hold answers against ----


def test_round_bits_is_asked_at_every_code_and_every_tie_with_an_fp32_step_to_either_side() -> None:
    asked = every_boundary()
    assert asked.size == np.unique(asked).size == 6 * 65536
    ties = (np.arange(65536) << 16) + 0x8000
    for each in (ties - 0x8000, ties - 0x7FFF, ties - 1, ties, ties + 1, ties + 0x7FFF):
        assert np.isin(each, asked).all()


def test_the_right_codes_are_those_of_the_nearest_number_found_in_fractions() -> None:
    judge = EXERCISES["02.a"].judge
    assert isinstance(judge, CodeJudge)
    asked = [code for code in (*judge.telling, *every_boundary()[::101].tolist()) if not is_nan(code)]
    for code in asked:
        sign, magnitude = code >> 31 << 15, code & 0x7FFFFFFF
        below = magnitude >> 16
        exact, low, high = (value32(each) for each in (magnitude, below << 16, (below + 1) << 16))
        up = exact - low > high - exact or (exact - low == high - exact and below % 2 == 1)
        assert bits_by_addition(code) == sign | below + (up and below < 0x7F80), hex(code)


def value32(code: int) -> Fraction:
    """The number of a positive fp32 code; of infinity's, the one that would follow the largest."""
    exponent, mantissa = code >> 23, code & 0x7FFFFF
    return Fraction(mantissa + (exponent > 0) * 0x800000) * Fraction(2) ** (max(exponent, 1) - 150)


def test_what_is_negative_among_the_telling_codes_has_its_positive_twin_there() -> None:
    telling = answers.TELLING
    assert all(code ^ 1 << 31 in telling for code in telling if code >> 31)


def test_the_throws_are_exact_and_their_average_over_even_spaced_u_is_x_itself() -> None:
    for start in answers.STARTS:
        above = float(sf.next_up(start, "bf16"))
        for share in answers.SHARES:
            x = Fraction(start) + Fraction(share, THROWS) * (Fraction(above) - Fraction(start))
            assert Fraction(float(x)) == x
            thrown = [Fraction(throw_right(float(x), number / THROWS)) for number in range(THROWS)]
            assert sum(thrown) / THROWS == x


@pytest.mark.parametrize("x", [x for x in RIGHT["02.c"] if float(x) != 464.05])
def test_an_answer_about_double_rounding_is_right_because_one_step_gives_the_nearest(x: Any) -> None:
    once, _, twice = answers.twice(float(x))
    assert abs(Fraction(once) - Fraction(float(x))) < abs(Fraction(twice) - Fraction(float(x)))


# ---- bets, and what the lesson says ----


def test_the_bets_turn_out_as_told() -> None:
    truths = {row.id: row.truth() for row in bets.BETS}
    assert truths["02.1"] == 2048.0
    assert truths["02.2"] == float(np.sum(np.floor(facts.quarters() + 0.5) - facts.quarters()))
    assert 12_000 < truths["02.2"] < 13_000
    assert truths["02.3"] == 1.0
    assert truths["02.4"] == 1.0
    assert float(sf.round_to(facts.NOT_QUITE_A_TIE, "bf16")) == 1.0078125
    for row, won, lost in zip(bets.BETS, (2048, 12_500, 1, 1), (2050, 0, 2, 1.0078125), strict=True):
        assert row.won(row.read(won))  # type: ignore[arg-type]
        assert not row.won(row.read(lost))  # type: ignore[arg-type]
        assert row.story(row.truth())


def test_rounded_half_to_even_the_sum_hardly_drifts() -> None:
    assert abs(facts.drift("nearest_even")) < facts.drift("nearest_away") / 50


def test_what_the_lesson_says_without_computing_it_is_so() -> None:
    prose = words_of(LESSON)
    values = sf.decode(np.arange(65536), "fp16")
    assert f"{np.unique(values[np.isfinite(values)]).size:,} finite numbers" in prose
    assert f"about {facts.quarters().sum() / 1e6:.0f} million" in prose
    assert facts.STEP * 1000 == 1.0  # "The exact sum is 2."
    assert catalogue.find(catalogue.EXERCISES, "02.a") is exercises.EXERCISES[0]


def test_rounding_to_odd_first_is_safe_with_two_bits_more_and_not_with_one() -> None:
    x = 1 + np.arange(1 << 14) / 2.0**14 * 2.0**-3
    wrong = []
    for bits in (8, 9):
        middle = sf.round_to(x, sf.Format("middle", exponent_bits=8, mantissa_bits=bits), "to_odd")
        wrong.append(int(np.sum(sf.round_to(middle, "bf16") != sf.round_to(x, "bf16"))))
    assert wrong[0] > 0
    assert wrong[1] == 0


# ---- the figure of part 5 ----


def test_the_walks_are_made_of_single_roundings_and_the_figure_says_where_they_end() -> None:
    nearest, thrown = facts.walk("nearest_even")[:, 0], facts.walk("stochastic", weights=50)
    assert np.array_equal(nearest, np.ones(1001))
    assert thrown.shape == (1001, 50)
    assert np.array_equal(sf.round_to(thrown, "bf16"), thrown)
    below, above = (sf.round_to(thrown[:-1] + 0.001, "bf16", f"toward_{way}") for way in ("negative", "positive"))
    assert np.all((thrown[1:] == below) | (thrown[1:] == above))
    told = rounding.describe_walks(nearest, thrown, 0.001, "bf16")
    assert told.startswith("A bf16 weight of 1 after 1,000 steps of 0.001: exactly 2; rounded to the nearest 1; ")
    assert f"between {thrown[-1].min():.6g} and {thrown[-1].max():.6g}" in told
    axes = rounding.walks(nearest, thrown, 0.001, "bf16")
    lines = {line.get_label(): line.get_ydata() for line in axes.get_lines()}
    assert np.array_equal(lines["to the nearest"], nearest)
    assert np.array_equal(lines["stochastic, average of 50"], thrown.mean(1))
    assert rounding.walks(nearest, thrown, 0.001, "bf16", ax=axes) is axes
