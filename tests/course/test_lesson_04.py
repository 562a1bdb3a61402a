"""Lesson 04: right and wrong answers to its exercises, what its checks hold them against, and its bets."""

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
from simfp.course import progress
from simfp.course.judges.arrays import ArrayJudge
from simfp.course.judges.functions import FunctionJudge
from simfp.course.lessons.lesson_04 import answers, bets, exercises
from tests.lesson_answers import LessonAnswers
from tests.lesson_prose import words_of

pytestmark = pytest.mark.usefixtures("progress_file")

LESSON = Path(__file__).parents[2] / "lessons" / "04_hit_the_ceiling.ipynb"
EXERCISES = {row.id: row for row in exercises.EXERCISES}


# ---- answers ----


def row_max(x: Any) -> Any:
    return np.max(x, axis=-1, keepdims=True)


def row_sum(x: Any) -> Any:
    return np.sum(x, axis=-1, keepdims=True)


def shares(x: Any) -> Any:
    grown = np.exp(x)
    return grown / row_sum(grown)


def softmax_right(x: Any) -> Any:
    largest = row_max(x)
    grown = np.exp(x - np.where(np.isneginf(largest), 0, largest))
    total = row_sum(grown)
    return grown / np.where(total == 0, 1, total)


def softmax_in_rows(x: Any) -> Any:
    """Row by row, with an `if`."""
    rows = x.reshape(-1, x.shape[-1])
    made = []
    for row in rows:
        largest = np.max(row)
        if np.isneginf(largest):
            made.append(np.zeros_like(row))
            continue
        grown = np.exp(row - largest)
        made.append(grown / np.sum(grown))
    return np.stack(made).reshape(x.shape)


def in_float64(x: Any) -> Any:
    values = x.values.astype(float)
    largest = row_max(values)
    grown = np.exp(values - np.where(np.isneginf(largest), 0, largest))
    return sf.array(grown / np.where(row_sum(grown) == 0, 1, row_sum(grown)), "fp16")


def zeros_where(bad: Callable[[Any], Any], x: Any) -> Any:
    made = shares(x - row_max(x))
    return np.where(bad(made), 0, made)


def through_logarithms(x: Any) -> Any:
    """exp of log_softmax, which is fine in fp32."""
    rest = x - row_max(x)
    return np.where(np.isneginf(row_max(x)), 0, np.exp(rest - np.log(row_sum(np.exp(rest)))))


def size(x: Any) -> Any:
    return np.max(np.abs(x))


def norm_right(x: Any) -> Any:
    c = size(x)
    return c if c == 0 or np.isinf(c) else c * np.sqrt(np.sum((x / c) * (x / c)))


def norm_by_powers(x: Any) -> Any:
    """Scaled by a power of two, which loses nothing."""
    c = float(size(x))
    if c == 0:
        return size(x)
    scale = sf.array(2.0 ** (math.frexp(c)[1] - 1), "fp16")
    return scale * np.sqrt(np.sum((x / scale) * (x / scale)))


def root(x: Any) -> Any:
    return np.sqrt(np.sum(x * x))


def one_by_one(x: float) -> bool:
    return 65520 <= abs(x) < 2.0**128 - 2.0**119


TOP = sf.bfloat16.max
TOP_TIE = 2.0**128 - 2.0**119


def between(low: float, high: float) -> Callable[[float], bool]:
    return lambda x: low <= abs(x) < high


# fmt: off
RIGHT: dict[str, list[Any]] = {
    "04.a": [softmax_right, softmax_in_rows],
    "04.b": [norm_right, norm_by_powers, np.linalg.norm],
    "04.c": [one_by_one, lambda x: np.isinf(sf.round_to(x, "fp16")) & np.isfinite(sf.round_to(x, "bf16")),
             lambda x: np.bool_(one_by_one(x))],
}

