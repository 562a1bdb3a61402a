"""How a function of arrays is judged: by what it makes of a table of cases, held against typical wrong functions."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simfp.arrays import Array, array
from simfp.course.display import short
from simfp.course.judges.judgement import Judgement
from simfp.course.judges.mistakes import Impostor, Symptom, refusal
from simfp.formats import Format
from simfp.rounding import ulp

__all__ = ["ArrayJudge", "spell_array"]


@dataclass(frozen=True)
class ArrayJudge:
    """Judges a function that takes an Array of one format and returns one."""

    example: str  # the call that is wanted: "softmax(x)"
    fmt: Format
    cases: tuple[Any, ...]  # the most telling first
    right: Callable[[Array], Array]
    steps: int  # by how many steps of `fmt` an answer may differ
    plain: Callable[[NDArray[np.float64]], bool]  # x -> whether the case is one by which impostors are known
    impostors: tuple[Impostor, ...]
    symptoms: tuple[Symptom, ...]
    praise: str  # may name {cases}

    def __call__(self, answer: Any) -> Judgement:
        """Whether the function `answer` is right in every case, and if not, why."""
        refused = refusal(answer, self.example.partition("(")[0])
        if refused:
            return Judgement(False, refused)
        asked, all_said, all_right = [], [], []
        for case in self.cases:
            x = array(case, self.fmt)
            said, trouble = self._asked(answer, x)
            if said is None:
                return Judgement(False, trouble)
            asked.append(x.values.astype(np.float64))
            all_said.append(said.values.astype(np.float64))
            all_right.append(self.right(x).values.astype(np.float64))
        trials = list(zip(asked, all_said, all_right))
        wrong = [trial for trial in trials if not self._same(*trial[1:])]
        if not wrong:
            return Judgement(True, self.praise.format(cases=len(trials)))
        return Judgement(False, self._reason(trials, wrong))

    def _asked(self, answer: Callable[[Any], Any], x: Array) -> tuple[Array | None, str]:
        """What the function makes of one case, or, in words, why it is no answer."""
        told = f"For {spell_array(x.values)} your function"
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                said = answer(x.copy())
            except Exception as error:
                lost_axis = "broadcast" in str(error)
                more = " Is a `keepdims=True` missing, so that the row keeps its axis?" if lost_axis else ""
                return None, f"{told} raised {type(error).__name__}: {error}.{more}"
        if said is None:
            return None, f"{told} returned None. Is a `return` missing?"
        if not isinstance(said, Array):
            return None, (
                f"{told} returned {short(said)}, of type {type(said).__name__}. An Array of simfp is wanted: it alone "
                f"rounds every step to {self.fmt}, so stay with operators and NumPy's functions on `x`."
            )
        if said.dtype != self.fmt:
            return None, (
                f"{told} returned {said.dtype}. In a wider format little overflows, so that is a way out "
                f"where one is at hand; here every step is to be in {self.fmt}."
            )
        wanted = self.right(x).shape
        if said.shape != wanted:
            return None, f"{told} returned an Array of shape {said.shape}; the shape {wanted} is wanted."
        return said, ""

    def _same(self, said: NDArray[np.float64], right: NDArray[np.float64]) -> bool:
        """Whether a case was answered rightly: NaN where NaN is right, infinity where infinity is."""
        number = np.isfinite(right)
        near = np.abs(said[number] - right[number]) <= self.steps * ulp(right[number], self.fmt)
        return bool(near.all()) and np.array_equal(said[~number], right[~number], equal_nan=True)

    def _reason(self, trials: list[Trial], wrong: list[Trial]) -> str:
        """The message of the impostor that this is, else of the first symptom, else the first case itself.

        Symptoms are looked for in the plain cases, and in the others only once all the plain ones are right.
        """
        plain = [(x, said) for x, said, _ in trials if self.plain(x)]
        for function, message in self.impostors:
            answers = (function(array(x, self.fmt)).values for x, _ in plain)
            if all(np.array_equal(made, said, equal_nan=True) for made, (_, said) in zip(answers, plain)):
                return _fill(message, wrong[0])
        wrong = [trial for trial in wrong if self.plain(trial[0])] or wrong
        for shows, message in self.symptoms:
            for trial in wrong:
                if shows(*trial):
                    return _fill(message, trial)
        return _fill("For {x} you return {said}; right is {right}.", wrong[0])


Trial = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


def _fill(message: str, trial: Trial) -> str:
    x, said, right = map(spell_array, trial)
    return message.format(x=x, said=said, right=right)


def spell_array(x: NDArray[Any]) -> str:
    """An array as a message names it: on one line, the middle left out where it is long."""
    lines = np.array2string(
        x, separator=", ", threshold=8, edgeitems=2, max_line_width=10**6, formatter={"float_kind": "{:.5g}".format}
    )
    return " ".join(lines.split())
