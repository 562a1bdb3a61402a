"""Errors for names of torch that are not here: they say what to use, from the table in `hints`."""

from __future__ import annotations

import importlib.machinery
import sys
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from types import ModuleType
from typing import Any

from simfp.torchlike.hints import DEFAULTS, ELSEWHERE, HINTS

__all__ = ["hint", "hinting"]

PACKAGE = __package__
PAGE = "docs/torch_names.md"


def hint(space: str, name: str) -> str:
    """What to use in place of a name.

    space: "torch", "torch.nn", "torch.optim", ... or "Tensor".
    """
    spellings = (name, name.removesuffix("_"))
    for spaces, names, use in HINTS:
        if space in spaces.split() and any(fnmatchcase(each, one) for each in spellings for one in names.split()):
            return use
    if name.endswith("_") and space in ("torch", "Tensor"):
        return IN_PLACE.format(name.removesuffix("_"))
    return DEFAULTS.get(space, ELSEWHERE)


IN_PLACE = "x.copy_() of the function without the underscore, torch.{0}(x), if the method x.{0}_() is not there"


def hinting(module: str) -> Callable[[str], Any]:
    """`__getattr__` of a module of torchlike: AttributeError with what to use."""
    space = _space(module)

    def __getattr__(name: str) -> Any:
        raise AttributeError(_message("module {!r} has no attribute {!r}", module, name, space), name=name)

    return __getattr__


def _space(module: str) -> str:
    return "torch" + module.removeprefix(PACKAGE)


def _message(words: str, module: str, name: str, space: str) -> str:
    use = "" if name.startswith("__") else f": {hint(space, name)}; {PAGE} lists every name"
    return words.format(module, name) + use


class _Missing:
    """The last that is asked for a module: of torchlike's, it tells what to use."""

    @staticmethod
    def find_spec(
        fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Nothing.

        Raises ImportError for a name below torchlike: nobody before had it.
        """
        above, _, name = fullname.rpartition(".")
        if name.startswith("__") or not f"{above}.".startswith(f"{PACKAGE}."):
            return None
        raise ImportError(_message("no {1!r} can be imported from {0!r}", above, name, _space(above)), name=name)


if not any(getattr(each, "__name__", "") == "_Missing" for each in sys.meta_path):
    sys.meta_path.append(_Missing)
