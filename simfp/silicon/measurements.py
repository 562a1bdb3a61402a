"""What an H200 measured of memory, speed and quality, by name: the recordings that lesson 13 and the ledger read."""

from __future__ import annotations

from functools import cache
from typing import Any

from simfp.experiments.training.seed_statistics import Difference, difference
from simfp.silicon import recordings

__all__ = [
    "BATCHES", "differences", "matmul", "operation", "peak", "points", "product_sizes", "provenance", "quality",
    "runs", "saved", "tokens_per_second", "training",
]  # fmt: skip

MODEL = "GPT-2 124M"
BATCHES = (4, 8, 16)
GPU = "h200"


@cache
def _recording(name: str) -> dict[str, Any]:
    return recordings.load(f"{GPU}_{name}")


def provenance(name: str = "measure") -> str:
    """Where the figures come from, in a line; `name` is "measure" or "quality"."""
    return recordings.source(_recording(name))


def training(
    recipe: str, batch: int, *, model: str = MODEL, checkpointing: bool = False, explicit: bool = False
) -> dict[str, Any]:
    """The measured row of one way to train. Raises ValueError where it was not measured."""
    for row in _recording("measure")["training"]:
        options = (row.get("checkpointing", False), row.get("explicit", False))
        if (row["model"], row["recipe"], row["batch"], *options) == (model, recipe, batch, checkpointing, explicit):
            return dict(row)
    raise ValueError(
        f"not measured: {model}, {recipe}, batch {batch}, checkpointing={checkpointing}, explicit={explicit}; "
        f"{MODEL} was, with batches of {', '.join(map(str, BATCHES))}, and with `explicit` of {BATCHES[0]}"
    )


def peak(recipe: str, batch: int, **options: Any) -> int:
    """The measured peak of a training step, in bytes."""
    return int(training(recipe, batch, **options)["peak"])


def tokens_per_second(recipe: str, batch: int, **options: Any) -> float:
    """The measured speed of training."""
    return float(training(recipe, batch, **options)["tokens_per_second"])


def saved(recipe: str, *, explicit: bool = False) -> int:
    """Bytes that autograd was seen to keep for one backward pass of the smallest batch; inputs are not among them."""
    lines = training(recipe, BATCHES[0], explicit=explicit)["saved"]
    return sum(int(line.split()[-1]) for line in lines if " int64 " not in line)


def matmul(fmt: str, size: int) -> dict[str, Any]:
    """The measured product of two `size` x `size` matrices in a format."""
    for row in _recording("measure")["products"]:
        if (row["format"], row["size"]) == (fmt, size):
            return dict(row)
    raise ValueError(
        f"no product of size {size} in {fmt} was measured; sizes are {', '.join(map(str, product_sizes()))}"
    )


def product_sizes() -> tuple[int, ...]:
    """The measured sizes of products."""
    return tuple(sorted({row["size"] for row in _recording("measure")["products"]}))


def operation(name: str, fmt: str) -> dict[str, Any]:
    """A measured elementwise or row-wise operation over 2**28 values."""
    rows = _recording("measure")["elementwise"]
    for row in rows:
        if (row["operation"], row["format"]) == (name, fmt):
            return dict(row)
    names = ", ".join(dict.fromkeys(row["operation"] for row in rows))
    raise ValueError(f"no {name!r} in {fmt} was measured; expected one of {names}, in float32, float16 or bfloat16")


def points() -> list[dict[str, Any]]:
    """All measured operations: name, format, size, seconds, floating-point operations, bytes."""
    return [*_recording("measure")["products"], *_recording("measure")["elementwise"]]


def runs() -> list[dict[str, Any]]:
    """The small language models: a row for each recipe, all seeds in it."""
    return list(_recording("quality")["runs"])


def quality() -> dict[str, Any]:
    """The whole recording of the small language models: the model, the text, the training, the runs."""
    return dict(_recording("quality"))


def differences() -> tuple[Difference, ...]:
    """How far the validation loss of each recipe lies from fp32's; last, fp32 against itself, nudged."""
    reference = next(row for row in runs() if row["run"] == "fp32")["validation"]
    return tuple(difference(row["run"], row["validation"], reference) for row in runs() if row["run"] != "fp32")
