"""What a census costs a step of training, beside the same step without one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from statistics import mean, median
from typing import Any

from benchmarks.row import Row
from simfp.experiments.training.run import Training

EVERY = 10  # the step that is counted, in running mode
ROUNDS = 3
# fmt: off
#          steps  limit: every step counted, every so many-th
TASKS = {
    "mlp": (60,   2.0,                       1.2),
    "gpt": (20,   2.0,                       1.2),
}
# fmt: on


def census() -> Iterator[Row]:
    """For each task a row with every step counted, and one with every tenth; processor time, one process."""
    for task, (steps, full, running) in TASKS.items():
        taken: dict[Any, list[float]] = {False: [], True: [], EVERY: []}
        for _ in range(ROUNDS):  # in turns, so that what else the machine does meets all of them
            for way, times in taken.items():
                times += seconds(task, way, steps)
        alone = 1e3 * median(taken[False])
        counted = 1e3 * median(taken[True])
        yield Row(f"census of {task}, every step", "x a step", counted / alone, full, {})
        sparse = mean(taken[EVERY]) / mean(taken[False])
        yield Row(f"census of {task}, every {EVERY}th step", "x a step", sparse, running, {})


def seconds(task: str, way: bool | int, steps: int) -> list[float]:
    """The processor time of each step of a run, after one that warms up."""
    training = Training(task, "fp16 + scaler", steps=steps + 1, census=way, measure_every=0)
    training.step()
    taken = []
    for _ in range(steps):
        start = time.process_time()
        training.step()
        taken.append(time.process_time() - start)
    return taken
