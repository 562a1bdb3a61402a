"""Judges of lesson 08: a rule held against what GradScaler does, and an iteration held against the right one."""

from __future__ import annotations

import numbers
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from simfp.course.display import short
from simfp.course.judges.judgement import Judgement
from simfp.course.judges.mistakes import ask, refusal
from simfp.course.lessons.lesson_08 import answers
from simfp.course.lessons.lesson_08.answers import Change
from simfp.figures.words import decimal, power_of_two

__all__ = ["judge_order", "judge_rule"]


def judge_rule(answer: Any) -> Judgement:
    """08.b: whether a function makes of every state what GradScaler makes of it, and if not, why."""
    refused = refusal(answer, "next_scale")
    if refused:
        return Judgement(False, refused)
    cases = answers.changes()
    said: list[tuple[float, float]] = []
    for case in cases:
        with np.errstate(all="ignore"):
            one, trouble = ask(answer, case.given, _told(case))
        if trouble:
            return Judgement(False, trouble)
        pair, trouble = _pair(one, case)
        if trouble:
            return Judgement(False, trouble)
        said.append(pair)
    wrong = [place for place, case in enumerate(cases) if said[place] != case.wanted]
    if not wrong:
        return Judgement(
            True,
            f"Right in all {len(cases):,} updates of {answers.HISTORIES:,} histories, from 2¹²⁷ down to 0. That is the "
            f"whole of it: GradScaler is two numbers and this rule.",
        )
    for function, message in answers.SCALE_IMPOSTORS:
        if said == [tuple(map(float, function(*case.given))) for case in cases]:
            return Judgement(False, _fill(message, cases[wrong[0]], said[wrong[0]]))
    for shows, message in answers.SCALE_SYMPTOMS:
        there = next((place for place in wrong if shows(cases[place], said[place])), None)
        if there is not None:
            return Judgement(False, _fill(message, cases[there], said[there]))
    return Judgement(False, _fill("`{call}` is {right}, and you return {said}.", cases[wrong[0]], said[wrong[0]]))


def _pair(one: Any, case: Change) -> tuple[tuple[float, float], str]:
    """What a function returned, as two floats; or, in words, why it is none."""
    wanted = f"For `{_call(case)}` it should return a pair, the scale and the tracker; it returned {short(one)}."
    if isinstance(one, np.ndarray):
        one = tuple(one.tolist())
    if not isinstance(one, (tuple, list)) or len(one) != 2:
        return (0.0, 0.0), wanted
    first, second = (x.item() if hasattr(x, "item") and np.size(x) == 1 else x for x in one)
    if not isinstance(first, numbers.Real) or not isinstance(second, numbers.Real):
        return (0.0, 0.0), wanted
    return (float(first), float(second)), ""


def _told(case: Change) -> Callable[[], str]:
    return lambda: f"`{_call(case)}`"


def _call(case: Change) -> str:
    scale, tracker, found_inf, growth, backoff, interval = case.given
    return f"next_scale({_number(scale)}, {tracker}, {found_inf}, {growth:g}, {backoff:g}, {interval})"


def _number(x: float) -> str:
    mantissa, exponent = np.frexp(x)
    if mantissa == 0.5 and not 1 <= x < 10_000:
        return power_of_two(int(exponent) - 1)
    return decimal(x)


def _fill(message: str, case: Change, said: tuple[float, float]) -> str:
    def spelled(pair: tuple[float, float]) -> str:
        return f"({_number(pair[0])}, {pair[1]:g})"

    return message.format(call=_call(case), right=spelled(case.wanted), said=spelled(said))


@cache
def _right_order() -> list[Any]:
    return answers.carried_out(answers.iteration)


def judge_order(answer: Any) -> Judgement:
    """08.c: whether a function makes an iteration as it should, and if not, why."""
    refused = refusal(answer, "iteration")
    if refused:
        return Judgement(False, refused)
    made, right = answers.carried_out(answer), _right_order()
    if made == right:
        return Judgement(
            True,
            "The weights have the right bits after two iterations, with and without an overflow; so have scale and "
            "tracker. Once for all micro-batches: unscale, clip, step, update.",
        )
    error = next((each[0] for each in made if len(each) == 1), "")
    if error:
        tip = next((tip for text, tip in answers.ORDER_TIPS.items() if text in error), "")
        return Judgement(False, f"Your function raised {error} {tip}".strip())
    for function, message in answers.ORDER_IMPOSTORS:
        if made == answers.carried_out(function):
            return Judgement(False, message)
    for now, then in zip(made, right, strict=True):
        if now[1:] != then[1:]:
            return Judgement(
                False,
                f"After an iteration scale and tracker are {now[1]:g} and {now[2]}; they should be {then[1]:g} and "
                f"{then[2]}. `update` is called once, at the end.",
            )
    return Judgement(
        False,
        "Scale and tracker are right, the weights are not. Is each micro-batch's loss divided by their number, and are "
        " the gradients set to zero once, before the first?",
    )
