"""Arrays of a format's values as text: the fewest digits that tell each value from its neighbours."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, ROUND_UP, Context, Decimal
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simfp.formats import Format
from simfp.rounding import round_to

__all__ = ["array_text", "integers_text", "shortest_decimals"]

POSITIONAL = (1e-4, 1e16)  # magnitudes written without an exponent, as Python writes floats


def shortest_decimals(values: NDArray[Any], fmt: Format) -> list[str]:
    """For each value of a flat array, the decimal of fewest digits that rounds to it in `fmt`.

    >>> from simfp.formats import as_format
    >>> shortest_decimals(np.array([0.0999755859375, 65504, 2.0**-24]), as_format("float16"))
    ['0.1', '65500.', '6e-08']
    """
    wide = values.astype(np.float64)
    words = [str(x) for x in wide]  # nan and inf stay
    left = np.flatnonzero(np.isfinite(wide))
    # of a power of two, the neighbour towards zero is nearer: it may take the outer of two decimals
    for digits, direction in product(range(1, 18), (ROUND_HALF_EVEN, ROUND_UP)):
        context = Context(prec=digits, rounding=direction)
        tried = [context.create_decimal_from_float(float(x)) for x in wide[left]]
        found = round_to(np.array(tried, dtype=np.float64), fmt) == wide[left]
        for i in np.flatnonzero(found):
            words[left[i]] = _written(tried[i])
        left = left[~found]
    return words


def array_text(values: NDArray[Any], fmt: Format, separator: str, prefix: str = "") -> str:
    """`values` in brackets, as NumPy lays arrays out, decimal points aligned, each in its shortest digits."""
    shown: list[float] = []

    def lay_out(formatter: Any) -> str:
        return np.array2string(values, separator=separator, prefix=prefix, formatter={"float_kind": formatter})

    def take_note(x: float) -> str:
        shown.append(x)
        return "?"  # laid out and thrown away; NumPy wants at least one character

    lay_out(take_note)  # of a long array, only the ends
    words = shortest_decimals(np.array(shown), fmt)
    before = max((word.find(".") for word in words), default=0)
    words = [" " * (before - word.find(".")) + word if "." in word else word for word in words]
    after = max((len(word) for word in words if "." in word), default=0)
    words = [word.ljust(after) if "." in word else word for word in words]
    width = max(map(len, words), default=0)
    aligned = iter([word.rjust(width) for word in words])
    return lay_out(lambda x: next(aligned))


def integers_text(values: NDArray[Any]) -> str:
    """Integers or truth values as torch prints a tensor of them; the type is named unless it is int64 or bool."""
    word = "" if values.dtype in (np.int64, np.bool_) else f", dtype={values.dtype}"
    if values.size == 0:
        size = "" if values.ndim == 1 else f", size={values.shape}"
        return f"tensor([]{size}, dtype={values.dtype})"
    return f"tensor({np.array2string(values, separator=', ', prefix='tensor(')}{word})"


def _written(x: Decimal) -> str:
    """A decimal as Python writes floats, but with nothing after the point of a whole number."""
    if x == 0 or POSITIONAL[0] <= abs(x) < POSITIONAL[1]:
        digits = format(x, "f")
        return digits.rstrip("0") if "." in digits else digits + "."
    mantissa, _, exponent = f"{x:e}".partition("e")
    return f"{mantissa}e{int(exponent):+03d}"
