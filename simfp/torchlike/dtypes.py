"""torch's dtypes, and what they can hold: finfo and iinfo."""

from __future__ import annotations

from typing import Any

from simfp.formats import NAMED_FORMATS, Format
from simfp.integers import INTEGER_TYPES, IntegerType, as_dtype

__all__ = [
    "bfloat16", "bool", "dtype", "finfo", "float", "float8_e4m3fn", "float8_e5m2", "float16", "float32",
    "get_default_dtype", "half", "iinfo", "int", "int8", "int16", "int32", "int64", "long", "set_default_dtype",
    "short", "uint8",
]  # fmt: skip

float32 = float = NAMED_FORMATS["float32"]
float16 = half = NAMED_FORMATS["float16"]
bfloat16 = NAMED_FORMATS["bfloat16"]
float8_e4m3fn, float8_e5m2 = NAMED_FORMATS["float8_e4m3fn"], NAMED_FORMATS["float8_e5m2"]
int64 = long = INTEGER_TYPES["int64"]
int32 = int = INTEGER_TYPES["int32"]
int16 = short = INTEGER_TYPES["int16"]
int8, uint8, bool = INTEGER_TYPES["int8"], INTEGER_TYPES["uint8"], INTEGER_TYPES["bool"]

dtype = (Format, IntegerType)  # for isinstance, as scripts use torch.dtype


class finfo:
    """What a format can hold, as torch.finfo: bits, eps, max, min, tiny, smallest_normal, resolution, dtype.

    type: a Format or what names one; float32 if not given.

    Raises TypeError for a type of integers.
    """

    def __init__(self, type: Any = float32) -> None:
        fmt = as_dtype(type)
        if not isinstance(fmt, Format):
            raise TypeError(f"finfo takes floating-point types, got {fmt}; see iinfo")
        self.bits, self.eps, self.dtype = fmt.bits, fmt.eps, fmt.name
        self.max, self.min = fmt.max, -fmt.max
        self.tiny = self.smallest_normal = fmt.smallest_normal
        digits = (fmt.precision - 1) * 30103 // 100000  # decimal digits that a value keeps: floor((p - 1) log10(2))
        self.resolution = 10.0**-digits

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
            f"smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, dtype={self.dtype})"
        )


class iinfo:
    """What a type of integers can hold, as torch.iinfo: bits, min, max, dtype.

    Raises TypeError for a format, and for truth values.
    """

    def __init__(self, type: Any) -> None:
        kind = as_dtype(type)
        if not isinstance(kind, IntegerType) or kind.name == "bool":
            raise TypeError(f"iinfo takes types of integers, got {kind}; see finfo")
        self.bits, self.min, self.max, self.dtype = kind.bits, kind.min, kind.max, kind.name

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"


def get_default_dtype() -> Format:
    """float32, always."""
    return float32


def set_default_dtype(d: Any) -> None:
    """Takes float32, which the default is.

    Raises NotImplementedError for another.
    """
    if as_dtype(d) != float32:
        raise NotImplementedError(f"the default is float32 here, always; name dtype={d!r} where a tensor is made")
