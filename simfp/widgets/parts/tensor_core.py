"""The settings of a tensor core of one's own: what the widgets about tensor cores share."""

from __future__ import annotations

from simfp.silicon.tensor_core_bits import FRACTION_BITS, ROUNDINGS, TERMS
from simfp.widgets.parts.settings import Check, one_number, one_of, whole

__all__ = ["core_settings"]

# fmt: off
core_settings: dict[str, Check] = {
    "terms":         one_number("terms", TERMS),
    "fraction_bits": whole("fraction_bits", FRACTION_BITS),
    "rounding":      one_of("rounding", ROUNDINGS),
}
# fmt: on
