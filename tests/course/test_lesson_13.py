"""Lesson 13: right and wrong answers to its exercises, its bets, its figures, and what the ledger makes of them."""

import hashlib
import math
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simfp import course
from simfp.course import ledger, progress
from simfp.course.claims import costs
from simfp.course.judges.calls import CallJudge
from simfp.course.judges.numbers import NumberJudge
from simfp.course.lessons.lesson_13 import answers, bets, exercises, facts
from simfp.experiments.memory.model_sizes import GPT_SIZES, RECIPES
from simfp.experiments.memory.roofline import Roof
from simfp.experiments.memory.training_step import memory
from simfp.experiments.training.seed_statistics import Difference, difference
from simfp.experiments.training.text import corpus
from simfp.figures.memory import peaks as drawn_memory
from simfp.figures.memory import speed as drawn_speed
from simfp.figures.training import quality as drawn_quality
from simfp.silicon import measurements
from tests.lesson_answers import LessonAnswers
from tests.lesson_prose import words_of

pytestmark = pytest.mark.usefixtures("progress_file")

LESSON = Path(__file__).parents[2] / "lessons" / "13_measure_memory_and_speed.ipynb"
EXERCISES = {row.id: row for row in exercises.EXERCISES}


def roof(flops: float, moved: float, peak: float, bandwidth: float) -> float:
    return min(peak, bandwidth * flops / moved)


# fmt: off
RIGHT: dict[str, list[Any]] = {
    "13.a": [18, 18.0, np.int64(18), Fraction(18)],
    "13.b": [33, 33.0, np.float32(33)],
    "13.c": [roof, lambda f, m, p, b: p if f / m * b > p else f / m * b, lambda f, m, p, b: np.minimum(p, b * f / m)],
}

WRONG: dict[str, list[tuple[Any, str]]] = {
    "13.a": [
        (2, "the fp16 copy alone"), (4, "the fp32 weight alone"), (6, "weight and copy"), (8, "Count again"),
        (10, "four of the five are fp32"), (12, "what is there between steps"), (14, "One fp32 number is missing"),
        (16, "That is fp32 training"), (20, "The copy has 2 bytes"), (7, "Not 7"), (math.nan, "NaN is not a number"),
        ("18", "a str"), (lambda: 18, "got a function"),
    ],
    "13.b": [
        (33.7, "A batch is a whole number"), (34, "One too many: 34 sequences take 8"),
        (20, "the largest batch of fp32"),
        (40, "if everything halved"), (44, "44 is for bf16 weights"), (107, "107 is with checkpointing"),
        (31, "you took 80 × 10⁹"), (32, "need not be a power of two"), (8, "8 fits, with 2"), (100, "too much"),
        (math.inf, "A batch is a whole number"), (0, "Not 0"), (4096, "Not 4096"), ([33], "a list"),
    ],
    "13.c": [
        (lambda f, m, p, b: max(p, b * f / m), "Of two limits the *lower* one holds"),
        (lambda f, m, p, b: p, "as if bytes came for free"),
        (lambda f, m, p, b: b * f / m, "the roof is flat there"),
        (lambda f, m, p, b: min(p, b * m / f), "upside down"),
        (lambda f, m, p, b: min(p, b), "counts bytes a second"),
        (lambda f, m, p, b: max(f / p, m / b), "That is the *time*"),
        (lambda f, m, p, b: 2 * roof(f, m, p, b), "more than `peak`"),
        (lambda f, m, p, b: roof(f, m, p, b) / 2, "right is"),
        (lambda f, m, p, b: None, "Is a `return` missing?"), (roof(1, 1, 1, 1), "This wants a function"),
        (lambda f, m: f / m, "your function raised TypeError"),
    ],
}
# fmt: on


class TestAnswers(LessonAnswers):
    exercises, right, wrong = EXERCISES, RIGHT, WRONG


