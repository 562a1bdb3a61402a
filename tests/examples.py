"""How much is tried: all of it, or a share where long tests are left out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import settings

share = 1.0  # set before the tests are imported


def examples(most: int) -> settings:
    """A decorator for Hypothesis: at most so many examples; without the long tests a quarter of them."""
    return settings(deadline=None, max_examples=max(1, round(most * share)))


def some(values: Iterable[Any], *, every: int) -> list[Any]:
    """Parameters of a test: the first of so many each time, and the others marked `long`."""
    return [value if i % every == 0 else pytest.param(value, marks=pytest.mark.long) for i, value in enumerate(values)]
