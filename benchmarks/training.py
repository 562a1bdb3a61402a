"""What a step of training costs under autocast, beside torch's step of the same network in float32, on a CPU.

Both are measured in one fresh process that keeps to one core, in turns, as time of the processor; the quickest step
counts, which other programs on the machine disturbed least.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import simfp as sf
from benchmarks.row import Row
from simfp.gpu.training import on_device
from simfp.silicon.reproducible_runs import RUNS, Shape, simulated, train

TURNS = 3
TORCH = "torch, float32"


class Job(NamedTuple):
    """A network to train, and the most that a step of it may take."""

    run: str  # of training_runs.RUNS, whose network it is, or is like
    layers: int | None  # of a GPT, where not as many as in the run
    accumulator: str  # a name in simfp
    steps: int  # in a turn
    limit: float
    unit: str  # of the limit: "ms", or "torch's steps"


# fmt: off
JOBS = {
    #                               run              layers  accumulator   steps  limit  unit
    "32-128-128-16, Hopper": Job("sgd fp16",        None,   "HOPPER",      60,     8.0,  "ms"),
    "64-256-256-16, Hopper": Job("sgd fp16 wide",   None,   "HOPPER",      30,    40.0,  "ms"),
    "GPT, Hopper":           Job("gpt fp16",        4,      "HOPPER",      4,   1500.0,  "ms"),
    "GPT, Float64Sum":       Job("gpt fp16",        4,      "Float64Sum",  6,      4.0,  "torch's steps"),
}
# fmt: on
STATUS = Path("/proc/self/status")
MEMORY = "GPT, Hopper"
MEMORY_LIMIT = 2.0  # times what torch's process grows by


def training() -> Iterator[Row]:
    """A row for the step of each network, and one for the memory that training a GPT takes (counted on Linux only)."""
    for name, job in JOBS.items():
        taken = _in_a_process(name, "time")
        ours, torchs = taken["simfp"], taken[TORCH]
        if job.unit != "ms":
            ours, torchs = ours / torchs, 1.0
        yield Row(f"training, {name}", job.unit, ours, job.limit, {TORCH: torchs})
    if not STATUS.exists():
        return
    ours, torchs = (_in_a_process(MEMORY, who)["grown"] for who in ("simfp", TORCH))
    yield Row(f"memory, training, {MEMORY}", "MB", ours, MEMORY_LIMIT * torchs, {TORCH: torchs})


def _in_a_process(*arguments: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.training", *arguments]
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, preexec_fn=_keep_to_one_core).stdout
    found: dict[str, float] = json.loads(told.splitlines()[-1])
    return found


def _keep_to_one_core() -> None:
    """So that neither simfp nor NumPy nor torch starts threads, where the system allows it."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def _contenders(job: Job) -> dict[str, Any]:
    """Functions that train for so many steps, calling back after each backward pass."""
    run = next(run for run in RUNS if run.name == job.run)
    if job.layers is not None:
        run = run._replace(widths=tuple(Shape(*run.widths)._replace(layers=job.layers)))
    accumulator = getattr(sf, job.accumulator)
    accumulator = accumulator() if isinstance(accumulator, type) else accumulator
    return {
        "simfp": lambda steps, watch: train(run._replace(steps=steps), simulated(accumulator), watch),
        TORCH: lambda steps, watch: train(run._replace(steps=steps, dtype="float32"), on_device("cpu"), watch),
    }


def _times(job: Job) -> dict[str, float]:
    """The quickest step of each, in milliseconds."""
    quickest: dict[str, float] = {}
    for turn in range(TURNS + 1):
        for name, way in _contenders(job).items():
            ends: list[float] = []
            way(job.steps if turn else 3, lambda step, model, ends=ends: ends.append(time.process_time()))
            steps = [1e3 * (end - start) for start, end in pairwise(ends)]
            if turn:  # the first turn warms up
                quickest[name] = min([*steps, *([quickest[name]] if name in quickest else [])])
    return quickest


def _growth(job: Job, who: str) -> float:
    """By how many MB the process grows at most over three steps, all that is made for them included."""
    way = _contenders(job)[who]
    before = _resident("VmRSS")
    way(3, None)
    return _resident("VmHWM") - before


def _resident(which: str) -> float:
    """Linux's count of the process's memory, in MB: now, or at most so far."""
    status = dict(line.split(":", 1) for line in STATUS.read_text().splitlines())
    return float(status[which].split()[0]) * 1024 / 1e6


def main(name: str, what: str) -> None:
    """Measures in this process, and prints what was found as JSON."""
    print(json.dumps(_times(JOBS[name]) if what == "time" else {"grown": _growth(JOBS[name], what)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
