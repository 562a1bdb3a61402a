"""The overflow slider at one k, standing still: for readers without a kernel, for print, for slides."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simfp.bits import bit_string
from simfp.experiments.numbers.overflow import BACKWARDS, LOGITS, MASKED, SHIFTS, Scene
from simfp.figures.numbers.underflow import draw_bits, draw_lane, shares_in_words
from simfp.figures.numbers.words import became, ceiling, origins
from simfp.figures.pages import PAGES
from simfp.figures.palette import look
from simfp.figures.words import decimal, factor, numbers, relative_error

__all__ = ["DIGITS", "MAGNITUDES", "alternative", "draw_softmax", "figure", "question"]

MAGNITUDES = range(-40, 141)  # exponents of the ruler: most gradients begin below 1
DIGITS = 10  # as many as tell 65519.99609 from 65520


def figure(scene: Scene, k: int, *, show: str = "all", dark: bool = False) -> Figure:
    """The parts that `show` names at shift `k`, one below the other: the value, the gradients, the softmax."""
    page, ink, *_ = PAGES[dark]
    rows = list(scene.landings) if show in ("all", "value") else []
    lanes = scene.lanes if show in ("all", "value", "histogram") else ()
    softmax = show in ("all", "softmax")
    bars = scene.histogram if show != "value" else None
    heights = [0.3 * (len(rows) + 2)] * bool(rows) + [1.2 if bars else 0.7] * len(lanes)
    heights += [0.22 * (len(scene.softmaxes) + 2) * len(MASKED)] * softmax
    drawing = Figure(figsize=(9, sum(heights) + 0.9), facecolor=page, layout="constrained")
    places = list(np.atleast_1d(drawing.subplots(len(heights), 1, height_ratios=heights)))
    drawing.suptitle(f"k = {k}: everything × {factor(-k)}", color=ink, x=0.01, ha="left", fontweight="bold")
    if rows:
        draw_bits(places.pop(0), rows, -k, ink=ink, shifts=BACKWARDS, digits=DIGITS)
    points = {row.fmt: row for row in rows}
    for number, lane in enumerate(lanes, 1):
        axes = places.pop(0)
        draw_lane(axes, lane, -k, histogram=bars, point=points.get(lane.fmt), dark=dark, shifts=BACKWARDS)
        if bars is None:
            axes.set_title(f"{look(lane.fmt).label}: {ceiling(lane)}", loc="left", fontsize=9, color=ink)
        axes.set_xlim(MAGNITUDES[0], MAGNITUDES[-1])
        axes.set_xticks([x for x in MAGNITUDES if x % 20 == 0], [f"$2^{{{x}}}$" for x in MAGNITUDES if x % 20 == 0])
        axes.tick_params(labelbottom=number == len(lanes), labelcolor=ink)
    if softmax:
        draw_softmax(places.pop(0), scene, k, ink=ink)
    return drawing


def draw_softmax(axes: Axes, scene: Scene, k: int, *, ink: str = "black") -> Axes:
    """For each way to mask, one line for each format: the weights, and where infinity and NaN arise."""
    index = SHIFTS.index(k)
    lines: list[tuple[str, str, str]] = []
    for case in MASKED:
        lines.append((f"{case}:", "weights", "where ∞ and NaN come from"))
        for fmt, cases in scene.softmaxes.items():
            lines.append((look(fmt).label, numbers(cases[case].weights[index]), origins(cases[case], index)))
    axes.axis("off")
    axes.set_title(question(scene, index), loc="left", fontsize=10, color=ink)
    for line, texts in enumerate(lines):
        head = texts[0].endswith(":")
        for place, text in zip((0.0, 0.12, 0.4), texts, strict=True):
            axes.text(
                place, 1 - (line + 0.5) / len(lines), text, fontsize=7.5, color=ink, va="center",
                weight="bold" if head else "normal", transform=axes.transAxes, in_layout=False,
            )  # fmt: skip
    return axes


def question(scene: Scene, index: int) -> str:
    """What the softmax is taken of, and how."""
    how = "the maximum subtracted" if scene.subtract_max else "the maximum not subtracted"
    return f"softmax of [{numbers(np.ldexp(np.array(LOGITS), SHIFTS[index]))}], {how}, mask {scene.mask}"


def alternative(scene: Scene, k: int, *, show: str = "all") -> str:
    """The same figure in words."""
    index = SHIFTS.index(k)
    lines = [f"Overflow slider at k = {k}: everything × {factor(-k)}."]
    if show in ("all", "value"):
        lines.append(f"The value {decimal(scene.landings[0].before[index], DIGITS)}:")
        lines += [
            f"  {look(row.fmt).label}: {bit_string(int(row.codes[index]), row.fmt)} is {decimal(row.after[index])}, "
            f"error {relative_error(row.before[index], row.after[index])}; {became(row, index)}"
            for row in scene.landings
        ]
    if show in ("all", "histogram"):
        lines.append(f"{scene.gradients.values.size:,} gradients ({scene.gradients.description}):")
        lines += [f"  {look(lane.fmt).label}: {shares_in_words(lane, -k, BACKWARDS)}" for lane in scene.lanes]
    if show in ("all", "softmax"):
        lines.append(f"S{question(scene, index)[1:]}:")
        lines += [
            f"  {look(fmt).label}, {case}: {numbers(softmax.weights[index])}; {origins(softmax, index)}"
            for fmt, cases in scene.softmaxes.items()
            for case, softmax in cases.items()
        ]
    return "\n".join(lines)
