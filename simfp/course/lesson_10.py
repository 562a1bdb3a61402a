"""Lesson 10's bets and exercises: which operation autocast runs in which format, and what its cache does."""

from __future__ import annotations

import numpy as np

from simfp import Tensor, as_format
from simfp.amp import autocast
from simfp.course import lesson_10_answers as answers
from simfp.course.bets import Bet
from simfp.course.exercises import Exercise
from simfp.course.judges.formats import FormatCallJudge, FormatTableJudge
from simfp.course.lesson_10_answers import inputs, layer, norm
from simfp.experiments.mixed_precision.autocast_blocks import follow
from simfp.tracing import Trace

__all__ = ["BETS", "EXERCISES", "edited", "in_fp32", "inputs", "layer", "norm", "squares", "used_twice"]


def in_fp32() -> float:
    """How many of the operations of a transformer block's forward pass have a result in float32."""
    return float(follow("transformer").formats()["float32"])


def squares(x: float = 300.0) -> tuple[float, float]:
    """h * h and h ** 2 of a number in fp16, under autocast."""
    h = Tensor([x], dtype="float16")
    with autocast(), np.errstate(all="ignore"):
        return (h * h).item(), (h**2).item()


def used_twice(cache_enabled: bool) -> tuple[float, Trace]:
    """The gradient of a weight that is used twice, whose uses send back 2048 and 1; and the trace of both passes."""
    w = Tensor([[1.0]], requires_grad=True)
    with Trace() as trace:
        with autocast(cache_enabled=cache_enabled):
            y = Tensor([[2048.0]]) @ w + Tensor([[1.0]]) @ w
        y.backward()
    assert w.grad is not None
    return w.grad.item(), trace


def edited() -> float:
    """What a product says of a weight that was changed from 1 to 2 within the region, after its first use."""
    w = Tensor([[1.0]], requires_grad=True)
    one = Tensor([[1.0]])
    with autocast():
        one @ w
        w.data = [[2.0]]
        return float((one @ w).item())


def _which(values: tuple[float, float]) -> str:
    product, power = (np.isinf(value) for value in values)
    return {(True, True): "both", (True, False): "h * h", (False, True): "h ** 2"}.get((product, power), "neither")


BETS = (
    Bet(
        "10.1",
        "A transformer block under autocast(dtype=fp16), from its first norm to its loss: 19 operations. How many of "
        "them have a result in fp32?",
        truth=in_fp32,
        story=lambda count: (
            f"{count:g}. The norms, softmax and the loss stand in the fp32 list; the two residual sums stand in none, "
            f"and one of their inputs is fp32. log_softmax would be fp32 too, but cross_entropy asks it for fp16."
        ),
        near=lambda bet, count: abs(bet - count) <= 1,
    ),
    Bet(
        "10.2",
        "h is 300, in fp16. Under autocast, which of h * h and h ** 2 becomes infinite?",
        truth=lambda: _which(squares()),
        story=lambda which: (
            f"{which}: {squares()[0]:g} and {squares()[1]:,.0f}. `pow` stands in the fp32 list; `mul` stands in none, "
            f"follows its inputs, and 90,000 is beyond fp16."
        ),
        options=("h * h", "h ** 2", "both", "neither"),
    ),
    Bet(
        "10.3",
        "A weight is used twice in a region of autocast; one use sends back a gradient of 2048, the other of 1. The "
        "weight is fp32. What is its .grad?",
        truth=lambda: used_twice(True)[0],
        story=lambda grad: (
            f"{grad:g}. The weight's cast was made once and kept; both uses hang on that one fp16 copy, and what comes "
            f"back meets there, in fp16: 2048 + 1 = 2048. Without the cache it is "
            f"{used_twice(False)[0]:g}."
        ),
    ),
    Bet(
        "10.4",
        "Within one region: a weight of 1 is used in a product, then set to 2, then used again, each time with 1. What "
        "does the second product say?",
        truth=edited,
        story=lambda value: (
            f"{value:g}. The second product took the kept copy, which still says 1. Nobody looks whether it is stale: "
            f"neither simfp nor torch. Change weights outside of the region, as an optimizer's step does."
        ),
    ),
)

EXERCISES = (
    Exercise(
        "10.a",
        "x and w are fp32, h is fp16. Under autocast(dtype=fp16), in which format is each of the ten results?",
        FormatTableJudge(
            right=lambda: {text: as_format(fmt) for text, fmt in answers.expression_formats().items()},
            why=answers.why_of_expression,
            praise="All ten. The three questions, in this order: is it a product (fp16)? Is it in the fp32 list? Else: "
            "what do its inputs meet in?",
        ),
        (
            "Three kinds: products of matrices run in fp16, whatever comes in; exp, log, powers, norms, sums and "
            "losses in fp32; the rest follows its inputs, and fp16 with fp32 gives fp32.",
            "`sum` stands in a list and `mean` in none. `**` is pow, and `*` is mul.",
            "`from simfp.amp import autocast_rule`, then `autocast_rule('mul')` says which list. Or run it, and look.",
        ),
        untouched=dict.fromkeys(answers.EXPRESSIONS, ...),
    ),
    Exercise(
        "10.b",
        "Write `mended(x)`: the norm from above, without its overflow; the layer stays in fp16.",
        answers.MendedJudge(),
        (
            "`sf.Trace` finds the first infinity: `trace.first_infinite()`. Which operation is it, and which list does "
            "it stand in?",
            "`mul` follows its inputs. So its input has to be in fp32, before it is squared.",
            "`h = layer(x).float()`. Or `h ** 2` in place of `h * h`: pow is in the fp32 list.",
        ),
        trial=(inputs,),
    ),
    Exercise(
        "10.c",
        "Write `autocast_dtype(name, *formats)`: the format that an operation runs in under autocast(dtype=fp16), with "
        'inputs in these formats ("fp16", "bf16" or "fp32").',
        FormatCallJudge(
            name="autocast_dtype",
            cases=answers.DTYPE_CASES,
            right=answers.autocast_dtype,
            impostors=answers.DTYPE_IMPOSTORS,
            why=answers.rule_in_words,
            praise="Right in all {cases} cases. That is all of autocast, but for the cache: a table and a promotion.",
        ),
        (
            'Three branches: "lower_precision" gives fp16, the lists whose names begin with "float32" give fp32, and '
            "the rest looks at the formats.",
            "For the rest: if all formats are the same, it is that one. If they differ, it is fp32, for fp16 with bf16 "
            "too.",
            '`rule.startswith("float32")` and `len(set(formats)) == 1`.',
        ),
        trial=("add", "fp16"),
    ),
)
