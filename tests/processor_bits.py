"""What simfp answers, as digests: the same on every processor, whatever kernels NumPy, Numba and the C library choose.

    python -m tests.processor_bits [GROUP ...]

prints a JSON object of names and SHA-256 digests; without groups, of all. Run it under NUMBA_CPU_NAME=generic,
NPY_DISABLE_CPU_FEATURES, OPENBLAS_CORETYPE and the like, with one thread and with many: nothing may change. What
NumPy's own product decides (``accumulator=None``) is not asked for.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import simfp as sf
from simfp import nn, observe, optim
from simfp.accumulation import Float64Sum
from simfp.amp import GradScaler, autocast
from simfp.arrays import Array
from simfp.autograd import Tensor, apply
from simfp.clipping import clip_grad_norm_
from simfp.elementwise import UFUNCS
from simfp.experiments.training.run import Training
from simfp.ops import OPERATIONS, device_math
from simfp.silicon import backends
from simfp.silicon.device_checks import checks
from tests.operation_cases import CASES, LARGE, Case, Floats, filled
from tests.samples import CUSTOM_FORMATS

__all__ = ["GROUPS", "digests"]

Answers = Iterator[tuple[str, Any]]
GROUPS: dict[str, Callable[[], Answers]] = {}

SIXTEEN = (sf.float16, sf.bfloat16)
WIDE = (sf.float32, sf.tfloat32, *(fmt for fmt in CUSTOM_FORMATS if fmt.precision > 12 or fmt.carrier == np.float64))


MANY, SOME = 1 << 17, 1 << 14


def _group(answers: Callable[[], Answers]) -> Callable[[], Answers]:
    GROUPS[answers.__name__] = answers
    return answers


def _random(fmt: sf.Format, count: int, seed: int) -> Array:
    """Codes of all kinds, and as many numbers between -8 and 8."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 1 << fmt.bits, count, dtype=np.uint64).astype(fmt.code_dtype)
    near = sf.round_to(rng.integers(-(1 << 23), 1 << 23, count) / 2.0**20, fmt)
    return sf.array(np.concatenate([sf.decode(codes, fmt), near]), fmt)


def _every(fmt: sf.Format) -> Array:
    return sf.array(sf.decode(np.arange(1 << fmt.bits, dtype=fmt.code_dtype), fmt), fmt)


