"""Lesson 06: right and wrong answers to its exercises, what its checks hold them against, and its bets."""

import math
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import simfp as sf
from simfp import course
from simfp.course import progress
from simfp.course.claims import numbers as claims
from simfp.course.judges.calls import CallJudge
from simfp.course.judges.numbers import NumberJudge
from simfp.course.lessons.lesson_06 import answers, bets, exercises, facts
from simfp.experiments.numbers import adders
from simfp.experiments.numbers.fused_step import exponent
from simfp.probing import masks_for, summation_tree, survivors
from simfp.silicon import recordings
from tests.lesson_answers import LessonAnswers
from tests.lesson_prose import words_of

pytestmark = pytest.mark.usefixtures("progress_file")

LESSON = Path(__file__).parents[2] / "lessons" / "06_look_inside_a_tensor_core.ipynb"
EXERCISES = {row.id: row for row in exercises.EXERCISES}


# ---- answers ----


def cut(x: float, largest_exponent: int, F: int) -> float:
    unit = 2.0 ** (largest_exponent - F)
    return math.trunc(x / unit) * unit


def by_remainder(x: float, largest_exponent: int, F: int) -> float:
    return x - math.fmod(x, 2.0 ** (largest_exponent - F))


def exponents(a: Any, b: Any, c: float) -> list[int]:
    pairs = [(x, y) for x, y in zip(a, b, strict=True) if x * y]
    found: Any = [exponent(x, "fp16") + exponent(y, "fp16") for x, y in pairs]  # type: ignore[operator]
    return found + [exponent(c, "fp32")] * bool(c)  # type: ignore[list-item]


def total(a: Any, b: Any, c: float, largest: int, F: int = 25) -> float:
    return cut(c, largest, F) + sum(cut(x * y, largest, F) for x, y in zip(a, b, strict=True))


def step(a: Any, b: Any, c: float) -> Any:
    return sf.round_to(total(a, b, c, max(exponents(a, b, c), default=0)), "fp32", "toward_zero")


def step_with(choose: Any, way: str = "toward_zero") -> Any:
    """A step whose largest exponent is chosen otherwise."""
    return lambda a, b, c: float(sf.round_to(total(a, b, c, choose(a, b, c)), "fp32", way)) if any(a) or c else c


def one_after_the_other(a: Any, b: Any, c: float) -> float:
    for x, y in zip(a, b, strict=True):
        c = float(sf.fma(x, y, c, "fp32"))
    return c


def normalised(a: Any, b: Any, c: float) -> int:
    found = [math.frexp(x * y)[1] - 1 for x, y in zip(a, b, strict=True) if x * y]
    return max(found + [exponent(c, "fp32")] * bool(c), default=0)  # type: ignore[list-item]


def unbounded(a: Any, b: Any, c: float) -> int:
    found = [math.frexp(x)[1] + math.frexp(y)[1] - 2 for x, y in zip(a, b, strict=True) if x * y]
    return max(found + [exponent(c, "fp32")] * bool(c), default=0)  # type: ignore[list-item]


def of_zeros_too(a: Any, b: Any, c: float) -> int:
    def own(x: float) -> int:
        return max(math.frexp(x)[1] - 1, -14)

    return max([*(own(x) + own(y) for x, y in zip(a, b, strict=True)), max(math.frexp(c)[1] - 1, -126)])


def largest(a: Any, b: Any, c: float) -> int:
    return max(exponents(a, b, c), default=0)


def products_first(a: Any, b: Any, c: float) -> float:
    return float(sf.round_to(float(step(a, b, 0.0)) + c, "fp32", "toward_zero"))


# fmt: off
RIGHT: dict[str, list[Any]] = {
    "06.a": [cut, by_remainder, lambda x, e, f: int(x * 2.0 ** (f - e)) * 2.0 ** (e - f),
             lambda x, e, f: np.float64(cut(x, e, f)), lambda x, e, f: Fraction(cut(x, e, f))],
    "06.b": [step, lambda a, b, c: float(step(a, b, c)), answers.step],
    "06.c": [8, 8.0, np.int64(8)],
}

