"""Bets: what the learner expects, said before the code runs, kept, and settled at the end of the lesson."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simfp.course import progress
from simfp.course.display import Card, Table, short

__all__ = ["Bet", "place", "settle"]


@dataclass(frozen=True)
class Bet:
    """One question to bet on. The truth is computed when the bet is settled."""

    id: str
    question: str
    truth: Callable[[], str | float]
    story: Callable[[Any], str]  # the truth -> what happened, in a sentence or two
    options: tuple[str, ...] = ()  # the words to choose from; none: the bet is a number
    unit: str = ""  # of a number
    from_number: Callable[[float], str] | None = None  # reads a number as one of the options
    near: Callable[[float, float], bool] = math.isclose  # bet, truth -> whether a number wins

    @property
    def wants(self) -> str:
        """What may be bet, in words."""
        if not self.options:
            return f"a number{f' ({self.unit})' if self.unit else ''}"
        return " or ".join(f'"{word}"' for word in self.options)

    def read(self, answer: Any) -> str | float | None:
        """The bet as it is kept; None if `answer` is none."""
        if isinstance(answer, str):
            word = answer.strip().lower()
            return word if word in self.options else None
        if isinstance(answer, bool) or not isinstance(answer, numbers.Real):
            return None
        try:
            number = float(answer)
        except OverflowError:
            return None
        if not math.isfinite(number) or (self.options and not self.from_number):
            return None
        return self.from_number(number) if self.from_number else number

    def won(self, kept: str | float) -> bool:
        """Whether `kept` is what came out."""
        truth = self.truth()
        if isinstance(kept, str) or isinstance(truth, str):
            return kept == truth
        return self.near(kept, truth)


def place(row: Bet, answer: Any) -> Card:
    """Keeps `answer` as the bet on `row`, until it is settled; says what was kept."""
    kept = progress.entry("bets", row.id)
    if kept.get("settled"):
        again = f'To bet again: `from simfp.course import forget; forget("{row.id}")`.'
        return Card(f"Bet {row.id}: {spell(row, kept['bet'])}", f"It was settled, and stands. {again}")
    if answer is ... or answer is None:
        if kept:
            return Card(
                f"Bet {row.id}: {spell(row, kept['bet'])}", "Kept from before; run the cell with another to change it."
            )
        return Card(
            f"Bet {row.id}: no bet yet", f"{row.question}\n\nIn place of the dots, write {row.wants}.", "waiting"
        )
    bet = row.read(answer)
    if bet is None:
        return Card(f"Bet {row.id}: this cannot be bet", f"Got {short(answer)}; write {row.wants}.", "wrong")
    progress.update("bets", row.id, bet=bet, settled=False)
    return Card(f"Bet {row.id}: {spell(row, bet)}", "It is kept. What happened comes at the end of the lesson.")


def settle(rows: list[Bet]) -> Table:
    """What was bet, and what happened. A bet that was made now stands."""
    told = []
    for row in rows:
        kept = progress.entry("bets", row.id)
        story = row.story(row.truth())
        if not kept:
            told.append((f"{row.id}  {row.question}", "no bet", story))
            continue
        progress.update("bets", row.id, settled=True)
        verdict = "✓\N{NO-BREAK SPACE}right" if row.won(kept["bet"]) else "✗\N{NO-BREAK SPACE}not\N{NO-BREAK SPACE}so"
        told.append((f"{row.id}  {row.question}", f"{spell(row, kept['bet'])}: {verdict}", story))
    return Table("Your bets, and what happened", ("the question", "your bet", "what happened"), told)


def spell(row: Bet, bet: str | float) -> str:
    """A bet as it is shown."""
    if isinstance(bet, str):
        return bet
    return f"{bet:g}{f' {row.unit}' if row.unit else ''}"
