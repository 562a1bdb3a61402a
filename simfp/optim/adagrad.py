"""Adagrad."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from simfp.arrays import array, owned
from simfp.foreach import Foreach
from simfp.optim.optimizer import Optimizer, check_not_negative
from simfp.randomness import Chance
from simfp.typing import FormatLike, UpdateRounding

__all__ = ["Adagrad"]


class Adagrad(Optimizer):
    """Adagrad (Duchi, Hazan and Singer, 2011), in the operations of torch's foreach form with the arithmetic of CUDA's.

    With g the gradient, plus `weight_decay` times the weights, and `lr` over 1 + (steps before) * `lr_decay`:
    ``s = s + g * g`` in one fma, ``d = round(sqrt(s)) + eps``, ``p = p + round(-lr * g) / d``, each rounded; the
    quotient rounds in float32 before it is added. Its bits were those of an H200 wherever both were asked.

    initial_accumulator_value: what s begins as. params, rng, state_dtype, update_rounding, kahan: as `Optimizer` has
    them. foreach: nothing depends on it; `differentiable`, `fused` must be left alone.

    Raises ValueError for negative options.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        state_dtype: FormatLike | None = None,
        update_rounding: UpdateRounding = "nearest_even",
        kahan: bool = False,
        rng: Chance = None,
    ) -> None:
        check_not_negative(
            lr=lr, lr_decay=lr_decay, weight_decay=weight_decay, initial_accumulator_value=initial_accumulator_value,
            eps=eps,
        )  # fmt: skip
        defaults = {
            "lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable, "fused": fused,
            "state_dtype": state_dtype, "update_rounding": update_rounding, "kahan": kahan,
        }  # fmt: skip
        super().__init__(params, defaults, rng=rng)

    def update(self, p: Any, group: dict[str, Any]) -> None:
        """Updates one parameter, which has a gradient, by the options of its group."""
        kept, state_format = self.state[p], self.state_format(p, group)
        weights, state = Foreach(p.data.dtype, "adagrad"), Foreach(state_format, "adagrad")
        kept["step"] = step = kept.get("step", 0.0) + 1
        if kept.get("sum") is None:
            kept["sum"] = array(np.full(p.data.shape, group["initial_accumulator_value"]), state_format)
        rate = -float(group["lr"]) / (1 + (step - 1) * float(group["lr_decay"]))
        g = -p.grad._values if group["maximize"] else p.grad._values
        if group["weight_decay"]:
            g = weights.add(g, p.data._values, alpha=float(group["weight_decay"]))
        total = state.addcmul(self.buffer(p, group, "sum")._values, g, g, 1.0)
        kept["sum"] = owned(total, state_format)
        below = state.compute(np.add, state.compute(np.sqrt, total), float(group["eps"]))
        above = weights.multiply(g, rate)
        self.moved(p, group, "adagrad", lambda tensors, x: tensors.addcdiv(x, above, below, 1.0))
