"""What mixed precision buys on a device: peak memory and tokens a second of GPT-2, products, a roofline."""

from __future__ import annotations

import gc
import statistics
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import nn

from simfp.experiments.memory.model_sizes import GPT, GPT_SIZES, MLP, MLPS, RECIPES, TorchRecipe
from simfp.gpu.gpt import Model
from simfp.gpu.operations import TYPES, elementwise, products, seconds_of

__all__ = ["Training", "measure", "recipe_context", "saved_by_autograd"]

CONTEXT = 1024
BATCHES = (4, 8, 16)
MLP_BATCHES = (65536, 256)
WARM_UP, STEPS = 2, 5
SCALE = 2.0**10  # low enough that no step of the few is skipped


def recipe_context(recipe: TorchRecipe, device: str) -> AbstractContextManager[Any]:
    """Sets how float32 products run, and gives the autocast region for the forward pass."""
    torch.set_float32_matmul_precision("high" if recipe.tf32 else "highest")
    if recipe.autocast is None:
        return nullcontext()
    region: AbstractContextManager[Any] = torch.autocast(torch.device(device).type, TYPES[recipe.autocast])
    return region


class Training:
    """A model, its AdamW and its scaler, and one step of them, taken apart to look at the memory between."""

    def __init__(self, model: nn.Module, recipe: TorchRecipe, device: str, inputs: tuple[torch.Tensor, ...]) -> None:
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


def _model(size: GPT | MLP, recipe: TorchRecipe, device: str, batch: int, context: int, **options: bool) -> Training:
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


def _run(
    size: GPT | MLP, recipe: TorchRecipe, device: str, batch: int, context: int, **options: bool
) -> dict[str, Any]:
    """One row: memory in bytes, the median seconds of a step, and, of the smallest batch, what autograd kept."""
    on_gpu = device.startswith("cuda")
    if on_gpu:
        _clear()
    empty = torch.cuda.memory_allocated() if on_gpu else 0
    training = _model(size, recipe, device, batch, context, **options)
    for _ in range(WARM_UP):
        training.step()
    seconds = statistics.median(seconds_of(training.step, on_gpu) for _ in range(STEPS))
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
