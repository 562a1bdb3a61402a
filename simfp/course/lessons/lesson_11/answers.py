"""The right answers to lesson 11's exercises, and the typical wrong ones, each with what is to be said of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from simfp import VOLTA, bfloat16, float16, round_to
from simfp.course.display import short
from simfp.course.judges.judgement import Judgement
from simfp.experiments.training.recipe_runs import SITUATIONS
from simfp.experiments.training.recipes import RECIPES
from simfp.experiments.training.run import Training
from simfp.figures.words import decimal, percent

__all__ = [
    "FAILURES", "JOBS", "NUMBERS", "WARDED", "judge_choice", "judge_failure", "judge_nearer", "mystery", "nearer",
]  # fmt: skip

# 11.a: a recipe for three situations

JOBS = {
    "A": "A Volta GPU (V100), a network of a size that you know from fp32, memory enough.",
    "B": "An H100, a transformer in training; now and then an attention score reaches 80,000.",
    "C": "A GPU with bf16, and memory for each weight once, in 16 bits: no float32 copy, and nothing else beside it.",
}


def _volta(name: str) -> str:
    recipe = RECIPES[name]
    if name == "fp16 + scaler":
        return ""
    if recipe.compute not in VOLTA.cores and recipe.compute != RECIPES["fp32"].compute:
        return f"Volta's tensor cores take {', '.join(fmt.name for fmt in VOLTA.cores)} and nothing else: no bfloat16."
    if name == "tf32":
        return "tf32 came with Ampere; a V100's tensor cores know float16 alone."
    if name == "fp32":
        return "It would run, and leave the tensor cores idle: on a V100 they take float16 alone."
    if recipe.weights == "float16":
        lost = "absorb small updates" if recipe.update == "nearest" else "have float16 gradients, which no scaler takes"
        return f"float16 weights {lost}; there is memory for float32 ones."
    return "Nothing holds the gradients above 2⁻²⁵ there: lesson 07, and the middle panel above."


def _scores(name: str) -> str:
    recipe = RECIPES[name]
    made = decimal(float(round_to(8e4, recipe.compute)))
    if name == "bf16":
        return ""
    if recipe.compute == float16:
        more = (
            " A scaler does not help: it scales gradients, and the score overflows on the way forward."
            if recipe.scaler
            else ""
        )
        return f"fp16 makes {made} of 80,000: its largest number is {decimal(float16.max)}.{more}"
    if recipe.weights == "bfloat16":
        return "The range is right. But why give up the float32 weights? Nothing said that memory is short."
    return f"It would do no harm, and leave bf16's tensor cores idle. bf16 makes {_bf16(8e4)} of 80,000."


def _bf16(x: float) -> str:
    return decimal(float(round_to(x, bfloat16)))


def _small(name: str) -> str:
    recipe = RECIPES[name]
    if name == "pure bf16 + stochastic":
        return ""
    if recipe.weights == "float32":
        return f"{name} keeps its weights in float32: four bytes each, where there is room for two."
    if recipe.update == "kahan":
        return "Kahan's compensation is a second 16-bit number for each weight, and there is no room for it. Close."
    if recipe.weights == "float16":
        return "fp16 weights, gradients and optimizer: too small a range, too, and no scaler can be used with it."
    return (
        "In bf16 an update of less than 2⁻⁹ of its weight is always absorbed: the right panel above. There is a way "
        "to round that keeps it on average."
    )


WARDED: dict[str, Callable[[str], str]] = {"A": _volta, "B": _scores, "C": _small}


def judge_choice(answer: Any) -> Judgement:
    """11.a: whether each job has its recipe, and of the first that has not, why."""
    if not isinstance(answer, dict) or set(answer) != set(JOBS):
        return Judgement(False, f'This wants a dict with a recipe for "A", "B" and "C"; got {short(answer)}.')
    for job, name in answer.items():
        if not isinstance(name, str) or name not in RECIPES:
            return Judgement(False, f"{job}: {short(name)} is no recipe; expected one of {', '.join(RECIPES)}.")
        reason = WARDED[job](name)
        if reason:
            return Judgement(False, f"{job}: {name}? {reason}")
    return Judgement(
        True,
        "A: fp16 has the tensor cores, and the scaler keeps its gradients. B: bf16 has the range, float32 weights the "
        "precision. C: with nothing but 16 bits, chance rounds the updates, so that none is always lost.",
    )


# 11.b: a run that went wrong

FAILURES = ("underflow", "overflow", "absorbed updates", "learning rate too large")


@cache
def mystery() -> Training:
    """A run that does not learn; its recipe is not told."""
    settings = dict(SITUATIONS["small steps"].settings)
    training = Training(settings.pop("task"), "pure bf16", seed=1, census=True, measure_every=0, **settings)
    training.run()
    return training


def judge_failure(answer: Any) -> Judgement:
    """11.b: whether this is what went wrong, and if not, what speaks against it."""
    if not isinstance(answer, str) or answer.strip().lower() not in FAILURES:
        return Judgement(False, f"This wants one of {', '.join(map(repr, FAILURES))}; got {short(answer)}.")
    said, census = answer.strip().lower(), mystery().census
    assert census is not None
    zeroed, overflowed = (census.total(what, phase="backward") for what in ("zeroed", "overflowed"))
    updates, absorbed = census.total("updates"), census.total("absorbed")
    if said == "underflow":
        return Judgement(False, f"Of all gradients {zeroed} became zero. They are there; what becomes of them later?")
    if said == "overflow":
        return Judgement(False, f"{overflowed} gradients overflowed, and no infinity ever arose.")
    if said == "learning rate too large":
        return Judgement(
            False, "Then the loss would jump or rise. It falls, too slowly, as if most steps were not taken."
        )
    return Judgement(
        True,
        f"{percent(absorbed, updates)} of the updates that were not zero left their weight as it was: it has 8 bits "
        "of precision, and lr × gradient is less than half of its last one. So it was pure bf16. In the usual "
        "situation, with steps 30 times as large, the same recipe learns.",
    )


# 11.c: range against precision

NUMBERS = (0.1, 300.7, 70_000.0, 3e-5, 1e-6, 1e-10, 1.001)


def nearer(x: float) -> str:
    """11.c: the format that has a number nearer to x."""
    errors = {name: abs(float(round_to(x, name)) - x) for name in ("fp16", "bf16")}
    return min(errors, key=lambda name: errors[name])


def judge_nearer(answer: Any) -> Judgement:
    """11.c: whether each number has the nearer format, and of the first that has not, what both make of it."""
    if not isinstance(answer, dict) or set(answer) != set(NUMBERS):
        return Judgement(
            False, f"This wants a dict from each of the {len(NUMBERS)} numbers to a format; got {short(answer)}."
        )
    for x, name in answer.items():
        if name not in ("fp16", "bf16"):
            return Judgement(False, f'For {decimal(x)}: "fp16" or "bf16"; got {short(name)}.')
        if name != nearer(x):
            made = {each: decimal(float(round_to(x, each))) for each in ("fp16", "bf16")}
            return Judgement(False, f"{decimal(x)}: fp16 makes {made['fp16']} of it, bf16 {made['bf16']}. {_why(x)}")
    return Judgement(
        True,
        "Right for all. Within its range fp16 has three bits more, down to where its subnormal numbers have lost "
        "three: at about 2⁻¹⁷. Beyond its range bf16 has all.",
    )


def _why(x: float) -> str:
    if x > float16.max:
        return f"{decimal(float16.max)} is the largest number of fp16."
    if x >= float16.smallest_normal:
        return "Among normal numbers fp16 has 11 bits of precision, bf16 8."
    if nearer(x) == "fp16":
        kept = int(x / float16.smallest_subnormal).bit_length()
        return f"It is subnormal in fp16, but only just: {kept} of 11 bits are left, and bf16 has {bfloat16.precision}."
    return "Among fp16's subnormal numbers a bit is lost with every halving, until none is left."
