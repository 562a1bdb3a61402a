"""Which float64 numbers lie so near the middle between two values of a format that their own error decides.

Also, for those who want to know what was exact, which lie that near a value.
"""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["BESIDE", "ITSELF", "SLOPE", "TURNING", "counted", "doubtful"]

u = np.uint64
MANTISSA, INFINITE, IMPLICIT = u(52), u(2047), u(1 << 52)
ZERO, ONE, MOST_DROPPED = u(0), u(1), u(54)
# what an element's error is in proportion to, besides itself: nothing, a number beside it, that number held to 1 and
# over 8, that times 1 + x^2
ITSELF, BESIDE, TURNING, SLOPE = range(4)
MOST = 2.0**54  # units; more would be the number itself


@njit(inline="always")
def _in_doubt(bits, drop, min_exponent, margin, values):
    """float64's subnormals are below half of any format's smallest number; infinities and NaNs are certain."""
    exponent = u(u(bits >> MANTISSA) & INFINITE)
    dropped = u(drop + (u(min_exponent - exponent) if exponent < min_exponent else ZERO))
    below = min(dropped, MOST_DROPPED)
    unit = u(ONE << below)
    rest = u(u(u(bits & u(IMPLICIT - ONE)) | IMPLICIT) & u(unit - ONE))
    shifted = rest if values else u(rest + u(unit >> ONE))  # what is in doubt is now at either end of a unit
    near = u(u(shifted + margin) & u(unit - ONE)) <= u(margin + margin)
    return near & (dropped <= MOST_DROPPED) & (exponent != ZERO) & (exponent != INFINITE)


@njit(cache=True, nogil=True, error_model="numpy")
def counted(bits, drop, min_exponent, margin, values):
    """How many elements are in doubt, where all have one margin; see `doubtful`."""
    count = 0
    for i in range(bits.size):
        count += _in_doubt(bits[i], drop, min_exponent, margin, values)
    return count


@njit(cache=True, nogil=True, error_model="numpy")
def doubtful(x, bits, drop, min_exponent, margin, beside, way, values, found):
    """How many elements of the flat array x are in doubt; their places go into `found`, as far as it reaches.

    bits: x as uint64. drop: the bits below the last one that the format keeps of a normal number. min_exponent: of its
    smallest, as float64 biases it; below it more bits are dropped. margin: how far off an element may be, in units of
    its own last place, or, where that is more, of another number's, which hangs on `beside` in one of the ways above.
    values: look for what is near a value.
    """
    count = 0
    for i in range(x.size):
        limit = margin
        if way != ITSELF:
            size = abs(np.float64(beside[i]))
            if way != BESIDE:
                size = min(size, 1.0) * 0.125
                if way == SLOPE:
                    size *= 1.0 + x[i] * x[i]
            if size > abs(x[i]):
                wider = np.float64(margin) * (size / abs(x[i]))
                limit = u(wider) if wider < MOST else u(MOST)
        if _in_doubt(bits[i], drop, min_exponent, limit, values):
            if count < found.size:
                found[count] = i
            count += 1
    return count
