"""One value in several formats at once: what each format makes of it, told bit by bit, in finished texts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from simfp.bits import bit_string, decode, exact_decimal, fields, step_codes
from simfp.explain import explain
from simfp.formats import NAMED_FORMATS, Format
from simfp.rounding import ulp

__all__ = ["LANDMARKS", "Row", "landmark", "painted", "python_of", "rows", "stepped", "text_of"]

LONGEST_DECIMAL = 40  # characters; longer ones are written as hexadecimal floats

# name, the value's code (None where a format has none), why it would have none
LANDMARKS: dict[str, tuple[Callable[[Format], int | None], str]] = {
    "max": (lambda fmt: fmt.max_code, ""),
    "one": (lambda fmt: fmt.bias << fmt.mantissa_bits if _owns_one(fmt) else None, "1 lies outside its normal range"),
    "smallest normal": (lambda fmt: 1 << fmt.mantissa_bits, ""),
    "smallest subnormal": (lambda fmt: 1 if fmt.subnormals and fmt.mantissa_bits else None, "it has no subnormals"),
    "infinity": (lambda fmt: fmt.infinity_code, "it has no infinity"),
    "NaN": (lambda fmt: fmt.nan_code, "it has no NaN"),
}


@dataclass(frozen=True)
class Row:
    """What one format holds, in texts."""

    fmt: Format
    code: int | None  # None for a NaN where the format has none
    value: float
    bits: str
    code_text: str
    decimal: str
    hexadecimal: str
    ulp: str
    below: str  # the next smaller value
    above: str
    formula: str
    error: str
    fate: str


def rows(value: str, formats: Sequence[Format], rounding: str, origin: tuple[Format, int] | None = None) -> list[Row]:
    """A Row for each format: `value` rounded to it. `origin` is a format that keeps the very code given with it."""
    return [_row(value, fmt, rounding, origin[1] if origin and origin[0] is fmt else None) for fmt in formats]


def _row(value: str, fmt: Format, rounding: str, code: int | None) -> Row:
    told = explain(value, fmt, rounding)
    code = told.code if code is None else code
    if code is None:
        nothing = f"{fmt} has no code for it"
        return Row(fmt, None, math.nan, "no code", "none", "NaN", "nan", "none", "none", "none", nothing, "none", "nan")
    held = float(decode(code, fmt))
    spacing = float(ulp(held, fmt))
    return Row(
        fmt,
        code,
        held,
        bit_string(code, fmt),
        f"0x{code:0{(fmt.bits + 3) // 4}x}",
        exact_decimal(held) if math.isfinite(held) else str(held),
        hexadecimal(held),
        f"2^{math.frexp(spacing)[1] - 1}" if math.isfinite(spacing) else "none",
        _beside(code, fmt, -1),
        _beside(code, fmt, 1),
        formula(code, fmt),
        "none" if math.isnan(told.error_ulps) else "0" if told.error_ulps == 0 else f"{told.error_ulps:+.6g} ulp",
        told.fate,
    )


def formula(code: int, fmt: Format) -> str:
    """(-1)^s x 2^e x 1.m with the numbers of `code` in place.

    >>> formula(0x3E00, NAMED_FORMATS["float16"])
    '(-1)^0 × 2^(15 - 15) × 1.1000000000₂ = 2^0 × 1.5'
    """
    sign, exponent, mantissa = fields(code, fmt)
    held = float(decode(code, fmt))
    if math.isnan(held):
        return "a pattern kept for NaN: no formula"
    if math.isinf(held):
        return f"(-1)^{sign} × infinity: a pattern kept for it"
    minus, leading = "-" if sign else "", int(exponent > 0)
    power = exponent - fmt.bias if leading else fmt.min_exponent
    digits = f"{mantissa:0{fmt.mantissa_bits}b}" if fmt.mantissa_bits else "0"
    where = f"({exponent} - {fmt.bias})" if leading else f"(1 - {fmt.bias})"
    if held == 0 and mantissa:
        return f"(-1)^{sign} × 0: without subnormals, exponent field 0 means zero"
    significand = exact_decimal(leading + mantissa / (1 << fmt.mantissa_bits))
    return f"(-1)^{sign} × 2^{where} × {leading}.{digits}₂ = {minus}2^{power} × {significand}"


def hexadecimal(value: float) -> str:
    """A hexadecimal float without zeros at its end.

    >>> hexadecimal(1.5), hexadecimal(-0.0)
    ('0x1.8p+0', '-0x0p+0')
    """
    if not math.isfinite(value):
        return str(value)
    digits, exponent = value.hex().split("p")
    return f"{digits.rstrip('0').rstrip('.') if value else digits.removesuffix('.0')}p{exponent}"


def text_of(value: float) -> str:
    """`value` as a text that `parse_number` reads back exactly.

    >>> text_of(0.5), text_of(-0.0), text_of(2.0**-100)
    ('0.5', '-0', '0x1p-100')
    """
    if not math.isfinite(value):
        return str(value)
    text = exact_decimal(value)
    return text if len(text) <= LONGEST_DECIMAL else hexadecimal(value)


def painted(code: int | None, fmt: Format, bits: Sequence[int], to: int) -> int:
    """`code` with the `bits` (0 is the sign, the leftmost) set `to` 0 or 1; no code counts as zero."""
    code = code or 0
    for bit in bits:
        mask = 1 << (fmt.bits - 1 - bit)
        code = code | mask if to else code & ~mask
    return code


def stepped(code: int | None, fmt: Format, direction: int) -> int | None:
    """The code of the next larger (1) or smaller (-1) value; the same one where there is none."""
    return None if code is None else int(step_codes(np.array([code], fmt.code_dtype), fmt, direction)[0])


def _beside(code: int, fmt: Format, direction: int) -> str:
    """The value of the next code in one direction, exactly; "none" where there is none."""
    other = stepped(code, fmt, direction)
    value = math.nan if other is None else float(decode(other, fmt))
    return "none" if other == code or math.isnan(value) else text_of(value)


def landmark(fmt: Format, name: str) -> int | None:
    """The code of a landmark, None where `fmt` has none."""
    return LANDMARKS[name][0](fmt)


def python_of(row: Row) -> str:
    """Python that makes the value of a row."""
    named = NAMED_FORMATS.get(row.fmt.name) == row.fmt
    fmt = f'"{row.fmt.name}"' if named else f"sf.{row.fmt!r}"
    return f"sf.decode({row.code_text}, {fmt})"


def _owns_one(fmt: Format) -> bool:
    return fmt.min_exponent <= 0 <= fmt.max_exponent
