"""Every operation, forward and backward, against torch on a CPU: in float32, float16 and bfloat16."""

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


def dropout(x: Any, kept: Any, p: float) -> Any:
    """As the CUDA kernel: a float32 scale, one rounding."""
    return (x.float() * kept * (torch.ones(()) / torch.tensor(1 - p))).to(x.dtype)


# How torch is called for a row's arguments.
TORCH: dict[str, Callable[..., Any]] = {
    "_to_copy": lambda x, fmt: x.to(FORMATS[fmt]),
    "add": torch.add,
    "sub": lambda x, y, **options: torch.sub(x, y, **options) if isinstance(x, torch.Tensor) else x - y,
    "mul": torch.mul, "div": torch.div, "neg": torch.neg, "abs": torch.abs, "pow": torch.pow,
    "maximum": torch.maximum, "minimum": torch.minimum, "clamp": torch.clamp, "where": torch.where,
    "masked_fill": torch.masked_fill, "exp": torch.exp, "log": torch.log, "sqrt": torch.sqrt, "rsqrt": torch.rsqrt,
    "reciprocal": torch.reciprocal, "xlogy": torch.xlogy,
    "sum": over("sum"), "mean": over("mean"), "var": deviating("var"),
    "std": deviating("std"), "amax": over("amax"), "amin": over("amin"), "logsumexp": torch.logsumexp,
    "linalg_vector_norm": torch.linalg.vector_norm, "clone": torch.clone, "reshape": torch.reshape,
    "permute": torch.permute,
    "transpose": torch.transpose, "expand": lambda x, shape: x.expand(shape),
    "cat": lambda *parts, dim=0: torch.cat(parts, dim), "stack": lambda *parts, dim=0: torch.stack(parts, dim),
    "index": lambda x, key: x[key], "gather": torch.gather,
    "tril": torch.tril, "triu": torch.triu,
    "embedding": lambda weight, rows, padding_idx=None: F.embedding(rows, weight, padding_idx),
    "matmul": torch.matmul, "linear": F.linear, "conv2d": F.conv2d,
    "max_pool2d": F.max_pool2d,
    "avg_pool2d": lambda x, size, stride=None, padding=0, *more: F.avg_pool2d(x, size, stride, padding, False, *more),
    "relu": F.relu, "leaky_relu": F.leaky_relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid, "silu": F.silu,
    "gelu": F.gelu, "softplus": F.softplus, "dropout": dropout, "softmax": torch.softmax,
    "_safe_softmax": torch.ops.aten._safe_softmax,
    "log_softmax": torch.log_softmax, "layer_norm": F.layer_norm, "rms_norm": F.rms_norm, "group_norm": F.group_norm,
    "batch_norm": lambda x, weight=None, bias=None, mean=None, var=None, **options: F.batch_norm(
        x, mean, var, weight, bias, **options
    ),
    "mse_loss": F.mse_loss, "l1_loss": F.l1_loss, "smooth_l1_loss": F.smooth_l1_loss, "huber_loss": F.huber_loss,
    "binary_cross_entropy": F.binary_cross_entropy,
    "binary_cross_entropy_with_logits": lambda x, target, weight=None, positive=None, reduction="mean": (
        F.binary_cross_entropy_with_logits(x, target, weight, reduction=reduction, pos_weight=positive)
    ),
    "nll_loss": F.nll_loss,
    "elu": torch.ops.aten.elu, "hardtanh": F.hardtanh, "hardsigmoid": F.hardsigmoid, "hardswish": F.hardswish,
    "mish": F.mish, "log_sigmoid": F.logsigmoid,
    "prelu": lambda x, weight: F.prelu(x, weight.reshape(-1)),
    "glu": F.glu, "conv1d": F.conv1d, "conv_transpose1d": F.conv_transpose1d, "conv_transpose2d": F.conv_transpose2d,
}  # fmt: skip


