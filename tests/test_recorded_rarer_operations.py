"""Rarer activations and optimizers as an H200 gave them (torch 2.11, foreach optimizers), made again to the last bit.

`h200_rarer_operations.json` has of each answer the first 16 digits of the SHA-256 of its values in float32. torch was
given what `GIVEN` has, cast to each format, and did what `made` does here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import simfp as sf
from simfp import optim
from simfp.autograd import apply
from simfp.nn import functional as F
from simfp.ops import OPERATIONS

RECORDING = json.loads(Path(__file__).with_name("h200_rarer_operations.json").read_text(encoding="utf-8"))
FORMATS = ("float32", "float16", "bfloat16")
RNG = np.random.default_rng(20)
GIVEN = [
    RNG.uniform(low, high, shape).astype(np.float32)
    for low, high, shape in ((-10, 10, (128, 512)), (-3, 3, (128, 512)), (0.1, 0.5, 512))
]  # the input, the gradient, a weight

ACTIVATIONS: dict[str, Callable[[sf.Tensor, sf.Tensor], sf.Tensor]] = {
    "elu": lambda x, w: F.elu(x, 0.7),
    "hardtanh": lambda x, w: F.hardtanh(x, -1.5, 2.5),
    "hardsigmoid": lambda x, w: F.hardsigmoid(x),
    "hardswish": lambda x, w: F.hardswish(x),
    "mish": lambda x, w: F.mish(x),
    "log_sigmoid": lambda x, w: F.logsigmoid(x),
    "xlogy": lambda x, w: apply(OPERATIONS["xlogy"], x, x * x),
    "prelu": F.prelu,
    "glu": lambda x, w: F.glu(x),
}
OPTIMIZERS: list[tuple[str, dict[str, Any]]] = [
    ("RMSprop", {}),
    ("RMSprop", {"lr": 0.03, "alpha": 0.9, "weight_decay": 0.1, "maximize": True}),
    ("RMSprop", {"momentum": 0.9, "eps": 1e-3}),
    ("RMSprop", {"centered": True, "eps": 1e-2, "momentum": 0.7, "alpha": 0.4}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.3, "weight_decay": 0.1}),
    ("Adamax", {}),
    ("Adamax", {"lr": 0.1, "betas": (0.4, 0.9), "weight_decay": 0.01}),
]
NOT_CUDAS = {"elu float32 result"}  # expm1 is not CUDA's: some values are up to 2 ulp off


CUDAS_NAN = np.array(0x7FFFFFFF, np.uint32).view(np.float32)


def checksum(values: np.ndarray) -> str:
    """That of the values, every NaN being CUDA's."""
    return hashlib.sha256(np.where(np.isnan(values), CUDAS_NAN, values).tobytes()).hexdigest()[:16]


def made(fmt: str) -> dict[str, str]:
    """The checksums of simfp's answers in a format."""
    x, slope, weight = GIVEN
    answers = {}
    for name, run in ACTIVATIONS.items():
        leaf = sf.Tensor(x, requires_grad=True, dtype=fmt)
        y = run(leaf, sf.Tensor(weight, dtype=fmt))
        y.backward(sf.array(slope[:, : y.shape[1]], fmt))
        assert leaf.grad is not None
        answers[f"{name} {fmt} result"] = checksum(y.data.values)
        answers[f"{name} {fmt} gradient"] = checksum(leaf.grad.values)
    for number, (name, options) in enumerate(OPTIMIZERS):
        p = sf.Tensor(x, requires_grad=True, dtype=fmt)
        optimizer = getattr(optim, name)([p], **options)
        for step in range(5):
            p.grad = sf.array(np.roll(slope, step, 1), fmt)
            optimizer.step()
        answers[f"{name} {number} {fmt}"] = checksum(p.data.values)
    return answers


def test_an_h200s_answers_come_out_again() -> None:
    answers = {name: sum_ for fmt in FORMATS for name, sum_ in made(fmt).items()}
    assert RECORDING["device"] == "NVIDIA H200"
    assert answers.keys() == RECORDING["answers"].keys()
    differing = {name for name, sum_ in RECORDING["answers"].items() if answers[name] != sum_}
    assert differing - NOT_CUDAS == set()
