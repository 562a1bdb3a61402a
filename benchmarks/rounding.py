"""What rounding costs, in nanoseconds a value, beside copying, NumPy, ml_dtypes, torch and pychop."""

from __future__ import annotations

import time
import timeit
import tracemalloc
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

import ml_dtypes
import numpy as np
import torch
from pychop import Chop

import simfp as sf
from benchmarks.row import Row

COUNT = 10**7
ROUNDS = 9
ENOUGH = 4.0  # seconds after which a slow contender is not asked again, once it has answered three times

E5M7 = sf.Format("e5m7", exponent_bits=5, mantissa_bits=7)
COPY_LIMIT = 3.0
NEAREST, STOCHASTIC = 1, 5  # pychop's names for them

# fmt: off
#                 simfp             NumPy or ml_dtypes        torch                  pychop
FORMATS = {
    "float16":   (sf.float16,       np.float16,               torch.float16,         (5, 10)),
    "bfloat16":  (sf.bfloat16,      ml_dtypes.bfloat16,       torch.bfloat16,        (8, 7)),
    "e4m3":      (sf.float8_e4m3fn, ml_dtypes.float8_e4m3fn,  torch.float8_e4m3fn,   (4, 3)),
    "e5m7":      (E5M7,             None,                     None,                  (5, 7)),
}
#                dtype        nearest even  stochastic: at most so many ns a value
LIMITS = {
    "float32": (np.float32,   1.0,          4.0),
    "float64": (np.float64,   1.5,          4.0),
}
# fmt: on


def values(dtype: Any) -> np.ndarray:
    """Mixed magnitudes: normal numbers times 2^-30 ... 2^20; in float16 some vanish, some overflow."""
    rng = np.random.default_rng(0)
    return (rng.standard_normal(COUNT) * 2.0 ** rng.uniform(-30, 20, COUNT)).astype(dtype)


def speed() -> Iterator[Row]:
    """A row for each input type, mode and format."""
    for source, (dtype, nearest_limit, stochastic_limit) in LIMITS.items():
        x = values(dtype)
        for name in FORMATS:
            copies = COPY_LIMIT if source == "float32" else None
            yield _row(f"{source} to {name}", nearest_limit, contenders(x, name), copies)
        yield _row(f"{source} to float16, stochastic", stochastic_limit, stochastic_contenders(x))


def contenders(x: np.ndarray, name: str) -> dict[str, Callable[[], Any]]:
    """Ways to round `x` to nearest-even; each makes a new array, but for np.copyto."""
    fmt, stored, torch_dtype, (exponent_bits, mantissa_bits) = FORMATS[name]
    out = np.empty_like(x)
    tensor = torch.from_numpy(x)
    ways: dict[str, Callable[[], Any]] = {
        "simfp": lambda: sf.round_to(x, fmt),
        "np.copyto": lambda: np.copyto(out, x),
        "x.copy()": lambda: x.copy(),
    }
    if stored:
        ways["NumPy" if stored is np.float16 else "ml_dtypes"] = lambda: x.astype(stored).astype(x.dtype)
        ways["torch"] = lambda: tensor.to(torch_dtype).to(tensor.dtype)
    chop = Chop(exponent_bits, mantissa_bits, rmode=NEAREST, chunk_size=COUNT)
    return ways | {"pychop": lambda: chop(x)}


def stochastic_contenders(x: np.ndarray) -> dict[str, Callable[[], Any]]:
    """Ways to round `x` to float16 stochastically."""
    rng, out = np.random.default_rng(0), np.empty_like(x)
    chop = Chop(5, 10, rmode=STOCHASTIC, chunk_size=COUNT)
    return {
        "simfp": lambda: sf.round_to(x, "float16", "stochastic", rng=rng),
        "np.copyto": lambda: np.copyto(out, x),
        "x.copy()": lambda: x.copy(),
        "pychop": lambda: chop(x),
    }


def _row(what: str, limit: float, ways: dict[str, Callable[[], Any]], copy_limit: float | None = None) -> Row:
    nanoseconds = {name: 1e9 / COUNT * seconds for name, seconds in side_by_side(ways).items()}
    return Row(what, "ns a value", nanoseconds.pop("simfp"), limit, nanoseconds, copy_limit)


def side_by_side(ways: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """The median time of each way, in seconds: warmed up, then taken in turns, so that all meet the same weather.

    It is the processor's time, in which other programs' turns do not count.
    """
    taken: dict[str, list[float]] = {name: [] for name in ways}
    with np.errstate(all="ignore"):
        for turn in range(ROUNDS + 1):
            for name, way in ways.items():
                if len(taken[name]) >= 3 and sum(taken[name]) >= ENOUGH:
                    continue
                start = time.process_time()
                way()
                if turn:  # the first turn warms up
                    taken[name].append(time.process_time() - start)
    return {name: median(times) for name, times in taken.items()}


def memory() -> Iterator[Row]:
    """The most memory that a rounding holds at once beside its input, in arrays of its size: 1 is the result alone."""
    for source, (dtype, _, _) in LIMITS.items():
        x = values(dtype)
        for rounding in ("nearest_even", "stochastic"):
            options = {"rng": 0} if rounding == "stochastic" else {}
            sf.round_to(x[:1000], "float16", rounding, **options)
            tracemalloc.start()
            sf.round_to(x, "float16", rounding, **options)
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            yield Row(f"memory, {source}, {rounding}", "arrays", round(peak / x.nbytes, 3), 1.0)


def scalar() -> Row:
    """One Python number."""
    chop = Chop(5, 10, rmode=NEAREST, chunk_size=COUNT)
    one = np.array([0.1], np.float32)
    ways = {
        "simfp": lambda: sf.round_to(0.1, "float16"),
        "NumPy": lambda: float(np.float16(0.1)),
        "torch": lambda: torch.tensor(0.1).to(torch.float16).item(),
        "pychop": lambda: chop(one),
    }
    number = 1000
    microseconds = {
        name: 1e6 / number * median(timeit.repeat(way, number=number, repeat=5)) for name, way in ways.items()
    }
    return Row("one scalar", "µs", microseconds.pop("simfp"), 20.0, microseconds)
