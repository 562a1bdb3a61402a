"""Rarer activations and optimizers as an H200 gave them, made again to the last bit.

The recording has checksums; `tests/record_rarer_operations.py` asked torch on the GPU what `made` does here.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import simfp as sf
from simfp import optim
from simfp.autograd import apply
from simfp.nn import functional as F
from simfp.ops import OPERATIONS
from simfp.silicon import recordings
from tests.rarer_operations import FORMATS, GIVEN, OPTIMIZERS, checksum

RECORDING = recordings.load("h200_rarer_operations")
FRONTIER = {"elu float32 result"}  # some values are an ulp or two off: which expm1 the kernel has is not known
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
    assert RECORDING["provenance"]["device"] == "NVIDIA H200"
    assert answers.keys() == RECORDING["answers"].keys()
    assert {name for name, sum_ in RECORDING["answers"].items() if answers[name] != sum_} == FRONTIER
