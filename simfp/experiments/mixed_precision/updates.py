"""What is left of the update of one weight, bit by bit."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simfp import optim
from simfp.arrays import array
from simfp.autograd import Tensor
from simfp.formats import Format, as_format
from simfp.rounding import round_to, ulp

__all__ = ["Update", "is_absorbed", "smallest_lr", "update"]


class Update(NamedTuple):
    """One step of plain SGD on one weight: weight - lr * gradient, rounded once."""

    fmt: Format
    weight: float  # in the format
    gradient: float  # in the format: zero, if it was too small for it
    lr: float  # in float32, as the optimizer has it
    exact: Fraction  # weight - lr * gradient
    after: float

    @property
    def change(self) -> Fraction:
        """lr * gradient, exactly."""
        return Fraction(self.lr) * Fraction(self.gradient)

    @property
    def made(self) -> Fraction:
        """What the weight really changed by."""
        return Fraction(self.after) - Fraction(self.weight)

    @property
    def absorbed(self) -> bool:
        """Whether there was something to change and nothing was."""
        return bool(self.change) and not self.made

    @property
    def half_step(self) -> float:
        """Half of the distance to the next number in the direction of the change."""
        below = abs(self.weight) * (1 - 2.0**-30) if self._toward_zero else self.weight
        return float(ulp(below, self.fmt)) / 2

    @property
    def _toward_zero(self) -> bool:
        return bool(self.weight) and (self.change > 0) == (self.weight > 0)


def update(weight: float, lr: float, gradient: float, fmt: Any) -> Update:
    """The update of one weight in `fmt`, as the optimizer makes it; weight and gradient are rounded to `fmt` first.

    Raises ValueError for what is not finite, or too large for the format.
    """
    fmt = as_format(fmt)
    values = {"weight": weight, "gradient": gradient, "lr": lr}
    for name, value in values.items():
        rounded = round_to(float(value), "float32" if name == "lr" else fmt)
        if not math.isfinite(rounded):
            raise ValueError(f"`{name}` must be a finite number of {fmt}, got {value!r}")
        values[name] = float(rounded)
    p = Tensor(array([values["weight"]], fmt), requires_grad=True)
    p.grad = array([values["gradient"]], fmt)
    optim.SGD([p], lr=lr).step()
    exact = Fraction(values["weight"]) - Fraction(values["lr"]) * Fraction(values["gradient"])
    return Update(fmt, values["weight"], values["gradient"], values["lr"], exact, float(p.data.values[0]))


def is_absorbed(weight: Any, change: Any, fmt: Any) -> NDArray[np.bool_]:
    """Where weight - change, rounded to `fmt`, is the weight, though the change is not zero.

    weight: values of `fmt`; change: any numbers of float32, arrays or numbers.
    """
    w, u = np.asarray(weight, np.float64), np.asarray(change, np.float64)
    # the exact difference, rounded once: float64's own rounding is to odd, from the error of the subtraction
    difference = w - u
    virtual = w - difference
    lost = (w - (difference + virtual)) - (u - virtual)
    even = (np.abs(difference).view(np.uint64) & np.uint64(1)) == 0
    toward = np.where(lost > 0, np.inf, -np.inf)
    difference = np.where((lost != 0) & even, np.nextafter(difference, toward), difference)
    return np.asarray((round_to(difference, fmt) == w) & (u != 0))


def smallest_lr(weight: float, gradient: float, fmt: Any) -> float:
    """The smallest float32 learning rate with which an update by `gradient` still moves the weight.

    Raises ValueError for a gradient that is zero in the format.
    """
    if not round_to(float(gradient), fmt):
        raise ValueError(f"no learning rate moves a weight by a gradient of {gradient!r}: in {as_format(fmt)} it is 0")
    # codes of positive float32 numbers are in their order
    low, high = 0, int(np.float32(2.0**60).view(np.int32))
    while high - low > 1:
        middle = (low + high) // 2
        made = update(weight, float(np.int32(middle).view(np.float32)), gradient, fmt)
        low, high = (low, middle) if made.after != made.weight else (middle, high)
    return float(np.int32(high).view(np.float32))
