"""The casts of a trace, beside those that torch's dispatcher for CUDA makes.

Its cache takes a GPU, or its lists for a CPU (test_autocast_against_torch)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

import simfp as sf
from simfp import nn
from simfp.amp import autocast
from simfp.nn.functional import mse_loss

pytestmark = pytest.mark.torch

USES = 3


class Casts(TorchDispatchMode):
    """Counts the conversions between float32 and 16 bits."""

    def __init__(self) -> None:
        super().__init__()
        self.counted: Counter[tuple[str, str]] = Counter()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = function(*args, **(kwargs or {}))
        if function.overloadpacket is torch.ops.aten._to_copy:
            names = (str(each.dtype).removeprefix("torch.") for each in (args[0], made))
            self.counted[tuple(names)] += 1  # type: ignore[index]
        return made


@contextmanager
def cuda_autocast(dtype: torch.dtype) -> Iterator[None]:
    before = torch.is_autocast_enabled("cuda"), torch.get_autocast_dtype("cuda")
    torch.set_autocast_enabled("cuda", True)
    torch.set_autocast_dtype("cuda", dtype)
    try:
        yield
    finally:
        torch.set_autocast_enabled("cuda", before[0])
        torch.set_autocast_dtype("cuda", before[1])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_the_same_casts_are_made(dtype: str) -> None:
    with torch.no_grad(), FakeTensorMode(), Casts() as theirs:
        weight, bias, x, target = (torch.empty(*shape, device="cuda") for shape in ((4, 4), (4,), (2, 4), (2, 4)))
        with cuda_autocast(getattr(torch, dtype)):
            for _ in range(USES):
                x = torch.relu(torch.nn.functional.linear(x, weight, bias))
            torch.nn.functional.mse_loss(x, target)

    ours = nn.Linear(4, 4)
    with sf.Trace(ours) as trace, autocast(dtype=dtype, cache_enabled=False):
        y: Any = np.zeros((2, 4), np.float32)
        for _ in range(USES):
            y = nn.functional.relu(ours(y))
        mse_loss(y, np.zeros((2, 4), np.float32))
    made = Counter(
        (each.given, each.used) for step in trace.forward for each in step.operands if each.cast in ("made", "kept")
    )
    assert made == theirs.counted
