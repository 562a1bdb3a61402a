"""CUDA's float32 exp, log, tanh, erf and their kin, to the last bit: see `simfp.kernels.cuda_math`.

What a GPU's own approximations answer is kept as their distance from the nearest float32, recorded on the device that
`provenance` names. The tables are made when they are first asked for, and take 128 MB.
"""

from __future__ import annotations

import hashlib
import json
import lzma
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simfp.accumulation import in_threads
from simfp.kernels.cuda_math import LOOPS

__all__ = ["Tables", "provenance", "tables", "values_of"]

RECORDING = Path(__file__).parent / "data" / "hopper_approximations.npz"
PLACES = 1 << 23
BLOCK = 1 << 12  # values that one task takes


class Tables(NamedTuple):
    """A GPU's approximations, float32."""

    powers: NDArray[np.float32]  # of two, for k / 2^23
    reciprocals: NDArray[np.float32]  # of 1 + k / 2^23
    roots: NDArray[np.float32]  # reciprocal ones, of 1 + k / 2^23 and then of twice that


def provenance() -> dict[str, Any]:
    """Which device answered, with which driver and when."""
    with np.load(RECORDING) as kept:
        told: dict[str, Any] = json.loads(str(kept["provenance"]))
    return told


@lru_cache(maxsize=1)
def tables() -> Tables:
    """The three tables.

    Raises ValueError where they are not those that were recorded.
    """
    places = np.arange(PLACES) / PLACES
    exact = {
        "ex2": np.exp2(places),
        "rcp": 1 / (1 + places),
        "rsqrt": 1 / np.sqrt(np.concatenate([1 + places, 2 * (1 + places)])),
    }
    told, made = provenance()["tables"], []
    with np.load(RECORDING) as kept:
        for name, values in exact.items():
            away = np.frombuffer(lzma.decompress(kept[name].tobytes()), np.int8)
            codes = values.astype(np.float32).view(np.int32) + away
            if hashlib.sha256(codes.tobytes()).hexdigest() != told[name]:
                raise ValueError(f"the table of {name} in {RECORDING.name} is not the one that was recorded")
            made.append(codes.view(np.float32))
    return Tables(*made)


def values_of(name: str, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """One of `LOOPS`'s functions of every value."""
    flat = np.ascontiguousarray(x, np.float32).reshape(-1)
    out = np.empty_like(flat)
    loop, three = LOOPS[name], tables()
    in_threads(
        lambda first, last: loop(flat[first * BLOCK : last * BLOCK], out[first * BLOCK : last * BLOCK], *three),
        -(-flat.size // BLOCK), 4 * flat.size,
    )  # fmt: skip
    return out.reshape(x.shape)
