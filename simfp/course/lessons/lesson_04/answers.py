"""The right answers to lesson 04's exercises, and the typical wrong ones, each with what is to be said of it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simfp import Array, array, bfloat16, float16, float32, round_to
from simfp.course.judges.mistakes import Impostor, Mistake, Symptom

__all__ = [
    "NORM_CASES", "NORM_IMPOSTORS", "NORM_SYMPTOMS", "SAFE_MISTAKES", "SOFTMAX_CASES", "SOFTMAX_IMPOSTORS",
    "SOFTMAX_SYMPTOMS", "TELLING", "norm", "safe_in_bf16_only", "softmax",
]  # fmt: skip

Values = NDArray[np.float64]
INF, NAN = math.inf, math.nan
_random = np.random.default_rng(4)

# ---- 04.a: softmax ----

SOFTMAX_CASES = (
    [1.0, 2.0, 3.0],
    [12.0, 0.0, 1.0],
    [-20.0, -21.0, -22.0],
    [1000.0, 999.0, 990.0],
    [65504.0, 65504.0, -65504.0],
    [[1.0, 2.0, 3.0], [500.0, 499.0, 498.0]],
    [[-300.0, -301.0], [4.0, 4.0], [40.0, 30.0]],
    [[3.0, 1.0], [0.0, 2.0]],
    _random.normal(0, 6, (16, 33)),
    [3.0, -INF, 5.0, -INF],
    [[-INF, 700.0, 699.0], [-40.0, -INF, -41.0]],
    [-INF, -INF, -INF],
    [[1.0, 2.0], [-INF, -INF]],
    [[1.0, 2.0], [NAN, 5.0]],
)


def softmax(x: Array) -> Array:
    """04.a: each row's largest is taken off first; a row of nothing but -inf becomes zeros."""
    largest = np.max(x, axis=-1, keepdims=True)
    grown = np.exp(x - np.where(np.isneginf(largest), 0, largest))
    total = np.sum(grown, axis=-1, keepdims=True)
    weights: Array = grown / np.where(total == 0, 1, total)  # type: ignore[assignment]
    return weights


def _shares(x: Array) -> Any:
    """The softmax of `x` as it is, each row over its sum."""
    grown = np.exp(x)
    return grown / np.sum(grown, axis=-1, keepdims=True)


def _row(function: Any, x: Any) -> Any:
    return function(x, axis=-1, keepdims=True)


def _largest(x: Array) -> Any:
    return _row(np.max, x)


def _in_float32(x: Array) -> Any:
    return softmax(x.astype(float32)).astype(float16)


def _in_columns(x: Array) -> Any:
    grown = np.exp(x - np.max(x, axis=0))
    return grown / np.sum(grown, axis=0)


def _over_everything(x: Array) -> Any:
    grown = np.exp(x - np.max(x))
    return grown / np.sum(grown)


def _over_one_sum(x: Array) -> Any:
    grown = np.exp(x - _largest(x))
    return grown / np.sum(grown)


# fmt: off
SOFTMAX_IMPOSTORS = (
    Impostor(
        _shares,
        "No maximum is taken off. For {x} you return {said}: in fp16 `np.exp` is inf above 11.09, the sum is inf too, "
        "and inf / inf is NaN. Far below zero it is the other way: every exp is 0, and 0 / 0 is NaN.",
    ),
    Impostor(
        lambda x: _shares(x - _row(np.mean, x)),
        "You take off the mean. What lies far above the mean still overflows: for {x} you return {said}. Nothing lies "
        "above the largest.",
    ),
    Impostor(
        lambda x: _shares(x - _row(np.max, np.abs(x))),
        "You take off the largest magnitude, `abs`. Of a row of negative numbers that is not the largest, and pushes "
        "it further down: for {x} every exp is 0, and 0 / 0 is NaN. Take off the largest itself, whatever its sign.",
    ),
    Impostor(
        lambda x: _shares(x - _row(np.min, x)),
        "You take off the smallest. Then all the others lie above zero, and exp overflows: for {x} you return {said}. "
        "The largest has to come to lie at 0.",
    ),
    Impostor(
        lambda x: _shares(x / _largest(x)),
        "You divide by the largest. That changes the differences, and they are what softmax is about: for {x} you "
        "return {said}; right is {right}. Subtracting leaves them as they are.",
    ),
    Impostor(
        lambda x: _shares(x - np.max(x)),
        "One maximum is taken off for all rows: an `axis` is missing. A row far below the largest number of all "
        "becomes exp = 0 throughout: for {x} you return {said}.",
    ),
    Impostor(
        lambda x: _shares(x - np.max(x, axis=0)),
        "The maximum is taken down the columns (`axis=0`), the sum along the rows. For {x} that gives {said}. Both go "
        "along the row: `axis=-1`.",
    ),
    Impostor(
        _in_columns,
        "You go down the columns (`axis=0`), but each row is a softmax of its own: for {x} right is {right}. The last "
        "axis is `axis=-1`.",
    ),
    Impostor(
        _over_everything,
        "No axis anywhere: all rows share one maximum and one sum. For {x} you return {said}, and right is {right}.",
    ),
    Impostor(
        _over_one_sum,
        "The maximum is each row's own, but the sum runs over all rows: an `axis` is missing in `np.sum`. For {x} "
        "right is {right}.",
    ),
    Impostor(
        lambda x: np.exp(x - _largest(x)),
        "The maximum is off, and nothing overflows. What is missing is the division: a row of softmax adds up to 1, "
        "and for {x} you return {said}.",
    ),
    Impostor(
        _in_float32,
        "In a wider format inside, and rounded at the end: that is the more exact way, where there is a wider format. "
        "But this is to survive in fp16 itself, so that the steps can be seen. Leave out `astype` and `values`.",
    ),
    Impostor(
        lambda x: np.exp(x - _largest(x)) / x.shape[-1],
        "You divide by the number of logits. The weights are shares of the sum of all exp: divide by that. For {x} "
        "you return {said}; right is {right}.",
    ),
)


