"""What is drawn: formats of any shape, values where roundings change their mind, arrays laid out in any way."""

from __future__ import annotations

from fractions import Fraction

import ml_dtypes
import numpy as np
from hypothesis import strategies as st

from simfp.formats import NAMED_FORMATS, Format
from simfp.rounding import ROUNDING_MODES
from tests import exact

DETERMINISTIC = [mode for mode in ROUNDING_MODES if mode != "stochastic"]
SMALL_DTYPES = [np.dtype(np.float16), *(np.dtype(getattr(ml_dtypes, name)) for name in ("bfloat16", "float8_e5m2"))]

roundings = st.sampled_from(DETERMINISTIC)
options = st.fixed_dictionaries(
    {}, optional={"subnormals": st.sampled_from(["keep", "flush"]), "overflow": st.sampled_from(["inf", "saturate"])}
)


@st.composite
def custom_formats(draw: st.DrawFn) -> Format:
    """Formats of every shape that there can be: 1 to 24 bits' precision, any bias, with and without specials."""
    exponent_bits, mantissa_bits = draw(st.integers(1, 10)), draw(st.integers(0, 23))
    infinities, nans = draw(st.booleans()), draw(st.booleans())
    if infinities and nans and (exponent_bits == 1 or mantissa_bits == 0):  # these have no code left for a number
        infinities = draw(st.booleans())
        nans = not infinities
    if exponent_bits == 1 and mantissa_bits == 0:
        infinities = nans = False
    usual = 2 ** (exponent_bits - 1) - 1
    most = 1001 - mantissa_bits  # within 2^-1000 and 2^1000
    least = 2**exponent_bits - 999
    bias = draw(st.one_of(st.none(), st.integers(max(usual - 200, least), min(usual + 200, most)),
                          st.integers(least, most)))  # fmt: skip
    if bias is None and not least <= usual <= most:
        bias = min(max(usual, least), most)
    return Format(
        "drawn", exponent_bits=exponent_bits, mantissa_bits=mantissa_bits, exponent_bias=bias,
        infinities=infinities, nans=nans, subnormals=draw(st.booleans()),
    )  # fmt: skip


formats = st.one_of(st.sampled_from(list(NAMED_FORMATS.values())), custom_formats())


@st.composite
def near_values(draw: st.DrawFn, fmt: Format) -> float:
    """A float64 at a value of `fmt`, between two, on a tie, beyond the largest, or a hair beside one of these."""
    code = draw(st.integers(0, fmt.max_code))
    low = exact.meaning(code, fmt)
    assert isinstance(low, Fraction)
    step = exact.spacing(low, fmt)
    place = low + step * Fraction(draw(st.sampled_from([0, 1, 4, 7, 8, 9, 12, 15])), 16)
    x = float(place)
    hair = draw(st.integers(-2, 2))
    for _ in range(abs(hair)):
        x = float(np.nextafter(x, np.inf if hair > 0 else 0.0))
    return -x if draw(st.booleans()) else x


def float_bits(width: int) -> st.SearchStrategy[int]:
    """Bit patterns of float32 or float64: any, and NaNs with any payload."""
    exponent = 0xFF << 23 if width == 32 else 0x7FF << 52
    mantissa = 23 if width == 32 else 52
    nans = st.builds(
        lambda sign, payload: sign << (width - 1) | exponent | payload,
        st.integers(0, 1),
        st.integers(1, 2**mantissa - 1),
    )
    return st.one_of(st.integers(0, 2**width - 1), nans)


@st.composite
def float_arrays(draw: st.DrawFn, fmt: Format, *, finite: bool = False) -> np.ndarray:
    """A few float32 or float64 values that matter to `fmt`, in one dimension and plain memory."""
    width = draw(st.sampled_from([32, 64]))
    dtype, uint = (np.float32, np.uint32) if width == 32 else (np.float64, np.uint64)
    count = draw(st.integers(0, 6))
    out = np.empty(count, dtype)
    for i in range(count):
        if draw(st.integers(0, 3)):
            with np.errstate(over="ignore"):
                out[i] = draw(near_values(fmt))
        else:
            out[i : i + 1].view(uint)[0] = draw(float_bits(width))
    return np.where(np.isfinite(out), out, dtype(1)) if finite else out


LAYOUTS = ("plain", "strided", "backwards", "column", "transposed", "swapped", "read-only", "unaligned", "broadcast")


def laid_out(flat: np.ndarray, layout: str) -> np.ndarray:
    """The same values (all of them but where it says so), elsewhere in memory."""
    n, dtype = len(flat), flat.dtype
    if layout == "strided":
        wide = np.zeros(3 * n, dtype)
        wide[::3] = flat
        return wide[::3]
    if layout == "backwards":
        return np.ascontiguousarray(flat[::-1])[::-1]
    if layout == "column":
        wide = np.zeros((n, 2), dtype)
        wide[:, 1] = flat
        return wide[:, 1:]
    if layout == "transposed":
        return np.array(flat[: n // 2 * 2].reshape(2, -1), order="F")
    if layout == "swapped":
        return flat.astype(dtype.newbyteorder("S"))
    if layout == "unaligned":
        raw = np.zeros(n * dtype.itemsize + 1, np.uint8)
        moved = raw[1:].view(dtype)
        moved[...] = flat
        return moved
    if layout == "broadcast":
        return np.broadcast_to(flat, (2, n))
    out = flat.copy()
    out.flags.writeable = layout != "read-only"
    return out


layouts = st.sampled_from(LAYOUTS)
