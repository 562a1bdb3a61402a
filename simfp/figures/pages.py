"""The pages that figures stand on, a light one and a dark one, and the colours that are legible there."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["INK", "PAGES", "Page"]

INK = "#767676"  # legible on white and on a dark page, for figures that are drawn once for both


class Page(NamedTuple):
    """The colours of a page."""

    paper: str
    ink: str
    panel: str  # behind what is beyond the ends of a format
    faint: str  # beside what matters more
    cut: str  # what is cut off


# fmt: off
PAGES = {  # dark? -> its colours
    #           paper      ink        panel      faint      cut
    False: Page("white",   "#1f1f1f", "#eeeeee", "#5f5f5f", "#c2410c"),
    True:  Page("#111111", "#e8e8e8", "#2a2a2a", "#b4b4b4", "#ff9d5c"),
}
# fmt: on
