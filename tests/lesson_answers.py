"""What every lesson's exercises must do with right, wrong and odd answers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from simfp import course
from simfp.course import progress

ODD = ("", b"x", [], {}, object(), 1j, np.array([]), type(...), 10**400, -1, math.nan)


class LessonAnswers:
    """Tests of a lesson's exercises: its test file names their answers in a subclass.

    right: by exercise, answers that pass. wrong: by exercise, typical wrong ones, each with words of what it is told.
    """

    exercises: Mapping[str, Any]
    right: Mapping[str, Sequence[Any]]
    wrong: Mapping[str, Sequence[tuple[Any, str]]]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """A test for each answer."""
        if "reason" in metafunc.fixturenames:
            told = [(key, answer, reason) for key, rows in self.wrong.items() for answer, reason in rows]
            metafunc.parametrize(("key", "answer", "reason"), told)
        elif "answer" in metafunc.fixturenames:
            metafunc.parametrize(
                ("key", "answer"), [(key, it) for key, answers in self.right.items() for it in answers]
            )
        elif "odd" in metafunc.fixturenames:
            metafunc.parametrize("key", self.exercises)
            metafunc.parametrize("odd", ODD, ids=lambda odd: "object()" if type(odd) is object else repr(odd))

    def test_right_and_wrong_answers_are_tried_for_every_exercise_and_five_wrong_ones_at_least(self) -> None:
        assert set(self.right) == set(self.wrong) == set(self.exercises)
        for key, rows in self.wrong.items():
            assert len({reason for _, reason in rows}) >= 5, key

    def test_a_right_answer_passes_and_is_kept(self, key: str, answer: Any) -> None:
        card = course.check(key, answer)
        assert card.passed, card
        assert progress.entry("exercises", key) == {"tries": 1, "passed": True}

    def test_a_typical_wrong_answer_is_told_why(self, key: str, answer: Any, reason: str) -> None:
        card = course.check(key, answer)
        assert not card.passed
        assert reason in f"{card.title} {card.text}"

    def test_no_answer_is_so_odd_that_a_check_raises(self, key: str, odd: Any) -> None:
        card = course.check(key, odd)
        assert not card.passed
        assert card.text
