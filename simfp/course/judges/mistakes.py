"""What rows of tables of mistakes are: how a typical mistake is known, and what to say of it.

A judge of a function asks it about many inputs, gathers what was asked, said and right, in one record (`found`) or in
arrays, and looks for the first mistake of its table that shows in what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simfp.course.display import short

__all__ = ["Impostor", "Mistake", "Slip", "Symptom", "ask", "first_shown", "refusal"]


TIPS = {  # what an error says -> what to say besides
    "for ^": " In Python `^` is exclusive or; a power is `**`.",
    "ellipsis": " Dots still stand where a part is to be written.",
}


class Slip(NamedTuple):
    """A typical wrong number."""

    fits: Callable[[float], bool]
    message: str | Callable[[float], str]


class Mistake(NamedTuple):
    """A typical mistake in a function, known by where it shows."""

    shows: Callable[..., NDArray[np.bool_]]  # what was asked and said -> where it shows; only what is wrong counts
    message: str  # may name what the judge fills in


class Impostor(NamedTuple):
    """A typical wrong function: an answer that returns the same in every case (that is plain) is taken for it."""

    function: Callable[..., Any]
    message: str  # may name {call} or {x}, {said}, {right} of the first case that went wrong


class Symptom(NamedTuple):
    """What shows in one case that went wrong, whatever the function was."""

    shows: Callable[..., Any]  # what was given, said, right -> whether
    message: str  # may name {call} or {x}, {said}, {right} of the first case where it shows


def refusal(answer: Any, name: str) -> str:
    """What to say of an answer that is no function; nothing of one that is."""
    if isinstance(answer, type):
        return f"This wants a function of your own; got the type {answer.__name__}."
    if not callable(answer):
        kind = type(answer).__name__
        hint = f"Give the function itself: `{name}`, without brackets."
        return f"This wants a function; got {short(answer)}, of type {kind}. {hint}"
    return ""


def ask(answer: Callable[..., Any], given: tuple[Any, ...], spelled: Callable[[], str]) -> tuple[Any, str]:
    """What the function says of `given`; and if it says nothing, why, in words. `spelled` names what was given."""
    try:
        one = answer(*given)
    except Exception as error:
        tip = "".join(tip for part, tip in TIPS.items() if part in str(error))
        return None, f"For {spelled()} your function raised {type(error).__name__}: {error}.{tip}"
    if one is None:
        return None, f"For {spelled()} your function returned None. Is a `return` missing?"
    return (one[()] if isinstance(one, np.ndarray) and not one.ndim else one), ""


def first_shown(mistakes: tuple[Mistake, ...], found: Any, general: str) -> tuple[str, int]:
    """The message of the first mistake that shows in `found`, else `general`; and where it shows first."""
    for shows, message in mistakes:
        there = np.flatnonzero(shows(found) & found.wrong)
        if there.size:
            return message, int(there[0])
    return general, int(np.flatnonzero(found.wrong)[0])
