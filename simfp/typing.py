"""Types of arguments, for annotations of one's own: what names a format or a type, and which words an option takes.

>>> import simfp as sf
>>> from simfp.typing import FormatLike, Rounding
>>> def quantized(x: float, fmt: FormatLike, rounding: Rounding = "nearest_even") -> float:
...     return float(sf.round_to(x, fmt, rounding))
>>> quantized(0.1, "bfloat16")
0.10009765625
"""

from __future__ import annotations

from typing import Any, Literal, Protocol, TypeAlias, TypedDict

import numpy as np

from simfp.devices import DeviceLike
from simfp.formats import Format
from simfp.integers import IntegerType

__all__ = [
    "DTypeLike",
    "DeviceLike",
    "FormatLike",
    "Overflow",
    "Phase",
    "Reduction",
    "Rounding",
    "RoundingOptions",
    "Subnormals",
    "TorchDType",
    "UpdateRounding",
]


class TorchDType(Protocol):
    """A dtype of torch, known by what it has: torch itself is not imported here."""

    is_complex: bool
    is_signed: bool
    itemsize: int


FormatLike: TypeAlias = Format | str | np.dtype[Any] | type[np.generic] | TorchDType  # what `as_format` takes
DTypeLike: TypeAlias = FormatLike | IntegerType | type[int]  # what `as_dtype` takes; Python's bool is an int

# Which words there are is held against the tables that give them their meaning.
Rounding = Literal[
    "nearest_even", "nearest_away", "toward_zero", "toward_positive", "toward_negative", "to_odd", "stochastic"
]
Subnormals = Literal["keep", "flush"]
Overflow = Literal["inf", "saturate"]
UpdateRounding = Literal["nearest_even", "stochastic"]  # of weights, by an optimizer
Reduction = Literal["none", "mean", "sum"]  # of a loss
Phase = Literal["forward", "backward", "unscale", "update"]  # of a training step


class RoundingOptions(TypedDict, total=False):
    """The options of `round_to`, as functions take them that hand them on."""

    subnormals: Subnormals
    overflow: Overflow
    rng: np.random.Generator | int | None
    random_bits: int | None
