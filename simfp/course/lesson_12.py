"""Lesson 12's bets and exercises: whether simfp makes the bits that a GPU makes, and where it does not."""

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
from simfp.course import lesson_12_answers as answers
from simfp.course.bets import Bet
from simfp.course.display import Table
from simfp.course.exercises import Exercise
from simfp.course.judges.calls import CallJudge
from simfp.course.judges.judging import NumberJudge
from simfp.ops.device_math import exp
from simfp.silicon import recordings, reproducible_runs
from simfp.silicon.bit_comparison import again
from simfp.silicon.device_checks import given
from simfp.silicon.frontier import FRONTIER
from simfp.silicon.operation_cases import CASES

__all__ = [
    "BETS",
    "EXERCISES",
    "by_suite",
    "frontier",
    "inputs_of",
    "made_again",
    "recorded",
    "run_again",
    "wide_of_the_best",
]

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


BETS = (
    Bet(
        "12.1",
        "An H200 was asked for 317 checks of single operations, forward and backward: 51 million elements. In how many "
        "of the checks does any element differ from simfp's in any bit?",
        truth=lambda: float(differing(recorded())),
        story=lambda count: (
            f"In {count:.0f} of {len(recorded()['rows'])}, and each of them is in the table of the frontier. The "
            f"others have every bit."
        ),
        near=lambda bet, count: abs(bet - count) <= 4,
    ),
    Bet(
        "12.2",
        "CUDA's exp in fp32: of how many per cent of the numbers between −10 and 10 is it not the nearest fp32 number?",
        truth=wide_of_the_best,
        story=lambda share: (
            f"{share:.0f} %. It is off by an ulp, by design: nearly right is faster. A simulator that rounds correctly "
            f"would be wrong there."
        ),
        unit="%",
        near=lambda bet, share: abs(bet - share) <= 8,
    ),
    Bet(
        "12.3",
        f"A network is trained under fp16 autocast with a GradScaler, on the H200 and in simfp. After how many of the "
        f"first {STEPS} steps do the two have a weight with another bit?",
        truth=lambda: float(run_again("sgd fp16")),
        story=lambda count: (
            f"After {count:.0f}. One bit would be enough for all weights to drift apart, and none is ever off: "
            f"products, sums, roundings, skipped steps."
        ),
        near=lambda bet, count: bet == count,
    ),
)

EXERCISES = (
    Exercise(
        "12.a",
        "Write `ulps(a, b)`: how many fp16 numbers lie between two codes, one step counting 1. The two zeros are one.",
        CallJudge(
            example="ulps(a, b)",
            cases=answers.ULPS_CASES,
            right=answers.ulps,
            spelled=answers.spell_codes,
            number=lambda x: f"{x:,.0f}",
            impostors=answers.ULPS_IMPOSTORS,
            symptoms=answers.ULPS_SYMPTOMS,
            praise="Right in all {cases} cases. This is how the report counts: the same four lines serve every format.",
        ),
        (
            "Codes of positive numbers are in order: 0x3c00 is 1, and 0x3c01 the next number. So take their places.",
            "The highest bit is the sign: `a >> 15`. What is left, `a & 0x7FFF`, is the place above zero.",
            "A negative number's place is minus that. The answer is the size of the difference of the two places.",
        ),
        trial=(0x3C00, 0x3C01),
    ),
    Exercise(
        "12.b",
        "softmax's kernel gives a row of 1,000 values to 32 lanes: each adds up every 32nd value, one after the other. "
        "Then the lanes are added in pairs, and pairs of pairs. Through how many additions does the first value go?",
        NumberJudge(
            wants="how many additions, a number",
            right=lambda n: n == answers.ADDITIONS,
            praise=lambda n: (
                f"{n:.0f}: 31 in its lane, and 5 in the tree of 32 lanes. One after the other it would be 999. Whoever "
                f"adds in another order has other bits."
            ),
            slips=answers.ADDITIONS_SLIPS,
            otherwise="Not {said}. How many values has a lane, and how many rounds does the tree of 32 lanes have?",
        ),
        (
            "A lane has 32 values (1,000 over 32, rounded up). How many additions make one of them?",
            "A tree of 32 lanes: 16 pairs, then 8, 4, 2, 1.",
        ),
    ),
    Exercise(
        "12.c",
        "In “attention float16” the worst element is 6,537 ulp off, but only 2 ulp of the largest element. "
        "About how many times smaller than the largest is that element?",
        NumberJudge(
            wants="a factor, a number",
            right=lambda n: answers.FACTOR / 1.5 <= n <= answers.FACTOR * 1.5,
            praise=lambda n: (
                f"About {answers.FACTOR:,.0f} times. Large terms cancelled, and left a small one with their error: the "
                f"order of a sum, seen through a magnifying glass, and no bug."
            ),
            slips=answers.FACTOR_SLIPS,
            otherwise="Not {said}. The same distance is 6,537 small steps, or 2 large ones.",
        ),
        (
            "Both numbers measure the same distance: one in steps of the element, one in steps of the largest.",
            "So a step of the largest is 6,537 / 2 steps of the element; and steps grow as the numbers do.",
        ),
    ),
)
