"""Training runs on a device: the loop of `simfp.experiments.training_runs`, with torch's names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from simfp.experiments.training_runs import RUNS, Backend, row_of, train
from simfp.gpu.products import TYPES

__all__ = ["on_device", "training"]


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
    torch.backends.cuda.matmul.allow_tf32 = False
    for run in RUNS:
        with torch.device(device):
            outcome = train(run, on_device(device))
        print(f"{run.name}: loss {outcome.losses[0]:.4g} to {outcome.losses[-1]:.4g} in {run.steps} steps", flush=True)
        yield row_of(run, outcome)
