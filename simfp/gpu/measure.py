"""What mixed precision buys on a device: peak memory and tokens a second of GPT-2, products, a roofline."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import nn

from simfp.experiments.model_sizes import GPT, GPT_SIZES, MLP, MLPS, RECIPES, Recipe
from simfp.gpu.gpt import Model

__all__ = ["Training", "measure", "recipe_context", "saved_by_autograd"]

TYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
CONTEXT = 1024
BATCHES = (4, 8, 16)
MLP_BATCHES = (65536, 256)
WARM_UP, STEPS = 2, 5
SCALE = 2.0**10  # low enough that no step of the few is skipped
PRODUCTS = tuple(1 << power for power in range(8, 14))  # 256 .. 8192
VALUES = 1 << 28
ROWS = 4096  # of layer_norm and softmax: how long each is


def recipe_context(recipe: Recipe, device: str) -> AbstractContextManager[Any]:
    """Sets how float32 products run, and gives the autocast region for the forward pass."""
    torch.set_float32_matmul_precision("high" if recipe.tf32 else "highest")
    if recipe.autocast is None:
        return nullcontext()
    region: AbstractContextManager[Any] = torch.autocast(torch.device(device).type, TYPES[recipe.autocast])
    return region


class Training:
    """A model, its AdamW and its scaler, and one step of them, taken apart to look at the memory between."""

    def __init__(self, model: nn.Module, recipe: Recipe, device: str, inputs: tuple[torch.Tensor, ...]) -> None:
        self.recipe, self.device, self.inputs = recipe, device, inputs
        self.model = model.to(TYPES[recipe.weights])
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-4)
        self.scaler = torch.amp.GradScaler(torch.device(device).type, SCALE, enabled=recipe.scaler)

    def forward(self) -> torch.Tensor:
        """The loss, with autograd's graph behind it."""
        with recipe_context(self.recipe, self.device):
            loss: torch.Tensor = self.model(*self.inputs)
        return loss

    def step(self) -> None:
        """One whole step."""
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(self.forward()).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()

    def memory(self) -> dict[str, int]:
        """Bytes at rest, after the forward pass, and the peaks of a step's three parts, once all states are there."""
        now, peak = torch.cuda.memory_allocated, torch.cuda.max_memory_allocated
        self.step()
        self.optimizer.zero_grad(set_to_none=True)
        told = {"rest": now()}
        torch.cuda.reset_peak_memory_stats()
        loss = self.scaler.scale(self.forward())
        told |= {"after_forward": now(), "peak_forward": peak()}
        torch.cuda.reset_peak_memory_stats()
        loss.backward()
        del loss
        told |= {"after_backward": now(), "peak_backward": peak()}
        torch.cuda.reset_peak_memory_stats()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        told["peak_step"] = peak()
        self.optimizer.zero_grad(set_to_none=True)
        full = now()
        torch._C._cuda_clearCublasWorkspaces()
        told["workspace"] = full - now()
        return told | {"peak": max(told["peak_forward"], told["peak_backward"], told["peak_step"])}


class Perceptron(nn.Module):  # type: ignore[misc]
    """An MLP with its loss inside."""

    def __init__(self, size: MLP) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for fan_in, fan_out in zip(size.widths, size.widths[1:], strict=False):
            layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, x: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """The mean squared error."""
        return nn.functional.mse_loss(self.layers(x), target)


