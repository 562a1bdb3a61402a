"""The lessons in a plain IPython, in a terminal: the same words, as text."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from simfp.course import notebooks

LESSONS = sorted((Path(__file__).parents[2] / "lessons").glob("*.ipynb"))

RUN = """
import json, sys
from IPython.terminal.interactiveshell import TerminalInteractiveShell
shell = TerminalInteractiveShell.instance(simple_prompt=True, colors="nocolor", history_manager=None)
for cell in json.loads(sys.stdin.read()):
    shell.run_cell(cell, store_history=True).raise_error()
"""


# one stands for all in `make test`, which runs each by nbclient
@pytest.mark.lessons
@pytest.mark.parametrize(
    "file",
    [LESSONS[0], *(pytest.param(file, marks=pytest.mark.long) for file in LESSONS[1:])],
    ids=lambda file: file.stem,
)
def test_a_lesson_runs_in_a_terminal_and_speaks_in_text(file: Path, tmp_path: Path) -> None:
    cells = [notebooks.source(cell) for cell in notebooks.read(file)["cells"] if cell["cell_type"] == "code"]
    environment = {
        **os.environ,
        "SIMFP_PROGRESS": str(tmp_path / "progress.json"),
        "IPYTHONDIR": str(tmp_path),
        "MPLBACKEND": "agg",
    }
    run = [sys.executable, "-c", RUN]
    done = subprocess.run(
        run, input=json.dumps(cells), text=True, capture_output=True, env=environment, cwd=file.parent, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "Traceback" not in done.stdout
    assert not re.search(r"<(div|table|img|figure)\b| object at 0x", done.stdout)
    for cell in cells:  # each check and each bet says in words what it wants
        for key in re.findall(r'^(?:bet|check)\("([\w.]+)"', cell, flags=re.MULTILINE):
            assert f"{key}" in done.stdout
    assert "Your bets, and what happened" in done.stdout
