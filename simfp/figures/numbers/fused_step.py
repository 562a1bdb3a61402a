"""One step of a tensor core as rows of bits, aligned to the largest exponent: what is kept and what is cut off."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import NamedTuple

from matplotlib.figure import Figure

from simfp.experiments.numbers.fused_step import Step
from simfp.figures.pages import PAGES
from simfp.figures.words import decimal, power_of_two
from simfp.formats import Format
from simfp.tensor_core import TensorCore

__all__ = ["TAIL", "Row", "alternative", "figure", "outcome", "rows", "title"]

TAIL = 12  # places that are shown below the cut


class Row(NamedTuple):
    """One line: where its bits stand and which of them are lost. Spaces stand where there is no bit."""

    name: str  # "c" is the running sum, a number a product's k
    told: str  # where it comes from: "1.5 × −0.25"
    sign: str
    kept: str
    lost: str  # from the cut on, with a dot where more would follow
    gone: str  # what is cut off, as a number


def rows(step: Step, core: TensorCore) -> list[Row]:
    """The terms, then "sum": the exact sum of what is kept, and what conversion cuts off of it."""
    top = step.largest_exponent + 2 + core.terms.bit_length()
    bottom = step.largest_exponent - core.fraction_bits
    found = []
    for place, term in enumerate(step.terms):
        told = " × ".join(_signed(x) for x in term.factors) if term.factors else "the running sum"
        name = str(step.first + place - 1) if term.factors else "c"
        size = abs(term.exact)
        lost = _bits(size, bottom - 1, bottom - TAIL) if term.lost else ""
        if size % Fraction(2) ** (bottom - TAIL):
            lost = lost[:-1] + "…"
        lost = lost.rstrip("0")
        found.append(Row(name, told, _sign(term.exact), _bits(size, top, bottom), lost, _gone(term.lost)))
    return [*found, _sum(step, core, top, bottom)]


def _sum(step: Step, core: TensorCore, top: int, bottom: int) -> Row:
    """The exact sum of what was kept, parted where the accumulator's precision ends."""
    size = abs(step.total)
    text = _bits(size, top, bottom) if size else "0".rjust(top - bottom + 1)
    first = len(text) - len(text.lstrip())
    least = core.accumulator.min_exponent - core.accumulator.mantissa_bits
    end = min(first + core.accumulator.precision, len(text) - max(least - bottom, 0))
    return Row("sum", "", _sign(step.total), text[:end], text[end:], _gone(step.total - Fraction(step.result)))


def _bits(size: Fraction, top: int, bottom: int) -> str:
    """The bits of `size` from place 2^top down to 2^bottom; spaces above its first one."""
    places = top - bottom + 1
    whole = int(size / Fraction(2) ** bottom)
    text = format(whole % (1 << places), f"0{places}b")
    return text if whole >> places else text.lstrip("0").rjust(places)


def _sign(x: Fraction) -> str:
    return "−" if x < 0 else "+" if x else " "


def _signed(x: float) -> str:
    mantissa, place = math.frexp(abs(x))
    if mantissa == 0.5 and place < -3:
        return f"{'−' * (x < 0)}{power_of_two(place - 1)}"
    return f"{'−' * (x < 0)}{decimal(abs(x), 5)}"


def _long(x: float) -> str:
    return f"{'−' * (x < 0)}{decimal(abs(x), 10)}"


def _gone(x: Fraction) -> str:
    return _signed(float(x)) if x else ""


def title(step: Step, core: TensorCore, count: int) -> str:
    """Which step it is, of how many, and where it cuts."""
    low, high = step.first, step.first + len(step.terms) - 2
    lowest = power_of_two(step.largest_exponent - core.fraction_bits)
    return (
        f"step {step.number + 1} of {count}: products {low} to {high}; largest exponent {step.largest_exponent}, "
        f"cut below {lowest}"
    )


def outcome(step: Step, core: TensorCore) -> list[tuple[str, str]]:
    """What came out: the new running sum, what it would be without any cut, and how far off it is."""
    how = "truncated" if core.rounding == "toward_zero" else "rounded to nearest"
    ulps = f"{step.off:+.3g}".replace("-", "−")
    toward = " (toward zero)" if step.off < 0 else " (away from zero)" if step.off > 0 else ""
    off = f"{ulps} ulp{toward}" if step.off else "nothing"
    if step.exact and not step.result:
        off = "all of it: nothing is left"
    return [
        ("exact sum of what is kept", _long(float(step.total))),
        (f"{how} to {core.accumulator}: the next c", _long(step.result)),
        ("had nothing been cut, rounded once to fp32", _long(step.once)),
        ("the step is off by", off),
    ]


def figure(step: Step, core: TensorCore, count: int, fmt: Format, *, dark: bool = False) -> Figure:
    """The rows of bits as a picture."""
    page, ink, _, _, cut = PAGES[dark]
    table = rows(step, core)
    height = 0.2 * (len(table) + 7)
    drawing = Figure(figsize=(10, height), facecolor=page)
    axes = drawing.add_axes((0, 0, 1, 1))
    axes.axis("off")
    axes.set_xlim(0, 100)
    axes.set_ylim(len(table) + 6.5, 0)
    width = 1.12 if core.fraction_bits < 26 else 1.02  # of a bit
    start = 26.0
    axes.text(1, 0.9, f"{fmt}: {title(step, core, count)}", color=ink, fontsize=10, fontweight="bold", va="center")
    edge = start + width * len(table[0].kept)
    axes.plot([edge, edge], [1.6, len(table) + 1], color=cut, lw=1.2, ls="--")
    for line, row in enumerate(table, start=2):
        bold = "bold" if row.name in ("c", "sum") else "normal"
        below = line + 0.4 * (row.name == "sum")
        axes.text(1, below, row.name, color=ink, fontsize=8.5, va="center", fontweight=bold)
        axes.text(24, below, row.told, color=ink, fontsize=8, va="center", ha="right")
        axes.text(start - 0.5, below, row.sign, color=ink, fontsize=8.5, va="center", ha="right")
        for place, digit in enumerate(row.kept + row.lost):
            if digit != " ":
                color = ink if place < len(row.kept) else cut
                axes.text(
                    start + width * (place + 0.5), below, digit, color=color, fontsize=8.5, family="monospace",
                    ha="center", va="center", fontweight="bold" if digit == "1" else "normal",
                )  # fmt: skip
        axes.text(99, below, row.gone, color=cut, fontsize=8, ha="right", va="center")
    for line, (name, value) in enumerate(outcome(step, core)):
        axes.text(1, len(table) + 3 + line, f"{name}: {value}", color=ink, fontsize=9, va="center")
    return drawing


def alternative(step: Step, core: TensorCore, count: int, fmt: Format) -> str:
    """The same in words."""
    lines = [f"One step of a tensor core with {fmt} inputs, {core.terms} products a step, F = {core.fraction_bits}; "
             f"{title(step, core, count)}."]  # fmt: skip
    cut = [row for row in rows(step, core)[:-1] if row.gone]
    lines.append(f"Of {len(step.terms)} terms {len(cut)} lose bits to the cut.")
    lines += [f"{name}: {value}." for name, value in outcome(step, core)]
    return "\n".join(lines)
