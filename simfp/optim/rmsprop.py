"""RMSprop."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from simfp.arrays import owned
from simfp.foreach import Foreach
from simfp.optim.optimizer import Optimizer, check_not_negative
from simfp.randomness import Chance
from simfp.typing import FormatLike, UpdateRounding

__all__ = ["RMSprop"]


class RMSprop(Optimizer):
    """RMSprop (Hinton's lecture, 2012), in the operations of torch's foreach form with the arithmetic of CUDA's.

    With g the gradient, plus `weight_decay` times the weights, each line rounded:

    - ``v = round(alpha * v) + (1 - alpha) * (g * g)``: g * g rounds in float32, then the fma
    - ``d = round(sqrt(v)) + eps``; if `centered`, of v minus the square of a running mean of g
    - ``p = p - lr * (g / d)``: g / d rounds in float32, then the fma. With `momentum` the quotient goes into
      ``b = round(momentum * b) + g / d``, and ``p = p - lr * b``

    Its bits were those of an H200 wherever both were asked.

    params, rng, state_dtype, update_rounding, kahan: as `Optimizer` has them. foreach: nothing depends on it;
    `capturable`, `differentiable` must be left alone.

    Raises ValueError for negative options.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        *,
        state_dtype: FormatLike | None = None,
        update_rounding: UpdateRounding = "nearest_even",
        kahan: bool = False,
        rng: Chance = None,
    ) -> None:
        check_not_negative(lr=lr, eps=eps, momentum=momentum, weight_decay=weight_decay, alpha=alpha)
        defaults = {
            "lr": lr, "momentum": momentum, "alpha": alpha, "eps": eps, "centered": centered,
            "weight_decay": weight_decay, "capturable": capturable, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable,
            "state_dtype": state_dtype, "update_rounding": update_rounding, "kahan": kahan,
        }  # fmt: skip
        super().__init__(params, defaults, rng=rng)

    def update(self, p: Any, group: dict[str, Any]) -> None:
        """Updates one parameter, which has a gradient, by the options of its group."""
        lr, alpha, eps = float(group["lr"]), float(group["alpha"]), float(group["eps"])
        momentum, decay = float(group["momentum"]), float(group["weight_decay"])
        kept, state_format = self.state[p], self.state_format(p, group)
        weights, state = Foreach(p.data.dtype, "rmsprop"), Foreach(state_format, "rmsprop")
        kept["step"] = kept.get("step", 0.0) + 1
        g = -p.grad._values if group["maximize"] else p.grad._values
        if decay:
            g = weights.add(g, p.data._values, alpha=decay)
        square = state.addcmul(state.multiply(self.buffer(p, group, "square_avg")._values, alpha), g, g, 1 - alpha)
        kept["square_avg"], spread = owned(square, state_format), square
        if group["centered"]:
            mean = state.lerp(self.buffer(p, group, "grad_avg")._values, g, 1 - alpha)
            kept["grad_avg"], spread = owned(mean, state_format), state.addcmul(square, mean, mean, -1.0)
        below = state.compute(np.add, state.compute(np.sqrt, spread), eps)
        if momentum:
            velocity = state.multiply(self.buffer(p, group, "momentum_buffer")._values, momentum)
            velocity = state.addcdiv(velocity, g, below, 1.0)
            kept["momentum_buffer"] = owned(velocity, state_format)
            self.moved(p, group, "rmsprop", lambda tensors, x: tensors.add(x, velocity, alpha=-lr))
        else:
            self.moved(p, group, "rmsprop", lambda tensors, x: tensors.addcdiv(x, g, below, -lr))
