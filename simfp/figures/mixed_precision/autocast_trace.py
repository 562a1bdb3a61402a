"""A trace of autocast as a picture: forward down the left, backward up the right, formats in colour."""

from __future__ import annotations

from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from simfp.figures.pages import PAGES
from simfp.figures.palette import look
from simfp.figures.words import decimal
from simfp.formats import as_format
from simfp.tracing import RULES, Backward, Forward, Operand, Trace

__all__ = ["LEGEND", "Stop", "alternative", "brief", "casts", "figure", "format_name", "reading", "stops"]

HOW = {"made": "cast here", "kept": "cast here, and kept in the cache", "found": "found in the cache"}
BRIEF = {
    "lower_precision": "16-bit list",
    "float32": "fp32 list",
    "float32_unless_dtype_given": "fp32 list",
    "float32_appended": "fp32 list",
    "widest": "widest",
    "refused": "refused",
    "follows_inputs": "follows",
}
MARKS = {"made": "", "kept": " ⊕", "found": " ✓"}
LEGEND = "⊕ a cast that was kept in the cache, ✓ one that was found there; → a gradient that goes back through a cast"


class Stop(NamedTuple):
    """What is told of one step."""

    row: int  # of the forward pass, beside which it stands
    place: int  # among the steps of the backward pass in that row; -1: it is the forward pass's own
    fmt: str  # it runs in, or casts to
    cast: bool  # whether it is a cast, on the way back
    title: str
    lines: tuple[str, ...]
    why: str


def format_name(fmt: str) -> str:
    """The short name of a format."""
    return look(as_format(fmt)).label


def brief(step: Forward) -> str:
    """The rule in two words."""
    if not step.autocast:
        return "autocast off"
    return "dtype given" if step.asked and step.rule == "float32_unless_dtype_given" else BRIEF[step.rule]


