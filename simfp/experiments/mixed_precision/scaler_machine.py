"""GradScaler as a machine to step through: two tiny models with an optimizer each, one scaler, one call at a time.

Every call is the real one, in any order; an error that it raises is a result. What the machine holds is read after it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from simfp import nn, optim
from simfp.amp import GradScaler, autocast

__all__ = ["CALLS", "ITERATION", "PARTS", "Machine", "Part", "Pressed"]

PARTS = ("a", "b")
CALLS = (
    "zero_grad()",
    "scale(loss).backward()",
    "unscale_(a)",
    "unscale_(b)",
    "clip(a)",
    "clip(b)",
    "step(a)",
    "step(b)",
    "update()",
)
ITERATION = ("zero_grad()", "scale(loss).backward()", "step(a)", "step(b)", "update()")
MAX_NORM = 0.01
INPUTS = np.array([[0.5, -1.0], [1.0, 0.25], [-0.5, 0.75]], np.float32)
TARGETS = np.array([[0.02], [0.01], [-0.03]], np.float32)
OUTLIER = 60_000.0  # an input that the forward pass in fp16 still holds, and no gradient does
TO_ZERO = 2.0**-150  # what float32 rounds to zero, up to here
LARGEST_SCALE = float(np.finfo(np.float32).max)  # above it torch refuses, too
WEIGHTS = {"a": ((0.02, -0.01), 0.0), "b": ((-0.03, 0.04), 0.01)}


class Pressed(NamedTuple):
    """One call, and what came of it."""

    call: str
    told: str
    wrong: bool  # whether it raised


class Part(NamedTuple):
    """One optimizer as the scaler sees it, and its model."""

    name: str
    stage: str  # READY, UNSCALED or STEPPED
    found_inf: bool | None  # None: no gradients were looked at yet
    gradients: tuple[float, ...] | None
    weights: tuple[float, ...]


def number(x: float) -> str:
    """A number of four digits, or a scale with all of its."""
    return f"{x:,.0f}" if abs(x) < 1e9 and x == math.floor(x) else f"{x:.4g}"


class Machine:
    """A scaler, two models and two optimizers, which `press` makes the calls of CALLS on.

    overflows: the parts whose next batch holds an outlier, so that their gradients overflow in fp16.

    Raises ValueError for a first scale that is not above 0 and finite in float32, in which scales are kept, and for
    a growth interval that is no whole number above 0.
    """

    def __init__(self, *, init_scale: float = 2.0**16, growth_interval: int = 3) -> None:
        init_scale = float(init_scale) if isinstance(init_scale, np.floating) else init_scale
        number_like = isinstance(init_scale, (int, float, np.integer)) and not isinstance(init_scale, bool)
        if not number_like or not TO_ZERO < init_scale <= LARGEST_SCALE:
            wanted = "a number above 0 and finite in float32 (1.4e-45 to 3.4e+38)"
            raise ValueError(f"`init_scale` must be {wanted}, got {init_scale!r:.40}")
        whole = isinstance(growth_interval, (int, np.integer)) and not isinstance(growth_interval, bool)
        if not whole or not 1 <= growth_interval < 2**31:
            raise ValueError(
                f"`growth_interval` must be a whole number from 1 to 2^31 - 1, got {growth_interval!r:.40}"
            )
        self.scaler = GradScaler(init_scale=init_scale, growth_interval=growth_interval)
        self.models, self.optimizers = {}, {}
        for name, (weight, bias) in WEIGHTS.items():
            model = nn.Linear(2, 1)
            model.load_state_dict({"weight": np.array([weight], np.float32), "bias": np.array([bias], np.float32)})
            self.models[name] = model
            self.optimizers[name] = optim.SGD(model.parameters(), lr=0.1)
        self.overflows: set[str] = set()
        self.history: list[Pressed] = []

    @property
    def scale(self) -> float:
        """The scale."""
        return self.scaler.get_scale()

    @property
    def tracker(self) -> int:
        """Consecutive good steps."""
        return int(self.scaler.state_dict()["_growth_tracker"])

    def part(self, name: str) -> Part:
        """How one optimizer and its model stand."""
        progress = self.scaler.progress(self.optimizers[name])
        params = list(self.models[name].parameters())
        grads = [p.grad for p in params if p.grad is not None]
        return Part(
            name,
            progress.stage.name,
            progress.overflowed,
            tuple(float(x) for g in grads for x in g.values.ravel()) if grads else None,
            tuple(float(x) for p in params for x in p.data.values.ravel()),
        )

    def press(self, call: str) -> Pressed:
        """Makes one of CALLS, and says what came of it.

        Raises ValueError for another.
        """
        if call not in CALLS:
            raise ValueError(f"unknown call {call!r}; expected one of {', '.join(CALLS)}")
        name, _, rest = call.partition("(")
        made: Callable[[str], str] = getattr(self, f"_{name.rstrip('_')}")
        try:
            with np.errstate(all="ignore"):
                pressed = Pressed(call, made(rest.rstrip(")")), False)
        except (RuntimeError, AssertionError, ValueError) as error:
            pressed = Pressed(call, f"{type(error).__name__}: {error}", True)
        self.history.append(pressed)
        return pressed

    def iterate(self) -> None:
        """One whole iteration, its calls in the right order."""
        for call in ITERATION:
            self.press(call)

    def _zero_grad(self, _: str) -> str:
        for optimizer in self.optimizers.values():
            optimizer.zero_grad()
        return "no gradients are left"

    def _scale(self, _: str) -> str:
        loss: Any = None
        had = {name: self.part(name).gradients is not None for name in PARTS}
        with autocast(dtype="float16"):
            for name, model in self.models.items():
                inputs = INPUTS.copy()
                if name in self.overflows:
                    inputs[0, 0] = OUTLIER
                part = nn.functional.mse_loss(model(inputs), TARGETS)
                loss = part if loss is None else loss + part
        scaled = self.scaler.scale(loss)
        scaled.backward()
        came = f"gradients came, each {number(self.scale)} times too large"
        mixed = [name for name in PARTS if had[name] and self.part(name).stage != "READY"]
        if mixed:
            return f"{came}, and were added to {' and '.join(mixed)}'s, divided already: a senseless sum"
        if any(had.values()):
            return f"{came}, and were added to those that were there"
        return f"the loss {number(loss.item())} × {number(self.scale)} = {number(scaled.item())}; {came}"

    def _unscale(self, name: str) -> str:
        before = self.scale
        self.scaler.unscale_(self.optimizers[name])
        found = self.part(name).found_inf
        if found is None:
            return f"{name} has no gradients: nothing was looked at"
        seen = "an infinite or NaN one was found" if found else "all were finite"
        return f"{name}'s gradients were looked at ({seen}), and divided by {number(before)}"

    def _clip(self, name: str) -> str:
        norm = float(nn.utils.clip_grad_norm_(self.models[name].parameters(), MAX_NORM))
        if not math.isfinite(norm):
            return f"{name}'s gradients have the norm {number(norm)}: nothing to be clipped well"
        still = f", each still {number(self.scale)} times too large," if self.part(name).stage == "READY" else ""
        told = f"the norm of {name}'s gradients{still} was {number(norm)}"
        return f"{told}; now it is {MAX_NORM:g}" if norm > MAX_NORM else f"{told}: below {MAX_NORM:g}, left alone"

    def _step(self, name: str) -> str:
        before = self.part(name)
        self.scaler.step(self.optimizers[name])
        after = self.part(name)
        if after.found_inf:
            return f"skipped: {name}'s weights are as they were"
        first = "" if before.stage == "UNSCALED" else "unscaled first; "
        moved = "moved" if after.weights != before.weights else "did not move, for its gradients are 0"
        return f"{first}{name}'s weights {moved}"

    def _update(self, _: str) -> str:
        scale, tracker = self.scale, self.tracker
        self.scaler.update()
        if self.scale < scale:
            return f"an overflow was found: the scale went from {number(scale)} to {number(self.scale)}"
        if self.scale > scale:
            told = f"{tracker + 1} consecutive good steps: the scale went from {number(scale)} to"
            return f"{told} {number(self.scale)}"
        return f"a good step: the tracker went from {tracker} to {self.tracker}"
