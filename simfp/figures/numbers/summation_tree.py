"""The tree in which a sum is made, drawn from its terms (below) to its total (above).

A bar is one addition, over what it adds; a thick one adds more than two things at once. Terms stand in the order in
which the tree takes them, each under its number. Of a tree with many terms long chains are drawn by their ends, and
what lies too deep as a box that says how many terms are in it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simfp.figures.pages import INK
from simfp.probing import Tree, describe, leaves

__all__ = ["FULL", "check_name", "draw", "save", "words"]

FULL = 64  # up to so many terms every one is drawn
COLUMNS = 48  # of an abbreviated tree, about
KINDS = (".png", ".svg")
TOLD = 4  # lines of its description that are told under a drawing
LONG = 6  # steps of a chain that are drawn in an abbreviated tree before some are left out
ADDITION, STEP, LEFT_OUT = "#0072B2", "#D55E00", INK


class _Box(NamedTuple):
    """A part that is not drawn term by term."""

    text: str
    several: bool = False  # whether it stands for several terms of one step, and not for a sum


class _Gap(NamedTuple):
    """Steps of a chain that are left out: `below` goes in, and comes out after them."""

    below: Tree
    steps: int


def draw(tree: Tree, *, ax: Axes | None = None) -> Axes:
    """The tree that `simfp.probing.summation_tree` found: numbers of terms, and tuples of what one addition adds."""
    many = len(leaves(tree)) > FULL
    shown = _outline(tree) if many else tree
    places, bars, marks = _lay_out(shown)
    width, height = len(places), max([level for _, level, _ in bars], default=0)
    if ax is None:
        size = (max(3.0, min(11.0, 1.2 + 0.17 * width)), max(1.8, min(5.5, 1.0 + 0.11 * (height + 4))))
        ax = Figure(figsize=size, layout="constrained").subplots()
    small = max(6.0, min(9.0, 480 / max(width, 1)))
    longest = max(len(text) for _, text in places)
    for x, text in places:
        upright = not text.isdigit() or longest > 2 or width > 36
        ax.text(x, -0.25, text, color=INK, fontsize=small, ha="center", va="top", rotation=90 if upright else 0)
    for below, level, thick in bars:
        color, line = (STEP, 3.2) if thick else (ADDITION, 1.4)
        ax.hlines(level, below[0][0], below[-1][0], color=color, lw=line)
        for x, from_level in below:
            ax.vlines(x, from_level, level, color=color if thick else ADDITION, lw=0.9)
    for x, low, high, text in marks:
        ax.vlines(x, low, high, color=LEFT_OUT, lw=1.2, ls=":")
        ax.text(x - 0.3, (low + high) / 2, text, color=LEFT_OUT, fontsize=8, ha="right", va="center")
    ax.set_xlim(-1, max(width, 1))
    ax.set_ylim(-0.25, height + 0.8)
    ax.set_yticks([])
    ax.set_xticks([])
    ax.spines[:].set_visible(False)
    ax.margins(0)
    return ax


def words(tree: Tree) -> str:
    """The tree in words: how many steps there are, how deep a term lies, and how the sum comes together at the end.

    `simfp.probing.describe` tells all of it.
    """
    sizes, depths = _measure(tree)
    low, high = min(depths), max(depths)
    through = f"{low}" if low == high else f"{low} to {high}"
    lines = describe(tree).splitlines()
    told = "; ".join(lines[:TOLD]) + (f"; and {len(lines) - TOLD} more sums" if len(lines) > TOLD else "")
    count = f"{len(sizes):,} step{'s' * (len(sizes) != 1)}"
    at_once = f"adding at most {max(sizes)} things at once" if sizes else "adding nothing"
    return (
        f"Summation tree of {len(depths):,} terms, from the terms below to the total above: {count}, {at_once}; a term "
        f"goes through {through} of them. {told[:1].upper()}{told[1:]}."
    )


def _measure(tree: Tree) -> tuple[list[int], list[int]]:
    """How many things each step adds, and through how many steps each term goes."""
    sizes, depths = [], []
    waiting: list[tuple[Tree, int]] = [(tree, 0)]
    while waiting:
        node, depth = waiting.pop()
        if isinstance(node, tuple):
            sizes.append(len(node))
            waiting += [(child, depth + 1) for child in node]
        else:
            depths.append(depth)
    return sizes, depths


def check_name(file: Path) -> None:
    """Raises ValueError for a file whose name says neither PNG nor SVG, and where its folder is missing."""
    if file.suffix.lower() not in KINDS:
        raise ValueError(f"a tree is drawn as one of {', '.join(KINDS)}, got {file.name!r}")
    if not file.parent.is_dir():
        raise ValueError(f"there is no folder {str(file.parent)!r} to draw into")


def save(tree: Tree, file: Path, title: str) -> Path:
    """Draws the tree into `file`, a PNG or SVG by its name, on white and under a title; comes back with its path.

    The file is there whole, or not at all. Raises ValueError as `check_name` does.
    """
    check_name(file)
    axes = draw(tree)
    axes.set_title(title, loc="left", fontsize=10, color=INK)
    unfinished = file.with_name(f".{file.name}.unfinished")
    try:
        axes.get_figure(root=True).savefig(  # type: ignore[union-attr]

            unfinished, format=file.suffix[1:].lower(), dpi=144, bbox_inches="tight", facecolor="white",
            metadata={"Title": title, "Description": words(tree)},
        )  # fmt: skip
        os.replace(unfinished, file)
    finally:
        unfinished.unlink(missing_ok=True)
    return file


Bar = tuple[list[tuple[float, float]], float, bool]  # what it adds (where, how high), its own height, whether thick


def _lay_out(tree: Tree) -> tuple[list[tuple[float, str]], list[Bar], list[tuple[float, float, float, str]]]:
    """Terms and boxes from left to right, bars from the lowest up, and marks where steps are left out."""
    places: list[tuple[float, str]] = []
    bars: list[Bar] = []
    marks: list[tuple[float, float, float, str]] = []
    made: list[tuple[float, float]] = []  # where each finished part ends: its x, its level
    waiting: list[tuple[Tree, bool]] = [(tree, False)]
    while waiting:
        node, done = waiting.pop()
        if isinstance(node, _Gap):
            if not done:
                waiting += [(node, True), (node.below, False)]
                continue
            x, level = made.pop()
            marks.append((x, level, level + 3, f"⋯ {node.steps:,} more steps"))
            made.append((x, level + 3))
        elif isinstance(node, tuple) and not isinstance(node, _Box):
            if not done:
                waiting += [(node, True), *((child, False) for child in reversed(node))]
                continue
            below = made[-len(node) :]
            del made[-len(node) :]
            level = max(level for _, level in below) + 1
            several = any(isinstance(child, _Box) and child.several for child in node)
            bars.append((below, level, several or len(node) > 2))
            made.append(((below[0][0] + below[-1][0]) / 2, level))
        else:
            made.append((float(len(places)), 0.0))
            places.append((float(len(places)), node.text if isinstance(node, _Box) else str(node)))
    return places, bars, marks


def _outline(tree: Tree, budget: int = COLUMNS) -> Tree:
    """A tree of fewer terms that stands for `tree`: boxes for what is deep, gaps in chains that are long."""
    if not isinstance(tree, tuple):
        return tree
    if budget < LONG and len(leaves(tree)) > budget:
        return _Box(_span(leaves(tree)))
    spine = [tree]  # from the total down along the only sum of each step
    while len(sums := [child for child in spine[-1] if isinstance(child, tuple)]) == 1:
        spine.append(sums[0])
    if len(spine) > LONG:
        first = _step(spine[-2], _outline(spine[-1], budget // 2), budget // 4)
        left_out = spine[2:-2]
        gap = _Gap(first, len(left_out))
        return _step(spine[0], _step(spine[1], gap, budget // 8), budget // 8)
    sums = [child for child in tree if isinstance(child, tuple)]
    singles = len(tree) - len(sums)
    if singles > 4 and not sums:
        return _terms(tree, budget)
    if len(sums) == 1:
        return _step(tree, _outline(sums[0], budget - min(singles, 4)), min(singles, 4))
    share = (budget - singles) // max(len(sums), 1)
    return tuple(_outline(child, share) if isinstance(child, tuple) else child for child in tree)


def _step(node: Tree, below: Tree, budget: int) -> Tree:
    """A step of a chain, with `below` in place of the sum that it goes on from."""
    terms = [child for child in node if not isinstance(child, tuple)]
    if len(terms) <= max(budget, 1):
        return tuple(below if isinstance(child, tuple) else child for child in node)
    return (below, _Box(_span(terms), several=True))


def _terms(node: Tree, budget: int) -> Tree:
    if len(node) <= budget:
        return node
    return (node[0], node[1], _Box("⋯"), node[-1])


def _span(terms: list[int]) -> str:
    return f"{len(terms)} terms, {min(terms)} … {max(terms)}"
