"""The whole story of one rounding: where a value lies between its neighbours, and why it went where it went."""

from __future__ import annotations

import math
import re
import sys
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from simfp import observe
from simfp.bits import bit_string, codes_of
from simfp.formats import Format, as_format
from simfp.rounding import encode, fates_of, next_down, next_up, round_to, ulp

__all__ = ["Explanation", "explain", "parse_number"]

LARGEST_POWER = {"ten": 1000, "two": 3000}  # that a typed number may have
LONGEST_TEXT = 1000

SIDES = {  # which neighbour a mode takes that does not ask for the nearest
    "toward_zero": "nearer to zero",
    "toward_positive": "above",
    "toward_negative": "below",
    "to_odd": "whose last bit is 1",
}


@dataclass(frozen=True)
class Explanation:
    """One rounding, told. `str()` of it is the story; the fields are its figures."""

    x: Fraction | float  # the exact value; a float where it is a zero (which has a sign), infinite or NaN
    fmt: Format
    rounding: str
    result: float
    code: int | None  # None for a NaN in a format that has none
    fate: str
    below: float  # the largest value of the format that is <= x
    above: float  # the smallest that is >= x; NaN, as for `below`, where there is none
    tie: Fraction | None  # halfway between the two, None where x is one of them or they are not both finite
    ulp: float  # their distance at the magnitude of x
    error_ulps: float  # (result - x) / ulp, NaN where that has no meaning
    why: str

    def __str__(self) -> str:
        rows = [
            ("exact value", _decimal(self.x)),
            ("hexadecimal", _hexadecimal(self.x)),
            ("at or below", self._neighbour(self.below)),
            ("tie", "-" if self.tie is None else _decimal(self.tie)),
            ("at or above", self._neighbour(self.above)),
            ("result", self._landmark(self.result)),
            ("error", "-" if math.isnan(self.error_ulps) else f"{self.error_ulps:+.6g} ulp of {_power(self.ulp)}"),
            ("fate", self.fate),
            ("why", self.why),
        ]
        if not isinstance(self.x, Fraction):
            rows = [row for row in rows if row[0] in ("exact value", "result", "fate", "why")]
        title = f"{_short(self.x)} in {self.fmt}, {self.rounding}"
        return "\n".join([title, *(f"  {label:<12} {text}" for label, text in rows)])

    def _neighbour(self, value: float) -> str:
        return f"none in {self.fmt}" if math.isnan(value) else self._landmark(value)

    def _landmark(self, value: float) -> str:
        """One value of the format: decimal, power of two if it is one, bits and code."""
        if (math.isnan(value) and not self.fmt.nans) or (math.isinf(value) and not self.fmt.infinities):
            return f"{value} (which {self.fmt} has no code for)"
        code = int(encode(value, self.fmt))
        digits = (self.fmt.bits + 3) // 4
        power = f" = {_power(value)}" if _is_power(value) else ""
        return f"{_decimal(value)}{power}   [{bit_string(code, self.fmt)}]   0x{code:0{digits}x}"


def explain(x: Any, fmt: Any, rounding: str = "nearest_even", **options: Any) -> Explanation:
    """What becomes of the one number `x` in `fmt`, and why; print it, or read its fields.

    x: a float, an int, a NumPy scalar, or a string that `parse_number` reads (taken exactly, not as the nearest
    float64). Takes the options of `round_to`.

    >>> print(explain(2049, "float16").why)
    exactly halfway between 2048.0 and 2050.0; of the two, 2048.0 has the even last bit

    Raises TypeError for anything but one number, and ValueError as `round_to` and `parse_number` do.
    """
    fmt = as_format(fmt)
    exact = _exact(x)
    near = _odd_float64(exact) if isinstance(exact, Fraction) else exact
    result = float(round_to(near, fmt, rounding, **options))
    fates = {name: options[name] for name in ("subnormals", "overflow") if name in options}
    became = str(observe.FATES[fates_of(np.array([near]), np.array([result]), fmt, rounding, **fates)[0]])
    owned = near == round_to(near, fmt, "toward_zero")
    below, above = (near, near) if owned else (float(next_down(near, fmt)), float(next_up(near, fmt)))
    below = math.nan if below > near else below  # beyond the ends of a format without infinities
    above = math.nan if above < near else above
    between = isinstance(exact, Fraction) and math.isfinite(below) and math.isfinite(above) and below != above
    in_gap = not fmt.subnormals and abs(near) < fmt.smallest_normal  # decided on the full grid, and flushed
    tie = (Fraction(below) + Fraction(above)) / 2 if between and not in_gap else None
    spacing = float(ulp(near, fmt))
    measurable = math.isfinite(near) and math.isfinite(result)
    error = _to_float((Fraction(result) - Fraction(exact)) / Fraction(spacing)) if measurable else math.nan
    code = None if math.isnan(result) and not fmt.nans else int(codes_of(np.array([result], fmt.carrier), fmt)[0])
    why = _reason(exact, fmt, rounding, result, became, below, above, tie, options)
    return Explanation(exact, fmt, rounding, result, code, became, below, above, tie, spacing, error, why)


