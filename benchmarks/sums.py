"""What sums and tensor cores cost, in nanoseconds a term or multiply-add, on all cores, beside NumPy and Python."""

from __future__ import annotations

import math
import time
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from numba import njit

import simfp as sf
from benchmarks.row import Row

COUNT = 10**6
ROUNDS = 15
SIDES = (256, 1024)  # of square products
LIMITS = {256: 1.0, 1024: 2.0 / 1024**3 * 1e9}  # ns a multiply-add: 1, and a product of 1,024 in 2 seconds

# fmt: off
#                          accumulator                  beside NumPy's sum: others, by name, of an array in a type
SUMS: dict[str, tuple[Any, dict[str, tuple[Callable[[np.ndarray], Any], Any]]]] = {
    "sequential, float16": (sf.SequentialSum("float16"),     {"np.cumsum": (np.cumsum, np.float16)}),
    "sequential, float32": (sf.SequentialSum("float32"),     {"np.cumsum": (np.cumsum, np.float32)}),
    "sequential, e5m2":    (sf.SequentialSum("float8_e5m2"), {}),
    "pairwise, float32":   (sf.PairwiseSum("float32"),       {}),
    "blocked, float32":    (sf.BlockedSum(1000, "float32"),  {}),
    "Kahan, float16":      (sf.KahanSum("float16"),       {"float64 chain": (lambda x: plain_kahan(x), np.float64)}),
    "Kahan, bfloat16":     (sf.KahanSum("bfloat16"),      {"float64 chain": (lambda x: plain_kahan(x), np.float64)}),
    "Kahan, float32":      (sf.KahanSum("float32"),       {"float32 chain": (lambda x: plain_kahan(x), np.float32)}),
    "exact, float16":      (sf.ExactSum("float16"),       {"math.fsum": (lambda x: math.fsum(x.ravel()), np.float64)}),
    "exact, float32":      (sf.ExactSum("float32"),       {"math.fsum": (lambda x: math.fsum(x.ravel()), np.float64)}),
}
# fmt: on


def sums() -> Iterator[Row]:
    """A row for each way to sum: a thousand sums of a thousand terms at once, two of half a million, one of a million.

    The terms are of the accumulator's own format. NumPy's sum is that of float32 values along the same axis.
    """
    x = np.random.default_rng(0).standard_normal(COUNT)
    for name, (accumulator, others) in SUMS.items():
        terms = np.asarray(sf.round_to(x, accumulator.format))
        for what, axis, shape in (
            ("1,000 at once", 0, (1000, 1000)),
            ("2 at once", 0, (COUNT // 2, 2)),
            ("one", None, (COUNT,)),
        ):
            given = terms.reshape(shape)
            ways = {"simfp": lambda way=accumulator, x=given, axis=axis: way(x, axis)}
            ways["np.sum"] = partial(given.astype(np.float32).sum, axis)
            for other, (way, dtype) in others.items():
                ways[other] = partial(way, given.astype(dtype))
            taken = {way: 1e9 / COUNT * seconds for way, seconds in by_the_clock(ways).items()}
            yield Row(f"sums, {name}, {what}", "ns a term", taken.pop("simfp"), 5.0, taken)


@njit
def plain_kahan(x: np.ndarray) -> Any:
    """Kahan's sum in the type of x itself: a chain of four additions a term, none of them rounded any further."""
    x = x.ravel()
    total, rest = x[0], x[0] - x[0]
    for k in range(1, x.size):
        term = x[k] - rest
        grown = total + term
        rest = (grown - total) - term
        total = grown
    return total


def tensor_cores() -> Iterator[Row]:
    """Hopper's bits, beside NumPy's float32 product and the same algorithm in plain Python."""
    rng = np.random.default_rng(0)
    for side in SIDES:
        a, b = (np.asarray(sf.round_to(rng.standard_normal((side, side)), "float16")) for _ in range(2))
        narrow = a.astype(np.float32), b.astype(np.float32)
        ways: dict[str, Callable[[], Any]] = {
            "simfp": lambda a=a, b=b: sf.HOPPER.products(a, b, sf.float16),
            "np.matmul float32": lambda pair=narrow: pair[0] @ pair[1],
        }
        taken = {way: 1e9 / side**3 * seconds for way, seconds in by_the_clock(ways).items()}
        if side == min(SIDES):
            few = 2, side, 2
            corner = a[:2], b[:, :2]
            assert np.array_equal(plainly(*corner), ways["simfp"]()[:2, :2])
            seconds = by_the_clock({"it": lambda corner=corner: plainly(*corner)})["it"]
            taken["plain Python loops"] = 1e9 / math.prod(few) * seconds
        yield Row(f"Hopper's product, {side}^3", "ns a fma", taken.pop("simfp"), LIMITS[side], taken)
    tracemalloc.start()
    sf.HOPPER.products(a, b, sf.float16)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    yield Row(f"memory, Hopper's product, {side}^3", "x (inputs + result)", peak / (3 * a.nbytes), 2.0)


def by_the_clock(ways: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """The shortest time of each way in seconds, taken in turns after a first turn that warms up."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(ROUNDS + 1):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            if turn:
                taken[name].append(time.perf_counter() - start)
    return {name: min(times) for name, times in taken.items()}


def plainly(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The published algorithm, written down as it is told: one element after the other, in Python's integers."""
    return np.array([[plain_element(row.tolist(), column.tolist()) for column in b.T] for row in a])


def plain_element(x: list[float], y: list[float], terms: int = 16, fraction_bits: int = 25) -> float:
    """One element of a product of normal numbers and zeros."""
    total = 0.0
    for start in range(0, len(x), terms):
        parts = []
        for p, q in zip(x[start : start + terms], y[start : start + terms], strict=True):
            if p and q:
                (m, i), (n, j) = math.frexp(p), math.frexp(q)
                parts.append((int(m * 2.0**24) * int(n * 2.0**24), i + j - 2, 46))
        if total:
            m, i = math.frexp(total)
            parts.append((int(m * 2.0**24), i - 1, 23))
        highest = max((exponent for _, exponent, _ in parts), default=0)
        added = 0
        for significand, exponent, bits in parts:
            places = fraction_bits - bits - (highest - exponent)
            size = abs(significand) << places if places >= 0 else abs(significand) >> -places
            added += size if significand > 0 else -size
        length = abs(added).bit_length()
        drop = max(length - 24, 0)
        kept = abs(added) >> drop << drop
        total = math.copysign(math.ldexp(kept, highest - fraction_bits), added) if added else 0.0
    return total
