"""Lesson 08: right and wrong answers to its exercises, what its checks hold them against, and its bets."""

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import simfp as sf
from simfp import course, nn, optim
from simfp.amp import GradScaler, autocast
from simfp.course import ledger, notebooks, progress
from simfp.course.judges.numbers import NumberJudge
from simfp.course.lessons.lesson_08 import answers, bets, exercises, facts
from simfp.experiments.mixed_precision import loss_scale
from simfp.experiments.mixed_precision.loss_scale import FATES
from tests.lesson_answers import LessonAnswers
from tests.lesson_prose import words_of
from tests.near import hold

pytestmark = pytest.mark.usefixtures("progress_file")

LESSON = Path(__file__).parents[2] / "lessons" / "08_scale_the_loss.ipynb"
EXERCISES = {row.id: row for row in exercises.EXERCISES}


# ---- answers ----


def next_scale(scale: float, tracker: int, found_inf: bool, growth: float, backoff: float, interval: int) -> Any:
    if found_inf:
        return np.float32(scale * backoff), 0
    if tracker + 1 != interval:
        return scale, tracker + 1
    grown = np.float32(scale * growth)
    return (grown if np.isfinite(grown) else scale), 0


def ruled(**other: Any) -> Any:
    """The rule with some of it changed."""

    def rule(scale: Any, tracker: int, bad: bool, growth: float, backoff: float, interval: int) -> Any:
        rounded = other.get("rounded", np.float32)
        if bad != other.get("turned", False):
            made = max(rounded(scale * other.get("backoff", backoff)), other.get("floor", 0.0))
            return made, tracker * other.get("kept", 0) + other.get("counted", 0)
        if not other.get("when", lambda t, i: t + 1 == i)(tracker, interval):
            return scale, tracker + 1
        grown = rounded(scale * other.get("growth", growth))
        finite = other.get("finite", np.isfinite)(grown)
        after = other.get("after", lambda t, finite: 0)(tracker, finite)
        return (grown if finite else scale), after

    return rule


def accumulated(inside: str = "", after: str = "unscale clip step update", **other: Any) -> Any:
    """An iteration by a list of calls inside and after its loop."""

    def iteration(model: Any, optimizer: Any, scaler: Any, micro_batches: Any) -> Any:
        calls = {
            "unscale": lambda: scaler.unscale_(optimizer),
            "clip": lambda: nn.utils.clip_grad_norm_(model.parameters(), other.get("norm", 1.0)),
            "step": lambda: scaler.step(optimizer),
            "plain": optimizer.step,
            "update": scaler.update,
            "zero": optimizer.zero_grad,
        }
        if other.get("zero", True):
            optimizer.zero_grad()
        for x, y in micro_batches:
            with autocast():
                loss = nn.functional.mse_loss(model(x), y) / other.get("share", len(micro_batches) or 1)
            scaler.scale(loss).backward()
            for call in inside.split():
                calls[call]()
        for call in after.split():
            calls[call]()
        return scaler.get_scale()

    return iteration


# fmt: off
RIGHT: dict[str, list[Any]] = {
    "08.a": [2.0**9, 2**12, np.float32(2.0**15), 3000, 1000.5],
    "08.b": [next_scale, ruled(), answers.next_scale, lambda *a: list(next_scale(*a)),
             lambda *a: np.array(next_scale(*a), float)],
    "08.c": [accumulated(), accumulated("", "unscale clip step update zero"), answers.iteration],
}