def casts(step: Forward) -> list[tuple[str, str]]:
    """The casts of a step, those of one kind together: how they came about, and a few words."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for each in step.operands:
        if each.cast:
            found.setdefault((each.cast, each.given, each.used), []).append(each.name)
    return [
        (how, f"{', '.join(names)} {format_name(given)}→{format_name(used)}{MARKS[how]}")
        for (how, given, used), names in found.items()
    ]


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) or "one number"


def _where(layer: str) -> str:
    return f" in {layer}" if layer else ""


def _operand(operand: Operand) -> str:
    source = operand.parameter or ("from outside" if operand.step is None else f"from step {operand.step}")
    told = f"{operand.name} ({source}): {format_name(operand.given)}"
    return f"{told} → {format_name(operand.used)}, {HOW[operand.cast]}" if operand.cast else told


def _forward(step: Forward) -> Stop:
    lines = [*map(_operand, step.operands)]
    odd = [f"{count} {what}" for count, what in ((step.infinite, "infinite"), (step.nan, "NaN")) if count]
    size = f"{_shape(step.shape)}, largest {decimal(step.largest, 4)}"
    lines.append(f"result: {format_name(step.fmt)}, {', '.join([size, *odd])}")
    rule = f"{RULES[step.rule]}: {step.reason}" if step.autocast else step.reason
    title = f"forward, {step.number}: {step.operation}{_where(step.layer)}"
    return Stop(step.number, -1, step.fmt, False, title, tuple(lines), f"{rule[0].upper()}{rule[1:]}.")


def _backward(step: Backward, row: int, place: int) -> Stop:
    name = f"the cast of {step.cast}" if step.cast else step.operation
    lines = [f"gradient that comes in: {format_name(step.fmt)}"]
    if step.met > 1:
        lines[0] += f", the sum of {step.met}, added in {format_name(step.fmt)}"
    for each in step.gradients:
        where = f"step {each.step}" if each.step is not None else each.parameter or "nobody"
        to = f"the cast of {each.cast} in {where}" if each.cast else where
        of = step.cast or each.name
        lines.append(f"gradient of {of}: {format_name(each.fmt)}, {_shape(each.shape)}, to {to}")
    if not step.cast:
        why = "The backward pass of an operation runs in the formats of its forward pass: nothing is decided anew."
    elif all(each.parameter for each in step.gradients):
        why = "Back through a cast: the parameter's .grad is fp32, and holds values that 16 bits can hold."
    else:
        why = "Back through a cast: the gradient takes on the format that came before it."
    fmt = step.gradients[0].fmt if step.cast and step.gradients else step.fmt
    return Stop(
        row, place, fmt, bool(step.cast), f"backward: {name}, of step {row}{_where(step.layer)}", tuple(lines), why
    )


def stops(trace: Trace) -> list[Stop]:
    """All steps in the order in which they ran; of the backward pass those of operations that were traced."""
    found = [_forward(step) for step in trace.forward]
    places = [0] * len(trace.forward)
    for step in trace.backward:
        if step.of is not None:
            found.append(_backward(step, step.of, places[step.of]))
            places[step.of] += 1
    return found


def reading(trace: Trace) -> str:
    """How many operations ran in which format, and how many casts that took."""
    counts = ", ".join(f"{count} in {format_name(fmt)}" for fmt, count in sorted(trace.formats().items()))
    casts = trace.casts()
    made = casts["made"] + casts["kept"]
    told = f"{made} casts made ({casts['kept']} of them kept), {casts['found']} found in the cache"
    return f"operations forward: {counts}; {told}"


def figure(trace: Trace, title: str, chosen: int | None = None, *, dark: bool = False) -> Figure:
    """The steps as rows of boxes in the colours of their formats; the chosen stop is framed."""
    page, ink, _, faint, *_ = PAGES[dark]
    told = stops(trace)
    height = 0.27 * (len(trace.forward) + 3)
    drawing = Figure(figsize=(10, height), facecolor=page)
    axes = drawing.add_axes((0, 0, 1, 1))
    axes.axis("off")
    axes.set_xlim(0, 100)
    axes.set_ylim(len(trace.forward) + 2.4, -0.2)
    axes.text(1, 0.5, title, color=ink, fontsize=11, fontweight="bold", va="center")
    axes.text(1, len(trace.forward) + 1.9, LEGEND, color=faint, fontsize=8, va="center")
    last = {stop.row: 0.0 for stop in told}
    for number, stop in enumerate(told):
        y = stop.row + 1.5
        framed = ink if number == chosen else None
        if stop.place < 0:
            step = trace.forward[stop.row]
            axes.text(1, y, f"{step.number}", color=faint, fontsize=8, va="center")
            axes.text(4, y, step.layer, color=faint, fontsize=8, va="center")
            axes.text(18, y, step.operation, color=ink, fontsize=9, va="center")
            _box(axes, 29, y, 5.5, stop.fmt, framed)
            axes.text(36, y, brief(step), color=ink, fontsize=8, va="center")
            axes.text(46, y, "   ".join(text for _, text in casts(step)), color=faint, fontsize=7.5, va="center")
        else:
            width = 4.2 if stop.cast else 5.5
            _box(axes, 77 + last[stop.row], y, width, stop.fmt, framed, "→" if stop.cast else "")
            last[stop.row] += width + 0.8
    return drawing


def _box(axes: Axes, x: float, y: float, width: float, fmt: str, frame: str | None, mark: str = "") -> None:
    style = look(as_format(fmt))
    size = 0.6 if mark else 0.74
    shape = FancyBboxPatch(
        (x, y - size / 2), width, size, boxstyle="round,pad=0,rounding_size=0.25", facecolor=style.color,
        edgecolor=frame or style.color, lw=2.2 if frame else 0.8, mutation_aspect=0.3,
    )  # fmt: skip
    axes.add_patch(shape)
    axes.text(
        x + width / 2, y, mark + style.label, color="white", fontsize=6.5 if mark else 8, ha="center", va="center",
        fontweight="bold",
    )  # fmt: skip


def alternative(trace: Trace, title: str, chosen: int) -> str:
    """The same in words: the counts, each operation with its format, and the chosen step."""
    ran = ", ".join(f"{step.operation} {format_name(step.fmt)}" for step in trace.forward)
    stop = stops(trace)[chosen]
    return "\n".join([f"{title}.", f"{reading(trace)}.", f"Forward: {ran}.", f"{stop.title}.", *stop.lines, stop.why])
