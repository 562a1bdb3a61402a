"""The right answers to lesson 07's exercises, and the typical wrong ones, each with what is to be said of it."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np

from simfp import float16, round_to
from simfp.course.display import short
from simfp.course.judges.judgement import Judgement
from simfp.course.judges.mistakes import Impostor, Slip, Symptom
from simfp.experiments.mixed_precision.lost_gradients import census_by_scale, usable
from simfp.experiments.training.run import Training

__all__ = [
    "AFTER", "FACTOR_SLIPS", "GPT_STEPS", "KEPT", "SHARE_CASES", "SHARE_IMPOSTORS", "SHARE_SYMPTOMS", "factor_is_right",
    "gpt_shares", "judge_layer", "lost_share", "praise_factor", "spell_numbers", "window",
]  # fmt: skip

AFTER, KEPT = 100, 0.001
GPT_STEPS = 10

# 07.a: the layer of the GPT that loses most


@cache
def gpt_shares() -> dict[str, float]:
    """The share that became zero of what each layer of the GPT rounds in its backward pass, over the first steps."""
    training = Training("gpt", "fp16", steps=GPT_STEPS, census=True, measure_every=0)
    training.run()
    assert training.census is not None
    return {
        row["layer"]: row["share_zeroed"] for row in training.census.table(by="layer", phase="backward", fmt="fp16")
    }


def judge_layer(answer: Any) -> Judgement:
    """07.a: whether this names the layer that loses most, and if not, why it loses less."""
    shares = gpt_shares()
    most = max(shares, key=lambda name: shares[name])
    if not isinstance(answer, str):
        return Judgement(False, f"This wants a layer's name, as text; got {short(answer)}.")
    name = answer.strip().partition(":")[0]  # the dashboard writes "name: kind"
    if name == most:
        return Judgement(
            True,
            f"{name}: {shares[name]:.1%} of what it rounds became zero in the first {GPT_STEPS} steps. Softmax's "
            "gradient is a probability times a difference, and both are small: with attention spread over 32 "
            "characters, many products fall below 2⁻²⁵. The other block's attention lost "
            f"{shares['blocks.0.attention']:.1%}.",
        )
    if name in shares:
        return Judgement(False, f"{LAYERS.get(name, _place(name))} It lost {shares[name]:.2%}; one layer lost more.")
    return Judgement(False, f"No layer is called {short(answer)}. The dashboard's table names them, {most[:6]}... say.")


LAYERS = {
    "CrossEntropyLoss": "In the perceptron it was the loss. But this network has 512 answers in a batch, still hardly "
    "right: no class is as unlikely yet as the perceptron's were.",
    "GPT": "That is the head and the embeddings. Their gradients are sums over all places of the text, and sums are "
    "large.",
    "blocks.0.attention": "The right kind of layer, but the other block.",
    "blocks.1.attention.out_proj": "That is the linear layer behind the attention; look at the attention itself.",
    "blocks.0.attention.out_proj": "That is the linear layer behind the attention; look at the attention itself.",
}


def _place(name: str) -> str:
    if name.endswith("mlp.1"):
        return "GELU's gradient is nearly 0 for negative numbers, so it loses some: a good guess."
    if name.startswith("blocks.0"):
        return "Gradients do not have to become smaller on their way back: the first block loses no more than the last."
    return "Nothing in this layer multiplies two small numbers."


# 07.b: lost_share(gradients)

TINY = 2.0**-25
SHARE_CASES: tuple[tuple[Any, ...], ...] = tuple(
    (np.array(values, np.float32),)
    for values in (
        [1.0, 1e-9],
        [1e-3, 1e-5, 1e-7, 1e-9],
        [0.0, 0.0, 1e-9, 1.0],
        [-1e-9, -1.0, 1e-9, 1.0],
        [TINY, np.nextafter(np.float32(TINY), np.float32(1)), 2.0**-24, 1.0],
        [3e-8, 4e-8, 5e-8, 6e-8, 2e-5, 6.05e-5, 1e-4, 1.0],
        [1e-9, 1e-12],
        [0.5, -2.0, 1e5, 3.0],
        [*([0.0] * 6), 1e-9, 1e-4],
    )
)


def lost_share(gradients: Any) -> float:
    """07.b: of the numbers that are not zero, the share that fp16 makes zero."""
    there = gradients[gradients != 0]
    return float(np.mean(round_to(there, float16) == 0))


def _of_all(gradients: Any) -> float:
    return float(np.mean((gradients != 0) & (np.asarray(round_to(gradients, float16)) == 0)))


def _below(limit: float, *, magnitude: bool = True, inclusive: bool = False) -> Any:
    def share(gradients: Any) -> float:
        there = gradients[gradients != 0].astype(np.float64)
        sizes = np.abs(there) if magnitude else there
        return float(np.mean(sizes <= limit if inclusive else sizes < limit))

    return share


SHARE_IMPOSTORS = (
    Impostor(
        lambda gradients: float(np.mean(np.asarray(round_to(gradients, float16)) == 0)),
        "`{call}` returns {said}; right is {right}. What was zero before is not lost: ReLU makes exact zeros, and they "
        "cost nothing. Take them out, above and below.",
    ),
    Impostor(
        _of_all,
        "`{call}` returns {said}; right is {right}. Lost ones are counted well, but divided by the number of all: the "
        "share is of those that were not zero.",
    ),
    Impostor(
        _below(6e-5),
        "`{call}` returns {said}; right is {right}. Below 6e-5 precision fades, but numbers stay: zero comes only at "
        "2⁻²⁵ = 3.0e-8. (Lesson 03.)",
    ),
    Impostor(
        _below(float16.smallest_normal),
        "`{call}` returns {said}; right is {right}. That is the smallest *normal* number. Below it stand the "
        "subnormal ones, down to 2⁻²⁴.",
    ),
    Impostor(
        _below(float16.smallest_subnormal),
        "`{call}` returns {said}; right is {right}. 2⁻²⁴ is the last number of fp16, but what is more than half of it "
        "is rounded up to it.",
    ),
    Impostor(
        _below(TINY),
        "`{call}` returns {said}; right is {right}. The tie is missing: exactly 2⁻²⁵ lies in the middle between 0 and "
        "2⁻²⁴, and the even one of the two is 0.",
    ),
    Impostor(
        _below(TINY, magnitude=False, inclusive=True),
        "`{call}` returns {said}; right is {right}. Gradients have signs: a negative one is not small because it is "
        "less than 2⁻²⁵.",
    ),
)
SHARE_SYMPTOMS = (
    Symptom(
        lambda arguments, said, right: said == 1 - right,
        "`{call}` returns {said}; right is {right}. That is the share that is *kept*.",
    ),
    Symptom(
        lambda arguments, said, right: right != 0 and math.isclose(said, 100 * right),
        "`{call}` returns {said}; right is {right}. A share, please, from 0 to 1, not per cent.",
    ),
    Symptom(
        lambda arguments, said, right: said > 1,
        "`{call}` returns {said}; right is {right}. A share is at most 1: divide by how many were not zero.",
    ),
)


def spell_numbers(gradients: Any) -> str:
    """An array as a message names it."""
    shown = ", ".join(f"{float(x):g}" for x in gradients)
    return f"np.array([{shown}])"


# 07.c: the factor that would save 99.9 %


@cache
def window() -> tuple[dict[str, Any], ...]:
    """What fp16 makes of the perceptron's gradients at every scale, as the lesson shows it."""
    return tuple(census_by_scale("mlp", range(-8, 31), after=AFTER))


