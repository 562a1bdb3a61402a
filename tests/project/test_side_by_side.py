"""Tests that run side by side: what is compiled once, and what reaches the last lines of a run from its workers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

LOOP = """
from numba import njit
@njit(cache=True)
def twice(x):
    return x + x
"""

COMPILE = """
import sys
from pathlib import Path
from tests import side_by_side
side_by_side.compile_one_at_a_time(Path("."))
sys.stdin.readline()
import loop
loop.twice(1.5), loop.twice(2)
"""


def environment(**variables: str) -> dict[str, str]:
    """As a fresh shell has it, with this repository on Python's path: a worker that runs this test has more."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    return kept | {"PYTHONPATH": str(ROOT)} | variables


def test_a_loop_that_two_processes_need_is_compiled_by_one_and_found_by_the_other(tmp_path: Path) -> None:
    (tmp_path / "loop.py").write_text(LOOP)
    given = {"cwd": tmp_path, "env": environment(NUMBA_DEBUG_CACHE="1"), "text": True}
    run = [sys.executable, "-c", COMPILE]
    both = [subprocess.Popen(run, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **given) for _ in range(2)]
    for process in both:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    said = "".join(process.communicate()[0] for process in both)
    assert [process.returncode for process in both] == [0, 0]
    assert said.count("data saved") == 2  # a float and an integer
    assert said.count("data loaded") == 2


TESTS = """
import pytest

@pytest.mark.parametrize("number", range(4))
def test_words(say, number):
    say(f"word {number}")

def test_that_fails(say):
    say("word of one that fails")
    raise AssertionError

@pytest.mark.long
@pytest.mark.parametrize("number", range(3))
def test_long(number):
    raise AssertionError

@pytest.mark.browser
def test_in_a_browser():
    raise AssertionError
"""


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.long)])
def test_the_last_lines_say_what_tests_had_to_say_and_what_was_left_out(tmp_path: Path, workers: int) -> None:
    (tmp_path / "conftest.py").write_text("from tests.conftest import *")
    (tmp_path / "test_them.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    long\n    browser\n")
    run = [sys.executable, "-m", "pytest", "-n", str(workers), "--without-long", "-p", "no:cacheprovider"]
    given = environment(CHROMIUM="no-such-program", CI="false")
    said = subprocess.run(run, cwd=tmp_path, env=given, capture_output=True, text=True, check=False).stdout
    last = said[said.rindex("= SAID ") :]
    assert sorted(re.findall("^word.*$", last, flags=re.MULTILINE)) == [
        *(f"word {number}" for number in range(4)),
        "word of one that fails",
    ]
    assert "1 browser tests: CHROMIUM=no-such-program is no program." in last
    assert "3 long tests" in last
    assert "1 failed, 4 passed" in last


def test_every_process_names_the_tests_alike(request: pytest.FixtureRequest) -> None:
    assert [item.nodeid for item in request.session.items if " at 0x" in item.nodeid] == []
