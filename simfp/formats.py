"""What a floating-point format is: a few independent numbers, from which everything else follows.

The named formats stand in one table at the end of this file. Their values are those of IEEE 754-2019
(binary16, binary32), of the OCP 8-bit specification (E4M3, E5M2) and of the OCP Microscaling (MX)
specification (E2M3, E3M2, E2M1); bfloat16 and TensorFloat-32 are IEEE-like with 8 exponent bits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import ml_dtypes
import numpy as np

__all__ = ["NAMED_FORMATS", "Format", "as_format"]

MAX_PRECISION = 24  # so that float64 carries every operation: 2p + 2 <= 53
CARRIER_EXPONENT = 1000  # all values lie within 2^-1000 .. 2^1000: exact in float64, with room to compute


@dataclass(frozen=True, repr=False)
class Format:
    """A binary floating-point format of at most 24 bits' precision.

    Two formats are equal when they have the same values and codes; the name does not count.

    Parameters
    ----------
    name
        What it is called in tables and messages.
    exponent_bits, mantissa_bits
        Widths of the two fields. The implicit leading bit is not counted in `mantissa_bits`.
    exponent_bias
        What is subtracted from the exponent field; IEEE's ``2**(exponent_bits - 1) - 1`` if not given.
    infinities, nans
        With both (IEEE 754) the topmost exponent is reserved for them. With `nans` alone, the all-ones
        code is the one NaN (OCP E4M3); with `infinities` alone, it is infinity; with neither, every
        code is a number (OCP's 6- and 4-bit formats).
    subnormals
        Without them, nothing lies between zero and the smallest normal number, and whatever rounds
        into that gap becomes zero.

    Raises ValueError where no such format can be.
    """

    name: str = field(compare=False)
    exponent_bits: int = field(kw_only=True)
    mantissa_bits: int = field(kw_only=True)
    exponent_bias: int | None = field(default=None, kw_only=True)
    infinities: bool = field(default=True, kw_only=True)
    nans: bool = field(default=True, kw_only=True)
    subnormals: bool = field(default=True, kw_only=True)

    def __post_init__(self) -> None:
        for label in ("exponent_bits", "mantissa_bits", "exponent_bias"):
            value = getattr(self, label)
            if label == "exponent_bias" and value is None:
                object.__setattr__(self, label, 2 ** (self.exponent_bits - 1) - 1)
            elif isinstance(value, bool) or not isinstance(value, (int, np.integer)):
                raise TypeError(f"`{label}` must be an integer, got {value!r}")
            else:
                object.__setattr__(self, label, int(value))
            if label == "exponent_bits" and not 1 <= self.exponent_bits <= 10:
                raise ValueError(f"`exponent_bits` must be 1 to 10, got {value!r}")
        for label in ("infinities", "nans", "subnormals"):
            if not isinstance(getattr(self, label), bool):
                raise TypeError(f"`{label}` must be True or False, got {getattr(self, label)!r}")
        if not isinstance(self.name, str) or not self.name:
            raise TypeError(f"`name` must be a non-empty string, got {self.name!r}")
        if not 1 <= self.precision <= MAX_PRECISION:
            raise ValueError(
                f"`mantissa_bits` must be 0 to {MAX_PRECISION - 1} (a precision of 1 to {MAX_PRECISION}, "
                f"the implicit bit counted), got {self.mantissa_bits}"
            )
        if self.infinities and self.nans and self.mantissa_bits == 0:
            raise ValueError("with `mantissa_bits=0` one code is left for infinity and NaN; drop one of them")
        if self.max_code < 1 << self.mantissa_bits:
            raise ValueError(f"`exponent_bits={self.exponent_bits}` leaves {self.name!r} no normal number")
        lowest, highest = self.min_exponent - self.mantissa_bits, self.max_exponent
        if lowest < -CARRIER_EXPONENT or highest >= CARRIER_EXPONENT:
            raise ValueError(
                f"{self.name!r} would reach from 2^{lowest} to 2^{highest}; "
                f"formats must stay within 2^-{CARRIER_EXPONENT} and 2^{CARRIER_EXPONENT}"
            )

    @property
    def precision(self) -> int:
        """Bits of the significand, the implicit one counted (IEEE 754's p)."""
        return self.mantissa_bits + 1

    @property
    def bits(self) -> int:
        """Width of a code: sign, exponent and mantissa."""
        return 1 + self.exponent_bits + self.mantissa_bits

    @property
    def itemsize(self) -> int:
        """How many bytes a code takes."""
        return -(-self.bits // 8)

    @property
    def is_floating_point(self) -> bool:
        """True; of a type of integers, False."""
        return True

    @property
    def bias(self) -> int:
        """What is subtracted from the exponent field."""
        assert self.exponent_bias is not None
        return self.exponent_bias

    @property
    def min_exponent(self) -> int:
        """Exponent of the smallest normal number (IEEE 754's emin)."""
        return 1 - self.bias

    @cached_property
    def max_code(self) -> int:
        """Code of the largest finite number."""
        codes = 1 << (self.exponent_bits + self.mantissa_bits)
        reserved = 1 << self.mantissa_bits if self.infinities and self.nans else self.infinities + self.nans
        return codes - reserved - 1

    @property
    def max_exponent(self) -> int:
        """Exponent of the largest finite number (IEEE 754's emax)."""
        return (self.max_code >> self.mantissa_bits) - self.bias

    @property
    def infinity_code(self) -> int | None:
        """Code of +infinity, None in a format without."""
        return self.max_code + 1 if self.infinities else None

    @property
    def nan_code(self) -> int | None:
        """Code of the quiet NaN that results are given, None in a format without."""
        if not self.nans:
            return None
        if self.infinities:  # IEEE 754: all-ones exponent, first mantissa bit set
            return self.max_code + 1 + (1 << (self.mantissa_bits - 1))
        return self.max_code + 1

    @cached_property
    def max(self) -> float:
        """The largest finite number."""
        significand = (self.max_code & ((1 << self.mantissa_bits) - 1)) + (1 << self.mantissa_bits)
        return significand * 2.0 ** (self.max_exponent - self.mantissa_bits)

    @property
    def smallest_normal(self) -> float:
        """The smallest positive number of full precision, 2**min_exponent."""
        return 2.0**self.min_exponent

    @property
    def smallest_subnormal(self) -> float:
        """The smallest positive number (of a format without subnormals: the smallest normal)."""
        return 2.0 ** (self.min_exponent - self.mantissa_bits * self.subnormals)

    @property
    def eps(self) -> float:
        """Distance from 1 to the next larger number, 2**-mantissa_bits."""
        return 2.0**-self.mantissa_bits

    @cached_property
    def carrier(self) -> np.dtype[Any]:
        """The NumPy type that simfp holds values in: float32 where that is exact, else float64."""
        narrow = self.max_exponent <= 127 and self.min_exponent >= -126
        return np.dtype(np.float32 if narrow else np.float64)

    @cached_property
    def code_dtype(self) -> np.dtype[Any]:
        """The smallest unsigned NumPy integer that holds a code."""
        return np.dtype(next(f"u{size}" for size in (1, 2, 4, 8) if self.bits <= 8 * size))

    @cached_property
    def storage_dtype(self) -> np.dtype[Any] | None:
        """The NumPy or ml_dtypes type with these very codes, None where there is none."""
        name = next((row.name for row in NAMED_FORMATS.values() if row == self), None)
        return STORAGE_DTYPES.get(name) if name else None

    def __repr__(self) -> str:
        if NAMED_FORMATS.get(self.name) == self:
            return f"simfp.{self.name}"
        fields = [f"exponent_bits={self.exponent_bits}", f"mantissa_bits={self.mantissa_bits}"]
        if self.bias != 2 ** (self.exponent_bits - 1) - 1:
            fields.append(f"exponent_bias={self.bias}")
        fields += [f"{label}=False" for label in ("infinities", "nans", "subnormals") if not getattr(self, label)]
        return f"Format({self.name!r}, {', '.join(fields)})"

    def __str__(self) -> str:
        return self.name


def as_format(spec: Any) -> Format:
    """The format that `spec` names.

    `spec` is a Format, a name or alias (``"float16"``, ``"half"``, ``"fp16"``, ``"torch.bfloat16"``), or
    a NumPy, ml_dtypes or torch dtype.

    >>> as_format("half").max
    65504.0

    Raises ValueError for an unknown name, TypeError for anything that cannot name a format.
    """
    if isinstance(spec, Format):
        return spec
    if isinstance(spec, str) or str(spec).startswith("torch."):
        key = str(spec).lower().removeprefix("torch.").replace("-", "_")
        key = ALIASES.get(key, key)
        if key in NAMED_FORMATS:
            return NAMED_FORMATS[key]
        raise ValueError(f"unknown format {str(spec)!r}; expected one of {_valid_names()}")
    if isinstance(spec, (np.dtype, type)):
        try:
            dtype = np.dtype(spec)
        except TypeError:
            dtype = None
        for name, storage in STORAGE_DTYPES.items():
            if dtype == storage:
                return NAMED_FORMATS[name]
        raise ValueError(f"no format of simfp has the dtype {spec!r}; expected one of {_valid_names()}")
    raise TypeError(f"cannot read {spec!r} as a format; expected a Format, a dtype or one of {_valid_names()}")


def _valid_names() -> str:
    return ", ".join([*NAMED_FORMATS, *ALIASES])


# fmt: off
#                    exponent  mantissa  infinities  nans   stored as
_TABLE = {
    "float32":         (8,     23,       True,       True,  np.float32),                 # IEEE 754 binary32
    "tfloat32":        (8,     10,       True,       True,  None),                       # NVIDIA TensorFloat-32
    "float16":         (5,     10,       True,       True,  np.float16),                 # IEEE 754 binary16
    "bfloat16":        (8,      7,       True,       True,  ml_dtypes.bfloat16),
    "float8_e4m3fn":   (4,      3,       False,      True,  ml_dtypes.float8_e4m3fn),    # OCP OFP8
    "float8_e5m2":     (5,      2,       True,       True,  ml_dtypes.float8_e5m2),      # OCP OFP8
    "float6_e2m3fn":   (2,      3,       False,      False, ml_dtypes.float6_e2m3fn),    # OCP MX
    "float6_e3m2fn":   (3,      2,       False,      False, ml_dtypes.float6_e3m2fn),    # OCP MX
    "float4_e2m1fn":   (2,      1,       False,      False, ml_dtypes.float4_e2m1fn),    # OCP MX
}
# fmt: on

NAMED_FORMATS: dict[str, Format] = {
    name: Format(name, exponent_bits=exponent, mantissa_bits=mantissa, infinities=infinities, nans=nans)
    for name, (exponent, mantissa, infinities, nans, _) in _TABLE.items()
}
STORAGE_DTYPES: dict[str, np.dtype[Any]] = {name: np.dtype(row[4]) for name, row in _TABLE.items() if row[4]}

# fmt: off
ALIASES: dict[str, str] = {
    "fp32": "float32",  "float": "float32", "single": "float32", "f32": "float32", "binary32": "float32",
    "tf32": "tfloat32", "tensorfloat32": "tfloat32",
    "fp16": "float16",  "half": "float16",  "f16": "float16", "binary16": "float16",
    "bf16": "bfloat16",
    "e4m3": "float8_e4m3fn", "e4m3fn": "float8_e4m3fn",
    "fp8_e4m3": "float8_e4m3fn", "fp8_e4m3fn": "float8_e4m3fn",
    "e5m2": "float8_e5m2", "fp8_e5m2": "float8_e5m2",
    "e2m3": "float6_e2m3fn", "fp6_e2m3": "float6_e2m3fn", "e2m3fn": "float6_e2m3fn",
    "e3m2": "float6_e3m2fn", "fp6_e3m2": "float6_e3m2fn", "e3m2fn": "float6_e3m2fn",
    "e2m1": "float4_e2m1fn", "fp4": "float4_e2m1fn", "fp4_e2m1": "float4_e2m1fn", "e2m1fn": "float4_e2m1fn",
}
# fmt: on
