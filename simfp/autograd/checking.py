"""Gradients against differences: whether an operation's derivatives are those of its forward."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simfp.autograd.graph import no_grad
from simfp.autograd.tensor import Tensor

__all__ = ["check_grads"]

# The derivative at 0 of the polynomial of degree 4 through the values at -2, -1, 1 and 2 steps (and at 0).
STENCIL = {-2: 1 / 12, -1: -8 / 12, 1: 8 / 12, 2: -1 / 12}


def check_grads(
    function: Callable[..., Tensor], *inputs: Any, step: float = 2.0**-6, tolerance: float = 2e-4, seed: int = 0
) -> None:
    """Compares the gradients that `backward` finds with central differences, for every value of every input.

    function: takes `inputs` and gives a Tensor; called again and again, so that it must always give the same.
    inputs: float32 Tensors that require gradients are checked; whatever else there is is passed on.
    step: how far a value is moved, up to twice. No kink of the function may lie so near.
    tolerance: how large a difference may be, in proportion to the largest gradient of that input, or to 1.

    The result is weighted by random numbers and summed in float64. Its values are off by what float32 rounded away,
    about 2^-24 of each, which the differences divide by the step: about 2^-18 = 4e-6. Cutting the Taylor series off
    costs step^4 / 30 = 2e-9 times the fifth derivative. Tens of the one and thousands of the other stay below the
    tolerance; a wrong term or factor does not.

    Raises AssertionError naming the input, the place in it and both gradients.
    """
    checked = [place for place, x in enumerate(inputs) if isinstance(x, Tensor) and x.requires_grad]
    for place in checked:
        inputs[place].grad = None
    result = function(*inputs)
    weights = np.random.default_rng(seed).uniform(0.5, 1.5, result.shape).astype(np.float32)
    weights *= np.random.default_rng(seed + 1).choice(np.array([-1, 1], np.float32), result.shape)
    result.backward(weights)
    for place in checked:
        x = inputs[place]
        found = np.zeros(x.shape) if x.grad is None else x.grad.values.astype(np.float64)
        expected = _differences(function, inputs, place, weights.astype(np.float64), step)
        allowed = tolerance * max(1.0, float(np.abs(expected).max(initial=0)))
        wrong = ~(np.abs(found - expected) <= allowed)
        if wrong.any():
            where = tuple(int(each) for each in np.argwhere(wrong)[0])
            raise AssertionError(
                f"the gradient of input {place} at {where} is {found[where]:.7g}, but differences give "
                f"{expected[where]:.7g} ({wrong.sum()} of {wrong.size} values differ by more than {allowed:.2g})"
            )


def _differences(
    function: Callable[..., Tensor], inputs: tuple[Any, ...], place: int, weights: NDArray[Any], step: float
) -> NDArray[np.float64]:
    """The slope of the weighted sum of the results along each value of one input."""
    x = inputs[place]
    original = x.data
    slopes = np.zeros(x.shape)
    try:
        for where in np.ndindex(*x.shape):
            for steps, share in STENCIL.items():
                moved = original.copy()
                moved[where] = float(original.values[where]) + steps * step
                x.data = moved
                with no_grad():
                    slopes[where] += share * float((function(*inputs).data.values * weights).sum())
    finally:
        x.data = original
    return slopes / step
