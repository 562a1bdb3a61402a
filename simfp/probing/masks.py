"""The probes of an adder: sums of tiny terms and of two huge ones that cancel; the result counts those not absorbed."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simfp.formats import as_format
from simfp.typing import FormatLike

__all__ = ["Counts", "Masks", "Sums", "as_counts", "factors", "masks_for", "survivors"]

Sums = Callable[[NDArray[np.float64]], NDArray[np.float64]]  # rows of terms -> the sum of each
Counts = Callable[[NDArray[np.int64]], NDArray[np.int64]]  # pairs (i, j) -> how many terms survive


class Masks(NamedTuple):
    """The two sizes of terms that a probe is made of."""

    huge: float
    tiny: float
    factors: int = 1  # 1: the terms are values of the format, times 1; 2: products of two values, see `factors`


def masks_for(fmt: FormatLike) -> Masks:
    """Masks for products of `fmt`: far enough apart that a huge term absorbs a thousand and more tiny ones.

    Values times 1 where the format is wide enough for that, products of two values where it is not: 8 bits reach from
    2^-9 to 2^8 (e4m3), their products from 2^-18 to 2^16.

    Raises ValueError for formats too narrow even so.
    """
    fmt = as_format(fmt)
    huge = min(2.0**60, 2.0**fmt.max_exponent)
    tiny = max(1.0, fmt.smallest_subnormal) if huge >= 2.0**40 else fmt.smallest_subnormal
    if huge / tiny >= 2.0**38:
        return Masks(huge, tiny)
    huge, tiny = huge**2, tiny**2
    if huge / tiny < 2.0**34:  # sums in float32 lose what is 2^24 times smaller: 2^10 terms vanish
        raise ValueError(f"products of {fmt} reach from {tiny:g} to {huge:g} only: too narrow to hide a thousand terms")
    return Masks(huge, tiny, 2)


def factors(x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two arrays whose product is x exactly: each takes half of the exponent, the first one sign and significand."""
    significands, exponents = np.frexp(x)
    half = (exponents - 1) // 2
    return np.ldexp(2 * significands, exponents - 1 - half), np.where(x == 0, 0.0, np.ldexp(1.0, half))


def survivors(sums: Sums, terms: int, masks: Masks) -> Counts:
    """How many tiny terms survive between two huge ones, asked of a function that sums rows of `terms` numbers.

    The function that is returned raises ValueError for a result that is no count: then the huge terms did not absorb
    the others, or two calls gave different results.
    """

    def count(pairs: NDArray[np.int64]) -> NDArray[np.int64]:
        rows = np.full((len(pairs), terms), masks.tiny)
        index = np.arange(len(pairs))
        rows[index, pairs[:, 0]] = masks.huge
        rows[index, pairs[:, 1]] = -masks.huge
        return as_counts(np.asarray(sums(rows), np.float64) / masks.tiny, terms)

    return count


def as_counts(counts: NDArray[np.float64], terms: int) -> NDArray[np.int64]:
    """`counts` as integers from 0 to terms - 2.

    Raises ValueError, with the count, where one is something else.
    """
    odd = ~(np.isfinite(counts) & (counts == np.round(counts)) & (counts >= 0) & (counts <= terms - 2))
    if odd.any():
        raise ValueError(
            f"of {terms - 2} terms {counts[odd][0]:g} seem to have survived: this is no sum, or not always"
        )
    return counts.astype(np.int64)
