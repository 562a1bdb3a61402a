"""Records the gradients of a real training run, in float32, for the lessons to look at.

    python -m simfp.gpu.record_gradients

A perceptron learns scikit-learn's handwritten digits with Adam in float32, on the CPU. At one step, all
gradients of the backward pass are collected: of every weight and bias, and of every layer's output. Exact
zeros, which ReLU makes, are counted and left out; of the rest a random 100,000 are kept.
"""

from __future__ import annotations

import itertools
import json
import platform
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import sklearn
import torch
from sklearn.datasets import load_digits

from simfp import whole_files
from simfp.experiments.numbers import gradients

SEED = 0
WIDTHS = (64, 128, 128, 128, 10)
BATCH = 128
LEARNING_RATE = 1e-3
STEP = 350  # far enough that the loss is small, and with it the gradients


def record() -> tuple[np.ndarray, dict[str, object]]:
    """The gradients (float32, flat) and their provenance."""
    torch.manual_seed(SEED)
    torch.use_deterministic_algorithms(True)
    digits = load_digits()
    inputs = torch.tensor(digits.data / 16, dtype=torch.float32)
    labels = torch.tensor(digits.target)
    layers: list[torch.nn.Module] = []
    for fan_in, fan_out in itertools.pairwise(WIDTHS):
        layers += [torch.nn.Linear(fan_in, fan_out), torch.nn.ReLU()]
    layers.pop()
    optimizer = torch.optim.Adam([p for layer in layers for p in layer.parameters()], LEARNING_RATE)
    for _ in range(STEP):
        batch = torch.randint(0, len(inputs), (BATCH,))
        outputs = [inputs[batch]]
        for layer in layers:
            outputs.append(layer(outputs[-1]))
            outputs[-1].retain_grad()
        loss = torch.nn.functional.cross_entropy(outputs[-1], labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    found = [p.grad for layer in layers for p in layer.parameters()] + [output.grad for output in outputs[1:]]
    every = np.concatenate([grad.numpy().ravel() for grad in found])
    nonzero = every[every != 0]
    kept = np.random.default_rng(SEED).choice(nonzero, gradients.COUNT, replace=False)
    width = " - ".join(map(str, WIDTHS))
    return kept, {
        "description": f"gradients of a perceptron ({width}, ReLU) learning handwritten digits, at step {STEP}",
        "script": "python -m simfp.gpu.record_gradients",
        "data": f"scikit-learn {sklearn.__version__}, load_digits",
        "optimizer": f"Adam, learning rate {LEARNING_RATE}, batch {BATCH}, cross entropy",
        "loss": float(loss.detach()),
        "gradients_of_the_step": len(every),
        "of_these_exactly_zero": int((every == 0).sum()),
        "seed": SEED,
        "arithmetic": "float32",
        "device": f"CPU, {platform.machine()}",
        "torch": torch.__version__,
        "numpy": np.__version__,
        "date": datetime.now(UTC).date().isoformat(),
    }


def main() -> None:
    """Writes the recording and prints its provenance."""
    values, provenance = record()
    path = Path(gradients.__file__).parent / "data" / gradients.RECORDING
    whole_files.write_arrays(path, values=values, provenance=np.array(json.dumps(provenance)))
    print(json.dumps(provenance, indent=2))


if __name__ == "__main__":
    main()
