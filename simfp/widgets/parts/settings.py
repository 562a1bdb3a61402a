"""Settings of widgets: traits that keep their last good value, and checks that say what would be valid.

A check takes a value, and returns the one to keep or raises ValueError or TypeError.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import traitlets

from simfp.formats import Format, as_format

__all__ = ["Check", "Kept", "formats_of", "one_number", "one_of", "switch", "whole"]

Check = Callable[[Any], Any]


class Kept(traitlets.TraitType):  # type: ignore[misc]
    """A synced trait that keeps its last good value when it is given a wrong one; the widget's `message` says why.

    check: a check, or the name of a method of the widget that is one, where the widget knows what is valid. The
    default is not checked.
    """

    def __init__(self, check: Check | str, default: Any, **options: Any) -> None:
        self.check = check
        super().__init__(default, **options)
        self.tag(sync=True)

    if TYPE_CHECKING:  # the value, and not the trait, is what a widget has under the name

        def __get__(self, widget: Any, kind: Any = None) -> Any: ...

        def __set__(self, widget: Any, value: Any) -> None: ...

    def validate(self, widget: Any, value: Any) -> Any:
        """`value` if it is good, else the one there was."""
        check = getattr(widget, self.check) if isinstance(self.check, str) else self.check
        try:
            good = check(value)
        except (TypeError, ValueError) as error:
            kept = getattr(widget, str(self.name))
            widget.message = f"{error}; kept {kept!r}"
            widget.send_state(str(self.name))  # whoever sent the wrong one shows the kept one again
            return kept
        widget.message = ""
        return good


def one_of(name: str, valid: Sequence[str]) -> Check:
    """A check for a setting called `name` that takes one of the `valid` words."""

    def check(value: Any) -> str:
        if not isinstance(value, str) or value not in valid:
            raise ValueError(f"unknown {name} {value!r}; expected one of {', '.join(valid)}")
        return value

    return check


def whole(name: str, valid: range) -> Check:
    """A check for a setting that takes a whole number of `valid`."""

    def check(value: Any) -> int:
        integer = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
        if not integer or value not in valid:
            raise ValueError(f"{name} must be a whole number from {valid[0]} to {valid[-1]}, got {value!r}")
        return int(value)

    return check


def one_number(name: str, valid: Sequence[float]) -> Check:
    """A check for a setting that takes one of a few numbers."""

    def check(value: Any) -> float:
        number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
        if not number or value not in valid:
            raise ValueError(f"{name} must be one of {', '.join(map(str, valid))}, got {value!r}")
        return type(valid[0])(value)

    return check


def switch(name: str) -> Check:
    """A check for a setting that is on or off."""

    def check(value: Any) -> bool:
        if not isinstance(value, bool):
            raise TypeError(f"{name} must be True or False, got {value!r}")
        return value

    return check


def formats_of(formats: Sequence[Any]) -> tuple[Format, ...]:
    """The formats that a widget shows side by side, each a name or whatever `as_format` takes.

    Raises ValueError for none, and as `as_format` does.
    """
    known = tuple(as_format(fmt) for fmt in formats)
    if not known:
        raise ValueError("`formats` must name at least one format")
    return known
