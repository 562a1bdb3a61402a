"""One look for each format, each fate and each part of the memory, the same in every figure and widget.

Every colour stands out from white and from a dark page alike (a contrast of 3 : 1 or more), and any two formats
stay apart under the three kinds of colour blindness. Fates are told by hatch, place and word; they have no colour.
"""

from __future__ import annotations

from typing import NamedTuple

from simfp.formats import Format

__all__ = ["FATES", "FORMATS", "ITEMS", "Look", "Part", "Texture", "look"]


class Look(NamedTuple):
    """How one format is named and drawn."""

    label: str  # the short name
    color: str


class Part(NamedTuple):
    """How one part of the memory is named and drawn."""

    label: str
    color: str
    hatch: str  # Matplotlib's


class Texture(NamedTuple):
    """How one fate is named and drawn."""

    label: str
    hatch: str  # Matplotlib's
    meaning: str


# fmt: off
#                        label        colour
FORMATS: dict[str, Look] = {
    "float32":       Look("fp32",      "#767676"),
    "tfloat32":      Look("tf32",      "#806030"),
    "float16":       Look("fp16",      "#0072b2"),
    "bfloat16":      Look("bf16",      "#d55e00"),
    "float8_e4m3fn": Look("fp8 e4m3",  "#009e73"),
    "float8_e5m2":   Look("fp8 e5m2",  "#c0629b"),
    "float6_e2m3fn": Look("fp6 e2m3",  "#9000f0"),
    "float6_e3m2fn": Look("fp6 e3m2",  "#f040e0"),
    "float4_e2m1fn": Look("fp4 e2m1",  "#b09050"),
}
CUSTOM = "#767676"

#                             label         hatch    meaning
FATES: dict[str, Texture] = {
    "normal":     Texture("normal",     "",      "kept at full precision"),
    "subnormal":  Texture("subnormal",  "////",  "kept, but with fewer bits the smaller it is"),
    "zeroed":     Texture("zero",       "",      "rounded to zero: lost"),
    "overflowed": Texture("overflow",   "xxxx",  "beyond the largest number"),
}

# What memory is made of: a colour each, and a hatch where two of them could be taken for each other.
#                       label                    colour      hatch
ITEMS: dict[str, Part] = {
    "weights":          Part("weights",            "#0072b2", ""),
    "optimizer states": Part("optimizer states",   "#3d8fd1", "////"),
    "gradients":        Part("gradients",          "#c0629b", ""),
    "cast weights":     Part("16-bit copies",      "#b07a00", "xxxx"),
    "activations":      Part("activations",        "#009e73", ""),
    "logits and loss":  Part("logits and loss",    "#d55e00", "\\\\\\\\"),
    "temporaries":      Part("temporaries",        "#8a8a8a", "...."),
    "inputs":           Part("inputs",             "#7d8a00", "----"),
    "workspace":        Part("workspace",          "#767676", "||||"),
}
# fmt: on


def look(fmt: Format) -> Look:
    """The look of `fmt`: that of the named format with its values, else its own name in grey."""
    return FORMATS.get(fmt.name, Look(fmt.name, CUSTOM))
