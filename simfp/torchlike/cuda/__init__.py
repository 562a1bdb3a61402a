"""torch.cuda, in name: there is one device, always there, and nothing lies on it.

What is computed is what CUDA's kernels compute; where it is computed is this process. So nothing has to be awaited,
and no memory of a device is taken: all that asks for it gets 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from simfp.devices import DeviceLike, as_device
from simfp.torchlike.chance import get_rng_state as _get_rng_state
from simfp.torchlike.chance import manual_seed as _manual_seed
from simfp.torchlike.chance import set_rng_state as _set_rng_state
from simfp.torchlike.cuda import amp
from simfp.torchlike.names import hinting

__all__ = [
    "amp", "current_device", "device", "device_count", "empty_cache", "get_device_capability", "get_device_name",
    "get_rng_state", "get_rng_state_all", "init", "is_available", "is_bf16_supported", "is_initialized", "manual_seed",
    "manual_seed_all", "max_memory_allocated", "max_memory_reserved", "mem_get_info", "memory_allocated",
    "memory_reserved", "reset_peak_memory_stats", "set_device", "set_rng_state", "set_rng_state_all", "synchronize",
]  # fmt: skip


def is_available() -> bool:
    """True."""
    return True


is_initialized = is_available


def init() -> None:
    """Nothing has to be done."""


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """True."""
    return True


def device_count() -> int:
    """1."""
    return 1


def current_device() -> int:
    """0."""
    return 0


def set_device(device: Any) -> None:
    """Takes the one device that there is.

    Raises RuntimeError for another.
    """
    as_device(device)


@contextmanager
def device(device: Any) -> Iterator[None]:
    """A context on the one device that there is.

    Raises RuntimeError for another.
    """
    as_device(device)
    yield


def get_device_name(device: DeviceLike | None = None) -> str:
    """What the device calls itself."""
    as_device(device)
    return "simfp, CUDA's arithmetic on a CPU"


def get_device_capability(device: DeviceLike | None = None) -> tuple[int, int]:
    """(9, 0): Hopper's, whose kernels simfp's recordings are of."""
    as_device(device)
    return 9, 0


def synchronize(device: DeviceLike | None = None) -> None:
    """Returns at once: whatever was asked for is done."""
    as_device(device)


def empty_cache() -> None:
    """There is none."""


def _no_memory(name: str) -> Any:
    def function(device: DeviceLike | None = None) -> int:
        as_device(device)
        return 0

    function.__name__ = function.__qualname__ = name
    function.__doc__ = "0: nothing lies on a device."
    return function


memory_allocated, max_memory_allocated = _no_memory("memory_allocated"), _no_memory("max_memory_allocated")
memory_reserved, max_memory_reserved = _no_memory("memory_reserved"), _no_memory("max_memory_reserved")


def mem_get_info(device: DeviceLike | None = None) -> tuple[int, int]:
    """(0, 0): there is no memory of a device."""
    as_device(device)
    return 0, 0


def reset_peak_memory_stats(device: DeviceLike | None = None) -> None:
    """Nothing is counted."""
    as_device(device)


def manual_seed(seed: int) -> None:
    """Starts the shared generator anew, as `torch.manual_seed`: there is one for all devices."""
    _manual_seed(seed)


manual_seed_all = manual_seed


def get_rng_state(device: Any = "cuda") -> Any:
    """The shared generator's state, as `torch.get_rng_state`."""
    as_device(device)
    return _get_rng_state()


def set_rng_state(new_state: Any, device: Any = "cuda") -> None:
    """Brings the shared generator to where it stood, as `torch.set_rng_state`."""
    as_device(device)
    _set_rng_state(new_state)


def get_rng_state_all() -> list[Any]:
    """The state of each device's generator: of the shared one."""
    return [_get_rng_state()]


def set_rng_state_all(new_states: Any) -> None:
    """Brings the shared generator to where it stood."""
    for state in new_states:
        _set_rng_state(state)


__getattr__ = hinting(__name__)
