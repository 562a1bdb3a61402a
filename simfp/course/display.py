"""What a cell shows: cards and tables, as HTML in a notebook and as text anywhere else."""

from __future__ import annotations

import base64
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from io import BytesIO
from typing import Any, NamedTuple

__all__ = ["Card", "Picture", "Table", "short"]

WIDTH = 96  # characters a line of text


class Tone(NamedTuple):
    """How a card looks; the mark says the same as the colour."""

    mark: str
    colour: str  # Okabe and Ito's palette: told apart by colour-blind readers too


# fmt: off
TONES = {
    "right":   Tone("✓", "#009E73"),
    "wrong":   Tone("✗", "#D55E00"),
    "waiting": Tone("…", "#999999"),
    "note":    Tone("•", "#0072B2"),
}
# fmt: on


@dataclass(frozen=True)
class Card:
    """A title and a few short paragraphs (parted by blank lines; `backticks` set code)."""

    title: str
    text: str = ""
    tone: str = "note"
    passed: bool = False  # of a check: whether the answer was right
    code: str = ""

    def _repr_html_(self) -> str:
        mark, colour = TONES[self.tone]
        paragraphs = "".join(f'<p style="margin:0.3em 0 0 0">{_html(part)}</p>' for part in self._paragraphs())
        code = f"<pre>{escape(self.code)}</pre>" if self.code else ""
        return (
            f'<div style="border-left:4px solid {colour};padding:0.3em 0.9em;margin:0.3em 0;max-width:56em">'
            f"<strong>{mark} {_html(self.title)}</strong>{paragraphs}{code}</div>"
        )

    def __repr__(self) -> str:
        indented = [
            textwrap.fill(part, WIDTH, initial_indent="  ", subsequent_indent="  ") for part in self._paragraphs()
        ]
        code = [textwrap.indent(self.code, "    ")] if self.code else []
        return "\n".join([f"{TONES[self.tone].mark} {self.title}", *indented, *code])

    def _paragraphs(self) -> list[str]:
        return [part.strip() for part in self.text.split("\n\n") if part.strip()]


@dataclass(frozen=True)
class Table:
    """Rows of text under column names, with a caption that says what is seen."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    links: Sequence[str] = ()  # where the first cell of each row leads, if anywhere

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col" style="text-align:left">{_html(name)}</th>' for name in self.columns)
        body = "".join(f"<tr>{self._cells(number)}</tr>" for number in range(len(self.rows)))
        caption = f'<caption style="caption-side:top;text-align:left">{_html(self.caption)}</caption>'
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def _cells(self, number: int) -> str:
        cells = [_html(cell) for cell in self.rows[number]]
        if self.links:
            cells[0] = f'<a href="{escape(self.links[number])}">{cells[0]}</a>'
        return "".join(f'<td style="text-align:left;vertical-align:top">{cell}</td>' for cell in cells)

    def __repr__(self) -> str:
        parts = [textwrap.fill(self.caption, WIDTH)]
        if self.rows:
            grid = [list(self.columns), *map(list, self.rows)]
            widths = [max(len(row[column]) for row in grid) for column in range(len(self.columns))]
            if sum(widths) + 2 * len(widths) <= 1.5 * WIDTH:
                parts += ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in grid]
            else:  # too wide for a terminal: each cell on lines of its own
                parts += [
                    "\n" + "\n".join(_line(name, cell) for name, cell in zip(self.columns, row)) for row in self.rows
                ]
        return "\n".join(parts)


@dataclass(frozen=True, eq=False)
class Picture:
    """A Matplotlib figure on a clear ground, with the text that says the same."""

    figure: Any
    text: str

    def _repr_html_(self) -> str:
        file = BytesIO()
        self.figure.savefig(file, format="png", dpi=144, transparent=True, bbox_inches="tight")
        data = base64.b64encode(file.getvalue()).decode()
        image = f'<img style="max-width:100%;width:46em" alt="{escape(self.text)}" src="data:image/png;base64,{data}">'
        caption = f"<figcaption>{_html(self.text)}</figcaption>"
        return f'<figure style="margin:0.3em 0;max-width:56em">{image}{caption}</figure>'

    def __repr__(self) -> str:
        return textwrap.fill(self.text, WIDTH)


def short(value: Any) -> str:
    """What a learner gave, as code of at most 40 characters."""
    try:
        text = repr(value)
    except Exception as error:  # an integer of thousands of digits, a broken __repr__
        text = f"{type(value).__name__}: {error}"
    return text if len(text) <= 40 else f"{text[:37]}..."


def _line(name: str, cell: str) -> str:
    return textwrap.fill(f"{name}: {cell}", WIDTH, initial_indent="  ", subsequent_indent="      ")


def _html(text: str) -> str:
    """`text` escaped, what stands between backticks as code."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if number % 2 else part for number, part in enumerate(parts))
