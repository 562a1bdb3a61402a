"""Writes `docs/public_names.md`: every name that `import simfp as sf` promises, and what it is.

    python -m tests.public_names

What a name is comes from its docstring; which stand together is said here.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import simfp as sf

PAGE = Path(__file__).parents[1] / "docs" / "public_names.md"
FOREWORD = """# The names of `simfp`

`import simfp as sf` has these names, and promises no others: modules that are not among them may move. Arguments are
told in each docstring (`help(sf.round_to)`), types of arguments in `simfp.typing`, torch's names in
[torch_names.md](torch_names.md). The page is written by `python -m tests.public_names`; a test holds it to `__all__`.
"""
FORMATS, INTEGERS, GENERATIONS = (
    tuple(name for name in sf.__all__ if isinstance(getattr(sf, name), kind))
    for kind in (sf.Format, sf.IntegerType, sf.Generation)
)
GROUPS: dict[str, tuple[str, ...]] = {
    "Formats": ("Format", "as_format", *sorted(FORMATS, key=lambda name: -getattr(sf, name).bits)),
    "Integers and truth values": ("IntegerType", "as_dtype", *sorted(INTEGERS, key=lambda name: getattr(sf, name).max)),
    "Rounding": ("round_to", "encode", "decode", "fate", "explain", "ulp", "next_up", "next_down"),
    "Operations rounded once": ("add", "subtract", "multiply", "divide", "sqrt", "fma"),
    "Arrays": ("Array", "array", "sum", "dot", "matmul"),
    "How sums are accumulated": (
        "SequentialSum", "PairwiseSum", "KahanSum", "BlockedSum", "ExactSum", "Float64Sum", "TensorCore", "Order",
        "Generation", *GENERATIONS,
    ),
    "Gradients": ("Tensor", "tensor", "no_grad", "Device"),
    "Training": ("nn", "optim", "amp"),
    "Watching": ("Census", "Trace"),
}  # fmt: skip


def page() -> str:
    """The whole page."""
    parts = [FOREWORD]
    for title, names in GROUPS.items():
        rows = "\n".join(f"| `sf.{name}` | {what(getattr(sf, name))} |" for name in names)
        parts.append(f"## {title}\n\n| Name | What it is |\n|---|---|\n{rows}\n")
    return "\n".join(parts)


def what(value: Any) -> str:
    """What a name stands for, in a line."""
    if isinstance(value, sf.Format):
        return (
            f"{value.bits} bits: sign, {value.exponent_bits} of exponent, {value.mantissa_bits} of mantissa; "
            f"up to {value.max:.6g}"
        )
    if isinstance(value, sf.IntegerType):
        return f"{value.bits} bits: {value.min} to {value.max}"
    if isinstance(value, sf.Generation):
        return f"{value.name}'s tensor cores, for {', '.join(map(str, value.cores))}"
    assert isinstance(value, ModuleType) or callable(value)
    text = " ".join((inspect.getdoc(value) or "").partition("\n\n")[0].split()).replace("``", "`")
    return re.split(r"(?<=[.:;]) (?=[A-Z`])|: ", text, maxsplit=1)[0].rstrip(".:;").replace("|", r"\|")


def main() -> None:
    """Writes the page."""
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE.name}")


if __name__ == "__main__":
    main()
