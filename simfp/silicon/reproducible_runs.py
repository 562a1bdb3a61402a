"""Training runs that a GPU and simfp make alike: what they train on, and one loop, written once for both.

The loop takes the names that it calls from a `Backend`: simfp's (`simulated`), or torch's (`simfp.gpu.training`).
Weights, inputs and targets come from integers that a seed gives, so that every machine starts from the same bits.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simfp import nn, optim
from simfp.amp import GradScaler, autocast
from simfp.autograd import Tensor
from simfp.formats import as_format
from simfp.measured_orders import MeasuredOrders
from simfp.probing import read_tree

__all__ = [
    "RUNS", "Backend", "Outcome", "Run", "Shape", "along", "data_set", "first_weights", "products_of",
    "recorded", "row_of", "simulated", "train",
]  # fmt: skip

SAMPLES = 1024
SCALER = {"init_scale": 2.0**20, "growth_interval": 40}  # so that some steps are skipped, and the scale also grows

Weights = dict[str, NDArray[np.float32]]


class Run(NamedTuple):
    """One training run of a perceptron with ReLU, or of a small GPT."""

    name: str
    widths: tuple[int, ...]  # of the layers, inputs first; of a GPT: see `Shape`
    batch: int
    steps: int
    dtype: str  # of autocast; there is none for float32, nor for tfloat32, in which products then run
    loss: str  # "mse" or "cross_entropy"; "next token" of a GPT
    optimizer: str  # "SGD" or "AdamW"
    options: dict[str, Any]  # of the optimizer
    seed: int = 0

    @property
    def wide(self) -> bool:
        """Whether its products are of float32, in orders that depend on their shapes."""
        return self.dtype in ("float32", "tfloat32")


class Shape(NamedTuple):
    """What a GPT is like."""

    tokens: int
    width: int
    layers: int
    heads: int
    context: int


SGD = {"lr": 0.5, "momentum": 0.9}
SLOWER = {"lr": 0.1, "momentum": 0.9}
ADAMW = {"lr": 1e-3, "weight_decay": 0.01}
# fmt: off
RUNS: tuple[Run, ...] = (
    #    name                 widths                batch steps  autocast     loss             optimizer
    Run("sgd fp16",           (32, 128, 128, 16),   64,   1000,  "float16",   "mse",           "SGD",   SGD, 1),
    Run("sgd bf16",           (32, 128, 128, 16),   64,   1000,  "bfloat16",  "mse",           "SGD",   SGD, 2),
    Run("sgd fp16 wide",      (64, 256, 256, 16),   128,  400,   "float16",   "mse",           "SGD",   SGD, 3),
    Run("sgd bf16 wide",      (64, 256, 256, 16),   128,  400,   "bfloat16",  "mse",           "SGD",   SGD, 4),
    Run("adamw fp16",         (32, 128, 128, 16),   64,   1000,  "float16",   "mse",           "AdamW", ADAMW, 5),
    Run("adamw bf16",         (32, 128, 128, 16),   64,   1000,  "bfloat16",  "mse",           "AdamW", ADAMW, 6),
    Run("cross entropy fp16", (32, 128, 128, 16),   64,   200,   "float16",   "cross_entropy", "SGD",   SLOWER, 7),
    Run("cross entropy bf16", (32, 128, 128, 16),   64,   200,   "bfloat16",  "cross_entropy", "SGD",   SLOWER, 8),
    Run("narrow fp16",        (64, 256, 256, 8),    128,  400,   "float16",   "mse",           "SGD",   SGD, 9),
    Run("ten classes fp16",   (784, 256, 10),       64,   200,   "float16",   "mse",           "SGD",   SLOWER, 10),
    Run("gpt fp16",           (64, 128, 2, 4, 64),  8,    200,   "float16",   "next token",    "AdamW", ADAMW, 12),
    Run("gpt bf16",           (64, 128, 2, 4, 64),  8,    200,   "bfloat16",  "next token",    "AdamW", ADAMW, 13),
    Run("fp32",               (32, 128, 128, 16),   64,   1000,  "float32",   "mse",           "SGD",   SGD, 11),
    Run("tf32",               (32, 128, 128, 16),   64,   1000,  "tfloat32",  "mse",           "SGD",   SGD, 14),
    Run("adamw fp32",         (32, 128, 128, 16),   64,   1000,  "float32",   "mse",           "AdamW", ADAMW, 15),
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


def products_of(run: Run) -> list[tuple[int, int, int, str]]:
    """The products (M, K, N) of a perceptron, and how the factors of each are laid out.

    "nt": of a layer's forward; "nn": of the gradient of its input; "tn": of that of its weight.
    """
    found: dict[tuple[int, int, int, str], None] = {}  # each once
    for layer, (fan_in, fan_out) in enumerate(pairwise(run.widths)):
        found[run.batch, fan_in, fan_out, "nt"] = None
        found[fan_out, run.batch, fan_in, "tn"] = None
        if layer:
            found[run.batch, fan_out, fan_in, "nn"] = None
    return [*found]


def along(run: Run, orders: dict[str, str]) -> MeasuredOrders:
    """What carries products along orders that were found for a run, in words, by shape and layout: "64x32x128 nt"."""
    trees = {}
    for product, words in orders.items():
        shape, layout = product.split()
        m, k, n = map(int, shape.split("x"))
        trees[m, k, n, layout] = read_tree(words)
    return MeasuredOrders(trees, run.dtype)


def simulated(accumulator: Any) -> Backend:
    """simfp's own names; `accumulator` carries the sums of products."""
    return Backend(
        nn,
        optim,
        lambda **options: autocast(**options, accumulator=accumulator),
        GradScaler,
        as_format,
        lambda values: Tensor(values) if values.dtype.kind == "f" else values,
        lambda p: np.ascontiguousarray(p.data.values),
    )