def test_every_message_in_the_tables_is_one_that_some_wrong_answer_gets() -> None:
    judge = EXERCISES["13.a"].judge
    assert isinstance(judge, NumberJudge)
    for slips, key in ((judge.slips, "13.a"), (answers.batch_slips(), "13.b")):
        numbers = [float(a) for a, _ in WRONG[key] if isinstance(a, (int, float)) and not math.isnan(a)]
        firsts = {next((i for i, slip in enumerate(slips) if slip.fits(x)), None) for x in numbers}
        assert firsts == {*range(len(slips)), None}
    calls = EXERCISES["13.c"].judge
    assert isinstance(calls, CallJudge)
    heard = "\n".join(course.check("13.c", answer).text for answer, _ in WRONG["13.c"])
    for row in (*calls.impostors, *calls.symptoms):
        pieces = map(re.escape, re.split(r"\{\w+\}", row.message))
        assert re.search("[^\n]*".join(pieces), heard), row.message


@pytest.mark.parametrize(("key", "answer"), [(key, answer) for key in EXERCISES for answer in (..., None)])
def test_an_exercise_without_an_answer_says_not_yet_and_counts_as_no_try(key: str, answer: Any) -> None:
    assert course.check(key, answer).title == f"{key}: not yet"
    assert course.check("13.c", lambda *given: ...).title == "13.c: not yet"
    assert progress.read()["exercises"] == {}


# ---- what the checks hold answers against, and the bets ----


def test_the_bytes_a_weight_takes_are_those_that_the_calculator_counts() -> None:
    told = memory(GPT_SIZES[0], "fp16", 1, 128)
    weights = told.at_peak["weights"]
    rest = told.at_peak["gradients"] + told.at_peak["optimizer states"]
    assert 4 * (weights + rest) / weights + 2 == answers.per_parameter() == 18


def test_the_largest_batch_is_the_last_that_fits() -> None:
    fits, not_any_more = (memory(answers.MODEL, "fp16", batch).peak for batch in (33, 34))
    assert fits <= answers.CARD < not_any_more
    assert answers.largest_batch() == 33


def test_the_bets_turn_out_as_measured() -> None:
    truths = {row.id: row.truth() for row in bets.BETS}
    assert truths == {
        "13.1": pytest.approx(26.6, abs=0.1), "13.2": pytest.approx(0.14, abs=0.01),
        "13.3": pytest.approx(15.07, abs=0.01), "13.4": pytest.approx(1.89, abs=0.01), "13.5": "no difference",
    }  # fmt: skip
    won, lost = (25, 0, 14, 2, "No difference"), (40, 25, 2, 15, "worse")
    for row, right, wrong in zip(bets.BETS, won, lost, strict=True):
        assert row.won(row.read(right))  # type: ignore[arg-type]
        assert not row.won(row.read(wrong))  # type: ignore[arg-type]
        assert row.story(row.truth())
    assert "fp32 itself, its weights nudged" in bets.BETS[4].story("no difference")


def test_what_the_lesson_says_without_computing_it_is_so() -> None:
    prose = words_of(LESSON)
    size = GPT_SIZES[0]
    half = [memory(size, name, 16) for name in ("fp32", "fp16")]
    shares = [told.at_peak["logits and loss"] / told.peak for told in half]
    kept = {name: memory(size, name, 4, explicit=True).kept for name in ("fp32", "fp16")}
    scores = 4 * size.heads * 1024**2
    of_scores = (("softmax", "output"), ("attention", "weights, cast"))
    squares = {
        name: sum(row.bytes for row in rows if (row.operation, row.name) in of_scores) for name, rows in kept.items()
    }
    quality = measurements.quality()
    rows = {name: measurements.training(name, 256, model="MLP, wide, small batch") for name in ("tf32", "fp16")}
    claimed = {
        "The vocabulary has 50,257 tokens": size.vocabulary == 50257,
        "The logits are about half of it": all(0.4 < share < 0.6 for share in shares),
        "Six bytes a score where fp32 alone keeps four": squares == {"fp32": 4 * 12 * scores, "fp16": 6 * 12 * scores},
        "Against *that*, fp16 is not even twice as fast": facts.times_faster("matmul", "float16", "tfloat32") < 2,
        "“2–4x” fits neither": facts.times_faster("matmul", "float16") > 4,
        "The larger the batch, the larger the gain": all(
            facts.speedup(name, 4, over) < facts.speedup(name, 16, over)
            for name in ("fp16", "bf16") for over in ("fp32", "tf32")
        ),
        "fp16 autocast is *slower* than tf32": rows["fp16"]["seconds"] > rows["tf32"]["seconds"],
        "8 seeds under each recipe": quality["training"]["seeds"] == 8,
        "Here none is.": not any(each.shows for each in measurements.differences()),
    }  # fmt: skip
    assert [text for text, true in claimed.items() if text not in prose or not true] == []


