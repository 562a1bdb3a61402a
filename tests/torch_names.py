"""Writes `docs/torch_names.md`: every public name of torch, and what simfp.torchlike makes of it.

    python -m tests.torch_names

Needs torch, whose own lists it goes through; what is here is asked of the package itself, and what to use in place of
the rest comes from the table that error messages are made of (`simfp.torchlike.hints`).
"""

from __future__ import annotations

import importlib
import inspect
import types
from pathlib import Path
from typing import Any

from simfp.differences import DIFFERS
from simfp.torchlike.hints import DIFFERENCES
from simfp.torchlike.names import IN_PLACE, hint

PAGE = Path(__file__).parents[1] / "docs" / "torch_names.md"
SPACES = (
    "torch", "torch.nn", "torch.nn.functional", "torch.nn.init", "torch.nn.utils", "torch.optim",
    "torch.optim.lr_scheduler", "torch.amp", "torch.cuda.amp", "torch.cuda", "torch.autograd", "torch.utils.data",
    "Tensor",
)  # fmt: skip
FOREWORD = """# torch's names in simfp

`import simfp.torchlike as torch` (and `import simfp.torchlike.nn.functional as F`, and so on) has what training scripts
take from torch: see [A script of your own](a_script_of_your_own.md). This page lists every public name of torch
{version}: those that are there, with what differs, and those that are not, with what to use. A name that is not there
says so, too, when it is asked for. The page is written by `python -m tests.torch_names`; a test holds it to both sides.

Everywhere:

- The arithmetic is that of torch's CUDA kernels, whatever the device is called.
- Random numbers are NumPy's: the distributions are torch's, the numbers are not.
- There is no float64, and there are no complex numbers.
- There are no gradients of gradients.
"""


def owner(space: str, side: str) -> Any:
    """The module or class that a space's names belong to. side: "torch" or "simfp"."""
    package = "torch" if side == "torch" else "simfp.torchlike"
    if space == "Tensor":
        return importlib.import_module(package).Tensor
    return importlib.import_module(space.replace("torch", package, 1))


def public_names(space: str) -> list[str]:
    """Every public name of torch in a space, without what its modules import for themselves."""
    where = owner(space, "torch")
    listed = set(getattr(where, "__all__", ()))
    found = listed | {name for name in dir(where) if _belongs(space, where, name)}
    return sorted(name for name in found if not name.startswith("_") and hasattr(where, name))


def _belongs(space: str, where: Any, name: str) -> bool:
    if name.startswith("_") or not hasattr(where, name):
        return False
    value = inspect.getattr_static(where, name)
    if space == "Tensor":
        return True
    if isinstance(value, types.ModuleType):
        return value.__name__ == f"{space}.{name}"
    if getattr(where, "__all__", None) and space != "torch":
        return False
    made_in = getattr(value, "__module__", None) or ""
    return callable(value) and (made_in.startswith("torch") or isinstance(value, types.BuiltinFunctionType))


def differences(space: str) -> dict[str, str]:
    """The names of a space that are there and differ, and how."""
    return DIFFERS.get(space, {}) | {name: how for (where, name), how in DIFFERENCES.items() if where == space}


def has(space: str, name: str) -> bool:
    """Whether the package has a name."""
    return hasattr(owner(space, "simfp"), name)


def page() -> str:
    """The whole page."""
    import torch

    parts = [FOREWORD.format(version=version(torch.__version__))]
    for space in SPACES:
        names = public_names(space)
        there = [name for name in names if has(space, name)]
        title = "Tensors" if space == "Tensor" else f"`{space}`"
        parts.append(f"## {title}\n\n{len(there)} of {len(names)} names are there.\n")
        parts.append(f"**There:** {', '.join(f'`{name}`' for name in there)}\n")
        differing = differences(space)
        if differing:
            rows = "\n".join(f"- `{name}`: {how}" for name, how in sorted(differing.items()))
            parts.append(f"**Of these, other than torch's:**\n\n{rows}\n")
        families: dict[str, list[str]] = {}
        for name in names:
            if not has(space, name):
                use = hint(space, name)
                in_place = use == IN_PLACE.format(name.removesuffix("_"))
                families.setdefault(IN_PLACE.format("name") if in_place else use, []).append(name)
        if families:
            rows = "\n".join(f"- {', '.join(f'`{n}`' for n in group)}: {use}" for use, group in families.items())
            parts.append(f"**Not there, and what to use:**\n\n{rows}\n")
    return "\n".join(parts)


def version(full: str) -> str:
    """2.13 of 2.13.0+cpu."""
    return ".".join(full.split(".")[:2])


def main() -> None:
    """Writes the page."""
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE.name}")


if __name__ == "__main__":
    main()
