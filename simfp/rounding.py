"""Rounding to a format: `round_to`, and `round_array`, which rounds what an operation gives back.

Two kinds of rounding are made elsewhere. The additions within a sum are rounded in the sum's own kernel, by the same
code (`simfp.kernels.rounding`), and a tensor core truncates as `simfp.kernels.tensor_core` says. And a result that is
computed in float32, for float32, has been rounded by the processor.

IEEE 754-2019, section 4.3, defines the deterministic modes (but "to odd", which is Boldo and Melquiond's,
"Emulation of a FMA and correctly rounded sums: proved algorithms using rounding to odd", 2008).
The arithmetic itself is in `simfp.kernels.rounding`; here a format and a mode become the handful of integers
that it needs.
"""

from __future__ import annotations

import math
import sys
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simfp import observe
from simfp.bits import codes_of, decode, step_codes
from simfp.formats import NAMED_FORMATS, STORAGE_DTYPES, Format, as_format
from simfp.kernels import rounding as kernels

_SMALL_FLOATS = {np.dtype(np.float16), *STORAGE_DTYPES.values()} - {np.dtype(np.float32)}

__all__ = ["ROUNDING_MODES", "encode", "fate", "next_down", "next_up", "round_to", "ulp"]


class Mode(NamedTuple):
    """What a rounding mode adds to the dropped bits, in units of the last kept bit, and where it overflows to."""

    positive_even: str  # for x > 0, where the last kept bit is 0 ...
    positive_odd: str  # ... and where it is 1
    negative_even: str
    negative_odd: str
    positive_overflow: bool  # whether a positive result too large becomes infinity (else: the largest number)
    negative_overflow: bool


# fmt: off
#                             x > 0: even     odd           x < 0: even     odd           to infinity: x > 0, x < 0
ROUNDING_MODES: dict[str, Mode] = {
    "nearest_even":    Mode("under half",  "half",       "under half",  "half",       True,  True),
    "nearest_away":    Mode("half",        "half",       "half",        "half",       True,  True),
    "toward_zero":     Mode("nothing",     "nothing",    "nothing",     "nothing",    False, False),
    "toward_positive": Mode("under one",   "under one",  "nothing",     "nothing",    True,  False),
    "toward_negative": Mode("nothing",     "nothing",    "under one",   "under one",  False, True),
    "to_odd":          Mode("under one",   "nothing",    "under one",   "nothing",    False, False),
    "stochastic":      Mode("nothing",     "nothing",    "nothing",     "nothing",    True,  True),  # and a coin
}

# how far a mask of n ones moves right to become what is added to n dropped bits, and what is added to that
BIAS: dict[str, tuple[int, int]] = {"nothing": (31, 0), "under half": (1, 0), "half": (1, 1), "under one": (0, 0)}
# fmt: on

SUBNORMALS = ("keep", "flush")
OVERFLOWS = ("inf", "saturate")
BLOCK = 1 << 14  # values; 64 or 128 KiB, which stay in cache


def round_to(
    x: ArrayLike,
    fmt: Any,
    rounding: str = "nearest_even",
    *,
    subnormals: str = "keep",
    overflow: str = "inf",
    rng: np.random.Generator | int | None = None,
    random_bits: int | None = None,
) -> Any:
    """`x` rounded once to the values of `fmt`, in the shape and dtype of `x`.

    Parameters
    ----------
    x
        float32 or float64, array or scalar. float16 and ml_dtypes input comes back as float32, integers and
        Python numbers as float64; integers of any size are rounded only once.
    fmt
        A Format, or whatever `as_format` takes.
    rounding
        nearest_even, nearest_away, toward_zero, toward_positive, toward_negative, to_odd or stochastic.
    subnormals
        "keep" them, or "flush" to zero every result that is one (the sign stays). In a format without
        subnormals results are always flushed.
    overflow
        What becomes of results beyond `fmt.max`, judged after rounding with an unbounded exponent (IEEE 754).
        "inf": infinity, or in formats without one NaN (as the OCP specifications have it), or in formats
        without either the largest number. "saturate": the largest number, for infinite `x` too.
        toward_zero, to_odd and the directed modes on their far side stop at the largest number in any case.
    rng
        For stochastic rounding: a numpy Generator, or a seed. Each call draws one key from it, and every value
        gets a random word of that key's stream (SplitMix64).
    random_bits
        For stochastic rounding: how many random bits (1 to 32) decide, as in hardware that adds few of them;
        the dropped fraction is cut to as many. None: 32 of them for float32, 64 for float64 input. A value
        between neighbours a < x < b goes to b with the probability (x - a) / (b - a), exact where its dropped
        bits fit in as many (for every float32 input of 16-bit formats down to 2^-9 of their smallest subnormal).

    NaN stays NaN, its payload included, also in a format that has no code for it; -0 stays -0. Where `fmt` has
    exponents beyond float32's, a float32 result may be infinite or zero though `fmt` owns the number: give float64.

    >>> float(round_to(1 + 2**-8 + 2**-40, "bfloat16"))  # float64 -> float32 -> bfloat16 would lose the last bit
    1.0078125

    Raises ValueError for an unknown format, mode or option, TypeError for complex, string or object arrays.
    """
    fmt = as_format(fmt)
    values, owned = as_floats(x)
    out = round_array(
        values, fmt, rounding, subnormals=subnormals, overflow=overflow, rng=rng, random_bits=random_bits,
        in_place=owned, operation="round_to",
    )  # fmt: skip
    return out[()]


