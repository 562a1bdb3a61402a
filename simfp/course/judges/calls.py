"""How a function of several arguments is judged: by what it makes of a table of calls, held against wrong functions."""

from __future__ import annotations

import numbers
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from simfp.course.display import short
from simfp.course.judges.judgement import Judgement, as_float
from simfp.course.judges.mistakes import Impostor, Symptom, ask, refusal

__all__ = [
    "CallJudge",
]


@dataclass(frozen=True)
class CallJudge:
    """Judges a function that takes some arguments and returns a number, by its bits."""

    example: str  # the call that is wanted: "cut(x, largest_exponent, F)"
    cases: tuple[tuple[Any, ...], ...]  # the most telling first
    right: Callable[..., float]
    spelled: Callable[..., str]  # the arguments as a message names them, without the function's name
    number: Callable[[float], str]  # a number as a message names it
    impostors: tuple[Impostor, ...]
    symptoms: tuple[Symptom, ...]
    praise: str  # may name {cases}

    def __call__(self, answer: Any) -> Judgement:
        """Whether the function `answer` is right in every case, and if not, why."""
        name = self.example.partition("(")[0]
        refused = refusal(answer, name)
        if refused:
            return Judgement(False, refused)
        said: list[float] = []
        for case in self.cases:
            call = f"{name}({self.spelled(*case)})"
            with np.errstate(all="ignore"):
                one, trouble = ask(answer, tuple(_own(each) for each in case), _told(call))
            if trouble:
                return Judgement(False, trouble)
            if hasattr(one, "item") and np.size(one) == 1:
                one = one.item()
            if isinstance(one, bool) or not isinstance(one, numbers.Real):
                kind = type(one).__name__
                return Judgement(False, f"For `{call}` it should return a number; it returned {short(one)}, a {kind}.")
            said.append(as_float(one))
        right = [float(self.right(*case)) for case in self.cases]
        wrong = [place for place in range(len(said)) if said[place] != right[place]]
        if not wrong:
            return Judgement(True, self.praise.format(cases=len(said)))
        return Judgement(False, self._reason(said, right, wrong))

    def _reason(self, said: list[float], right: list[float], wrong: list[int]) -> str:
        """The message of the impostor that this is, else of the first symptom, else the first case itself."""
        for function, message in self.impostors:
            made = [float(function(*case)) for case in self.cases]
            if all(x == y or (x != x and y != y) for x, y in zip(made, said)):
                return self._fill(message, wrong[0], said, right)
        for shows, message in self.symptoms:
            there = next((place for place in wrong if shows(self.cases[place], said[place], right[place])), None)
            if there is not None:
                return self._fill(message, there, said, right)
        return self._fill("`{call}` returns {said}; right is {right}.", wrong[0], said, right)

    def _fill(self, message: str, place: int, said: list[float], right: list[float]) -> str:
        call = f"{self.example.partition('(')[0]}({self.spelled(*self.cases[place])})"
        return message.format(call=call, said=self.number(said[place]), right=self.number(right[place]))


def _own(argument: Any) -> Any:
    """A copy, so that a function that changes what it is given spoils nothing."""
    return argument.copy() if isinstance(argument, np.ndarray) else argument


def _told(call: str) -> Callable[[], str]:
    return lambda: f"`{call}`"