# ---- figures ----


def test_the_bars_carry_what_was_measured() -> None:
    bars = facts.bars()
    axes = drawn_memory.bars(bars)
    diamonds = [line.get_xdata()[0] for line in axes.get_lines() if line.get_marker() == "D" and len(line.get_xdata())]
    assert diamonds == [measurements.peak(recipe.name, 16) / 2**30 for recipe in RECIPES]
    words = drawn_memory.describe_bars(bars)
    assert all(f"{recipe.label}: " in words for recipe in RECIPES)
    assert words.count("measured") == len(RECIPES)


def test_no_measured_operation_on_large_data_lies_above_its_roof() -> None:
    roofs = facts.roofs()
    for row in measurements.points():
        if row["operation"] != "matmul" or row["size"] >= 4096:  # smaller ones stay in the cache
            roof = roofs[row["format"]]
            assert row["flops"] / row["seconds"] <= 1.02 * roof.attainable(max(row["flops"], 1) / row["bytes"])
    assert roofs["float16"].peak > roofs["tfloat32"].peak > roofs["float32"].peak


def test_the_roofline_is_drawn_on_logarithmic_axes_with_both_labelled() -> None:
    points, roofs = measurements.points(), facts.roofs()
    axes = drawn_speed.roofline(points, roofs)
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert axes.get_xlabel() == "floating-point operations for each byte moved"
    assert axes.get_ylabel() == "TFLOP/s"
    shown = [line for line in axes.get_lines() if len(line.get_xdata()) == 1]
    assert len(shown) == sum(bool(row["flops"]) for row in points)
    words = drawn_speed.describe_roofline(points, roofs)
    assert "fp16 769 TFLOP/s" in words
    assert "softmax fp32 1.6, fp16 1.59" in words


def test_the_roof_is_the_lower_of_two_limits() -> None:
    roof = Roof(peak=8.0, bandwidth=2.0)
    assert [roof.attainable(x) for x in (1, 4, 100)] == [2, 8, 8]
    assert roof.seconds(16, 2) == 2
    assert roof.seconds(1, 8) == 4
    with pytest.raises(ValueError, match="`peak` must be above 0, got 0"):
        Roof(peak=0, bandwidth=1)
    with pytest.raises(ValueError, match="`bandwidth` must be above 0, got nan"):
        Roof(peak=1, bandwidth=math.nan)


def test_a_bar_of_the_throughput_is_as_high_as_it_says() -> None:
    speeds = facts.speeds()
    axes = drawn_speed.throughput(speeds)
    heights = [bar.get_height() for bar in axes.patches if bar.get_height()]
    assert heights == [rate / 1000 for rates in speeds.values() for rate in rates.values()]
    words = drawn_speed.describe_throughput(speeds)
    assert f"{speeds['fp16'][16]:,.0f} with batch 16" in words


def test_differences_are_drawn_with_two_standard_errors_and_every_seed() -> None:
    found = measurements.differences()
    assert [each.name for each in found] == ["tf32", "fp16", "bf16", "fp32 nudged"]
    axes = drawn_quality.differences(found)
    for place, (each, bar) in enumerate(zip(found, axes.containers, strict=True)):
        ((low, high),) = [segment[:, 0] for segment in bar.lines[2][0].get_segments()]
        assert (low + high) / 2 == pytest.approx(each.mean)
        assert high - low == pytest.approx(4 * each.error)
        ticks = next(line for line in axes.get_lines() if set(line.get_ydata()) == {place + 0.22})
        assert tuple(ticks.get_xdata()) == each.each
    assert "fp16 -0.002 % ± 0.095 %" in drawn_quality.describe_differences(found)
    runs = measurements.runs()
    lines = drawn_quality.curves(runs).get_lines()
    assert [line.get_label() for line in lines] == [run["run"] for run in runs]
    assert "fp32 from 1.869 to 0.2833" in drawn_quality.describe_curves(runs)