def _row(factor: float) -> dict[str, Any] | None:
    """The row of the window with this factor; None where it is no power of two in it."""
    return next((row for row in window() if row["scale"] == factor), None)


def factor_is_right(factor: float) -> bool:
    """Whether nothing overflows at this factor, and less than 0.1 % is lost."""
    row = _row(factor)
    return row is not None and row["exponent"] in usable(window(), KEPT)


def praise_factor(factor: float) -> str:
    """What to say of a right factor."""
    row, good = _row(factor), usable(window(), KEPT)
    assert row is not None
    return (
        f"At {factor:,.0f} = 2^{row['exponent']}, {row['zeroed']:.3%} is lost and nothing overflows. Every power from "
        f"2^{good[0]} to 2^{good[-1]} would do: that is a window, and the next lesson is about it."
    )


def _too_small(factor: float) -> str:
    row = _row(factor)
    assert row is not None
    return f"At {factor:g}, {row['zeroed']:.2%} still becomes zero, and 0.1 % is allowed. A larger one."


def _too_large(factor: float) -> str:
    row = _row(factor)
    assert row is not None
    return (
        f"At {factor:,.0f} less is lost below, but {row['overflows']} numbers of this step overflow above: infinite "
        "gradients, and a step that would ruin the weights. A smaller one."
    )


FACTOR_SLIPS = (
    Slip(lambda x: x <= 0, "A factor above 0 is wanted: it multiplies the loss."),
    Slip(
        lambda x: any(row["exponent"] == x for row in window()) and not factor_is_right(x) and 9 <= x <= 30,
        lambda x: f"Is {x:g} the exponent? The factor itself is wanted: 2 ** {x:g}.",
    ),
    Slip(lambda x: _row(x) is not None and _row(x)["finite"] and not _row(x)["overflows"], _too_small),  # type: ignore[index]
    Slip(lambda x: _row(x) is not None, _too_large),
    Slip(lambda x: math.log2(x) > 30, "At such a factor the very first number of the backward pass overflows."),
    Slip(lambda x: math.log2(x) < -8, "That makes gradients smaller still. Which way must they go?"),
)
