"""Records what a GPU's torch makes of rarer activations and optimizers (foreach), as checksums.

    python -m tests.record_rarer_operations --out lessons/recordings

Needs torch and NumPy, nothing of simfp. Inputs and options are those of `tests/rarer_operations.py`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from tests.rarer_operations import FORMATS, GIVEN, OPTIMIZERS, checksum
from tests.record_scripts import provenance, write

ACTIVATIONS: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "elu": lambda x, w: F.elu(x, 0.7),
    "hardtanh": lambda x, w: F.hardtanh(x, -1.5, 2.5),
    "hardsigmoid": lambda x, w: F.hardsigmoid(x),
    "hardswish": lambda x, w: F.hardswish(x),
    "mish": lambda x, w: F.mish(x),
    "log_sigmoid": lambda x, w: F.logsigmoid(x),
    "xlogy": lambda x, w: torch.xlogy(x, x * x),
    "prelu": F.prelu,
    "glu": lambda x, w: F.glu(x),
}


def answers(device: str) -> dict[str, str]:
    """The checksum of each answer, by name."""
    found = {}

    def tensor(values: np.ndarray, fmt: str) -> torch.Tensor:
        return torch.from_numpy(values.copy()).to(device, getattr(torch, fmt))

    def told(x: torch.Tensor) -> str:
        return checksum(x.detach().float().cpu().numpy())

    for fmt in FORMATS:
        x, slope, weight = (tensor(each, fmt) for each in GIVEN)
        for name, run in ACTIVATIONS.items():
            leaf = x.clone().requires_grad_()
            y = run(leaf, weight)
            y.backward(slope[:, : y.shape[1]])
            found[f"{name} {fmt} result"], found[f"{name} {fmt} gradient"] = told(y), told(leaf.grad)
        for number, (name, options) in enumerate(OPTIMIZERS):
            p = x.clone().requires_grad_()
            optimizer = getattr(torch.optim, name)([p], foreach=True, **options)
            for step in range(5):
                p.grad = slope.roll(step, 1)
                optimizer.step()
            found[f"{name} {number} {fmt}"] = told(p)
    return found


def main(arguments: list[str] | None = None) -> int:
    """Asks the device and writes the recording; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.record_rarer_operations", description=__doc__)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--out", type=Path, default=Path("lessons/recordings"), help="folder to write to")
    options = parser.parse_args(arguments)
    if options.device == "cuda" and not torch.cuda.is_available():
        print("no CUDA device is available to torch; --device cpu tries this out", file=sys.stderr)
        return 1
    content = {
        "what": "rarer activations and optimizers, forward, backward and five steps: SHA-256 of float32 values",
        "answers": answers(options.device),
    }
    told = provenance(options.device) | {"script": "python -m tests.record_rarer_operations"}
    print(f"wrote {write(content, told, options.out, 'rarer_operations')}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
