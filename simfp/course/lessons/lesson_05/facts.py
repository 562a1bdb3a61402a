"""What lesson 05 computes: why a sum stops growing, and what keeps it going."""

from __future__ import annotations

import numpy as np

from simfp import SequentialSum, float16, round_to
from simfp.course.lessons.lesson_05 import answers

__all__ = ["harmonic_stop"]

TENTHS = np.full(answers.TERMS, float(round_to(0.1, float16)))


def harmonic_stop(fmt: str) -> int:
    """The first n for which 1/n no longer moves the sum 1 + 1/2 + 1/3 ... in `fmt`."""
    terms = np.asarray(round_to(1 / np.arange(1.0, 3000), fmt))
    sums = [float(SequentialSum(fmt)(terms[:count])) for count in range(1, 1200)]
    return next(n for n in range(2, 1200) if sums[n - 1] == sums[n - 2])
