"""The command that fuzzes for as long as it is told."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.long
def test_properties_are_tried_by_several_processes(tmp_path: Path) -> None:
    args = ["--processes", "2", "--minutes", "0.001", "--examples", "3", "--seed", "1", "--only", "test_rounding::"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", *args],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout.count("0 failed") == 2, done.stdout + done.stderr
    assert done.stdout.endswith("every property held\n")
    assert done.returncode == 0
