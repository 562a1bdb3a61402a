"""The right answers to lesson 06's exercises, and the typical wrong ones, each with what is to be said of it."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from simfp import SequentialSum, TensorCore, float16, round_to
from simfp.course.judges.mistakes import Impostor, Slip, Symptom
from simfp.experiments.numbers import fused_step
from simfp.figures.words import decimal, power_of_two

__all__ = [
    "CUT_CASES", "CUT_IMPOSTORS", "CUT_SYMPTOMS", "MYSTERY", "MYSTERY_SLIPS", "MYSTERY_TERMS", "STEP_CASES",
    "STEP_IMPOSTORS", "STEP_SYMPTOMS", "F", "cut", "spell_cut", "spell_number", "spell_step", "step",
]  # fmt: skip

Values = NDArray[np.float64]
F = 25

# ---- 06.a: cut ----

_random = np.random.default_rng(6)
CUT_CASES = (
    (1.75, 0, 1),
    (-1.75, 0, 1),
    (1.3125, 3, 4),
    (-0.6, 0, 3),
    (2.0**-16, 10, 25),
    (-(2.0**-16), 10, 25),
    (2.0**-15, 10, 25),
    (3 * 2.0**-16, 10, 25),
    (0.0, 5, 25),
    (-5.0, 2, 25),
    (1.9999, 0, 10),
    (2.5, 1, 0),
    (3.0 * 2.0**-40, -20, 25),
    *((float(x), int(e), int(f)) for x, e, f in zip(
        _random.normal(0, 1, 40) * 2.0 ** _random.integers(-20, 8, 40), _random.integers(-4, 12, 40),
        _random.integers(3, 26, 40))),
)  # fmt: skip


def cut(x: float, largest_exponent: int, fraction_bits: int) -> float:
    """06.a: `x` truncated toward zero to a multiple of 2^(largest_exponent - fraction_bits)."""
    return float(fused_step.cut(Fraction(x), largest_exponent, fraction_bits))


def spell_cut(x: float, largest_exponent: int, fraction_bits: int) -> str:
    """The arguments of `cut` as a message names them."""
    return f"{spell_number(x)}, {largest_exponent}, {fraction_bits}"


def spell_number(x: float) -> str:
    """A number as a message names it: a power of two, or one times a small whole number, as such."""
    if math.isfinite(x) and x and not 2.0**-8 < abs(x) < 2.0**20:
        mantissa, exponent = math.frexp(abs(x))
        for bits in range(1, 8):
            if (mantissa * 2**bits).is_integer():
                whole = int(mantissa * 2**bits)
                times = f"{whole} × " if whole > 1 else ""
                return f"{'−' * (x < 0)}{times}{power_of_two(exponent - bits)}"
    return decimal(x, 10)


def _unit(largest_exponent: int, fraction_bits: int) -> float:
    return 2.0 ** (largest_exponent - fraction_bits)


CUT_IMPOSTORS = (
    Impostor(
        lambda x, e, f: math.floor(x / _unit(e, f)) * _unit(e, f),
        "`floor` goes down, and for negative numbers that is away from zero: `{call}` returns {said}; right is "
        "{right}. A sign and a size: it is the size whose bits are dropped.",
    ),
    Impostor(
        lambda x, e, f: math.ceil(x / _unit(e, f)) * _unit(e, f),
        "`ceil` goes up: `{call}` returns {said}; right is {right}. Bits are dropped, so nothing grows.",
    ),
    Impostor(
        lambda x, e, f: round(x / _unit(e, f)) * _unit(e, f),
        "You round to the nearest: `{call}` returns {said}; right is {right}. The core does not look at what it drops.",
    ),
    Impostor(
        lambda x, e, f: math.trunc(x / _unit(e, f)),
        "That is how many units are left. Give them their weight back: `{call}` returns {said}; right is {right}.",
    ),
    Impostor(
        lambda x, e, f: math.trunc(x * 2.0**f) / 2.0**f,
        "You keep F bits below 1, and leave out the exponent: `{call}` returns {said}; right is {right}. The last bit "
        "kept weighs 2 to the power (largest_exponent − F).",
    ),
    Impostor(
        lambda x, e, f: math.trunc(x / _unit(math.frexp(x)[1] - 1, f)) * _unit(math.frexp(x)[1] - 1, f) if x else 0.0,
        "You keep F bits of x itself, as a format would. But all terms are cut at one place, below the largest "
        "exponent: `{call}` returns {said}; right is {right}.",
    ),
    Impostor(
        lambda x, e, f: cut(x, e, f - 1),
        "One bit too few is kept: `{call}` returns {said}; right is {right}. The last bit kept weighs 2 to the power "
        "(largest_exponent − F), itself included.",
    ),
    Impostor(
        lambda x, e, f: cut(x, e, f + 1),
        "One bit too many is kept: `{call}` returns {said}; right is {right}. The last bit kept weighs 2 to the power "
        "(largest_exponent − F).",
    ),
    Impostor(
        lambda x, e, f: math.trunc(x / 2.0 ** (e + f)) * 2.0 ** (e + f),
        "Your unit is 2 to the power (largest_exponent *plus* F): far above the largest. F bits *below* it: minus. "
        "`{call}` returns {said}; right is {right}.",
    ),
    Impostor(
        lambda x, e, f: x,
        "Nothing is dropped: `{call}` returns {said}; right is {right}.",
    ),
)

CUT_SYMPTOMS = (
    Symptom(
        lambda given, said, right: said == -right and right != 0,
        "The sign is lost: `{call}` returns {said}; right is {right}.",
    ),
    Symptom(
        lambda given, said, right: abs(said) > abs(given[0]),
        "`{call}` returns {said}, which is larger in size than what went in. Dropping bits makes nothing larger.",
    ),
    Symptom(
        lambda given, said, right: given[0] == 0,
        "Of zero nothing can be cut: `{call}` returns {said}.",
    ),
)

# ---- 06.b: one step ----


def _vector(*values: float) -> Values:
    return np.asarray(round_to(np.array([*values, *[0.0] * (16 - len(values))]), float16))


def _case(low: int, high: int, start: float) -> tuple[Values, Values, float]:
    def drawn() -> Values:
        signs = _random.choice([-1.0, 1.0], 16)
        significands = signs * _random.uniform(1, 2, 16)
        return np.asarray(round_to(significands * 2.0 ** _random.integers(low, high, 16), float16))

    return drawn(), drawn(), float(round_to(start, "float32"))


ONES = np.ones(16)
STEP_CASES = (
    (_vector(1, 2, 3), _vector(1, 1, 1), 10.0),
    (_vector(32, -32, 2.0**-8), _vector(32, 32, 2.0**-8), 0.0),
    (_vector(*[2.0**-12] * 16), _vector(*[2.0**-13] * 16), 1.0),
    (_vector(*[2.0**-12] * 16), _vector(*[2.0**-14] * 16), 1.0),
    (_vector(*[2.0**-12] * 15, -(2.0**-12)), _vector(*[2.0**-12] * 16), -1.0),
    (_vector(1.5, 2.0**-13), _vector(1.5, 2.0**-12), 0.0),
    (_vector(2.0**-24, 2.0**-24), _vector(1.5, -(2.0**-24)), 0.0),
    (_vector(2.0**-20, 1.5 * 2.0**-14), _vector(2.0**-12, 2.0**-24), 0.0),
    (_vector(*[2.0**-8] * 16), _vector(*[1.25 * 2.0**-9] * 16), 12345.678710937500),
    (_vector(*[2.0**-12] * 3), _vector(*[-(2.0**-11)] * 3), 1.0),
    (_vector(), _vector(), 3.0),
    (_vector(), _vector(), 0.0),
    (_vector(0.5), _vector(-0.5), 0.25),
    *(_case(-3, 4, _random.normal() * 2.0**e) for e in range(-6, 14)),
    *(_case(-12, 8, _random.normal() * 2.0**e) for e in range(-6, 14)),
)


def _exponent(x: float, low: int) -> int:
    return max(math.frexp(x)[1] - 1, low)


def _of_products(a: Values, b: Values) -> list[int]:
    return [_exponent(x, -14) + _exponent(y, -14) for x, y in zip(a, b) if x and y]


def _of_c(c: float) -> list[int]:
    return [_exponent(c, -126)] if c else []


def _fused(a: Values, b: Values, c: float, exponents: list[int], way: str = "toward_zero", bits: int = F) -> float:
    """A step with these exponents in place of the right ones."""
    if not exponents:
        return c
    largest = max(exponents)
    kept = sum(cut(float(x * y), largest, bits) for x, y in zip(a, b)) + cut(c, largest, bits)
    return float(round_to(kept, "float32", way))


def step(a: Values, b: Values, c: float) -> float:
    """06.b: the running sum after one step of Hopper's tensor core, of 16 products of fp16 numbers and c."""
    return float(TensorCore(16, F).along(a[None], b[:, None], np.array([[0, 16]]), float16, np.array([[c]]))[0, 0])


