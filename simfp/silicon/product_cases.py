"""Matrix products to ask a GPU for: their inputs, from seeds, and the accumulators that should answer alike."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simfp.accumulation import Accumulator
from simfp.bits import decode
from simfp.formats import Format, as_format
from simfp.rounding import encode, round_to
from simfp.tensor_core import HOPPER, Generation, Order

__all__ = [
    "CASES", "KINDS", "Case", "Recorded", "accumulator", "checksum", "exponents", "inputs", "model",
    "recorded", "values",
]  # fmt: skip

# What the inputs are like: the exponents they are drawn from, by format, and the shares of zeros, infinities and NaNs.
# fmt: off
#                 exponents in fp16   in the others    zeros  infinite  NaN
KINDS: dict[str, tuple[tuple[int, int], tuple[int, int], float, float, float]] = {
    "near one":   ((-3, 4),           (-3, 4),           0.0,  0.0,   0.0),
    "spread":     ((-12, 8),          (-12, 8),          0.0,  0.0,   0.0),
    "subnormal":  ((-25, -12),        (-134, -120),      0.0,  0.0,   0.0),
    "small":      ((-24, -10),        (-80, -60),        0.0,  0.0,   0.0),  # sums in fp32's subnormal range
    "large":      ((10, 16),          (60, 65),          0.0,  0.0,   0.0),  # sums that overflow
    "half zero":  ((-3, 4),           (-3, 4),           0.6,  0.0,   0.0),
    "nearly zero": ((-3, 4),          (-3, 4),           0.93, 0.0,   0.0),
    "zero":       ((-3, 4),           (-3, 4),           1.0,  0.0,   0.0),
    "infinite":   ((-3, 4),           (-3, 4),           0.0,  0.02,  0.0),
    "special":    ((-3, 4),           (-3, 4),           0.05, 0.02,  0.01),
}
# fmt: on
FP8_KINDS = ("near one", "spread", "nearly zero", "special")
FP32_KINDS = ("near one", "spread", "small", "large", "nearly zero", "special")


class Case(NamedTuple):
    """One product: what multiplies, its shape, what the inputs are like, and how fp8 is summed."""

    fmt: str  # of the inputs: float32 stands for products on CUDA cores
    kind: str  # of KINDS
    m: int
    k: int
    n: int
    fast: bool = True  # of fp8: kept in the core's own accumulator to the end
    by: str = ""  # of the second factor's, if it is another

    @property
    def formats(self) -> tuple[str, str]:
        """Of the first factor and of the second."""
        return self.fmt, self.by or self.fmt

    @property
    def name(self) -> str:
        """What it is called in a recording."""
        formats = " by ".join(dict.fromkeys(self.formats))
        return f"{formats} {self.kind} {self.m}x{self.k}x{self.n}{'' if self.fast else ' promoted'}"


CASES: tuple[Case, ...] = (
    *(Case(fmt, kind, 48, k, 48) for fmt in ("float16", "bfloat16") for kind in KINDS for k in (16, 32, 64)),
    *(
        Case("float8_e4m3fn", kind, 48, k, 48, fast)
        for kind in FP8_KINDS
        for k in (32, 128, 512)
        for fast in (True, False)
    ),
    *(Case(fmt, kind, 32, 32, 32) for fmt in ("tfloat32", "float32") for kind in FP32_KINDS),
    *(Case(fmt, "near one", *shape) for fmt in ("float16", "bfloat16") for shape in ((256, 512, 256), (64, 1000, 128))),
    *(  # no library multiplies e5m2 by e5m2
        Case(formats[0], kind, 48, k, 48, fast, formats[1])
        for formats in (("float8_e5m2", "float8_e4m3fn"), ("float8_e4m3fn", "float8_e5m2"))
        for kind in FP8_KINDS
        for k in (32, 512)
        for fast in (True, False)
    ),
)


def exponents(case: Case, fmt: str = "") -> tuple[int, int]:
    """From which exponents the inputs of `case` are drawn: the lowest, and the one after the highest.

    fmt: of the factor, if it is not that of the first one.
    """
    half, other, *_ = KINDS[case.kind]
    low, high = half if case.fmt == "float16" else other
    return (max(low, -6), min(high, 4)) if (fmt or case.fmt) == "float8_e4m3fn" else (low, high)


def inputs(case: Case) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """The codes of both matrices, (M, K) and (K, N), in their formats, but for tfloat32 those of its float32 inputs."""
    rng = np.random.default_rng([CASES.index(case) if case in CASES else len(CASES), case.m, case.k, case.n])
    _, _, zeros, infinite, nan = KINDS[case.kind]

    def matrix(rows: int, columns: int, name: str) -> NDArray[np.uint32]:
        shape, fmt = (rows, columns), _stored(name)
        significands = 1 + rng.integers(0, 1 << 20, shape) / 2.0**20
        signs = rng.integers(0, 2, shape) * 2.0 - 1
        x = signs * np.ldexp(significands, rng.integers(*exponents(case, name), shape))
        chance = rng.integers(0, 10_000, shape) / 10_000
        x = np.where(chance < zeros, signs * 0.0, x)
        x = np.where((chance >= zeros) & (chance < zeros + infinite), signs * np.inf, x)
        x = np.where((chance >= 1 - nan), np.nan, x)
        with np.errstate(all="ignore"):
            return np.asarray(encode(x, fmt, overflow="inf" if fmt.infinities else "saturate")).astype(np.uint32)

    left, right = case.formats
    return matrix(case.m, case.k, left), matrix(case.k, case.n, right)


def _stored(name: str) -> Format:
    """The format in which values lie in memory."""
    return as_format("float32" if name == "tfloat32" else name)


def accumulator(case: Case, generation: Generation = HOPPER) -> Accumulator:
    """What should carry the sums of `case` on a GPU where a kernel walks K from its first to its last."""
    if case.fmt == "float32":
        return generation.cuda_cores
    core = generation.core(case.fmt)
    if not case.fast:  # torch's fp8 product without fast accumulation: each 128 are added up in fp32
        return core.with_order(Order(split_k=128, reduction="float32"))
    return core


def values(
    case: Case, codes: tuple[NDArray[Any], NDArray[Any]] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both matrices of `case` (or those with `codes`) as a core sees them: float64 values of their formats."""
    given = inputs(case) if codes is None else codes
    with np.errstate(all="ignore"):
        x, y = (
            decode(each.astype(_stored(fmt).code_dtype), _stored(fmt)).astype(np.float64)
            for each, fmt in zip(given, case.formats)
        )
        if case.fmt == "tfloat32":  # torch rounds to nearest before the core would cut
            x, y = np.asarray(round_to(x, case.fmt)), np.asarray(round_to(y, case.fmt))
    return x, y


