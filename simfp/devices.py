"""Devices, in name: there is one, and "cpu" and "cuda" both mean it.

Values lie in this computer's memory and are computed in the arithmetic of torch's CUDA kernels. So a Tensor says that
it is on cuda:0, as after torch.set_default_device("cuda"); to send it anywhere gives it back as it is, and its values
can be had as a NumPy array without being sent to the CPU first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

__all__ = ["THE_DEVICE", "Device", "DeviceLike", "as_device", "is_device"]

TYPES = ("cpu", "cuda")


@dataclass(frozen=True, init=False, repr=False)
class Device:
    """A device's name, as torch.device has it: ``Device("cuda:0")``, ``Device("cuda", 0)``, ``Device(0)``.

    Raises RuntimeError for an unknown one, TypeError for what cannot name one.
    """

    type: str
    index: int | None

    def __init__(self, type: Any, index: int | None = None) -> None:
        if isinstance(type, Device):
            type, index = type.type, type.index if index is None else index
        elif isinstance(type, int) and not isinstance(type, bool):
            type, index = "cuda", type
        elif not isinstance(type, str):
            if str(getattr(type, "type", "")) not in TYPES:  # a device of torch's
                raise TypeError(f"cannot read {type!r} as a device; expected 'cpu', 'cuda' or 'cuda:0'")
            type, index = str(type.type), type.index
        name, colon, number = type.partition(":")
        if colon and (index is not None or not number.isdecimal()):
            raise RuntimeError(f"Invalid device string: '{type}'")
        if name not in TYPES:
            raise RuntimeError(
                f"Expected one of cpu, cuda device type at start of device string: {name}; both are the one device"
            )
        if colon:
            index = int(number)
        if index is not None and index != 0:
            raise RuntimeError(f"invalid device ordinal: {index}; there is one device here, number 0")
        object.__setattr__(self, "type", name)
        object.__setattr__(self, "index", index)

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __repr__(self) -> str:
        return f"device(type={self.type!r}" + ("" if self.index is None else f", index={self.index}") + ")"


class TorchDevice(Protocol):
    """A device of torch, known by what it has: torch itself is not imported here."""

    @property
    def type(self) -> str:
        """ "cpu" or "cuda"."""

    @property
    def index(self) -> int | None:
        """Which one of them."""


THE_DEVICE = Device("cuda", 0)
DeviceLike: TypeAlias = Device | str | int | TorchDevice  # what `as_device` takes


def as_device(x: DeviceLike | None) -> Device:
    """The device that `x` names; None means the one there is."""
    return THE_DEVICE if x is None else Device(x)


def is_device(x: Any) -> bool:
    """Whether `x` is meant to name a device, rather than a format."""
    if isinstance(x, str):
        return x.partition(":")[0] in (*TYPES, "mps", "xpu", "meta", "mkldnn", "xla", "hpu")
    return (
        isinstance(x, Device)
        or (isinstance(x, int) and not isinstance(x, bool))
        or (type(x).__name__ == "device" and hasattr(x, "type"))
    )
