"""The claims about the optimizer's step: how small updates are, and where they are lost."""

from __future__ import annotations

import numpy as np

from simfp.course.claims.verdict import Finding
from simfp.course.lessons.lesson_09.facts import measured, sizes
from simfp.experiments.training.races import RATES, stored
from simfp.figures.words import decimal, percent

__all__ = ["master_copy", "tiny_updates"]


def tiny_updates() -> Finding:
    """How large the updates of two networks are, and what becomes of them beside their weights."""
    claimed = 1e-7
    runs = {"a GPT with AdamW": sizes("gpt"), "a perceptron with SGD": sizes("mlp")}
    shares = {name: float(np.mean(moved <= claimed)) for name, moved in runs.items()}
    figures = tuple(
        f"Of the updates of {name} {percent(int(np.sum(moved <= claimed)), moved.size)} are 1e-7 or smaller; half of "
        f"them are above {decimal(float(np.median(moved)), 2)}."
        for name, moved in runs.items()
    )
    least, most = min(shares.values()), max(shares.values())
    if least > 0.5:
        return Finding(figures, "holds")
    if most > 0.05:
        return Finding(
            figures, "holds under conditions", "in some networks; what decides is the size beside the weight"
        )
    lost = f"{measured('pure bf16').share:.0%}"
    beside = (
        f"With bf16 weights {lost} of a step's updates are lost all the same: what decides is the weight beside them."
    )
    return Finding((*figures, beside), "does not hold")


def master_copy() -> Finding:
    """What is lost in the update of weights of each format, and what other ways there are."""
    shares = {name: measured(name).share for name in ("fp32", "pure fp16", "pure bf16")}
    standing = stored(min(RATES))
    told = ", ".join(f"{name} {100 * share:.2f} %" for name, share in shares.items())
    ends = {name: np.sort(standing.last(name)) for name in standing.recipes}
    raced = ", ".join(f"{name} {decimal(last[0], 3)} to {decimal(last[-1], 3)}" for name, last in ends.items())
    figures = (
        f"Updates of one step that left their weight as it was: {told}.",
        f"Losses from {len(standing.seeds)} seeds after {standing.points * standing.every:,} steps at lr = "
        f"{decimal(standing.lr)}: {raced}.",
    )
    # every seed has to agree: that it stands still, and that the way out leads as far as fp32
    stalled = [fmt for fmt in ("fp16", "bf16") if standing.fallen(f"pure {fmt}").max() < 0.1]
    if shares["fp32"] > 0.01 or not stalled:
        return Finding(figures, "does not hold", "weights in 16 bits go on as those in fp32 do")
    others = [f"pure {fmt} + {way}" for fmt in stalled for way in ("kahan", "stochastic")]
    if any(standing.fallen(name).min() < 0.95 for name in others):
        return Finding(figures, "holds")
    which = (
        f"nearly nothing is lost, and a float32 copy is one way: Kahan's compensation and stochastic rounding of "
        f"{' or '.join(stalled)} weights are two others"
    )
    return Finding(figures, "holds under conditions", which)
