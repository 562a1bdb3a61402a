"""Bits to touch: one value in several formats, a row each; what is flipped in one is seen in all.

simfp computes every text here, for each event; the front end (widget.js) draws them and says what was touched.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import traitlets

from simfp.bits import checked_codes, decode
from simfp.experiments.numbers import bit_explorer as experiment
from simfp.experiments.numbers.bit_explorer import LANDMARKS, Row
from simfp.explain import parse_number
from simfp.figures.numbers import bit_explorer as figures
from simfp.figures.palette import look
from simfp.formats import Format, as_format
from simfp.rounding import ROUNDING_MODES
from simfp.widgets.parts.base import Widget
from simfp.widgets.parts.front_end import module, style
from simfp.widgets.parts.settings import Kept, formats_of, one_of

__all__ = ["BitExplorer"]

FORMATS = ("float32", "tfloat32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2")
ROUNDINGS = tuple(mode for mode in ROUNDING_MODES if mode != "stochastic")  # a value has one row of bits
DIRECTIONS = {"up": 1, "down": -1}


def _value(value: Any) -> str:
    if isinstance(value, np.integer):
        value = int(value)
    elif isinstance(value, np.floating):
        value = experiment.text_of(float(value))
    if isinstance(value, bool) or not isinstance(value, (str, int, float, Fraction)):
        raise TypeError(f"value must be a text or a number, got {value!r}")
    text = value.strip() if isinstance(value, str) else str(value)
    parse_number(text)
    return text


class BitExplorer(Widget):
    """The bit explorer: a row of bits for each format, all of them holding one value.

    Parameters
    ----------
    value
        The value as people type it: "0.1", "0x1.8p-14", "2^-24", "inf"; taken exactly, then rounded to each format.
    formats
        The formats side by side: names, or whatever `as_format` takes.
    rounding
        How the value is rounded to each: any mode but "stochastic".

    `codes` holds the code of each format under its name, None where it has none for NaN. A wrong value or rounding
    raises ValueError or TypeError here; set later, the last good one is kept and `message` says why.
    """

    _esm = module("bit_explorer")
    _css = style("bit_explorer")

    value = Kept(_value, "1")
    rounding = Kept(one_of("rounding", ROUNDINGS), "nearest_even")
    codes = traitlets.Dict()
    _table = traitlets.Dict().tag(sync=True)

    def __init__(self, value: Any = "1", *, formats: Sequence[Any] = FORMATS, rounding: str = "nearest_even") -> None:
        self.formats = formats_of(formats)
        names = [fmt.name for fmt in self.formats]
        if len(set(names)) < len(names):
            raise ValueError(f"`formats` must have different names, got {', '.join(names)}")
        self._origin: tuple[Format, int, str] | None = None  # a format's own code, and the value that it was given for
        self._answered = 0
        super().__init__(**self.checked({"value": value, "rounding": rounding}))
        self._compute()
        self.observe(self._compute, names=["value", "rounding"])
        self.on_msg(self._touched)

    def set_code(self, fmt: Any, code: int) -> None:
        """Gives the row of `fmt` this code, and its exact value to all other rows."""
        named = {own.name: own for own in self.formats}
        wanted = as_format(named.get(fmt, fmt) if isinstance(fmt, str) else fmt)
        own = named.get(wanted.name)
        if own is None:
            raise ValueError(f"no row of {wanted}; expected one of {', '.join(named)}")
        checked = int(checked_codes(code, own))
        text = experiment.text_of(float(decode(checked, own)))
        self._origin = (own, checked, text)
        if text == self.value:
            self.message = ""
            self._compute()
        else:
            self.value = text

    def figure(self, *, dark: bool = False) -> Any:
        """The same as a static Matplotlib Figure."""
        return figures.figure(self.value, self._rows, dark=dark)

    def alternative(self) -> str:
        """What the widget shows, in words."""
        return figures.alternative(self.value, self._rows)

    def _compute(self, _change: Any = None) -> None:
        if self._origin and self._origin[2] != self.value:
            self._origin = None
        own = self._origin[:2] if self._origin else None
        self._rows = experiment.rows(self.value, self.formats, self.rounding, own)
        self.codes = {row.fmt.name: row.code for row in self._rows}
        self._show()

    def _show(self) -> None:
        self._table = {
            "rows": [_texts(row) for row in self._rows],
            "roundings": list(ROUNDINGS),
            "answered": self._answered,
        }

    def _touched(self, _widget: Any, told: Any, _buffers: Any) -> None:
        """What the front end says was touched: bits painted, a step, a landmark. Every message gets one answer."""
        self._answered += 1
        with self.hold_sync():  # value, message and table together
            try:
                row, code = self._answer(told)
            except ValueError as error:
                self.message = str(error)
                self._show()
                return
            self.message = ""
            if code is None or code == row.code:
                self._show()
            else:
                self.set_code(row.fmt.name, code)

    def _answer(self, told: Any) -> tuple[Row, int | None]:
        """The row that was touched, and the code that follows; ValueError for what makes no sense."""
        try:
            row = dict(enumerate(self._rows))[told["row"]]
            return row, ANSWERS[told["do"]](row, told)
        except ValueError as error:
            raise ValueError(f"{error}; kept {row.code_text}") from None
        except (KeyError, TypeError, AttributeError):
            raise ValueError(f"not understood: {str(told)[:80]}") from None


def _typed_code(row: Row, text: str) -> int:
    """A code as people type it: hexadecimal, with or without 0x."""
    digits = text.strip().lower().removeprefix("0x").replace("_", "")
    most = (1 << row.fmt.bits) - 1
    if not re.fullmatch("[0-9a-f]{1,16}", digits) or int(digits, 16) > most:
        label = look(row.fmt).label
        raise ValueError(f"no code of {label}: {text[:40]!r}; a code is hexadecimal, from 0x0 to {most:#x}")
    return int(digits, 16)


def _painted(row: Row, bits: Any, to: Any) -> int:
    """The code of `row` with some bits set to 0 or 1; KeyError for bits that it has not."""
    if not set(bits) <= set(range(row.fmt.bits)) or to not in (0, 1):
        raise KeyError(bits)
    return experiment.painted(row.code, row.fmt, bits, to)


# fmt: off
ANSWERS: dict[str, Callable[[Row, dict[str, Any]], int | None]] = {  # what was touched -> the code that follows
    "paint":    lambda row, told: _painted(row, told["bits"], told["to"]),
    "step":     lambda row, told: experiment.stepped(row.code, row.fmt, DIRECTIONS[told["to"]]),
    "landmark": lambda row, told: experiment.landmark(row.fmt, told["to"]),
    "code":     lambda row, told: _typed_code(row, told["to"]),
}
# fmt: on


def _texts(row: Row) -> dict[str, Any]:
    label, color = look(row.fmt)
    has_code = row.code is not None
    return {
        "label": label,
        "color": color,
        "widths": [1, row.fmt.exponent_bits, row.fmt.mantissa_bits],
        "bits": row.bits.replace(" ", "") if has_code else "–" * row.fmt.bits,
        "facts": [
            ["decimal", row.decimal],
            ["hexadecimal", row.hexadecimal],
            ["code", row.code_text],
            ["ulp", row.ulp],
            ["error", row.error],
            ["fate", row.fate],
            ["formula", row.formula],
            ["next below", row.below],
            ["next above", row.above],
        ],
        "python": experiment.python_of(row) if has_code else None,
        "steps": [row.above != "none", row.below != "none"],
        "landmarks": [
            [name, reason if experiment.landmark(row.fmt, name) is None else ""]
            for name, (_, reason) in LANDMARKS.items()
        ],
    }