def saved_by_autograd(loss: torch.Tensor, parameters: set[int]) -> list[str]:
    """What the graph behind `loss` keeps for the backward pass: a line for each kind of operation, tensor and format.

    A line reads "node tensor dtype shape count bytes". A storage that several operations keep counts where it is met
    first, going back from the loss; `parameters` (their storages' addresses) count nowhere. Casts of weights do.
    """
    rows: dict[str, list[int]] = {}
    seen, visited, waiting = set(parameters), set(), [loss.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is None or node in visited:
            continue
        visited.add(node)
        for name in dir(node):
            kept = getattr(node, name) if name.startswith("_saved_") else ()
            for tensor in kept if isinstance(kept, (tuple, list)) else [kept]:
                if not isinstance(tensor, torch.Tensor) or tensor.untyped_storage().data_ptr() in seen:
                    continue
                seen.add(tensor.untyped_storage().data_ptr())
                what = (node.name(), name.removeprefix("_saved_"), str(tensor.dtype).removeprefix("torch."))
                row = rows.setdefault(" ".join([*what, "x".join(map(str, tensor.shape)) or "1"]), [0, 0])
                row[0] += 1
                row[1] += tensor.untyped_storage().nbytes()
        waiting += [each for each, _ in node.next_functions]
    return [f"{what} {count} {size}" for what, (count, size) in sorted(rows.items())]


def _model(size: GPT | MLP, recipe: Recipe, device: str, batch: int, context: int, **options: bool) -> Training:
    torch.manual_seed(0)
    with torch.device(device):
        if isinstance(size, GPT):
            model: nn.Module = Model(size, **options)
            inputs = tuple(torch.randint(size.vocabulary, (batch, context)) for _ in range(2))
        else:
            model = Perceptron(size)
            inputs = tuple(
                torch.randn(batch, width, dtype=TYPES[recipe.weights]) for width in size.widths[:: len(size.widths) - 1]
            )
    return Training(model, recipe, device, inputs)


def _run(size: GPT | MLP, recipe: Recipe, device: str, batch: int, context: int, **options: bool) -> dict[str, Any]:
    """One row: memory in bytes, the median seconds of a step, and, of the smallest batch, what autograd kept."""
    on_gpu = device.startswith("cuda")
    if on_gpu:
        _clear()
    empty = torch.cuda.memory_allocated() if on_gpu else 0
    training = _model(size, recipe, device, batch, context, **options)
    for _ in range(WARM_UP):
        training.step()
    seconds = statistics.median(_seconds(training.step, on_gpu) for _ in range(STEPS))
    row: dict[str, Any] = {"model": size.name, "recipe": recipe.name, "batch": batch, "context": context, **options}
    row |= {"seconds": seconds, "tokens_per_second": batch * context / seconds, "empty": empty}
    if on_gpu:
        row |= training.memory()
    if recipe.scaler:
        row["scale"] = training.scaler.get_scale()
    if not options.get("checkpointing") and (batch == BATCHES[0] or isinstance(size, MLP)):
        training.optimizer.zero_grad(set_to_none=True)
        addresses = {p.untyped_storage().data_ptr() for p in training.model.parameters()}
        row["saved"] = saved_by_autograd(training.forward(), addresses)
    print(
        f"{size.name}, {recipe.name}, batch {batch}, {options}: {row.get('peak', 0) / 2**30:.2f} GiB, "
        f"{row['tokens_per_second']:,.0f} a second",
        flush=True,
    )
    return row


def _clear() -> None:
    gc.collect()
    torch._C._cuda_clearCublasWorkspaces()
    torch.cuda.empty_cache()


def _seconds(action: Callable[[], Any], on_gpu: bool) -> float:
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
        return _seconds(action, on_gpu)
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
    return statistics.median(_seconds(graph.replay, on_gpu) for _ in range(7)) / calls


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


def training(device: str) -> Iterator[dict[str, Any]]:
    """GPT-2 124M under every recipe, with and without checkpointing; a larger one and perceptrons to check against."""
    small, medium = GPT_SIZES[:2]
    for recipe in RECIPES:
        for batch in BATCHES:
            for checkpointing in (False, True):
                yield _run(small, recipe, device, batch, CONTEXT, checkpointing=checkpointing)
        yield _run(small, recipe, device, BATCHES[0], CONTEXT, explicit=True)
        yield _run(medium, recipe, device, BATCHES[0], CONTEXT, checkpointing=False)
        for size, batch in zip(MLPS, MLP_BATCHES, strict=True):
            yield _run(size, recipe, device, batch, 1)


def measure(device: str) -> dict[str, Any]:
    """A recording of all that is measured. What fails is told in "failed", and the rest goes on."""
    found: dict[str, Any] = {
        "what": "memory (bytes), speed (seconds) of training GPT-2, matrix products and elementwise operations",
        "failed": [],
    }
    parts = (("training", training(device)), ("products", products(device)), ("elementwise", elementwise(device)))
    for part, rows in parts:
        found[part] = []
        try:
            found[part].extend(rows)
        except RuntimeError as error:
            found["failed"].append(f"{part}: {error}")
            print(found["failed"][-1], flush=True)
    if device.startswith("cuda"):
        found["memory"] = torch.cuda.get_device_properties(0).total_memory
    return found
