"""Two reports or recordings of operations set against each other: the same questions, the same bits? Needs no torch."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from simfp.commands import typed

__all__ = ["compared", "main", "read"]

VERSION = 1  # of the files that are compared


def read(path: Path) -> dict[str, Any]:
    """A report or recording, held to its checksum.

    Raises ValueError for a damaged file, one of another version, and one that holds no checks; OSError as reading does.
    """
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # the second: thousands of brackets
        raise ValueError(f"{path} is damaged: {error}") from error
    if not isinstance(report, dict) or "sha256" not in report:
        raise ValueError(f"{path} is no report or recording: it has no checksum")
    if report.pop("sha256") != hashlib.sha256(json.dumps(report, sort_keys=True).encode()).hexdigest():
        raise ValueError(f"{path} is damaged, or was edited: it does not have its checksum")
    rows = report.get("rows")
    if not isinstance(rows, list) or not all(isinstance(row, dict) and "checksums" in row for row in rows):
        raise ValueError(f"{path} holds no checks; expected what `validate` or `operations` of simfp.gpu wrote")
    if report.get("version") != VERSION:
        raise ValueError(f"{path} is of version {report.get('version')}; this simfp compares version {VERSION}")
    return report


def compared(one: dict[str, Any], other: dict[str, Any]) -> tuple[list[str], int]:
    """What is to be said of the two, in lines, and how many checks have other bits."""
    lines = [f"{mark}: {_source(each)}" for mark, each in zip("AB", (one, other))]
    first, second = ({row["name"]: row for row in each["rows"] if row["checksums"]} for each in (one, other))
    both = [name for name in first if name in second]
    for mark, mine, others in (("A", first, second), ("B", second, first)):
        if only := [name for name in mine if name not in others]:
            lines.append(
                f"only in {mark}: {len(only)} checks ({', '.join(only[:4])}{', ...' if len(only) > 4 else ''})"
            )
    asked = [name for name in both if first[name]["inputs"] == second[name]["inputs"]]
    if len(asked) < len(both):
        why = "; one is quick, the other in full" if one.get("quick") != other.get("quick") else ""
        lines.append(f"{len(both) - len(asked)} checks of both had other inputs, and cannot be compared{why}")
    differing = [name for name in asked if first[name]["checksums"] != second[name]["checksums"]]
    elements = sum(first[name]["elements"] for name in asked)
    lines.append(
        f"{len(asked)} checks of the same inputs, {elements:,} elements: {len(asked) - len(differing)} have the same "
        f"bits, {len(differing)} have not"
    )
    for name in differing:
        sums = first[name]["checksums"], second[name]["checksums"]
        parts = [part for part in sums[0] if sums[0][part] != sums[1].get(part)]
        known = f"; of the frontier: {first[name]['frontier']}" if first[name].get("frontier") else ""
        lines.append(f"  {name}: {', '.join(parts)}{known}")
    return lines, len(differing)


def _source(report: dict[str, Any]) -> str:
    told = report["provenance"]
    stopped = ", stopped before its end" if report.get("stopped") else ""
    return f"{told['device']}, driver {told['driver']}, torch {told['torch']}, {told['date']}{stopped}"


def main(arguments: list[str]) -> int:
    """Compares two files: 0 where no bit differs, 1 where some do, 2 where they cannot be compared."""
    parser = argparse.ArgumentParser(prog=f"{typed('simfp.gpu')} compare", description=__doc__)
    parser.add_argument("one", type=Path, metavar="A", help="a report of `validate` or a recording of `operations`")
    parser.add_argument("other", type=Path, metavar="B", help="another")
    options = parser.parse_args(arguments)
    try:
        lines, differing = compared(read(options.one), read(options.other))
    except OSError as error:
        print(f"{error.filename} cannot be read: {error.strerror}", file=sys.stderr)
        return 2
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    print("\n".join(lines))
    return int(differing > 0)