# What people answer, and what the answer to that must say.
WRONG: dict[str, list[tuple[Any, str]]] = {
    "04.a": [
        (shares, "No maximum is taken off"),
        (lambda x: shares(x - np.mean(x, axis=-1, keepdims=True)), "You take off the mean"),
        (lambda x: shares(x - row_max(np.abs(x))), "You take off the largest magnitude"),
        (lambda x: shares(x - np.min(x, axis=-1, keepdims=True)), "You take off the smallest"),
        (lambda x: shares(x / row_max(x)), "You divide by the largest"),
        (lambda x: shares(x - np.max(x)), "One maximum is taken off for all rows"),
        (lambda x: shares(x - np.max(x, axis=0)), "The maximum is taken down the columns"),
        (lambda x: np.exp(x - np.max(x, axis=0)) / np.sum(np.exp(x - np.max(x, axis=0)), axis=0), "`axis=0`"),
        (lambda x: np.exp(x - np.max(x)) / np.sum(np.exp(x - np.max(x))), "No axis anywhere"),
        (lambda x: np.exp(x - row_max(x)) / np.sum(np.exp(x - row_max(x))), "the sum runs over all rows"),
        (lambda x: np.exp(x - row_max(x)), "What is missing is the division"),
        (lambda x: softmax_right(x.astype("fp32")).astype("fp16"), "In a wider format inside"),
        (in_float64, "In a wider format inside"),
        (lambda x: softmax_right(x.astype("fp32")), "your function returned float32"),
        (lambda x: shares(x - row_max(x)), "-inf − -inf is NaN. The row is to become zeros"),
        (lambda x: shares(np.clip(x, -8, 8)), "Were they cut off"),
        (lambda x: shares(np.minimum(x, 11)), "a row of zeros, of logits that are finite"),
        (lambda x: zeros_where(np.isnan, x), "hides what went wrong before"),
        (lambda x: np.where(np.isneginf(row_max(x)), 1 / x.shape[-1], shares(x - row_max(x))), "Equal shares mean"),
        (through_logarithms, "It survives, but takes other steps"),
        (lambda x: np.exp(x - row_max(x)) / x.shape[-1], "You divide by the number of logits"),
        (lambda x: x - row_max(x), "a weight below zero"),
        (lambda x: x, "a weight below zero"),
        (lambda x: 1 / (1 + np.exp(-x)), "a row of zeros, of logits that are finite"),
        (lambda x: np.ones_like(x) / x.shape[-1], "different logits came out equal"),
        (lambda x: softmax_right(x).tolist(), "of type list. An Array of simfp is wanted"),
        (lambda x: np.exp(x.values), "An Array of simfp is wanted"),
        (lambda x: shares(x)[..., 0], "the shape (3,) is wanted"),
        (lambda x: softmax_right(x) * sf.array(0.9, "fp16"), "does not add up to 1"),
        (lambda x: x - np.max(x, axis=-1), "Is a `keepdims=True` missing"),
        (lambda x: shares(2 * x - row_max(x)), "Look for the first inf on the way"),
        (lambda x: None, "Is a `return` missing?"),
        (lambda x: x.nothing, "raised AttributeError"),
        (sf.array([1.0], "fp16"), "This wants a function"),
        (float, "This wants a function"),
    ],
    "04.b": [
        (root, "The squares overflow"),
        (lambda x: np.max(x) * root(x / np.max(x)), "the largest in size may be negative"),
        (lambda x: root(x / size(x)), "the norm is too small by that factor"),
        (lambda x: np.sqrt(size(x) * size(x) * np.sum((x / size(x)) * (x / size(x)))), "under the root"),
        (lambda x: size(x) * np.sum((x / size(x)) * (x / size(x))), "The root is missing"),
        (lambda x: size(x) * np.sqrt(np.mean((x / size(x)) * (x / size(x)))), "the root of the mean"),
        (lambda x: np.sum(np.abs(x)), "another norm (L1)"),
        (size, "another norm (of infinite order)"),
        (lambda x: np.sum(np.abs(x)) * root(x / np.sum(np.abs(x))), "You scale with the sum of the sizes"),
        (lambda x: size(x) * root(x / size(x)), "The norm of zeros is 0"),
        (lambda x: np.minimum(norm_right(x), 65504), "Who cuts it off hides that"),
        (lambda x: np.sqrt(np.minimum(np.sum(x * x), 65504)), "the root of 65,504"),
        (lambda x: 16 * root(x / 16), "Which step overflows?"),
        (lambda x: 256 * root(x / 256), "A fixed factor helps at one end"),
        (lambda x: size(x) if size(x) == 0 else size(x) * root(x / size(x)),
         "where the largest is inf, return it as it is"),
        (lambda x: norm_right(np.where(np.isinf(x), 65504, x)), "where the largest is inf, return it as it is"),
        (lambda x: norm_right(np.where(np.isnan(x), 0, x)), "A NaN went in with [1, nan], and out came 1"),
        (lambda x: -norm_right(x), "no length is below zero"),
        (lambda x: sf.array(1, "fp16"), "For [3, 4] you return 1; right is 5"),
        (lambda x: norm_right(x) * sf.array(1.008, "fp16"), "four steps of fp16 beside it are allowed"),
        (lambda x: float(norm_right(x)), "An Array of simfp is wanted"),
        (lambda x: x / size(x), "the shape () is wanted"),
        (lambda x: norm_right(x.astype("fp32")), "your function returned float32"),
        (lambda x: None, "Is a `return` missing?"),
        (5.0, "This wants a function"),
    ],
    "04.c": [
        (lambda x: not one_by_one(x), "You call NaN safe"),
        (between(65520, math.inf), "it is inf there as well"),
        (lambda x: abs(x) >= 65520, "It is infinite before anybody rounds it"),
        (lambda x: abs(x) < 65520, "it lies well inside"),
        (between(65504, TOP_TIE), "65,504 is its largest number, not the first one that is gone"),
        (lambda x: 65504 < abs(x) < TOP_TIE, "that is 65,504 again"),
        (lambda x: 65520 <= x < TOP_TIE, "What counts is the size"),
        (between(65520, float(np.finfo(np.float32).max) * 1.0000001), "fp32 has it"),
        (between(65536, TOP_TIE), "Your limit is too high"),
        (lambda x: False, "that is what True means"),
        (lambda x: 65520 < abs(x) < TOP_TIE, "A tie goes to the neighbour"),
        (between(65520, TOP), "is it `<` or `<=`?"),
        (lambda x: 65520 <= abs(x) <= TOP, "the limit lies half a step further up"),
        (lambda x: 65520 <= abs(x) <= TOP_TIE, "bf16 has its own tie"),
        (lambda x: "yes", "it should return True or False; it returned 'yes'"),
        (True, "This wants a function"),
        (bool, "got the type bool"),
    ],
}
# fmt: on