def parse_number(text: str) -> Fraction | float:
    """The exact value of a number as people type it: a Fraction, or a float for "inf" and "nan" (and "-0").

    Understands decimals ("6e-8", "-0.1"), hexadecimals with a binary exponent ("0x1.8p-14") and powers of two
    ("2^-24", "1.5*2^-24").

    >>> parse_number("2^-3")
    Fraction(1, 8)

    Raises ValueError for anything else, with a word on what is understood.
    """
    if len(text) > LONGEST_TEXT:
        raise ValueError(f"a number of {len(text)} characters is too long; at most {LONGEST_TEXT} are read")
    typed = text.strip().lower().replace("**", "^").replace("−", "-")
    refusal = f"cannot read {text[:40]!r} as a number; understood are decimals (6e-8), hexadecimals (0x1.8p-14), "
    refusal += "powers of two (2^-24, 1.5*2^-24), inf and nan"
    if re.fullmatch(r"[+-]?(inf|infinity|nan)", typed):
        return float(typed)
    power = re.fullmatch(r"[+-]?(?:(\d*\.?\d+)\s*[*x·]\s*)?2\^\(?([+-]?\d+)\)?", typed)
    hexadecimal = re.fullmatch(r"[+-]?0x(?=\.?[0-9a-f])([0-9a-f]*)\.?([0-9a-f]*)(?:p([+-]?\d+))?", typed)
    decimal = re.fullmatch(r"[+-]?((?:\d+\.?\d*|\.\d+)(?:e([+-]?\d+))?)", typed)
    if power:
        magnitude = Fraction(power[1] or 1) * Fraction(2) ** _check_power(int(power[2]), "two", text)
    elif hexadecimal:
        exponent = _check_power(int(hexadecimal[3] or 0), "two", text) - 4 * len(hexadecimal[2])
        magnitude = int(hexadecimal[1] + hexadecimal[2], 16) * Fraction(2) ** exponent
    elif decimal:
        _check_power(int(decimal[2] or 0), "ten", text)
        magnitude = Fraction(decimal[1])
    else:
        raise ValueError(refusal)
    if typed[0] == "-":
        return -magnitude if magnitude else -0.0
    return magnitude


def _check_power(power: int, base: str, text: str) -> int:
    if abs(power) > LARGEST_POWER[base]:
        limit = LARGEST_POWER[base]
        raise ValueError(f"{text[:40]!r} is out of reach; powers of {base} go from -{limit} to {limit}")
    return power


def _exact(x: Any) -> Fraction | float:
    """The exact value of `x`: a Fraction, or a float for zeros (which have a sign), infinities and NaN."""
    if isinstance(x, str):
        x = parse_number(x)
        return x if x else float(x)
    if isinstance(x, (int, np.integer)):
        if int(x).bit_length() > LARGEST_POWER["two"]:
            raise ValueError(f"`x` has {int(x).bit_length()} bits; at most {LARGEST_POWER['two']} are told")
        return Fraction(int(x)) if x else 0.0
    given = np.asarray(x)
    if given.ndim or given.dtype.kind not in "biufV" or given.dtype.itemsize > 8:
        raise TypeError(f"`x` must be one number or a string, got {type(x).__name__} {x!r}")
    value = float(round_to(x, "float32")) if given.dtype.kind == "V" else float(x)
    return Fraction(value) if math.isfinite(value) and value != 0 else value


def _odd_float64(exact: Fraction) -> float:
    """`exact` rounded to odd in float64, from which one later rounding to at most 24 bits is that of `exact`."""
    nearest = _to_float(exact)
    if math.isinf(nearest):
        return sys.float_info.max if exact > 0 else -sys.float_info.max
    left_over = exact - Fraction(nearest)
    if left_over == 0 or int(np.float64(nearest).view(np.uint64)) % 2 == 1:  # its last bit, a subnormal's too
        return nearest
    return math.nextafter(nearest, math.inf if left_over > 0 else -math.inf)


def _reason(
    exact: Fraction | float,
    fmt: Format,
    rounding: str,
    result: float,
    became: str,
    below: float,
    above: float,
    tie: Fraction | None,
    options: dict[str, Any],
) -> str:
    """Why it went where it went, in a sentence."""
    saturated = options.get("overflow") == "saturate"
    if not isinstance(exact, Fraction):
        return _reason_of_special(exact, fmt, result, saturated)
    if result == exact:
        return f"{fmt} owns this value, so nothing is rounded" + _bits_left(fmt, result)
    flushed = options.get("subnormals") == "flush" or not fmt.subnormals
    if flushed and result == 0 and max(abs(below), abs(above)) >= fmt.smallest_subnormal:
        return f"a result below the smallest normal number, {_power(fmt.smallest_normal)}, is flushed to zero"
    if not fmt.subnormals and abs(exact) < fmt.smallest_normal:
        return f"near enough to the smallest normal number, {result}; in {fmt} all that rounds below it becomes zero"
    if abs(exact) > Fraction(fmt.max) and (not math.isfinite(result) or abs(result) == fmt.max):
        return _reason_at_the_top(fmt, rounding, result, became == "overflowed", saturated)
    where = f"between {below} and {above}"
    if rounding == "stochastic":
        inner, outer = sorted((Fraction(below), Fraction(above)), key=abs)
        chance = (exact - inner) / (outer - inner)
        bits = options.get("random_bits")
        chance = Fraction(math.floor(chance * 2**bits), 2**bits) if bits else chance
        return f"{where}, and goes away from zero with a probability of {float(chance):.6g}: it became {result}"
    if rounding not in ("nearest_even", "nearest_away"):
        return f"{where}; {rounding} takes the neighbour {SIDES[rounding]}" + _bits_left(fmt, result)
    if exact == tie:
        has_even = rounding == "nearest_even" and (fmt.mantissa_bits > 0 or result == 0)
        rule = "has the even last bit" if has_even else "lies farther from zero"
        return f"exactly halfway {where}; of the two, {result} {rule}" + _bits_left(fmt, result)
    assert tie is not None
    side = "above" if exact > tie else "below"
    return f"{where}, {side} the tie, so {result} is the nearer" + _bits_left(fmt, result)


