"""NumPy's elementwise functions (ufuncs) on values of a format: which format the result has, and its one rounding.

Works on plain arrays of values; `simfp.arrays` wraps them. Overflow, division by zero and the like do not warn,
as in torch: whoever wants to know listens (`simfp.observe`).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simfp import observe
from simfp.correct_rounding import settle, tell_exact_from_rounded
from simfp.formats import NAMED_FORMATS, STORAGE_DTYPES, Format, as_format
from simfp.rounding import as_floats, round_array

__all__ = ["UFUNCS", "Operand", "apply", "as_operand", "in_format", "one_nan", "promote", "result_format", "rounded"]

FLOAT32 = NAMED_FORMATS["float32"]
MEET_IN_FLOAT32 = frozenset(NAMED_FORMATS[name] for name in ("float32", "tfloat32", "float16", "bfloat16"))

# fmt: off
UFUNCS: dict[np.ufunc, str] = {ufunc: kind for kind, ufuncs in {
    # IEEE 754's own operations: in float32 where that suffices (see `working_dtype`), else float64; rounded once
    "arithmetic": (np.add, np.subtract, np.multiply, np.divide, np.sqrt, np.square, np.reciprocal),
    # in float64, and where that could round to the other side exactly (see `simfp.correct_rounding`); rounded once
    "function": (
        np.exp, np.exp2, np.expm1, np.log, np.log2, np.log10, np.log1p, np.logaddexp, np.logaddexp2,
        np.power, np.float_power, np.cbrt, np.hypot,
        np.sin, np.cos, np.tan, np.arcsin, np.arccos, np.arctan, np.arctan2,
        np.sinh, np.cosh, np.tanh, np.arcsinh, np.arccosh, np.arctanh,
        np.degrees, np.radians, np.deg2rad, np.rad2deg,
        np.floor_divide, np.remainder, np.divmod,
        np.floor, np.ceil, np.rint, np.sign, np.heaviside,  # a format need not own integers ...
        np.fmod, np.modf,  # ... nor, without subnormals, remainders
    ),
    # the format owns the result, so nothing is rounded
    "exact": (
        np.positive, np.negative, np.absolute, np.fabs, np.conjugate, np.copysign, np.trunc,
        np.maximum, np.minimum, np.fmax, np.fmin,
    ),
    # True or False
    "truth": (
        np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal,
        np.isnan, np.isinf, np.isfinite, np.signbit,
        np.logical_and, np.logical_or, np.logical_xor, np.logical_not,
    ),
}.items() for ufunc in ufuncs}
# fmt: on


# of 0 and -0 the first two give 0, the others -0
LARGER = {np.maximum: True, np.fmax: True, np.minimum: False, np.fmin: False}
# what they do to a NaN is to set its sign
SIGNS = frozenset((np.positive, np.negative, np.absolute, np.fabs, np.conjugate, np.copysign))

# of finite values other than zero these are finite and not zero, whatever float64 says
BEYOND_FLOAT64 = {np.exp, np.exp2, np.expm1, np.sinh, np.cosh, np.float_power}


class Operand(NamedTuple):
    """One operand: float32 or float64 values, and the format that they are known to be in, if any."""

    values: NDArray[Any]
    fmt: Format | None
    kind: str = "array"  # "array" has a format; "scalar", "integers" take one; "float64" can have none


def as_operand(x: Any) -> Operand:
    """What a scalar or a NumPy array is as an operand; TypeError for anything else.

    float16, float32 and ml_dtypes arrays are in their format. Scalars, Python's and NumPy's, and integer arrays
    take the format of what they meet.
    """
    if isinstance(x, (bool, int, float, np.generic)):
        return Operand(np.asarray(as_floats(x)[0]), None, "scalar")
    if not isinstance(x, np.ndarray):
        raise TypeError(f"cannot compute with a {type(x).__name__} here; make it an Array: sf.array(x, dtype=...)")
    values = as_floats(x)[0]
    if x.dtype.newbyteorder("=") in STORAGE_DTYPES.values():
        return Operand(values, as_format(x.dtype.newbyteorder("=")))
    return Operand(values, None, "float64" if x.dtype.kind == "f" else "integers")


def promote(*formats: Format) -> Format:
    """The format that operands of these formats meet in, by torch's rule.

    Equal formats stay; different ones among float16, bfloat16, tfloat32 and float32 meet in float32; no others
    do (torch promotes no 8-bit formats either). Raises TypeError naming the two.
    """
    first = formats[0]
    for other in formats[1:]:
        if other == first:
            continue
        if not MEET_IN_FLOAT32.issuperset((first, other)):
            raise TypeError(f"{first} and {other} have no common format; bring one to the other with `astype`")
        first = FLOAT32
    return first


def result_format(operands: list[Operand]) -> Format:
    """The format of the result: the operands' promoted one, where 0-d arrays count only among themselves.

    Raises TypeError where formats do not promote, for float64 arrays, and where no operand has a format.
    """
    if any(operand.kind == "float64" for operand in operands):
        raise TypeError("a float64 array is in no format of simfp; say which: sf.array(x, dtype=...)")
    formats = [operand.fmt for operand in operands if operand.fmt and operand.values.ndim]
    formats = formats or [operand.fmt for operand in operands if operand.fmt]
    if not formats:
        raise TypeError("no operand has a format")
    return promote(*formats)


def in_format(operand: Operand, fmt: Format) -> NDArray[Any]:
    """The operand's values in `fmt`: rounded to it if it came without a format, or as a 0-d array of another.

    So do torch's integer tensors and, on CUDA, its 0-d tensors.
    """
    widens = operand.fmt in MEET_IN_FLOAT32 and fmt == FLOAT32
    if operand.fmt == fmt or widens:
        return operand.values.astype(fmt.carrier, copy=False)
    overflow = "inf" if fmt.infinities else "saturate"  # rather than NaN, which would be no limit at all
    return rounded(operand.values, fmt, "promote", overflow=overflow)


@lru_cache(maxsize=256)
def working_dtype(fmt: Format) -> type[np.floating[Any]]:
    """The type in which + - * / and sqrt of `fmt`'s values, rounded again to `fmt`, are correctly rounded.

    Nearest-even only. Computing p-bit operands to q >= 2p + 2 bits and rounding again gives the correctly
    rounded result, as long as the wide type's own subnormals stay out of it (Figueroa, "When is double rounding
    innocuous?", 1995). In float64 both hold for every format: p <= 24, and a result below 2^-1022 is far below
    half of any format's smallest number. In float32:

    - p <= 11, for 2p + 2 <= 24;
    - a product has 2p bits. One that can round to anything but zero is at least half the smallest subnormal,
      2^(min_exponent - p), and its last bit at least 2^(min_exponent - 3p + 1): if that is 2^-149 or more, it
      is exact. bfloat16 just fits; tfloat32 does not, and misrounds;
    - a quotient keeps its distance from every midpoint: 2^-(p + k) in proportion to one of k bits. That
      asks for 2p <= 148 + min_exponent among float32's subnormals.
    """
    p = fmt.precision
    products_exact = 3 * p <= 150 + fmt.min_exponent
    quotients_apart = 2 * p <= 148 + fmt.min_exponent
    enough = fmt.carrier == np.float32 and p <= 11 and products_exact and quotients_apart
    return np.float32 if enough else np.float64


def rounded(
    values: Any, fmt: Format, operation: str, overflow: str = "inf", exact: NDArray[Any] | None = None
) -> NDArray[Any]:
    """A new array of `values` rounded once to `fmt`, in its carrier; observers hear `operation`.

    exact: what they are told was rounded, where `values` have overflowed or vanished already.
    """
    wide = np.asarray(values)
    with np.errstate(invalid="ignore"):  # a signalling NaN
        wide = wide.astype(np.promote_types(wide.dtype, fmt.carrier), copy=False)
    out = round_array(wide, fmt, operation=operation, overflow=overflow, exact=exact)
    return one_nan(out.astype(fmt.carrier, copy=False))


def one_nan(values: NDArray[Any]) -> NDArray[Any]:
    """The same array, in which every NaN has been made NumPy's own: positive, quiet, nothing else in it.

    IEEE 754 leaves a NaN's sign and payload to the processor, whose vector instructions take another operand's.
    """
    if values.size and np.isnan(values.max()):
        values[np.isnan(values)] = np.nan
    return values


def apply(ufunc: np.ufunc, operands: list[Operand]) -> tuple[tuple[NDArray[Any], ...], Format | None]:
    """The results of a ufunc and their format, None if they are truth values.

    Every result is rounded once to the result's format. Scalars beside arrays enter + - * / as float32, as on
    CUDA in torch (its CPU kernels round the scalar of + and - first), and everything else rounded to the format.
    """
    kind = UFUNCS[ufunc]
    with np.errstate(all="ignore"):
        if kind == "truth":
            return (np.asarray(ufunc(*_comparable(operands))),), None
        fmt = result_format(operands)
        if kind == "arithmetic":
            values = [_widened(operand, fmt) for operand in operands]
            native = fmt == FLOAT32 and not observe.somebody_listens()
            dtype: Any = np.float32 if fmt == FLOAT32 else working_dtype(fmt)
        else:
            values = [in_format(operand, fmt) for operand in operands]
            dtype, native = (fmt.carrier, True) if kind == "exact" else (np.float64, False)
        # np.power takes sqrt for a single exponent of 0.5, which is another function at -0 and -infinity
        compute = np.float_power if ufunc is np.power else ufunc
        results = compute(*values, dtype=dtype, order="C")
        results = tuple(map(np.asarray, results if isinstance(results, tuple) else (results,)))
        if ufunc in LARGER:
            _order_zeros(results[0], values, LARGER[ufunc])
        if native:
            return tuple(map(one_nan, results)) if ufunc not in SIGNS else results, fmt
        if kind == "function":
            settle(compute, values, results[0], fmt)
        exact: tuple[Any, ...] = (None,) * len(results)
        if observe.somebody_listens() and compute.nout == 1:
            exact = (_in_float64(compute, [operand.values for operand in operands], fmt),)
    return tuple(rounded(result, fmt, ufunc.__name__, exact=told) for result, told in zip(results, exact)), fmt


def _order_zeros(result: NDArray[Any], values: list[NDArray[Any]], larger: bool) -> None:
    """Makes 0 the larger of 0 and -0, as IEEE 754 (2019) has it; NumPy gives the first or the second, by processor."""
    zeros = [value for value in values if value.ndim or value == 0 or not result.ndim]
    if len(zeros) < 2:  # a number other than 0 on one side
        return
    if larger and any(not value.ndim and not np.signbit(value) for value in values):
        np.add(result, result.dtype.type(0), out=result)  # beside a 0, as in relu, every zero is 0
    elif (result == 0).any():
        x, y = np.broadcast_arrays(*values)
        both = (x == 0) & (y == 0)
        result[both] = (x + y if larger else -(-x - y))[both]


def _in_float64(ufunc: np.ufunc, values: list[NDArray[Any]], fmt: Format) -> NDArray[Any]:
    """The results in float64, for a listener: where that itself overflowed or vanished, its ends stand for them."""
    result = np.asarray(ufunc(*values, dtype=np.float64, order="C"))
    tell_exact_from_rounded(ufunc, values, result, fmt)
    if ufunc not in BEYOND_FLOAT64:
        return result
    live = np.isinf(result) | (result == 0)
    for value in values if live.any() else ():
        live &= np.isfinite(value) & (value != 0)
    if live.any():
        limits = np.finfo(np.float64)
        end = np.where(np.isinf(result), limits.max, limits.smallest_subnormal)
        result = np.where(live, np.copysign(end, result), result)
    return result


def _widened(operand: Operand, fmt: Format) -> NDArray[Any]:
    """The operand of + - * /: a scalar as float32, the others in their format."""
    if operand.kind == "scalar" and fmt.carrier == np.float32:
        return operand.values.astype(np.float32)
    return in_format(operand, fmt)


def _comparable(operands: list[Operand]) -> list[NDArray[Any]]:
    """The values to compare: what has no format, or is 0-d beside an array, is rounded to the other's format.

    Values of two formats, float64 values, and those of formats without infinities are compared exactly.
    """
    strong = [operand for operand in operands if operand.kind in ("array", "float64") and operand.values.ndim]
    strong = strong or [operand for operand in operands if operand.fmt]
    if len(strong) == len(operands) or strong[0].fmt is None or not strong[0].fmt.infinities:
        return [operand.values for operand in operands]
    return [in_format(operand, strong[0].fmt) for operand in operands]
