"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from simfp.arrays import owned
from simfp.foreach import NO_VALUES, Foreach, flat, written
from simfp.kernels import updates
from simfp.optim.optimizer import Optimizer, check_not_negative
from simfp.randomness import Chance
from simfp.typing import FormatLike, UpdateRounding

__all__ = ["SGD"]


class SGD(Optimizer):
    """Stochastic gradient descent with momentum, as torch's, bit for bit as its foreach form on CUDA.

    With g the gradient, plus `weight_decay` times the weights: the buffer is g at first, then
    ``round(momentum * buffer) + (1 - dampening) * g`` with the second product and the sum fused; weights are
    ``p - lr * buffer``, fused (with `nesterov`, g plus momentum times the buffer in its place).
    Only the weights, the buffer and `data` change; torch's foreach form with `nesterov` writes over `grad` too.

    params, rng, state_dtype, update_rounding, kahan: as `Optimizer` has them. foreach: True or False, which give
    the same bits; `fused`, `differentiable` must be left alone.

    Raises ValueError for negative options, or nesterov without momentum or with dampening.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
        state_dtype: FormatLike | None = None,
        update_rounding: UpdateRounding = "nearest_even",
        kahan: bool = False,
        rng: Chance = None,
    ) -> None:
        check_not_negative(lr=lr, momentum=momentum, weight_decay=weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        defaults = {
            "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay,
            "nesterov": nesterov, "maximize": maximize, "foreach": foreach, "differentiable": differentiable,
            "fused": fused, "state_dtype": state_dtype, "update_rounding": update_rounding, "kahan": kahan,
        }  # fmt: skip
        super().__init__(params, defaults, rng=rng)

    def update(self, p: Any, group: dict[str, Any]) -> None:
        """Updates one parameter, which has a gradient, by the options of its group."""
        lr, momentum, share = float(group["lr"]), float(group["momentum"]), 1 - group["dampening"]
        decay, nesterov, maximize = float(group["weight_decay"]), bool(group["nesterov"]), bool(group["maximize"])
        kept = self.state[p] if momentum else {}
        first = kept.get("momentum_buffer") is None
        if self.is_plain(p, group):
            x, shape = flat(p.data._values), p.data.shape
            buffer = flat(self.buffer(p, group, "momentum_buffer")._values) if momentum else NO_VALUES
            scalars = (np.float32(each) for each in (-lr, momentum, share, decay))
            updates.sgd(x, flat(p.grad._values), buffer, *scalars, first, nesterov, maximize)
            if momentum:
                kept["momentum_buffer"] = owned(buffer.reshape(shape), p.data.dtype)
            written(p.data, x)
            return
        weights, state_format = Foreach(p.data.dtype, "sgd"), self.state_format(p, group)
        state = Foreach(state_format, "sgd")
        direction = -p.grad._values if maximize else p.grad._values
        if decay:
            direction = weights.add(direction, p.data._values, alpha=decay)
        if momentum:
            if first:
                buffer = state.taken(direction, p.data.dtype)
            else:
                buffer = state.multiply(self.buffer(p, group, "momentum_buffer")._values, momentum)
                buffer = state.add(buffer, direction, alpha=share)
            kept["momentum_buffer"] = owned(buffer, state_format)
            direction = weights.add(direction, buffer, alpha=momentum) if nesterov else buffer
        self.moved(p, group, "sgd", lambda tensors, x: tensors.add(x, direction, alpha=-lr))
