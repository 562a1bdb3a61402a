"""How long a fresh process waits for simfp: to import it, and for the first call of a compiled loop."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from statistics import median

from benchmarks.row import Row

REPEAT = 7
LIMIT = 1.0

SIMFP = "import numpy as np, simfp as sf; x = np.ones(10, np.float32)"

# fmt: off
#                                  first, untimed   timed
STEPS = {
    "import simfp":               ("",             "import simfp"),
    "first round_to, cached":     (SIMFP,          "sf.round_to(x, 'fp16', 'toward_zero')"),
    "first stochastic, cached":   (SIMFP,          "sf.round_to(x, 'fp16', 'stochastic', rng=0)"),
    "first multiply, cached":     (SIMFP,          "sf.multiply(x, x, 'fp16')"),
    "first Array sum, cached":    (SIMFP,          "a = sf.array(x, dtype='bf16'); a + a"),
}
OTHERS = {
    "import simfp": {f"import {name}": ("", f"import {name}") for name in ("numpy", "numba", "torch")},
}
# fmt: on


def starting() -> Iterator[Row]:
    """A row for each step, in seconds; the first run of each, which fills caches, is not counted."""
    for what, (before, timed) in STEPS.items():
        others = {name: seconds(*step) for name, step in OTHERS.get(what, {}).items()}
        yield Row(what, "s", seconds(before, timed), LIMIT, others)


def seconds(before: str, timed: str) -> float:
    """The median time of a statement in a fresh Python, after another one."""
    program = f"import time\n{before}\nstart = time.perf_counter()\n{timed}\nprint(time.perf_counter() - start)"
    runs = [
        float(subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout)
        for _ in range(REPEAT + 1)
    ]
    return median(runs[1:])