def test_a_difference_s_error_is_that_of_paired_means() -> None:
    reference = [2.0, 4.0, 5.0]
    told = difference("other", [2.02, 4.0, 4.9], reference)
    each = [1.0, 0.0, -2.0]
    assert told.each == pytest.approx(each)
    assert told.mean == pytest.approx(-1 / 3)
    assert told.error == pytest.approx(math.sqrt(sum((x + 1 / 3) ** 2 for x in each) / 2 / 3))
    assert told.spread == pytest.approx(100 * np.std(reference, ddof=1) / np.mean(reference))
    assert not told.shows
    assert difference("far", [2.2, 4.4, 5.5001], reference).shows
    for wrong in ([1.0], [1.0, 2.0]):
        with pytest.raises(ValueError, match="expected as many results as references, at least 2"):
            difference("wrong", wrong, [1.0])


def test_the_runs_were_trained_to_the_end_and_without_losing_steps() -> None:
    for run in measurements.runs():
        means = [float(np.mean(point["validation"])) for point in run["curve"]]
        assert run["steps"] == run["curve"][-1]["step"] == measurements.quality()["training"]["steps"]
        assert means[-2] - means[-1] < 0.003 * means[-1]  # nothing more was to be learned at this learning rate
        assert run["skipped"] <= 2
        assert np.allclose(run["validation"], run["validation_in_fp32"], rtol=1e-3)  # trained so, not only evaluated so


def test_the_text_that_they_learned_is_the_one_that_is_made_here() -> None:
    told = measurements.quality()["text"]
    assert hashlib.sha256(corpus(told["characters"]).encode()).hexdigest() == told["sha256"]


# ---- the ledger ----


def test_the_ledger_s_verdicts_are_those_of_the_recording() -> None:
    verdicts = {claim.id: claim.experiment().verdict for claim in ledger.CLAIMS if claim.lesson == "13"}
    assert verdicts == {
        "products": "does not hold", "halving": "holds under conditions", "batch": "does not hold",
        "throughput": "holds under conditions", "gpt-2 memory": "does not hold", "gpt-2 speed": "does not hold",
        "quality on a GPU": "holds under conditions",
    }  # fmt: skip
    told = str(ledger.show("13"))
    assert "15 times fp32's, 1.8 times" in told
    assert "NVIDIA H200" in told


def test_another_measurement_would_give_other_verdicts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(costs, "less_memory", lambda name, size, **options: 40.0)
    assert costs.memory_of_gpt2().verdict == "holds"
    assert costs.halving().verdict == "does not hold"
    monkeypatch.setattr(costs, "less_memory", lambda name, size, **options: 50.0)
    assert costs.halving().verdict == "holds"
    monkeypatch.setattr(costs, "speedup", lambda name, size, over: 2.0)
    assert costs.tokens().verdict == "holds under conditions"
    monkeypatch.setattr(costs, "speedup", lambda name, size, over: 1.0)
    assert costs.throughput().verdict == "does not hold"
    monkeypatch.setattr(costs, "times_faster", lambda name, fmt, over="float32": 3.0)
    assert costs.products().verdict == "holds"
    monkeypatch.setattr(costs, "largest", lambda name: 10 if name == "fp32" else 20)
    assert costs.batch().verdict == "holds"
    worse = [Difference(name, 0.5, 0.01, (0.5, 0.5), 0.1) for name in ("fp16", "bf16", "fp32 nudged")]
    monkeypatch.setattr(measurements, "differences", lambda: worse)
    assert costs.quality().verdict == "does not hold"
