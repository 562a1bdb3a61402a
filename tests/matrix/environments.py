"""Where rows run: the environment of `make test`, or one made below .matrix/ with another Python or other versions."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from tests.matrix.rows import Row

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".matrix"
# Of the extra "test": what no row runs, and torch, whose wheels are too large to fetch for each Python.
LEFT_OUT = {"mypy", "playwright", "ruff", "torch"}


class Missing(Exception):
    """Why a row has no environment here."""


def python_of(row: Row, given: list[str]) -> Path:
    """The interpreter that the row's tests run in; its environment is made where it is not there yet.

    given: names and paths of Pythons to look among first. Raises Missing where there is none of its version, or where
    what it needs cannot be installed.
    """
    if not row.python:
        return Path(sys.executable)
    wanted = requirements(row.versions)
    folder = FOLDER / "environments" / f"{row.python}-{row.versions}"
    made, stamp = folder / "bin" / "python", folder / "ready"
    if not stamp.exists() or stamp.read_text() != digest(wanted):
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([interpreter(row.python, tuple(given)), "-m", "venv", folder], check=True)
        install(made, wanted, folder)
        stamp.write_text(digest(wanted))
    return made


def digest(wanted: dict[str, list[str]]) -> str:
    """A short hash of what is to be installed."""
    return hashlib.sha256(repr(wanted).encode()).hexdigest()[:16]


@cache
def interpreter(version: str, given: tuple[str, ...]) -> str:
    """A Python of that version: among those given, then python3.x of the search path, then the one that runs this."""
    for name in (*given, f"python{version}", sys.executable):
        path = shutil.which(name)
        asked = [path, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        if path and subprocess.run(asked, capture_output=True, text=True).stdout.strip() == version:
            return path
    raise Missing(f'no Python {version} was found; name one: make test-matrix PYTHONS="/path/to/python{version}"')


def requirements(versions: str) -> dict[str, list[str]]:
    """What is installed: the packages that tests need beside torch, and how far versions are held down."""
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    core, extras = project["dependencies"], project["optional-dependencies"]
    tools = [each for each in extras["test"] if name_of(each) not in LEFT_OUT]
    held = [oldest(each) for each in (*core, *extras["lessons"])] if versions == "oldest" else []
    return {"install": [*core, *extras["lessons"], *tools], "held": held}


def name_of(requirement: str) -> str:
    """Of "numpy>=2.1": numpy."""
    return re.split(r"[<>=!~ \[;]", requirement, maxsplit=1)[0]


def oldest(requirement: str) -> str:
    """Of "numpy>=2.1": numpy==2.1, the oldest version that it allows."""
    found = re.fullmatch(r"([\w.-]+)>=([\w.]+)", requirement)
    if not found:
        raise ValueError(
            f"of `{requirement}` in pyproject.toml the oldest version cannot be read; expected name>=version"
        )
    return "==".join(found.groups())


def install(python: Path, wanted: dict[str, list[str]], folder: Path) -> None:
    """Fills an environment; Missing, with pip's last words, where that cannot be done."""
    held = folder / "held.txt"
    held.write_text("\n".join(wanted["held"]) + "\n")
    pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "-q"]
    for args in (
        ["setuptools>=77", "wheel"],
        ["-c", held, *wanted["install"]],
        ["--no-build-isolation", "--no-deps", "-e", ROOT],
    ):
        done = subprocess.run([*pip, *args], capture_output=True, text=True)
        if done.returncode:
            shutil.rmtree(folder, ignore_errors=True)
            raise Missing("pip: " + (done.stderr.strip().splitlines() or ["failed"])[-1])
