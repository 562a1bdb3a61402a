"""The steps of a trace as rows: text for a terminal, HTML for a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simfp.tracing.recording import Backward, Forward, Operand

__all__ = ["cast_words", "html", "rows", "short", "table"]

SHORT = {"float32": "fp32", "tfloat32": "tf32", "float16": "fp16", "bfloat16": "bf16"}
HEAD = ("", "layer", "operation", "inputs", "rule", "result", "shape", "remarks")
NOTES = {"made": "cast", "kept": "cast, kept", "found": "from the cache"}


def short(fmt: str) -> str:
    """A format's short name."""
    return SHORT.get(fmt, fmt)


def cast_words(operand: Operand) -> str:
    """An input's format, and how it came to it."""
    if not operand.cast:
        return f"{operand.name} {short(operand.used)}"
    return f"{operand.name} {short(operand.given)}→{short(operand.used)} ({NOTES[operand.cast]})"


def rows(forward: Sequence[Forward], backward: Sequence[Backward]) -> list[tuple[str, ...]]:
    """A row of HEAD's columns for each step, forward first."""
    made: list[tuple[str, ...]] = []
    for step in forward:
        inputs = ", ".join(map(cast_words, step.operands))
        odd = [f"{count} {what}" for count, what in ((step.infinite, "infinite"), (step.nan, "NaN")) if count]
        rule = step.rule if step.autocast else "autocast off"
        where = (str(step.number), step.layer, step.operation)
        made.append((*where, inputs, rule, short(step.fmt), _shape(step.shape), ", ".join(odd)))
    for back in backward:
        of = "" if back.of is None else f" of {back.of}"
        name = f"cast of {back.cast}, back" if back.cast else f"{back.operation}, back"
        out = ", ".join(f"{each.name} {short(each.fmt)}" for each in back.gradients)
        met = f"{back.met} gradients met in {short(back.fmt)}" if back.met > 1 else ""
        made.append((f"←{of}", back.layer, name, f"gradient {short(back.fmt)}", "", out, "", met))
    return made


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "1"


def table(forward: Sequence[Forward], backward: Sequence[Backward]) -> str:
    """The steps as text."""
    body = rows(forward, backward)
    if not body:
        return "nothing ran"
    grid = [HEAD, *body]
    shown = [column for column in range(len(HEAD)) if any(row[column] for row in body)]
    widths = [max(len(row[column]) for row in grid) for column in shown]
    return "\n".join("  ".join(row[c].ljust(w) for c, w in zip(shown, widths)).rstrip() for row in grid)


def html(forward: Sequence[Forward], backward: Sequence[Backward]) -> str:
    """The steps as an HTML table."""
    body = rows(forward, backward)
    if not body:
        return "<p>nothing ran</p>"
    shown = [column for column in range(len(HEAD)) if any(row[column] for row in body)]
    head = "".join(f'<th scope="col" style="text-align:left">{HEAD[column]}</th>' for column in shown)
    lines = "".join(
        "<tr>" + "".join(f'<td style="text-align:left">{escape(row[column])}</td>' for column in shown) + "</tr>"
        for row in body
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"
