"""NumPy's ufuncs on Tensors: ``np.isnan(loss)``, ``np.exp(x)``, and ``array + tensor``, which the tensor adds."""

from __future__ import annotations

from typing import Any

import numpy as np

from simfp.arrays import ABOVE, Array
from simfp.autograd import functions, pointwise, truth
from simfp.autograd.tensor import Tensor, holding
from simfp.elementwise import UFUNCS
from simfp.integers import is_integers

__all__ = ["apply_ufunc"]

# fmt: off
COUNTERPARTS: dict[np.ufunc, Any] = {
    np.add: functions.add, np.subtract: functions.sub, np.multiply: functions.mul, np.divide: functions.div,
    np.power: functions.pow, np.matmul: functions.matmul, np.negative: functions.neg, np.absolute: functions.abs,
    np.exp: functions.exp, np.log: functions.log, np.sqrt: functions.sqrt, np.tanh: functions.tanh,
    np.square: functions.square, np.reciprocal: functions.reciprocal,
    np.maximum: functions.maximum, np.minimum: functions.minimum,
    np.floor_divide: pointwise.floor_divide, np.remainder: pointwise.remainder, np.fmod: pointwise.fmod,
    np.sin: pointwise.sin, np.cos: pointwise.cos, np.exp2: pointwise.exp2, np.expm1: pointwise.expm1,
    np.log2: pointwise.log2, np.log10: pointwise.log10, np.log1p: pointwise.log1p,
    np.floor: pointwise.floor, np.ceil: pointwise.ceil, np.trunc: pointwise.trunc, np.rint: pointwise.round,
    np.sign: pointwise.sign,
    np.equal: truth.eq, np.not_equal: truth.ne, np.less: truth.lt, np.less_equal: truth.le, np.greater: truth.gt,
    np.greater_equal: truth.ge, np.isnan: truth.isnan, np.isinf: truth.isinf, np.isfinite: truth.isfinite,
    np.logical_and: truth.logical_and, np.logical_or: truth.logical_or, np.logical_xor: truth.logical_xor,
    np.logical_not: truth.logical_not, np.signbit: truth.signbit,
    np.bitwise_and: truth.bitwise_and, np.bitwise_or: truth.bitwise_or, np.bitwise_xor: truth.bitwise_xor,
    np.invert: truth.bitwise_not,
}
# fmt: on


def apply_ufunc(x: Tensor, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
    """The Tensor's own operation of that name, with its gradient; else an Array's, for tensors that need none.

    Raises TypeError for methods such as np.add.reduce, for `out` and other options, and for what Arrays have not;
    RuntimeError where a gradient would be lost.
    """
    name = f"np.{ufunc.__name__}"
    if method != "__call__" or options:
        raise TypeError(
            f"{name} of Tensors takes no {', '.join(options) or method}; call it on tensor.detach().numpy()"
        )
    if ufunc in COUNTERPARTS:
        return COUNTERPARTS[ufunc](*inputs)
    tensors = [each for each in inputs if isinstance(each, Tensor)]
    if any(each.requires_grad for each in tensors):
        raise RuntimeError(
            f"Can't call numpy() on Tensor that requires grad, as {name} would. Use tensor.detach() there instead."
        )
    if ufunc not in UFUNCS and any(isinstance(each._data, Array) for each in tensors):
        raise TypeError(f"{name} does not work on Tensors; call it on tensor.numpy()")
    results = ufunc(*(each._data if isinstance(each, Tensor) else each for each in inputs))
    parts = results if isinstance(results, tuple) else (results,)
    made = tuple(holding(np.asarray(part)) if is_integers(part) else Tensor(part) for part in parts)
    return made if len(made) > 1 else made[0]


ABOVE.append(Tensor)