@_group
def functions() -> Answers:
    """Every ufunc in every format, and what listeners hear of it."""
    for fmt in (*sf.formats.NAMED_FORMATS.values(), *WIDE[2:]):
        few = fmt.bits <= 16
        x = _every(fmt) if few else _random(fmt, MANY if fmt in WIDE[:2] else SOME, 1)
        y = sf.array(np.random.default_rng(2).permutation(x.values), fmt) if few else _random(fmt, x.size // 2, 3)
        for ufunc in UFUNCS:
            given = (x, y)[: ufunc.nin]
            yield f"{ufunc.__name__} {fmt}", ufunc(*given)
            with sf.Census() as census, warnings.catch_warnings():
                warnings.simplefilter("ignore")
                ufunc(*(each[:SOME] for each in given))
            told = [census.total(fate) for fate in observe.FATES]
            yield f"{ufunc.__name__} {fmt} told", (told, census.histogram().counts)


@_group
def few_functions() -> Answers:
    """The same of few numbers, and some orders: what `make test` has time for."""
    for fmt in (sf.float32, sf.float16):
        x, y = _random(fmt, SOME, 12), _random(fmt, SOME, 13)
        for ufunc in UFUNCS:
            yield f"{ufunc.__name__} {fmt}", ufunc(*(x, y)[: ufunc.nin])
        for function in (np.sort, np.argsort, np.max, np.min, np.sum, np.linalg.norm):
            yield f"{function.__name__} {fmt}", function(np.round(x[SOME:]))


# fmt: off
REDUCED: dict[str, Callable[..., Any]] = {
    **{f.__name__: f for f in (np.sum, np.prod, np.mean, np.var, np.std, np.median, np.ptp, np.max, np.min, np.cumsum,
                               np.cumprod, np.nansum, np.nanmax, np.nanmin, np.argmax, np.argmin, np.any, np.all,
                               np.count_nonzero)},
    "norm":   lambda x, axis: np.linalg.norm(x if axis is not None else x.reshape(-1), axis=axis),
    "norm 1": lambda x, axis: np.linalg.norm(x if axis is not None else x.reshape(-1), 1, axis),
    "norm 3": lambda x, axis: np.linalg.norm(x if axis is not None else x.reshape(-1), 3, axis),
}
ORDERED: dict[str, Callable[..., Any]] = {
    **{f.__name__: f for f in (np.sort, np.argsort)},
    "partition":    lambda x, axis: np.partition(x, 3, axis),
    "argpartition": lambda x, axis: np.argpartition(x, 3, axis),
}
WHOLE: dict[str, Callable[..., Any]] = {
    "unique":       lambda x: np.unique(x, return_index=True, return_inverse=True, return_counts=True),
    "only unique":  np.unique,
    "histogram":    lambda x: np.histogram(x[np.isfinite(x)], 17),
    "trace":        lambda x: np.trace(x.reshape(-1, 5)[:5]),
    "norm of all":  lambda x: np.linalg.norm(x),
    "diff":         lambda x: np.diff(x.reshape(-1)),
    "searchsorted": lambda x: np.searchsorted(np.sort(x.reshape(-1)), x.reshape(-1)),
    "round":        lambda x: np.round(x, 2),
}
# fmt: on


@_group
def reductions() -> Answers:
    """NumPy's functions of whole Arrays: over axes, in several shapes and layouts, of numbers of all kinds."""
    rng = np.random.default_rng(4)
    for fmt in (*SIXTEEN, sf.float32, sf.tfloat32):
        for kind, shape in itertools.product(
            ("numbers", "kinds", "zeros"), ((1000,), (37, 130), (5, 8, 65), (300, 2, 1))
        ):
            values = rng.integers(-(1 << 20), 1 << 20, shape) / 2.0**18
            if kind == "kinds":  # both zeros, infinities and NaNs of both signs, and many equals
                values = rng.choice([0.0, -0.0, 1.5, -1.5, np.inf, -np.inf, np.nan, -np.nan], shape)
            if kind == "zeros":
                values = rng.choice([0.0, -0.0, 0.0, -0.0, 1.5, -1.5], shape)
            a = sf.array(values, fmt)
            layouts = {"plain": a, "turned": a.T, "strided": a[::2], "backward": a[..., ::-1]}
            for layout, x in layouts.items():
                name = f"{fmt} {kind} {shape} {layout}"
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    for axis in (None, *range(x.ndim)):
                        for call, function in REDUCED.items():
                            yield f"{call} {name} {axis}", function(x, axis=axis)
                    for (call, function), axis in itertools.product(ORDERED.items(), range(x.ndim)):
                        if x.shape[axis] > 3:
                            yield f"{call} {name} {axis}", function(x, axis=axis)
                    for call, function in WHOLE.items():
                        yield f"{call} {name}", function(x)


def _operated(name: str, case: Case, fmt: sf.Format) -> Answers:
    def tensor(given: Floats, values: np.ndarray) -> Tensor:
        return Tensor(sf.array(values, fmt), requires_grad=given.grad)

    args = filled(case.args, tensor, lambda values: values)
    result = apply(OPERATIONS[name], *args, **case.options)
    yield "result", result.data
    if result.requires_grad:
        slope = np.random.default_rng(5).integers(-64, 64, result.shape) / 32
        result.backward(sf.array(slope, result.dtype))
        flat = [each for arg in args for each in (arg if isinstance(arg, tuple) else (arg,))]
        for place, each in enumerate(flat):
            if isinstance(each, Tensor) and each.grad is not None:
                yield f"gradient {place}", each.grad


@_group
def operations() -> Answers:
    """Every operation, forward and backward, with two accumulators."""
    wide = next(fmt for fmt in CUSTOM_FORMATS if fmt.name == "e9m23")
    for accumulator, fmt in (
        ("hopper", sf.float16),
        ("hopper", sf.bfloat16),
        ("float32", sf.float32),
        ("float64", wide),
    ):
        carried = {"hopper": sf.HOPPER, "float64": Float64Sum()}.get(accumulator, accumulator)
        for which, cases in (("", CASES), (" large", LARGE)):
            for name, rows in cases.items():
                for number, case in enumerate(rows):
                    if fmt is wide and (which or name == "_to_copy"):
                        continue
                    with autocast(enabled=False, accumulator=carried):
                        for part, answer in _operated(name, case, fmt):
                            yield f"{name}{which} {number} {fmt} {part}", answer


@_group
def device_checks() -> Answers:
    """What a GPU is asked for, answered by simfp."""
    backend = backends.Simulated(sf.HOPPER)
    for check in checks():
        if check.recorded:
            with np.errstate(all="ignore"):
                for part, answer in check.ask(backend, True).items():
                    yield f"{check.name} {part}", answer.codes


# fmt: off
ACCUMULATORS = {
    "sequential": sf.SequentialSum("float16"), "fused": sf.SequentialSum("float32", fma=True),
    "wide":       sf.SequentialSum("tfloat32", "toward_zero"), "pairwise": sf.PairwiseSum("float32"),
    "tree":       sf.PairwiseSum("bfloat16", leaf=1, lanes=1), "kahan": sf.KahanSum("float16"),
    "blocked":    sf.BlockedSum(16, "float16", "float32"), "exact": sf.ExactSum("float32"), "float64": Float64Sum(),
    "volta":      sf.VOLTA, "ampere": sf.AMPERE, "hopper": sf.HOPPER, "blackwell": sf.BLACKWELL,
}
SHAPES = ((3, 17, 5), (64, 96, 48), (1, 1000, 1), (130, 257, 33), (200, 300, 260))
# fmt: on


@_group
def sums() -> Answers:
    """Sums and products by every kind of accumulator; roundings of every mode; CUDA's functions."""
    rng = np.random.default_rng(6)
    for m, k, n in SHAPES:
        for fmt in (*SIXTEEN, sf.float32):
            a, b = (sf.array(rng.integers(-(1 << 16), 1 << 16, size) / 2.0**13, fmt) for size in ((m, k), (k, n)))
            for name, accumulator in ACCUMULATORS.items():
                if isinstance(accumulator, sf.Generation) and fmt not in accumulator.cores:
                    continue
                if isinstance(accumulator, Float64Sum):
                    yield f"float64 {fmt} {m} {k} {n}", accumulator.products(a.values, b.values, fmt)
                yield f"matmul {name} {fmt} {m} {k} {n}", sf.matmul(a, b, accumulator=accumulator, out_dtype="float32")
                if not isinstance(accumulator, sf.Generation):
                    yield f"sum {name} {fmt} {m} {k}", sf.sum(a, 1, accumulator=accumulator, out_dtype="float32")
                    yield f"sum of all {name} {fmt} {m} {k}", sf.sum(a, accumulator=accumulator, out_dtype="float32")
    x = _random(sf.float32, MANY, 7).values
    for fmt, mode in itertools.product((*SIXTEEN, sf.float8_e4m3fn), sf.rounding.ROUNDING_MODES):
        options = {"rng": 8} if mode == "stochastic" else {}
        yield f"round_to {fmt} {mode}", sf.round_to(x, fmt, mode, **options)
        yield f"round_to {fmt} {mode} float64", sf.round_to(x * np.float64(1.1), fmt, mode, **options)
    for name in ("exp", "log", "log1p", "tanh", "erf", "rsqrt"):
        yield f"CUDA's {name}", getattr(device_math, name)(x)
        yield f"{name} in float64", getattr(device_math, name)(x[:SOME].astype(np.float64))
    yield "CUDA's pow", device_math.power(np.abs(x), x[::-1])
    yield (
        "pow in float64",
        device_math.power(np.abs(x[:SOME]).astype(np.float64), x[SOME::-1][:SOME].astype(np.float64)),
    )
    yield "fma", device_math.fma(x, x[::-1], x[MANY:].repeat(2))


# fmt: off
OPTIMIZERS: dict[str, tuple[Any, dict[str, Any]]] = {
    "SGD":          (optim.SGD,   {"lr": 0.1}),
    "momentum":     (optim.SGD,   {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    "Adam":         (optim.Adam,  {"lr": 0.003}),
    "AMSGrad":      (optim.Adam,  {"lr": 0.003, "amsgrad": True, "weight_decay": 0.1}),
    "AdamW":        (optim.AdamW, {"lr": 0.003}),
}
# fmt: on


@_group
def optimizers() -> Answers:
    """Some steps of every optimizer, gradients clipped in every norm, and schedules."""
    for (name, (kind, options)), fmt in itertools.product(OPTIMIZERS.items(), (sf.float32, *SIXTEEN)):
        rng = np.random.default_rng(9)
        p = nn.Parameter(sf.array(rng.integers(-512, 512, 5000) / 256, fmt))
        optimizer = kind([p], **options)
        schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, 5)
        for _ in range(4):
            p.grad = sf.array(rng.integers(-(1 << 20), 1 << 20, 5000) / 2.0**19, fmt)
            optimizer.step()
            schedule.step()
        yield f"{name} {fmt}", p.data
    for order, fmt in itertools.product((0.0, 0.5, 1.0, 2.0, 3.0, float("inf")), (sf.float32, *SIXTEEN)):
        params, rng = [nn.Parameter(sf.array(np.zeros(count), fmt)) for count in (1000, 37)], np.random.default_rng(11)
        for p in params:
            p.grad = sf.array(rng.integers(-(1 << 20), 1 << 20, len(p)) / 2.0**19, fmt)
        yield f"norm {order} {fmt}", (clip_grad_norm_(params, 0.5, order), *(p.grad for p in params))


@_group
def training() -> Answers:
    """Steps of training: losses, weights, and what a census counted."""
    for accumulator, dtype in (
        (sf.HOPPER, "float16"),
        (sf.SequentialSum("float32"), "bfloat16"),
        (Float64Sum(), "float16"),
    ):
        nn.manual_seed(0)
        model = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.GELU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(64, 32),
            nn.LayerNorm(32),
            nn.SiLU(),
            nn.Dropout(0.1),
            nn.Linear(32, 10),
        )
        optimizer, scaler, losses = optim.AdamW(model.parameters(), lr=0.01), GradScaler(), []
        rng = np.random.default_rng(10)
        with sf.Census(model) as census:
            for _ in range(4):
                images, labels = rng.integers(-512, 512, (16, 1, 8, 8)) / 256, rng.integers(0, 10, 16)
                optimizer.zero_grad()
                with autocast(dtype=dtype, accumulator=accumulator):
                    loss = nn.functional.cross_entropy(model(Tensor(images)), labels)
                scaler.scale(loss).backward()
                scaler.step(optimizer)
                scaler.update()
                losses.append(loss.item())
        name = f"{type(accumulator).__name__} {dtype}"
        yield f"losses {name}", losses
        yield f"weights {name}", list(model.state_dict().values())
        yield f"census {name}", str(census.table())
    for task, recipe, steps in (
        ("mlp", "fp16 + scaler", 20),
        ("mlp", "pure bf16 + stochastic", 20),
        ("gpt", "bf16", 2),
    ):
        run = Training(task, recipe, steps=steps, measure_every=steps)
        yield f"{task} {recipe}", ([step.loss for step in run], list(run.model.state_dict().values()))


def _bytes(x: Any) -> Iterator[bytes]:
    """The bits of Arrays and NumPy arrays, of all kinds of numbers, at any depth of lists and tuples."""
    if isinstance(x, Tensor):
        x = x.data
    if isinstance(x, Array):
        yield str(x.dtype).encode()
        x = x.values
    if isinstance(x, (list, tuple)):
        for each in x:
            yield from _bytes(each)
    elif isinstance(x, str):
        yield x.encode()
    else:
        given = np.ascontiguousarray(x)
        yield f"{given.dtype.str}{given.shape}".encode()
        yield given.tobytes()


def digests(groups: list[str]) -> Iterator[tuple[str, str]]:
    """The name and the digest of every answer of some groups.

    Raises KeyError for an unknown group.
    """
    for group in groups:
        for name, answer in GROUPS[group]():
            digest = hashlib.sha256()
            for part in _bytes(answer):
                digest.update(part)
            yield f"{group}: {name}", digest.hexdigest()


if __name__ == "__main__":
    json.dump(dict(digests(sys.argv[1:] or list(GROUPS))), sys.stdout, indent=0)
