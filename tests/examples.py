"""How many examples Hypothesis tries: all of them, or a share where long tests are left out."""

from __future__ import annotations

from hypothesis import settings

share = 1.0  # set before the tests are imported


def examples(most: int) -> settings:
    """A decorator: at most so many examples; without the long tests a quarter of them."""
    return settings(deadline=None, max_examples=max(1, round(most * share)))
