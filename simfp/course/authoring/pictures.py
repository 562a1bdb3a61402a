"""The lessons' pictures for readers without a kernel: what each widget showed when the lesson was run.

`python -m simfp.course.authoring.pictures` runs every lesson and takes them anew. A markdown cell that names a picture,
`![words](images/03_slider.png)`, stands under the cell whose widget it shows; picture and words are that widget's own.
"""

from __future__ import annotations

import base64
import io
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from simfp import lessons_folder
from simfp.course import notebooks

__all__ = ["Shown", "execute", "same_picture", "shown"]

LINK = re.compile(r"!\[([^\]]*)\]\((images/[\w.]+\.png)\)")
LONGEST_CELL = 120  # seconds


class Shown(NamedTuple):
    """One picture that a lesson names, and what its widget really shows."""

    path: str  # relative to the lesson's folder
    told: str  # the words under it in the notebook
    words: str  # the widget's
    png: bytes


def execute(file: Path) -> dict[str, Any]:
    """A lesson after a run from top to bottom, as it is stored. Bets and answers go into a file of the run's own."""
    import nbformat
    from nbclient import NotebookClient

    notebook: Any = nbformat.read(file, as_version=4)  # type: ignore[no-untyped-call]
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "SIMFP_PROGRESS": str(Path(folder, "progress.json"))}
        client = NotebookClient(notebook, timeout=LONGEST_CELL, resources={"metadata": {"path": str(file.parent)}})
        client.execute(env=environment)
    return dict(notebook)


def shown(notebook: dict[str, Any]) -> Iterator[Shown]:
    """The pictures of a lesson that was run, in its order.

    Raises ValueError for a picture that stands under no widget.
    """
    above: dict[str, Any] | None = None
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            outputs = (output.get("data", {}) for output in cell["outputs"])
            above = next((data for data in outputs if "image/png" in data), None)
            continue
        for told, path in LINK.findall(notebooks.source(cell)):
            if above is None:
                raise ValueError(f"{path} stands under a cell that shows no widget")
            yield Shown(path, told, alternative(above["text/plain"]), base64.b64decode(above["image/png"]))


def alternative(words: str) -> str:
    """A widget's words as they stand in a link: one line, without the brackets that would end it."""
    return (
        "; ".join(line.strip().rstrip(".") for line in words.splitlines())
        .replace(":; ", ": ")
        .replace("[", "(")
        .replace("]", ")")
    )


def same_picture(one: bytes, other: bytes) -> bool:
    """Whether two PNG files show the same pixels."""
    first, second = (np.asarray(Image.open(io.BytesIO(png)).convert("RGB")) for png in (one, other))
    return first.shape == second.shape and bool((first == second).all())


def renew(file: Path) -> list[str]:
    """Runs a lesson and writes what changed of its pictures and their words; comes back with the pictures' paths."""
    stored = file.read_text(encoding="utf-8")
    if not LINK.search(stored):
        return []
    changed = []
    notebook = notebooks.read(file)
    for picture in shown(execute(file)):
        target = file.parent / picture.path
        if not target.exists() or not same_picture(target.read_bytes(), picture.png):
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(picture.png)
            changed.append(picture.path)
        for cell in notebook["cells"]:
            if cell["cell_type"] == "markdown":
                cell["source"] = notebooks.source(cell).replace(
                    f"![{picture.told}]({picture.path})", f"![{picture.words}]({picture.path})"
                )
    text = notebooks.text_of(notebooks.clean(notebook))
    if text != stored:
        file.write_text(text, encoding="utf-8")
        changed.append(file.name)
    return changed


def main() -> int:
    """Takes the pictures of every lesson anew, and says which changed."""
    folder = lessons_folder.lessons()
    if folder is None:
        print("the lessons are not here", file=sys.stderr)
        return 1
    for file in sorted(folder.glob("[0-9][0-9]_*.ipynb")):
        print(f"{file.stem}: {', '.join(renew(file)) or 'as it was'}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
