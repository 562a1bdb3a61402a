"""For a lesson: the answers of this machine's GPU where there is one, else recorded ones. Without torch too."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import time
from pathlib import Path
from typing import Any, NamedTuple

from simfp import whole_files
from simfp.silicon import recordings
from simfp.silicon import report as pages
from simfp.silicon.device_checks import SUITES, checks

__all__ = ["Asked", "asked", "keep"]

RECORDED = "h200_operations"
DEVICE = "cuda"


class Asked(NamedTuple):
    """Answers of a device, and where they come from."""

    report: dict[str, Any]
    source: str  # one line
    live: bool  # whether they were given just now


def asked() -> Asked:
    """Asks this machine's GPU for every operation, few elements of each; without one, or without torch, the recording.

    What a suite came to is told as it is done.
    """
    why = _no_gpu()
    if why:
        found = recordings.load(RECORDED)
        where = recordings.source(found)
        print(f"from a recording: {why}\nit was {where}")
        return Asked(found, where, False)
    from simfp.gpu import record
    from simfp.gpu.on_device import OnDevice, model_of
    from simfp.gpu.validate import run

    source = record.provenance(DEVICE, "validate --quick")
    device, (model, how) = OnDevice(DEVICE), model_of(DEVICE)
    told = f"given just now by an {source['device']}, driver {source['driver']}, torch {source['torch']}"
    print(f"live: {told}\nthe tensor cores of simfp: {how}", flush=True)
    rows: list[dict[str, Any]] = []
    for suite in SUITES:
        some = [check for check in checks() if check.recorded and check.suite == suite]
        began = time.perf_counter()
        rows += run(some, device, model, quick=True)
        if some:
            print(f"{suite}: {len(some)} checks, {time.perf_counter() - began:.1f} s", flush=True)
    made = {"rows": rows, "fp8 saturates": model.saturates, "generation": model.generation.name, "provenance": source}
    return Asked(made, told, True)


def _no_gpu() -> str:
    """Why no GPU can be asked here; nothing if one can."""
    if importlib.util.find_spec("torch") is None:
        return "torch is not installed here"
    from simfp.gpu.on_device import trouble_with

    return "no GPU is here that torch could ask" if trouble_with(DEVICE) else ""


def keep(path: Path, report: dict[str, Any]) -> None:
    """Writes a report as JSON, with a checksum, and beside it as a page; each the whole of it or nothing."""
    content = report | {"sha256": hashlib.sha256(json.dumps(report, sort_keys=True).encode()).hexdigest()}
    whole_files.write(path, json.dumps(content, indent=1) + "\n")
    pages.write_page(path.with_suffix(".html"), report)
