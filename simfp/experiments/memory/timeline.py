"""Which tensors are held, and when: bytes now, the peak, and what it is made of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from simfp.formats import NAMED_FORMATS

__all__ = ["ITEMS", "WIDTHS", "Held", "Kept", "Timeline"]

# what a tensor counts as, in the order in which bars are stacked
ITEMS = (
    "weights", "optimizer states", "gradients", "cast weights", "activations", "logits and loss", "temporaries",
    "inputs", "workspace",
)  # fmt: skip
PERSISTENT = ("weights", "optimizer states", "inputs", "workspace")
WIDTHS = {name: fmt.bits // 8 for name, fmt in NAMED_FORMATS.items()} | {"int64": 8, "bool": 1, "uint8": 1}


@dataclass(eq=False)
class Held:
    """One tensor."""

    item: str
    operation: str
    name: str
    fmt: str
    values: int

    @cached_property
    def bytes(self) -> int:
        """Its size."""
        return self.values * WIDTHS[self.fmt]


class Kept(NamedTuple):
    """Tensors of one kind that are saved for the backward pass: how many, and how large together."""

    item: str
    operation: str
    name: str
    fmt: str
    copies: int
    bytes: int


class Timeline:
    """What is held, told tensor by tensor, in phases."""

    def __init__(self) -> None:
        self.now = self.peak = self.rest = self.after_forward = 0
        self.moment = ""
        self.at_peak: dict[str, int] = {}
        self.phases: dict[str, int] = {}
        self.kept: tuple[Kept, ...] = ()
        self._phase = ""
        self._last = ""
        self._rising = False  # whether the peak is now: it is looked at when the first tensor after it is dropped
        self._held: dict[Held, None] = {}
        self._by_item: dict[str, int] = {}

    def begin(self, phase: str) -> None:
        """From here on it is `phase`, until the next one begins; "" is none."""
        self._settle()
        self._phase = phase
        if phase:
            self.phases[phase] = 0
            self._look("its beginning")

    def hold(self, item: str, operation: str, name: str, fmt: str, values: int) -> Held:
        """Holds a new tensor until it is dropped."""
        tensor = Held(item, operation, name, fmt, values)
        self._held[tensor] = None
        self.now += tensor.bytes
        self._by_item[item] = self._by_item.get(item, 0) + tensor.bytes
        self._look(operation)
        return tensor

    def drop(self, *tensors: Held) -> None:
        """Drops tensors; what was dropped already stays so."""
        self._settle()
        for tensor in tensors:
            if tensor in self._held:
                del self._held[tensor]
                self.now -= tensor.bytes
                self._by_item[tensor.item] -= tensor.bytes

    def forward_is_done(self) -> None:
        """Keeps what is held now as what the backward pass will need."""
        self.after_forward = self.now
        rows: dict[tuple[str, str, str, str], list[int]] = {}
        for each in self._held:
            if each.item not in PERSISTENT:
                row = rows.setdefault((each.item, each.operation, each.name, each.fmt), [0, 0])
                row[0] += 1
                row[1] += each.bytes
        self.kept = tuple(Kept(*what, count, size) for what, (count, size) in rows.items())

    def _look(self, operation: str) -> None:
        if not self._phase:
            return
        if self.now > self.phases[self._phase]:
            self.phases[self._phase] = self.now
        if self.now > self.peak:
            self.peak, self._rising, self._last = self.now, True, operation

    def _settle(self) -> None:
        """What the peak is made of, if it is now."""
        if self._rising:
            self.moment = f"{self._phase}, {self._last}"
            self.at_peak = {item: size for item, size in self._by_item.items() if size}
            self._rising = False
