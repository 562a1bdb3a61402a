"""`python -m simfp.gpu validate` and `operations`: which checks, their progress, and the files that come of it."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from simfp.gpu import record
from simfp.gpu.on_device import OnDevice, model_of, trouble_with
from simfp.gpu.validate import ask, element, run
from simfp.silicon import report
from simfp.silicon.backends import Simulated
from simfp.silicon.compare import VERSION
from simfp.silicon.device_checks import SUITES, Check, checks

__all__ = ["add_to", "operations", "validate"]

STOPPED = 130  # the exit status of what Ctrl-C ended


def add_to(commands: Any) -> None:
    """Adds the command to a parser's."""
    parser = commands.add_parser("validate", help="hold all that a device answers against simfp, and write a report")
    parser.add_argument("--device", default="cuda", help="a torch device: cuda (the default), cuda:1, cpu")
    parser.add_argument("--quick", action="store_true", help="fewer elements and steps: some 30 s, once compiled")
    parser.add_argument("--suite", nargs="+", choices=SUITES, metavar="NAME", help=f"of {', '.join(SUITES)}")
    parser.add_argument("--report", type=Path, help="a .json file to write to; beside it a page, .html")
    parser.add_argument("--check", metavar="NAME", help="this check alone")
    parser.add_argument("--element", type=int, metavar="I", help="with --check: show this element's bits")


def validate(options: argparse.Namespace) -> int:
    """Makes the checks: 0 where nothing differs that should not, 1 where something does, 2 for what cannot be asked."""
    if trouble := trouble_with(options.device):
        print(trouble, file=sys.stderr)
        return 2
    if options.report and options.report.suffix != ".json":
        print(f"--report takes a .json file, got {str(options.report)!r}", file=sys.stderr)
        return 2
    if options.element is not None and not options.check:
        print("--element goes with --check, which names the check that it is of", file=sys.stderr)
        return 2
    chosen = _chosen(options)
    if not chosen:
        names = [check.name for check in checks()]
        if options.check in names:
            print(f"{options.check!r} is no check of {', '.join(options.suite)}: leave --suite out", file=sys.stderr)
            return 2
        near = ", ".join(get_close_matches(options.check, names, 5, 0.4)) or "see a report for their names"
        print(f"no check is called {options.check!r}; near it: {near}", file=sys.stderr)
        return 2
    device = OnDevice(options.device)
    model, how = model_of(options.device)
    if options.element is not None:
        try:
            print(element(ask(chosen[0], device, model, quick=options.quick), options.element))
        except ValueError as error:
            print(error, file=sys.stderr)
            return 2
        return 0
    made = made_of(chosen, device, model, how, quick=options.quick)
    print("\n" + report.summary(made))
    if options.report:
        _write(options.report, made, options.device, asked_by(options))
    if made["stopped"]:
        return STOPPED
    return int(any(row["verdict"] == "DIFFERS" for row in made["rows"]))


def _chosen(options: argparse.Namespace) -> list[Check]:
    return [
        check
        for check in checks()
        if (not options.suite or check.suite in options.suite) and options.check in (None, check.name)
    ]


def asked_by(options: argparse.Namespace) -> str:
    """The command without the files' names."""
    words = ["validate", f"--device {options.device}", *["--quick"] * options.quick]
    words += [f"--suite {' '.join(options.suite)}"] if options.suite else []
    return " ".join(words + ([f"--check {options.check!r}"] if options.check else []))


def made_of(chosen: Sequence[Check], device: OnDevice, model: Simulated, how: str, *, quick: bool) -> dict[str, Any]:
    """The report of some checks, each told as it is done; Ctrl-C keeps what was done."""
    source = record.provenance(device.device)  # what cannot be found out is known before, not after
    print(f"{source['device']}, torch {source['torch']}. The tensor cores of simfp: {how}", flush=True)
    rows: list[dict[str, Any]] = []
    began = time.perf_counter()
    try:
        for row in run(chosen, device, model, quick=quick):
            rows.append(row)
            print(f"[{len(rows):3}/{len(chosen)}] {report.told(row)}", flush=True)
    except KeyboardInterrupt:
        print("stopped; what was done is kept", flush=True)
    return {
        "what": "validation of a device: its bits beside simfp's",
        "version": VERSION,
        "asked": device.device,
        "against": how,
        "generation": model.generation.name,
        "quick": quick,
        "stopped": len(rows) < len(chosen),
        "left": len(chosen) - len(rows),
        "seconds": round(time.perf_counter() - began, 1),
        "fp8 saturates": model.saturates,
        "rows": rows,
    }


def _write(path: Path, made: dict[str, Any], device: str, asked: str) -> None:
    record.write(path, made, device, asked)
    report.write_page(path.with_suffix(".html"), made | {"provenance": record.provenance(device, asked)})
    print(f"wrote {path} and {path.with_suffix('.html').name}")


def operations(device: str) -> dict[str, Any]:
    """A recording: checksums of what a device makes of every operation, few elements of each.

    Raises RuntimeError for a device that cannot be asked.
    """
    if trouble := trouble_with(device):
        raise RuntimeError(trouble)
    model, how = model_of(device)
    made = made_of([check for check in checks() if check.recorded], OnDevice(device), model, how, quick=True)
    kept = ("name", "suite", "frontier", "inputs", "elements", "differing", "worst_ulp", "of_largest",
            "checksums", "sample")  # fmt: skip
    if made["stopped"]:
        raise RuntimeError("stopped: a recording is whole, or there is none")
    for row in made["rows"]:
        if "why" in row:
            raise RuntimeError(f"a recording is whole, or there is none; {row['name']}, {row['verdict']}: {row['why']}")
    rows = [{key: row[key] for key in kept} for row in made["rows"]]
    told = {key: made[key] for key in ("version", "against", "quick", "fp8 saturates")}
    return {"what": "operations: checksums of a device's answers; `differing` elements had other bits in simfp",
            **told, "rows": rows}  # fmt: skip
