"""The claims about whole training runs: what was lost without a sound, and how good the networks became."""

from __future__ import annotations

import numpy as np

from simfp.course.claims.verdict import Finding
from simfp.course.lessons.lesson_07.facts import by_recipe, silently
from simfp.course.lessons.lesson_08.facts import SEEDS, SWEEP_STEPS, compared
from simfp.course.lessons.lesson_11.facts import UNDER_AUTOCAST, against_fp32, recorded
from simfp.experiments.training.recipe_runs import SITUATIONS

__all__ = ["accuracy", "no_scaling", "quality", "silent_zeros"]


def silent_zeros() -> Finding:
    """What fp16 without loss scaling zeroed in recorded runs of several seeds, and what that did to them."""
    found = silently()
    usual, small = found["usual"], found["small gradients"]
    odd = sum(run["diverged_at"] is not None for run in by_recipe("usual", "fp16"))
    harmless, ruined = (0.0 - round(float(np.mean(found[name])), 1) for name in ("points", "points small"))
    figures = (
        f"In {len(usual)} runs of a perceptron in fp16 without loss scaling, {min(usual):.1%} to {max(usual):.1%} of "
        f"the backward pass's numbers that were not zero became zero; {odd} losses were infinite or NaN.",
        f"Right answers, against fp32 from the same seeds: {harmless:+.1f} percentage points.",
        f"With the loss times 2^-16, {min(small):.1%} to {max(small):.1%} became zero, as silently: "
        f"{ruined:+.0f} percentage points. Whether it does harm depends on how small the gradients are.",
    )
    if min(usual) > 0 and min(small) > 0 and not odd:
        return Finding(figures, "holds")
    return Finding(figures, "does not hold", "some run zeroed nothing, or its loss told of it")


def no_scaling() -> Finding:
    """What bf16 zeroed in recorded runs without loss scaling, and how they did."""
    rows = [row for row in recorded() if row["recipe"] == "bf16"]
    zeroed, counted = (sum(row[name] for row in rows) for name in ("zeroed", "counted"))
    small = {row.recipe: row for row in against_fp32("small gradients")}
    figures = (
        f"In {len(rows)} runs of a perceptron in bf16 under autocast, without scaling, {zeroed:,} of {counted:,} "
        f"numbers of the backward pass became zero.",
        f"With every gradient 65,536 times smaller, bf16 stands at {small['bf16'].points:+.1f} percentage points "
        f"against fp32, fp16 without a scaler at {small['fp16'].points:+.0f}.",
    )
    if zeroed == 0 and abs(small["bf16"].points) <= small["bf16"].margin:
        return Finding(figures, "holds")
    return Finding(figures, "does not hold", "some gradients vanished in bf16, or it did worse than fp32")


def quality() -> Finding:
    """How far recorded runs under each recipe are from fp32, from the same seeds."""
    usual = {row.recipe: row for row in against_fp32("usual")}
    autocast = [usual[name] for name in UNDER_AUTOCAST]
    worst = max(autocast, key=lambda row: abs(row.points))
    everywhere = [(row.points, row.recipe, situation) for situation in SITUATIONS for row in against_fp32(situation)]
    fell, recipe, situation = min(everywhere)
    told = ", ".join(f"{row.recipe} {row.points:+.2f} ± {row.margin:.2f}" for row in autocast)
    figures = (
        f"A perceptron on digits, five seeds, percentage points of right answers against fp32, with 95 % confidence: "
        f"{told}; with bf16 weights too {usual['pure bf16'].points:+.2f} ± {usual['pure bf16'].margin:.2f}.",
        f"At worst, {recipe} in the situation called {situation!r}: {fell:+.0f} points.",
    )
    if abs(worst.points) > 0.3:
        return Finding(figures, "does not hold", f"{worst.recipe} is {abs(worst.points):.2f} points away")
    if fell >= -0.3:
        return Finding(figures, "holds")
    which = (
        "with weights in fp32, and gradients that the format can hold; then the seed matters more than the recipe. A "
        "small network, and margins of about the size of the claim: no finer than that"
    )
    return Finding(figures, "holds under conditions", which)


def accuracy() -> Finding:
    """Accuracy in fp16 with a GradScaler beside fp32, over a few seeds."""
    fp32, scaled, deviation = compared()
    figures = (
        f"A perceptron on digits, {SWEEP_STEPS} steps, {len(SEEDS)} seeds: {fp32:.2f} % right in fp32, {scaled:.2f} % "
        f"in fp16 with a GradScaler. From seed to seed fp32 itself varies by {deviation:.2f} points.",
    )
    if abs(scaled - fp32) > max(deviation, 0.5):
        return Finding(figures, "does not hold", "not for this network")
    return Finding(figures, "holds under conditions", "as far as one small network tells; more of them come later")