WRONG: dict[str, list[tuple[Any, str]]] = {
    "08.a": [
        (0, "A scale is a number above 0"), (-4096.0, "A scale is a number above 0"), (math.inf, "and finite"),
        (12, "Is that the exponent?"), (1e-60, "in float32"), (1e60, "in float32"),
        (2.0**16, "Too large: after 100 steps, < 0.01 %"), (2.0**22, "100 % of the gradients overflow"),
        (1.0, "Too small: at the start, 205 of 15,401"), (2.0**8, "Too small: after 200 steps, 24 of 19,417"),
        (math.nan, "NaN is not a number"), ("4096", "a str"), (lambda: 4096, "got a function"),
    ],
    "08.b": [
        (ruled(when=lambda t, i: t == i), "One step too late"), (ruled(when=lambda t, i: t > i), "Two steps too late"),
        (ruled(when=lambda t, i: t + 1 >= i), "when the count *equals* the interval"),
        (ruled(after=lambda t, finite: t + 1), "After growth the count begins anew"),
        (ruled(kept=1), "After an overflow the count begins anew"),
        (ruled(kept=1, counted=1), "A step that overflowed is no good step"),
        (ruled(floor=1.0), "There is no floor"), (ruled(rounded=float), "The scale is a float32"),
        (ruled(finite=lambda x: True), "Beyond float32's largest number"),
        (ruled(after=lambda t, finite: 0 if finite else t + 1), "the count begins anew all the same"),
        (ruled(backoff=1.0), "After an overflow the scale backs off"),
        (ruled(turned=True), "Is the condition the wrong way round?"),
        (lambda s, t, bad, *rest: (s * 2, 0), "The scale grows although there was an overflow"),
        (lambda s, t, bad, *rest: next_scale(s, t, bad, *rest) if bad else (s / 2, 0), "although all was finite"),
        (ruled(when=lambda t, i: t + 2 == i), "Too early"), (ruled(growth=1.0), "It does not grow"),
        (ruled(backoff=0.125), "and you return"), (lambda *a: next_scale(*a)[0], "it should return a pair"),
        (lambda *a: ("16", 0), "it should return a pair"), (lambda *a: None, "Is a `return` missing?"),
        (lambda scale, tracker: (scale, tracker), "raised TypeError"), (65536.0, "This wants a function"),
    ],
    "08.c": [
        (accumulated("", "clip unscale step update"), "You clip before the gradients are unscaled"),
        (accumulated("", "clip step update"), "You clip before the gradients are unscaled"),
        (accumulated("", "unscale step clip update"), "or comes too late"),
        (accumulated("", "step update"), "is missing"),
        (accumulated("unscale clip step update", ""), "after every micro-batch, with gradients that grow"),
        (accumulated("step update", ""), "after every micro-batch, and clip nothing"),
        (accumulated("", "unscale clip plain update"), "does not ask whether there was an overflow"),
        (accumulated(share=1), "is each divided by their number?"),
        (accumulated("unscale", "clip step update"), "inside the loop over micro-batches, or twice: gradients are"),
        (accumulated("update", "unscale clip step"), "No inf checks were recorded prior to update. Nothing was"),
        (accumulated("", "unscale clip step"), "unscale_() is being called after step()"),
        (accumulated("", "step unscale clip update"), "Either `step` stands before `unscale_`"),
        (accumulated("", "unscale clip update step"), "or it stands after `update`"),
        (accumulated("", "step step update"), "Is `update` missing?"),
        (accumulated("zero", "step update"), "is `zero_grad` too late?"),
        (accumulated(zero=False), "The gradients of the iteration before are still there"),
        (accumulated(norm=2.0), "the weights are not"),
        (accumulated("", "unscale clip step update update"), "Nothing was unscaled since the last `update`"),
        (lambda *a: 1 / 0, "Your function raised ZeroDivisionError"), (lambda *a: 256.0, "should be"),
        (5, "This wants a function"),
    ],
}
# fmt: on


class TestAnswers(LessonAnswers):
    exercises, right, wrong = EXERCISES, RIGHT, WRONG


@pytest.mark.long  # asks again what every wrong answer above is told
def test_every_message_in_the_tables_is_one_that_some_wrong_answer_gets() -> None:
    judge = EXERCISES["08.a"].judge
    assert isinstance(judge, NumberJudge)
    numbers = [float(a) for a, _ in WRONG["08.a"] if isinstance(a, (int, float)) and not math.isnan(a)]
    firsts = {next(i for i, slip in enumerate(judge.slips) if slip.fits(x)) for x in numbers}
    assert firsts == {*range(len(judge.slips))}
    tables = {
        "08.b": [message for _, message in (*answers.SCALE_IMPOSTORS, *answers.SCALE_SYMPTOMS)],
        "08.c": [*(message for _, message in answers.ORDER_IMPOSTORS), *answers.ORDER_TIPS.values()],
    }
    for key, messages in tables.items():
        heard = "\n".join(course.check(key, answer).text for answer, _ in WRONG[key])
        for message in messages:
            pieces = map(re.escape, re.split(r"\{\w+\}", message))
            assert re.search("[^\n]*".join(pieces), heard), message


