"""What every widget is: settings and a message; a figure, and words that say the same; what a notebook keeps of it."""

from __future__ import annotations

import base64
from typing import Any

import anywidget
import traitlets

from simfp.figures.png import png
from simfp.widgets.parts.settings import Check, Kept

__all__ = ["Widget"]


class Widget(anywidget.AnyWidget):  # type: ignore[misc]
    """A front end with simfp behind it.

    A subclass has
        `_esm` and `_css`, its front end (`front_end.module` and `front_end.style`);
        its settings, each of them a `Kept`;
        `figure` and `alternative`, for readers without a kernel;
    and sends what its front end shows in synced traits of its own. All numbers and texts are made in Python.
    """

    message = traitlets.Unicode("").tag(sync=True)  # why a setting was not taken; "" if it was

    def figure(self, *, dark: bool = False) -> Any:
        """The same as a static Matplotlib Figure, on a white page or a dark one."""
        raise NotImplementedError

    def alternative(self) -> str:
        """What the widget shows, in words."""
        raise NotImplementedError

    @classmethod
    def checks(cls) -> dict[str, Check]:
        """The check of each setting, in the order in which the class names them."""
        traits = {name: trait for kind in reversed(cls.__mro__) for name, trait in vars(kind).items()}
        return {
            name: trait.check for name, trait in traits.items() if isinstance(trait, Kept) and callable(trait.check)
        }

    @classmethod
    def checked(cls, settings: dict[str, Any], *others: str) -> dict[str, Any]:
        """`settings` as their checks give them back; `others` are further arguments, to be named as valid ones.

        Raises TypeError for a setting that there is not, and what the checks raise.
        """
        checks = cls.checks()
        for name in settings:
            if name not in checks:
                valid = dict.fromkeys([*others, *checks])
                raise TypeError(f"unknown setting {name!r}; expected one of {', '.join(valid)}")
        return {name: checks[name](value) for name, value in settings.items()}

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """The live widget, and for readers without a kernel its picture and its words."""
        data, metadata = super()._repr_mimebundle_(**options)
        words = self.alternative()
        data |= {"text/plain": words, "image/png": base64.b64encode(png(self.figure())).decode()}
        return data, metadata | {"image/png": {"alt": words}}