def round_array(
    values: NDArray[Any],
    fmt: Format,
    rounding: str = "nearest_even",
    *,
    subnormals: str = "keep",
    overflow: str = "inf",
    rng: np.random.Generator | int | None = None,
    random_bits: int | None = None,
    in_place: bool = False,
    operation: str = "round_to",
    exact: NDArray[Any] | None = None,
    start: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """`round_to` for float32 and float64 arrays, under the name of the operation whose result it rounds.

    in_place: `values` may be overwritten. Whoever listens is told; of `exact`, in float64, where that is given
    because `values` have lost something on their way already. start: see `observe.Rounding`.
    """
    options: dict[str, Any] = {"subnormals": subnormals, "overflow": overflow, "rng": rng, "random_bits": random_bits}
    if not observe.somebody_listens():
        return _round(values, fmt, rounding, in_place=in_place, **options)
    out = _round(values, fmt, rounding, in_place=in_place and exact is not None, **options)
    before = _comparable(values if exact is None else exact, fmt).reshape(-1)
    limits = _plan(fmt, rounding, subnormals, overflow, 8 * before.dtype.itemsize).limits
    started = None if start is None else start.reshape(-1)
    observe.tell(observe.Rounding(operation, fmt, before, out.reshape(-1), limits, observe.place(), started))
    return out


def _round(
    values: NDArray[Any],
    fmt: Format,
    rounding: str,
    *,
    subnormals: str = "keep",
    overflow: str = "inf",
    rng: np.random.Generator | int | None = None,
    random_bits: int | None = None,
    in_place: bool = False,
) -> NDArray[Any]:
    """The rounding itself."""
    _check_options(rounding, subnormals, overflow)
    if fmt.carrier == np.float64 and values.dtype == np.float32:  # its exponents need the wider type
        wide = _round(
            _widened(values, np.float64), fmt, rounding, subnormals=subnormals, overflow=overflow, rng=rng,
            random_bits=random_bits, in_place=True,
        )  # fmt: skip
        with np.errstate(over="ignore"):
            return wide.astype(np.float32)
    width = 8 * values.dtype.itemsize
    plan = _plan(fmt, rounding, subnormals, overflow, width)
    uint = np.uint32 if width == 32 else np.uint64
    if random_bits is not None and rounding != "stochastic":
        raise ValueError(f"`random_bits` goes with rounding='stochastic', got rounding={rounding!r}")
    if not values.flags.c_contiguous or not values.dtype.isnative:
        values = np.array(values, dtype=values.dtype.newbyteorder("="), order="C")
        in_place = True
    loop, *constants = _loop(plan, rounding, width, rng, random_bits)
    if plan.changes_nothing:
        return values if in_place else values.copy()
    if in_place and values.size > BLOCK and rounding != "stochastic":
        # The loops are vectorised for an output that does not overlap their input, so work through a small one.
        flat, scratch = values.reshape(-1).view(uint), np.empty(BLOCK, uint)
        for start in range(0, flat.size, BLOCK):
            block = flat[start : start + BLOCK]
            loop(block, scratch, *constants)
            block[:] = scratch[: block.size]
        return values
    out = np.empty_like(values)
    loop(values.reshape(-1).view(uint), out.reshape(-1).view(uint), *constants)
    return out


def _loop(plan: _Plan, rounding: str, width: int, rng: Any, random_bits: int | None) -> tuple[Any, ...]:
    """The loop that rounds so, and what it takes beside its input and output."""
    if rounding == "stochastic":
        loop = kernels.stochastic32 if width == 32 else kernels.stochastic64
        return loop, plan.numbers, *_coins(width, rng, random_bits)
    if plan.magic is not None:
        loop = kernels.nearest_even32 if width == 32 else kernels.nearest_even64
        return loop, plan.numbers, plan.on_grid_below, plan.magic
    return kernels.round32 if width == 32 else kernels.round64, plan.numbers


def encode(x: ArrayLike, fmt: Any, rounding: str = "nearest_even", **options: Any) -> Any:
    """Codes of `x` rounded to `fmt`: unsigned integers of the smallest type that holds them, in the shape of `x`.

    Takes the options of `round_to`.

    >>> hex(encode(1.0, "float16"))
    '0x3c00'

    Raises what `round_to` raises, and ValueError for a NaN where `fmt` has no code for it.
    """
    fmt = as_format(fmt)
    values, owned = as_floats(x)
    if values.dtype != np.promote_types(values.dtype, fmt.carrier):
        values, owned = _widened(values, fmt.carrier), True
    return codes_of(round_array(values, fmt, rounding, in_place=owned, operation="encode", **options), fmt)[()]


def fate(x: ArrayLike, fmt: Any, rounding: str = "nearest_even", **options: Any) -> Any:
    """What becomes of each value of `x` in `fmt`: a string, or an array of strings in the shape of `x`.

    exact       `fmt` owns the value
    rounded     it went to a neighbour, at full precision
    subnormal   it came out below the smallest normal number, where precision fades (exactly or not)
    zeroed      it was not zero, and is now
    overflowed  rounded with an unbounded exponent it was beyond the largest number
    nan         it was not a number

    Takes the options of `round_to`.

    >>> [str(word) for word in fate([1, 0.1, 1e-5, 1e-8, 1e5], "float16")]
    ['exact', 'rounded', 'subnormal', 'zeroed', 'overflowed']
    """
    fmt = as_format(fmt)
    values, _ = as_floats(x)
    wide = np.ascontiguousarray(_widened(values, np.promote_types(values.dtype, fmt.carrier)))
    after = _round(wide, fmt, rounding, **options)
    kept = {name: options[name] for name in ("subnormals", "overflow") if name in options}
    indices = fates_of(wide.reshape(-1), after.reshape(-1), fmt, rounding, **kept)
    words = np.array(observe.FATES)[indices].reshape(values.shape)
    return words if words.ndim else str(words)


def ulp(x: ArrayLike, fmt: Any) -> Any:
    """Distance between neighbours of `fmt` at the magnitude of `x`: its unit in the last place.

    The distance is that of the binade of `x`: 2**(e - precision + 1) for 2**e <= |x| < 2**(e + 1), never less
    than the smallest subnormal, and at most that of `fmt.max`. NaN for infinities and NaNs. In the shape of
    `x`, float64.

    >>> float(ulp(1.0, "float16"))
    0.0009765625
    """
    fmt = as_format(fmt)
    values = np.abs(np.asarray(as_floats(x)[0], dtype=np.float64))
    finite = np.isfinite(values)
    _, exponent = np.frexp(np.where(finite, values, 1.0))
    exponent = np.clip(exponent - 1, fmt.min_exponent, fmt.max_exponent)
    exponent = np.where(values == 0, fmt.min_exponent, exponent)
    spacing = np.ldexp(1.0, exponent - fmt.mantissa_bits)
    if not fmt.subnormals:
        spacing = np.where(values < fmt.smallest_normal, fmt.smallest_normal, spacing)
    return np.where(finite, spacing, np.nan)[()]


def next_up(x: ArrayLike, fmt: Any) -> Any:
    """The smallest value of `fmt` above `x`, which need not be one itself; in the shape and dtype of `x`.

    (In float64 for a float32 `x` where only that holds the values of `fmt`.)

    As IEEE 754's nextUp: infinity above the largest number (that number itself where there is no infinity),
    the smallest positive number above either zero, NaN of NaN.

    >>> float(next_up(0.0, "float16")) == 2**-24
    True
    """
    return _neighbour(x, as_format(fmt), 1)


def next_down(x: ArrayLike, fmt: Any) -> Any:
    """The largest value of `fmt` below `x`; otherwise as `next_up`."""
    return _neighbour(x, as_format(fmt), -1)


def _neighbour(x: ArrayLike, fmt: Format, direction: int) -> Any:
    values, _ = as_floats(x)
    # Truncation leaves the first value of the format that x meets on its way to zero. Where that lies beyond x
    # in the wanted direction it is the answer, else one step from it is.
    infinities = "inf" if fmt.infinities else "saturate"
    wide = _widened(values, np.promote_types(values.dtype, fmt.carrier))
    inward = _round(wide, fmt, "toward_zero", overflow=infinities, in_place=True)
    nan = np.isnan(inward)
    codes = codes_of(np.where(nan, inward.dtype.type(0), inward), fmt)
    stepped = decode(step_codes(codes, fmt, direction), fmt)
    beyond = inward > values if direction > 0 else inward < values
    return np.where(nan | beyond, inward, stepped)[()]


def check_mode(rounding: str, operation: str | None = None) -> None:
    """Raises ValueError if there is no such mode, or if `operation` is given and has no stochastic one."""
    valid = [mode for mode in ROUNDING_MODES if not (operation and mode == "stochastic")]
    if not isinstance(rounding, str) or rounding not in valid:
        where = f" of {operation}" if operation else ""
        raise ValueError(f"unknown rounding{where} {rounding!r}; expected one of {', '.join(valid)}")


def _check_options(rounding: str, subnormals: str, overflow: str) -> None:
    check_mode(rounding)
    for label, value, valid in (("subnormals", subnormals, SUBNORMALS), ("overflow", overflow, OVERFLOWS)):
        if not isinstance(value, str) or value not in valid:
            raise ValueError(f"unknown {label} {value!r}; expected one of {', '.join(valid)}")


class _Plan(NamedTuple):
    numbers: NDArray[Any]  # the fields of kernels.PLAN_FIELDS
    limits: NDArray[Any]  # the smallest normal number, and the first magnitudes that overflow, positive and negative
    changes_nothing: bool  # whether the format is the carrier itself
    on_grid_below: Any  # for the shorter loop of nearest-even, which takes ...
    magic: Any  # ... this, or does not apply where it is None


@lru_cache(maxsize=1024)
def _plan(fmt: Format, rounding: str, subnormals: str, overflow: str, width: int) -> _Plan:
    """A format and a mode as the integers that the loops over carriers of `width` bits need."""
    mode = ROUNDING_MODES[rounding]
    uint, real = (np.uint32, np.float32) if width == 32 else (np.uint64, np.float64)
    carrier_mantissa, carrier_bias = (23, 127) if width == 32 else (52, 1023)

    def pattern(value: float) -> int:
        return int(np.array(value, dtype=real).view(uint))

    infinite = pattern(np.inf) if fmt.infinities else pattern(np.nan) if fmt.nans else pattern(fmt.max)
    if overflow == "saturate":
        infinite = pattern(fmt.max)
    drop = carrier_mantissa - fmt.mantissa_bits
    last_kept_of_max = fmt.max_code & 1 if fmt.mantissa_bits else 1
    grid_step = 2.0 ** (fmt.min_exponent - fmt.mantissa_bits)  # of the subnormals, whether the format has them or not

    def up_from(bias: str) -> int:
        """Below one grid step: the first magnitude that goes up to it."""
        half = pattern(grid_step / 2)
        return {"nothing": pattern(np.inf), "under half": half + 1, "half": half, "under one": 1}[bias]

    def overflow_from(bias: str) -> int:
        """The first magnitude whose rounding, by carry, exceeds the largest number."""
        unit = 1 << drop
        added = {"nothing": 0, "under half": unit // 2 - 1, "half": unit // 2, "under one": unit - 1}[bias]
        return pattern(fmt.max) + unit - max(added, 0)

    biases = [BIAS[bias] for bias in mode[:4]]
    positive, negative = (mode.positive_odd, mode.negative_odd) if last_kept_of_max else mode[0:3:2]
    numbers = {
        "drop": drop,
        "min_exponent": fmt.min_exponent + carrier_bias,
        "bias_shift": sum((width - 1 if shift == 31 else shift) << 8 * i for i, (shift, _) in enumerate(biases)),
        "bias_plus": sum(plus << 8 * i for i, (_, plus) in enumerate(biases)),
        "up_from_positive": up_from(mode.positive_even),
        "up_from_negative": up_from(mode.negative_even),
        "smallest_subnormal": pattern(grid_step),
        "flush_below": pattern(fmt.smallest_normal) if subnormals == "flush" or not fmt.subnormals else 0,
        "max": pattern(fmt.max),
        "overflow_positive": infinite if mode.positive_overflow else pattern(fmt.max),
        "overflow_negative": infinite if mode.negative_overflow else pattern(fmt.max),
        "infinity": infinite,
    }
    # The shorter loop needs a grid of subnormals whose steps, and 2^mantissa of them, are normal in the carrier,
    # or else the carrier's very own grid.
    same_grid = fmt.min_exponent == 1 - carrier_bias
    other_grid = 1 - carrier_bias <= fmt.min_exponent - fmt.mantissa_bits < carrier_bias - carrier_mantissa
    short = rounding == "nearest_even" and 1 <= drop < carrier_mantissa and (same_grid or other_grid)
    return _Plan(
        numbers=np.array([numbers[name] for name in kernels.PLAN_FIELDS], dtype=uint),
        limits=np.array([pattern(fmt.smallest_normal), overflow_from(positive), overflow_from(negative)], dtype=uint),
        changes_nothing=drop == 0 and same_grid and infinite == pattern(np.inf) and numbers["flush_below"] == 0,
        on_grid_below=uint(0 if same_grid else pattern(fmt.smallest_normal)),
        magic=real(0 if same_grid else 1.5 * 2**carrier_mantissa * grid_step) if short else None,
    )


def _coins(width: int, rng: Any, random_bits: int | None) -> tuple[Any, Any, Any]:
    """The key of a stream of random words, and how many bits of each stay unused."""
    if random_bits is None:
        random_bits = width
    elif isinstance(random_bits, bool) or not isinstance(random_bits, (int, np.integer)):
        raise TypeError(f"`random_bits` must be an integer from 1 to 32 or None, got {random_bits!r}")
    elif not 1 <= random_bits <= 32:
        raise ValueError(f"`random_bits` must be 1 to 32 or None, got {random_bits}")
    key, twist = np.random.default_rng(rng).integers(2**64, size=2, dtype=np.uint64)
    return key, twist, (np.uint32 if width == 32 else np.uint64)(width - random_bits)


def fates_of(
    before: NDArray[Any],
    after: NDArray[Any],
    fmt: Format,
    rounding: str,
    subnormals: str = "keep",
    overflow: str = "inf",
) -> NDArray[Any]:
    """Indices into observe.FATES of what became of the flat array `before`."""
    before = _comparable(before, fmt)
    limits = _plan(fmt, rounding, subnormals, overflow, 8 * before.dtype.itemsize).limits
    return observe.fates(before, after, limits)


def _comparable(values: NDArray[Any], fmt: Format) -> NDArray[Any]:
    """The values, contiguous, in a type in which they can be told apart from every value of `fmt`."""
    return _widened(values, np.float64) if fmt.carrier == np.float64 else np.ascontiguousarray(values)


def as_floats(x: ArrayLike) -> tuple[NDArray[Any], bool]:
    """`x` as a float32 or float64 array, and whether that array is ours to overwrite.

    Nothing is rounded here but integers of more than 53 bits, and those to odd, which one later rounding to
    at most 24 bits cannot tell from the integer itself (Boldo and Melquiond).
    """
    if isinstance(x, int) and not isinstance(x, bool) and x.bit_length() > 53:
        return np.array(_odd_float(x)), True
    given = np.asarray(x)
    kind = given.dtype.kind
    if kind == "f" and given.dtype.itemsize in (4, 8):
        return (given, False) if given.dtype.isnative else (given.astype(given.dtype.newbyteorder("=")), True)
    if given.dtype.newbyteorder("=") in _SMALL_FLOATS:
        return given.astype(np.float32), True
    if kind in "bui":
        if kind != "b" and given.dtype.itemsize == 8 and given.size and _needs_more_than_53_bits(given):
            low = given.dtype.type(0x7FF)
            sticky = ((given & low) != 0).astype(given.dtype) << given.dtype.type(11)
            given = np.where((given > 2**53) | (given < -(2**53)), (given & ~low) | sticky, given)
        return given.astype(np.float64), True
    if kind == "V" and given.dtype.names is None and given.dtype.name.startswith(("float", "bfloat", "int", "uint")):
        raise TypeError(
            f"cannot round {given.dtype} values; expected float32 or float64, as x.astype(np.float32) has them: "
            f"simfp has no format {given.dtype.name}, only {', '.join(NAMED_FORMATS)}"
        )
    raise TypeError(f"cannot round {given.dtype} values; expected float32 or float64 (or integers, float16, ml_dtypes)")


def _widened(values: NDArray[Any], dtype: Any) -> NDArray[Any]:
    """A copy in a type at least as wide; a signalling NaN becomes a quiet one, without NumPy's warning."""
    with np.errstate(invalid="ignore"):
        return values.astype(dtype)


def _needs_more_than_53_bits(x: NDArray[Any]) -> bool:
    return int(x.max()) > 2**53 or int(x.min()) < -(2**53)


def _odd_float(x: int) -> float:
    """A Python integer of more than 53 bits as a float, rounded to odd (beyond float64: its largest number)."""
    excess = abs(x).bit_length() - 53
    kept = abs(x) >> excess
    kept |= (kept << excess) != abs(x)
    magnitude = math.ldexp(kept, excess) if excess <= 971 else sys.float_info.max
    return magnitude if x > 0 else -magnitude  # copysign would make a float of x
