"""What a widget's front end is made of: one plain ES module and one style sheet, the shared parts in them.

`underflow.js` imports from `./shared.js` as any page would. A notebook is sent one module as text and can load no
second file beside it, so that one import line is replaced by the shared module itself. Nothing is bundled or built.
"""

from __future__ import annotations

import re
from importlib import resources
from typing import Any

import traitlets

__all__ = ["Kept", "module", "style"]

IMPORT = re.compile(r'^import \{[^}]*\} from "\./shared\.js";\n', re.MULTILINE)


def module(name: str) -> str:
    """The ES module of the widget called `name`, its import of the shared parts resolved."""
    shared = re.sub(r"^export ", "", _text("shared.js"), flags=re.MULTILINE)
    return IMPORT.sub(lambda _: shared, _text(f"{name}.js"), count=1)


def style(name: str) -> str:
    """The style sheet of the widget called `name`, after the shared one."""
    return _text("shared.css") + _text(f"{name}.css")


def _text(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


class Kept(traitlets.TraitType):  # type: ignore[misc]
    """A trait that keeps its last good value when it is given a wrong one; the widget's `message` says why.

    check: returns the value to take, or raises ValueError or TypeError. The default is not checked.
    """

    def __init__(self, check: Any, default: Any, **options: Any) -> None:
        self.check = check
        super().__init__(default, **options)

    def validate(self, widget: Any, value: Any) -> Any:
        """`value` if it is good, else the one there was."""
        try:
            good = self.check(value)
        except (TypeError, ValueError) as error:
            kept = getattr(widget, str(self.name))
            widget.message = f"{error}; kept {kept!r}"
            widget.send_state(str(self.name))  # whoever sent the wrong one shows the kept one again
            return kept
        widget.message = ""
        return good