def _masked(x: Values) -> Any:
    """Which rows are masked wholly."""
    return np.all(np.isneginf(x), axis=-1)


SOFTMAX_SYMPTOMS = (
    Symptom(
        lambda x, said, right: (said < 0).any(),
        "For {x} you return {said}: a weight below zero. exp is never negative. Is `np.exp` missing?",
    ),
    Symptom(
        lambda x, said, right: bool((np.isnan(right) & ~np.isnan(said)).any()),
        "A NaN went in with {x}, and out came {said}. Whoever looks for that NaN will not find it: `np.nan_to_num` "
        "hides what went wrong before. Let NaN be NaN, and look for a row that is all -inf itself.",
    ),
    Symptom(
        lambda x, said, right: np.isfinite(x).all() and bool((np.ptp(np.atleast_2d(x), axis=-1) > 0).all())
        and bool((np.ptp(said, axis=-1) == 0).all()) and bool((np.abs(np.sum(said, axis=-1) - 1) < 0.02).all()),
        "For {x} you return {said}: different logits came out equal. Were they cut off, by `np.clip` or `np.minimum`? "
        "What is cut is lost; what is subtracted from all of them is not.",
    ),
    Symptom(
        lambda x, said, right: np.isfinite(x).all() and bool((np.sum(said, axis=-1) == 0).any()),
        "For {x} you return {said}: a row of zeros, of logits that are finite. Overflow or 0 / 0 was there, and "
        "something put 0 in its place. Do not mend it afterwards: take the row's largest off before `np.exp`.",
    ),
    Symptom(
        lambda x, said, right: np.isfinite(x).all() and np.isnan(said).any(),
        "For {x} you return {said}. Look for the first inf on the way, and for what is done with it: inf − inf, "
        "inf / inf and 0 · inf are NaN, and so is 0 / 0.",
    ),
    Symptom(
        lambda x, said, right: bool(_masked(x).any()) and bool(np.isnan(said[_masked(x)]).all()),
        "All right but for rows that are masked wholly: of {x} you make {said}. The largest is -inf there, and "
        "-inf − -inf is NaN. The row is to become zeros.",
    ),
    Symptom(
        lambda x, said, right: bool(_masked(x).any()) and bool((said[_masked(x)] > 0).all()),
        "All right but for rows that are masked wholly: of {x} you make {said}. Equal shares mean that what is masked "
        "is read after all. The row is to become zeros.",
    ),
    Symptom(
        lambda x, said, right: bool((np.abs(np.sum(said, axis=-1) - np.sum(right, axis=-1)) > 0.02).any()),
        "For {x} you return {said}, and that does not add up to 1 in each row.",
    ),
    Symptom(
        lambda x, said, right: bool((np.abs(said - right) <= 0.02).all()),
        "It survives, but takes other steps, and each step rounds: for {x} you return {said}, and right is {right}. "
        "Subtract, `np.exp`, `np.sum`, then one division, and nothing else.",
    ),
)
# fmt: on

# ---- 04.b: the norm ----

NORM_CASES = (
    [3.0, 4.0],
    [300.0, 400.0],
    [300.0] * 64,
    [-300.0, 1.0],
    [-300.0, -400.0],
    [40000.0, 30000.0],
    [1e-4, 1e-4, -1e-4],
    [6e-8, 6e-8],
    [200.0] * 1000,
    [60000.0, -60000.0],
    *(_random.normal(0, 2.0**exponent, 20) for exponent in range(-12, 13)),
    [0.0, 0.0],
    [1.0, -INF],
    [1.0, NAN],
)


