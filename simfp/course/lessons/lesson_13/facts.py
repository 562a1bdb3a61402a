"""What lesson 13 computes: what mixed precision buys in memory and time, and what it costs in quality."""

from __future__ import annotations

from functools import cache

from simfp.experiments.memory.model_sizes import GPT_SIZES, RECIPES
from simfp.experiments.memory.roofline import Roof
from simfp.experiments.memory.training_step import Bar, memory
from simfp.silicon import measurements

__all__ = ["bars", "largest", "less_memory", "roofs", "speeds", "speedup", "times_faster"]

BATCH = 16  # that the lesson looks at
SMALL = GPT_SIZES[0]


def bars(batch: int = BATCH, *, checkpointing: bool = False, explicit: bool = False) -> list[Bar]:
    """GPT-2 124M under every recipe: what was computed, and what was measured."""
    options = {"checkpointing": checkpointing, "explicit": explicit}
    return [
        Bar(recipe.label, memory(SMALL, recipe, batch, **options), measurements.peak(recipe.name, batch, **options))
        for recipe in RECIPES
    ]


def less_memory(recipe: str, batch: int = BATCH, **options: bool) -> float:
    """By how many per cent the measured peak lies below fp32's."""
    return 100 - 100 * measurements.peak(recipe, batch, **options) / measurements.peak("fp32", batch, **options)


def largest(recipe: str, card: float = 80 * 2**30) -> int:
    """The largest batch of GPT-2 124M, of sequences of 1,024 tokens, that fits into `card` bytes; computed."""
    batch = 0
    while memory(SMALL, recipe, batch + 1).peak <= card:
        batch += 1
    return batch


def speedup(recipe: str, batch: int, over: str = "fp32") -> float:
    """How many times as many tokens a second were measured as under another recipe."""
    return measurements.tokens_per_second(recipe, batch) / measurements.tokens_per_second(over, batch)


def speeds() -> dict[str, dict[int, float]]:
    """Measured tokens a second: recipe -> batch -> rate."""
    return {
        recipe.name: {batch: measurements.tokens_per_second(recipe.name, batch) for batch in measurements.BATCHES}
        for recipe in RECIPES
    }


def times_faster(operation: str, fmt: str, over: str = "float32") -> float:
    """How many times as fast a measured operation is in `fmt`: "matmul", of the largest size, or one by elements."""
    if operation == "matmul":
        size = measurements.product_sizes()[-1]
        return float(measurements.matmul(over, size)["seconds"] / measurements.matmul(fmt, size)["seconds"])
    told = [measurements.operation(operation, each)["seconds"] for each in (over, fmt)]
    return float(told[0] / told[1])


@cache
def roofs() -> dict[str, Roof]:
    """The measured limits: the fastest product of each format, and the bytes a second of an addition in float32."""
    added = measurements.operation("add", "float32")
    bandwidth = added["bytes"] / added["seconds"]
    size = measurements.product_sizes()
    return {
        fmt: Roof(max(row["flops"] / row["seconds"] for row in (measurements.matmul(fmt, n) for n in size)), bandwidth)
        for fmt in ("float32", "tfloat32", "float16", "bfloat16")
    }
