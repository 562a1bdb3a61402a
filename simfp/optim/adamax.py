"""Adamax."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from simfp.any_precision import power
from simfp.arrays import owned
from simfp.foreach import Foreach
from simfp.optim.optimizer import Optimizer, check_not_negative
from simfp.randomness import Chance
from simfp.typing import FormatLike, UpdateRounding

__all__ = ["Adamax"]


class Adamax(Optimizer):
    """Adamax (Kingma and Ba, 2015), in the operations of torch's foreach form with the arithmetic of CUDA's.

    With g the gradient, plus `weight_decay` times the weights: ``m = m + (1 - beta1) * (g - m)`` as in `Adam`,
    ``u = max(round(beta2 * u), round(|g| + eps))``, and ``p = p - lr / (1 - beta1**t) * (m / u)``, where m / u rounds
    in float32, then the fma.

    Its bits were those of an H200 wherever both were asked.

    params, rng, state_dtype, update_rounding, kahan: as `Optimizer` has them. foreach: nothing depends on it;
    `capturable`, `differentiable` must be left alone.

    Raises ValueError for options out of their range.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
        state_dtype: FormatLike | None = None,
        update_rounding: UpdateRounding = "nearest_even",
        kahan: bool = False,
        rng: Chance = None,
    ) -> None:
        check_not_negative(lr=lr, eps=eps)
        for i, beta in enumerate(betas):
            if not 0.0 <= beta < 1.0:
                raise ValueError(f"Invalid beta parameter at index {i}: {beta}")
        check_not_negative(weight_decay=weight_decay)
        defaults = {
            "lr": lr, "betas": tuple(betas), "eps": eps, "weight_decay": weight_decay, "foreach": foreach,
            "maximize": maximize, "differentiable": differentiable, "capturable": capturable,
            "state_dtype": state_dtype, "update_rounding": update_rounding, "kahan": kahan,
        }  # fmt: skip
        super().__init__(params, defaults, rng=rng)

    def update(self, p: Any, group: dict[str, Any]) -> None:
        """Updates one parameter, which has a gradient, by the options of its group."""
        beta1, beta2 = (float(beta) for beta in group["betas"])
        kept, state_format = self.state[p], self.state_format(p, group)
        weights, state = Foreach(p.data.dtype, "adamax"), Foreach(state_format, "adamax")
        kept["step"] = step = kept.get("step", 0.0) + 1
        g = -p.grad._values if group["maximize"] else p.grad._values
        if group["weight_decay"]:
            g = weights.add(g, p.data._values, alpha=float(group["weight_decay"]))
        mean = state.lerp(self.buffer(p, group, "exp_avg")._values, g, 1 - beta1)
        size = weights.compute(np.add, np.abs(g), float(group["eps"]))
        before = state.multiply(self.buffer(p, group, "exp_inf")._values, beta2)
        largest = np.maximum(before, size if weights.fmt == state.fmt else state.taken(size, weights.fmt))
        kept["exp_avg"], kept["exp_inf"] = owned(mean, state_format), owned(largest, state_format)
        rate = float(group["lr"]) / (1 - power(beta1, step)) * -1
        self.moved(p, group, "adamax", lambda tensors, x: tensors.addcdiv(x, mean, largest, rate))
