"""Names of torch that are not here, and what to use in their place: the one table, and what makes errors of it."""

from __future__ import annotations

import importlib.machinery
import sys
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from types import ModuleType
from typing import Any

from simfp.torchlike.hints import HINTS

__all__ = ["hint", "hinting"]

PACKAGE = __package__
PAGE = "docs/torch_names.md"


def hint(space: str, name: str) -> str | None:
    """What to use in place of a name, or None where the table does not know it.

    space: "torch", "torch.nn", "torch.optim", ... or "Tensor".
    """
    for where, names, use in HINTS:
        if where == space and any(fnmatchcase(name, each) for each in names.split()):
            return use
    return None


def hinting(module: str) -> Callable[[str], Any]:
    """`__getattr__` of a module of torchlike: AttributeError with what to use."""
    space = _space(module)

    def __getattr__(name: str) -> Any:
        raise AttributeError(_message(module, space, name), name=name, obj=sys.modules.get(module))

    return __getattr__


def _space(module: str) -> str:
    return "torch" + module.removeprefix(PACKAGE)


def _message(module: str, space: str, name: str) -> str:
    use = None if name.startswith("__") else hint(space, name)
    known = f": {use}" if use else f"; {PAGE} lists what there is"
    return f"module '{module}' has no attribute '{name}'{known}"


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
        if above != PACKAGE and not above.startswith(f"{PACKAGE}."):
            return None
        if name.startswith("__"):
            return None
        use = hint(_space(above), name)
        known = f": {use}" if use else f"; {PAGE} lists what there is"
        raise ImportError(f"cannot import name '{name}' from '{above}'{known}", name=name)


if not any(isinstance(each, type) and each.__name__ == "_Missing" for each in sys.meta_path):
    sys.meta_path.append(_Missing)