def model(
    case: Case, codes: tuple[NDArray[Any], NDArray[Any]] | None = None, generation: Generation = HOPPER
) -> NDArray[np.float32]:
    """The sums that the model makes of the inputs of `case` (or of `codes`), in float32."""
    carrier, formats = accumulator(case, generation), [as_format(fmt) for fmt in case.formats]
    with np.errstate(all="ignore"):
        return np.asarray(carrier.products(*values(case, codes), *formats[: 2 if case.by else 1]), np.float32)


class Recorded(NamedTuple):
    """What a device answered for one case."""

    case: Case
    answer: NDArray[np.uint32]  # codes of float32

    def differing(self) -> int:
        """How many elements of the model have other bits; any NaN counts as any other."""
        made, told = model(self.case), self.answer.view(np.float32)
        with np.errstate(invalid="ignore"):
            both_nan = np.isnan(made) & np.isnan(told)
        return int((~both_nan & (made.view(np.uint32) != self.answer)).sum())


def checksum(case: Case) -> str:
    """SHA-256 of a case's inputs."""
    a, b = inputs(case)
    return hashlib.sha256(a.tobytes() + b.tobytes()).hexdigest()


def recorded(file: Path, recording: dict[str, Any]) -> Iterator[Recorded]:
    """The answers in `file` to the cases of a recording, in its order.

    Raises ValueError where the file is not the one that was recorded, or the inputs are no longer the same.
    """
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        raise ValueError(f"{file.name}, the file of answers, is not beside its recording") from None
    if hashlib.sha256(content).hexdigest() != recording["answers"]:
        raise ValueError(f"{file.name} is damaged, or not the one recorded: it does not have its checksum")
    answers = np.load(io.BytesIO(content))
    by_name = {case.name: case for case in CASES}
    for row in recording["cases"]:
        case = by_name[row["name"]]
        if checksum(case) != row["inputs"]:
            raise ValueError(f"the inputs of {case.name} are not those that were recorded")
        yield Recorded(case, answers[row["name"]])
