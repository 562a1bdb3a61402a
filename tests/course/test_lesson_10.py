"""Lesson 10: right and wrong answers to its exercises, what its checks hold them against, its bets and its ledger."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import simfp as sf
from simfp import course
from simfp.amp import autocast, autocast_rule
from simfp.autograd import apply
from simfp.course import progress
from simfp.course.claims import autocast as claims
from simfp.course.judges.formats import FormatCallJudge
from simfp.course.lessons.lesson_10 import answers, bets, exercises
from simfp.experiments.mixed_precision.autocast_blocks import follow
from simfp.ops import OPERATIONS
from tests.lesson_answers import LessonAnswers
from tests.lesson_prose import words_of
from tests.operation_cases import CASES, filled

pytestmark = pytest.mark.usefixtures("progress_file")

LESSON = Path(__file__).parents[2] / "lessons" / "10_follow_autocast.ipynb"
EXERCISES = {row.id: row for row in exercises.EXERCISES}
RIGHT_DTYPES = {
    "x @ w": "fp16", "x * 2": "fp32", "h * h": "fp16", "h ** 2": "fp32", "h.sum()": "fp32", "h.mean()": "fp16",
    "x + h": "fp32", "relu(x @ w)": "fp16", "softmax(h, -1)": "fp32", "mse_loss(h, h)": "fp32",
}  # fmt: skip


def norm(h: Any, square: Callable[[Any], Any] = lambda h: h * h) -> Any:
    return h * (square(h).mean(-1, keepdim=True) + 1e-6).rsqrt()


def island(widen: bool) -> Callable[[Any], Any]:
    def mended(x: Any) -> Any:
        h = answers.layer(x)
        with autocast(enabled=False):
            return norm(h.float() if widen else h)

    return mended


def all_wide(x: Any) -> Any:
    with autocast(enabled=False):
        return norm(answers.layer(x))


def in_bf16(x: Any) -> Any:
    with autocast(dtype="bfloat16"):
        return norm(answers.layer(x))


def rule_based(name: str, *formats: str) -> Any:
    rule = autocast_rule(name)
    if rule == "lower_precision":
        return sf.float16
    return sf.float32 if rule.startswith("float32") or len(set(formats)) > 1 else sf.as_format(formats[0])


RIGHT: dict[str, list[Any]] = {
    "10.a": [RIGHT_DTYPES, {key: sf.as_format(fmt) for key, fmt in RIGHT_DTYPES.items()}],
    "10.b": [
        lambda x: norm(answers.layer(x).float()), lambda x: norm(answers.layer(x), lambda h: h**2), island(True),
        lambda x: sf.nn.functional.rms_norm(answers.layer(x), (16,), eps=1e-6),
    ],
    "10.c": [answers.autocast_dtype, rule_based],
}  # fmt: skip

WRONG: dict[str, list[tuple[Any, str]]] = {
    "10.a": [
        (RIGHT_DTYPES | {"h ** 2": "fp16"}, "`h ** 2` is not fp16: `pow`: the fp32 list"),
        (RIGHT_DTYPES | {"h.mean()": "fp32", "h * h": "fp32"}, "8 of 10 are right"),
        (RIGHT_DTYPES | {"x + h": "fp16"}, "`add`: in no list: it follows its inputs"),
        (RIGHT_DTYPES | {"x @ w": "fp32"}, "`matmul`: the 16-bit list"),
        (RIGHT_DTYPES | {"x @ w": ...}, "Still open: `x @ w`"), (RIGHT_DTYPES | {"x @ w": "16"}, "names no format"),
        (RIGHT_DTYPES | {"y": "fp16"}, "'y' is none of the keys"), ("fp16", "This wants the dict"),
        ({"x @ w": "fp16"}, "The key 'x * 2' is missing"),
    ],
    "10.b": [
        (answers.norm, "Bring h to fp32 before it is squared"), (island(False), "Switching autocast off casts nothing"),
        (lambda x: norm(answers.layer(x), lambda h: (h * h).float()), "A cast comes, but after the square"),
        (all_wide, "the tensor cores stand idle"), (in_bf16, "With bfloat16 nothing overflows"),
        (lambda x: norm(answers.layer(x).clamp(-200, 200)), "the values are wrong"),
        (lambda x: norm(sf.Tensor(x)), "No product ran"), (lambda x: None, "Is a `return` missing?"),
        (lambda x: 3, "It should return a tensor of shape"), (lambda x: 1 / 0, "raised ZeroDivisionError"),
        (3, "This wants a function"),
    ],
    "10.c": [
        (lambda name, *formats: "fp16", "Not all runs in fp16"),
        (lambda name, *formats: formats[0] if len(set(formats)) == 1 else "fp32", "That is type promotion"),
        (lambda name, *formats: "fp16" if autocast_rule(name) in ("lower_precision", "follows_inputs", "widest")
         else "fp32", "{widest}"),
        (lambda name, *formats: None, "Is a `return` missing?"), (lambda name, *formats: "a byte", "should return"),
        (lambda name, *formats: "fp32", "`autocast_dtype('matmul', 'fp32', 'fp32')` returns fp32; it is fp16"),
        (lambda name: name, "raised TypeError"), ("fp16", "This wants a function"),
    ],
}  # fmt: skip
WRONG["10.c"][2] = (WRONG["10.c"][2][0], "What stands in no list is not cast down")
for _impostor in answers.DTYPE_IMPOSTORS:
    WRONG["10.c"].append((_impostor.function, _impostor.message.partition("`")[0].strip() or "The list"))


class TestAnswers(LessonAnswers):
    exercises, right, wrong = EXERCISES, RIGHT, WRONG


def test_every_impostor_is_told_apart_from_the_others_and_from_the_truth() -> None:
    judge = EXERCISES["10.c"].judge
    assert isinstance(judge, FormatCallJudge)
    functions = [judge.right, *(row.function for row in judge.impostors)]
    made = {tuple(str(function(*case)) for case in judge.cases) for function in functions}
    assert len(made) == len(functions)


@pytest.mark.parametrize("key", EXERCISES)
def test_an_exercise_without_an_answer_says_not_yet_and_counts_as_no_try(key: str) -> None:
    untouched = dict.fromkeys(RIGHT_DTYPES, ...) if key == "10.a" else lambda *_: ...
    for answer in (..., None, untouched):
        assert course.check(key, answer).title == f"{key}: not yet"
    assert progress.read()["exercises"] == {}


@pytest.mark.parametrize("case", [case for case in answers.DTYPE_CASES if case[0] in OPERATIONS], ids=str)
def test_the_right_formats_are_those_that_simfp_runs_in(case: tuple[str, ...]) -> None:
    name, *formats = case
    if name in ("batch_norm", "layer_norm", "mse_loss", "cat", "linear", "conv2d") or name not in CASES:
        formats = [*formats, *[formats[-1]] * 8]
    waiting = iter([*formats, *[formats[-1]] * 8])
    row = CASES[name][0]
    args = filled(row.args, lambda spec, values: sf.Tensor(values, dtype=next(waiting)), lambda values: values)
    with autocast(dtype="fp16"):
        assert apply(OPERATIONS[name], *args, **row.options).dtype == sf.as_format(answers.autocast_dtype(*case))


def test_the_bets_turn_out_as_told() -> None:
    truths = {row.id: row.truth() for row in bets.BETS}
    assert truths == {"10.1": 6, "10.2": "h * h", "10.3": 2048, "10.4": 1}
    for row, won, lost in zip(bets.BETS, (7, "h * h", 2048, 1), (0, "h ** 2", 2049, 2), strict=True):
        assert row.won(row.read(won))  # type: ignore[arg-type]
        assert not row.won(row.read(lost))  # type: ignore[arg-type]
        assert row.story(row.truth())


def test_the_ledger_s_figures_are_counted_in_a_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    figures, verdict, _ = claims.forward_in_fp16()
    assert "Of 19 operations of a transformer block 13 have a result in fp16, among them all 9 products" in figures[0]
    assert verdict == "holds under conditions"
    figures, verdict, _ = claims.backward_in_fp16()
    assert "each in the format of its forward pass; the gradients of weights end in float32" in figures[0]
    assert verdict == "holds under conditions"
    monkeypatch.setattr(claims, "follow", lambda block: follow(block, enabled=False))
    assert claims.forward_in_fp16().verdict == "does not hold"


def test_what_the_lesson_says_without_computing_it_is_so() -> None:
    prose = words_of(LESSON)
    cnn, island_, block = follow("cnn"), follow("island"), follow("transformer")
    batch_norm = next(step for step in cnn.forward if step.operation == "batch_norm")
    resumed = [step.number for step in island_.forward if step.autocast and step.operation == "linear"]
    facts = {
        "has 19 operations": len(block.forward) == 19,
        "is *not* cast": batch_norm.fmt == "float16" and not batch_norm.operands[0].cast,
        "where does autocast begin again": resumed == [0, 7],
        "a square overflows fp16 from 256 on": np.isinf(sf.round_to(256.0**2, "fp16"))
        and np.isfinite(sf.round_to(255.0**2, "fp16")),
        "torch 2.13 registers": True,
    }
    assert [text for text, true in facts.items() if text not in prose or not true] == []
