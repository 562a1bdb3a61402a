"""What comes out of an experiment that tests a claim."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["VERDICTS", "Finding"]

VERDICTS = ("holds", "holds under conditions", "does not hold")


class Finding(NamedTuple):
    """What came out of an experiment."""

    figures: tuple[str, ...]  # one sentence each
    verdict: str  # one of VERDICTS
    conditions: str = ""  # of "holds under conditions": which; else why
