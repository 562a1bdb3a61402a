"""GradScaler: loss scaling that finds its own scale, with torch's semantics, messages and float32 arithmetic.

Gradients of 16-bit numbers vanish where they are small. So the loss is multiplied by a scale, and the gradients are
divided by it once they are float32; a scale that made any of them overflow is taken back, the step left out, and
after enough good steps it grows again. (Micikevicius et al., "Mixed Precision Training", 2018.)
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import numpy as np

from simfp import observe
from simfp.arrays import Array, overwrite, owned
from simfp.elementwise import FLOAT32
from simfp.foreach import Foreach
from simfp.formats import NAMED_FORMATS

__all__ = ["GradScaler", "Progress", "Stage"]

FLOAT16 = NAMED_FORMATS["float16"]


class Stage(Enum):
    """How far an optimizer has come since the last update."""

    READY = 0
    UNSCALED = 1
    STEPPED = 2


@dataclass
class Progress:
    """How far one optimizer has come since the last update."""

    stage: Stage = Stage.READY
    overflowed: bool | None = None  # whether a gradient was infinite or NaN; None: there was none to look at


class GradScaler:
    """Scales losses, unscales gradients, and skips the steps that an overflow would have spoiled.

    The order of an iteration: ``scaler.scale(loss).backward()``, where gradients are to be clipped
    ``scaler.unscale_(optimizer)``, then ``scaler.step(optimizer)`` and ``scaler.update()``.

    device: taken for torch's sake; nothing depends on it.
    init_scale: the first scale. growth_factor: what it is multiplied by after `growth_interval` consecutive good steps,
    unless it would become infinite. backoff_factor: what it is multiplied by after a bad one, without a floor: it
    can come down to 0.
    enabled: False makes `step` call the optimizer's, and everything else do nothing.

    Raises AssertionError for a growth factor not above 1 or a backoff factor not below.
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        if not isinstance(device, str):
            raise TypeError(f'`device` must be a string such as "cuda", got {device!r}; give init_scale by its name')
        if enabled and growth_factor <= 1.0:
            raise AssertionError("The growth factor must be > 1.0.")
        if enabled and backoff_factor >= 1.0:
            raise AssertionError("The backoff factor must be < 1.0.")
        self._enabled = enabled
        self._init_scale, self._init_growth_tracker = init_scale, 0
        self._growth_factor, self._backoff_factor = growth_factor, backoff_factor
        self._growth_interval = growth_interval
        self._scale: np.float32 | None = None  # from the first call of `scale` on
        self._growth_tracker = 0
        self._progress: defaultdict[int, Progress] = defaultdict(Progress)

    def scale(self, outputs: Any) -> Any:
        """`outputs` times the scale: a tensor, or lists, tuples and other iterables of them, nested at will.

        The product is that with a 0-d float32 tensor: a float16 loss without dimensions becomes float32.

        Raises ValueError for anything else.
        """
        if not self._enabled:
            return outputs
        if isinstance(outputs, Array) or isinstance(getattr(outputs, "data", None), Array):
            if self._scale is None:
                self._scale, self._growth_tracker = _float32(self._init_scale), self._init_growth_tracker
            return outputs * owned(self._scale, FLOAT32)
        if isinstance(outputs, Iterable) and not isinstance(outputs, (str, bytes)):
            scaled = map(self.scale, outputs)
            return type(outputs)(scaled) if isinstance(outputs, (list, tuple)) else scaled  # type: ignore[call-arg]
        raise ValueError("outputs must be a Tensor or an iterable of Tensors")

    def unscale_(self, optimizer: Any) -> None:
        """Divides the gradients of the optimizer's parameters by the scale, once; `step` does it otherwise.

        They are multiplied by its reciprocal, in float32, and looked at before: whether any is infinite or NaN.

        Raises ValueError for float16 gradients, RuntimeError when called twice or after `step`, AssertionError
        before the first `scale`.
        """
        if not self._enabled:
            return
        scale, progress = self._started("unscale_"), self._progress[id(optimizer)]
        if progress.stage is Stage.UNSCALED:
            raise RuntimeError("unscale_() has already been called on this optimizer since the last update().")
        if progress.stage is Stage.STEPPED:
            raise RuntimeError("unscale_() is being called after step().")
        params = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        if any(p.grad.dtype == FLOAT16 for p in params):
            raise ValueError("Attempting to unscale FP16 gradients.")
        with np.errstate(all="ignore"):
            factor = np.float32(np.float64(1) / np.float64(scale))
        finite = [_unscale(p, factor) for p in params]
        progress.overflowed = not all(finite) if params else None
        progress.stage = Stage.UNSCALED

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """What ``optimizer.step(*args, **kwargs)`` returns; None where it was skipped, for an infinite or NaN gradient.

        Gradients are looked at when they are unscaled, which is done now unless it was done before; not again.

        Raises RuntimeError when called twice, or with a `closure`, AssertionError where no parameter has a gradient.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise RuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        self._started("step")
        progress = self._progress[id(optimizer)]
        if progress.stage is Stage.STEPPED:
            raise RuntimeError("step() has already been called since the last update().")
        if progress.stage is Stage.READY:
            self.unscale_(optimizer)
        if progress.overflowed is None:
            raise AssertionError("No inf checks were recorded for this optimizer.")
        result = None if progress.overflowed else optimizer.step(*args, **kwargs)
        progress.stage = Stage.STEPPED
        return result

    def update(self, new_scale: Any = None) -> None:
        """Ends the iteration: the scale backs off if any optimizer met an overflow, and grows when it is time.

        new_scale: a number or a tensor of one element, without a gradient, to take as the scale instead.

        Raises AssertionError where no gradient was looked at, or before the first `scale`.
        """
        if not self._enabled:
            return
        scale = self._started("update")
        if new_scale is not None:
            self._scale = _float32(_one_number(new_scale))
        else:
            overflows = [each.overflowed for each in self._progress.values() if each.overflowed is not None]
            if not overflows:
                raise AssertionError("No inf checks were recorded prior to update.")
            # factors are doubles: the product is rounded to float32 once
            if any(overflows):
                self._scale, self._growth_tracker = _product(scale, self._backoff_factor), 0
            elif self._growth_tracker + 1 == self._growth_interval:
                grown = _product(scale, self._growth_factor)
                self._scale, self._growth_tracker = grown if np.isfinite(grown) else scale, 0
            else:
                self._growth_tracker += 1
        self._progress.clear()

    def get_scale(self) -> float:
        """The scale; 1.0 where scaling is disabled."""
        if not self._enabled:
            return 1.0
        return self._init_scale if self._scale is None else float(self._scale)

    def get_growth_factor(self) -> float:
        """What the scale is multiplied by when it grows."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """Sets the growth factor."""
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        """What the scale is multiplied by after an overflow."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """Sets the backoff factor."""
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        """How many consecutive good steps make the scale grow."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Sets the growth interval: the scale grows when the count of good steps equals it, not when it is beyond."""
        self._growth_interval = new_interval

    def progress(self, optimizer: Any) -> Progress:
        """How far an optimizer has come since the last update, and whether it met an overflow (not in torch)."""
        return replace(self._progress.get(id(optimizer), Progress()))

    def is_enabled(self) -> bool:
        """Whether anything is scaled."""
        return self._enabled

    def state_dict(self) -> dict[str, Any]:
        """Scale, growth_factor, backoff_factor, growth_interval and _growth_tracker; {} where scaling is disabled."""
        if not self._enabled:
            return {}
        return {
            "scale": self.get_scale(),
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._get_growth_tracker(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over a state_dict; does nothing where scaling is disabled.

        Raises RuntimeError for an empty one, TypeError, KeyError or ValueError for what is no such state_dict; the
        scaler is then as it was.
        """
        if not self._enabled:
            return
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"expected a state_dict of a GradScaler, got {type(state_dict).__name__}")
        if not state_dict:
            raise RuntimeError(
                "The source state dict is empty, possibly because it was saved from a disabled instance of GradScaler."
            )
        names = ("scale", "growth_factor", "backoff_factor", "growth_interval", "_growth_tracker")
        missing = [name for name in names if name not in state_dict]
        if missing:
            raise KeyError(f"the state_dict of a GradScaler has no {missing[0]!r}")
        scale, growth, backoff, interval, tracker = (_number(name, state_dict[name]) for name in names)
        self._init_scale = scale
        if self._scale is not None:
            self._scale = _float32(scale)
        self._growth_factor, self._backoff_factor, self._growth_interval = growth, backoff, interval
        self._init_growth_tracker = self._growth_tracker = tracker

    def __getstate__(self) -> dict[str, Any]:
        if self._progress:
            raise AssertionError(
                "A GradScaler instance may only be pickled at the beginning of an iteration, "
                "or at the end after scaler.update()."
            )
        began = {"_init_scale": self.get_scale(), "_init_growth_tracker": self._get_growth_tracker(), "_scale": None}
        return vars(self) | {"_progress": defaultdict(Progress)} | (began if self._enabled else {})

    def _get_growth_tracker(self) -> int:
        """How many consecutive good steps there were."""
        if not self._enabled:
            return 0
        return self._init_growth_tracker if self._scale is None else self._growth_tracker

    def _started(self, name: str) -> np.float32:
        """The scale as it is; AssertionError before there is one."""
        if self._scale is None:
            raise AssertionError(
                f"Attempted {name} but _scale is None.  This may indicate your script did not use "
                "scaler.scale(loss or outputs) earlier in the iteration."
            )
        return self._scale


def _unscale(p: Any, factor: np.float32) -> bool:
    """Multiplies a gradient by `factor`, in float32, and says whether it was finite before."""
    grad: Array = p.grad
    finite = bool(np.isfinite(grad._values).all())
    if factor != 1:
        with observe.at(phase="unscale", layer=None, parameter=p, inputs=(grad,)):
            overwrite(grad, Foreach(grad.dtype, "unscale").multiply(grad._values, factor))
    return finite


def _product(scale: np.float32, factor: float) -> np.float32:
    """The product with a double, rounded to float32."""
    with np.errstate(all="ignore"):
        return np.float32(np.float64(scale) * np.float64(factor))


def _float32(number: float) -> np.float32:
    """A number as float32; RuntimeError, as torch's, where it is finite and beyond float32's largest."""
    if FLOAT32.max < abs(number) < math.inf:
        raise RuntimeError("value cannot be converted to type float without overflow")
    return np.float32(number)


def _one_number(new_scale: Any) -> float:
    """The number in `new_scale`; AssertionError where there is not one, or one with a gradient."""
    if isinstance(new_scale, (int, float, np.number)):
        return float(new_scale)
    data = new_scale if isinstance(new_scale, (Array, np.ndarray)) else getattr(new_scale, "data", None)
    if not isinstance(data, (Array, np.ndarray)) or data.size != 1 or getattr(new_scale, "requires_grad", False):
        raise AssertionError("new_scale should be a float or a tensor of one element with requires_grad=False.")
    return float(data.item())


def _number(name: str, value: Any) -> Any:
    """A number of a state_dict as it is; TypeError for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
        raise TypeError(f"{name!r} in the state_dict of a GradScaler should be a number, got {value!r}")
    return value
