"""What lesson 12 computes: whether simfp makes the bits that a GPU makes, and where it does not."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

import numpy as np

import simfp
from simfp import HOPPER
from simfp.course.display import Table
from simfp.ops.device_math import exp
from simfp.silicon import recordings, reproducible_runs
from simfp.silicon.bit_comparison import again
from simfp.silicon.device_checks import given
from simfp.silicon.frontier import FRONTIER
from simfp.silicon.operation_cases import CASES

__all__ = ["by_suite", "frontier", "inputs_of", "made_again", "recorded", "run_again", "wide_of_the_best"]

Report = dict[str, Any]


STEPS = 100  # of a training run that are made again


def recorded() -> Report:
    """The recording of an H200's operations."""
    return recordings.load("h200_operations")


def inputs_of(name: str) -> list[Any]:
    """The codes that went into a check of an operation. Raises ValueError for one that there is not."""
    operation, _, fmt = name.rpartition(" ")
    case = next((case for case in CASES if case.name == operation and fmt in case.formats), None)
    if case is None:
        raise ValueError(f"no operation is checked as {name!r}")
    return given(case, fmt, True)


def by_suite(report: Report) -> Table:
    """How many checks and elements of each kind there are, and how many have other bits."""
    rows = []
    for suite in [*dict.fromkeys(row["suite"] for row in report["rows"]), "all"]:
        some = [row for row in report["rows"] if suite in ("all", row["suite"])]
        elements, differing = (sum(row[key] for row in some) for key in ("elements", "differing"))
        checks = sum(row["differing"] > 0 for row in some)
        rows.append((suite, f"{len(some):,}", f"{elements:,}", f"{differing:,}", f"{checks:,}"))
    columns = ("suite", "checks", "elements", "with other bits", "checks with any")
    return Table("What was asked, and what differs from simfp", columns, rows)


def frontier() -> Table:
    """The table of what is not known to the bit."""
    rows = [
        (row.operation, row.kernel, f"{row.ulps} of {'each' if row.of == 'element' else 'the largest'}", row.why)
        for row in FRONTIER.values()
    ]
    return Table("The frontier", ("operation", "kernel", "ulp at most", "why"), rows)


def made_again(report: Report, suites: Sequence[str]) -> Report:
    """A report of some suites whose checks were made again here and now: the device's checksums beside simfp's.

    Raises ValueError for a suite that the report has not.
    """
    there = dict.fromkeys(row["suite"] for row in report["rows"])
    if unknown := [suite for suite in suites if suite not in there]:
        raise ValueError(f"unknown suite {unknown[0]!r}; expected some of {', '.join(there)}")
    rows, began = [], time.perf_counter()
    for row in report["rows"]:
        if row["suite"] not in suites or not row["checksums"]:
            continue
        start = time.perf_counter()
        _, differing = again(report, row)
        verdict = "equal" if not differing else "frontier" if row["frontier"] else "DIFFERS"
        seconds = [0.0, round(time.perf_counter() - start, 3)]
        rows.append(row | {"verdict": verdict, "seconds": seconds, "first": None})
    count = Counter(row["verdict"] for row in rows)
    told = ", ".join(f"{number} {name}" for name, number in count.items())
    print(f"{len(rows)} checks, {sum(row['elements'] for row in rows):,} elements made again: {told}")
    source = report["provenance"]
    return {
        "what": "answers of a device, made again by simfp", "version": 1, "asked": "cuda", "quick": True,
        "against": f"simfp {simfp.__version__}, run on {datetime.now(UTC).date().isoformat()}", "stopped": False,
        "left": 0, "seconds": round(time.perf_counter() - began, 1), "fp8 saturates": report["fp8 saturates"],
        "provenance": source, "rows": rows,
    }  # fmt: skip


@cache
def run_again(name: str, steps: int = STEPS) -> int:
    """After how many of the first steps of a recorded training run any weight of simfp's has other bits."""
    row = next(row for row in recordings.load("h200_training")["runs"] if row["name"] == name)
    run, told = reproducible_runs.recorded(row, steps)
    ours = reproducible_runs.train(run, reproducible_runs.simulated(HOPPER))
    return int(np.sum(ours.checksums != told.checksums))


def wide_of_the_best() -> float:
    """The share, in per cent, of float32 exponentials between -10 and 10 that are not the nearest float32."""
    x = (np.random.default_rng(12).integers(-(10 << 20), 10 << 20, 200_000) / (1 << 20)).astype(np.float32)
    best = np.exp(x.astype(np.float64)).astype(np.float32)
    return 100 * float(np.mean(exp(x) != best))


def differing(report: Report) -> int:
    """How many checks of a report have an element with other bits."""
    return sum(row["differing"] > 0 for row in report["rows"])
