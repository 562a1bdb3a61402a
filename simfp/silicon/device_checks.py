"""Checks: what a device is asked and what simfp makes of the same, as a table; each has several answers.

A check asks a backend, torch on a device or simfp, and knows neither. `checks()` lists them all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np

from simfp.formats import as_format
from simfp.rounding import encode
from simfp.silicon import product_cases, reproducible_runs, split_k_products
from simfp.silicon.backends import Answer, Answers, Backend, Codes
from simfp.silicon.operation_cases import CASES, FEW, MANY, SIXTEEN, Case, drawn, inputs, patterns, seeded
from simfp.tensor_core import predicted_order

__all__ = ["SUITES", "Check", "checks", "given"]

SUITES = ("casts", "elementwise", "sums", "matmul", "linear", "softmax", "norms", "losses", "optimizers", "scaler",
          "training")  # fmt: skip


@dataclass(frozen=True)
class Check:
    """One check.

    ask: a backend, and whether few elements will do -> its answers. everywhere: whether IEEE 754 leaves no choice, so
    that it holds on a CPU too. needs: formats that the generation's tensor cores have to take.
    """

    name: str
    suite: str
    ask: Callable[[Backend, bool], Answers]
    everywhere: bool = False
    frontier: str = ""
    needs: str = ""
    recorded: bool = True  # whether the recording of operations has it; others have their own, or wait for a GPU


def checks() -> tuple[Check, ...]:
    """All checks, suite by suite."""
    operations = [
        Check(
            f"{case.name} {fmt}", case.suite, partial(_operation, case, fmt), fmt in case.everywhere, case.frontier,
            needs=fmt if case.suite == "linear" and fmt in SIXTEEN else "", recorded=case.recorded,
        )
        for case in CASES
        for fmt in case.formats
    ]  # fmt: skip
    found = [*_casts(), *operations, *_matmuls(), *_optimizers(), *_scalers(), *_runs()]
    return tuple(check for suite in SUITES for check in found if check.suite == suite)


# --- operations


@lru_cache(maxsize=1)  # both sides are asked one after the other
def given(case: Case, fmt: str, quick: bool) -> list[Codes]:
    """The codes of the inputs of a case."""
    return inputs(case, fmt, FEW if quick else MANY)


@lru_cache(maxsize=1)
def _above(name: str, shape: tuple[int, ...], fmt: str) -> Codes:
    """A random gradient of a result."""
    return drawn(shape, "near one", as_format(fmt), seeded(name, 99))


def _operation(case: Case, fmt: str, backend: Backend, quick: bool) -> Answers:
    """The result of an operation, and the gradients of its inputs for a random one of the result."""
    leaves: list[Any] = []
    for spec, codes in zip(case.inputs, given(case, fmt, quick), strict=True):
        wanted = getattr(spec, "grad", None)
        leaves.append(backend.labels(codes) if wanted is None else backend.leaf(codes, fmt, grad=wanted))
    with backend.around():
        result = case.run(backend.F, *leaves)
        made = {"result": Answer(backend.codes(result), fmt)}
        result.backward(backend.leaf(_above(case.name, made["result"].codes.shape, fmt), fmt))
    for number, leaf in enumerate(leaves):
        if getattr(case.inputs[number], "grad", False):
            made[f"gradient {number}"] = Answer(backend.codes(leaf.grad), fmt)
    return made


# --- casts

FP8 = ("float8_e4m3fn", "float8_e5m2")
CASTS = (
    *(("float32", to) for to in ("float16", "bfloat16", *FP8)),
    *((fmt, "float32") for fmt in ("float16", "bfloat16", *FP8)),
    *((fmt, to) for fmt in ("float16", "bfloat16") for to in FP8),
    ("float16", "bfloat16"), ("bfloat16", "float16"),
)  # fmt: skip


def _casts() -> list[Check]:
    return [Check(f"cast {fmt} to {to}", "casts", partial(_cast, fmt, to), everywhere=True) for fmt, to in CASTS]


def _cast(fmt: str, to: str, backend: Backend, quick: bool) -> Answers:
    """Every code of a format cast to another; of float32 some of every sign and exponent."""
    wide = as_format(fmt)
    count = (FEW if quick else MANY).patterns
    codes = patterns(count, seeded(fmt + to)) if wide.bits == 32 else np.arange(1 << wide.bits).astype(wide.code_dtype)
    return {"result": Answer(backend.cast(codes, fmt, to), to)}


# --- products

LONGEST = {True: 1 << 21, False: 1 << 25}  # multiply-adds of one product, quick or not


def _matmuls() -> list[Check]:
    plain = [
        Check(
            f"matmul {fmt} {layout}", "matmul", partial(_half_products, fmt, layout), needs=fmt, recorded=False
        )
        for fmt in split_k_products.FORMATS
        for layout in split_k_products.LAYOUTS
    ]  # fmt: skip
    cases: dict[str, list[product_cases.Case]] = {}
    for case in product_cases.CASES:
        cases.setdefault(" by ".join(dict.fromkeys(case.formats)), []).append(case)
    return plain + [
        Check(f"sums of products {formats}", "matmul", partial(_products, rows), needs=rows[0].fmt, recorded=False)
        for formats, rows in cases.items()
    ]


def _half_products(fmt: str, layout: str, backend: Backend, quick: bool) -> Answers:
    """Products of a grid of shapes whose order is known, with results of 16 bits."""
    return {
        shape.name: Answer(backend.half_product(shape), fmt)
        for shape in split_k_products.SHAPES
        if (shape.fmt, shape.layout) == (fmt, layout)
        and shape.m * shape.k * shape.n <= LONGEST[quick]
        and predicted_order(*shape) is not None
    }


def _products(cases: list[product_cases.Case], backend: Backend, quick: bool) -> Answers:
    """Sums of products in float32, of inputs of many kinds."""
    return {case.name: Answer(backend.sums_of_products(case), "float32") for case in cases[:: 3 if quick else 1]}


# --- optimizers, the scaler, and whole runs

OPTIMIZERS: dict[str, tuple[str, dict[str, Any]]] = {
    "SGD": ("SGD", {"lr": 0.1}),
    "SGD, momentum": ("SGD", {"lr": 0.1, "momentum": 0.9}),
    "SGD, nesterov, decay": ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    "Adam": ("Adam", {"lr": 1e-3}),
    "Adam, decay": ("Adam", {"lr": 1e-3, "weight_decay": 0.01}),
    "AdamW": ("AdamW", {"lr": 1e-3, "weight_decay": 0.1}),
    "AdamW, betas": ("AdamW", {"lr": 3e-4, "betas": (0.9, 0.95), "eps": 1e-6}),
}


def _optimizers() -> list[Check]:
    return [
        Check(f"{name} float32", "optimizers", partial(_optimizer, name, kind, options))
        for name, (kind, options) in OPTIMIZERS.items()
    ]


def _optimizer(name: str, kind: str, options: dict[str, Any], backend: Backend, quick: bool) -> Answers:
    """Weights after each of some steps, with the gradients given."""
    rng, size, made = seeded(name), (1 << 12 if quick else 1 << 17,), {}
    weights = backend.leaf(drawn(size, "near one", as_format("float32"), rng), "float32", grad=True)
    optimizer = getattr(backend.training.optim, kind)([weights], **options, foreach=True)
    for step in range(6):
        optimizer.zero_grad()
        slope = backend.leaf(drawn(size, "near one", as_format("float32"), rng), "float32")
        (weights * slope).sum().backward()  # times 1: the slope itself
        optimizer.step()
        made[f"weights after step {step + 1}"] = Answer(backend.codes(weights), "float32")
    return made


SCALERS = {"fp16 range": {"init_scale": 2.0**16, "growth_interval": 2}, "float32 range": {"init_scale": 2.0**100}}
TOO_LARGE = (2, 3, 7)  # steps whose scaled gradients overflow


def _scalers() -> list[Check]:
    return [Check(f"GradScaler, {name}", "scaler", partial(_scaler, options)) for name, options in SCALERS.items()]


def _scaler(options: dict[str, Any], backend: Backend, quick: bool) -> Answers:
    """Weights and scales through steps of which some overflow, and are skipped."""
    fmt, rng = as_format("float32"), seeded("GradScaler")
    weights = backend.leaf(drawn((512,), "near one", fmt, rng), "float32", grad=True)
    optimizer = backend.training.optim.SGD([weights], lr=0.1, momentum=0.9)
    scaler = backend.training.scaler(**options)
    made, scales = {}, []
    for step in range(10):
        slope = drawn((512,), "near one", fmt, rng)
        if step in TOO_LARGE:
            slope[step] = encode(3e38, fmt)
        optimizer.zero_grad()
        scaler.scale((weights * backend.leaf(slope, "float32")).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        scales.append(scaler.get_scale())
        made[f"weights after step {step + 1}"] = Answer(backend.codes(weights), "float32")
    return made | {"scales": Answer(np.asarray(encode(np.array(scales), fmt)), "float32")}


STEPS = {True: {"gpt": 1, "": 8}, False: {"gpt": 10, "": 150}}  # of a run, quick or not


def _runs() -> list[Check]:
    return [
        Check(
            f"training, {run.name}", "training", partial(_run, run), recorded=False,
            frontier="float32 products" if run.wide else "", needs=run.dtype,
        )
        for run in reproducible_runs.RUNS
    ]  # fmt: skip


def _run(run: reproducible_runs.Run, backend: Backend, quick: bool) -> Answers:
    """Losses, scales, and all weights at the end of a training run's first steps."""
    kind = "gpt" if run.name.startswith("gpt") else ""
    shorter = run._replace(steps=min(run.steps, STEPS[quick][kind]))
    outcome = reproducible_runs.train(shorter, backend.training_of(run))
    told = {"losses": outcome.losses, "scales": outcome.scales.astype(np.float32)} | outcome.weights
    return {name: Answer(np.ascontiguousarray(values).view(np.uint32), "float32") for name, values in told.items()}
