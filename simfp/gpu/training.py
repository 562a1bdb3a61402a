"""Training runs on a device: the loop of `simfp.silicon.reproducible_runs`, with torch's names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from simfp.gpu.products import TYPES, count_on
from simfp.probing import describe, summation_tree
from simfp.silicon.backends import CannotAsk
from simfp.silicon.reproducible_runs import RUNS, Backend, Run, products_of, row_of, train

__all__ = ["on_device", "orders", "training"]


def on_device(device: str) -> Backend:
    """torch's names, everything on a device. Raises nothing by itself; a device that is not there does, when used."""
    kind = torch.device(device).type
    return Backend(
        torch.nn,
        torch.optim,
        lambda **options: torch.autocast(kind, **options),
        lambda **options: torch.amp.GradScaler(kind, **options),
        TYPES.__getitem__,
        lambda values: torch.from_numpy(np.ascontiguousarray(values)).to(device),
        lambda p: p.detach().float().cpu().numpy(),
    )


def training(device: str) -> dict[str, Any]:
    """A recording of all runs, each told as it ends."""
    return {"what": "training runs: losses (float32), scales, and checksums of the weights", "runs": [*_rows(device)]}


def _rows(device: str) -> Iterator[dict[str, Any]]:
    for run in RUNS:
        torch.backends.cuda.matmul.allow_tf32 = run.dtype == "tfloat32"
        with torch.device(device):
            outcome = train(run, on_device(device))
            found = orders(run, device) if run.wide else {}
        print(f"{run.name}: loss {outcome.losses[0]:.4g} to {outcome.losses[-1]:.4g} in {run.steps} steps", flush=True)
        yield row_of(run, outcome) | ({"orders": found} if found else {})


def orders(run: Run, device: str) -> dict[str, str]:
    """In which order the device sums each product of a run without autocast, in words, by its shape and layout.

    Raises CannotAsk where it does not answer, or where its answers tell of no order.
    """
    found = {}
    for m, k, n, layout in products_of(run):
        product = f"{m}x{k}x{n} {layout}"
        try:
            count = count_on(device, "float32", (m, k, n), layout, product=MADE[layout])
            found[product] = describe(summation_tree(count, k))
        except (ValueError, RuntimeError) as error:
            raise CannotAsk(f"the order of its product {product} was not found: {error}") from error
    return found


# how torch makes the products of a linear layer: forward with a bias, which may have a kernel of its own
MADE = {
    "nt": lambda x, weight: torch.nn.functional.linear(x, weight.t(), x.new_zeros(weight.shape[1])),
    "nn": torch.mm,
    "tn": torch.mm,
}
