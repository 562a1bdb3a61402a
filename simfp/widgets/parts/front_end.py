"""What a widget's front end is made of: one plain ES module and one style sheet, the shared parts in them.

`underflow/widget.js` imports from `../parts/shared.js` and `../parts/lanes.js` as any page would. A notebook is sent
one module as text and can load no second file beside it, so each such import line is replaced by the module itself.
Nothing is bundled or built.
"""

from __future__ import annotations

import re
from importlib import resources

__all__ = ["module", "style"]

IMPORT = re.compile(r'^import \{[^}]*\} from "\.(?:\./parts)?/(\w+)\.js";\n', re.MULTILINE)
WIDGETS = "simfp.widgets"


def module(name: str) -> str:
    """The ES module of the widget called `name`, its imports of shared parts resolved, each once."""
    text, placed = _text(name, "widget.js"), set()
    while found := IMPORT.search(text):
        part = (
            "" if found[1] in placed else re.sub(r"^export ", "", _text("parts", f"{found[1]}.js"), flags=re.MULTILINE)
        )
        placed.add(found[1])
        text = text[: found.start()] + part + text[found.end() :]
    return text


def style(*names: str) -> str:
    """The style sheets called `names`, after the shared one: parts, and those of widgets."""
    return "".join(_sheet(name) for name in ("shared", *names))


def _sheet(name: str) -> str:
    is_part = resources.files(WIDGETS).joinpath("parts", f"{name}.css").is_file()
    return _text("parts", f"{name}.css") if is_part else _text(name, "widget.css")


def _text(folder: str, name: str) -> str:
    return resources.files(WIDGETS).joinpath(folder, name).read_text(encoding="utf-8")