class Outcome(NamedTuple):
    """What a run came to."""

    inputs: str  # checksum of what it started from
    losses: NDArray[np.float32]  # of every step
    scales: NDArray[np.float64]  # after every step; 1 without a scaler
    checksums: NDArray[np.uint32]  # CRC-32 of all weights, after every step
    weights: Weights  # at the end


def data_set(run: Run) -> tuple[NDArray[Any], NDArray[Any]]:
    """What goes in, and the targets.

    Of a perceptron (SAMPLES, widths[0]) multiples of 2^-8 in [-1, 1), and products of two of them, or labels. Of a GPT
    (SAMPLES, context) tokens and the ones after them: each follows from the one before and a throw of four.
    """
    rng = np.random.default_rng([run.seed, 0])
    if run.loss == "next token":
        shape = Shape(*run.widths)
        text = rng.integers(0, shape.tokens, (SAMPLES, shape.context + 1))
        for place in range(1, shape.context + 1):
            text[:, place] = (5 * text[:, place - 1] + 7 + text[:, place] % 4) % shape.tokens
        return text[:, :-1], text[:, 1:]
    x = (rng.integers(-256, 256, (SAMPLES, run.widths[0])) / 256).astype(np.float32)
    outputs = run.widths[-1]
    products = x[:, :outputs] * np.roll(x, 1, axis=1)[:, :outputs]  # exact
    return x, products if run.loss == "mse" else products.argmax(axis=1)


def first_weights(run: Run, shapes: dict[str, tuple[int, ...]]) -> Weights:
    """The parameters that a run starts from, under their names in the model.

    Matrices and biases are uniform in 1 / sqrt of the matrix's row; of a normalization weights are 1 and biases 0.
    """
    rng = np.random.default_rng([run.seed, 1])
    weights: Weights = {}
    row = 1
    for name, shape in shapes.items():
        if "norm" in name:
            weights[name] = np.full(shape, float(name.endswith("weight")), np.float32)
            continue
        row = shape[-1] if len(shape) > 1 else row
        drawn = rng.integers(-(2**23), 2**23, shape) / 2.0**23
        weights[name] = (drawn / np.sqrt(np.float64(row))).astype(np.float32)
    return weights