WRONG: dict[str, list[tuple[Any, str]]] = {
    "06.a": [
        (lambda x, e, f: x // 2.0 ** (e - f) * 2.0 ** (e - f), "`floor` goes down"),
        (lambda x, e, f: math.ceil(x / 2.0 ** (e - f)) * 2.0 ** (e - f), "`ceil` goes up"),
        (lambda x, e, f: round(x / 2.0 ** (e - f)) * 2.0 ** (e - f), "You round to the nearest"),
        (lambda x, e, f: math.trunc(x / 2.0 ** (e - f)), "Give them their weight back"),
        (lambda x, e, f: cut(x, 0, f), "leave out the exponent"),
        (lambda x, e, f: cut(x, math.frexp(x)[1] - 1, f) if x else 0.0, "F bits of x itself"),
        (lambda x, e, f: cut(x, e, f - 1), "One bit too few"), (lambda x, e, f: cut(x, e, f + 1), "One bit too many"),
        (lambda x, e, f: cut(x, e, -f), "*plus* F"), (lambda x, e, f: x, "Nothing is dropped"),
        (lambda x, e, f: -cut(x, e, f), "The sign is lost"), (lambda x, e, f: 2 * x, "larger in size"),
        (lambda x, e, f: cut(x, e, f) if x else 1e-30, "larger in size"),
        (lambda x, e, f: cut(x, e, f) if x else math.nan, "Of zero nothing can be cut"),
        (lambda x, e, f: cut(x, e, f) if x else None, "Is a `return` missing?"),
        (lambda x, e, f: str(x), "it should return a number"), (lambda x: x, "your function raised TypeError"),
        (1.5, "This wants a function"), (lambda x, e, f: 2.0 ^ (e - f), "a power is `**`"),
    ],
    "06.b": [
        (one_after_the_other, "That is fp32: one product after the other"),
        (lambda a, b, c: float(sf.round_to(float(np.dot(a, b)) + c, "fp32", "toward_zero")), "Nothing is cut off"),
        (lambda a, b, c: float(np.float32(np.dot(a, b) + c)), "what one would wish for"),
        (step_with(largest, "nearest_even"), "truncated to fp32, not rounded to nearest"),
        (lambda a, b, c: total(a, b, c, largest(a, b, c)), "not yet a running sum"),
        (step_with(normalised), "You take the exponent of the product"),
        (step_with(unbounded), "A subnormal factor counts"),
        (step_with(lambda a, b, c: max(exponents(a, b, 0.0) or exponents(a, b, c), default=0)),
         "The running sum takes part in the alignment too"),
        (lambda a, b, c: float(sf.round_to(total(a, b, 0.0, largest(a, b, c)), "fp32", "toward_zero")),
         "The running sum is missing"),
        (products_first, "You add the products up first"),
        (lambda a, b, c: float(sf.round_to(total(a, b, c, largest(a, b, c), 23), "fp32", "toward_zero")),
         "You keep 23 bits"),
        (step_with(of_zeros_too), "A zero has no exponent"),
        (lambda a, b, c: math.nan if 0.0 in a else step(a, b, c), "Did a zero's exponent come in?"),
        (lambda a, b, c: step(a, b, c) if any(a) else 0.0, "With all products zero"),
        (lambda a, b, c: step(-a, b, c), "that is far off"),
        (lambda a, b, c: float(sf.round_to(total(a, b, c, largest(a, b, c), 26), "fp32", "toward_zero")),
         "those of F = 26"),
        (lambda a, b, c: float(sf.round_to(total(a, b, c, largest(a, b, c), 24), "fp32", "toward_zero")),
         "those of F = 24"),
        (step_with(lambda a, b, c: max(0, largest(a, b, c))), "A zero has no exponent"),
        (lambda a, b, c: float(sf.round_to(total(a, b, 0.0, largest(a, b, c)) + c, "fp32", "toward_zero")),
         "the last bits differ"),
        (lambda a, b, c: None, "Is a `return` missing?"), (8, "This wants a function"),
    ],
    "06.c": [
        (16, "16 terms survive"), (24, "24 is all the terms"), (7, "It is in that step itself"),
        (9, "The running sum is not counted"), (3, "There are three steps"), (1, "If each step took one term"),
        (2, "at every second j"), (4, "at j = 4 for the first time"), (12, "Not 12"), (math.inf, "Not ∞"),
        ("8", "a str"), (lambda: 8, "got a function"), (math.nan, "NaN is not a number"),
    ],
}
# fmt: on


class TestAnswers(LessonAnswers):
    exercises, right, wrong = EXERCISES, RIGHT, WRONG


def test_every_message_in_the_tables_is_one_that_some_wrong_answer_gets() -> None:
    judge = EXERCISES["06.c"].judge
    assert isinstance(judge, NumberJudge)
    numbers = [float(a) for a, _ in WRONG["06.c"] if isinstance(a, (int, float)) and not math.isnan(a)]
    firsts = {next((i for i, slip in enumerate(judge.slips) if slip.fits(x)), None) for x in numbers}
    assert firsts == {*range(len(judge.slips)), None}
    for key in ("06.a", "06.b"):
        judge = EXERCISES[key].judge
        assert isinstance(judge, CallJudge)
        heard = "\n".join(course.check(key, answer).text for answer, _ in WRONG[key])
        for row in (*judge.impostors, *judge.symptoms):
            pieces = map(re.escape, re.split(r"\{\w+\}", row.message))
            assert re.search("[^\n]*".join(pieces), heard), row.message


def test_no_two_typical_wrong_functions_are_the_same_on_the_cases() -> None:
    for key in ("06.a", "06.b"):
        judge = EXERCISES[key].judge
        assert isinstance(judge, CallJudge)
        functions = [judge.right, *(row.function for row in judge.impostors)]
        made = {tuple(float(function(*case)) for case in judge.cases) for function in functions}
        assert len(made) == len(functions)


@pytest.mark.parametrize("key", EXERCISES)
@pytest.mark.parametrize("answer", [..., None, lambda *_: ...])
def test_an_exercise_without_an_answer_says_not_yet_and_counts_as_no_try(key: str, answer: Any) -> None:
    if callable(answer) and key == "06.c":
        return
    assert course.check(key, answer).title == f"{key}: not yet"
    assert progress.read()["exercises"] == {}


def test_a_function_that_changes_what_it_is_given_spoils_nothing() -> None:
    def spoiling(a: Any, b: Any, c: float) -> float:
        made = float(step(a, b, c))
        a[:] = b[:] = 0
        return made

    assert course.check("06.b", spoiling).passed
    assert course.check("06.b", step).passed


# ---- what the checks hold answers against, and the bets ----


def test_the_cases_of_a_step_are_what_the_general_kernel_makes_and_hold_its_corners() -> None:
    for a, b, c in answers.STEP_CASES:
        assert float(step(a, b, c)) == answers.step(a, b, c)
        assert (np.asarray(sf.round_to(a, "fp16")) == a).all()
        assert float(np.float32(c)) == c
    assert any(0 < abs(x) < 2.0**-14 for a, _, _ in answers.STEP_CASES for x in a)
    assert any(not any(a) for a, _, _ in answers.STEP_CASES)


def test_the_bets_turn_out_as_told() -> None:
    truths = {row.id: row.truth() for row in bets.BETS}
    assert truths["06.1"] == 0.0
    assert truths["06.2"] == pytest.approx(100 * 559 / 2304)
    assert truths["06.3"] == 6
    assert truths["06.4"] == pytest.approx(100 * 3511 / 5533)
    for row, won, lost in zip(bets.BETS, (0, 20, 6, 60), (2.0**-16, 90, 31, 100), strict=True):
        assert row.won(row.read(won))  # type: ignore[arg-type]
        assert not row.won(row.read(lost))  # type: ignore[arg-type]
        assert row.story(row.truth())


def test_additions_are_counted_along_the_tree() -> None:
    tree = ((0, 1), (2, (3, 4), 5))
    assert [facts.additions(tree, term) for term in range(6)] == [2, 2, 2, 3, 3, 2]
    assert facts.additions(0, 0) == 0


def test_the_ledger_s_figures_are_those_of_the_recording() -> None:
    told = facts.recorded_bits("float16")
    assert (told.elements, told.fused) == (142_848, 142_848)
    assert 0 < told.ordinary < told.elements / 2
    figures, verdict, conditions = claims.tensor_cores()
    assert verdict == "holds under conditions"
    assert "no A100 was asked" in conditions
    assert "H100" in figures[1]


def test_the_ledger_s_verdict_follows_from_the_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "recorded_bits", lambda fmt: facts.Bits(100, 99, 40, "nowhere"))
    assert claims.tensor_cores().verdict == "does not hold"
    monkeypatch.setattr(claims, "recorded_bits", lambda fmt: facts.Bits(100, 100, 100, "nowhere"))
    assert claims.tensor_cores().verdict == "does not hold"  # fp32 additions would explain it as well


