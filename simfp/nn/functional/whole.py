"""Operations of torch that are made of others here, and are one to autocast."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from simfp import observe, precision
from simfp.autograd import Tensor, as_tensor
from simfp.elementwise import FLOAT32, MEET_IN_FLOAT32

__all__ = ["as_one"]


def as_one(name: str, compute: Callable[..., Any], **inputs: Any) -> Any:
    """What `compute` makes of tensors, in the format that autocast asks for torch's operation `name`.

    inputs: tensors by name, or None; they come to `compute` in this order. Nothing inside is cast by autocast.
    """
    now, rule = precision.current(), precision.rule_of(name)
    fmt = now.dtype if rule == "lower_precision" else FLOAT32
    given = {key: None if x is None else as_tensor(x) for key, x in inputs.items()}
    casts = now.autocast and rule in ("lower_precision", "float32")
    tensors = {key: x for key, x in given.items() if x is not None}
    with observe.of_whole(name, tensors, autocast=now.autocast, fmt=fmt):
        ready = [_cast(x, fmt) if casts else x for x in given.values()]
        with precision.running(replace(now, autocast=False)):
            return compute(*ready)


def _cast(x: Tensor | None, fmt: Any) -> Tensor | None:
    return x if x is None or x.dtype not in MEET_IN_FLOAT32 else x.to(fmt)
