"""The claims about autocast: which operations run in fp16, forward and backward."""

from __future__ import annotations

from simfp.course.claims.verdict import Finding
from simfp.experiments.mixed_precision.autocast_blocks import follow

__all__ = ["backward_in_fp16", "forward_in_fp16"]


def forward_in_fp16() -> Finding:
    """How many operations of a transformer block's forward pass run in fp16, and what the others are."""
    trace = follow("transformer")
    low = [step for step in trace.forward if step.fmt == "float16"]
    wide = sorted({step.operation for step in trace.forward if step.fmt == "float32"})
    products = [step for step in trace.forward if step.rule == "lower_precision"]
    figures = (
        f"Of {len(trace.forward)} operations of a transformer block {len(low)} have a result in fp16, among them all "
        f"{len(products)} products; in fp32 are {', '.join(wide)}.",
    )
    if not wide:
        return Finding(figures, "holds")
    if all(step.fmt == "float16" for step in products):
        return Finding(
            figures, "holds under conditions", "for the products and what follows them; sums, norms and losses are fp32"
        )
    return Finding(figures, "does not hold")


def backward_in_fp16() -> Finding:
    """How many operations of the backward pass run in fp16, and what the weights' gradients are in."""
    trace = follow("transformer")
    steps = [step for step in trace.backward if not step.cast and step.of is not None]
    low = sum(step.fmt == "float16" for step in steps)
    alike = all(step.fmt == trace.forward[step.of or 0].fmt for step in steps)
    weights = {each.fmt for step in trace.backward for each in step.gradients if each.parameter}
    figures = (
        f"Of {len(steps)} operations on the way back {low} run in fp16"
        f"{', each in the format of its forward pass' if alike else ''}; the gradients of weights end in "
        f"{' and '.join(sorted(weights))}.",
    )
    if low == len(steps):
        return Finding(figures, "holds")
    if alike:
        return Finding(figures, "holds under conditions", "for what ran in fp16 forward, and no other")
    return Finding(figures, "does not hold")
