"""The elements of a recorded product beside a model's, standing still: what differs glows, what is equal is dark."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from simfp.accumulation import ExactSum
from simfp.bits import bit_string, decode
from simfp.figures.pages import PAGES
from simfp.figures.palette import look
from simfp.figures.words import decimal, percent, power_of_two
from simfp.formats import NAMED_FORMATS
from simfp.silicon import product_cases
from simfp.silicon.product_cases import Case, Recorded
from simfp.silicon.tensor_core_bits import NO_DISTANCE, Comparison
from simfp.tensor_core import TensorCore

__all__ = ["GLOW", "PLATE", "Story", "alternative", "figure", "label", "reading", "setting", "story"]

PLATE, DARK, GLOW = "#0d1117", "#161d29", "#ffb000"  # dark on any page: a chip's die, and what glows on it
FLOAT32 = NAMED_FORMATS["float32"]


class Story(NamedTuple):
    """One element: what the GPU answered, what the model says, and what would be the best float32 can do."""

    title: str
    rows: tuple[tuple[str, str, str], ...]  # who, its bits (sign, exponent, mantissa), its value
    marks: tuple[bool, ...]  # for each bit, spaces included, whether the first two differ
    told: str  # the difference, in words


def label(case: Case) -> str:
    """A recorded case as a menu names it."""
    low, high = product_cases.exponents(case)
    size = f"{case.m} × {case.k} × {case.n}"
    return f"{look(NAMED_FORMATS[case.fmt]).label}, {case.kind} ({power_of_two(low)} to {power_of_two(high)}), {size}"


def setting(core: TensorCore) -> str:
    """The parameters of a unit in words."""
    how = "toward zero" if core.rounding == "toward_zero" else "to nearest"
    return f"L = {core.terms}, F = {core.fraction_bits}, the running sum rounded {how}"


def reading(found: Comparison) -> str:
    """How many elements differ, and by how much."""
    count, size = int(found.differs.sum()), found.differs.size
    if not count:
        return f"0 of {size:,} elements differ: every bit is the GPU's"
    worst = f"the worst by {found.worst:,} ulp" if found.worst > 0 else "none by a distance that can be counted"
    return f"{count:,} of {size:,} elements differ ({percent(count, size)}), {worst}"


def story(row: Recorded, found: Comparison, core: TensorCore, m: int, n: int) -> Story:
    """Element (m, n) in bits."""
    a, b = product_cases.values(row.case)
    with np.errstate(all="ignore"):
        best = ExactSum(FLOAT32).add_products(a[m : m + 1], b[:, n : n + 1])[0, 0]
    codes = (int(row.answer[m, n]), int(found.made[m, n]))
    texts = [bit_string(code, FLOAT32) for code in codes]
    values = [float(decode(code, FLOAT32)) for code in codes]
    best_code = int(np.float32(best).view(np.uint32))
    distance = int(found.distance[m, n])
    acc = core.accumulator
    if not found.differs[m, n]:
        told = "equal, bit for bit"
    elif distance == NO_DISTANCE:
        told = "they differ, and no distance can be counted"
    else:
        unit = "fp32" if acc == FLOAT32 else f"a sum of {acc.mantissa_bits} fraction bits"
        told = f"{distance:,} ulp apart (ulp of {unit})"
    rows = (
        ("the GPU, recorded", texts[0], _value(values[0])),
        ("the model", texts[1], _value(values[1])),
        ("exact sum, rounded to fp32", bit_string(best_code, FLOAT32), _value(float(best))),
    )
    return Story(f"row {m}, column {n}", rows, tuple(x != y for x, y in zip(*texts)), told)


def _value(x: float) -> str:
    return f"{'−' * (x < 0)}{decimal(abs(x), 9)}"


def figure(
    row: Recorded, found: Comparison, core: TensorCore, chosen: tuple[int, int], *, dark: bool = False
) -> Figure:
    """The picture of the elements, with the reading, and the story of one of them."""
    page, ink, *_ = PAGES[dark]
    drawing = Figure(figsize=(9.5, 4.6), facecolor=page)
    axes = drawing.add_axes((0.01, 0.03, 0.42, 0.84))
    levels = np.where(found.differs, 1 + np.log2(1 + np.maximum(found.distance, 0)), 0)
    colors = LinearSegmentedColormap.from_list("glow", [(0, DARK), (0.1, "#8f6208"), (0.5, GLOW), (1, "#ffe9b8")])
    axes.imshow(levels, cmap=colors, vmin=0, vmax=10, interpolation="nearest")
    axes.scatter([chosen[1]], [chosen[0]], marker="s", s=30, facecolor="none", edgecolor="#56b4e9", lw=1.5)
    axes.set_axis_off()
    drawing.text(0.012, 0.94, f"{label(row.case)}: {setting(core)}", color=ink, fontsize=11, fontweight="bold")
    told = story(row, found, core, *chosen)
    lines = [(*reading(found).partition(" (")[:1], 12), ("", 9), (f"{told.title}: {told.told}", 11)]
    place = 0.8
    for text, size in lines:
        drawing.text(0.45, place, text, color=ink, fontsize=size, fontweight="bold")
        place -= 0.07
    for who, bits, value in told.rows:
        drawing.text(0.45, place, f"{who}: {value}", color=ink, fontsize=10)
        drawing.text(0.45, place - 0.055, bits, color=ink, fontsize=10, family="monospace")
        place -= 0.15
    return drawing


def alternative(row: Recorded, found: Comparison, core: TensorCore, chosen: tuple[int, int], source: str) -> str:
    """The same in words."""
    told = story(row, found, core, *chosen)
    lines = [
        f"Elements of a recorded product, {label(row.case)}, beside a model with {setting(core)}.",
        f"{reading(found)}.",
    ]
    if source:
        lines.append(f"The product was {source}.")
    lines.append(f"{told.title}: {told.told}.")
    lines += [f"{who}: {bits} is {value}." for who, bits, value in told.rows]
    return "\n".join(lines)
