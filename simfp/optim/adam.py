"""Adam, and AdamW with its decoupled weight decay."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from simfp.any_precision import power
from simfp.arrays import owned
from simfp.foreach import NO_VALUES, Foreach, flat, written
from simfp.kernels import updates
from simfp.optim.optimizer import Optimizer, check_not_negative
from simfp.randomness import Chance
from simfp.typing import FormatLike, UpdateRounding

__all__ = ["Adam", "AdamW"]


class Adam(Optimizer):
    """Adam (Kingma and Ba, 2015), as torch's, bit for bit as its foreach form on CUDA.

    Each line rounds once to float32, and once more to the tensor's format; scalars are computed in double and
    then become float32. With g the gradient, plus `weight_decay` times the weights (fused):

    - ``m = m + (1 - beta1) * (g - m)``: the difference rounds in float32, then the fma (from 1 - beta1 = 0.5 on
      computed from g instead)
    - ``v = round(beta2 * v) + (1 - beta2) * (g * g)``: g * g rounds in float32, then the fma
    - ``d = round(round(sqrt(v) / sqrt(1 - beta2**t)) + eps)``, the root rounded too
    - ``p = p - lr / (1 - beta1**t) * (m / d)``: m / d rounds in float32, then the fma

    params, rng, state_dtype, update_rounding, kahan: as `Optimizer` has them. amsgrad: the largest v so far in the
    place of v. foreach: False multiplies the root by float32(1 / sqrt(1 - beta2**t)) instead, as torch does then;
    `fused`, `capturable`, `differentiable` must be left alone.

    Raises ValueError for options out of their range.
    """

    operation = "adam"

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
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
            "lr": lr, "betas": tuple(betas), "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad,
            "maximize": maximize, "foreach": foreach, "capturable": capturable, "differentiable": differentiable,
            "fused": fused, "decoupled_weight_decay": decoupled_weight_decay,
            "state_dtype": state_dtype, "update_rounding": update_rounding, "kahan": kahan,
        }  # fmt: skip
        super().__init__(params, defaults, rng=rng)

    def update(self, p: Any, group: dict[str, Any]) -> None:
        """Updates one parameter, which has a gradient, by the options of its group."""
        beta1, beta2 = (float(beta) for beta in group["betas"])
        lr, eps, decay = float(group["lr"]), float(group["eps"]), float(group["weight_decay"])
        kept = self.state[p]
        step = kept["step"] = kept.get("step", 0.0) + 1
        rate, root = lr / (1 - power(beta1, step)) * -1, math.sqrt(1 - power(beta2, step))
        plain_root = group["foreach"] is False
        if plain_root:
            root = 1 / root  # in double: float32(1) / float32(root) can be another number
        decoupled, penalty = (lr * decay, 0.0) if group["decoupled_weight_decay"] else (0.0, decay)
        names = ["exp_avg", "exp_avg_sq"] + ["max_exp_avg_sq"] * bool(group["amsgrad"])
        moments = [self.buffer(p, group, name)._values for name in names]

        if self.is_plain(p, group):
            data = p.data
            x, shape = flat(data._values), data.shape
            mean, square, largest = map(flat, [*moments, NO_VALUES][:3])
            arrays = (x, flat(p.grad._values), mean, square, largest)
            before, after = (rate, 1 - beta1, beta2, 1 - beta2, root), (eps, penalty, 1 - decoupled)
            updates.adam(
                *arrays, *map(np.float32, before), plain_root, *map(np.float32, after), bool(group["maximize"])
            )
            for name, values in zip(names, (mean, square, largest)):
                kept[name] = owned(values.reshape(shape), data.dtype)
            written(data, x)
            return

        state_format = self.state_format(p, group)
        weights, state = Foreach(p.data.dtype, self.operation), Foreach(state_format, self.operation)
        g = -p.grad._values if group["maximize"] else p.grad._values
        if penalty:
            g = weights.add(g, p.data._values, alpha=penalty)
        mean = state.lerp(moments[0], g, 1 - beta1)
        square = state.addcmul(state.multiply(moments[1], beta2), g, g, 1 - beta2)
        new = [mean, square] + [np.maximum(most, square) for most in moments[2:]]
        for name, values in zip(names, new):
            kept[name] = owned(values, state_format)
        scaled = state.compute(np.multiply if plain_root else np.divide, state.compute(np.sqrt, new[-1]), root)
        denominator = state.compute(np.add, scaled, eps)
        self.moved(p, group, self.operation, lambda tensors, x: tensors.addcdiv(x, mean, denominator, rate), decoupled)


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019): first ``p = round(p * (1 - lr * decay))``.

    Otherwise as `Adam`.
    """

    operation = "adamw"

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        **options: Any,
    ) -> None:
        if "decoupled_weight_decay" in options:
            raise TypeError("AdamW.__init__() got an unexpected keyword argument 'decoupled_weight_decay'")
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, decoupled_weight_decay=True, **options)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over a state_dict, as `Optimizer` does; the decay stays decoupled whatever it says."""
        super().load_state_dict(state_dict)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True