def spell_step(a: Values, b: Values, c: float) -> str:
    """The arguments of `step` as a message names them: zeros at the end are left out."""
    return f"{_spell_vector(a)}, {_spell_vector(b)}, {spell_number(c)}"


def _spell_vector(x: Values) -> str:
    count = max((place + 1 for place in range(16) if x[place]), default=0)
    if not count:
        return "[0 × 16]"
    told = [spell_number(float(value)) for value in x[:count]]
    if count > 3 and len(set(told[:-1])) == 1:
        return f"[{told[0]} × {count}]" if told[-1] == told[0] else f"[{told[0]} × {count - 1}, {told[-1]}]"
    return f"[{', '.join(told if count <= 4 else [*told[:2], '...', told[-1]])}{', 0 ...' * (count < 16)}]"


STEP_IMPOSTORS = (
    Impostor(
        lambda a, b, c: float(
            SequentialSum("float32", fma=True).along(
                np.array([[0, 0, 17, 1]]), 1, np.append(c, a)[None], np.append(1.0, b)[:, None]
            )[0, 0]
        ),
        "That is fp32: one product after the other, each sum rounded. A core aligns and cuts all 17 terms first, and "
        "rounds once. `{call}` returns {said}; right is {right}.",
    ),
    Impostor(
        lambda a, b, c: float(round_to(float(np.dot(a, b) + c), "float32", "toward_zero")),
        "Nothing is cut off before the sum: `{call}` returns {said}; right is {right}. Each of the 17 terms goes "
        "through `cut` first.",
    ),
    Impostor(
        lambda a, b, c: float(round_to(float(np.dot(a, b) + c), "float32")),
        "That is the exact sum, rounded once: what one would wish for. `{call}` returns {said}; the core says {right}. "
        "Cut each term first, and truncate the sum.",
    ),
    Impostor(
        lambda a, b, c: _fused(a, b, c, _of_products(a, b) + _of_c(c), "nearest_even"),
        "All is right but the end: the sum is truncated to fp32, not rounded to nearest. `{call}` returns {said}; "
        "right is {right}. `sf.round_to(total, 'fp32', 'toward_zero')`.",
    ),
    Impostor(
        lambda a, b, c: (
            float(
                sum(cut(float(x * y), max(_of_products(a, b) + _of_c(c)), F) for x, y in zip(a, b))
                + cut(c, max(_of_products(a, b) + _of_c(c)), F)
            )
            if _of_products(a, b) + _of_c(c)
            else c
        ),
        "The sum is right, but not yet a running sum: that has to fit into fp32. `{call}` returns {said}; right is "
        "{right}. `sf.round_to(total, 'fp32', 'toward_zero')`.",
    ),
    Impostor(
        lambda a, b, c: _fused(a, b, c, [_exponent(float(x * y), -200) for x, y in zip(a, b) if x and y] + _of_c(c)),
        "You take the exponent of the product. A core takes the sum of its factors' exponents: 1.5 × 1.5 is 2.25, but "
        "counts with exponent 0 + 0. `{call}` returns {said}; right is {right}.",
    ),
    Impostor(
        lambda a, b, c: _fused(
            a, b, c, [_exponent(x, -200) + _exponent(y, -200) for x, y in zip(a, b) if x and y] + _of_c(c)
        ),
        "A subnormal factor counts with its format's smallest exponent, −14 in fp16, not with that of its first one: "
        "`{call}` returns {said}; right is {right}. `exponent(x, 'fp16')` knows.",
    ),
    Impostor(
        lambda a, b, c: _fused(a, b, c, _of_products(a, b) or _of_c(c)),
        "The running sum takes part in the alignment too. Where it is the largest, the cut moves up with it: `{call}` "
        "returns {said}; right is {right}.",
    ),
    Impostor(
        lambda a, b, c: _fused(a, b, 0.0, _of_products(a, b) + _of_c(c)),
        "The running sum is missing from what is added: `{call}` returns {said}; right is {right}.",
    ),
    Impostor(
        lambda a, b, c: float(round_to(_fused(a, b, 0.0, _of_products(a, b)) + c, "float32", "toward_zero")),
        "You add the products up first, and c afterwards: that is two steps. All 17 are aligned and added at once. "
        "`{call}` returns {said}; right is {right}.",
    ),
    Impostor(
        lambda a, b, c: _fused(a, b, c, _of_products(a, b) + _of_c(c), bits=23),
        "You keep 23 bits, fp32's. This core keeps F = 25: `{call}` returns {said}; right is {right}.",
    ),
    Impostor(
        lambda a, b, c: _fused(a, b, c, _of_products(a, b) + _of_c(c), bits=24),
        "One bit too few is kept of each term: this core has F = 25, and your steps are those of F = 24. `{call}` "
        "returns {said}; right is {right}.",
    ),
    Impostor(
        lambda a, b, c: _fused(a, b, c, _of_products(a, b) + _of_c(c), bits=26),
        "One bit too many is kept of each term: this core has F = 25, and your steps are those of F = 26. `{call}` "
        "returns {said}; right is {right}.",
    ),
    Impostor(
        lambda a, b, c: _fused(
            a, b, c, [max(_exponent(x, -14) + _exponent(y, -14) for x, y in zip(a, b)), _exponent(c, -126)]
        ),
        "A zero has no exponent, and must not take part in looking for the largest: `{call}` returns {said}; right is "
        "{right}.",
    ),
)

