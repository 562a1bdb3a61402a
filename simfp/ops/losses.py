"""Losses, their values by torch's CUDA kernels and reduced by `mean` or `summed`.

Under autocast all but binary_cross_entropy, which it refuses, run in float32. In 16 bits their kernels compute in the
16-bit type itself: every + - * / below is rounded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simfp.arrays import Array, owned
from simfp.ops.activations import sigmoid
from simfp.ops.arithmetic import divided
from simfp.ops.device_math import exp, log1p
from simfp.ops.elementary import log, sign
from simfp.ops.operation import (
    Call,
    Operation,
    Saved,
    argument,
    broadcasting,
    finished,
    in_format_of,
    together,
    widened,
)
from simfp.ops.reductions import mean, summed, total
from simfp.typing import Reduction

__all__ = ["ROWS"]

REDUCTIONS: dict[str, Callable[[Array], Array]] = {"mean": mean, "sum": summed, "none": lambda x: x}


def _reduced(losses: Array, reduction: Reduction) -> Array:
    """Raises ValueError for an unknown reduction."""
    if reduction not in REDUCTIONS:
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return REDUCTIONS[reduction](losses)


def _is_mean(call: Call) -> bool:
    return call.options.get("reduction", "mean") == "mean"


def _difference(call: Call) -> Array:
    x, target = call.inputs[:2]
    return x - target


def _both(vjp: Callable[[Array, Call], Array]) -> tuple[Any, Any]:
    """The derivative of a loss of x - target, for both: as torch does, for the target with the two exchanged."""

    def of_target(g: Array, call: Call) -> Array:
        x, target, *rest = call.inputs
        return vjp(g, call._replace(inputs=(target, x, *rest)))

    return vjp, of_target


# --- of differences


@broadcasting
def mse_loss(x: Array, target: Array, reduction: Reduction = "mean") -> Array:
    """The squared differences."""
    difference = x - target
    return _reduced(difference * difference, reduction)


def _mse_backward(g: Array, call: Call) -> Array:
    """(2 / N) (x - target) g, 2 / N rounded first."""
    difference = _difference(call)
    return in_format_of(g, 2.0 / difference.size if _is_mean(call) else 2.0) * difference * g


@broadcasting
def l1_loss(x: Array, target: Array, reduction: Reduction = "mean") -> Array:
    """The absolute differences."""
    return _reduced(np.absolute(x - target), reduction)


def _l1_backward(g: Array, call: Call) -> Array:
    difference = _difference(call)
    return (divided(g, difference.size) if _is_mean(call) else g) * sign(difference)


def _l1_of_target(g: Array, call: Call) -> Array:
    """Minus that of the input, zeros too: in torch this loss is a difference and its absolute value."""
    return -_l1_backward(g, call)


@broadcasting
def smooth_l1_loss(x: Array, target: Array, reduction: Reduction = "mean", beta: float = 1.0) -> Array:
    """Squares over 2 beta of differences below beta, and what is above beta / 2 of the others.

    Raises RuntimeError for a negative beta.
    """
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    if beta == 0:
        return l1_loss(x, target, reduction)
    z, edge = np.absolute(x - target), in_format_of(x, beta)
    return _reduced(np.where(z < edge, z * 0.5 * z / edge, z - edge * 0.5), reduction)


def _smooth_l1_backward(g: Array, call: Call) -> Array:
    beta = argument(call, smooth_l1_loss, "beta")
    difference = _difference(call)
    if beta == 0:
        return _l1_backward(g, call)
    edge, norm = in_format_of(g, beta), in_format_of(g, 1 / difference.size if _is_mean(call) else 1.0)
    inside = norm * difference * g / edge
    return np.where(difference < -edge, -norm * g, np.where(difference > edge, norm * g, inside))


@broadcasting
def huber_loss(x: Array, target: Array, reduction: Reduction = "mean", delta: float = 1.0) -> Array:
    """Half the squares of differences up to delta, and delta times what is above delta / 2 of the others.

    Raises RuntimeError unless delta is positive.
    """
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    z, edge = np.absolute(x - target), in_format_of(x, delta)
    return _reduced(np.where(z < edge, z * 0.5 * z, edge * (z - edge * 0.5)), reduction)


def _huber_backward(g: Array, call: Call) -> Array:
    difference = _difference(call)
    edge = in_format_of(g, argument(call, huber_loss, "delta"))
    norm = in_format_of(g, 1 / difference.size if _is_mean(call) else 1.0)
    inside, outside = norm * difference * g, norm * g * edge
    return np.where(difference < -edge, -norm * g * edge, np.where(difference > edge, outside, inside))


# --- of probabilities


def binary_cross_entropy(x: Array, target: Array, weight: Array | None = None, reduction: Reduction = "mean") -> Array:
    """-(t log x + (1 - t) log(1 - x)), the logarithms held at -100.

    Raises RuntimeError for inputs outside 0 to 1.
    """
    _refuse_integers(x, target)
    together("binary_cross_entropy", x, target)
    if x.shape != target.shape:
        raise ValueError(
            f"Using a target size ({list(target.shape)}) that is different to the input size ({list(x.shape)}) is "
            f"deprecated. Please ensure they have the same size."
        )
    if not bool(np.all((x >= 0) & (x <= 1))):
        raise RuntimeError("all elements of input should be between 0 and 1")
    logs, others = (np.maximum(log(each), -100.0) for each in (x, 1.0 - x))
    losses = (target - 1.0) * others - target * logs
    return _reduced(losses if weight is None else losses * weight, reduction)


def _refuse_integers(x: Any, target: Any) -> None:
    """Raises RuntimeError for a target of integers, as torch does."""
    if not isinstance(target, Array):
        raise RuntimeError(
            f"Found dtype {getattr(target, 'dtype', type(target).__name__)} but expected {x.dtype}; use target.float()"
        )


def _bce_backward(g: Array, call: Call) -> Array:
    """g (x - t) / max((1 - x) x, 1e-12)."""
    x, target, weight = (*call.inputs, None)[:3]
    out = g * (x - target) / np.maximum((1.0 - x) * x, 1e-12)
    out = out if weight is None else out * weight
    return divided(out, x.size) if _is_mean(call) else out


def _bce_target_backward(g: Array, call: Call) -> Array:
    """g (log(1 - x) - log x)."""
    x, _, weight = (*call.inputs, None)[:3]
    out = g * (np.maximum(log(1.0 - x), -100.0) - np.maximum(log(x), -100.0))
    out = out if weight is None else out * weight
    return divided(out, x.size) if _is_mean(call) else out


@np.errstate(all="ignore")
def _log_sigmoid(x: Array) -> Array:
    """min(x, 0) - log(1 + exp(-|x|)), rounded once."""
    values = widened(x)
    return finished(np.minimum(values, 0) - log1p(exp(-np.abs(values))), x.dtype, "log_sigmoid")


def binary_cross_entropy_with_logits(
    x: Array, target: Array, weight: Array | None = None, pos_weight: Array | None = None, reduction: Reduction = "mean"
) -> Array:
    """(1 - t) x - log(sigmoid(x)), the latter times 1 + (pos_weight - 1) t if there is one.

    Raises ValueError for a target of another shape.
    """
    _refuse_integers(x, target)
    if x.shape != target.shape:
        raise ValueError(
            f"Target size ({list(target.shape)}) must be the same as input size ({list(x.shape)})"
        )  # fmt: skip
    logs = _log_sigmoid(x)
    if pos_weight is not None:
        logs = logs * ((pos_weight - 1.0) * target + 1.0)
    losses = (1.0 - target) * x - logs
    return _reduced(losses if weight is None else losses * weight, reduction)


def _logits_backward(g: Array, call: Call) -> Array:
    """(sigmoid(x) - t) g."""
    x, target, weight, pos_weight = (*call.inputs, None, None)[:4]
    if pos_weight is None:
        out = sigmoid(x) - target
    else:
        positive = pos_weight * target
        out = (positive + 1.0 - target) * sigmoid(x) - positive
    out = out * g
    out = out if weight is None else out * weight
    return divided(out, x.size) if _is_mean(call) else out


def _logits_target_backward(g: Array, call: Call) -> Array:
    x, _, weight, pos_weight = (*call.inputs, None, None)[:4]
    out = -x if pos_weight is None else _log_sigmoid(-x) - pos_weight * _log_sigmoid(x)
    out = out * g
    out = out if weight is None else out * weight
    return divided(out, x.size) if _is_mean(call) else out


# --- of classes


@np.errstate(all="ignore")
def nll_loss(
    x: Array, target: NDArray[Any], weight: Array | None = None, ignore_index: int = -100, reduction: Reduction = "mean"
) -> Saved:
    """-weight[t] x[t] for the class t of each sample: their sum, or that over the sum of weights, in float32.

    x: (C,), (N, C) or (N, C, d1, ...) log-probabilities; target: integers, the shape of `x` without C.

    Raises RuntimeError or ValueError for targets that do not fit, IndexError for a class that is not there.
    """
    if reduction not in REDUCTIONS:
        raise ValueError(f"{reduction} is not a valid value for reduction")
    classes = _checked_classes(x, target, weight, ignore_index)
    where = 0 if x.ndim == 1 else 1
    counted = classes != ignore_index
    safe = np.where(counted, classes, 0)
    picked = np.take_along_axis(widened(x), np.expand_dims(safe, where), axis=where).squeeze(where)
    ones = np.ones(x.shape[where], picked.dtype)
    shares = np.where(counted, (ones if weight is None else widened(weight))[safe], 0).astype(picked.dtype)
    losses = np.where(counted, -shares * picked, 0).astype(picked.dtype)
    whole = finished(total(shares), x.dtype, "nll_loss")
    if reduction == "none":
        result = finished(losses, x.dtype, "nll_loss")
    elif reduction == "sum":
        result = finished(total(losses), x.dtype, "nll_loss")
    else:
        result = finished(np.asarray(total(losses) / total(shares)), x.dtype, "nll_loss")
    return Saved(result, (safe, counted, owned(shares.astype(x.dtype.carrier, copy=False), x.dtype), whole))


def _checked_classes(x: Array, target: Any, weight: Array | None, ignore_index: int) -> NDArray[Any]:
    classes = np.asarray(target)
    if isinstance(target, Array) or classes.dtype.kind not in "iu":
        raise RuntimeError(
            f"expected target dtype to be Long or Byte, but got {getattr(target, 'dtype', classes.dtype)}; class "
            "indices are integers: use target.long()"
        )
    if x.ndim == 0:
        raise RuntimeError("input tensor should be 1D or 2D")
    if x.ndim > 1 and classes.ndim and len(x) != len(classes):
        raise ValueError(f"Expected input batch_size ({len(x)}) to match target batch_size ({len(classes)}).")
    shape = () if x.ndim == 1 else (x.shape[0], *x.shape[2:])
    if classes.shape != shape:
        raise RuntimeError(f"Expected target size {list(shape)}, got {list(classes.shape)}")
    count = x.shape[0 if x.ndim == 1 else 1]
    if weight is not None and weight.shape != (count,):
        raise RuntimeError(
            f"weight tensor should be defined either for all {count} classes or no classes but got weight tensor of "
            f"shape: {list(weight.shape)}"
        )
    wrong = (classes != ignore_index) & ((classes < 0) | (classes >= count))
    if wrong.any():
        raise IndexError(f"Target {classes[wrong].flat[0]} is out of bounds.")
    return classes


def _nll_backward(g: Array, call: Call) -> Array:
    """-weight[t] g, over the sum of weights for a mean, at each sample's class; 0 elsewhere, and of what is ignored.

    Where all labels are ignored the sum of weights is 0, the loss NaN, and the gradient 0 all the same.
    """
    x = call.inputs[0]
    classes, counted, shares, whole = call.saved
    slope = -(g / whole) if _is_mean(call) else -g
    where = 0 if x.ndim == 1 else 1
    out = np.zeros(x.shape, g.dtype.carrier)
    slopes = np.where(counted, (slope * shares)._values, 0)
    np.put_along_axis(out, np.expand_dims(classes, where), np.expand_dims(slopes, where), where)
    return owned(out + 0.0, g.dtype)  # no -0 where nothing counts


# fmt: off
ROWS = (
    #          name                                forward                           derivatives       saves
    Operation("mse_loss",                          mse_loss,                         _both(_mse_backward),
                                                                                                       ("01", "01")),
    Operation("l1_loss",                           l1_loss,                          (_l1_backward, _l1_of_target),
                                                                                                       ("01", "01")),
    Operation("smooth_l1_loss",                    smooth_l1_loss,                   _both(_smooth_l1_backward),
                                                                                                       ("01", "01")),
    Operation("huber_loss",                        huber_loss,                       _both(_huber_backward),
                                                                                                       ("01", "01")),
    Operation("binary_cross_entropy",              binary_cross_entropy,             (_bce_backward,
                                                                                      _bce_target_backward),
                                                                                                       ("012", "02")),
    Operation("binary_cross_entropy_with_logits",  binary_cross_entropy_with_logits, (_logits_backward,
                                                                                      _logits_target_backward),
                                                                                                       ("0123", "023")),
    Operation("nll_loss",                          nll_loss,                         (_nll_backward,), ("s",)),
)
# fmt: on
