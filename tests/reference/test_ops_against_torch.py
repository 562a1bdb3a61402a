"""Every operation, forward and backward, against torch on a CPU: in float32, float16 and bfloat16.

Where torch's answer depends on the kernel that it picks for a processor, both are held against its float64 answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import simfp as sf
from simfp.autograd import apply
from simfp.ops import OPERATIONS
from tests.near import BITS, NEAREST, Claim, Summed, hold, ulps_from
from tests.operation_cases import CASES, EVERY_CASE, LARGE, NAMES, Case, filled

pytestmark = pytest.mark.torch

FORMATS = {sf.float32: torch.float32, sf.float16: torch.float16, sf.bfloat16: torch.bfloat16}


def over(name: str) -> Callable[..., Any]:
    """A reduction, whose `dim` torch does not take as None."""

    def reduce(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
        every = tuple(range(x.ndim))
        return getattr(torch, name)(x, every if dim is None else dim, keepdim)

    return reduce


def deviating(name: str) -> Callable[..., Any]:
    return lambda x, dim=None, correction=1, keepdim=False: getattr(torch, name)(
        x, dim, correction=correction, keepdim=keepdim
    )


def either(name: str, x: Any, y: Any) -> Any:
    """A function of two, of which the first may be a number."""
    return getattr(torch, name)(x if isinstance(x, torch.Tensor) else torch.tensor(x, dtype=y.dtype), y)


def product(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """The product over axes, of which torch takes one at a time."""
    for place in sorted(range(x.ndim) if dim is None else [dim] if isinstance(dim, int) else dim, reverse=True):
        x = torch.prod(x, place, keepdim)
    return x


def put(x: Any, key: Any, value: Any) -> Any:
    made = x.clone()
    parts = key if isinstance(key, tuple) else (key,)
    made[tuple(torch.from_numpy(part) if isinstance(part, np.ndarray) else part for part in parts)] = value
    return made


def dropout(x: Any, kept: Any, p: float) -> Any:
    """As the CUDA kernel: a float32 scale, one rounding."""
    return (x.float() * kept * (torch.ones(()) / torch.tensor(1 - p))).to(x.dtype)


# Rows whose arguments torch takes otherwise, or under another name; all others are called by their own.
CALLED_OTHERWISE: dict[str, Callable[..., Any]] = {
    "_to_copy": lambda x, fmt: x.to(FORMATS[fmt]),
    "sub": lambda x, y, **options: torch.sub(x, y, **options) if isinstance(x, torch.Tensor) else x - y,
    "sum": over("sum"), "mean": over("mean"), "var": deviating("var"), "std": deviating("std"), "amax": over("amax"),
    "amin": over("amin"), "linalg_vector_norm": torch.linalg.vector_norm, "prod": product,
    "expand": lambda x, shape: x.expand(shape),
    "cat": lambda *parts, dim=0: torch.cat(parts, dim),
    "stack": lambda *parts, dim=0: torch.stack(parts, dim),
    "index": lambda x, key: x[key],
    "embedding": lambda weight, rows, padding_idx=None: F.embedding(rows, weight, padding_idx),
    "max_pool2d": F.max_pool2d,
    "avg_pool2d": lambda x, size, stride=None, padding=0, *more: F.avg_pool2d(x, size, stride, padding, False, *more),
    "relu": F.relu, "dropout": dropout, "_safe_softmax": torch.ops.aten._safe_softmax, "layer_norm": F.layer_norm,
    "rms_norm": F.rms_norm, "group_norm": F.group_norm,
    "batch_norm": lambda x, weight=None, bias=None, mean=None, var=None, **options: F.batch_norm(
        x, mean, var, weight, bias, **options
    ),
    "binary_cross_entropy_with_logits": lambda x, target, weight=None, positive=None, reduction="mean": (
        F.binary_cross_entropy_with_logits(x, target, weight, reduction=reduction, pos_weight=positive)
    ),
    "copy": lambda x, y: x.clone().copy_(y),
    "index_put": put, "elu": torch.ops.aten.elu, "log_sigmoid": F.logsigmoid,
    "prelu": lambda x, weight: F.prelu(x, weight.reshape(-1)),
}  # fmt: skip


def same_name(name: str) -> Any:
    """torch's function of a row's own name; None where there is none."""
    return getattr(torch, name, None) or getattr(F, name, None)


# How torch is called for a row's arguments.
TORCH = {name: CALLED_OTHERWISE.get(name) or same_name(name) for name in OPERATIONS}


def results(side: str, name: str, case: Case, fmt: sf.Format) -> list[np.ndarray]:
    """The result, and the gradients of all inputs that have one, of `ours`, of torch in the format, or `exact`.

    Exact is torch in float64, of the same rounded inputs and of the float32 scalars that kernels take.
    """
    dtype = {"theirs": FORMATS[fmt], "exact": torch.float64}.get(side)
    leaves: list[Any] = []

    def make(spec: Any, values: np.ndarray) -> Any:
        rounded = sf.array(values, fmt)
        if side == "ours":
            leaves.append(sf.Tensor(rounded, requires_grad=spec.grad))
        else:
            leaves.append(torch.from_numpy(rounded.values.copy()).to(dtype).requires_grad_(spec.grad))
        return leaves[-1]

    def plain(x: Any) -> Any:
        return float(np.float32(x)) if side == "exact" and isinstance(x, float) else x

    args = [plain(x) for x in filled(case.args, make, (lambda x: x) if side == "ours" else torch.from_numpy)]
    options = {key: plain(x) for key, x in case.options.items()}
    result = apply(OPERATIONS[name], *args, **options) if side == "ours" else TORCH[name](*args, **options)
    found = [result.data.values if side == "ours" else result.detach().double().numpy()]
    if result.requires_grad:
        slope = np.random.default_rng(3).uniform(0.5, 2, tuple(result.shape)).astype(np.float32)
        slope = sf.array(slope, fmt).values
        result.backward(slope if side == "ours" else torch.from_numpy(slope.copy()).to(result.dtype))
        grads = [leaf.grad for leaf in leaves if leaf.grad is not None]
        found += [grad.values if side == "ours" else grad.double().numpy() for grad in grads]
    return found


OVER = "a gradient is summed over what was broadcast"
ORDER = "sums are added in an order of their own"
STEPS = "CUDA's kernel, and the row, round each step to 16 bits"
READS = "the derivative reads the rounded result"

# What is claimed of a row (tests/near.py): of results and of gradients, in float32 and in 16 bits; in ulps of each
# value, or of the largest one (at least 1) where sums cancel. Of a row that is not here: BITS.
# fmt: off
CLAIMS: dict[str, tuple[str, Claim, Claim, Claim, Claim, str]] = {
    # row                   ulps of    float32                 16 bits                 why
    #                                  out       grad          out       grad
    "add":                 ("each",    NEAREST,  Summed(1),    NEAREST,  Summed(1),    "alpha y is fused on CUDA"),
    "sub":                 ("each",    NEAREST,  Summed(1),    0.51,     Summed(1),    "alpha y is fused on CUDA"),
    "mul":                 ("largest", BITS,     Summed(1),    BITS,     Summed(1.5),  OVER),
    "div":                 ("largest", BITS,     Summed(2),    BITS,     Summed(2.5),  OVER),
    "maximum":             ("each",    BITS,     Summed(0.51), BITS,     Summed(0.51), OVER),
    "minimum":             ("each",    BITS,     Summed(0.51), BITS,     Summed(0.51), OVER),
    "where":               ("each",    BITS,     Summed(0.51), BITS,     Summed(0.51), OVER),
    "masked_fill":         ("each",    BITS,     Summed(1),    BITS,     Summed(0.51), OVER),
    "expand":              ("each",    BITS,     0.51,         BITS,     NEAREST,      OVER),
    "pow":                 ("each",    1,        2,            1,        1.5,          "CUDA's powf; x^3 rounds twice"),
    "exp":                 ("each",    1.5,      2,            NEAREST,  1,            "CUDA's exp; " + READS),
    "log":                 ("each",    NEAREST,  NEAREST,      NEAREST,  NEAREST,      "CUDA's log, here exact enough"),
    "sqrt":                ("each",    NEAREST,  0.75,         NEAREST,  1,            READS),
    "rsqrt":               ("each",    0.75,     2,            NEAREST,  2.5,          "CUDA's; x^3 rounds twice"),
    "sum":                 ("largest", 1,        BITS,         NEAREST,  BITS,         ORDER),
    "mean":                ("largest", 1.5,      BITS,         NEAREST,  BITS,         ORDER),
    "var":                 ("largest", 1.5,      1.5,          NEAREST,  1.5,          ORDER + "; Welford"),
    "std":                 ("largest", 1,        1,            NEAREST,  1,            ORDER + "; Welford"),
    "logsumexp":           ("largest", 0.75,     1.5,          0.51,     1,            ORDER + "; CUDA's log"),
    "linalg_vector_norm":  ("largest", 1,        1,            NEAREST,  1.5,          ORDER),
    "index":               ("each",    BITS,     NEAREST,      BITS,     NEAREST,      "taken twice, added up"),
    "gather":              ("each",    BITS,     NEAREST,      BITS,     NEAREST,      "taken twice, added up"),
    "embedding":           ("each",    BITS,     1,            BITS,     NEAREST,      "taken twice, added up"),
    "matmul":              ("largest", 2,        3,            0.51,     1,            ORDER + ": NumPy's"),
    "linear":              ("largest", 2,        2,            0.51,     0.51,         ORDER + ": NumPy's"),
    "conv2d":              ("largest", 3,        3,            1,        0.51,         ORDER + "; a bias rounds"),
    "max_pool2d":          ("each",    BITS,     NEAREST,      BITS,     NEAREST,      ORDER),
    "avg_pool2d":          ("largest", 0.75,     1.5,          NEAREST,  1,            ORDER),
    "tanh":                ("each",    1.25,     5,            NEAREST,  7.5,          "CUDA's tanh; " + READS),
    "sigmoid":             ("each",    1.5,      4.5,          NEAREST,  3,            "CUDA's exp; " + READS),
    "silu":                ("largest", 1,        1.25,         NEAREST,  NEAREST,      "CUDA's exp"),
    "gelu":                ("largest", 1.25,     1.25,         NEAREST,  NEAREST,      "CUDA's erf; fused steps"),
    "softplus":            ("each",    1.5,      1.75,         NEAREST,  NEAREST,      "CUDA's log1p and exp"),
    "softmax":             ("largest", 0.75,     1,            NEAREST,  0.51,         ORDER + "; g y rounds on CUDA"),
    "_safe_softmax":       ("largest", 0.75,     1,            NEAREST,  0.51,         ORDER + "; g y rounds on CUDA"),
    "log_softmax":         ("largest", 0.75,     2.5,          0.51,     0.75,         ORDER + "; " + READS),
    "layer_norm":          ("largest", 1.5,      2.5,          NEAREST,  NEAREST,      ORDER),
    "rms_norm":            ("largest", 1.25,     1.75,         NEAREST,  NEAREST,      ORDER),
    "group_norm":          ("largest", 1,        2,            0.75,     1,            ORDER + "; 16-bit mean, scale"),
    "batch_norm":          ("largest", 2,        4.5,          NEAREST,  1.5,          ORDER + "; rounded products"),
    "mse_loss":            ("largest", 0.75,     1,            1.25,     1,            ORDER + "; " + STEPS),
    "l1_loss":             ("largest", NEAREST,  NEAREST,      NEAREST,  NEAREST,      ORDER),
    "smooth_l1_loss":      ("largest", 1,        0.51,         0.51,     0.51,         ORDER + "; " + STEPS),
    "huber_loss":          ("largest", 0.75,     0.51,         0.51,     0.51,         ORDER + "; " + STEPS),
    "binary_cross_entropy":("largest", 0.75,     1.5,          0.75,     1.25,         "CUDA's log; " + STEPS),
    "binary_cross_entropy_with_logits":
                           ("largest", 1.25,     0.75,         1,        1,            "CUDA's log1p; " + STEPS),
    "nll_loss":            ("largest", 0.51,     NEAREST,      NEAREST,  NEAREST,      ORDER),
    "expm1":               ("each",    0.75,     2,            NEAREST,  2,            "CUDA's expm1; " + READS),
    "log1p":               ("each",    1,        1,            NEAREST,  1.25,         "CUDA's log1p"),
    "erf":                 ("each",    0.75,     2.5,          NEAREST,  1.75,         "CUDA's erf and exp"),
    "exp2":                ("each",    NEAREST,  1,            NEAREST,  1.5,          READS),
    "log2":                ("each",    NEAREST,  1,            NEAREST,  1,            "the derivative rounds twice"),
    "log10":               ("each",    NEAREST,  1.25,         NEAREST,  1,            "the derivative rounds twice"),
    "sin":                 ("each",    NEAREST,  1,            NEAREST,  1,            "the derivative rounds twice"),
    "cos":                 ("each",    NEAREST,  1,            NEAREST,  1.5,          "the derivative rounds twice"),
    "xlogy":               ("each",    0.75,     1.5,          NEAREST,  1.5,          "CUDA's log"),
    "prod":                ("each",    NEAREST,  NEAREST,      NEAREST,  NEAREST,      "torch goes axis by axis"),
    "cumsum":              ("each",    NEAREST,  NEAREST,      NEAREST,  NEAREST,      ORDER),
    "cumprod":             ("largest", NEAREST,  NEAREST,      NEAREST,  NEAREST,      ORDER),
    "remainder":           ("each",    BITS,     Summed(1),    BITS,     Summed(0.75), OVER),
    "fmod":                ("each",    BITS,     Summed(0.51), BITS,     Summed(0.51), OVER),
    "copy":                ("each",    BITS,     Summed(0.51), BITS,     Summed(0.51), OVER),
    "fill":                ("each",    BITS,     Summed(0.51), BITS,     Summed(0.51), OVER),
    "index_put":           ("each",    BITS,     Summed(1),    BITS,     Summed(0.51), OVER),
    "index_add":           ("largest", NEAREST,  Summed(0.51), 0.51,     Summed(0.51), "alpha y rounds on CUDA"),
    "scatter_add":         ("largest", 0.51,     BITS,         NEAREST,  BITS,         ORDER),
    "lerp":                ("largest", 0.51,     1,            NEAREST,  1.25,         "fused where there is an fma"),
    "addcmul":             ("largest", NEAREST,  Summed(1.75), NEAREST,  Summed(1.5),  "fused on CUDA; " + OVER),
    "addcdiv":             ("largest", 0.51,     Summed(1),    NEAREST,  Summed(1),    "fused on CUDA; " + OVER),
    "elu":                 ("each",    2,        2.5,          NEAREST,  NEAREST,      "CUDA's expm1 and exp"),
    "hardsigmoid":         ("each",    1.5,      NEAREST,      NEAREST,  NEAREST,      "times 1/6, not divided"),
    "hardswish":           ("largest", 0.75,     1.5,          NEAREST,  NEAREST,      "times 1/6, not divided"),
    "mish":                ("largest", 0.75,     3.5,          NEAREST,  NEAREST,      "CUDA's exp, log1p, tanh"),
    "log_sigmoid":         ("each",    1.5,      1.75,         NEAREST,  NEAREST,      "CUDA's exp and log1p"),
    "prelu":               ("each",    BITS,     Summed(0.75), BITS,     Summed(0.51), OVER),
    "glu":                 ("largest", 1,        1,            NEAREST,  NEAREST,      "CUDA's exp"),
    "conv1d":              ("largest", 3,        3,            1,        0.51,         ORDER + "; a bias rounds"),
    "conv_transpose1d":    ("largest", 3,        3,            1,        0.51,         ORDER + "; a bias rounds"),
    "conv_transpose2d":    ("largest", 3,        4,            1,        0.51,         ORDER + "; a bias rounds"),
}
# fmt: on
SIDES = ("ours", "theirs", "exact")


def test_every_operation_is_compared() -> None:
    assert set(CASES) == set(OPERATIONS)
    assert set(CLAIMS) | set(CALLED_OTHERWISE) <= set(OPERATIONS)
    assert [name for name, function in TORCH.items() if function is None] == []
    assert [name for name, function in CALLED_OTHERWISE.items() if function is same_name(name)] == []


@pytest.mark.parametrize("fmt", FORMATS, ids=str)
@pytest.mark.parametrize(("name", "case"), EVERY_CASE, ids=NAMES)
def test_results_and_gradients_are_torchs(name: str, case: Case, fmt: sf.Format) -> None:
    unit, *claims, _ = CLAIMS.get(name, ("each", BITS, BITS, BITS, BITS, ""))
    out, grad = claims[:2] if fmt == sf.float32 else claims[2:]
    needed = SIDES if {out, grad} != {BITS} else SIDES[:2]
    sides = [results(side, name, case, fmt) for side in needed]
    for place, (ours, theirs, *exact) in enumerate(zip(*sides, strict=True)):
        claim = grad if place else out
        if isinstance(claim, Summed):
            claim = BITS if ours.size == sides[0][0].size else claim.ulps
        hold(ours, theirs, exact[0] if exact else None, claim, fmt, unit == "each", (name, place))


# Sums of up to 65,536 terms, in float32: within so many ulps of the largest value (at least 1).
LARGE_WITHIN = {"batch_norm": 64.0}  # whose gradients are differences of such sums; and of all others:
OTHERS_WITHIN = 16.0


@pytest.mark.parametrize("name", LARGE)
def test_larger_arrays_of_float32_are_near_the_exact_answers_as_torchs_are(name: str) -> None:
    for case in LARGE[name]:
        sides = [results(side, name, case, sf.float32) for side in SIDES]
        for place, (ours, theirs, exact) in enumerate(zip(*sides, strict=True)):
            hold(ours, theirs, exact, LARGE_WITHIN.get(name, OTHERS_WITHIN), where=place)


# In 16 bits torch's CPU kernels round more often than once. Beside its float64 results, ours are half an ulp of the
# largest value off: one rounding. These are farther (result, gradients), for they make more than one.
ROUNDED_AGAIN = {
    "exp": (0.51, 1.01, READS),
    "softmax": (0.51, 1.5, READS),
    "log_softmax": (0.51, 2.5, READS),
    "tanh": (0.51, 4, STEPS),
    "sigmoid": (0.51, 1.5, STEPS),
    **dict.fromkeys(("conv1d", "conv2d", "conv_transpose2d"), (1.01, 0.51, "the bias is an operation of its own")),
    "embedding": (0.51, 4, "of every 32 uses those of a row are added up, rounded, and added to the row"),
    "batch_norm": (0.51, 4, "products of gradients are rounded before they are added, and some sums of them"),
    "avg_pool2d": (0.51, 1.5, "each quotient is rounded before it is added"),
    "mse_loss": (0.51, 1.5, STEPS),
    "binary_cross_entropy_with_logits": (1.5, 1.5, STEPS),
}


@pytest.mark.parametrize("fmt", [sf.float16, sf.bfloat16], ids=str)
@pytest.mark.parametrize("name", LARGE)
def test_larger_arrays_of_16_bits_are_one_rounding_from_float64(name: str, fmt: sf.Format) -> None:
    out, grad = ROUNDED_AGAIN.get(name, (0.51, 0.51))[:2]
    for case in LARGE[name]:
        sides = [results(side, name, case, fmt) for side in ("ours", "exact")]
        for place, (ours, exact) in enumerate(zip(*sides, strict=True)):
            assert ulps_from(exact, ours, fmt) <= (grad if place else out), place