class TestAnswers(LessonAnswers):
    exercises, right, wrong = EXERCISES, RIGHT, WRONG


@pytest.mark.parametrize("key", WRONG)
def test_every_message_in_the_tables_is_one_that_some_wrong_answer_gets(key: str) -> None:
    heard = "\n".join(course.check(key, answer).text for answer, _ in WRONG[key])
    judge = EXERCISES[key].judge
    assert isinstance(judge, (ArrayJudge, FunctionJudge))
    rows = judge.mistakes if isinstance(judge, FunctionJudge) else (*judge.impostors, *judge.symptoms)
    for row in rows:
        pieces = map(re.escape, re.split(r"\{\w+\}", row.message))
        assert re.search("[^\n]*".join(pieces), heard), row.message


def unwritten(x: Any) -> Any:
    _grown = np.exp(x)
    return ...


@pytest.mark.parametrize(
    ("key", "answer"), [(key, answer) for key in EXERCISES for answer in (..., None, lambda x: ..., unwritten)]
)
def test_an_exercise_without_an_answer_says_not_yet_and_counts_as_no_try(key: str, answer: Any) -> None:
    assert course.check(key, answer).title == f"{key}: not yet"
    assert progress.read()["exercises"] == {}


@pytest.mark.parametrize("key", EXERCISES)
@pytest.mark.parametrize("said", [10**400, math.nan, "x", [1], np.array([]), sf.array([], "fp16"), sf.array(1, "bf16")])
def test_nothing_that_a_function_returns_is_so_odd_that_a_check_raises(key: str, said: Any) -> None:
    assert not course.check(key, lambda x: said).passed


# ---- what the checks hold answers against ----


def test_the_right_softmax_is_within_a_few_steps_of_the_exact_one() -> None:
    for case in answers.SOFTMAX_CASES:
        x = sf.array(case, "fp16")
        made = answers.softmax(x).values.astype(float).reshape(-1, x.shape[-1])
        for row, weights in zip(x.values.astype(float).reshape(-1, x.shape[-1]), made):
            if np.isneginf(row).all():
                assert not weights.any()
            elif np.isnan(row).any():
                assert np.isnan(weights).all()
            else:
                grown = np.exp(row - row.max())
                assert np.abs(weights - grown / grown.sum()).max() < 6e-3
                assert abs(weights.sum() - 1) < 0.01


def test_the_right_norm_is_the_nearest_number_to_the_root_of_the_exact_sum_of_squares() -> None:
    for case in answers.NORM_CASES:
        x = sf.array(case, "fp16")
        made = float(answers.norm(x))
        if not np.isfinite(x.values).all():
            assert math.isnan(made) if np.isnan(x.values).any() else math.isinf(made)
            continue
        square = sum((Fraction(float(each)) ** 2 for each in x.values), Fraction(0))
        if math.isinf(made):
            assert square >= 65520**2
            continue
        below, above = float(sf.next_down(made, "fp16")), float(sf.next_up(made, "fp16"))
        assert square <= ((Fraction(made) + Fraction(above)) / 2) ** 2
        assert made == 0 or square >= ((Fraction(made) + Fraction(below)) / 2) ** 2


