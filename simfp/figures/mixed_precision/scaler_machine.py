"""A GradScaler that was stepped through, standing still: what it holds, and what the last calls did."""

from __future__ import annotations

from matplotlib.figure import Figure

from simfp.experiments.mixed_precision.scaler_machine import PARTS, Machine, Pressed
from simfp.figures.pages import PAGES
from simfp.figures.words import decimal, scale

__all__ = ["COLUMNS", "LINES", "alternative", "figure", "held", "rows"]

COLUMNS = ("optimizer", "stage", "found_inf", "gradients", "weights")
LINES = 6  # calls that are shown, the last ones


def held(machine: Machine) -> tuple[tuple[str, str], ...]:
    """What the scaler itself holds: name and value."""
    interval = machine.scaler.get_growth_interval()
    return (
        ("scale", scale(machine.scale)),
        ("growth tracker", f"{machine.tracker} of {interval}"),
        ("growth factor", decimal(machine.scaler.get_growth_factor())),
        ("backoff factor", decimal(machine.scaler.get_backoff_factor())),
    )


def rows(machine: Machine) -> list[tuple[str, ...]]:
    """A row for each optimizer: COLUMNS."""
    told: list[tuple[str, ...]] = []
    for part in map(machine.part, PARTS):
        found = "not looked" if part.found_inf is None else "1" if part.found_inf else "0"
        gradients = "none" if part.gradients is None else _numbers(part.gradients)
        told.append((part.name, part.stage, found, gradients, _numbers(part.weights)))
    return told


def _numbers(values: tuple[float, ...]) -> str:
    return "  ".join(decimal(x, 4) for x in values)


def figure(machine: Machine, *, dark: bool = False) -> Figure:
    """What the scaler holds, a line for each optimizer, and the last calls."""
    page, ink, *_ = PAGES[dark]
    drawing = Figure(figsize=(9, 3.4), facecolor=page)
    axes = drawing.add_axes((0, 0, 1, 1))
    axes.axis("off")
    lines: list[tuple[tuple[float, str], ...]] = [((0.02, "   ".join(f"{k}: {v}" for k, v in held(machine))),), ()]
    places = (0.02, 0.11, 0.22, 0.32, 0.64)
    lines += [tuple(zip(places, line, strict=True)) for line in (COLUMNS, *rows(machine))]
    lines.append(())
    lines += [((0.02, f"{'✗' if each.wrong else '·'} {each.call}"), (0.24, _cut(each.told))) for each in _last(machine)]
    for number, line in enumerate(lines):
        for x, text in line:
            weight = "bold" if number in (0, 2) else "normal"
            axes.text(x, 0.94 - 0.078 * number, text, fontsize=8.5, color=ink, weight=weight, va="center")
    return drawing


def _last(machine: Machine) -> list[Pressed]:
    return machine.history[-LINES:]


def _cut(text: str) -> str:
    return text if len(text) <= 104 else f"{text[:101]}..."


def alternative(machine: Machine) -> str:
    """The same in words."""
    lines = [f"A GradScaler to step through. {'; '.join(f'{k} {v}' for k, v in held(machine))}."]
    for row in rows(machine):
        lines.append("  " + ", ".join(f"{name} {value}" for name, value in zip(COLUMNS, row, strict=True)))
    if machine.history:
        lines.append("The last calls:")
        lines += [f"  {each.call}: {each.told}" for each in machine.history[-LINES:]]
    return "\n".join(lines)