def outcome(name: str, case: Case, fmt: sf.Format, device: str = "cpu") -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Ours and torch's result, and the gradients of all inputs that have one; torch's are computed on `device`."""
    sides: list[list[Any]] = []
    for ours in (True, False):
        leaves: list[Any] = []

        def make(spec: Any, values: np.ndarray, ours: bool = ours, leaves: list[Any] = leaves) -> Any:
            rounded = sf.array(values, fmt)
            if ours:
                made: Any = sf.Tensor(rounded, requires_grad=spec.grad)
            else:
                made = torch.from_numpy(rounded.values.copy()).to(device, FORMATS[fmt]).requires_grad_(spec.grad)
            leaves.append(made)
            return made

        args = filled(case.args, make, (lambda x: x) if ours else (lambda x: torch.from_numpy(x).to(device)))
        function = (lambda *args, **options: apply(OPERATIONS[name], *args, **options)) if ours else TORCH[name]
        result = function(*args, **case.options)
        found = [result.data.values if ours else result.detach().float().cpu().numpy()]
        if result.requires_grad:
            slope = np.random.default_rng(3).uniform(0.5, 2, tuple(result.shape)).astype(np.float32)
            slope = sf.array(slope, fmt).values
            result.backward(slope if ours else torch.from_numpy(slope.copy()).to(device, result.dtype))
            grads = [leaf.grad for leaf in leaves if leaf.grad is not None]
            found += [grad.values if ours else grad.float().cpu().numpy() for grad in grads]
        sides.append(found)
    assert len(sides[0]) == len(sides[1])
    return sides[0], sides[1]


FUSED = "sums over what was broadcast are added in another order; alpha * y is fused with the sum on CUDA alone"
ORDER = "its sums are added in another order"
STEPS = "torch's CUDA kernel, and the row, round each step to 16 bits; the CPU's kernel rounds once"

# How far results may be from torch's, in ulps: of each value, or of the largest one ("largest", at least 1) where sums
# cancel. A row that is not here, or has 0, has torch's bits.
# fmt: off
DISTANCES: dict[str, tuple[str, float, float, float, float, str]] = {
    # row                   ulps of    float32        16 bits        why
    #                                  out   grad     out   grad
    "add":                 ("largest",  0,    1,       0.5,  0,      FUSED),
    "sub":                 ("largest",  0,    1,       0.5,  0,      FUSED),
    "div":                 ("each",     0,    1,       0,    0,      ORDER),
    "mul":                 ("each",     0,    2,       0,    0,      ORDER),
    "where":               ("each",     0,    1,       0,    0,      ORDER),
    "pow":                 ("each",     2,    2,       1,    2,      "CUDA's powf; x^3 and x^-2 round twice"),
    "rsqrt":               ("each",     1,    3,       1,    5,      "torch rounds sqrt, then the quotient; x^3 twice"),
    "sum":                 ("largest",  1,    0,       0,    0,      ORDER),
    "mean":                ("largest",  1,    0,       0,    0,      ORDER),
    "var":                 ("largest",  1,    2,       0,    0,      "torch's CPU has Welford's method in double"),
    "std":                 ("largest",  1,    2,       0,    0,      "torch's CPU has Welford's method in double"),
    "exp":                 ("each",     2,    2,       1,    1,      "CUDA's exp"),
    "log":                 ("each",     1,    1,       1,    1,      "CUDA's log"),
    "logsumexp":           ("largest",  2,    4,       1,    1,      ORDER + "; CUDA's exp and log"),
    "silu":                ("each",     3,    6,       1,    1,      "CUDA's exp"),
    "expand":              ("each",     0,    1,       0,    0,      ORDER),
    "embedding":           ("largest",  0,    0,       0,    1,      "torch's CPU adds rows in 16 bits"),
    "matmul":              ("largest",  1,    1,       0,    1,      ORDER),
    "linear":              ("largest",  1,    1,       0,    0,      ORDER),
    "conv2d":              ("largest",  3,    2,       1,    0,      ORDER + "; cuDNN's bias is a rounding of its own"),
    "max_pool2d":          ("largest",  0,    0,       0,    1,      "torch's CPU adds gradients in 16 bits"),
    "avg_pool2d":          ("largest",  0,    0,       0,    2,      "torch's CPU adds gradients in 16 bits"),
    "tanh":                ("each",     2,    8,       0,    4,      "1 - y y is fused on the CPU; " + STEPS),
    "sigmoid":             ("each",     2,    4,       1,    2,      "CUDA's exp; " + STEPS),
    "gelu":                ("largest",  1,    2,       0,    0,      "another erf and tanh; other fused steps"),
    "softplus":            ("each",     3,    3,       1,    1,      "CUDA's log1p and exp"),
    "softmax":             ("largest",  1,    1,       1,    1,      ORDER + "; g y is rounded first on CUDA"),
    "_safe_softmax":       ("largest",  1,    1,       1,    1,      ORDER + "; g y is rounded first on CUDA"),
    "log_softmax":         ("largest",  1,    5,       1,    1,      ORDER + "; the CPU subtracts max and log at once"),
    "layer_norm":          ("largest",  2,    5,       0,    1,      ORDER),
    "rms_norm":            ("largest",  1,    2,       0,    0,      ORDER),
    "group_norm":          ("largest",  2,    7,       2,    3,      ORDER + "; CUDA keeps mean and scale in 16 bits"),
    "batch_norm":          ("largest",  1,    6,       1,    4,      ORDER + "; in 16 bits CUDA rounds products"),
    "mse_loss":            ("largest",  1,    0,       0,    0,      ORDER),
    "l1_loss":             ("largest",  1,    0,       0,    0,      ORDER),
    "smooth_l1_loss":      ("largest",  1,    1,       1,    1,      ORDER + "; " + STEPS),
    "huber_loss":          ("largest",  2,    0,       1,    0,      ORDER + "; " + STEPS),
    "binary_cross_entropy":("largest",  1,    1,       1,    3,      "another log; " + STEPS),
    "binary_cross_entropy_with_logits":
                           ("largest",  2,    1,       0,    0,      ORDER + "; another log1p"),
    "nll_loss":            ("largest",  4,    0,       1,    0,      ORDER),
    "xlogy":               ("each",     2,    3,       1,    2,      "CUDA's log"),
    "elu":                 ("largest",  2,    3,       1,    1,      "another expm1 and exp"),
    "hardsigmoid":         ("each",     1,    1,       1,    1,      "times 1/6, where the CPU divides"),
    "hardswish":           ("largest",  2,    3,       1,    1,      "times 1/6, where the CPU divides"),
    "mish":                ("largest",  2,    4,       1,    1,      "CUDA's exp, log1p and tanh"),
    "log_sigmoid":         ("largest",  2,    2,       1,    1,      "CUDA's exp and log1p"),
    "prelu":               ("largest",  0,    1,       0,    1,      ORDER),
    "glu":                 ("largest",  2,    2,       1,    1,      "CUDA's exp"),
    "conv1d":              ("largest",  3,    2,       1,    1,      ORDER + "; cuDNN's bias is a rounding of its own"),
    "conv_transpose1d":    ("largest",  3,    2,       1,    1,      ORDER + "; cuDNN's bias is a rounding of its own"),
    "conv_transpose2d":    ("largest",  3,    2,       1,    1,      ORDER + "; cuDNN's bias is a rounding of its own"),
}
# fmt: on


def test_every_operation_is_compared() -> None:
    assert list(TORCH) == list(OPERATIONS)
    assert set(DISTANCES) <= set(OPERATIONS)
    assert list(CASES) == list(OPERATIONS)


@pytest.mark.parametrize("fmt", FORMATS, ids=str)
@pytest.mark.parametrize(("name", "case"), EVERY_CASE, ids=NAMES)
def test_results_and_gradients_are_torchs(name: str, case: Case, fmt: sf.Format) -> None:
    unit, *limits, _ = DISTANCES.get(name, ("each", 0, 0, 0, 0, ""))
    out, grad = limits[:2] if fmt == sf.float32 else limits[2:]
    for place, (ours, theirs) in enumerate(zip(*outcome(name, case, fmt))):
        limit = grad if place else out
        assert ours.shape == theirs.shape
        if not limit:
            np.testing.assert_array_equal(ours, theirs)
            continue
        assert not np.isnan([ours, theirs]).any()
        scale = np.maximum(np.abs(theirs).max(), 1) if unit == "largest" else np.abs(theirs)
        distance = np.abs(ours.astype(np.float64) - theirs) / sf.ulp(scale.astype(np.float32), fmt)
        assert distance.max() <= limit, (place, distance)


@pytest.mark.parametrize("name", LARGE)
def test_larger_arrays_of_float32_are_near_torchs(name: str) -> None:
    for case in LARGE[name]:
        for ours, theirs in zip(*outcome(name, case, sf.float32)):
            unit = sf.ulp(np.float32(max(np.abs(theirs).max(), 1)), sf.float32)
            assert np.abs(ours.astype(np.float64) - theirs).max() <= 64 * unit  # sums of up to 65,536 terms


# In 16 bits torch's CPU kernels round more often than once. Beside its float64 results, ours are half an ulp of the
# largest value off: one rounding. These are farther (result, gradients), for they make more than one.
ROUNDED_AGAIN = {
    "exp": (0.51, 1.01, "the derivative reads the rounded result"),
    "softmax": (0.51, 1.5, "the derivative reads the rounded result"),
    "log_softmax": (0.51, 2.5, "the derivative reads the rounded result"),
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
        ours, _ = outcome(name, case, fmt)
        leaves = []

        def make(spec: Any, values: np.ndarray, leaves: list[Any] = leaves) -> Any:
            leaves.append(torch.from_numpy(sf.array(values, fmt).values.astype(np.float64)).requires_grad_(spec.grad))
            return leaves[-1]

        result = TORCH[name](*filled(case.args, make, torch.from_numpy), **case.options)
        slope = np.random.default_rng(3).uniform(0.5, 2, tuple(result.shape)).astype(np.float32)
        result.backward(torch.from_numpy(sf.array(slope, fmt).values.astype(np.float64)))
        exact = [result.detach().numpy(), *(leaf.grad.numpy() for leaf in leaves if leaf.grad is not None)]
        for place, (found, expected) in enumerate(zip(ours, exact, strict=True)):
            unit = sf.ulp(np.float32(max(np.abs(expected).max(), 1)), fmt)
            assert np.abs(found - expected).max() <= (grad if place else out) * unit, place
