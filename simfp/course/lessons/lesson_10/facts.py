"""What lesson 10 computes: which operation autocast runs in which format, and what its cache does."""

from __future__ import annotations

import numpy as np

from simfp import Tensor
from simfp.amp import autocast
from simfp.course.lessons.lesson_10.answers import inputs, layer
from simfp.experiments.mixed_precision.autocast_blocks import follow
from simfp.tracing import Trace

__all__ = ["edited", "in_fp32", "inputs", "layer", "squares", "used_twice"]


def in_fp32() -> float:
    """How many of the operations of a transformer block's forward pass have a result in float32."""
    return float(follow("transformer").formats()["float32"])


def squares(x: float = 300.0) -> tuple[float, float]:
    """h * h and h ** 2 of a number in fp16, under autocast."""
    h = Tensor([x], dtype="float16")
    with autocast(), np.errstate(all="ignore"):
        return (h * h).item(), (h**2).item()


def used_twice(cache_enabled: bool) -> tuple[float, Trace]:
    """The gradient of a weight that is used twice, whose uses send back 2048 and 1; and the trace of both passes."""
    w = Tensor([[1.0]], requires_grad=True)
    with Trace() as trace:
        with autocast(cache_enabled=cache_enabled):
            y = Tensor([[2048.0]]) @ w + Tensor([[1.0]]) @ w
        y.backward()
    assert w.grad is not None
    return w.grad.item(), trace


def edited() -> float:
    """What a product says of a weight that was changed from 1 to 2 within the region, after its first use."""
    w = Tensor([[1.0]], requires_grad=True)
    one = Tensor([[1.0]])
    with autocast():
        one @ w
        w.data = [[2.0]]
        return float((one @ w).item())
