"""CUDA's float32 functions: chains of fused multiply-adds over a GPU's own approximations of 2^x, 1/x and 1/sqrt(x).

Each function is CUDA's (as its compiler, version 13, writes it into machine code), constant by constant; each line is
one instruction and rounds once. The three approximations are a GPU's answers, each the nearest float32 and so many
units beside it, which `simfp.ops.cuda_math` hands in: ex2 of 2^23 arguments in [0, 1), rcp of 2^23 in [1, 2), rsqrt of
2^24 in [1, 4). Two bits for each stay in a processor's cache, where a table of the answers would not.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

from simfp.kernels.updates import fma32

__all__ = ["ANSWERS", "LOOPS", "Powers", "packed", "power"]

f = np.float32
PLACES = 1 << 23
ONE_CODE = np.int32(127 << 23)
ZERO, HALF, ONE, TWO = f(0), f(0.5), f(1), f(2)
INFINITY, NAN = f(np.inf), f(np.nan)


@intrinsic
def bits_of(typing_context, x):
    """The code of a float32."""

    def generate(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], context.get_value_type(types.int32))

    return types.int32(types.float32), generate


@intrinsic
def with_bits(typing_context, code):
    """The float32 with a code."""

    def generate(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], context.get_value_type(types.float32))

    return types.float32(types.int32), generate


@njit(inline="always")
def _power(n):
    """2^n as a float32, for -126 <= n <= 127."""
    return with_bits(np.int32((n + 127) << 23))


class Powers(NamedTuple):
    """What ex2 needs: 2^(i / 2^11) and 2^(k / 2^23) for k < 2^12, float64, and how far off its answers are, packed."""

    coarse: Any
    fine: Any
    off: Any


@njit(cache=True, nogil=True)
def packed(off, out):
    """Distances of -2 to 1 units, four in a byte; their number is a multiple of four."""
    for i in range(out.size):
        byte = 0
        for place in range(4):
            byte |= (off[4 * i + place] + 2) << (2 * place)
        out[i] = byte


@njit(inline="always")
def _beside(nearest, off, place):
    """A float32 so many units beside the nearest one."""
    distance = np.int32((off[np.uint64(place >> 2)] >> ((place & 3) << 1)) & 3) - np.int32(2)
    return with_bits(np.int32(bits_of(f(nearest)) + distance))


@njit(inline="always")
def _ex2_of_fraction(place, powers):
    return _beside(powers.coarse[np.uint64(place >> 12)] * powers.fine[np.uint64(place & 4095)], powers.off, place)


@njit(inline="always")
def _rcp_of_significand(place, off):
    return _beside(ONE / with_bits(np.int32(place + ONE_CODE)), off, place)


@njit(inline="always")
def _rsqrt_of_significand(place, off):
    """Of 1.f, and from 2^23 on of twice that."""
    above = place >= PLACES
    x = 1.0 + np.float64(place - PLACES if above else place) / PLACES
    return _beside(1.0 / np.sqrt(x + x if above else x), off, place)


@njit(inline="always")
def ex2(x, powers):
    """ex2.approx.ftz.f32: 2^x by the first 23 places of x's fraction; those of a negative x are all turned over.

    A negative x that has nothing in its first 23 places counts as zero, and gives 1.
    """
    if x >= ZERO and x < ONE:
        return _ex2_of_fraction(np.int32(x * f(PLACES)), powers)
    if not (x > f(-126.0) and x < f(128.0)):
        if x != x:
            return NAN
        return INFINITY if x > ZERO else ZERO
    size = abs(x)
    whole = np.int32(size)
    place = np.int32((size - f(whole)) * f(PLACES))
    if x < ZERO and (whole or place):
        whole, place = -whole - 1, PLACES - 1 - place
    value = _ex2_of_fraction(place, powers)
    return value * _power(whole) if whole >= -126 else (value * _power(whole + 1)) * HALF


@njit(inline="always")
def rcp(x, off):
    """rcp.approx.ftz.f32, of a positive normal number whose reciprocal is one too."""
    code = bits_of(x)
    exponent = (code >> 23) - 127
    return _rcp_of_significand(code & (PLACES - 1), off) * _power(-exponent)


@njit(inline="always")
def exp32(x, powers):
    """expf."""
    t = fma32(x, f(0.005724980030208826), HALF)
    t = min(max(t, ZERO), ONE) if t == t else ZERO
    n = np.int32(np.float64(t) * 252.0) - np.int32(126)  # there by a fused operation that rounds down
    r = fma32(x, f(1.4426950216293335), -f(n))
    r = fma32(x, f(1.925963033500011e-08), r)
    return ex2(r, powers) * _power(n)


@njit(inline="always")
def expm132(x, powers):
    """expm1f."""
    n = f(np.rint(x * f(1.4426950216293335)))
    n = ZERO if abs(x) < f(0.4099999964237213) else n
    r = fma32(-n, f(0.693145751953125), x)
    r = fma32(-n, f(1.428606765330187e-06), r)
    last = n == f(128.0)  # 2^128 is beyond float32: half of it, and the result is doubled
    n = n - ONE if last else n
    p = fma32(f(0.0013879507314413786), r, f(0.008382412604987621))
    p = fma32(p, r, f(0.04166783019900322))
    p = fma32(p, r, f(0.1666639745235443))
    p = fma32(p, r, f(0.4999999403953552))
    p = fma32(r * p, r, r)
    power = ex2(n, powers)
    made = fma32(p, power, power - ONE)
    made = made + made if last else made
    made = INFINITY if n > f(128.0) else made
    made = -ONE if n < f(-25.0) else made
    return x + x if x == ZERO else made


@njit(inline="always")
def log32(x):
    """logf."""
    tiny = x < f(1.1754943508222875e-38)
    a = x * f(8388608.0) if tiny else x
    e = f(-23.0) if tiny else ZERO
    if not (a > ZERO and a < INFINITY):
        if a == ZERO:
            return -INFINITY
        return a if a > ZERO else NAN
    code = bits_of(a)
    shifted = np.int32((code - np.int32(1059760811)) & np.int32(-8388608))
    m = with_bits(np.int32(code - shifted)) - ONE
    e = fma32(f(shifted), f(1.1920928955078125e-07), e)
    r = fma32(f(-0.13018856942653656), m, f(0.1408461034297943))
    r = fma32(r, m, f(-0.12148627638816833))
    r = fma32(r, m, f(0.1398061066865921))
    r = fma32(r, m, f(-0.16684235632419586))
    r = fma32(r, m, f(0.20012299716472626))
    r = fma32(r, m, f(-0.24999669194221497))
    r = fma32(r, m, f(0.333331823348999))
    r = fma32(r, m, f(-0.5))
    r = fma32(m * r, m, m)
    return fma32(e, f(0.6931471824645996), r)


@njit(inline="always")
def log1p32(x):
    """log1pf."""
    if not (x > -ONE and x < INFINITY):
        if x == -ONE:
            return -INFINITY
        return x if x > ZERO else NAN
    if x == ZERO:
        return x
    total = np.float64(x) + 1.0  # exact enough to be cut off at float32's last place, as the instruction does
    cut = f(total)
    if np.float64(cut) > total:
        cut = with_bits(np.int32(bits_of(cut) - 1))
    shifted = np.int32((bits_of(cut) - np.int32(1061158912)) & np.int32(-8388608))
    scaled = with_bits(np.int32(bits_of(x) - shifted))
    four = with_bits(np.int32(np.int32(1082130432) - shifted))
    m = fma32(f(0.25), four, -ONE) + scaled
    e = f(shifted) * f(1.1920928955078125e-07)
    r = fma32(f(-0.04534861445426941), m, f(0.10546888411045074))
    r = fma32(r, m, f(-0.13229703903198242))
    r = fma32(r, m, f(0.14491446316242218))
    r = fma32(r, m, f(-0.16641564667224884))
    r = fma32(r, m, f(0.199888676404953))
    r = fma32(r, m, f(-0.2500019669532776))
    r = fma32(r, m, f(0.33333510160446167))
    r = fma32(r, m, f(-0.5))
    r = fma32(m * r, m, m)
    return fma32(e, f(0.6931471824645996), r)


@njit(inline="always")
def tanh32(x, powers, reciprocals):
    """tanhf."""
    size = abs(x)
    if size >= f(0.6000000238418579):
        capped = min(size, f(9.010913848876953))  # from there on it is 1
        below = ex2(capped * f(2.885390043258667), powers) + ONE
        made = fma32(rcp(below, reciprocals), -TWO, ONE)
        return np.copysign(ONE if size >= f(9.010913848876953) else made, x)
    square = x * x
    r = fma32(f(0.01573968306183815), square, f(-0.05230396240949631))
    r = fma32(r, square, f(0.13315297663211823))
    r = fma32(r, square, f(-0.33332768082618713))
    r = fma32(r, square, ZERO)
    return fma32(r, x, x)  # NaN too


@njit(inline="always")
def erf32(x, powers):
    """erff."""
    size = abs(x)
    if size >= f(1.002959966659546):
        r = fma32(f(0.00011219871521461755), size, f(-0.0013275252422317863))
        r = fma32(r, size, f(0.00839653518050909))
        r = fma32(r, size, f(-0.04024658352136612))
        r = fma32(r, size, f(0.15950430929660797))
        r = fma32(r, size, f(0.9129176735877991))
        r = fma32(r, size, f(0.6290600299835205))
        return np.copysign(ONE - ex2(fma32(r, -size, -size), powers), x)
    square = x * x
    r = fma32(f(8.483494457323104e-05), square, f(-0.0008213091641664505))
    r = fma32(r, square, f(0.005213488824665546))
    r = fma32(r, square, f(-0.026868773624300957))
    r = fma32(r, square, f(0.11284004896879196))
    r = fma32(r, square, f(-0.37612664699554443))
    r = fma32(r, square, f(0.12837915122509003))
    return fma32(r, x, x)


@njit(inline="always")
def rsqrt32(x, roots):
    """rsqrtf, which is rsqrt.approx.f32."""
    if not (x > ZERO and x < INFINITY):
        if x == ZERO:
            return np.copysign(INFINITY, x)
        return ZERO if x > ZERO else NAN
    shift = np.int32(0)
    if x < f(1.1754943508222875e-38):
        x, shift = x * f(16777216.0), np.int32(12)
    code = bits_of(x)
    exponent = (code >> 23) - 127
    odd = exponent & 1
    place = odd * PLACES + (code & (PLACES - 1))
    return _rsqrt_of_significand(place, roots) * _power(shift - ((exponent - odd) >> 1))


@njit(inline="always")
def pow32(x, y, reciprocals):
    """powf: 2^(y log2 |x|), where the logarithm and its product with y are kept as sums of two float32 each."""
    if x == ONE or y == ZERO:
        return ONE
    if x != x or y != y:
        return NAN
    odd = abs(y - TWO * np.trunc(y * HALF)) == ONE
    size = abs(x)
    if x == ZERO or size == INFINITY:
        made = INFINITY if (size == INFINITY) == (y > ZERO) else ZERO
        return np.copysign(made, x) if odd else made
    if x == -ONE and abs(y) == INFINITY:
        return ONE
    tiny = size < f(1.1754943508222875e-38)
    a = size * f(16777216.0) if tiny else size
    shifted = np.int32((bits_of(a) - np.int32(1060439283)) & np.int32(-8388608))
    m = with_bits(np.int32(bits_of(a) - shifted))
    e = fma32(f(shifted), f(1.1920928955078125e-07), f(-24.0) if tiny else ZERO)
    above, below = m + ONE, m - ONE
    inverse = rcp(above, reciprocals)
    s = (below + below) * inverse
    square = s * s
    rest = below - s
    rest = inverse * fma32(below, -s, rest + rest)
    high = fma32(s, f(1.4426950216293335), e)
    low = fma32(s, f(1.4426950216293335), e - high)
    low = fma32(rest, f(1.4426950216293335), low)
    low = fma32(s, f(1.925136672298322e-08), low)
    r = fma32(square, f(0.0006568862590938807), f(0.0032181653659790754))
    r = fma32(square, r, f(0.018033718690276146))
    r = fma32(square, r, f(0.12022458761930466))
    r = square * r
    low = fma32(rest, r * f(3.0), low)
    low = fma32(s, r, low)
    log = high + low
    low = low - (log - high)
    t = y * log
    rest = fma32(y, low, fma32(y, log, -t))
    if abs(t) > f(152.0):
        made = INFINITY if t > ZERO else ZERO
    else:
        n = f(np.rint(t))
        part = rest + (t - n)
        r = fma32(part, f(0.00015239251661114395), f(0.0013391353422775865))
        r = fma32(part, r, f(0.009618839249014854))
        r = fma32(part, r, f(0.055503588169813156))
        r = fma32(part, r, f(0.24022644758224487))
        r = fma32(part, r, f(0.6931471824645996))
        r = fma32(part, r, ONE)
        far = np.int32(127) if n > ZERO else np.int32(-123)  # in two steps, as 2^n alone may be no normal number
        made = (r * _power(far)) * _power(np.int32(n) - far)
    if x < ZERO:
        if np.floor(y) != y:
            return NAN
        return -made if odd else made
    return made


# Loops over flat float32 arrays, each handed what its approximations need. They stand out here for Numba's cache, which
# never finds a compiled function in a closure again.


@njit(nogil=True, cache=True, error_model="numpy")
def exp(x, out, powers):
    """out[i] = expf(x[i])."""
    for i in range(x.size):
        out[i] = exp32(x[i], powers)


@njit(nogil=True, cache=True, error_model="numpy")
def expm1(x, out, powers):
    """out[i] = expm1f(x[i])."""
    for i in range(x.size):
        out[i] = expm132(x[i], powers)


@njit(nogil=True, cache=True, error_model="numpy")
def log(x, out):
    """out[i] = logf(x[i])."""
    for i in range(x.size):
        out[i] = log32(x[i])


@njit(nogil=True, cache=True, error_model="numpy")
def log1p(x, out):
    """out[i] = log1pf(x[i])."""
    for i in range(x.size):
        out[i] = log1p32(x[i])


@njit(nogil=True, cache=True, error_model="numpy")
def tanh(x, out, powers, reciprocals):
    """out[i] = tanhf(x[i])."""
    for i in range(x.size):
        out[i] = tanh32(x[i], powers, reciprocals)


@njit(nogil=True, cache=True, error_model="numpy")
def erf(x, out, powers):
    """out[i] = erff(x[i])."""
    for i in range(x.size):
        out[i] = erf32(x[i], powers)


@njit(nogil=True, cache=True, error_model="numpy")
def rsqrt(x, out, roots):
    """out[i] = rsqrtf(x[i])."""
    for i in range(x.size):
        out[i] = rsqrt32(x[i], roots)


@njit(nogil=True, cache=True, error_model="numpy")
def power(x, y, out, reciprocals):
    """out[i] = powf(x[i], y[i])."""
    for i in range(x.size):
        out[i] = pow32(x[i], y[i], reciprocals)


@njit(nogil=True, cache=True, error_model="numpy")
def ex2_answers(first, out, powers):
    """out[k - first] = ex2(k / 2^23)."""
    for i in range(out.size):
        out[i] = _ex2_of_fraction(first + i, powers)


@njit(nogil=True, cache=True, error_model="numpy")
def rcp_answers(first, out, off):
    """out[k - first] = rcp(1 + k / 2^23)."""
    for i in range(out.size):
        out[i] = _rcp_of_significand(first + i, off)


@njit(nogil=True, cache=True, error_model="numpy")
def rsqrt_answers(first, out, off):
    """out[k - first] = rsqrt(1 + k / 2^23), and from k = 2^23 on of 2 (k / 2^23)."""
    for i in range(out.size):
        out[i] = _rsqrt_of_significand(first + i, off)


# fmt: off
ANSWERS = {"ex2": ex2_answers, "rcp": rcp_answers, "rsqrt": rsqrt_answers}
LOOPS: dict[str, tuple[Any, tuple[str, ...]]] = {
    #         loop    approximations
    "exp":   (exp,    ("ex2",)),
    "expm1": (expm1,  ("ex2",)),
    "log":   (log,    ()),
    "log1p": (log1p,  ()),
    "tanh":  (tanh,   ("ex2", "rcp")),
    "erf":   (erf,    ("ex2",)),
    "rsqrt": (rsqrt,  ("rsqrt",)),
}
# fmt: on