def norm(x: Array) -> Array:
    """04.b: the L2 norm of the exact values of `x`, rounded once."""
    return array(np.sqrt(np.sum(x.values.astype(np.float64) ** 2)), float16)


def _size(x: Array) -> Any:
    return np.max(np.abs(x))


def _root(x: Array) -> Any:
    return np.sqrt(np.sum(x * x))


def _by_total(x: Array) -> Any:
    total = np.sum(np.abs(x))
    return total * _root(x / total)


# fmt: off
NORM_IMPOSTORS = (
    Impostor(
        _root,
        "The squares overflow: 300² is 90,000, beyond 65,504, so for {x} you return {said}; right is {right}. Make the "
        "numbers small before you square them.",
    ),
    Impostor(
        lambda x: np.max(x) * _root(x / np.max(x)),
        "You scale with `np.max(x)`, but the largest in size may be negative: for {x} you return {said}; right is "
        "{right}. `np.abs` first.",
    ),
    Impostor(
        lambda x: _root(x / _size(x)),
        "You divide by the largest, and that is good. But then the norm is too small by that factor: for {x} you "
        "return {said}; right is {right}. Multiply again at the end.",
    ),
    Impostor(
        lambda x: np.sqrt(_size(x) * _size(x) * np.sum((x / _size(x)) * (x / _size(x)))),
        "You multiply again under the root, with the square of the largest: and that overflows as before. For {x} you "
        "return {said}. Outside the root it is the largest itself.",
    ),
    Impostor(
        lambda x: _size(x) * np.sum((x / _size(x)) * (x / _size(x))),
        "The root is missing: for {x} you return {said}; right is {right}.",
    ),
    Impostor(
        lambda x: _size(x) * np.sqrt(np.mean((x / _size(x)) * (x / _size(x)))),
        "That is the root of the mean, and the norm is the root of the sum: for {x} you return {said}; right is "
        "{right}.",
    ),
    Impostor(
        lambda x: np.sum(np.abs(x)),
        "You add the sizes, which is another norm (L1). L2 is the root of the sum of the squares: for {x} not {said}, "
        "but {right}.",
    ),
    Impostor(
        _size,
        "You return the largest, which is another norm (of infinite order). It is the number to scale with: for {x} "
        "the L2 norm is {right}.",
    ),
    Impostor(
        _by_total,
        "You scale with the sum of the sizes. In a long vector that sum overflows itself: for {x} you return {said}; "
        "right is {right}. The largest never does.",
    ),
)

NORM_SYMPTOMS = (
    Symptom(
        lambda x, said, right: bool(said < 0),
        "For {x} you return {said}. A norm is a length, and no length is below zero: right is {right}.",
    ),
    Symptom(
        lambda x, said, right: not x.any(),
        "All right but for {x}: you return {said}. The largest is 0 there, and 0 / 0 is NaN. The norm of zeros is 0: "
        "look for it first.",
    ),
    Symptom(
        lambda x, said, right: bool(255 < said < 257) and bool(right > 257),
        "For {x} you return {said}, the root of 65,504: the sum of the squares was cut off at fp16's end. Scale before "
        "you square.",
    ),
    Symptom(
        lambda x, said, right: bool(np.isfinite(x).all() and np.isinf(right) and np.isfinite(said)),
        "The norm of {x} is 84,853 and lies beyond fp16's end: inf is the right answer, and you return {said}. Who "
        "cuts it off hides that.",
    ),
    Symptom(
        lambda x, said, right: bool(np.isnan(x).any()),
        "A NaN went in with {x}, and out came {said}: who looks for that NaN will not find it. Let it be NaN.",
    ),
    Symptom(
        lambda x, said, right: bool(np.isinf(x).any()),
        "All right but for {x}: you return {said}. An infinite number makes an infinite norm, but inf / inf is NaN: "
        "where the largest is inf, return it as it is.",
    ),
    Symptom(
        lambda x, said, right: bool(np.isinf(said)),
        "For {x} you return inf; right is {right}, which fp16 has. Which step overflows?",
    ),
    Symptom(
        lambda x, said, right: bool(said < 0.9 * right) and bool(right < 1),
        "For {x} you return {said}; right is {right}. Small numbers vanish when they are squared. A fixed factor helps "
        "at one end and hurts at the other; the largest of `x` helps at both.",
    ),
    Symptom(
        lambda x, said, right: bool(abs(said - right) <= 0.02 * right),
        "Close: for {x} you return {said}; the exact norm is {right}, and four steps of fp16 beside it are allowed. "
        "Each operation rounds: can you do with fewer?",
    ),
)

# ---- 04.c: where bf16 is safe and fp16 is not ----

