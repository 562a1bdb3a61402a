"""Every operation's answers as an H200 gave them, made again here: the same checksums, but for the frontier."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import simfp as sf
from simfp import lessons_folder as places
from simfp.silicon import recordings
from simfp.silicon.backends import Answer, Answers, Noted, Simulated, checksum
from simfp.silicon.device_checks import SUITES, Check, checks
from simfp.silicon.frontier import FRONTIER
from simfp.silicon.operation_cases import CASES

RECORDING = recordings.load("h200_operations")
ROWS: dict[str, dict[str, Any]] = {row["name"]: row for row in RECORDING["rows"]}
CHECKS = {check.name: check for check in checks() if check.recorded}
WAITING = [f"{case.name} {fmt}" for case in CASES if not case.recorded for fmt in case.formats]
RECORDED_SUITES = tuple(suite for suite in SUITES if any(check.suite == suite for check in CHECKS.values()))


def made(check: Check) -> tuple[Answers, str]:
    """simfp's answers, and the checksum of what they were made of."""
    noted = Noted(Simulated(sf.HOPPER, saturates=RECORDING["fp8 saturates"]))
    with np.errstate(all="ignore"):
        return check.ask(noted, True), noted.inputs.hexdigest()


def test_the_recording_has_every_check_but_those_that_wait_and_says_on_what_it_was_made(
    say: Callable[[str], None],
) -> None:
    say(f"operations that wait for a GPU: {', '.join(WAITING) or 'none'}")
    assert list(ROWS) == list(CHECKS), "a case that no recording has yet says `recorded=False`"
    assert not set(WAITING) & set(ROWS), "these are recorded now: their `recorded=False` can go"
    assert RECORDING["provenance"]["device"] == "NVIDIA H200"


@pytest.mark.parametrize("suite", RECORDED_SUITES)
def test_operations_come_out_with_the_gpus_bits(suite: str, say: Callable[[str], None]) -> None:
    elements, wrong, frontier = 0, [], 0
    for check in CHECKS.values():
        if check.suite != suite:
            continue
        row = ROWS[check.name]
        answers, inputs = made(check)
        assert inputs == row["inputs"], check.name
        elements += row["elements"]
        sums = {name: checksum(answer) for name, answer in answers.items()}
        if sums != row["checksums"]:
            frontier += bool(check.frontier)
            wrong += [] if check.frontier else [check.name]
    say(f"{suite}: {elements:,} elements made again, {len(wrong)} checks differ; {frontier} of the frontier do")
    assert wrong == []


def test_the_readme_says_how_many_elements_were_asked_for() -> None:
    readme = " ".join((places.lessons() or Path()).parent.joinpath("README.md").read_text(encoding="utf-8").split())
    whole = sum(row["elements"] for row in recordings.load("h200_validation")["rows"])
    assert f"{whole / 1e6:.0f} million elements, has a page beside it" in readme
    assert f"A smaller recording, {sum(row['elements'] for row in ROWS.values()) / 1e6:.0f} million elements" in readme


def test_what_differs_is_of_the_frontier_and_within_what_it_says() -> None:
    for row in ROWS.values():
        assert row["frontier"] == CHECKS[row["name"]].frontier
        if row["differing"]:
            bound = FRONTIER[row["frontier"]]
            assert (row["worst_ulp"] if bound.of == "element" else row["of_largest"]) <= bound.ulps, row["name"]


def test_every_row_of_the_frontier_is_met_by_a_check_that_differs() -> None:
    met = {row["frontier"] for row in ROWS.values() if row["differing"]}
    assert met == set(FRONTIER)


def test_most_checks_are_outside_the_frontier() -> None:
    assert sum(not row["frontier"] for row in ROWS.values()) > 0.85 * len(ROWS)


@pytest.mark.parametrize("name", ["gelu bfloat16", "softmax of 1000 float32", "cast float32 to float8_e4m3fn"])
def test_the_recorded_codes_are_simfp_s(name: str) -> None:
    answers, _ = made(CHECKS[name])
    for part, sample in ROWS[name]["sample"].items():
        places = [int(place) for place in sample["places"].split()]
        told = np.array([int(code, 16) for code in sample["codes"].split()])
        codes = answers[part].codes.reshape(-1)[places]
        assert checksum(Answer(told.astype(codes.dtype), sample["format"])) == checksum(Answer(codes, sample["format"]))


@pytest.mark.parametrize("other", [sf.VOLTA, sf.TURING, sf.AMPERE], ids=lambda other: other.name)
def test_another_generation_s_cores_would_not_do(other: sf.Generation) -> None:
    name = "linear 128x256x64 float16"
    answers = CHECKS[name].ask(Simulated(other), True)
    assert checksum(answers["result"]) != ROWS[name]["checksums"]["result"]
