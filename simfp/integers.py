"""Integers and truth values: which types there are, what names them, and in which type two of them meet.

They are torch's: bool, uint8, int8, int16, int32 and int64, stored as NumPy stores them, whose sums and products wrap
around. torch's further unsigned types, which it computes little with, are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simfp.formats import NAMED_FORMATS, Format, as_format

__all__ = ["INTEGER_TYPES", "IntegerType", "as_dtype", "as_integers", "is_integers", "type_of", "wrapped"]

LOWEST, HIGHEST = -(2.0**63), 2.0**63  # what int64 holds, the latter excluded


@dataclass(frozen=True, repr=False)
class IntegerType:
    """A type of integers, or of truth values.

    name: torch's and NumPy's. bits: how many one takes in memory. signed: whether one of them says which sign.
    """

    name: str
    bits: int
    signed: bool

    @property
    def storage(self) -> np.dtype[Any]:
        """The NumPy type that holds them."""
        return np.dtype(self.name)

    @property
    def itemsize(self) -> int:
        """How many bytes each takes."""
        return self.bits // 8

    @property
    def is_floating_point(self) -> bool:
        """False; that of a Format is True."""
        return False

    @property
    def is_signed(self) -> bool:
        """Whether there are negative ones."""
        return self.signed

    @property
    def min(self) -> int:
        """The smallest."""
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def max(self) -> int:
        """The largest."""
        return 1 if self.name == "bool" else (1 << (self.bits - self.signed)) - 1

    def __repr__(self) -> str:
        return f"simfp.{self.name}"

    def __str__(self) -> str:
        return self.name


# fmt: off
INTEGER_TYPES: dict[str, IntegerType] = {
    #                      name     bits  signed
    "bool":    IntegerType("bool",     8, False),
    "uint8":   IntegerType("uint8",    8, False),
    "int8":    IntegerType("int8",     8, True),
    "int16":   IntegerType("int16",   16, True),
    "int32":   IntegerType("int32",   32, True),
    "int64":   IntegerType("int64",   64, True),
}
# fmt: on
ALIASES = {"long": "int64", "int": "int32", "short": "int16", "char": "int8", "byte": "uint8", "bool_": "bool"}
BY_STORAGE = {each.storage: each for each in INTEGER_TYPES.values()}
FLOAT64 = "simfp has no float64 (its formats have at most 24 bits' precision); use float32"


def as_dtype(spec: Any) -> Format | IntegerType:
    """The format or type of integers that `spec` names.

    spec: a Format, an IntegerType, a NumPy, ml_dtypes or torch dtype, Python's int (int64) or bool, or a name: those
    of `as_format` and "bool", "uint8", "int8", "int16", "int32", "int64", also torch's "long", "int" (int32), "short",
    "char" and "byte".

    >>> as_dtype("long"), as_dtype(int), as_dtype("half")
    (simfp.int64, simfp.int64, simfp.float16)

    Raises ValueError for an unknown name and for float64, which Python's float stands for too; TypeError for anything
    that cannot name a type.
    """
    if isinstance(spec, (Format, IntegerType)):
        return spec
    if isinstance(spec, str) or str(spec).startswith("torch."):
        name = str(spec).lower().removeprefix("torch.")
        found = INTEGER_TYPES.get(ALIASES.get(name, name))
        if found is not None:
            return found
        if name in ("float64", "double", "fp64", "f64"):
            raise ValueError(FLOAT64)
    elif isinstance(spec, (np.dtype, type)):
        try:
            dtype = np.dtype(spec).newbyteorder("=")
        except TypeError:
            dtype = np.dtype(object)
        if dtype in BY_STORAGE:
            return BY_STORAGE[dtype]
        if dtype == np.float64:
            raise ValueError(FLOAT64)
    try:
        return as_format(spec)
    except (TypeError, ValueError) as error:
        names = ", ".join([*NAMED_FORMATS, *INTEGER_TYPES])
        raise type(error)(f"no dtype of simfp is {spec!r}; expected one of {names}") from None


def is_integers(x: Any) -> bool:
    """Whether `x` is a NumPy array, or scalar, of integers or truth values."""
    return isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind in "biu"


def type_of(x: NDArray[Any]) -> IntegerType:
    """The type of an array of integers.

    Raises TypeError for one that torch computes nothing with, such as uint16.
    """
    dtype = x.dtype.newbyteorder("=")
    if dtype not in BY_STORAGE:
        raise TypeError(f"no dtype of simfp is {x.dtype}; expected one of {', '.join(INTEGER_TYPES)}")
    return BY_STORAGE[dtype]


def as_integers(x: Any, dtype: IntegerType) -> NDArray[Any]:
    """A new array of `x` in a type of integers, as torch converts it.

    x: an array of integers, of floats, numbers, or nested lists of them. Integers wrap around; floats are cut off
    toward zero. NaN and what int64 does not hold become the smallest int64, as x86's instruction has it, before they
    wrap (C leaves that open). A truth value is whether there is anything but zero.
    """
    given = np.asarray(x)
    if given.dtype.kind not in "biuf":
        given = given.astype(np.float32 if given.dtype.kind == "V" else np.float64 if given.size == 0 else given.dtype)
    if given.dtype.kind not in "biuf":
        raise TypeError(f"cannot make integers of {given.dtype} values; expected numbers or truth values")
    if dtype.storage == np.bool_:
        return given.astype(np.bool_)
    if given.dtype.kind == "f":
        given = given.astype(np.float64)
        inside = (given >= LOWEST) & (given < HIGHEST)  # not NaN
        given = np.where(inside, given, LOWEST)
    return given.astype(np.int64).astype(dtype.storage)


def wrapped(number: Any, dtype: IntegerType) -> Any:
    """A Python integer as a NumPy scalar of the type, wrapped around."""
    if dtype.storage == np.bool_:
        return np.bool_(number)
    low = int(number) & ((1 << dtype.bits) - 1)
    return dtype.storage.type(low - (1 << dtype.bits) if low > dtype.max else low)
