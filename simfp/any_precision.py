"""NumPy's functions of single numbers, as exactly as it takes: what decides where float64 comes too near a tie.

Python's decimals compute; their exp, ln, log10 and sqrt are correctly rounded (Cowlishaw, General Decimal Arithmetic).
A result is computed with more and more digits until both ends of its error bound say the same (Ziv, Fast evaluation of
elementary mathematical functions with correctly rounded last bit, 1991). Where the result is a float64 number itself
that would never end; `is_exactly` knows those cases: by the Lindemann-Weierstrass theorem the transcendental functions
have only the trivial ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import MAX_EMAX, MIN_EMIN, ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["FUNCTIONS", "exactly", "is_exactly", "nearest", "power", "powers_of_two", "to_odd"]

GUARD = 25  # digits that may be lost on the way
FAR = Decimal(800)  # e^-800 beside a float64 number is as good as less, and not as long
FIRST_DIGITS, MOST_DIGITS = 25, 4000
FORTY = Context(prec=40, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[])
ZERO, ONE, TWO = Decimal(0), Decimal(1), Decimal(2)


class _Digits:
    """Arithmetic with so many digits. Arguments are exact, so that a first difference or sum loses nothing."""

    def __init__(self, digits: int) -> None:
        self.digits = digits
        self.context = Context(
            prec=digits, rounding=ROUND_HALF_EVEN, Emin=MIN_EMIN, Emax=MAX_EMAX, clamp=0, traps=[], capitals=1
        )

    def more(self, x: Decimal) -> _Digits:
        """Digits enough for 1 + x, where x is small."""
        return _Digits(self.digits + max(0, -x.adjusted()) + 2) if x and x.adjusted() < 0 else self

    # Each of these is off by a few units of the last of its digits.

    def expm1(self, x: Decimal) -> Decimal:
        d = self.more(x)
        return self.context.plus(d.context.subtract(d.context.exp(x), ONE))

    def log1p(self, x: Decimal) -> Decimal:
        d = self.more(x)
        return self.context.plus(d.context.ln(d.context.add(ONE, x)))

    def ln2(self) -> Decimal:
        return self.context.ln(TWO)

    def exp2(self, x: Decimal) -> Decimal:
        return self.context.exp(self.context.multiply(x, self.ln2()))

    def half(self, x: Decimal) -> Decimal:
        return self.context.divide(x, TWO)

    def sinh(self, x: Decimal) -> Decimal:
        c, grown = self.context, self.expm1(x)
        return self.half(c.add(grown, c.divide(grown, c.add(grown, ONE))))

    def cosh(self, x: Decimal) -> Decimal:
        grown = self.context.exp(x)
        return self.half(self.context.add(grown, self.context.divide(ONE, grown)))

    def tanh(self, x: Decimal) -> Decimal:
        x = max(FAR.copy_negate(), min(x, FAR))
        grown = self.expm1(self.context.add(x, x))
        return self.context.divide(grown, self.context.add(grown, TWO))

    def arcsinh(self, x: Decimal) -> Decimal:
        c, size = self.context, x.copy_abs()
        square = c.multiply(size, size)
        root = c.sqrt(c.add(ONE, square))
        return self.log1p(c.add(size, c.divide(square, c.add(ONE, root)))).copy_sign(x)

    def arccosh(self, x: Decimal) -> Decimal:
        c = self.context
        above = c.subtract(x, ONE)
        return self.log1p(c.add(above, c.sqrt(c.multiply(above, c.add(above, TWO)))))

    def arctanh(self, x: Decimal) -> Decimal:
        c, size = self.context, x.copy_abs()
        return self.half(self.log1p(c.divide(c.add(size, size), c.subtract(ONE, size)))).copy_sign(x)

    def pi(self) -> Decimal:
        return self.context.plus(_pi(self.digits))

    def arctan(self, x: Decimal) -> Decimal:
        """By halving the angle until its series is short."""
        c, halvings = self.context, 0
        while x.copy_abs() > Decimal("0.01"):
            x = c.divide(x, c.add(ONE, c.sqrt(c.add(ONE, c.multiply(x, x)))))
            halvings += 1
        square, power, total, n = c.multiply(x, x).copy_negate(), x, x, 1
        while power and power.adjusted() > total.adjusted() - self.digits - 2:
            power, n = c.multiply(power, square), n + 2
            total = c.add(total, c.divide(power, Decimal(n)))
        return c.multiply(total, Decimal(2**halvings))

    def arctan2(self, y: Decimal, x: Decimal) -> Decimal:
        c = self.context
        if x.is_infinite() and y.is_infinite():
            return c.multiply(self.pi(), Decimal("0.25" if x > 0 else "0.75")).copy_sign(y)
        if not x or y.is_infinite():
            return self.half(self.pi()).copy_sign(y)
        angle = self.arctan(c.divide(y, x))
        return angle if x > 0 else c.add(angle, self.pi().copy_sign(y))

    def turned(self, x: Decimal) -> tuple[Decimal, Decimal]:
        """Sine and cosine."""
        d = _Digits(self.digits + max(0, x.adjusted()) + GUARD)
        quarter = d.half(d.pi())
        turns = d.context.to_integral_value(d.context.divide(x, quarter))
        rest = d.context.subtract(x, d.context.multiply(turns, quarter))
        c, square = d.context, d.context.multiply(rest, rest).copy_negate()
        sine, cosine = rest, ONE
        power, n = ONE, 0
        while power and power.adjusted() > -d.digits - 2 + min(0, sine.adjusted()):
            power = c.divide(c.multiply(power, square), Decimal((n + 1) * (n + 2)))
            cosine, n = c.add(cosine, power), n + 2
        power, n = rest, 1
        while power and power.adjusted() > sine.adjusted() - d.digits - 2:
            power = c.divide(c.multiply(power, square), Decimal((n + 1) * (n + 2)))
            sine, n = c.add(sine, power), n + 2
        which = int(turns) % 4
        return (
            (sine, cosine), (cosine, sine.copy_negate()), (sine.copy_negate(), cosine.copy_negate()),
            (cosine.copy_negate(), sine),
        )[which]  # fmt: skip

    def tan(self, x: Decimal) -> Decimal:
        return self.context.divide(*self.turned(x))

    def leg(self, x: Decimal) -> Decimal:
        """sqrt(1 - x^2)."""
        c = self.context
        return c.sqrt(c.multiply(c.subtract(ONE, x), c.add(ONE, x)))

    def cbrt(self, x: Decimal) -> Decimal:
        c = self.context
        return c.exp(c.divide(c.ln(x.copy_abs()), Decimal(3))).copy_sign(x)

    def power(self, x: Decimal, y: Decimal) -> Decimal:
        odd = x < 0 and int(y) % 2 == 1
        grown = self.context.exp(self.context.multiply(y, self.context.ln(x.copy_abs())))
        return grown.copy_negate() if odd else grown

    def hypot(self, x: Decimal, y: Decimal) -> Decimal:
        c = self.context
        return c.sqrt(c.add(c.multiply(x, x), c.multiply(y, y)))

    def logaddexp(self, x: Decimal, y: Decimal) -> Decimal:
        c, high, low = self.context, max(x, y), min(x, y)
        return c.add(high, self.log1p(c.exp(max(c.subtract(low, high), FAR.copy_negate()))))

    def logaddexp2(self, x: Decimal, y: Decimal) -> Decimal:
        c, high, low = self.context, max(x, y), min(x, y)
        apart = max(c.subtract(low, high), FAR.copy_negate())
        return c.add(high, c.divide(self.log1p(self.exp2(apart)), self.ln2()))


@lru_cache(maxsize=8)
def _pi(digits: int) -> Decimal:
    """By Machin's formula, in integers."""
    unit: int = 10 ** (digits + 10)

    def arccot(x: int) -> int:
        power = total = unit // x
        n, sign = 3, -1
        while power:
            power //= x * x
            total += sign * (power // n)
            n, sign = n + 2, -sign
        return total

    scaled = 4 * (4 * arccot(5) - arccot(239))
    return Decimal(scaled).scaleb(-(digits + 10), Context(prec=digits + 20, Emin=MIN_EMIN, Emax=MAX_EMAX))


Computed = Callable[..., Decimal]
# fmt: off
FUNCTIONS: dict[np.ufunc, Computed] = {
    np.exp:        lambda d, x: d.context.exp(x),
    np.exp2:       _Digits.exp2,
    np.expm1:      _Digits.expm1,
    np.log:        lambda d, x: d.context.ln(x),
    np.log2:       lambda d, x: d.context.divide(d.context.ln(x), d.ln2()),
    np.log10:      lambda d, x: d.context.log10(x),
    np.log1p:      _Digits.log1p,
    np.logaddexp:  _Digits.logaddexp,
    np.logaddexp2: _Digits.logaddexp2,
    np.float_power: _Digits.power,
    np.cbrt:       _Digits.cbrt,
    np.hypot:      _Digits.hypot,
    np.sin:        lambda d, x: d.turned(x)[0],
    np.cos:        lambda d, x: d.turned(x)[1],
    np.tan:        _Digits.tan,
    np.arcsin:     lambda d, x: d.arctan2(x, d.leg(x)),
    np.arccos:     lambda d, x: d.arctan2(d.leg(x), x),
    np.arctan:     lambda d, x: d.arctan2(x, ONE),
    np.arctan2:    _Digits.arctan2,
    np.sinh:       _Digits.sinh,
    np.cosh:       _Digits.cosh,
    np.tanh:       _Digits.tanh,
    np.arcsinh:    _Digits.arcsinh,
    np.arccosh:    _Digits.arccosh,
    np.arctanh:    _Digits.arctanh,
    np.degrees:    lambda d, x: d.context.divide(d.context.multiply(x, Decimal(180)), d.pi()),
    np.radians:    lambda d, x: d.context.divide(d.context.multiply(x, d.pi()), Decimal(180)),
}
# fmt: on
FUNCTIONS[np.rad2deg], FUNCTIONS[np.deg2rad] = FUNCTIONS[np.degrees], FUNCTIONS[np.radians]

AT_ZERO = frozenset((
    np.exp, np.expm1, np.log1p, np.sin, np.cos, np.tan, np.arcsin, np.arctan, np.sinh, np.cosh, np.tanh, np.arcsinh,
    np.arctanh, np.degrees, np.radians, np.rad2deg, np.deg2rad,
))  # fmt: skip
AT_ONE = frozenset((np.log, np.arccos, np.arccosh))


def is_exactly(ufunc: np.ufunc, value: float, *args: float) -> bool:
    """Whether a function of finite numbers is exactly this float64 number, which is its result to a few ulps."""
    x = args[0]
    if not all(map(math.isfinite, args)):
        return math.isinf(value) or value in (-1.0, 0.0, 1.0)
    if ufunc in AT_ZERO:
        return x == 0
    if ufunc in AT_ONE:
        return x == 1
    if ufunc is np.exp2:
        return x == math.floor(x)
    if ufunc is np.log2:
        return math.frexp(x)[0] == 0.5
    if ufunc is np.log10:
        return value == math.floor(value) and 0 <= value <= 22 and x == 10 ** int(value)
    if ufunc is np.cbrt:
        return Fraction(value) ** 3 == Fraction(x)
    if ufunc is np.hypot:
        return Fraction(value) ** 2 == sum(Fraction(each) ** 2 for each in args)
    if ufunc is np.arctan2:
        return x == 0 and args[1] > 0
    if ufunc is np.logaddexp2:  # 2^x + 2^y is a power of two with a rational exponent for equal ones alone
        return x == args[1] and Fraction(value) == Fraction(x) + 1
    if ufunc is np.float_power:
        return _is_power(value, *args)
    return False


def _is_power(value: float, x: float, y: float) -> bool:
    """Whether value is x^y, of an x that is not 0.

    With odd parts a of x and b of the value, and y = m / 2^j, this asks for b^(2^j) = a^m: a is 1, or y is positive, a
    the 2^j-th power of a number, and its m-th power short.
    """
    odd, exponent = _odd_part(abs(x))
    whole, (m, below) = Fraction(exponent) * Fraction(y), Fraction(y).as_integer_ratio()
    if odd == 1:
        return whole.denominator == 1 and math.frexp(abs(value)) == (0.5, int(whole) + 1)
    if y == 0:
        return abs(value) == 1
    if y < 0 or y > 64:
        return False
    while below > 1:
        root = math.isqrt(odd)
        if root * root != odd or exponent % 2:
            return False
        odd, exponent, below = root, exponent // 2, below // 2
    return Fraction(abs(value)) == Fraction(odd) ** m * Fraction(2) ** (exponent * m)


def _odd_part(x: float) -> tuple[int, int]:
    """x as an odd integer and a power of two."""
    top, bottom = x.as_integer_ratio()
    shift = (top & -top).bit_length() - 1
    return top >> shift, shift - (bottom.bit_length() - 1)


def exactly(ufunc: np.ufunc, values: NDArray[np.float64], *args: list[float]) -> NDArray[np.bool_]:
    """`is_exactly` of each of many."""
    if ufunc in AT_ZERO or ufunc in AT_ONE:
        return np.equal(args[0], 0 if ufunc in AT_ZERO else 1)
    return np.array([is_exactly(ufunc, *each) for each in zip(values.tolist(), *args)], bool)


def to_odd(ufunc: np.ufunc, *args: float) -> float:
    """A function of numbers, rounded to odd in float64: one more rounding, to 51 bits or fewer, is correct.

    ufunc: one of FUNCTIONS, whose result here is neither 0 nor infinite.

    (Boldo and Melquiond, Emulation of FMA and correctly rounded sums, 2008.)
    """
    given = [Decimal(each) for each in args]
    digits = FIRST_DIGITS
    while digits <= MOST_DIGITS:
        exact = FUNCTIONS[ufunc](_Digits(digits + GUARD), *given)
        c = Context(prec=digits + GUARD, Emin=MIN_EMIN, Emax=MAX_EMAX)
        size = exact.copy_abs()
        slack = size.scaleb(-digits, c)
        low, high = _toward_zero(c.subtract(size, slack)), _toward_zero(c.add(size, slack))
        if low == high:
            return math.copysign(low if _last_bit(low) else math.nextafter(low, math.inf), exact)
        nearest = math.copysign(high, exact)  # the one float64 number within the slack
        if is_exactly(ufunc, nearest, *args):
            return nearest
        digits *= 2
    raise AssertionError(f"{ufunc.__name__} of {args} is not told apart from a float64 number")


def _toward_zero(x: Decimal) -> float:
    """The largest float64 number that is not above a positive one."""
    made = float(x)
    return made if Decimal(made) <= x else math.nextafter(made, 0.0)


def _last_bit(x: float) -> int:
    return int(np.float64(x).view(np.int64)) & 1


def nearest(ufunc: np.ufunc, *args: float) -> float:
    """A function of numbers as the nearest float64 number, in place of a C library's, which differ by processor.

    For results that are no tie of float64, as those of transcendental functions are not.
    """
    given = [Decimal(each) for each in args]
    digits = FIRST_DIGITS
    while digits <= MOST_DIGITS:
        exact = FUNCTIONS[ufunc](_Digits(digits + GUARD), *given)
        c = Context(prec=digits + GUARD, Emin=MIN_EMIN, Emax=MAX_EMAX)
        slack = exact.copy_abs().scaleb(-digits, c)
        low, high = float(c.subtract(exact, slack)), float(c.add(exact, slack))
        if low == high:
            return low
        digits *= 2
    raise AssertionError(f"{ufunc.__name__} of {args} is not told apart from a tie of float64")


@lru_cache(maxsize=64)  # every parameter of an optimizer asks for the same
def power(x: float, n: float) -> float:
    """x to the power of n, by 40 digits: quick for integers, and the same on every processor."""
    return float(FORTY.power(Decimal(x), Decimal(n)))


def powers_of_two(step: float, count: int) -> NDArray[np.float64]:
    """2^(i step) for i < count, each by 40 digits."""
    factor, made = FORTY.exp(FORTY.multiply(Decimal(step), FORTY.ln(TWO))), [ONE]
    for _ in range(count - 1):
        made.append(FORTY.multiply(made[-1], factor))
    return np.array([float(each) for each in made])
