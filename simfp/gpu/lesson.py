"""Runs the validation lesson on a machine with a GPU, and keeps the notebook with its figures, for readers without."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from simfp import lessons_folder, whole_files
from simfp.course import notebooks
from simfp.course.authoring import pictures
from simfp.gpu import record

__all__ = ["LESSON", "copy_of", "write"]

LESSON = "12_validate_on_a_gpu.ipynb"
LIVE_ONLY = ("application/vnd.jupyter.widget-view+json",)  # a widget needs its kernel; its picture does not
BESIDE = re.compile(r"\]\((images/|solutions/|\d\d_)")  # links to what lies beside the lesson, one folder up from here


def copy_of(executed: dict[str, Any], provenance: dict[str, Any]) -> dict[str, Any]:
    """The executed notebook as it is stored: outputs, without what needs a kernel; its first cell says what ran it."""
    told = f"{provenance['device']}, driver {provenance['driver']}, torch {provenance['torch']}, {provenance['date']}"
    note = f"*The lesson, run from top to bottom on a machine with an {told}. To work in: [the lesson](../{LESSON}).*"
    copy = notebooks.clean(executed)
    for kept, cell in zip(copy["cells"], executed["cells"], strict=True):
        if cell["cell_type"] == "markdown":
            kept["source"] = [BESIDE.sub(r"](../\1", line).replace("](recordings/", "](") for line in kept["source"]]
            continue
        outputs: list[dict[str, Any]] = json.loads(json.dumps(cell["outputs"]))
        for output in outputs:
            for mime in LIVE_ONLY:
                output.get("data", {}).pop(mime, None)
        kept |= {"execution_count": cell["execution_count"], "outputs": outputs}
    first = {"cell_type": "markdown", "id": "run-on", "metadata": {}, "source": [note]}
    return copy | {"cells": [first, *copy["cells"]]}


def write(path: Path, device: str) -> None:
    """Runs the lesson and writes its copy, whole or not at all. Raises RuntimeError where a cell fails."""
    folder = lessons_folder.lessons()
    if folder is None:
        raise RuntimeError("the lesson is not here: run this in the project's folder")
    copy = copy_of(pictures.execute(folder / LESSON), record.provenance(device, "lesson"))
    whole_files.write(path, json.dumps(copy, indent=1, ensure_ascii=False) + "\n")