def _reason_of_special(value: float, fmt: Format, result: float, saturated: bool) -> str:
    if math.isnan(value):
        return "NaN stays NaN" if fmt.nans else f"NaN stays NaN, though {fmt} has no code for it"
    if value == 0:
        return "zero keeps its sign"
    if math.isinf(result):
        return f"{fmt} has infinities"
    return f"{fmt} " + ("was told to saturate" if saturated else "has no infinity") + f", so it becomes {result}"


def _reason_at_the_top(fmt: Format, rounding: str, result: float, overflowed: bool, saturated: bool) -> str:
    """Why a value beyond the largest number went where it went."""
    half_a_step = fmt.max + float(ulp(fmt.max, fmt)) / 2
    tie_leaves = rounding == "nearest_away" or fmt.max_code % 2 == 1 or fmt.mantissa_bits == 0
    beyond = f"beyond the largest number, {fmt.max}"
    if not overflowed:
        if not rounding.startswith("nearest"):
            return f"{beyond}, where {rounding} stops"
        needed = f"{half_a_step} or more" if tie_leaves else f"more than {half_a_step}"
        return f"{beyond}, but by less than it takes to overflow: {needed}"
    if math.isfinite(result):
        no_other = not fmt.infinities and not fmt.nans
        limit = "it was told to saturate" if saturated else f"{rounding} goes no further"
        cause = f"{fmt} has nothing larger, not even infinity" if no_other else limit
        return f"{beyond}, it becomes that number: {cause}"
    what = "infinity" if math.isinf(result) else f"NaN, as {fmt} has no infinity"
    if rounding.startswith("nearest"):
        return f"{beyond}, by half a step ({half_a_step}) or more, it becomes {what}"
    return f"{beyond}, {rounding} leads to {what}"


def _bits_left(fmt: Format, result: float) -> str:
    """What is left of the precision where `result` is subnormal."""
    if result == 0 or not abs(result) < fmt.smallest_normal:
        return ""
    left = math.frexp(abs(result))[1] - math.frexp(fmt.smallest_subnormal)[1] + 1
    return f"; it is subnormal, and {left} of {fmt.precision} bits of precision are left"


def _decimal(value: Fraction | float) -> str:
    """Every digit of a value, which has finitely many; very small and very large ones in scientific notation."""
    if not isinstance(value, Fraction):
        if not math.isfinite(value) or value == 0:
            return str(value)
        value = Fraction(value)
    denominator, twos, fives = value.denominator, 0, 0
    while denominator % 2 == 0:
        denominator, twos = denominator // 2, twos + 1
    while denominator % 5 == 0:
        denominator, fives = denominator // 5, fives + 1
    places = max(twos, fives)
    digits = abs(value.numerator) * 10**places // value.denominator
    number = Decimal((int(value < 0), tuple(map(int, str(digits))), -places))
    number = number.normalize(Context(prec=len(str(digits))))
    return f"{number:f}" if -8 <= number.adjusted() < 20 else f"{number:e}"


def _to_float(value: Fraction | float) -> float:
    """The nearest float64, infinite where float() would give up."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _hexadecimal(value: Fraction | float) -> str:
    if not isinstance(value, Fraction):
        return value.hex()
    near = _to_float(value)
    if math.isinf(near):
        return "beyond float64"
    mark = "" if Fraction(near) == value else " (the nearest float64)"
    return near.hex() + mark


def _is_power(value: float) -> bool:
    return math.isfinite(value) and math.frexp(abs(value))[0] == 0.5


def _power(value: float) -> str:
    """A power of two as such."""
    return f"{'-' if value < 0 else ''}2^{math.frexp(abs(value))[1] - 1}" if _is_power(value) else str(value)


def _short(value: Fraction | float) -> str:
    """A title's worth of a value."""
    near = _to_float(value)
    if isinstance(value, Fraction) and (near == 0 or math.isinf(near)):
        text = _decimal(value)
        return text if len(text) < 25 else f"{Decimal(text):.6e}"
    return repr(near)
