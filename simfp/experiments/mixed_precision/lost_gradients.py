"""Which gradients are lost to a format, and how far the loss may be scaled before others overflow."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from simfp.census import Census
from simfp.experiments.training.run import Training

__all__ = ["PUBLISHED", "census_by_scale", "usable"]

# What Micikevicius et al., "Mixed Precision Training" (2018, arXiv 1710.03740, section 3.2), and NVIDIA's guide to
# training with mixed precision say of a Multibox SSD detector in fp16, without scaling.
PUBLISHED = {
    "share of activation gradients that are zero": 0.67,
    "scale that was enough to match fp32": 8,
    "share of activation gradients that are not zero (the guide)": 0.053,
    "share lost at a scale of 32,768 (the guide)": 0.001,
}


def census_by_scale(
    task: str = "mlp",
    exponents: Iterable[int] = range(25),
    *,
    after: int = 100,
    seed: int = 0,
    **settings: Any,
) -> list[dict[str, Any]]:
    """What fp16 makes of a network's backward pass when its loss is multiplied by 2^k, for every k of `exponents`.

    All numbers of the pass are counted, those between the layers too, as they are rounded. What is left of the weights'
    gradients, layer by layer, held against those that fp16 would have without limits, is in
    `simfp.experiments.mixed_precision.loss_scale`.

    after: how many steps the network has been trained for, with a GradScaler, before it is looked at. All scales see
    the same weights and samples. settings: as `Training` takes them.

    A row for each: `exponent`, `scale`, and of the roundings to fp16 in the backward pass `zeroed`, `subnormal` and
    `overflowed`, shares of the numbers that were not zero, with `overflows`, how many; `finite`, whether the gradients
    of all parameters are, so that a GradScaler would take the step.
    """
    training = Training(task, "fp16 + scaler", seed=seed, steps=after + 1, measure_every=0, **settings)
    for _ in range(after):
        training.step()
    rows = []
    for exponent in exponents:
        with Census(training.model, histogram=False) as census:
            finite = training.backward(2.0**exponent)
        asked = {"phase": "backward", "fmt": "float16"}
        shares = {what: census.share(what, **asked) for what in ("zeroed", "subnormal", "overflowed")}
        overflows = census.total("overflowed", **asked)
        rows.append({"exponent": exponent, "scale": 2.0**exponent, **shares, "overflows": overflows, "finite": finite})
    return rows


def usable(rows: Iterable[dict[str, Any]], lost: float = 0.001) -> list[int]:
    """The exponents, of such rows, at which nothing overflows and less than a share `lost` becomes zero."""
    return [row["exponent"] for row in rows if row["finite"] and not row["overflows"] and row["zeroed"] < lost]
