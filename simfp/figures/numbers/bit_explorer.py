"""The bit explorer standing still: for readers without a kernel."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from simfp.experiments.numbers.bit_explorer import Row
from simfp.figures.pages import PAGES
from simfp.figures.palette import look

__all__ = ["alternative", "figure"]

COLUMNS = {"format": 0.02, "bits": 0.13, "code": 0.52, "value": 0.64, "error": 0.86}


def figure(value: str, rows: Sequence[Row], *, dark: bool = False) -> Figure:
    """One line for each format: its bits, code, value and error."""
    page, ink, *_ = PAGES[dark]
    drawing = Figure(figsize=(10, 0.3 * len(rows) + 0.9), facecolor=page)
    axes = drawing.add_axes((0, 0, 1, 1))
    axes.axis("off")
    axes.set_xlim(0, 1)
    axes.set_ylim(len(rows) + 2, 0)
    axes.text(0.01, 0.5, f"the value {_short(value, 80)}", color=ink, va="center", fontweight="bold")
    for name, place in COLUMNS.items():
        axes.text(place, 1.3, name, color=ink, va="center", fontsize=9, fontweight="bold")
    for line, row in enumerate(rows, 2):
        label, color = look(row.fmt)
        axes.scatter([0.012], [line + 0.2], marker="s", s=36, color=color)
        texts = (label, row.bits, row.code_text, _short(row.decimal, 22), row.error)
        for place, text in zip(COLUMNS.values(), texts, strict=True):
            family = "monospace" if place == COLUMNS["bits"] else None
            axes.text(place, line + 0.2, text, color=ink, va="center", fontsize=9, family=family)
    return drawing


def alternative(value: str, rows: Sequence[Row]) -> str:
    """The same in words."""
    lines = [f"Bit explorer: the value {value} in {len(rows)} formats."]
    lines += [
        f"  {look(row.fmt).label}: {row.bits}, code {row.code_text}, is {row.decimal}; error {row.error}; {row.fate}"
        for row in rows
    ]
    return "\n".join(lines)


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
