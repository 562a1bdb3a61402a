"""The right answers to lesson 08's exercises, and the typical wrong ones, each with what is to be said of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from simfp import nn, optim
from simfp.amp import GradScaler, autocast
from simfp.course.judges.mistakes import Slip
from simfp.experiments.mixed_precision import loss_scale
from simfp.experiments.mixed_precision.loss_scale import FATES, KEPT, Window
from simfp.figures.mixed_precision.scale_words import moment
from simfp.figures.words import percent
from simfp.figures.words import scale as spelled
from simfp.nn.utils import clip_grad_norm_

__all__ = [
    "ITERATIONS", "NETWORK", "ORDER_IMPOSTORS", "ORDER_TIPS", "SCALE_IMPOSTORS", "SCALE_SLIPS", "SCALE_SYMPTOMS",
    "Change", "carried_out", "changes", "iteration", "looked_at", "next_scale", "outcomes", "praise", "trial",
    "will_do",
]  # fmt: skip

NETWORK = "deep"
ITERATIONS = 2  # of each trial of 08.c

# ---- 08.a: one static scale


def looked_at() -> tuple[Window, ...]:
    """The three moments that the scale of 08.a has to do for."""
    return loss_scale.windows(NETWORK)[:3]


@cache
def outcomes(x: float) -> tuple[loss_scale.Outcome, ...]:
    """What a scale does at each of them."""
    return tuple(window.at(x) for window in looked_at())


def _usable(x: float) -> bool:
    with np.errstate(all="ignore"):
        return 0 < float(np.float32(x)) < math.inf


def will_do(x: float) -> bool:
    """08.a: whether a scale loses at most 0.1 % at each moment, and overflows nothing."""
    return _usable(x) and not any(each.spoiled or each.lost > 1 - KEPT for each in outcomes(x))


def _told(each: loss_scale.Outcome, fate: str) -> str:
    counts = each.counts[:, FATES.index(fate)]
    return percent(int(counts.sum()), int(each.counts.sum()))


def _too_large(x: float) -> bool:
    return any(each.spoiled for each in outcomes(x))


def _where_too_large(x: float) -> str:
    window, each = next((w, o) for w, o in zip(looked_at(), outcomes(x), strict=True) if o.spoiled)
    worst = window.layers[int(np.argmax(each.counts[:, FATES.index("overflowed")]))]
    return (
        f"Too large: {moment(window)}, {_told(each, 'overflowed')} of the gradients overflow with {spelled(x)}, most "
        f"of them in layer {worst}. A single one is enough to spoil the step."
    )


def _where_too_small(x: float) -> str:
    pairs = zip(looked_at(), outcomes(x), strict=True)
    window, each = max(pairs, key=lambda pair: pair[1].lost)
    lost, size = int(each.counts[:, FATES.index("lost")].sum()), int(each.counts.sum())
    return (
        f"Too small: {moment(window)}, {lost:,} of {size:,} gradients ({_told(each, 'lost')}) are lost with "
        f"{spelled(x)}; at most {math.floor((1 - KEPT) * size):,} may be. Nothing overflows, so there is room above."
    )


def praise(x: float) -> str:
    """What to say of a scale that will do."""
    lost = ", ".join(f"{_told(each, 'lost')} {moment(window)}" for window, each in zip(looked_at(), outcomes(x)))
    told = f"Lost: {lost}; nothing overflows. Three moments, three windows, and this scale lies in all of them."
    if math.frexp(x)[0] != 0.5:
        same = _told(outcomes(x)[-1], "same")
        told += f" But {spelled(x)} is no power of two: only {same} of the gradients kept their bits."
    return told


SCALE_SLIPS = (
    Slip(lambda x: x <= 0 or math.isinf(x), "A scale is a number above 0, and finite."),
    Slip(
        lambda x: x == int(x) and 9 <= x <= 15,
        lambda x: f"Is that the exponent? The scale itself is wanted: `2.0**{x:.0f}`.",
    ),
    Slip(lambda x: not _usable(x), "A GradScaler holds its scale in float32, and there this is 0 or infinite."),
    Slip(_too_large, _where_too_large),
    Slip(lambda x: True, _where_too_small),
)


# ---- 08.b: the rule of the scale


class Change(NamedTuple):
    """One update of a GradScaler: what it had, and what it has then."""

    scale: float
    tracker: int
    found_inf: bool
    growth: float
    backoff: float
    interval: int
    wanted: tuple[float, int]

    @property
    def given(self) -> tuple[Any, ...]:
        """The arguments of a function that does the same."""
        return self[:6]


def next_scale(
    scale: float, tracker: int, found_inf: bool, growth: float, backoff: float, interval: int
) -> tuple[float, int]:
    """08.b: the scale and the tracker after an update."""
    if found_inf:
        return float(np.float32(scale * backoff)), 0
    if tracker + 1 != interval:
        return scale, tracker + 1
    with np.errstate(over="ignore"):
        grown = float(np.float32(scale * growth))
    return (grown if math.isfinite(grown) else scale), 0


HISTORIES, LENGTH = 2000, 6
STARTS = (2.0**16, 2.0**10, 1.0, 2.0**126, 2.0**127, 2.0**-130, 2.0**-148, 2.0**-149)


@cache
def changes() -> tuple[Change, ...]:
    """What GradScaler itself does over thousands of histories, one update after the other."""
    rng = np.random.default_rng(8)
    parameter = nn.Parameter(np.zeros(1, np.float32))
    good, bad = parameter.data, parameter.data + np.float32(math.inf)
    optimizer = optim.SGD([parameter], lr=0.0)
    found = []
    for number in range(HISTORIES):
        interval, growth = int(rng.integers(1, 5)), (2.0, 4.0, 1.5)[number % 3]
        backoff, start = (0.5, 0.25)[number % 2], STARTS[number % len(STARTS)]
        scaler = GradScaler(init_scale=start, growth_factor=growth, backoff_factor=backoff, growth_interval=interval)
        scaler.scale(good)
        for step in range(LENGTH):
            if number % 5 == 4 and step == LENGTH // 2:  # somebody turns the knob while it runs
                interval = max(1, interval - 2)
                scaler.set_growth_interval(interval)
            before, tracker = scaler.get_scale(), scaler.state_dict()["_growth_tracker"]
            overflow = bool(rng.random() < 0.25)
            parameter.grad = (bad if overflow else good).copy()  # unscaling writes into it
            scaler.unscale_(optimizer)
            with np.errstate(all="ignore"):
                scaler.update()
            after = scaler.get_scale(), int(scaler.state_dict()["_growth_tracker"])
            found.append(Change(before, tracker, overflow, growth, backoff, interval, after))
    return tuple(found)


def _ruled(grows: Callable[[int, int], bool]) -> Callable[..., tuple[float, int]]:
    """The rule with another idea of when it is time to grow."""

    def rule(scale: float, tracker: int, bad: bool, growth: float, backoff: float, interval: int) -> tuple[float, int]:
        if not bad and grows(tracker, interval):
            return next_scale(scale, interval - 1, bad, growth, backoff, interval)
        if not bad:
            return scale, tracker + 1
        return next_scale(scale, tracker, bad, growth, backoff, interval)

    return rule


def _kept_on_growth(*given: Any) -> tuple[float, int]:
    made, tracker = next_scale(*given)
    return made, given[1] + 1 if not given[2] else tracker


def _kept_on_overflow(*given: Any) -> tuple[float, int]:
    made, tracker = next_scale(*given)
    return made, given[1] if given[2] else tracker


def _counted_on_overflow(*given: Any) -> tuple[float, int]:
    made, tracker = next_scale(*given)
    return made, given[1] + 1 if given[2] else tracker


def _floored(*given: Any) -> tuple[float, int]:
    made, tracker = next_scale(*given)
    return max(made, 1.0) if given[2] else made, tracker


def _in_float64(
    scale: float, tracker: int, bad: bool, growth: float, backoff: float, interval: int
) -> tuple[float, int]:
    if bad:
        return scale * backoff, 0
    return (scale * growth, 0) if tracker + 1 == interval else (scale, tracker + 1)


def _to_infinity(*given: Any) -> tuple[float, int]:
    made, tracker = next_scale(*given)
    scale, at, bad, growth, _, interval = given
    with np.errstate(over="ignore"):
        return (float(np.float32(scale * growth)) if not bad and at + 1 == interval else made), tracker


def _stuck_at_the_top(*given: Any) -> tuple[float, int]:
    made, tracker = next_scale(*given)
    scale, at, bad, growth, _, interval = given
    stuck = not bad and at + 1 == interval and scale * growth >= 2.0**128
    return made, at + 1 if stuck else tracker


SCALE_IMPOSTORS: tuple[tuple[Callable[..., tuple[float, int]], str], ...] = (
    (
        _ruled(lambda tracker, interval: tracker == interval),
        "One step too late: `{call}` is {right}. The step that has just gone well counts too, so it is the tracker "
        "*plus one* that is compared with the interval.",
    ),
    (
        _ruled(lambda tracker, interval: tracker + 1 >= interval),
        "Nearly: `{call}` is {right}, and you return {said}. GradScaler grows when the count *equals* the interval. "
        "Beyond it, which happens when somebody lowers the interval during a run, it counts on and never grows until "
        "the next overflow. A trap, and worth to be known.",
    ),
    (
        _ruled(lambda tracker, interval: tracker > interval),
        "Two steps too late: `{call}` is {right}. Compare the tracker plus one with the interval, with `==`.",
    ),
    (
        _kept_on_growth,
        "After growth the count begins anew: `{call}` is {right}, and you return {said}. Without that the next growth "
        "would never come: the count is past the interval.",
    ),
    (
        _kept_on_overflow,
        "After an overflow the count begins anew: `{call}` is {right}, and you return {said}. It counts good steps *on "
        "end*.",
    ),
    (_counted_on_overflow, "A step that overflowed is no good step: `{call}` is {right}, and you return {said}."),
    (
        _floored,
        "There is no floor: `{call}` is {right}, and you return {said}. A floor at 1 would be wise, and it is not what "
        "GradScaler does: its scale goes down to 0, as you saw.",
    ),
    (
        _in_float64,
        "The rule is right, the numbers are not: `{call}` is {right}, and you return {said}. The scale is a float32. "
        "Round it with `np.float32(...)`: then it ends at 2¹²⁷ above, and at 0 below.",
    ),
    (
        _to_infinity,
        "Beyond float32's largest number: `{call}` is {right}, and you return {said}. A product that would be infinite "
        "is not taken; the scale stays.",
    ),
    (
        _stuck_at_the_top,
        "`{call}` is {right}, and you return {said}. Where the scale cannot grow, for it would be infinite, the count "
        "begins anew all the same.",
    ),
)

# where it shows: the change, what was said -> whether
SCALE_SYMPTOMS: tuple[tuple[Callable[[Change, tuple[float, float]], bool], str], ...] = (
    (
        lambda change, said: change.found_inf and said[0] > change.scale,
        "The scale grows although there was an overflow: `{call}` is {right}, and you return {said}. Is the condition "
        "the wrong way round?",
    ),
    (
        lambda change, said: not change.found_inf and said[0] < change.scale,
        "The scale shrinks although all was finite: `{call}` is {right}, and you return {said}. Is the condition the "
        "wrong way round?",
    ),
    (
        lambda change, said: change.found_inf and said[0] == change.scale and change.wanted[0] != change.scale,
        "After an overflow the scale backs off: `{call}` is {right}, and you return {said}.",
    ),
    (
        lambda change, said: change.tracker + 1 < change.interval and said[0] > change.scale,
        "Too early: `{call}` is {right}, and you return {said}. It takes as many consecutive good steps as the "
        "interval says.",
    ),
    (
        lambda change, said: change.tracker + 1 == change.interval and not change.found_inf and said[0] == change.scale,
        "It does not grow: `{call}` is {right}, and you return {said}.",
    ),
)


# ---- 08.c: the order of calls

INPUTS = np.random.default_rng(80).normal(size=(4, 8, 4)).astype(np.float32)
TARGETS = INPUTS.sum(2, keepdims=True) * 3 + 1
OUTLIER = 60_000.0
TRIALS = ("calm", "an overflow in the third micro-batch")


def trial() -> tuple[Any, ...]:
    """Arguments with which an iteration that is not complete yet still returns its dots: no micro-batch at all."""
    model = nn.Linear(4, 1)
    return model, optim.SGD(model.parameters(), lr=0.1), GradScaler(), []


def _micro_batches(trial: str) -> list[tuple[Any, Any]]:
    inputs = INPUTS.copy()
    if trial != "calm":
        inputs[2, 0, 0] = OUTLIER
    return list(zip(inputs, TARGETS, strict=True))


def carried_out(answer: Callable[..., Any]) -> list[Any]:
    """What comes of a function that makes one iteration: weights, scale and tracker after each, or the error."""
    found: list[Any] = []
    for trial in TRIALS:
        model = nn.Linear(4, 1)
        model.load_state_dict(
            {"weight": np.array([[0.1, -0.2, 0.3, 0.05]], np.float32), "bias": np.zeros(1, np.float32)}
        )
        optimizer = optim.SGD(model.parameters(), lr=0.1)
        scaler = GradScaler(init_scale=2.0**8, growth_interval=2)
        for number in range(ITERATIONS):
            batches = _micro_batches(trial if number == 0 else "calm")
            try:
                with np.errstate(all="ignore"):
                    answer(model, optimizer, scaler, batches)
                    state = scaler.state_dict()
            except Exception as error:
                found.append((f"{type(error).__name__}: {error}",))
                break
            weights = tuple(float(x) for p in model.parameters() for x in p.data.values.ravel())
            found.append((str(weights), state["scale"], state["_growth_tracker"]))
    return found


def _accumulated(
    inside: Callable[..., Any], after: Callable[..., Any], *, share: bool = True, zero: bool = True
) -> Callable[..., Any]:
    """An iteration with something inside the loop over micro-batches, and something after it."""

    def made(model: Any, optimizer: Any, scaler: Any, micro_batches: Any) -> Any:
        if zero:
            optimizer.zero_grad()
        for x, y in micro_batches:
            with autocast():
                loss = nn.functional.mse_loss(model(x), y) / (len(micro_batches) if share else 1)
            scaler.scale(loss).backward()
            inside(model, optimizer, scaler)
        after(model, optimizer, scaler)
        return scaler.get_scale()

    return made


def _calls(*names: str) -> Callable[[Any, Any, Any], Any]:
    def do(model: Any, optimizer: Any, scaler: Any) -> None:
        calls: dict[str, Callable[[], Any]] = {
            "unscale_": lambda: scaler.unscale_(optimizer),
            "clip": lambda: clip_grad_norm_(model.parameters(), 1.0),
            "step": lambda: scaler.step(optimizer),
            "update": scaler.update,
            "optimizer.step": optimizer.step,
        }
        for name in names:
            calls[name]()

    return do


NOTHING = _calls()
iteration = _accumulated(NOTHING, _calls("unscale_", "clip", "step", "update"))  # 08.c

ORDER_IMPOSTORS: tuple[tuple[Callable[..., Any], str], ...] = (
    (
        _accumulated(NOTHING, _calls("clip", "unscale_", "step", "update")),
        "You clip before the gradients are unscaled: they are still 256 times too large, so nearly all of them is "
        "clipped away, and what is left is divided by 256 on top. `unscale_` comes first.",
    ),
    (
        _accumulated(NOTHING, _calls("unscale_", "step", "update")),
        "The step is taken with gradients of full length: `clip_grad_norm_` is missing, or comes too late. It stands "
        "between `unscale_` and `step`.",
    ),
    (
        _accumulated(_calls("unscale_", "clip", "step", "update"), NOTHING),
        "You take a step after every micro-batch, with gradients that grow from one to the next. One step, after the "
        "last of them.",
    ),
    (
        _accumulated(_calls("step", "update"), NOTHING),
        "You take a step after every micro-batch, and clip nothing. One step, after the last of them.",
    ),
    (
        _accumulated(NOTHING, _calls("unscale_", "clip", "optimizer.step", "update")),
        "`optimizer.step()` does not ask whether there was an overflow: in one of the trials there is, and the weights "
        "are NaN now. `scaler.step(optimizer)` does.",
    ),
    (
        _accumulated(NOTHING, _calls("unscale_", "clip", "step", "update"), zero=False),
        "The gradients of the iteration before are still there. They are set to zero once, before the first "
        "micro-batch.",
    ),
    (
        _accumulated(NOTHING, _calls("unscale_", "clip", "step", "update"), share=False),
        "The sum of four micro-batches' losses is not their mean: is each divided by their number?",
    ),
)

ORDER_TIPS = {  # what an error says -> what to say besides
    "unscale_() has already been called": "It stands inside the loop over micro-batches, or twice: gradients are "
    "unscaled once, after the last of them.",
    "unscale_() is being called after step()": "Either `step` stands before `unscale_`, and has "
    "unscaled already; or it stands after `update`, and so belongs to the next iteration, whose `unscale_` then fails.",
    "step() has already been called": "Is `update` missing? It ends an iteration, and this error came in the next one; "
    "or `step` is called twice.",
    "No inf checks were recorded prior to update": "Nothing was unscaled since the last `update`: it stands inside the "
    "loop over micro-batches, or twice. Once, at the end of the iteration.",
    "No inf checks were recorded for this optimizer": "There are no gradients: is `zero_grad` too late?",
}