@pytest.mark.parametrize(
    ("key", "answer"), [(key, answer) for key in EXERCISES for answer in (..., None, lambda *given: ...)]
)
def test_an_exercise_without_an_answer_says_not_yet_and_counts_as_no_try(key: str, answer: Any) -> None:
    if callable(answer) and key == "08.a":
        return
    assert course.check(key, answer).title == f"{key}: not yet"
    assert progress.read()["exercises"] == {}


def test_the_exercise_as_the_notebook_has_it_says_not_yet() -> None:
    cells = {cell["id"]: notebooks.source(cell) for cell in notebooks.read(LESSON)["cells"]}
    names = {"np": np, "nn": nn, "autocast": autocast, "check": course.check}
    for part in "bc":
        code = cells[f"exercise-{part}"].replace("\ncheck(", "\nsaid = check(")
        exec(code, names)  # the learner's cell
        assert names["said"].title == f"08.{part}: not yet"  # type: ignore[attr-defined]


# ---- what the checks hold answers against ----


def test_the_rule_is_grad_scaler_s_over_all_histories() -> None:
    found = answers.changes()
    assert len(found) == answers.HISTORIES * answers.LENGTH
    assert [change for change in found if answers.next_scale(*change.given) != change.wanted] == []
    scales = {change.wanted[0] for change in found}
    assert {0.0, 2.0**127} <= scales
    assert any(change.tracker + 1 > change.interval for change in found)


@pytest.mark.torch
def test_the_rule_is_torch_s_over_all_histories() -> None:
    import torch

    for change in answers.changes():
        scale = torch.full((1,), change.scale, dtype=torch.float32)
        tracker = torch.full((1,), change.tracker, dtype=torch.int32)
        found = torch.full((1,), float(change.found_inf))
        torch._amp_update_scale_(scale, tracker, found, change.growth, change.backoff, change.interval)
        assert (scale.item(), tracker.item()) == change.wanted, change


@pytest.mark.torch
def test_the_right_iteration_is_torch_s_arithmetic_in_float32() -> None:
    """Without autocast, both libraries take the same two iterations from the same weights."""
    import torch

    start = np.array([[0.1, -0.2, 0.3, 0.05]], np.float32)
    ours, theirs, exact = nn.Linear(4, 1), torch.nn.Linear(4, 1), torch.nn.Linear(4, 1).double()
    ours.load_state_dict({"weight": start, "bias": np.zeros(1, np.float32)})
    for each in (theirs, exact):
        each.load_state_dict({"weight": torch.tensor(start), "bias": torch.zeros(1)})
    sides = [
        (ours, optim.SGD(ours.parameters(), lr=0.1), GradScaler(init_scale=256.0), nn, np.asarray),
        *((each, torch.optim.SGD(each.parameters(), lr=0.1), torch.amp.GradScaler("cpu", init_scale=256.0), torch.nn,
           torch.tensor if each is theirs else lambda x: torch.tensor(x).double()) for each in (theirs, exact)),
    ]  # fmt: skip
    for model, optimizer, scaler, library, tensor in sides:
        for _ in range(2):
            optimizer.zero_grad()
            for x, y in zip(answers.INPUTS, answers.TARGETS, strict=True):
                scaler.scale(library.functional.mse_loss(model(tensor(x)), tensor(y)) / 4).backward()
            scaler.unscale_(optimizer)
            library.utils.clip_grad_norm_(model.parameters(), 1.0)
            scaler.step(optimizer)
            scaler.update()
    hold(ours.weight.data.values, theirs.weight.detach().numpy(), exact.weight.detach().numpy(), 2)
    assert sides[0][2].get_scale() == sides[1][2].get_scale()


def test_a_static_scale_is_judged_by_the_gradients_themselves() -> None:
    good = set.intersection(*(set(window.fits()) for window in loss_scale.windows("deep")[:3]))
    assert good
    for k in loss_scale.SCALES:
        assert answers.will_do(2.0**k) == (k in good), k
    assert "kept their bits" in answers.praise(3000.0)
    assert "kept their bits" not in answers.praise(4096.0)


# ---- the bets, the ledger, and what the lesson says ----


