"""The committed report: what was compared, with which code and versions, and how many answers were wrong."""

from __future__ import annotations

import json
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

from tests.exhaustive.running import State, write_whole
from tests.exhaustive.suites import SUITES, Suite

REPORT = Path(__file__).with_name("report.json")
VERSIONS = ("numpy", "ml_dtypes", "numba")


def environment() -> dict[str, str]:
    """What besides the code may decide an answer: processor and versions."""
    versions = {name: metadata.version(name) for name in VERSIONS}
    return {"processor": _processor(), "python": platform.python_version(), **versions}


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return f"{line.partition(':')[2].strip()} ({platform.machine()})"
    return platform.processor() or platform.machine()


def row(suite: Suite, state: State) -> dict[str, Any]:
    """What the report says of a finished suite."""
    routes = {route: {"compared": tally.compared, "wrong": tally.wrong} for route, tally in state.routes.items()}
    what = {"group": suite.group, "format": suite.fmt, "rounding": suite.rounding}
    when = {"seconds": round(state.seconds), "date": state.date, "commit": state.commit, "source": state.source}
    return {**what, **when, "routes": routes}


def write(finished: dict[Suite, State], sources: dict[Suite, str]) -> None:
    """Writes report.json and report.md.

    finished: the suites just run. What the report says of other suites stays if it was of the same code, on the
    same versions and processor, that is, if `sources` has the same digest.
    """
    stored = json.loads(REPORT.read_text())["suites"] if REPORT.exists() else []
    rows = {Suite(kept["group"], kept["format"], kept["rounding"]): kept for kept in stored}
    rows = {suite: kept for suite, kept in rows.items() if kept["source"] == sources.get(suite)}
    rows |= {suite: row(suite, state) for suite, state in finished.items()}
    ordered = [rows[suite] for suite in SUITES if suite in rows]
    report = {"environment": environment(), "suites": ordered}
    write_whole(REPORT, json.dumps(report, indent=1) + "\n")
    write_whole(REPORT.with_suffix(".md"), as_text(report))


def as_text(report: dict[str, Any]) -> str:
    """The report as a page to read."""
    rows = report["suites"]
    tallies = [tally for row in rows for tally in row["routes"].values()]
    compared, wrong = (sum(tally[what] for tally in tallies) for what in ("compared", "wrong"))
    versions = ", ".join(f"{name} {version}" for name, version in report["environment"].items())
    return "\n".join(
        [
            "# Every float32, and every pair of 16-bit codes",
            "",
            "Written by `make exhaustive`. A row is one suite: all 2^32 inputs of a conversion or an operation, in one",
            "format and rounding mode, answered by each route and held against exact integers, bit for bit.",
            "",
            f"**{compared:,} answers compared, {wrong:,} wrong**, in {len(rows)} of {len(SUITES)} suites.",
            "",
            f"On: {versions}.",
            "",
            "| suite | format | rounding | routes | answers | wrong | seconds | date | commit |",
            "|---|---|---|---|---:|---:|---:|---|---|",
            *map(_text_row, rows),
            "",
        ]
    )


def _text_row(row: dict[str, Any]) -> str:
    compared, wrong = (sum(tally[what] for tally in row["routes"].values()) for what in ("compared", "wrong"))
    head, *changes = row["commit"].split(" ", 1)
    cells = [
        row["group"],
        row["format"],
        row["rounding"],
        "; ".join(row["routes"]),
        f"{compared:,}",
        f"{wrong:,}",
        str(row["seconds"]),
        row["date"],
        " ".join([head[:9], *changes]),
    ]
    return f"| {' | '.join(cells)} |"
