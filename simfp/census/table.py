"""The counts of a census as rows: plain data, text for a terminal, HTML for a notebook."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

__all__ = ["SHARES", "Table", "share_of", "shares"]

# fmt: off
#        share         of                                    what it is a share of
SHARES = {
    "subnormal":  ("numbers", "of the numbers before rounding that were finite and not zero"),
    "zeroed":     ("numbers", "of the numbers before rounding that were finite and not zero"),
    "overflowed": ("numbers", "of the numbers before rounding that were finite and not zero"),
    "absorbed":   ("updates", "of the updates that were not zero"),
}
# fmt: on


def share_of(what: str, counts: Mapping[str, int]) -> float:
    """Which share of what could meet that fate did meet it; NaN where nothing could."""
    whole = counts["updates"]
    if SHARES[what][0] == "numbers":
        whole = counts["values"] - counts["zero"] - counts["infinite"] - counts["nan"]
    return counts[what] / whole if whole else float("nan")


def shares(counts: Mapping[str, int]) -> dict[str, float]:
    """All shares, under the names that rows have them under."""
    return {f"share_{what}": share_of(what, counts) for what in SHARES}


@dataclass(frozen=True)
class Table:
    """Rows of counts. It is also a sequence of them.

    by: the names of what a row is about. rows: dicts with these, "values", every count and every share (see SHARES).
    """

    by: tuple[str, ...]
    rows: list[dict[str, Any]]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.rows[index]

    def __str__(self) -> str:
        head, *body = self._cells()
        if not body:
            return "nothing was rounded"
        widths = [max(map(len, column)) for column in zip(head, *body)]
        words = len(self.by)
        lines = []
        for line in (head, *body):
            cells = [text.ljust(w) if i < words else text.rjust(w) for i, (text, w) in enumerate(zip(line, widths))]
            lines.append("  ".join(cells).rstrip())
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head, *body = self._cells()
        if not body:
            return "<p>nothing was rounded</p>"
        names = "".join(f'<th scope="col" style="text-align:left">{escape(name)}</th>' for name in head)
        words = len(self.by)
        lines = ""
        for line in body:
            aligned = zip(["left"] * words + ["right"] * (len(line) - words), line)
            cells = "".join(f'<td style="text-align:{side}">{escape(text)}</td>' for side, text in aligned)
            lines += f"<tr>{cells}</tr>"
        return f"<table><thead><tr>{names}</tr></thead><tbody>{lines}</tbody></table>"

    def _cells(self) -> list[list[str]]:
        """The column names, and then each row, as text. Columns in which nothing was counted are left out."""
        shown = ["values", "zero", "infinite", "exact", "rounded", "subnormal", "zeroed", "overflowed", "nan"]
        shown = [name for name in [*shown, "updates", "absorbed"] if any(row[name] for row in self.rows)]
        lines = [[*self.by, *(NOTES.get(name, name) for name in shown)]]
        for row in self.rows:
            lines.append([str(row[name]) or "-" for name in self.by] + [_counted(name, row) for name in shown])
        return lines


NOTES = {"zero": "were zero", "infinite": "were infinite", "nan": "were NaN"}


def _counted(name: str, row: Mapping[str, Any]) -> str:
    """A count, with its share where it has one; nothing rounds to 0 % or 100 % that is not."""
    count = row[name]
    if name not in SHARES or not count:
        return f"{count:,}"
    share = 100 * share_of(name, row)
    text = "100" if share == 100 else "> 99.9" if share > 99.9 else "< 0.1" if share < 0.1 else f"{share:.1f}"
    return f"{count:,} ({text} %)"