def perceptron(nn: Any, widths: tuple[int, ...]) -> Any:
    """Linear layers with ReLU between them."""
    layers: list[Any] = []
    for fan_in, fan_out in pairwise(widths):
        layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def gpt(nn: Any, shape: Shape, tensor: Callable[[NDArray[Any]], Any]) -> Any:
    """A transformer that predicts the next token: normalization first, attention written out, GELU."""
    hidden = tensor(np.triu(np.ones((shape.context, shape.context), bool), 1))
    places = tensor(np.arange(shape.context))
    size = shape.width // shape.heads

    class Block(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.norm_1, self.norm_2 = nn.LayerNorm(shape.width), nn.LayerNorm(shape.width)
            self.query_key_value = nn.Linear(shape.width, 3 * shape.width)
            self.out = nn.Linear(shape.width, shape.width)
            self.up, self.gelu, self.down = nn.Linear(shape.width, 512), nn.GELU(), nn.Linear(512, shape.width)

        def forward(self, x: Any) -> Any:
            x = x + self.out(self.attend(self.norm_1(x)))
            return x + self.down(self.gelu(self.up(self.norm_2(x))))

        def attend(self, x: Any) -> Any:
            batch, length, width = x.shape
            parts = self.query_key_value(x).reshape(batch, length, 3, shape.heads, size)
            query, key, value = (parts[:, :, part].transpose(1, 2) for part in range(3))
            scores = (query @ key.transpose(-2, -1)) * size**-0.5
            shares = scores.masked_fill(hidden, float("-inf")).softmax(-1)
            return (shares @ value).transpose(1, 2).reshape(batch, length, width)

    class Model(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.token, self.place = nn.Embedding(shape.tokens, shape.width), nn.Embedding(shape.context, shape.width)
            self.blocks = nn.Sequential(*(Block() for _ in range(shape.layers)))
            self.norm = nn.LayerNorm(shape.width)
            self.head = nn.Linear(shape.width, shape.tokens)

        def forward(self, tokens: Any) -> Any:
            logits = self.head(self.norm(self.blocks(self.token(tokens) + self.place(places))))
            return logits.reshape(-1, shape.tokens)

    return Model()


def checksum(run: Run, weights: Weights) -> str:
    """SHA-256 of what a run starts from."""
    made = hashlib.sha256()
    for values in (*data_set(run), *weights.values()):
        made.update(np.ascontiguousarray(values).tobytes())
    return made.hexdigest()


def train(run: Run, backend: Backend, watch: Callable[[int, Any], None] | None = None) -> Outcome:
    """The run, made by a backend.

    watch: called after every backward pass with the number of the step and the model.
    """
    if run.loss == "next token":
        model = gpt(backend.nn, Shape(*run.widths), backend.tensor)
    else:
        model = perceptron(backend.nn, run.widths)
    first = first_weights(run, {name: tuple(p.shape) for name, p in model.named_parameters()})
    model.load_state_dict({name: backend.tensor(values) for name, values in first.items()})
    criterion = backend.nn.MSELoss() if run.loss == "mse" else backend.nn.CrossEntropyLoss()
    optimizer = getattr(backend.optim, run.optimizer)(model.parameters(), **run.options)
    scaler = backend.scaler(**SCALER, enabled=run.dtype == "float16")
    autocast = {"dtype": backend.dtype("float16" if run.wide else run.dtype), "enabled": not run.wide}
    x, y = data_set(run)
    inputs, targets = backend.tensor(x), backend.tensor(y)
    order = np.random.default_rng([run.seed, 2])
    losses, scales, checksums = [], [], []
    for step in range(run.steps):
        chosen = order.integers(0, SAMPLES, run.batch)
        optimizer.zero_grad()
        with backend.autocast(**autocast):
            wanted = targets[chosen].reshape(-1) if run.loss == "next token" else targets[chosen]
            loss = criterion(model(inputs[chosen]), wanted)
        scaler.scale(loss).backward()
        if watch:
            watch(step, model)
        scaler.step(optimizer)
        scaler.update()
        losses.append(float(loss.item()))
        scales.append(scaler.get_scale())
        now = {name: backend.values(p) for name, p in model.named_parameters()}
        checksums.append(zlib.crc32(b"".join(values.tobytes() for values in now.values())))
    return Outcome(
        checksum(run, first), np.array(losses, np.float32), np.array(scales), np.array(checksums, np.uint32), now
    )


def row_of(run: Run, outcome: Outcome) -> dict[str, Any]:
    """What a recording keeps of a run: the loss of every step, the scale where it changed, checksums of all weights."""
    changes = np.flatnonzero(np.diff(outcome.scales, prepend=np.nan) != 0)
    return {
        "name": run.name,
        "inputs": outcome.inputs,
        "steps": run.steps,
        "losses": base64.b64encode(outcome.losses.tobytes()).decode(),
        "scales": [[int(step), float(outcome.scales[step])] for step in changes],
        "checksums": base64.b64encode(outcome.checksums.tobytes()).decode(),
        "weights": {name: hashlib.sha256(values.tobytes()).hexdigest() for name, values in outcome.weights.items()},
    }


def recorded(row: dict[str, Any], steps: int | None = None) -> tuple[Run, Outcome]:
    """A run of a recording and its first `steps` steps (all if not given), without the weights at the end.

    Raises ValueError for a run that there is no longer.
    """
    runs = {run.name: run for run in RUNS}
    if row["name"] not in runs:
        raise ValueError(f"unknown run {row['name']!r}; expected one of {', '.join(runs)}")
    steps = row["steps"] if steps is None else min(steps, row["steps"])
    losses = np.frombuffer(base64.b64decode(row["losses"]), np.float32)[:steps]
    checksums = np.frombuffer(base64.b64decode(row["checksums"]), np.uint32)[:steps]
    scales = np.empty(row["steps"])
    for step, scale in row["scales"]:
        scales[step:] = scale
    return runs[row["name"]]._replace(steps=steps), Outcome(row["inputs"], losses, scales[:steps], checksums, {})