def test_what_the_lesson_says_without_computing_it_is_so() -> None:
    prose = words_of(LESSON)
    rows = facts.recorded_orders()
    ask = survivors(adders.numpy_sum, 16, masks_for("float32"))
    answered = recordings.answers("h100_products")
    ordinary = [row for row in answered if row.case.fmt == "float32"]
    rng = np.random.default_rng(0)
    x, y = (np.asarray(sf.round_to(rng.random(shape), "fp16")) for shape in ((8, 16384), (16384, 8)))
    off = np.mean(sf.HOPPER.products(x, y, sf.float16) / (x @ y) - 1)
    narrow = sf.HOPPER.core("float8_e4m3fn")
    claimed = {
        "third is 2<sup>−16</sup>": 2.0**-8 * 2.0**-8 == 2.0**-16,
        "0 and 8 meet first: fourteen of sixteen survive": ask(np.array([(0, 8)]))[0] == 14,
        "2,304 sums of 64 products": sf.matmul(np.zeros((48, 64), np.float16), np.zeros((64, 48), np.float16)).size
        == 2304,
        "L = 16, F = 25": (sf.HOPPER.core("fp16").terms, sf.HOPPER.core("fp16").fraction_bits) == (16, 25),
        "is less than half a step": 2e-4 < 2.0**-12,
        "fp8 and F = 13": narrow.fraction_bits == 13,
        "sizes from 10 to 4,096": min(min(row["m"], row["n"], row["k"]) for row in rows) == 10
        and max(row["k"] for row in rows) == 4096,
        "sums of up to 4,096 products were compared": max(
            row["k"] for row in rows if row["fmt"] == "float16" and 0 in (row["expected"], row["found"])
        )
        == 4096,
        "about 10<sup>−4</sup> of the sum is missing": 0.5e-4 < -off < 2e-4,
        "in this small product, 32 × 32 by 32 × 32, one after the other": all(
            row.differing() == 0 and row.case[2:5] == (32, 32, 32) for row in ordinary),
        "every 128 products": any(not row.case.fast for row in answered),
        "NumPy keeps eight running sums": facts.additions(
            summation_tree(survivors(adders.numpy_sum, 64, masks_for("float32")), 64), 0) == 7 + 3,
    }  # fmt: skip
    assert [text for text, true in claimed.items() if text not in prose or not true] == []
