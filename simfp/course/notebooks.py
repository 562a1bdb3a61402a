"""The lessons' files: their titles, cells by tag, and how they are stored.

`python -m simfp.course.notebooks FILE ...` makes files ready to be committed: no outputs, no counters, nothing
of the machine that ran them, and cell ids that stay.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

__all__ = ["clean", "read", "source", "tagged", "text_of", "title"]

KERNEL = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
KEPT_METADATA = ("tags",)  # of a cell


def read(file: Path) -> dict[str, Any]:
    """A notebook's content."""
    notebook: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return notebook


def source(cell: dict[str, Any]) -> str:
    """A cell's text."""
    return "".join(cell["source"])


def title(file: Path) -> str:
    """The first heading of a notebook; its file's name where it has none, or cannot be read."""
    try:
        first = source(read(file)["cells"][0]).splitlines()[0]
    except (ValueError, LookupError, OSError):
        return file.stem
    return first.lstrip("# ").strip()


def tagged(file: Path, tag: str) -> list[dict[str, Any]]:
    """The cells of a notebook that carry `tag`."""
    return [cell for cell in read(file)["cells"] if tag in cell["metadata"].get("tags", ())]


def clean(notebook: dict[str, Any]) -> dict[str, Any]:
    """The notebook as it is stored: cells, their ids and tags, the kernel's name, and nothing else."""
    cells = []
    for number, cell in enumerate(notebook["cells"]):
        kept: dict[str, Any] = {
            "cell_type": cell["cell_type"],
            "id": cell.get("id") or f"cell-{number}",
            "metadata": {key: cell["metadata"][key] for key in KEPT_METADATA if cell["metadata"].get(key)},
            "source": source(cell).rstrip().splitlines(keepends=True),
        }
        if cell["cell_type"] == "code":
            kept |= {"execution_count": None, "outputs": []}
        cells.append(kept)
    return {"cells": cells, "metadata": KERNEL, "nbformat": 4, "nbformat_minor": 5}


def text_of(notebook: dict[str, Any]) -> str:
    """A notebook as the text of its file: one line of source a line, so that an edit is a small difference."""
    return json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def main(names: list[str]) -> int:
    """Cleans the named files and says which ones changed."""
    if not names:
        print(__doc__)
        return 2
    for file in map(Path, names):
        before = file.read_text(encoding="utf-8")
        after = text_of(clean(json.loads(before)))
        file.write_text(after, encoding="utf-8")
        print(f"{'as it was' if before == after else 'cleaned  '}  {file}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
