"""NumPy's float64 functions, settled: their one rounding to a format is that of the exact result.

NumPy chooses its kernels by the processor, and each is off by its own few ulp of float64. Where that could decide to
which side a result is rounded, about once in 4 million values of float32, the exact result is looked at instead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simfp.any_precision import FUNCTIONS, exactly, to_odd
from simfp.formats import Format
from simfp.kernels.halfway import BESIDE, ITSELF, SLOPE, TURNING, counted, doubtful
from simfp.rounding import _round

__all__ = ["settle", "steady", "tell_exact_from_rounded"]

Values = NDArray[Any]

# NumPy's own tests allow its float64 functions up to 4 ulp (`umath-validation-set-*.csv`); this is 16 times as much.
MARGIN = np.uint64(64)
NOWHERE = np.empty(0, np.int64)

# What an error is in proportion to where it does not shrink with the result. Near a zero that is not at 0 it is that of
# an angle reduced; where an operand and a logarithm cancel, that of the operand.
# fmt: off
BESIDES: dict[np.ufunc, tuple[int, Callable[..., Values]]] = {
    np.sin:        (TURNING, lambda x: x),
    np.cos:        (TURNING, lambda x: x),
    np.tan:        (SLOPE,   lambda x: x),
    np.logaddexp:  (BESIDE,  np.maximum),
    np.logaddexp2: (BESIDE,  np.maximum),
}
# fmt: on


class Grid(NamedTuple):
    """Numbers of float64's range and fewer bits, as far as `settle` needs to know."""

    mantissa_bits: int
    min_exponent: int


STEADY = Grid(mantissa_bits=35, min_exponent=-1022)


def steady(ufunc: np.ufunc, *inputs: Any) -> Values:
    """A function of float64 values, correctly rounded to 36 bits: more than any format has, and the same everywhere.

    NumPy's kernels differ in a NaN's sign and payload, too; these are `np.nan`.
    """
    wide = [np.asarray(x, np.float64) for x in inputs]
    with np.errstate(all="ignore"):
        result = np.asarray(ufunc(*wide, order="C"))
    settle(ufunc, wide, result, STEADY)
    unit = np.int64(1) << np.int64(52 - STEADY.mantissa_bits)
    bits = result.view(np.int64)
    half = (unit >> np.int64(1)) - np.int64(1) + ((bits >> np.int64(52 - STEADY.mantissa_bits)) & np.int64(1))
    result[np.isnan(result)] = np.nan
    return np.where(np.isfinite(result), ((bits + half) & -unit).view(np.float64), result)


def settle(ufunc: np.ufunc, inputs: list[Values], result: Values, fmt: Format | Grid) -> None:
    """Changes float64 results so that rounding them to `fmt`, to nearest-even, gives the exact result rounded once.

    inputs: what `ufunc` was given, exactly; result: contiguous. Elements that are not in doubt stay as they are, as do
    those of functions that float64 computes by IEEE 754's own operations.
    """
    if ufunc in FUNCTIONS and result.size:
        places = _places(ufunc, inputs, result, fmt, values=False)
        flat = result.reshape(-1)
        for place, *given in zip(places.tolist(), *_at(places, inputs, result.shape)):
            flat[place] = to_odd(ufunc, *given)


def tell_exact_from_rounded(ufunc: np.ufunc, inputs: list[Values], result: Values, fmt: Format) -> None:
    """Changes float64 results that are within their error of a value of `fmt`: to it where they are exactly that.

    Otherwise to the float64 number beyond it. So whoever compares with what it was rounded to learns the truth.
    """
    if ufunc not in FUNCTIONS or not result.size:
        return
    settle(ufunc, inputs, result, fmt)
    places = _places(ufunc, inputs, result, fmt, values=True)
    if places.size:
        flat = result.reshape(-1)
        value = _nearest(flat[places], fmt)
        exact = exactly(ufunc, value, *_at(places, inputs, result.shape))
        flat[places] = np.where(exact, value, np.nextafter(value, np.copysign(np.inf, value)))


def _places(
    ufunc: np.ufunc, inputs: list[Values], result: Values, fmt: Format | Grid, values: bool
) -> NDArray[np.int64]:
    flat = result.reshape(-1)
    bits, plan = flat.view(np.uint64), (np.uint64(52 - fmt.mantissa_bits), np.uint64(fmt.min_exponent + 1023), MARGIN)
    way, beside = ITSELF, flat
    if ufunc in BESIDES:
        way, chosen = BESIDES[ufunc]
        beside = np.ascontiguousarray(np.broadcast_to(chosen(*inputs), result.shape)).reshape(-1)
        count = doubtful(flat, bits, *plan, beside, way, values, NOWHERE)
    else:
        count = counted(bits, *plan, values)
    found = np.empty(count, np.int64)
    if count:
        doubtful(flat, bits, *plan, beside, way, values, found)
    return found


def _at(places: NDArray[np.int64], inputs: list[Values], shape: tuple[int, ...]) -> list[list[float]]:
    """The inputs of some elements of a result."""
    return [np.broadcast_to(x, shape).flat[places].astype(np.float64).tolist() for x in inputs]


def _nearest(x: Values, fmt: Format) -> Values:
    """The values of `fmt` nearest to some numbers; beyond its largest, as if it went on."""
    value = _round(x.copy(), fmt, "nearest_even")
    unit = np.int64(1) << np.int64(52 - fmt.mantissa_bits)
    onward = ((x.view(np.int64) + (unit >> np.int64(1))) & -unit).view(np.float64)
    return np.where(np.isfinite(value) & (np.abs(x) < fmt.max), value, onward)