def test_the_limits_of_the_third_exercise_are_half_a_step_above_the_largest_numbers() -> None:
    judge = EXERCISES["04.c"].judge
    assert isinstance(judge, FunctionJudge)
    x = np.array([65519.999, 65520, TOP_TIE, np.nextafter(TOP_TIE, 0), TOP, math.inf, math.nan, 1.0])
    assert judge.right(x).tolist() == [False, True, False, True, True, False, False, False]
    assert judge.right(-x).tolist() == judge.right(x).tolist()
    assert set(judge.telling) >= {65520.0, -65520.0, TOP, TOP_TIE, -TOP_TIE, math.inf}
    assert any(math.isnan(each) for each in judge.telling)


# ---- bets, and what the lesson says ----


def test_the_bets_turn_out_as_told() -> None:
    assert {row.id: row.truth() for row in bets.BETS} == {
        "04.1": 65520.0, "04.2": 12.0, "04.3": 1.0, "04.4": "-inf",
    }  # fmt: skip
    for row, won, lost in zip(bets.BETS, (65520, 12, 1, "-inf"), (65505, 11, 3, "-65504"), strict=True):
        assert row.won(row.read(won))  # type: ignore[arg-type]
        assert not row.won(row.read(lost))  # type: ignore[arg-type]
        assert row.story(row.truth())
    assert "65,519 is still rounded to 65,504" in bets.BETS[0].story(65520.0)
    assert "in bf16, which reaches 3.4e38, the first is 89" in bets.BETS[1].story(12.0).replace("In bf16", "in bf16")
    assert math.isinf(float(np.exp(sf.array(89, "bf16"))))
    assert math.isfinite(float(np.exp(sf.array(88, "bf16"))))
    assert "15,266 times beyond" in bets.BETS[3].story("-inf")


def test_a_right_row_beside_a_nan_may_differ_by_as_many_steps_as_any_other() -> None:
    judge = EXERCISES["04.a"].judge
    assert isinstance(judge, ArrayJudge)

    def a_step_off(x: Any) -> Any:
        made = softmax_right(x)
        return sf.array(sf.next_up(made.values, "fp16"), "fp16") if np.isnan(x.values).any() else made

    assert judge(a_step_off).passed


def test_an_edge_is_named_only_where_every_plain_case_is_right() -> None:
    for key, answer in (("04.a", lambda x: x), ("04.b", lambda x: sf.array(1, "fp16"))):
        assert "All right but" not in course.check(key, answer).text


def test_what_the_lesson_says_without_computing_it_is_so() -> None:
    prose = words_of(LESSON)
    facts = {
        "65,504, whose last bit is 1": sf.encode(65504, "fp16") & 1 == 1,
        "a tie, between 65,504": 65520 == (65504 + 65536) / 2,
        "too large is NaN at once": math.isnan(sf.round_to(480, "e4m3")) and sf.float8_e4m3fn.infinity_code is None,
        "it spent those codes on numbers": sf.decode([0x78, 0x7E], "e4m3").tolist() == [256, 448],
        "One sum of 120,003": 60000 + 60000 + 2 + 1 == 120_003,
        "beyond 11.09": [math.isinf(np.exp(sf.array(x, "fp16"))) for x in (11.0859375, 11.09375)] == [False, True],
        "from 256 on": math.isinf(sf.multiply(256, 256, "fp16")) and sf.next_up(255.75, "fp16") == 255.875,
        "added in fp32 and rounded once": np.sum(sf.array([2048, 1, 1], "fp16")) == 2050,
        "rounds after each addition": sf.add(sf.add(2048, 1, "fp16"), 1, "fp16") == 2048,
        "−65,504 is what `torch.finfo": np.finfo(np.float16).min == -65504 == -sf.float16.max,
        "1e-4 squared is 1e-8, which fp16 makes zero": sf.multiply(1e-4, 1e-4, "fp16") == 0,
        "`np.linalg.norm` of an Array": np.linalg.norm(sf.array([300, 400], "fp16")) == 500,
        "70,000 becomes 70,144": sf.round_to(70000, "bf16") == 70144,
        f"to {sf.bfloat16.max:.1e}".replace("e+", "e"): True,
        "three bits of precision": sf.float16.precision - sf.bfloat16.precision == 3,
    }
    assert math.isfinite(sf.multiply(255.875, 255.875, "fp16"))
    assert [text for text, true in facts.items() if text not in prose or not true] == []


@pytest.mark.torch
def test_the_mask_that_people_fill_in_is_the_type_s_smallest_number() -> None:
    import torch

    for dtype, fmt in ((torch.float16, sf.float16), (torch.bfloat16, sf.bfloat16)):
        assert torch.finfo(dtype).min == -fmt.max
