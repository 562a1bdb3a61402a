"""Mixed precision under torch's names: autocast and GradScaler; and on which accumulator products run."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any, TypeVar, overload

from simfp import precision
from simfp.accumulation import AccumulatorLike, as_accumulator
from simfp.formats import ALIASES, NAMED_FORMATS, Format, as_format
from simfp.grad_scaler import GradScaler
from simfp.precision import AUTOCAST_LISTS, Precision
from simfp.typing import FormatLike

__all__ = [
    "AUTOCAST_LISTS",
    "AUTOCAST_RULES",
    "GradScaler",
    "accumulating",
    "autocast",
    "autocast_rule",
    "get_autocast_dtype",
    "is_autocast_available",
    "is_autocast_enabled",
]

AUTOCAST_RULES = {
    "lower_precision": "in autocast's dtype: matrix products and convolutions",
    "float32": "in float32: what a few bits or a small range would spoil",
    "float32_unless_dtype_given": "in float32, unless the call itself names a dtype",
    "float32_appended": "in float32, asked for by an argument more",
    "widest": "in the widest format among its inputs",
    "refused": "not at all: RuntimeError, since it overflows or loses what matters",
    "follows_inputs": "in the format that its inputs meet in, as without autocast",
}

DEFAULT_DTYPES = {"cuda": NAMED_FORMATS["float16"], "cpu": NAMED_FORMATS["bfloat16"]}
CPU_DTYPES = (NAMED_FORMATS["bfloat16"], NAMED_FORMATS["float16"])

# fmt: off
# what positional arguments mean, by the type of the first
ORDERS: dict[type, tuple[str, ...]] = {
    str:    ("device_type", "dtype", "enabled", "cache_enabled"),  # torch.autocast
    bool:   ("enabled", "dtype", "cache_enabled"),                 # torch.cuda.amp.autocast
    Format: ("dtype", "enabled", "cache_enabled"),
}
# fmt: on

F = TypeVar("F", bound=Callable[..., Any])


@dataclass
class _Arguments:
    """What autocast was called with."""

    device_type: Any = "cuda"
    dtype: FormatLike | None = None
    enabled: bool = True
    cache_enabled: bool | None = None


class autocast:
    """A region of code, or a decorated function, in which operations run in the formats that torch's autocast chooses.

    ``autocast()`` is torch.cuda.amp.autocast, with its arguments: enabled, dtype (float16), cache_enabled (True).
    ``autocast("cuda")`` is torch.autocast: device_type, dtype, enabled, cache_enabled; inside another region, what is
    not given is as it is there.

    dtype: the format that matrix products run in; a Format or what `as_format` takes. Formats of simfp's own are
    treated as float16 is: inputs of products are rounded to them, and those of operations in float32 widened from them.
    Elsewhere fp8 and custom formats meet no other, in a sum of two branches, say: one has to be brought to the other.
    enabled: False for a region, nested in another, in which operations run in the formats of their inputs.
    cache_enabled: whether the 16-bit copies of float32 parameters are made once and kept until the outermost region
    ends. They do not see what happens to a parameter meanwhile, and gradients of all its uses meet in 16 bits.
    accumulator (not in torch): how sums of products are carried, forward and backward: a GPU generation (`sf.HOPPER`),
    any other accumulator, or the name of a format to add in, one product after the other; if not given, as in the
    region around, and outside of all NumPy's float32 product, whose last bits hang on the processor and the threads.

    The lists are those for CUDA (`AUTOCAST_LISTS`), whatever the device. With "cpu", torch's default dtype is bfloat16,
    and a dtype that its CPU does not support is a warning, and disables.

    Regions nest, an instance may be entered again while it is open, and every thread has its own.

    Raises RuntimeError for an unknown device, ValueError or TypeError for an unknown dtype or accumulator.
    """

    @overload
    def __init__(
        self,
        device_type: str,
        dtype: FormatLike | None = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
        *,
        accumulator: AccumulatorLike | None = None,
    ) -> None: ...
    @overload
    def __init__(
        self,
        enabled: bool = True,
        dtype: FormatLike | None = None,
        cache_enabled: bool | None = None,
        *,
        accumulator: AccumulatorLike | None = None,
    ) -> None: ...
    @overload
    def __init__(
        self,
        dtype: Format,
        enabled: bool = True,
        cache_enabled: bool | None = None,
        *,
        accumulator: AccumulatorLike | None = None,
    ) -> None: ...
    def __init__(self, *args: Any, accumulator: Any = None, **named: Any) -> None:
        order = ORDERS.get(type(args[0])) if args else ()
        if order is None:
            raise ValueError(f"Expected `device_type` of type `str`, got: `{type(args[0])}`")
        if len(args) > len(order):
            raise TypeError(f"autocast takes at most {len(order)} arguments by position, {order}, got {len(args)}")
        given = dict(zip(order, args))
        asked = _Arguments(**given, **named)
        as_torch_autocast = "device_type" in (given | named)
        self.device = _device(asked.device_type)
        now = precision.current()
        inherits = as_torch_autocast and now.outer is not None
        default = now.dtype if inherits else DEFAULT_DTYPES[self.device]
        self.fast_dtype = default if asked.dtype is None else as_format(asked.dtype)
        if asked.cache_enabled is None:
            self._cache_enabled = now.cache_enabled if inherits else True
        else:
            self._cache_enabled = bool(asked.cache_enabled)
        self._accumulator = None if accumulator is None else as_accumulator(accumulator)
        self._enabled = bool(asked.enabled)
        if self._enabled and self.device == "cpu" and self.fast_dtype not in CPU_DTYPES:
            warnings.warn(
                "In CPU autocast, but the target dtype is not supported. Disabling autocast.\n"
                "CPU Autocast only supports dtypes of torch.bfloat16, torch.float16 currently.",
                stacklevel=2,
            )
            self._enabled = False

    def __enter__(self) -> autocast:
        outer = precision.current()
        precision.enter(
            Precision(
                autocast=self._enabled,
                dtype=self.fast_dtype,
                accumulator=outer.accumulator if self._accumulator is None else self._accumulator,
                cache_enabled=self._cache_enabled,
                cache={} if outer.outer is None else outer.cache,
                outer=outer,
            )
        )
        return self

    def __exit__(self, *exception: object) -> None:
        precision.leave()

    def __call__(self, function: F) -> F:
        """`function`, each of its calls in a region of its own."""

        @wraps(function)
        def run(*args: Any, **options: Any) -> Any:
            with self:
                return function(*args, **options)

        return run  # type: ignore[return-value]

    def __repr__(self) -> str:
        return f"autocast({self.device!r}, dtype={self.fast_dtype}, enabled={self._enabled})"


@contextmanager
def accumulating(accumulator: AccumulatorLike | None) -> Iterator[None]:
    """A region in which sums of products are carried by an accumulator, in every region of autocast within it, too.

    So a program that says nothing of accumulators, such as a script written for torch, can be run on one:
    ``with accumulating(sf.HOPPER): ...``. A region of autocast that names its own keeps it.

    accumulator: what `autocast` takes; None for NumPy's float32, as outside of all regions.
    """
    now = precision.current()
    with precision.running(replace(now, accumulator=as_accumulator(accumulator))):
        yield


def autocast_rule(operation: Any) -> str:
    """The rule that autocast has for an operation of torch: a key of `AUTOCAST_RULES`, which explains them.

    operation: its name, or the function. What stands in no list follows its inputs; a function that is made of others,
    as cross_entropy is of log_softmax and nll_loss, runs by the rules of these.

    >>> autocast_rule("linear"), autocast_rule("softmax"), autocast_rule("add")
    ('lower_precision', 'float32_unless_dtype_given', 'follows_inputs')

    Raises TypeError for what has no name.
    """
    name = operation if isinstance(operation, str) else getattr(operation, "__name__", None)
    if not isinstance(name, str):
        raise TypeError(f"expected the name of an operation, or a function, got {operation!r}")
    return precision.rule_of(name)


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Whether operations of this thread run under autocast now."""
    _device(device_type)
    return precision.current().autocast


def get_autocast_dtype(device_type: str = "cuda") -> Format:
    """The format that matrix products run in under autocast; outside of all regions, the device's default."""
    now = precision.current()
    return DEFAULT_DTYPES[_device(device_type)] if now.outer is None else now.dtype


def is_autocast_available(device_type: str) -> bool:
    """Whether autocast knows the device."""
    return device_type in DEFAULT_DTYPES


def _device(name: Any) -> str:
    """The name of a device, without its number."""
    if not isinstance(name, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(name)}`")
    if name not in DEFAULT_DTYPES:
        known = name.lower() in NAMED_FORMATS or name.lower() in ALIASES
        hint = (
            f"; a format is given by name: dtype={name!r}"
            if known
            else f"; expected one of {', '.join(DEFAULT_DTYPES)}"
        )
        raise RuntimeError(f"User specified an unsupported autocast device_type '{name}'{hint}")
    return name
