"""The table, whole: docs/test_matrix.md."""

from __future__ import annotations

import os
from pathlib import Path

from simfp import whole_files
from tests.exhaustive.report import _processor
from tests.matrix.environments import ROOT
from tests.matrix.rows import Row
from tests.matrix.running import Result

REPORT = ROOT / "docs" / "test_matrix.md"
INTRODUCTION = """\
# The tests under other processors' kernels

Written by `make test-matrix`. NumPy, OpenBLAS, MKL, oneDNN, torch and Numba choose their kernels by the processor. Each
row tells one of them to choose as another processor would make it choose, and runs the tests that this could turn
(`tests/matrix/part.py` says which, and why). "They took" is what the library itself reports. "Bits" compares the
digests of simfp's own answers (`python -m tests.processor_bits`) with those of the first row: nothing may differ. Where
torch's libraries are told something there is nothing to compare: simfp loads none of them.
"""


def flags() -> set[str]:
    """What the processor has, by the names of Linux."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    return next((set(line.partition(":")[2].split()) for line in lines if line.startswith("flags")), set())


def effect(row: Row, result: Result) -> str:
    """What the libraries took, and whether that is what they take anyhow."""
    if not row.sees:
        versions = (f"{name} {version}" for name, version in result.versions.items())
        return ", ".join(versions) if row.python else "; ".join(f"{lib}: {it}" for lib, it in result.took.items())
    took = result.took.get(row.sees, "not installed")
    return f"{took} **(no effect: they take it anyhow)**" if took == result.plain.get(row.sees) else took


def bits(result: Result, first: Result | None) -> str:
    """How many digests are those of the first row."""
    if first is None or not result.digests or not first.digests:
        return "not compared"
    common = result.digests.keys() & first.digests.keys()
    wrong = sorted(name for name in common if result.digests[name] != first.digests[name])
    only = len(result.digests.keys() ^ first.digests.keys())
    told = f"{len(common) - len(wrong):,} of {len(common):,} the same"
    told += f", {only} only on one side" if only else ""
    return told + (f"; differ: {', '.join(wrong[:3])}{' ...' if len(wrong) > 3 else ''}" if wrong else "")


def different(result: Result, first: Result) -> bool:
    """Whether any digest differs."""
    return any(result.digests[name] != first.digests[name] for name in result.digests.keys() & first.digests.keys())


def as_text(done: dict[Row, Result], missing: dict[Row, str], rows: list[Row]) -> str:
    """The page."""
    first = done.get(rows[0])
    commits = {result.commit for result in done.values()}
    dates = sorted({result.date for result in done.values()})
    ran, failed = (sum(x) for x in zip(*((each.tests, len(each.failed)) for each in done.values())))
    versions = ", ".join(f"{name} {version}" for name, version in next(iter(done.values())).versions.items())
    several = len(commits) > 1
    lines = [
        INTRODUCTION,
        f"Processor: {_processor()}, {os.cpu_count()} cores.",
        f"Date: {' to '.join(dict.fromkeys((dates[0], dates[-1])))}.",
        f"Commit: {', '.join(sorted(commits))}.",
        "",
        f"Versions, where a row does not say otherwise: {versions}.",
        "",
        f"**{len(done)} of {len(rows)} rows ran: {ran:,} tests, {failed:,} failed.**",
        "",
        f"| row | told | they took | tests | passed | failed | bits | seconds |{' commit |' * several}",
        f"|---|---|---|---:|---:|---:|---|---:|{'---|' * several}",
    ]
    for row, result in done.items():
        told = "; ".join(f"`{name}={value}`" for name, value in result.variables.items()) or "nothing"
        told = f"Python {row.python}, the {row.versions} versions" if row.python else told
        cells = [
            row.name, told, effect(row, result), f"{result.tests:,}", f"{result.passed:,}",
            f"{len(result.failed):,}", "" if row is rows[0] else bits(result, first), f"{result.seconds:,}",
            *([result.commit] * several),
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    if missing:
        lines += ["", "Not run on this machine:", "", *(f"- {row}: {why}" for row, why in missing.items())]
    for title, lists in {
        "What failed": {row: result.failed for row, result in done.items()},
        "What came to no end": {row: [result.trouble] if result.trouble else [] for row, result in done.items()},
    }.items():
        if any(lists.values()):
            lines += ["", f"{title}:", "", *(f"- {row}: `{each}`" for row, found in lists.items() for each in found)]
    return "\n".join(lines) + "\n"


def write(done: dict[Row, Result], missing: dict[Row, str], rows: list[Row]) -> None:
    """Writes the page, if there is a row to tell of."""
    if done:
        whole_files.write(REPORT, as_text(done, missing, rows))