def test_the_bets_turn_out_as_told() -> None:
    truths = {row.id: row.truth() for row in bets.BETS}
    assert isinstance(truths["08.1"], float)
    assert truths["08.1"] > 99
    assert truths | {"08.1": 0} == {"08.1": 0, "08.2": "narrower", "08.3": "0", "08.4": "learns"}
    for row, won, lost in zip(bets.BETS, (95, "narrower", 0, "learns"), (1, "wider", 1, "stalls"), strict=True):
        assert row.won(row.read(won))  # type: ignore[arg-type]
        assert not row.won(row.read(lost))  # type: ignore[arg-type]
        assert row.story(row.truth())
    assert facts.last_scale() == (0.0, 166)


def test_the_window_narrows_and_closes() -> None:
    counts = facts.widths()
    assert len(counts) == len(loss_scale.MOMENTS)
    assert counts[-1] == 0 < counts[2] < counts[0]


def test_the_ledger_says_what_holds_and_under_which_conditions() -> None:
    scaling, accuracy = (claim for claim in ledger.CLAIMS if claim.lesson == "08")
    for claim in (scaling, accuracy):
        assert claim.experiment().verdict == "holds under conditions"
    figures = " ".join(scaling.experiment().figures)
    assert "after 166 steps" in figures
    assert "after 300 steps no scale will do" in figures
    window = loss_scale.windows("deep")[2]
    for scale in (1.0, 2.0 ** max(window.fits())):
        counts = window.at(scale).counts.sum(0)
        assert f"{100 * counts[FATES.index('same')] / counts.sum():.2f} %" in figures
    fp32, scaled, deviation = facts.compared()
    assert min(fp32, scaled) > 80
    assert f"{deviation:.2f} points" in accuracy.experiment().figures[0]


def test_what_the_lesson_says_without_computing_it_is_so() -> None:
    prose = words_of(LESSON)
    window = loss_scale.windows("deep")[2]
    plain, low, high = (
        dict(zip(FATES, window.at(scale).counts.sum(0).tolist(), strict=True)) for scale in (1.0, 3000.0, 4096.0)
    )
    scaler = GradScaler()
    first = loss_scale.windows("deep")[0]
    lost = [each[FATES.index("lost")] / each.sum() for each in first.outcomes[loss_scale.SCALES.index(0)].counts]
    third = facts.held()[0]
    last = loss_scale.windows("deep")[3]
    best = next(each for each in reversed(last.outcomes) if not each.spoiled)
    claimed = {
        "4,096, which is 2<sup>12</sup>": 2**12 == 4096,
        "few are lost, but thousands have lost some bits": plain["lost"] < 100 and plain["changed"] > 2000,
        "3,000 loses no more gradients than 4,096 does": low["lost"] == high["lost"],
        "At 2<sup>22</sup> everything is gone": window.at(2.0**22).overflowed == 1,
        "Start high, at 65,536": scaler.get_scale() == 65536,
        "After 2,000 consecutive good steps, double it": (scaler.get_growth_interval(), scaler.get_growth_factor())
        == (2000, 2.0),
        "halve the scale": scaler.get_backoff_factor() == 0.5,
        "about a third of all gradients of the weights are lost": 0.28 < third < 0.4,
        "No power of two will do any more": not last.fits(),
        "are the smallest of the last layer": best.counts[:, FATES.index("lost")].argmax() == len(last.layers) - 1,
        "166 skipped steps": facts.last_scale()[1] == 166,
        "which has fp16's 11 bits and fp32's exponents": (sf.tfloat32.precision, sf.tfloat32.min_exponent)
        == (sf.float16.precision, sf.float32.min_exponent),
    }
    assert [text for text, true in claimed.items() if text not in prose or not true] == []
    assert max(lost) > 10 * lost[-1]  # the layers below lose more than the last one


def test_the_page_s_loop_stands_in_the_lesson_word_for_word() -> None:
    cells = {cell["id"]: notebooks.source(cell) for cell in notebooks.read(LESSON)["cells"]}
    page = """
scaler = GradScaler()

for batch in dataloader:
    optimizer.zero_grad()

    with autocast():                      # forward in fp16
        output = model(batch["input"])
        loss = criterion(output, batch["label"])

    scaler.scale(loss).backward()         # backward in fp16, scaled
    scaler.step(optimizer)                # unscale + update in fp32
    scaler.update()                       # adjust scale factor
"""
    first, *ours = [re.sub(" +#", "  #", line) for line in cells["page"].splitlines() if line]
    assert first == "from simfp.amp import GradScaler, autocast"
    assert ours == [re.sub(" +#", "  #", line) for line in page.splitlines() if line]