STEP_SYMPTOMS = (
    Symptom(
        lambda given, said, right: said != said,
        "`{call}` returns NaN. Did a zero's exponent come in? It has none: leave zeros out.",
    ),
    Symptom(
        lambda given, said, right: not any(given[0]) or not any(given[1]),
        "With all products zero the running sum stays what it was: `{call}` returns {said}; right is {right}.",
    ),
    Symptom(
        lambda given, said, right: abs(said - right) > 2.0**-12 * _largest_term(*given),
        "`{call}` returns {said}; right is {right}: that is far off. Are all products there, and c, each with its own "
        "sign?",
    ),
    Symptom(
        lambda given, said, right: True,
        "`{call}` returns {said}; right is {right}: the last bits differ, so something is cut in another place. "
        "`FusedStep(a, b)` shows where the core cuts, term by term.",
    ),
)


def _largest_term(a: Values, b: Values, c: float) -> float:
    return max(abs(c), float(np.abs(a * b).max()))


# ---- 06.c: how many products a step of an unknown core adds ----

MYSTERY_TERMS = 24
MYSTERY = TensorCore(8, 24)  # as the literature has Ampere's

MYSTERY_SLIPS = (
    Slip(lambda n: n == 16, "16 terms survive where the two meet in the *first* step: those are the ones that come "
                            "later. How many does the first step have, then?"),
    Slip(lambda n: n == 24, "24 is all the terms. If one step took them all, nothing would survive anywhere."),
    Slip(lambda n: n == 7, "Term 0 meets 7 others there. It is in that step itself, too."),
    Slip(lambda n: n == 9, "The running sum is not counted: L is the products of a step."),
    Slip(lambda n: n == 3, "There are three steps. How many products does each of them take?"),
    Slip(lambda n: n == 1, "If each step took one term, the count would fall by one from each j to the next."),
    Slip(lambda n: n == 2, "Then the count would fall at every second j. At which j does it fall?"),
    Slip(lambda n: n == 4, "Then the count would fall at j = 4 for the first time. Where does it?"),
)  # fmt: skip
