"""How long single operations take on a device: matrix products, and operations that memory bounds."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import nn

__all__ = ["TYPES", "elementwise", "products", "seconds_of"]

TYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
PRODUCTS = tuple(1 << power for power in range(8, 14))  # 256 .. 8192
VALUES = 1 << 28
ROWS = 4096  # of layer_norm and softmax: how long each is


def seconds_of(action: Callable[[], Any], on_gpu: bool) -> float:
    """How long one call takes on the device."""
    if not on_gpu:
        began = time.perf_counter()
        action()
        return time.perf_counter() - began
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    action()
    end.record()
    torch.cuda.synchronize()
    return float(start.elapsed_time(end)) / 1000


def _often(action: Callable[[], Any], on_gpu: bool, calls: int) -> float:
    """The median seconds of one call of many, replayed as a CUDA graph, so that launching them costs nothing."""
    if not on_gpu:
        return seconds_of(action, on_gpu)
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            action()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(calls):
            action()
    graph.replay()
    return statistics.median(seconds_of(graph.replay, on_gpu) for _ in range(7)) / calls


def products(device: str, sizes: tuple[int, ...] = PRODUCTS) -> Iterator[dict[str, Any]]:
    """Square products in four formats: seconds, floating-point operations, and bytes read and written at least once."""
    for name, tf32 in (("float32", False), ("tfloat32", True), ("float16", False), ("bfloat16", False)):
        torch.set_float32_matmul_precision("high" if tf32 else "highest")
        dtype = TYPES.get(name, torch.float32)
        for n in sizes:
            a, b, out = (torch.randn(n, n, device=device).to(dtype) for _ in range(3))
            calls = max(1, min(50, (4096 // n) ** 2))
            seconds = _often(partial(torch.mm, a, b, out=out), device.startswith("cuda"), calls)
            yield {
                "operation": "matmul",
                "format": name,
                "size": n,
                "seconds": seconds,
                "flops": 2 * n**3,
                "bytes": 3 * n * n * a.element_size(),
            }


def elementwise(device: str, values: int = VALUES, row: int = ROWS) -> Iterator[dict[str, Any]]:
    """Operations that memory bounds, over many values in three formats; a copy beside them."""
    normalize = nn.functional.layer_norm
    # fmt: off
    #    name        operations a value     tensors read and written     call
    table: tuple[tuple[str, int, int, Callable[[torch.Tensor, torch.Tensor, torch.Tensor], Any]], ...] = (
        ("copy",       0,                     2,  lambda x, y, out: out.copy_(x)),
        ("relu",       1,                     2,  lambda x, y, out: torch.relu(x)),
        ("add",        1,                     3,  lambda x, y, out: torch.add(x, y, out=out)),
        ("layer_norm", 8,                     2,  lambda x, y, out: normalize(x, x.shape[-1:])),
        ("softmax",    5,                     2,  lambda x, y, out: torch.softmax(x, -1)),
    )
    # fmt: on
    for fmt, dtype in TYPES.items():
        x, y = (torch.randn(values // row, row, device=device).to(dtype) for _ in range(2))
        out = torch.empty_like(x)
        for name, flops, moved, call in table:
            seconds = _often(partial(call, x, y, out), device.startswith("cuda"), 2)
            yield {
                "operation": name,
                "format": fmt,
                "size": values,
                "seconds": seconds,
                "flops": flops * values,
                "bytes": moved * values * x.element_size(),
            }
