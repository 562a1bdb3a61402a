"""How a number is judged: against a table of typical wrong ones. The first row that fits speaks."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from simfp.course.display import short
from simfp.course.judges.judgement import Judgement, as_float, kind_of
from simfp.course.judges.mistakes import Slip
from simfp.figures.words import decimal

__all__ = ["NumberJudge"]


@dataclass(frozen=True)
class NumberJudge:
    """Judges a number."""

    wants: str  # what the answer should be, in words
    right: Callable[[float], bool]
    praise: Callable[[float], str]
    slips: tuple[Slip, ...]
    otherwise: str  # of a wrong number that no slip fits; may name {said}

    def __call__(self, answer: Any) -> Judgement:
        """Whether the number `answer` is right, and if not, why."""
        if callable(answer):
            return Judgement(False, f"This wants {self.wants}; got a function. Call it, and give what it returns.")
        if isinstance(answer, np.ndarray) and answer.ndim == 0:
            answer = answer[()]
        if isinstance(answer, (bool, np.bool_)) or not isinstance(answer, numbers.Real):
            return Judgement(False, f"This wants {self.wants}; got {short(answer)}, {kind_of(answer)}.")
        number = as_float(answer)
        if math.isnan(number):
            return Judgement(
                False, f"NaN is not a number, and this wants {self.wants}. Some step before it went wrong."
            )
        if self.right(number):
            return Judgement(True, self.praise(number))
        for fits, message in self.slips:
            if fits(number):
                return Judgement(False, message if isinstance(message, str) else message(number))
        return Judgement(False, self.otherwise.format(said=decimal(number)))
