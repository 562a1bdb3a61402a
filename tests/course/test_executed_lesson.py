"""The validation lesson as it ran on a machine with a GPU: the same lesson, no cell failed, and what it says there."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from simfp.course import notebooks
from simfp.gpu.lesson import LESSON, copy_of
from simfp.silicon import recordings

LESSONS = Path(__file__).parents[2] / "lessons"
COPY = notebooks.read(LESSONS / "recordings" / "h200_lesson_12.ipynb")
pytestmark = pytest.mark.torch


def printed(notebook: dict[str, Any]) -> str:
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", ())]
    assert {output["output_type"] for output in outputs} <= {"stream", "display_data", "execute_result"}  # no error
    texts = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs]
    return "\n".join("".join(text) for text in texts)


def test_the_copy_is_of_the_lesson_as_it_stands() -> None:
    source = recordings.load("h200_operations")["provenance"]
    again = copy_of(notebooks.read(LESSONS / LESSON), source)
    (first, *copied), (named, *written) = ([notebooks.source(cell) for cell in each["cells"]] for each in (COPY, again))
    assert copied == written
    day = r", \d{4}-\d\d-\d\d\."  # it may be run anew on another day
    assert re.sub(day, "", first) == re.sub(day, "", named)


def test_it_asked_the_gpu_then_and_there_and_found_what_the_recording_has() -> None:
    told, recording = printed(COPY), recordings.load("h200_operations")
    source = recording["provenance"]
    assert told.startswith("live: given just now by an NVIDIA H200, driver")
    assert f"torch {source['torch']}" in told
    elements = sum(row["elements"] for row in recording["rows"])
    of_the_frontier = sum(row["differing"] > 0 for row in recording["rows"])
    all_of_it = next(line for line in told.splitlines() if re.match(r"\s*all\s+\d", line))
    checks, asked, _, with_any = (int(number.replace(",", "")) for number in re.findall(r"[\d,]+", all_of_it))
    # how many differ within the frontier varies from run to run, where the GPU adds atomically
    assert (checks, asked, with_any) == (len(recording["rows"]), elements, of_the_frontier)
    assert "all weights compared after each of 100 steps: they differ after 0" in told


def test_a_copy_keeps_figures_and_leads_to_what_lies_a_folder_up() -> None:
    cells = [
        {"cell_type": "markdown", "id": "a", "metadata": {}, "source": "![x](images/a.png) [y](recordings/b.html)"},
        {"cell_type": "markdown", "id": "b", "metadata": {}, "source": "[next](13_on.ipynb), [away](https://a.b/)"},
        {
            "cell_type": "code", "id": "c", "metadata": {}, "source": "w", "execution_count": 1,
            "outputs": [{"output_type": "display_data", "metadata": {}, "data": {
                "application/vnd.jupyter.widget-view+json": {}, "image/png": "aa", "text/plain": "words"}}],
        },
    ]  # fmt: skip
    told = {"device": "D", "driver": "1", "torch": "2", "date": "2026-01-01"}
    copy = copy_of({"cells": cells}, told)
    assert json.loads(json.dumps(copy)) == copy
    sources = [notebooks.source(cell) for cell in copy["cells"]]
    assert "an D, driver 1, torch 2, 2026-01-01" in sources[0]
    assert sources[1:3] == ["![x](../images/a.png) [y](b.html)", "[next](../13_on.ipynb), [away](https://a.b/)"]
    assert set(copy["cells"][3]["outputs"][0]["data"]) == {"image/png", "text/plain"}
