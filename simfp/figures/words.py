"""Numbers as a reader meets them: powers of two, short decimals, shares. What they say is never more than is so."""

from __future__ import annotations

import math
from collections.abc import Iterable

__all__ = [
    "GIB", "decimal", "factor", "gib", "numbers", "percent",
    "power_of_two", "relative_error", "scale", "share",
]  # fmt: skip

GIB = 2**30
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def power_of_two(exponent: int) -> str:
    """2 to the `exponent`, written with superscripts.

    >>> power_of_two(-24)
    '2⁻²⁴'
    """
    return "2" + str(exponent).translate(_SUPERSCRIPTS)


def decimal(x: float, digits: int = 6) -> str:
    """`x` to so many significant digits, in plain notation between 1e-4 and 1e6.

    >>> decimal(2.0**-24), decimal(0.0), decimal(math.inf)
    ('5.96046e-8', '0', '∞')
    """
    if math.isnan(x):
        return "NaN"
    if math.isinf(x):
        return "∞" if x > 0 else "−∞"
    text = f"{x:.{digits}g}"
    if "e" in text:
        mantissa, exponent = text.split("e")
        text = f"{mantissa}e{int(exponent)}"
    return text


def scale(x: float) -> str:
    """A loss scale, as a power of two where it is one.

    >>> scale(65536.0), scale(0.25), scale(3000.0), scale(0.0)
    ('2¹⁶ = 65,536', '2⁻² = 0.25', '3,000', '0')
    """
    whole = x == math.floor(x) and x < 1e13
    number = f"{int(x):,}" if whole else decimal(x)
    mantissa, exponent = math.frexp(x)
    return f"{power_of_two(exponent - 1)} = {number}" if mantissa == 0.5 else number


def factor(k: int) -> str:
    """What 2**-k is.

    >>> factor(-3), factor(24)
    ('2³ = 8', '2⁻²⁴ ≈ 5.96046e-8')
    """
    x = math.ldexp(1.0, -k)
    text = decimal(x)
    return f"{power_of_two(-k)} {'=' if float(text) == x else '≈'} {text}"


def percent(count: int, total: int) -> str:
    """The share that `count` is of `total`, to two decimals; only nothing reads 0 % and only all reads 100 %.

    >>> percent(0, 100_000), percent(1, 100_000), percent(62_104, 100_000), percent(99_999, 100_000)
    ('0 %', '< 0.01 %', '62.10 %', '> 99.99 %')
    """
    if count in (0, total):
        return "100 %" if count else "0 %"
    share = 100 * count / total
    return "< 0.01 %" if share < 0.01 else "> 99.99 %" if share > 99.99 else f"{share:.2f} %"


def relative_error(before: float, after: float) -> str:
    """How far `after` lies from `before`, in per cent of it, signed.

    >>> relative_error(1.0, 1.0), relative_error(3.0, 4.0), relative_error(1.0, 0.0)
    ('0', '+33.3 %', '−100 %')
    """
    if after == before:
        return "0"
    error = 100 * (after - before) / before
    if not math.isfinite(error):
        return "—"
    return f"{'+' if error > 0 else '−'}{decimal(abs(error), 3)} %"


def numbers(values: Iterable[float]) -> str:
    """A few numbers side by side.

    >>> numbers([0.25, math.nan, 1e9])
    '0.25  NaN  1e9'
    """
    return "  ".join(decimal(x, 3) for x in values)


def gib(size: float) -> str:
    """Bytes in GiB, or, if they are few, in MiB; to three digits.

    >>> gib(2**30), gib(14.5 * 2**30), gib(5 * 2**20)
    ('1.00 GiB', '14.5 GiB', '5.00 MiB')
    """
    value, unit = (size / GIB, "GiB") if size >= 0.1 * GIB else (size / 2**20, "MiB")
    return f"{value:.{0 if value >= 100 else 1 if value >= 10 else 2}f} {unit}"


def share(size: float, of: float) -> str:
    """How many per cent `size` is of `of`."""
    return f"{100 * size / of:.0f} %"
