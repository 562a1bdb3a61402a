"""The course's loop, run by simfp and by torch on a CPU: the same calls in the same order, and the same scales."""

from __future__ import annotations

from collections.abc import Collection
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from simfp import nn, optim
from simfp.amp import GradScaler, autocast
from tests.nn.test_training_loops import CLASSES, FEATURES, LOOP, batches, classifier

pytestmark = pytest.mark.torch

BODY = LOOP.partition("\n")[2]  # without its import line


def told(events: list[str], kind: type, *methods: str) -> type:
    """A subclass whose methods say that they are called."""

    def telling(name: str) -> Any:
        def method(self: Any, *args: Any, **options: Any) -> Any:
            events.append(f"{kind.__name__}.{name}")
            return getattr(kind, name)(self, *args, **options)

        return method

    return type(kind.__name__, (kind,), {name: telling(name) for name in methods})


def run(
    library: str, init_scale: float, steps: int, skipped: Collection[int] = ()
) -> tuple[list[str], list[float], list[float], list[np.ndarray]]:
    """Calls, scales after each update, losses, and final weights of simfp, torch, or torch in float64 ("exact").

    skipped: the numbers of the batches that are left out.
    """
    events: list[str] = []
    scales: list[float] = []
    losses: list[float] = []
    ours = classifier()
    theirs = torch.nn.Sequential(
        torch.nn.Linear(FEATURES, 16), torch.nn.ReLU(), torch.nn.LayerNorm(16), torch.nn.Linear(16, CLASSES)
    )
    theirs.load_state_dict({key: torch.from_numpy(value) for key, value in ours.state_dict().items()})
    torchs, exact = library != "simfp", library == "exact"
    dtype = torch.float64 if exact else torch.float32
    model: Any = theirs.to(dtype) if torchs else ours
    region = told(events, torch.autocast if torchs else autocast, "__enter__", "__exit__")
    scaler = told(events, torch.amp.GradScaler if torchs else GradScaler, "scale", "unscale_", "step", "update")
    sgd = told(events, torch.optim.SGD if torchs else optim.SGD, "zero_grad", "step")
    loss_function: Any = (torch.nn if torchs else nn).CrossEntropyLoss()

    def criterion(output: Any, label: Any) -> Any:
        loss = loss_function(output, label)
        losses.append(loss.item())
        return loss

    def data() -> Any:
        for number, batch in enumerate(batches(steps)):
            if number in skipped:
                continue
            given = {key: torch.from_numpy(value) for key, value in batch.items()} if torchs else batch
            yield {key: x.to(dtype) if x.dtype == torch.float32 else x for key, x in given.items()} if exact else given
            scales.append(names["scaler"].get_scale())

    names: dict[str, Any] = {
        "autocast": lambda: region("cpu", dtype=torch.float16, enabled=not exact) if torchs else region(),
        "GradScaler": lambda: scaler("cpu", init_scale=init_scale, enabled=not exact),
        "dataloader": data(),
        "model": model,
        "optimizer": sgd(model.parameters(), lr=0.1),
        "criterion": criterion,
    }
    exec(BODY, names)
    weights = [p.detach().numpy() if torchs else p.data.values for p in model.parameters()]
    return events, scales, losses, weights


# How far losses and final weights may be from those of float64, of both sides: on all rows of docs/test_matrix.md they
# are within a half of it. What is between is 16-bit activations, and sums in an order of their own.
LOSSES_WITHIN, WEIGHTS_WITHIN = 0.0005, 0.0003


@pytest.mark.parametrize("init_scale", [2.0**16, 2.0**40])
def test_the_loop_makes_torchs_calls_skips_its_steps_and_comes_where_it_comes(init_scale: float) -> None:
    ours, theirs = (run(library, init_scale, steps=30) for library in ("simfp", "torch"))
    assert ours[0] == theirs[0]
    assert ours[1] == theirs[1]
    skipped = [number for number, (old, new) in enumerate(pairwise([init_scale, *ours[1]])) if new < old]
    assert ours[0].count("SGD.step") == 30 - len(skipped)
    assert ours[1][-1] == init_scale / 2.0 ** len(skipped)
    exact = run("exact", init_scale, 30, skipped)
    for _, _, losses, weights in (ours, theirs):
        kept = np.delete(losses, skipped)
        assert np.abs(kept - exact[2]).max() < LOSSES_WITHIN
        assert max(np.abs(x - y).max() for x, y in zip(weights, exact[3], strict=True)) < WEIGHTS_WITHIN
