"""The claim about loss scaling: what a scale does for gradients, and what it cannot do."""

from __future__ import annotations

from simfp.course.claims.verdict import Finding
from simfp.course.lessons.lesson_08.facts import kept_in_words, last_scale
from simfp.experiments.mixed_precision import loss_scale
from simfp.figures.words import decimal, percent, power_of_two

__all__ = ["loss_scaling"]


def loss_scaling() -> Finding:
    """What a scale does for the gradients of a network, and where there is none that will do."""
    window = loss_scale.windows("deep")[2]
    plain, best = window.at(1.0), max(window.fits())
    scaled = window.at(2.0**best)
    size = int(plain.counts.sum())
    shares = {}
    for name, found in (("plain", plain), ("scaled", scaled)):
        counts = dict(zip(loss_scale.FATES, found.counts.sum(0).tolist(), strict=True))
        shares[name] = (percent(counts["lost"], size), percent(counts["same"], size))
    end, steps = last_scale()
    figures = (
        f"Of {size:,} gradients of nine layers after {window.step} steps, fp16 loses {shares['plain'][0]} without a "
        f"scale and keeps all bits of {shares['plain'][1]}; times {power_of_two(best)} and divided again, "
        f"{shares['scaled'][0]} and {shares['scaled'][1]}.",
        kept_in_words(),
        f"Where every forward pass overflows, the scale is {decimal(end)} after {steps} steps.",
    )
    if scaled.lost >= plain.lost:
        return Finding(figures, "does not hold", "no fewer gradients are lost")
    which = "for gradients, and as long as they span less than fp16 does; what overflows in the forward pass stays so"
    return Finding(figures, "holds under conditions", which)
