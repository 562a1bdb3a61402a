"""Training runs that a GPU and simfp make alike: what they train on, and one loop, written once for both.

The loop takes the names that it calls from a `Backend`: simfp's, or torch's (see `simfp.gpu.training`). Weights, inputs
and targets come from integers that a seed gives, so that every machine starts from the same bits.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["RUNS", "Backend", "Outcome", "Run", "data_set", "first_weights", "train"]

SAMPLES = 1024
SCALER = {"init_scale": 2.0**20, "growth_interval": 40}  # so that some steps are skipped, and the scale also grows

Weights = dict[str, NDArray[np.float32]]


class Run(NamedTuple):
    """One training run of a perceptron with ReLU."""

    name: str
    widths: tuple[int, ...]  # of the layers, inputs first
    batch: int
    steps: int
    dtype: str | None  # of autocast; None: there is none
    loss: str  # "mse" or "cross_entropy"
    optimizer: str  # "SGD" or "AdamW"
    options: dict[str, Any]  # of the optimizer
    seed: int = 0


SGD = {"lr": 0.5, "momentum": 0.9}
SLOWER = {"lr": 0.1, "momentum": 0.9}
ADAMW = {"lr": 1e-3, "weight_decay": 0.01}
# fmt: off
RUNS: tuple[Run, ...] = (
    #    name                 widths                batch steps  autocast     loss             optimizer
    Run("sgd fp16",           (32, 128, 128, 16),   64,   400,   "float16",   "mse",           "SGD",   SGD, 1),
    Run("sgd bf16",           (32, 128, 128, 16),   64,   400,   "bfloat16",  "mse",           "SGD",   SGD, 2),
    Run("sgd fp16 wide",      (64, 256, 256, 16),   128,  400,   "float16",   "mse",           "SGD",   SGD, 3),
    Run("sgd bf16 wide",      (64, 256, 256, 16),   128,  400,   "bfloat16",  "mse",           "SGD",   SGD, 4),
    Run("adamw fp16",         (32, 128, 128, 16),   64,   400,   "float16",   "mse",           "AdamW", ADAMW, 5),
    Run("adamw bf16",         (32, 128, 128, 16),   64,   400,   "bfloat16",  "mse",           "AdamW", ADAMW, 6),
    Run("cross entropy fp16", (32, 128, 128, 16),   64,   200,   "float16",   "cross_entropy", "SGD",   SLOWER, 7),
    Run("cross entropy bf16", (32, 128, 128, 16),   64,   200,   "bfloat16",  "cross_entropy", "SGD",   SLOWER, 8),
    Run("narrow fp16",        (64, 256, 256, 8),    128,  400,   "float16",   "mse",           "SGD",   SGD, 9),
    Run("ten classes fp16",   (784, 256, 10),       64,   200,   "float16",   "mse",           "SGD",   SLOWER, 10),
    Run("fp32",               (32, 128, 128, 16),   64,   400,   None,        "mse",           "SGD",   SGD, 11),
)
# fmt: on


class Backend(NamedTuple):
    """The names that the loop calls."""

    nn: Any  # Sequential, Linear, ReLU, MSELoss, CrossEntropyLoss
    optim: Any  # SGD, AdamW
    autocast: Callable[..., Any]  # called with dtype= and enabled=
    scaler: Callable[..., Any]  # GradScaler, called with its options
    dtype: Callable[[str], Any]  # a format's name -> what autocast takes
    tensor: Callable[[NDArray[Any]], Any]  # float32 values or labels -> a tensor
    values: Callable[[Any], NDArray[np.float32]]  # a float32 tensor -> its values


class Outcome(NamedTuple):
    """What a run came to."""

    losses: NDArray[np.float32]  # of every step
    scales: NDArray[np.float64]  # after every step; 1 without a scaler
    checksums: NDArray[np.uint32]  # CRC-32 of all weights, after every step
    weights: Weights  # at the end


def data_set(run: Run) -> tuple[NDArray[np.float32], NDArray[Any]]:
    """Inputs, (SAMPLES, widths[0]) multiples of 2^-8 in [-1, 1); and targets, products of two of them, or labels."""
    rng = np.random.default_rng([run.seed, 0])
    x = (rng.integers(-256, 256, (SAMPLES, run.widths[0])) / 256).astype(np.float32)
    outputs = run.widths[-1]
    products = x[:, :outputs] * np.roll(x, 1, axis=1)[:, :outputs]  # exact
    return x, products if run.loss == "mse" else products.argmax(axis=1)


def first_weights(run: Run) -> Weights:
    """The weights and biases that a run starts from, uniform as torch's are, under their names in the model."""
    rng = np.random.default_rng([run.seed, 1])
    weights: Weights = {}
    for layer, (fan_in, fan_out) in enumerate(pairwise(run.widths)):
        for name, shape in (("weight", (fan_out, fan_in)), ("bias", (fan_out,))):
            drawn = rng.integers(-(2**23), 2**23, shape) / 2.0**23
            weights[f"{2 * layer}.{name}"] = (drawn / np.sqrt(np.float64(fan_in))).astype(np.float32)
    return weights


def checksum(run: Run) -> str:
    """SHA-256 of what a run starts from."""
    made = hashlib.sha256()
    for values in (*data_set(run), *first_weights(run).values()):
        made.update(np.ascontiguousarray(values).tobytes())
    return made.hexdigest()


def train(run: Run, backend: Backend, watch: Callable[[int, Any], None] | None = None) -> Outcome:
    """The run, made by a backend.

    watch: called after every backward pass with the number of the step and the model.
    """
    layers: list[Any] = []
    for fan_in, fan_out in pairwise(run.widths):
        layers += [backend.nn.Linear(fan_in, fan_out), backend.nn.ReLU()]
    model = backend.nn.Sequential(*layers[:-1])
    model.load_state_dict({name: backend.tensor(values) for name, values in first_weights(run).items()})
    criterion = backend.nn.MSELoss() if run.loss == "mse" else backend.nn.CrossEntropyLoss()
    optimizer = getattr(backend.optim, run.optimizer)(model.parameters(), **run.options)
    scaler = backend.scaler(**SCALER, enabled=run.dtype == "float16")
    autocast = {"dtype": backend.dtype(run.dtype or "float16"), "enabled": run.dtype is not None}
    x, y = data_set(run)
    inputs, targets = backend.tensor(x), backend.tensor(y)
    order = np.random.default_rng([run.seed, 2])
    losses, scales, checksums = [], [], []
    for step in range(run.steps):
        chosen = order.integers(0, SAMPLES, run.batch)
        optimizer.zero_grad()
        with backend.autocast(**autocast):
            loss = criterion(model(inputs[chosen]), targets[chosen])
        scaler.scale(loss).backward()
        if watch:
            watch(step, model)
        scaler.step(optimizer)
        scaler.update()
        losses.append(float(loss.item()))
        scales.append(scaler.get_scale())
        now = {name: backend.values(p) for name, p in model.named_parameters()}
        checksums.append(zlib.crc32(b"".join(values.tobytes() for values in now.values())))
    return Outcome(np.array(losses, np.float32), np.array(scales), np.array(checksums, np.uint32), now)
