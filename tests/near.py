"""What may be asked of two sides of which one is another library: the same bits, or how near both are to exact.

Bits are asked only where the other side's answer is defined to the bit on every processor: an operation of IEEE 754
that is done by itself, a cast, a choice, a move. What it adds up, and what it takes from a library of functions,
depends on the kernel that it picks for the processor. There both sides are held against the exact answer, in ulps:
ours to the bound that the test states, for our bits are the same everywhere but in NumPy's products, whose bounds
leave room; theirs to `theirs_within`, since no bound is promised.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import simfp as sf

BITS = "bits"  # both sides give the same bits
NEAREST = "nearest"  # ours is the exact answer, rounded once, to the bit; theirs is near


@dataclass(frozen=True)
class Summed:
    """The same bits where nothing is added up; ours within `ulps` where something is."""

    ulps: float


Claim = str | float | Summed


def theirs_within(ulps: float) -> float:
    """How far theirs may be from exact, where ours is within `ulps`: twice as far, and two ulps more.

    Nobody promises it; on all rows of docs/test_matrix.md none is farther than two thirds of it.
    """
    return 2 * ulps + 2


def ulps_from(exact: Any, found: Any, fmt: sf.Format, each: bool = False) -> float:
    """How far `found` is from exact, at most: in ulps of the largest exact value, or 1; or of `each` value."""
    exact, found = np.asarray(exact, np.float64), np.asarray(found, np.float64)
    assert exact.shape == found.shape
    if not exact.size:
        return 0.0
    size = np.abs(exact) if each else np.maximum(np.abs(exact).max(), 1.0)
    away = np.abs(found - exact) / sf.ulp(np.asarray(sf.round_to(size, fmt), np.float64), fmt)
    return float(away.max()) if np.isfinite(away).all() else np.inf


def hold(
    ours: Any, theirs: Any, exact: Any, claim: Claim, fmt: sf.Format = sf.float32, each: bool = False, where: Any = ""
) -> None:
    """Holds both sides to a claim.

    exact: the answer in float64, of which only `BITS` has no need. each: ulps are those of each value (`ulps_from`).
    """
    assert np.shape(ours) == np.shape(theirs), where
    assert not isinstance(claim, Summed), "whether anything is added up is for the caller to say"
    if claim == BITS:
        np.testing.assert_array_equal(ours, theirs, err_msg=str(where))
        return
    if claim == NEAREST:
        np.testing.assert_array_equal(ours, sf.round_to(np.asarray(exact, np.float64), fmt), err_msg=str(where))
    ulps = 0.5 if claim == NEAREST else float(claim)
    away, off = (ulps_from(exact, found, fmt, each) for found in (ours, theirs))
    assert away <= ulps + 1e-3, (where, "ours", away)  # the exact answer is one of float64
    assert off <= theirs_within(ulps), (where, "theirs", off)
