"""What a loss scale does, in words: no figure is drawn, and Matplotlib not needed."""

from __future__ import annotations

from collections.abc import Sequence

from simfp.experiments.mixed_precision.loss_scale import FATES, SCALES, Window
from simfp.figures.words import percent, power_of_two

__all__ = ["TEXTURES", "layer_label", "moment", "reading", "shares", "span"]

# fmt: off
TEXTURES: dict[str, tuple[str, str, str]] = {
    #              label           hatch    meaning
    "same":       ("all bits",     "",      "divided by the scale, the bits that they have in tf32"),
    "changed":    ("bits missing", "////",  "not zero, and other bits than in tf32"),
    "lost":       ("lost",         "",      "zero, and not zero in tf32"),
    "overflowed": ("overflow",     "xxxx",  "infinite or NaN"),
}
# fmt: on


def layer_label(name: str) -> str:
    """A layer as a row is named."""
    return "all layers" if name == "" else f"layer {name}"


def shares(window: Window, k: int, layer: int | None = None) -> dict[str, str]:
    """What became of the gradients of one layer, or of all, at the scale 2**k: each fate's share as text."""
    counts = window.outcomes[SCALES.index(k)].counts
    chosen = counts.sum(0) if layer is None else counts[layer]
    return {fate: percent(int(count), int(chosen.sum())) for fate, count in zip(FATES, chosen, strict=True)}


def span(exponents: Sequence[int]) -> str:
    """From which scale to which one, in words."""
    if not exponents:
        return "no scale will do"
    first, last = exponents[0], exponents[-1]
    ends = f"{power_of_two(first)} to {power_of_two(last)}" if first < last else power_of_two(first)
    return f"up to {power_of_two(last)}" if first == SCALES[0] else ends


def moment(window: Window) -> str:
    """When in the training this was, in words."""
    return "at the start" if window.step == 0 else f"after {window.step} steps"


def reading(window: Window, k: int) -> str:
    """What the scale 2**k does, and whether it will do."""
    found = window.outcomes[SCALES.index(k)]
    told = shares(window, k)
    size = int(found.counts.sum())
    if found.spoiled:
        return f"too large: {told['overflowed']} of {size:,} gradients overflow, and the step has to be skipped"
    if k not in window.fits():
        return f"too small: {told['lost']} of {size:,} gradients are lost, {told['same']} keep all their bits"
    return f"in the window: {told['lost']} of {size:,} gradients are lost, {told['same']} keep all their bits"
