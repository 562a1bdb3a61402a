"""Running a row: its environment, what it is told, and what came of it, kept in .matrix/ from when it ends."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from simfp import whole_files
from tests.matrix.environments import FOLDER, ROOT, python_of
from tests.matrix.part import PARTS
from tests.matrix.rows import EVERY_DISPATCHED, VARIABLES, Row

PRINTS_DIGESTS = ["-W", "ignore", "-m", "tests.processor_bits"]
TORCHS_LIBRARIES = ("oneDNN", "ATen", "MKL")
SOURCES = ("simfp", "tests", "lessons", "pyproject.toml", "constraints.txt")


@dataclass
class Result:
    """What came of a row."""

    sources: str
    commit: str
    date: str
    seconds: int
    took: dict[str, str]
    versions: dict[str, str]
    variables: dict[str, str]
    plain: dict[str, str] = field(default_factory=dict)  # what they take where the row tells them nothing
    tests: int = 0
    failed: list[str] = field(default_factory=list)
    skipped: int = 0
    digests: dict[str, str] = field(default_factory=dict)
    trouble: str = ""  # where pytest itself, or the digests, came to no end

    @property
    def passed(self) -> int:
        """How many tests passed."""
        return self.tests - len(self.failed) - self.skipped

    @property
    def green(self) -> bool:
        """Whether tests ran and all passed."""
        return self.tests > 0 and self.passed == self.tests and not self.trouble


def sources() -> str:
    """A short hash of all files that decide an answer: a row that ran on others is run again."""
    names = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *SOURCES],
        check=True, capture_output=True,
    ).stdout.split(b"\0")  # fmt: skip
    digest = hashlib.sha256()
    for name in sorted(set(filter(None, names))):
        path = ROOT / os.fsdecode(name)
        if path.is_file():
            digest.update(name + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def commit() -> str:
    """The commit that is checked out, and whether what decides answers differs from it."""
    git = ["git", "-C", ROOT]
    head = subprocess.run([*git, "rev-parse", "--short=9", "HEAD"], check=True, capture_output=True, text=True).stdout
    changed = subprocess.run(
        [*git, "status", "--porcelain", "--", *SOURCES], check=True, capture_output=True, text=True
    ).stdout
    return head.strip() + (" with changes" if changed else "")


def stored(row: Row, now: str | None) -> Result | None:
    """What came of the row when it last ran, if that was on the same sources; on any, if these are None."""
    try:
        result = Result(**json.loads(_file(row).read_text()))
    except FileNotFoundError:
        return None
    return result if now in (None, result.sources) else None


def _file(row: Row, suffix: str = ".json") -> Path:
    return FOLDER / "rows" / f"{re.sub(r'[^a-z0-9.]+', '-', row.name.lower())}{suffix}"


def run(row: Row, pythons: list[str], jobs: int) -> Result:
    """Runs a row and stores what came of it. Raises `environments.Missing` where it has no environment here."""
    began = time.monotonic()
    python = python_of(row, pythons)
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    if row.python or row.sees == "Numba":  # else Numba would find what it compiled for another one
        environment["NUMBA_CACHE_DIR"] = str(_file(row, "").with_name(f"numba-{_file(row, '').name}"))
    variables = dict(row.variables)
    plain = _answer(python, ["-m", "tests.matrix.took"], environment)
    for name, value in variables.items():
        if value == EVERY_DISPATCHED:
            variables[name] = " ".join(plain["dispatched"])
    environment |= variables
    told = _answer(python, ["-m", "tests.matrix.took"], environment)
    report = _file(row, ".xml")
    report.parent.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    # beside the tests; simfp loads nothing of torch's, so what torch's libraries are told cannot reach its answers
    asked = None if row.sees in TORCHS_LIBRARIES else _asked(python, PRINTS_DIGESTS, environment)
    with _file(row, ".log").open("w") as log:
        args = ["-m", "pytest", "-q", "-n", str(jobs), "-p", "no:cacheprovider", f"--junitxml={report}"]
        subprocess.run([python, *args, *PARTS[row.part]], cwd=ROOT, env=environment, stdout=log, stderr=log)
    result = Result(
        sources(),
        commit(),
        time.strftime("%Y-%m-%d"),
        0,
        told["took"],
        told["versions"],
        variables,
        plain["took"],
        **counted(report),
    )
    try:
        result.digests = {} if asked is None else _told(asked, PRINTS_DIGESTS)
    except RuntimeError as error:
        result.trouble = result.trouble or str(error)
    result.seconds = round(time.monotonic() - began)
    whole_files.write(_file(row), json.dumps(asdict(result), indent=1))
    return result


def _asked(python: Path, args: list[str], environment: dict[str, str]) -> subprocess.Popen[str]:
    """A program that runs, and will print JSON."""
    pipe = subprocess.PIPE
    return subprocess.Popen([python, *args], cwd=ROOT, env=environment, stdout=pipe, stderr=pipe, text=True)


def _told(asked: subprocess.Popen[str], args: list[str]) -> Any:
    """The JSON that a program prints; RuntimeError with its last line where it fails."""
    out, err = asked.communicate()
    if asked.returncode:
        raise RuntimeError(f"{' '.join(args)}: {(err.strip().splitlines() or ['no word'])[-1]}")
    return json.loads(out)


def _answer(python: Path, args: list[str], environment: dict[str, str]) -> Any:
    return _told(_asked(python, args, environment), args)


def counted(report: Path) -> dict[str, Any]:
    """Of pytest's report: how many tests ran, which failed, and how many were skipped."""
    if not report.exists():
        return {"trouble": f"pytest wrote no report; see {report.with_suffix('.log').relative_to(ROOT)}"}
    cases = ElementTree.parse(report).getroot().findall(".//testcase")
    failed = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    return {
        "tests": len(cases),
        "failed": [f"{case.get('classname')}::{case.get('name')}" for case in failed],
        "skipped": sum(case.find("skipped") is not None for case in cases),
    }
