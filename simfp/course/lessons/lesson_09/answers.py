"""The right answers to lesson 09's exercises, and the typical wrong ones, each with what is to be said of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from simfp import ExactSum, array, round_to, ulp
from simfp.arrays import Array
from simfp.course.display import short
from simfp.course.judges.judgement import Judgement
from simfp.course.judges.mistakes import Impostor, Slip, ask, refusal
from simfp.experiments.mixed_precision import updates
from simfp.figures.palette import look
from simfp.figures.words import decimal, power_of_two
from simfp.formats import as_format

__all__ = [
    "GRADIENT", "LR_SLIPS", "WEIGHT", "AbsorbedJudge", "KahanJudge", "kahan_step", "moves", "smallest_lr",
]  # fmt: skip

# ---- 09.a: is_absorbed ----

FORMATS = ("float16", "bfloat16")


class Asked(NamedTuple):
    """Weights and updates of one format, and what was said of them."""

    fmt: str
    weights: Any
    updates: Any
    right: Any


def _cases(fmt: str) -> Asked:
    """Every code of the format from 2^-2 to 2^2 as a weight, of both signs, with updates around what moves it."""
    spec = as_format(fmt)
    steps = 2.0 ** np.arange(-2, 2)[:, None] * (1 + np.arange(2**spec.mantissa_bits) * spec.eps)
    positive = steps.reshape(-1)
    weights, changes = [], []
    half = np.asarray(ulp(positive, fmt)) / 2
    for factor in (0.25, 0.5, 0.75, 1.0, 1.0 + 2.0**-20, 1.5, 3.0):
        for sign in (1.0, -1.0):
            weights.append(positive)
            changes.append(sign * factor * half)
    w, u = np.concatenate(weights), np.concatenate(changes)
    w, u = np.concatenate([w, -w]), np.concatenate([u, u])
    w, u = np.append(w, [1.0, 1.5, 0.0]), np.append(u, [0.0, 0.0, 0.0])
    return Asked(fmt, w, u, updates.is_absorbed(w, u, fmt))


def _half(w: Any, fmt: str) -> Any:
    return np.asarray(ulp(w, fmt)) / 2


# fmt: off
MISTAKES = (
    Impostor(
        lambda w, u, fmt: np.abs(u) < as_format(fmt).eps,
        "You compare the update with eps. eps is the step at 1; the step grows with the weight. {call} is {right}."),
    Impostor(
        lambda w, u, fmt: np.abs(u) < as_format(fmt).smallest_subnormal,
        "You ask whether the update itself is too small for the format. It is not: it is too small *beside the "
        "weight*. {call} is {right}."),
    Impostor(
        lambda w, u, fmt: np.abs(u) < as_format(fmt).eps * np.abs(w),
        "eps times the weight is a whole step, and only at powers of two. It takes *half* a step to move a weight. "
        "{call} is {right}."),
    Impostor(
        lambda w, u, fmt: np.abs(u) < as_format(fmt).eps / 2 * np.abs(w),
        "The step does not grow with the weight evenly: from one power of two to the next it is the same. Ask "
        "`sf.ulp(weight, fmt)`, or round and look. {call} is {right}."),
    Impostor(
        lambda w, u, fmt: np.abs(u) < np.asarray(ulp(w, fmt)),
        "A whole step is too much to ask for: from half a step on, rounding goes to the neighbour. {call} is {right}."),
    Impostor(
        lambda w, u, fmt: (np.abs(u) < _half(w, fmt)) & (u != 0),
        "Nearly. What is exactly half a step is a tie, and it goes to the even neighbour: often back to the weight. "
        "And just below a power of two the steps are half as wide. {call} is {right}."),
    Impostor(
        lambda w, u, fmt: (np.abs(u) <= _half(w, fmt)) & (u != 0),
        "Nearly. Exactly half a step is a tie, and it goes to the even neighbour, which is not always the weight. "
        "{call} is {right}."),
    Impostor(
        lambda w, u, fmt: (u < _half(w, fmt)) & (u != 0),
        "An update has a sign; it is its size that counts. {call} is {right}."),
    Impostor(
        lambda w, u, fmt: np.asarray(round_to(w + u, fmt)) == w,
        "You look at weight + update; the optimizer subtracts. At powers of two that is not the same. And an update of "
        "0 is not absorbed: there is nothing to absorb. {call} is {right}."),
    Impostor(
        lambda w, u, fmt: (np.asarray(round_to(w + u, fmt)) == w) & (u != 0),
        "You look at weight + update; the optimizer subtracts, and just below a power of two the steps are half as "
        "wide as above it. {call} is {right}."),
    Impostor(
        lambda w, u, fmt: np.asarray(round_to(w - u, fmt)) == w,
        "An update of 0 leaves the weight as it is, but nothing was absorbed: there was nothing to do. {call} is "
        "{right}."),
    Impostor(
        lambda w, u, fmt: np.asarray(round_to(w - u, fmt)) != w,
        "The other way round: it is absorbed if the new weight *is* the old one. {call} is {right}."),
    Impostor(
        lambda w, u, fmt: (np.asarray(round_to(w - u, "bfloat16")) == w) & (u != 0),
        "Always bf16? The format is an argument. {call} is {right}."),
    Impostor(
        lambda w, u, fmt: (np.asarray(round_to(w - u, "float16")) == w) & (u != 0),
        "Always fp16? The format is an argument. {call} is {right}."),
)
# fmt: on


@dataclass(frozen=True)
class AbsorbedJudge:
    """Judges a function of a weight, an update and a format, over every 16-bit weight of four binades."""

    name: str = "is_absorbed"

    def __call__(self, answer: Any) -> Judgement:
        """Whether the function `answer` is right in every case, and if not, why."""
        refused = refusal(answer, self.name)
        if refused:
            return Judgement(False, refused)
        asked = [_cases(fmt) for fmt in FORMATS]
        said = []
        for case in asked:
            one, trouble = self._said(answer, case)
            if trouble:
                return Judgement(False, trouble)
            said.append(one)
        if all((one == case.right).all() for one, case in zip(said, asked)):
            count = sum(case.weights.size for case in asked)
            return Judgement(True, f"Right for all {count:,} cases: every weight of fp16 and bf16 from 2⁻² to 2².")
        for function, message in MISTAKES:
            with np.errstate(all="ignore"):
                made = [np.asarray(function(case.weights, case.updates, case.fmt)) for case in asked]
            if all((one == other).all() for one, other in zip(made, said)):
                return Judgement(False, self._fill(message, asked, said))
        return Judgement(False, self._fill("{call} is {right}; you say {said}.", asked, said))

    def _said(self, answer: Any, case: Asked) -> tuple[Any, str]:
        """What the function says of all at once, or one by one if it takes single numbers only."""
        try:
            with np.errstate(all="ignore"):
                whole = np.asarray(answer(case.weights.copy(), case.updates.copy(), case.fmt))
            if whole.shape == case.weights.shape and whole.dtype.kind == "b":
                return whole, ""
        except Exception:
            pass
        found = np.zeros(case.weights.shape, bool)
        for place, (w, u) in enumerate(zip(case.weights.tolist(), case.updates.tolist())):
            one, trouble = ask(answer, (w, u, case.fmt), lambda w=w, u=u: _call(w, u, case.fmt))  # type: ignore[misc]
            if trouble:
                return found, trouble
            if not isinstance(one, (bool, np.bool_)):
                return found, f"{_call(w, u, case.fmt)} should be True or False; it returned {short(one)}."
            found[place] = one
        return found, ""

    def _fill(self, message: str, asked: list[Asked], said: list[Any]) -> str:
        for case, one in zip(asked, said):
            wrong = np.flatnonzero(one != case.right)
            if wrong.size:
                place = wrong[0]
                call = _call(case.weights[place], case.updates[place], case.fmt)
                return message.format(call=call, said=bool(one[place]), right=bool(case.right[place]))
        raise AssertionError("nothing was wrong")


def _spell(x: float) -> str:
    x = float(x)
    mantissa, exponent = math.frexp(abs(x))
    if x and mantissa == 0.5 and not 0.01 < abs(x) < 1e4:
        return f"{'−' * (x < 0)}{power_of_two(exponent - 1)}"
    return decimal(x, 8)


def _call(w: float, u: float, fmt: str) -> str:
    return f'`is_absorbed({_spell(w)}, {_spell(u)}, "{look(as_format(fmt)).label}")`'


# ---- 09.b: the smallest learning rate ----

WEIGHT, GRADIENT = 1.5, 0.01


def smallest_lr() -> float:
    """09.b: the smallest float32 learning rate that still moves the weight in bf16."""
    return updates.smallest_lr(WEIGHT, GRADIENT, "bfloat16")


def moves(lr: float) -> bool:
    """Whether a learning rate moves the weight, and is at most 1 % more than needed."""
    return bool(smallest_lr() <= float(np.float32(lr)) <= 1.01 * smallest_lr())


def _near(x: float, rel: float = 0.02) -> Callable[[float], bool]:
    return lambda lr: math.isclose(lr, x, rel_tol=rel)


_HALF = float(ulp(WEIGHT, "bfloat16")) / 2
LR_SLIPS = (
    Slip(
        lambda lr: 0.98 * smallest_lr() < lr < smallest_lr(),
        lambda lr: f"With {decimal(lr)} the weight stays: the update does not reach more than half a step. At exactly "
        "half a step it is a tie, and 1.5 is the even one.",
    ),
    Slip(_near(2 * _HALF / GRADIENT), "That is a whole step over the gradient. Half a step is enough to round over."),
    Slip(
        _near(float(ulp(WEIGHT, "fp16")) / 2 / GRADIENT),
        "That would do in fp16, whose steps are eight times finer. The question is bf16.",
    ),
    Slip(
        lambda lr: math.isclose(lr, float(ulp(WEIGHT, "fp32")) / 2 / GRADIENT, rel_tol=0.02),
        "That would do in fp32. bf16 has 8 bits.",
    ),
    Slip(_near(_HALF), "That is half a step of the weight: what the *update* must reach. The update is lr × gradient."),
    Slip(_near(2 * _HALF), "That is a whole step of the weight. The update, lr × gradient, must reach half of it."),
    Slip(_near(2.0**-8 * WEIGHT / GRADIENT), "You take 2⁻⁸ of the weight. The step is the same from 1 to 2: 2⁻⁷, and "
                                             "half of it 2⁻⁸."),
    Slip(lambda lr: lr > 1.01 * smallest_lr(), lambda lr: f"{decimal(lr)} moves it, and there is a smaller one that "
                                                          "does, too."),
    Slip(lambda lr: lr <= 0, "A learning rate is more than 0."),
)  # fmt: skip

# ---- 09.c: one step with Kahan's compensation ----


class Course(NamedTuple):
    """A weight, and the updates that it is to take one after the other."""

    start: float
    updates: tuple[float, ...]


_random = np.random.default_rng(9)


def _rounded(values: Any) -> tuple[float, ...]:
    return tuple(np.asarray(round_to(np.asarray(values, np.float64), "bfloat16")).tolist())


COURSES = (
    Course(1.0, _rounded([1e-3] * 200)),
    Course(-1.0, _rounded([-1e-3] * 200)),
    Course(2.0, _rounded([-0.004] * 150)),
    Course(1.5, _rounded(_random.normal(0.002, 0.004, 200))),
    Course(0.25, _rounded(_random.normal(-0.0004, 0.0008, 200))),
    Course(1.0, _rounded([0.25, 0.5])),
)

Step = Callable[[Array, Array, Array], Any]


def kahan_step(weight: Array, lost: Array, update: Array) -> tuple[Array, Array]:
    """09.c: weight - update, with what is lost carried along."""
    wanted = lost - update
    new = weight + wanted
    return new, wanted - (new - weight)


def _ends(step: Step, course: Course) -> tuple[float, float]:
    """The weight, and what is lost, after all updates of a course."""
    weight, lost = array(course.start, "bfloat16"), array(0.0, "bfloat16")
    for update in course.updates:
        weight, lost = step(weight, lost, array(update, "bfloat16"))
    return float(weight), float(lost)


def _true(course: Course) -> float:
    return float(ExactSum("float32")(np.array([course.start, *(-each for each in course.updates)])))


def _plain(weight: Array, lost: Array, update: Array) -> tuple[Array, Array]:
    return weight - update, lost


def _other_sign(weight: Array, lost: Array, update: Array) -> tuple[Array, Array]:
    wanted = lost - update
    new = weight + wanted
    return new, (new - weight) - wanted


def _adds(weight: Array, lost: Array, update: Array) -> tuple[Array, Array]:
    wanted = lost + update
    new = weight + wanted
    return new, wanted - (new - weight)


def _forgets(weight: Array, lost: Array, update: Array) -> tuple[Array, Array]:
    new = weight - update
    return new, -update - (new - weight)


def _of_update_only(weight: Array, lost: Array, update: Array) -> tuple[Array, Array]:
    wanted = lost - update
    new = weight + wanted
    return new, -update - (new - weight)


KAHAN_IMPOSTORS = (
    (_plain, "Nothing is carried: from {start} with {count} updates you come to {said}; exactly it is {true}."),
    (
        _other_sign,
        "The sign of what was lost is turned: wanted was `wanted`, made was `new - weight`, and lost is wanted minus "
        "made. From {start} you come to {said}; exactly it is {true}.",
    ),
    (_adds, "You add the update; a step goes *against* the gradient: {start} should become {true}, not {said}."),
    (
        _forgets,
        "What was lost before is not used: `wanted = lost - update` first, and then `weight + wanted`. From {start} "
        "you come to {said}; exactly it is {true}.",
    ),
    (
        _of_update_only,
        "What was lost before is forgotten when the new loss is taken: it is `wanted - (new - weight)`, with all that "
        "was wanted. From {start} you come to {said}; exactly it is {true}.",
    ),
)


@dataclass(frozen=True)
class KahanJudge:
    """Judges a step with compensation by where it leads, in bf16, after many updates."""

    name: str = "kahan_step"

    def __call__(self, answer: Any) -> Judgement:
        """Whether the function `answer` keeps to the true sum, and if not, why."""
        refused = refusal(answer, self.name)
        if refused:
            return Judgement(False, refused)
        zero = array(0.0, "bfloat16")
        one, trouble = ask(answer, (array(1.0, "bfloat16"), zero, zero), lambda: "`kahan_step(1, 0, 0)`")
        if trouble:
            return Judgement(False, trouble)
        if not isinstance(one, tuple) or len(one) != 2:
            return Judgement(False, f"It should return two things, the new weight and what is lost; got {short(one)}.")
        for part in one:
            fmt = part.dtype if isinstance(part, Array) else None
            if fmt != zero.dtype:
                told = f"an Array in {fmt}" if fmt else short(part)
                return Judgement(False, f"Both have to stay bf16 Arrays, no wider: one of them is {told}.")
        with np.errstate(all="ignore"):
            try:
                ends = [_ends(answer, course) for course in COURSES]
            except Exception as error:
                return Judgement(False, f"Your function raised {type(error).__name__}: {error}.")
        off = [self._off(course, end) for course, end in zip(COURSES, ends)]
        bad = next((place for place, by in enumerate(off) if not by <= 1.0), None)
        if bad is None:
            plain = max(self._off(course, _ends(_plain, course)) for course in COURSES)
            return Judgement(
                True,
                f"Right: after {max(len(course.updates) for course in COURSES)} updates no weight is more than a step "
                f"of bf16 away from the exact sum; without, they are up to {plain:.0f} steps away. The price: a second "
                f"bf16 number for each weight, as many bytes as fp32.",
            )
        course = COURSES[bad]
        filling = {
            "start": _spell(course.start), "count": len(course.updates), "said": _spell(ends[bad][0]),
            "true": _spell(_true(course)),
        }  # fmt: skip
        for function, message in KAHAN_IMPOSTORS:
            with np.errstate(all="ignore"):
                made = [_ends(function, each) for each in COURSES]
            if made == ends:
                return Judgement(False, message.format(**filling))
        general = "From {start}, after {count} updates, you come to {said}; exactly it is {true}."
        return Judgement(False, general.format(**filling))

    def _off(self, course: Course, end: tuple[float, float]) -> float:
        """How many steps of bf16 a weight lies from the exact sum."""
        return abs(end[0] - _true(course)) / float(ulp(_true(course), "bfloat16"))
