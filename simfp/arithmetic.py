"""Arithmetic with one rounding, of the exact result, in every deterministic mode.

Each operation is first computed in float64 and rounded to odd (`simfp.kernels.round_to_odd`), which keeps all that a
later rounding to at most 24 bits can ask for; `simfp.rounding` then rounds once. Operands are taken as they
are, whatever format they are in: they need not be values of `fmt`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simfp.formats import as_format
from simfp.kernels import round_to_odd
from simfp.rounding import as_floats, check_mode, round_array

__all__ = ["add", "divide", "fma", "multiply", "sqrt", "subtract"]


def add(x: ArrayLike, y: ArrayLike, fmt: Any, rounding: str = "nearest_even", **options: Any) -> Any:
    """x + y, rounded once to `fmt`.

    x, y: arrays or scalars whose shapes broadcast, as `round_to` takes them. The result has the broadcast
    shape; float32 where every operand with a dtype is float32 or narrower, else float64. `rounding` is one of
    the deterministic modes; `options` are `subnormals` and `overflow`, as in `round_to`.

    An exact zero sum of operands with different signs is -0 under toward_negative and +0 in all other modes
    (IEEE 754-2019, 6.3).

    Raises ValueError for an unknown format, mode or option, shapes that do not broadcast, or integers beyond
    2**53; TypeError for complex, string or object arrays.
    """
    return _operate("add", round_to_odd.add, (x, y), fmt, rounding, options)


def subtract(x: ArrayLike, y: ArrayLike, fmt: Any, rounding: str = "nearest_even", **options: Any) -> Any:
    """x - y, rounded once to `fmt`; otherwise as `add`."""
    return _operate("subtract", round_to_odd.add, (x, y), fmt, rounding, options)


def multiply(x: ArrayLike, y: ArrayLike, fmt: Any, rounding: str = "nearest_even", **options: Any) -> Any:
    """x * y, rounded once to `fmt`; otherwise as `add`.

    >>> float(multiply(0.1, 3, "bfloat16"))  # of the exact 3 * 0.1000000000000000055..., not of its float64
    0.30078125
    """
    return _operate("multiply", round_to_odd.multiply, (x, y), fmt, rounding, options)


def divide(x: ArrayLike, y: ArrayLike, fmt: Any, rounding: str = "nearest_even", **options: Any) -> Any:
    """x / y, rounded once to `fmt`; otherwise as `add`. x / 0 is infinite, and 0 / 0 NaN, without a warning."""
    return _operate("divide", round_to_odd.divide, (x, y), fmt, rounding, options)


def sqrt(x: ArrayLike, fmt: Any, rounding: str = "nearest_even", **options: Any) -> Any:
    """The square root of x, rounded once to `fmt`; otherwise as `add`. NaN below zero; the root of -0 is -0."""
    return _operate("sqrt", round_to_odd.sqrt, (x,), fmt, rounding, options)


def fma(x: ArrayLike, y: ArrayLike, z: ArrayLike, fmt: Any, rounding: str = "nearest_even", **options: Any) -> Any:
    """x * y + z, rounded once to `fmt`: the product is not rounded; otherwise as `add`.

    >>> float(fma(3, 683, 2**-24, "float16"))  # 2049 is a tie; the third operand breaks it
    2050.0
    """
    return _operate("fma", round_to_odd.fma, (x, y, z), fmt, rounding, options)


def _operate(
    name: str, loop: Any, operands: tuple[ArrayLike, ...], fmt: Any, rounding: str, options: dict[str, Any]
) -> Any:
    fmt = as_format(fmt)
    check_mode(rounding, operation=name)
    unknown = options.keys() - {"subnormals", "overflow"}
    if unknown:
        raise TypeError(f"{name} has no option {min(unknown)!r}; expected subnormals or overflow")
    arrays = [_exactly(name, operand) for operand in operands]
    try:
        shape = np.broadcast_shapes(*(array.shape for array in arrays))
    except ValueError:
        shapes = " and ".join(str(array.shape) for array in arrays)
        raise ValueError(f"{name}: shapes {shapes} do not broadcast") from None
    with np.errstate(invalid="ignore"):  # signalling NaNs
        flat = [np.ascontiguousarray(np.broadcast_to(array, shape), dtype=np.float64).reshape(-1) for array in arrays]
    if name == "subtract":
        flat[1] = -flat[1]
    wide = np.empty(flat[0].shape)
    loop(*flat, wide)
    if rounding == "toward_negative" and name in ("add", "subtract", "fma"):
        _negate_cancelled_zeros(wide, flat)
    narrow = all(array.dtype == np.float32 for array, given in zip(arrays, operands) if not _is_weak(given))
    narrow = narrow and not all(_is_weak(given) for given in operands) and fmt.carrier == np.float32
    rounded = round_array(wide, fmt, rounding, in_place=True, operation=name, **options)
    return rounded.reshape(shape).astype(np.float32 if narrow else np.float64, copy=False)[()]


def _exactly(name: str, operand: ArrayLike) -> NDArray[Any]:
    """The operand in float32 or float64; ValueError for integers that float64 does not hold for certain."""
    given = np.asarray(operand)
    if given.dtype.kind in "uiO" and given.size and isinstance(given.flat[0], (int, np.integer)):
        largest = max((int(given.max()), int(given.min())), key=abs)
        if abs(largest) > 2**53:
            shown = largest if largest.bit_length() <= 100 else f"one of {largest.bit_length()} bits"
            raise ValueError(f"{name} takes integers from -2**53 to 2**53, which float64 holds, got {shown}")
    return as_floats(operand)[0]


def _is_weak(operand: ArrayLike) -> bool:
    """Whether `operand` is a Python scalar, which leaves the result's dtype to the others."""
    return type(operand) in (bool, int, float)


def _negate_cancelled_zeros(total: NDArray[Any], terms: list[NDArray[Any]]) -> None:
    """Gives a zero that came of terms with different signs the sign that toward_negative asks for."""
    with np.errstate(all="ignore"):
        first = terms[0] if len(terms) == 2 else terms[0] * terms[1]
    differ = np.signbit(first) != np.signbit(terms[-1])
    total[(total == 0) & differ] = -0.0
