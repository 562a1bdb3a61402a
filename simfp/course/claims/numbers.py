"""The claims about numbers and products: what 16 bits hold, and what a tensor core adds."""

from __future__ import annotations

import numpy as np

from simfp import encode, float16, float32
from simfp.course.claims.verdict import Finding
from simfp.course.lessons.lesson_03.facts import tell_gpu, what_the_gpu_did
from simfp.course.lessons.lesson_06.facts import recorded_bits
from simfp.experiments.numbers import gradients
from simfp.figures.words import decimal, percent
from simfp.rounding import round_to

__all__ = ["storage", "tensor_cores", "underflow"]

GPU = {"keep": "keeps them", "flush": "flushes them"}


def storage() -> Finding:
    """What halves with fp16, and what grows."""
    values = np.ones(1_000_000, np.float32)
    codes = encode(values, "float16")
    halves = 2 * codes.nbytes == values.nbytes
    master = (float16.bits + float32.bits) / float32.bits
    figures = (
        f"{len(values):,} values take {values.nbytes:,} bytes in fp32 and {codes.nbytes:,} in fp16: "
        f"{codes.nbytes / values.nbytes:.0%}.",
        f"A weight that is kept in fp32 with a copy in fp16 takes {float32.bits // 8} + {float16.bits // 8} bytes: "
        f"{master:.0%} of fp32 alone.",
    )
    if not halves:
        return Finding(figures, "does not hold", "fp16 values do not take half the bytes")
    if master <= 1:
        return Finding(figures, "holds")
    which = "for what is kept in 16 bits alone, as activations can be; with a master copy beside them the weights grow"
    return Finding(figures, "holds under conditions", which)


def underflow() -> Finding:
    """What becomes of gradients below 6e-5, with subnormals and without."""
    claimed = 6e-5
    small = gradients.load("recorded").values
    small = small[np.abs(small) < claimed].astype(np.float64)
    zeroed = {mode: int(np.sum(round_to(small, "fp16", subnormals=mode) == 0)) for mode in ("keep", "flush")}
    kept, flushed = (percent(count, len(small)) for count in zeroed.values())
    normal, last_lost = decimal(float16.smallest_normal, 2), decimal(float16.smallest_subnormal / 2, 2)
    figures = (
        f"Precision fades below {normal}, the smallest normal fp16 number; what is at most {last_lost} becomes zero.",
        f"Of {len(small):,} recorded gradients below 6e-5, {kept} become zero; with subnormals flushed, {flushed}.",
        tell_gpu(),
    )
    if zeroed["keep"] == len(small):
        return Finding(figures, "holds")
    if zeroed["flush"] == len(small):
        return Finding(
            figures,
            "holds under conditions",
            f"only with subnormals flushed to zero; the GPU recorded here {GPU[what_the_gpu_did()]}",
        )
    return Finding(figures, "does not hold")


def tensor_cores() -> Finding:
    """Whose bits recorded fp16 products have: those of fused steps, or those of fp32 additions."""
    told = recorded_bits("float16")
    figures = (
        f"Of {told.elements:,} elements of fp16 products {told.fused:,} have the bits of fused steps (16 products and "
        f"the running sum, aligned, cut off 25 bits below the largest, truncated to fp32); {told.ordinary:,} have "
        f"those of fp32 additions, one after the other.",
        f"The products were {told.source}.",
    )
    if told.fused == told.elements > told.ordinary:
        which = (
            "on the H100 recorded here; no A100 was asked. What such a unit adds up is not what fp32 would; how fast "
            "it is comes later"
        )
        return Finding(figures, "holds under conditions", which)
    return Finding(figures, "does not hold", "some recorded bits are not those of a tensor core")