TIE = 65520.0  # half way from 65504 to 65536, which fp16 has not: goes to the even one, and that is infinity
TOP = bfloat16.max
TOP_TIE = TOP + 2.0 ** (bfloat16.max_exponent - bfloat16.precision)  # the same in bf16

# the inputs that a message names, the most telling first; what is negative has its positive twin among them
_SIZES = (
    1e5, 65504.0, 65519.0, 65519.99, 65535.0, 70000.0, TIE, np.nextafter(TIE, 0), np.nextafter(TIE, INF), 65505.0,
    1.0, 1e-8, 300.0, 0.0, 1e38, TOP, np.nextafter(TOP, INF), np.nextafter(TOP_TIE, 0), TOP_TIE, float32.max, 1e39,
    1.7e308, INF, np.nextafter(65504.0, INF), 65536.0,
)  # fmt: skip
TELLING = (*map(float, _SIZES), *(-float(size) for size in _SIZES), NAN)


def safe_in_bf16_only(x: Values) -> Any:
    """04.c: whether fp16 makes an infinity of a finite number, and bf16 does not."""
    return np.isinf(round_to(x, float16)) & np.isfinite(round_to(x, bfloat16))


SAFE_MISTAKES = (
    Mistake(
        lambda x, said: (said == 1) & np.isnan(x),
        "You call NaN safe. It was none before, and neither format mends it. Every comparison with NaN is False: "
        "which way round do yours have to be?",
    ),
    Mistake(
        lambda x, said: (said == 1) & np.isinf(x),
        "You call {x} safe in bf16. It is infinite before anybody rounds it, and remains so in bf16: nothing was "
        "saved.",
    ),
    Mistake(
        lambda x, said: (said == 1) & (np.abs(x) < 65504),
        "You say that bf16 alone is safe for {x}, but fp16 keeps it finite as well: it lies well inside. Does the "
        "comparison point the right way?",
    ),
    Mistake(
        lambda x, said: (said == 1) & (np.abs(x) == 65504),
        "{x} is in fp16: 65,504 is its largest number, not the first one that is gone. Is it `>` or `>=`? And with "
        "which limit?",
    ),
    Mistake(
        lambda x, said: (said == 1) & (np.abs(x) < TIE),
        "You say that {x} overflows in fp16, as it is beyond 65,504. But fp16 rounds to the nearest, and that is "
        "65,504 again. Where does inf begin?",
    ),
    Mistake(
        lambda x, said: (said == 0) & (x <= -TIE) & ~np.isin(-x, x),
        "You say False for {x}, but fp16 makes -inf of it, as it makes inf of its positive twin. What counts is the "
        "size: `abs(x)`.",
    ),
    Mistake(
        lambda x, said: (said == 1) & (np.abs(x) > float32.max),
        "You call {x} safe in bf16, but it is inf there as well. bf16 has an end too: `sf.bfloat16.max` is the last "
        "number before it.",
    ),
    Mistake(
        lambda x, said: (said == 1) & (np.abs(x) > TOP_TIE),
        "You call {x} safe in bf16: fp32 has it. bf16 has fp32's exponents, but fewer bits, so its largest number is a "
        "little smaller, and this one is rounded to inf.",
    ),
    Mistake(
        lambda x, said: (said == 0) & (np.abs(x) > TIE) & (np.abs(x) < 65536)
        & ~np.any((np.abs(x) > 65536) & (np.abs(x) < TOP)),
        "You say False for {x}, but fp16 makes inf of it: it is nearer to 65,536, which fp16 has not, than to 65,504. "
        "Your limit is too high.",
    ),
    Mistake(
        lambda x, said: (said == 0) & (np.abs(x) > TIE) & (np.abs(x) < TOP),
        "You say False for {x}. fp16 makes inf of it, and bf16 keeps it finite: that is what True means.",
    ),
    Mistake(
        lambda x, said: (said == 0) & (np.abs(x) == TIE),
        "All right below, but {x} is a tie, half way from 65,504 to 65,536. A tie goes to the neighbour whose last "
        "bit is even, and in fp16 that is not 65,504: so it becomes inf.",
    ),
    Mistake(
        lambda x, said: (said == 0) & (np.abs(x) == TOP),
        "{x} is bf16's largest number itself, and finite there: is it `<` or `<=`?",
    ),
    Mistake(
        lambda x, said: (said == 0) & (np.abs(x) > TOP) & (np.abs(x) < TOP_TIE),
        "You say False for {x}, which is beyond bf16's largest number, `sf.bfloat16.max`. But bf16 rounds to the "
        "nearest as well, and that is still its largest: the limit lies half a step further up.",
    ),
    Mistake(
        lambda x, said: (said == 1) & (np.abs(x) == TOP_TIE),
        "All right but for {x}: there bf16 has its own tie, half way from its largest number to 2¹²⁸, and it goes to "
        "the even one, which is inf.",
    ),
)
# fmt: on
