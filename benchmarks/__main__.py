"""`python -m benchmarks`: measures, prints each row beside its limit, and writes results.json."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from importlib import metadata
from itertools import chain
from pathlib import Path

import torch

from benchmarks.census import census
from benchmarks.rounding import memory, scalar, speed
from benchmarks.row import Row
from benchmarks.starting import starting
from benchmarks.stopping import stopping
from benchmarks.sums import sums, tensor_cores
from benchmarks.training import training
from tests.exhaustive.report import environment
from tests.exhaustive.running import commit

RESULTS = Path(__file__).with_name("results.json")


def rows() -> Iterator[Row]:
    """All measurements."""
    yield from chain(
        speed(), memory(), [scalar()], starting(), sums(), tensor_cores(), training(), census(), stopping()
    )


def as_text(row: Row) -> str:
    """One line: simfp, its limit, whether it is met, and the others with their time in multiples of simfp's."""
    limit = f"<= {row.limit:g}" + (f" and {row.copy_limit:g} copies" if row.copy_limit else "")
    verdict = "met" if row.met else "NOT MET"
    others = "   ".join(f"{name} {value:.3g} ({value / row.simfp:.3g}x)" for name, value in row.others.items())
    return f"{row.what:<34} {row.simfp:6.3g} {row.unit:<11} {limit:<16} {verdict:<8} {others}".rstrip()


def main() -> int:
    """0 where all limits are met, else 1."""
    torch.set_num_threads(1)  # one against one
    print("simfp, its limit, and others, in multiples of simfp's time; one process, one thread\n")
    measured = []
    for row in rows():
        print(as_text(row), flush=True)
        measured.append(row)
    missed = [row.what for row in measured if not row.met]
    print(f"\n{len(measured) - len(missed)} of {len(measured)} limits met" + "".join(f"\n  not: {it}" for it in missed))
    results = {
        "date": time.strftime("%Y-%m-%d"),
        "commit": commit(),
        "environment": environment() | {name: metadata.version(name) for name in ("torch", "pychop")},
        "rows": [asdict(row) | {"met": row.met} for row in measured],
    }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
