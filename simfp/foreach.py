"""torch's foreach kernels, which optimizers and the GradScaler are made of: widen, one float32 operation, one rounding.

They are named `_foreach_add` and the like. Whatever the format of the tensors, scalars become float32, the operation
is made in float32 and its result is rounded to the tensor's format. `a + s * b` is one fma in float32. (Formats whose
exponents float32 does not reach are computed in float64 instead.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simfp import observe
from simfp.arrays import Array, overwrite
from simfp.elementwise import FLOAT32
from simfp.formats import Format
from simfp.kernels import elementary, round_to_odd, updates
from simfp.rounding import round_array
from simfp.typing import UpdateRounding

__all__ = ["NO_VALUES", "Foreach", "flat", "fma", "written"]

Values = NDArray[Any]
NO_VALUES = np.empty(0, np.float32)


class Foreach(NamedTuple):
    """The kernels whose results are values of one format; observers hear each rounding under `operation`.

    A stochastic rounding is of the exact result, not of its float32: that would be all that is left to round.
    """

    fmt: Format
    operation: str
    rounding: UpdateRounding = "nearest_even"
    rng: np.random.Generator | None = None
    start: Values | None = None  # what the operation is to change, for observers

    def compute(self, function: Callable[..., Values], *operands: Any) -> Values:
        """The result of one IEEE operation, rounded to the format, in its carrier.

        function: fma, or np.add, subtract, multiply, divide, sqrt. operands: arrays of one shape, and Python numbers.
        """
        arrays = [np.float32(each) if isinstance(each, (int, float)) else each for each in operands]
        work = np.result_type(self.fmt.carrier, *arrays)
        listening, stochastic = observe.somebody_listens(), self.rounding == "stochastic"
        with np.errstate(all="ignore"):
            exact = None
            if listening or stochastic or work == np.float64:
                # of float32 operands these are exact, or to odd, or have more than 2 * 24 + 1 bits: rounded again to
                # float32 or less they are correctly rounded
                exact = function(*arrays, dtype=np.float64)
            if stochastic or work == np.float64:
                result, exact = exact, None
            else:
                result = function(*arrays)
        result = np.asarray(result, order="C")
        if self.fmt == FLOAT32 and result.dtype == np.float32 and not listening:
            return result
        rounded = round_array(
            result, self.fmt, self.rounding, rng=self.rng, in_place=True, operation=self.operation, exact=exact,
            start=self.start,
        )  # fmt: skip
        return rounded.astype(self.fmt.carrier, copy=False)

    def taken(self, values: Values, fmt: Format) -> Values:
        """A copy of values of `fmt`, rounded where that is another format."""
        if fmt == self.fmt:
            return values.copy()
        wide = values.astype(np.promote_types(values.dtype, self.fmt.carrier))
        return round_array(wide, self.fmt, operation=self.operation).astype(self.fmt.carrier, copy=False)

    def multiply(self, x: Values, factor: float | np.float32) -> Values:
        """x * factor."""
        return self.compute(np.multiply, x, factor)

    def add(self, x: Values, y: Values, alpha: float = 1.0) -> Values:
        """x + alpha * y, one fma."""
        return self.compute(fma, alpha, y, x)

    def lerp(self, start: Values, end: Values, weight: float) -> Values:
        """start + weight * (end - start), computed from the nearer end: a difference in float32, and one fma."""
        weight = np.float32(weight)  # type: ignore[assignment]
        distance = _inner(np.subtract, end, start)
        if abs(weight) < 0.5:
            return self.compute(fma, weight, distance, start)
        return self.compute(fma, -(np.float32(1) - weight), distance, end)

    def addcmul(self, x: Values, left: Values, right: Values, value: float) -> Values:
        """x + value * (left * right): a product in float32, and one fma; with a value of 1 that fma alone."""
        if value == 1:
            return self.compute(products_added, left, right, x)
        return self.compute(fma, value, _inner(np.multiply, left, right), x)

    def addcdiv(self, x: Values, above: Values, below: Values, value: float) -> Values:
        """x + value * (above / below): a quotient in float32, and one fma."""
        return self.compute(fma, value, _inner(np.divide, above, below), x)


def fma(factor: Any, x: Values, y: Values, dtype: Any = np.float32) -> Values:
    """factor * x + y of arrays of one shape: rounded once to float32, or to odd in float64."""
    out = np.empty(x.shape, dtype)
    if dtype == np.float32:
        updates.scaled_add(factor, flat(x), flat(y), out.reshape(-1))
    elif x.dtype == y.dtype == np.float32:
        round_to_odd.scaled_add(factor, flat(x), flat(y), out.reshape(-1))
    else:
        x, y = (flat(each).astype(np.float64, copy=False) for each in (x, y))
        round_to_odd.fma(np.full(x.size, factor, np.float64), x, y, out.reshape(-1))
    return out


def products_added(left: Values, right: Values, x: Values, dtype: Any = np.float32) -> Values:
    """left * right + x of arrays of one shape: rounded once to float32, or to odd in float64."""
    out = np.empty(x.shape, dtype)
    given = [np.ascontiguousarray(each, dtype).reshape(-1) for each in (left, right, x)]
    (elementary.fused if dtype == np.float32 else round_to_odd.fma)(*given, out.reshape(-1))
    return out


def flat(values: Values) -> Values:
    """The values as a kernel takes them: along one axis, contiguous and writable; copied only where they are not."""
    return np.require(values, requirements=["C", "W"]).reshape(-1)


def written(x: Array, values: Values) -> None:
    """Brings what a kernel has made of ``flat(x.values)`` into the memory of `x`, unless that is where it was made."""
    if values.base is not x._values and not np.may_share_memory(x._values, values):
        overwrite(x, values.reshape(x.shape))


def _inner(ufunc: np.ufunc, x: Values, y: Values) -> Values:
    """The first of two float32 operations of one kernel: nobody sees its result."""
    with np.errstate(all="ignore"):
        return np.asarray(ufunc(x, y))
