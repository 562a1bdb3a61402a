"""Arrays of a format's values as text: the fewest digits that tell each value from its neighbours."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simfp.formats import Format
from simfp.rounding import round_to

__all__ = ["array_text", "shortest_decimals"]

POSITIONAL = (1e-4, 1e16)  # magnitudes written without an exponent, as Python writes floats


def shortest_decimals(values: NDArray[Any], fmt: Format) -> list[str]:
    """For each value of a flat array, the decimal of fewest digits that rounds to it in `fmt`.

    >>> from simfp.formats import as_format
    >>> shortest_decimals(np.array([0.0999755859375, 65504, 2.0**-24]), as_format("float16"))
    ['0.1', '65500.', '6e-08']
    """
    wide = values.astype(np.float64)
    words = ["" for _ in wide]
    left = np.arange(wide.size)
    for digits in range(18):
        tried = [f"{wide[i]:.{digits}e}" for i in left]
        back = round_to(np.array([float(word) for word in tried]), fmt)
        found = (back == wide[left]) | ~np.isfinite(wide[left]) | (digits == 17)
        for i, word in zip(left[found], np.array(tried)[found]):
            words[i] = _plain(str(word))
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
    parts = [word.partition(".") for word in shortest_decimals(np.array(shown), fmt)]
    before = max((len(whole) for whole, _, _ in parts), default=0)
    after = max((len(point + rest) for _, point, rest in parts), default=0)
    words = iter([whole.rjust(before) + (point + rest).ljust(after) for whole, point, rest in parts])
    return lay_out(lambda x: next(words))


def _plain(word: str) -> str:
    """'1.25e-01' as '0.125'; the exponent stays where the magnitude is not in POSITIONAL."""
    size = abs(float(word))
    if not np.isfinite(size):
        return word
    if size == 0 or POSITIONAL[0] <= size < POSITIONAL[1]:
        digits = format(Decimal(word), "f")
        return digits.rstrip("0") if "." in digits else digits + "."
    mantissa, _, exponent = word.partition("e")
    return f"{mantissa}e{int(exponent):+03d}"
