"""For every operation, calls of it: what it is given. Tests of gradients and of torch go through them all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

import simfp as sf


@dataclass(frozen=True)
class Floats:
    """Numbers in a random order: `low` to `high` in even steps, so that none is near another, nor, of an even count
    and by symmetric limits, near 0. `equal` of them at a time are the same."""

    shape: tuple[int, ...]
    low: float = -2.0
    high: float = 2.0
    equal: int = 1
    grad: bool = True

    def values(self, rng: np.random.Generator) -> np.ndarray:
        count = int(np.prod(self.shape))
        even = np.linspace(self.low, self.high, max(-(-count // self.equal), 2)).repeat(self.equal)[:count]
        return rng.permutation(even).reshape(self.shape).astype(np.float32)


@dataclass(frozen=True)
class Integers:
    """Random integers below `high`."""

    shape: tuple[int, ...]
    high: int

    def values(self, rng: np.random.Generator) -> np.ndarray:
        return rng.integers(0, self.high, self.shape)


@dataclass(frozen=True)
class Truth:
    """Random truth values."""

    shape: tuple[int, ...]

    def values(self, rng: np.random.Generator) -> np.ndarray:
        return rng.random(self.shape) < 0.6


class Case(NamedTuple):
    """One call. smooth: whether differences can tell its gradient."""

    args: tuple[Any, ...]
    options: dict[str, Any] = {}  # noqa: RUF012
    smooth: bool = True


def call(*args: Any, smooth: bool = True, **options: Any) -> Case:
    return Case(args, options, smooth)


def filled(args: Any, floats: Callable[[Floats, np.ndarray], Any], arrays: Callable[[np.ndarray], Any]) -> list[Any]:
    """The arguments with arrays in the place of their descriptions; the same ones each time."""
    rng = np.random.default_rng(17)

    def fill(x: Any) -> Any:
        if isinstance(x, Floats):
            return floats(x, x.values(rng))
        if isinstance(x, (Integers, Truth)):
            return arrays(x.values(rng))
        return tuple(map(fill, x)) if isinstance(x, tuple) else x

    return [fill(x) for x in args]


X, ROW, SCALAR = Floats((3, 4)), Floats((4,)), Floats(())
PLUS = Floats((3, 4), 0.7, 2.5)
TIED = Floats((3, 4), equal=2)
SHARES = Floats((3, 4), 0.2, 0.8)
BETWEEN = Floats((3, 4), -2.7, 2.8)  # none near a multiple of 0.5
ABOVE, BELOW, DIVISORS = Floats((3, 4), 4.3, 5.1), Floats((3, 4), -5.1, -4.3), Floats((4,), 1.75, 2.05)
REMAINDERS = [call(ABOVE, DIVISORS), call(BELOW, DIVISORS), call(BETWEEN, 0.5), call(BETWEEN, -0.5)]
QUOTIENTS = [
    Case(tuple(replace(x, grad=False) if isinstance(x, Floats) else x for x in each.args)) for each in REMAINDERS
]
HOLED = Floats((3, 3))  # with a zero
STEPPED = [call(BETWEEN), call(Floats((), 0.3, 0.7))]
IMAGES, KERNELS = Floats((2, 4, 5, 6)), Floats((6, 4, 3, 2))

BINARY = [call(X, Floats((3, 4), -1, 3)), call(X, ROW), call(X, 0.7), call(Floats((3, 1)), ROW), call(X, SCALAR)]
UNARY = [call(X), call(SCALAR), call(Floats((2, 3, 4)))]
EVERY_ROW, EVERY_OTHER, PAIRS = np.arange(3)[:, None], np.array([3, 1]), Floats((3, 2))
UNEVEN = Floats((3, 4), -1, 3)  # whose sums are not 0
OVER = [call(UNEVEN), call(UNEVEN, 0), call(UNEVEN, -1, True), call(Floats((2, 3, 4), -1, 3), (0, 2)), call(SCALAR)]
OVER_TIES = [call(X), call(X, 1), call(X, (0, 1), True), call(TIED, smooth=False), call(TIED, 0, smooth=False)]
NORMALIZED = [call(X, 1), call(X, 0), call(Floats((2, 3, 4)), -2), call(Floats((3, 4), -20, 20), -1)]
DIFFERENCES = [
    call(X, Floats((3, 4), -1, 3)), call(X, Floats((3, 4), -1, 3), reduction="sum"),
    call(X, Floats((3, 4), -1, 3), reduction="none"), call(SCALAR, Floats(())),
]  # fmt: skip
TARGETS = [
    call(X, Integers((3,), 4)), call(X, Integers((3,), 4), reduction="sum"),
    call(X, Integers((3,), 4), reduction="none"),
    call(X, Integers((3,), 4), Floats((4,), 0.5, 2, grad=False)), call(ROW, Integers((), 4)),
    call(Floats((2, 4, 3)), Integers((2, 3), 4), ignore_index=1),
    call(Floats((2, 4, 3)), Integers((2, 3), 4), Floats((4,), 0.5, 2, grad=False), reduction="none", ignore_index=2),
]  # fmt: skip


CASES: dict[str, list[Case]] = {
    "_to_copy": [call(X, sf.float32), call(X, sf.float16, smooth=False), call(X, sf.bfloat16, smooth=False)],
    "add": [*BINARY, call(X, ROW, alpha=0.3)],
    "sub": [*BINARY, call(X, ROW, alpha=0.3), call(1.5, X)],
    "mul": BINARY,
    "div": [call(X, PLUS), call(X, Floats((4,), 0.7, 3)), call(X, 4.0), call(Floats((3, 1)), Floats((4,), 0.7, 3))],
    "neg": UNARY,
    "abs": UNARY,
    "pow": [
        call(PLUS, PLUS), call(PLUS, 1.7), call(2.5, X), call(PLUS, 0.5), call(PLUS, -0.5),
        *(call(X, power) for power in (0, 1, 2, 3)), call(PLUS, -1), call(PLUS, -2), call(PLUS, 4),
        call(Floats((5,), 0, 2), Floats((5,), 1.5, 3), smooth=False),
    ],
    "maximum": [call(X, Floats((3, 4), -1.93, 2.11)), call(X, Floats((4,), 0.24, 2.5)), call(TIED, TIED, smooth=False)],
    "minimum": [call(X, Floats((3, 4), -1.93, 2.11)), call(X, Floats((4,), 0.24, 2.5)), call(TIED, TIED, smooth=False)],
    "clamp": [call(X, -0.7, 0.7), call(X, None, 0.4), call(X, -0.4), call(Floats((5,)), -1.0, 1.0, smooth=False)],
    "where": [call(Truth((3, 4)), X, ROW), call(Truth((3, 1)), X, 0.5), call(Truth((4,)), SCALAR, X)],
    "masked_fill": [call(X, Truth((3, 4)), 0.5), call(X, Truth((4,)), -2), call(X, Truth((3, 4)), SCALAR)],
    "exp": [*UNARY, call(Floats((20,), -15, 9, grad=False))],
    "log": [call(PLUS)],
    "sqrt": [call(PLUS)],
    "rsqrt": [call(PLUS)],
    "reciprocal": [call(PLUS)],
    "expm1": UNARY,
    "log1p": [call(PLUS)],
    "erf": UNARY,
    "exp2": UNARY,
    "log2": [call(PLUS)],
    "log10": [call(PLUS)],
    "sin": UNARY,
    "cos": UNARY,
    "xlogy": [call(X, PLUS), call(X, Floats((4,), 0.7, 3))],
    "floor": STEPPED,
    "ceil": STEPPED,
    "round": [*STEPPED, call(Floats((7,), -1.5, 1.5), smooth=False)],
    "trunc": STEPPED,
    "frac": STEPPED,
    "sign": STEPPED,
    "remainder": REMAINDERS,
    "fmod": REMAINDERS,
    "floor_divide": QUOTIENTS,
    "sum": OVER,
    "mean": OVER,
    "var": [call(X), call(X, 0), call(X, 1, 0, True), call(Floats((2, 3, 4)), (0, 2), 2)],
    "std": [call(X), call(X, 0), call(X, 1, 0, True), call(Floats((2, 3, 4)), (0, 2), 2)],
    "amax": OVER_TIES,
    "amin": OVER_TIES,
    "logsumexp": [call(X, 1), call(X, 0, True), call(X, (0, 1))],
    "linalg_vector_norm": [call(X), call(X, 2, 1), call(X, 1, 0, True), call(X, np.inf, 1)],
    "prod": [call(X), call(X, 1), call(X, (0, 1), True), call(SCALAR), call(HOLED), call(HOLED, 0)],
    "cumsum": [call(X, 0), call(X, -1), call(SCALAR, 0)],
    "cumprod": [call(X, 0), call(X, -1), call(HOLED, 0), call(SCALAR, 0)],
    "clone": [call(X)],
    "reshape": [call(X, (2, 6)), call(X, (-1,)), call(SCALAR, (1, 1))],
    "permute": [call(Floats((2, 3, 4)), (2, 0, 1)), call(Floats((2, 3, 4)), (-1, 1, 0))],
    "transpose": [call(Floats((2, 3, 4)), 0, -1)],
    "expand": [call(Floats((3, 1)), (3, 4)), call(Floats((3, 1)), (2, -1, 4))],
    "cat": [call(X, Floats((2, 4))), call(X, Floats((3, 1)), X, dim=-1)],
    "stack": [call(X, X), call(X, X, X, dim=-1)],
    "index": [
        call(X, 1), call(X, (slice(None), 2)), call(X, (..., slice(1, None))), call(X, slice(None, None, 2)),
        call(X, Integers((5,), 3)), call(X, (Integers((5,), 3), Integers((5,), 4))), call(X, (slice(None), None, 1)),
        call(X, Truth((3, 4))),
    ],
    "gather": [call(X, 1, Integers((3, 6), 4)), call(X, 0, Integers((2, 4), 3))],
    "tril": [call(X), call(Floats((2, 3, 3)), 1)],
    "triu": [call(X), call(Floats((2, 3, 3)), -1)],
    "scatter": [
        call(X, 1, Integers((3, 1), 4), Floats((3, 1))), call(X, 0, Integers((1, 4), 3), 0.5),
    ],
    "scatter_add": [call(X, 1, Integers((3, 6), 4), Floats((3, 6))), call(X, 0, Integers((2, 4), 3), Floats((2, 4)))],
    "embedding": [
        call(Floats((6, 4)), Integers((3, 5), 6)), call(Floats((6, 4)), Integers((9,), 6), padding_idx=2, smooth=False),
    ],
    "matmul": [
        call(X, Floats((4, 5))), call(ROW, Floats((4, 5))), call(X, ROW), call(ROW, ROW), call(Floats((2, 3, 4)), ROW),
        call(Floats((2, 3, 4)), Floats((4, 5))), call(Floats((2, 3, 4)), Floats((2, 4, 5))),
        call(X, Floats((2, 4, 5))), call(Floats((2, 1, 3, 4)), Floats((3, 4, 2))),
        call(ROW, Floats((2, 4, 3))),
    ],
    "linear": [
        call(X, Floats((5, 4)), Floats((5,))), call(X, Floats((5, 4))),
        call(Floats((2, 3, 4)), Floats((5, 4)), Floats((5,))),
        call(ROW, Floats((5, 4)), Floats((5,))),
    ],
    "conv2d": [
        call(IMAGES, KERNELS, Floats((6,))), call(IMAGES, KERNELS, stride=2, padding=1),
        call(IMAGES, KERNELS, Floats((6,)), stride=(2, 1), padding=(1, 2), dilation=(1, 2)),
        call(IMAGES, Floats((6, 2, 2, 2)), groups=2, stride=3), call(Floats((4, 5, 6)), KERNELS, Floats((6,))),
        call(IMAGES, Floats((4, 1, 3, 3)), groups=4, dilation=2, padding=2),
    ],
    "max_pool2d": [
        call(Floats((1, 2, 4, 4), -4, 4), 2), call(Floats((1, 1, 5, 6), -4, 4), 3, 1, 1),
        call(Floats((1, 5, 6), -4, 4), (2, 3), (1, 2)), call(Floats((1, 1, 5, 6), -4, 4), 2, 1, 0, 2),
        call(Floats((1, 1, 4, 4), equal=4), 2, 1, smooth=False),
    ],
    "avg_pool2d": [
        call(Floats((1, 2, 4, 4)), 2), call(Floats((1, 1, 5, 6)), 3, 1, 1), call(Floats((1, 5, 6)), (2, 3), (1, 2)),
        call(Floats((1, 1, 5, 6)), 3, 2, 1, False), call(Floats((1, 1, 5, 6)), 2, 2, 0, True, 3),
    ],
    "relu": UNARY,
    "leaky_relu": [*UNARY, call(X, 0.2)],
    "tanh": UNARY,
    "sigmoid": UNARY,
    "silu": UNARY,
    "gelu": [*UNARY, *(Case(case.args, {"approximate": "tanh"}) for case in UNARY)],
    "softplus": [*UNARY, call(X, 2.0), call(Floats((3, 4), -25, 25.5))],
    "dropout": [call(X, Truth((3, 4)), 0.4), call(X, Truth((3, 4)), 0.5)],
    "softmax": NORMALIZED,
    "_safe_softmax": NORMALIZED,
    "log_softmax": NORMALIZED,
    "layer_norm": [
        call(X, (4,), Floats((4,), 0.5, 2), Floats((4,))), call(X, (4,)), call(Floats((2, 3, 4)), (3, 4)),
        call(Floats((2, 3, 4)), (3, 4), Floats((3, 4)), None, 1e-3),
    ],
    "rms_norm": [call(X, (4,), Floats((4,), 0.5, 2)), call(X, (4,)), call(Floats((2, 3, 4)), (3, 4), None, 1e-3)],
    "group_norm": [
        call(Floats((2, 6, 3)), 3, Floats((6,), 0.5, 2), Floats((6,))), call(Floats((2, 4, 2, 2)), 2),
        call(Floats((3, 4)), 1, Floats((4,), 0.5, 2), None, 1e-3),
    ],
    "batch_norm": [
        call(Floats((5, 3)), Floats((3,), 0.5, 2), Floats((3,)), training=True),
        call(Floats((2, 3, 2, 2)), Floats((3,), 0.5, 2), Floats((3,)), training=True, eps=1e-3),
        call(Floats((2, 3, 4)), training=True),
        call(Floats((2, 3, 4)), Floats((3,), 0.5, 2), Floats((3,)), Floats((3,), grad=False),
             Floats((3,), 0.5, 2, grad=False)),
    ],
    "mse_loss": DIFFERENCES,
    "l1_loss": DIFFERENCES,
    "smooth_l1_loss": [*DIFFERENCES, *(call(X, Floats((3, 4), -1, 3), beta=beta) for beta in (0.3, 0.0))],
    "huber_loss": [*DIFFERENCES, call(X, Floats((3, 4), -1, 3), delta=0.3)],
    "binary_cross_entropy": [
        call(SHARES, SHARES), call(SHARES, SHARES, reduction="sum"), call(SHARES, SHARES, reduction="none"),
        call(SHARES, SHARES, Floats((3, 4), 0.5, 2, grad=False)),
    ],
    "binary_cross_entropy_with_logits": [
        call(X, SHARES), call(X, SHARES, reduction="sum"), call(X, SHARES, reduction="none"),
        call(X, SHARES, Floats((3, 4), 0.5, 2, grad=False)),
        call(X, SHARES, None, Floats((4,), 0.5, 2, grad=False)),
    ],
    "nll_loss": TARGETS,
    "copy": [call(X, Floats((3, 4), -1, 3)), call(X, ROW), call(X, SCALAR), call(X, Floats((1, 1)))],
    "fill": [call(X, 0.5), call(X, SCALAR)],
    "index_put": [
        call(X, Truth((3, 4)), SCALAR), call(X, Integers((), 3), ROW), call(X, (EVERY_ROW, EVERY_OTHER), PAIRS),
        call(X, (slice(None), EVERY_OTHER), Floats((2,))), call(X, Truth((3, 4)), 0.5),
    ],
    "index_add": [
        call(X, 0, Integers((5,), 3), Floats((5, 4))), call(X, 1, Integers((2,), 4), Floats((3, 2)), alpha=0.5),
    ],
    "lerp": [
        call(X, Floats((3, 4), -1, 3), 0.3), call(X, ROW, 0.75),
        call(X, Floats((3, 4), -1, 3), Floats((3, 4), -0.2, 1.1)),
    ],
    "addcmul": [call(X, PLUS, SHARES), call(X, ROW, Floats((3, 1)), value=0.7)],
    "addcdiv": [call(X, SHARES, PLUS), call(X, ROW, Floats((3, 1), 0.7, 2), value=0.7)],
    "elu": [*UNARY, call(X, 0.7), call(X, 1.67, 1.05), call(X, 0.7, 1.0, 1 / 0.7)],
    "hardtanh": [*UNARY, call(X, 0.0, 1.7), call(Floats((5,)), -1.0, 1.0, smooth=False)],
    "hardsigmoid": [*UNARY, call(Floats((20,), -4.1, 4.1))],
    "hardswish": [*UNARY, call(Floats((20,), -4.1, 4.1))],
    "mish": [*UNARY, call(Floats((20,), -9, 9))],
    "log_sigmoid": [*UNARY, call(Floats((20,), -9, 9))],
    "prelu": [call(X, SCALAR), call(Floats((2, 3, 4)), Floats((3, 1), 0.1, 0.5))],
    "glu": [call(X), call(Floats((2, 4, 3)), 1)],
    "conv1d": [
        call(Floats((2, 4, 9)), Floats((6, 4, 3)), Floats((6,))), call(Floats((2, 4, 9)), Floats((6, 4, 3)), padding=2),
        call(Floats((4, 9)), Floats((6, 2, 2)), Floats((6,)), stride=2, groups=2, dilation=3),
    ],
    "conv_transpose1d": [
        call(Floats((2, 4, 5)), Floats((4, 3, 3)), Floats((3,))),
        call(Floats((4, 5)), Floats((4, 3, 3)), stride=2, padding=1, output_padding=1, groups=2),
    ],
    "conv_transpose2d": [
        call(Floats((2, 4, 3, 4)), Floats((4, 3, 3, 2)), Floats((3,))),
        call(Floats((2, 4, 3, 4)), Floats((4, 3, 3, 3)), stride=2, padding=1, output_padding=1),
        call(Floats((4, 3, 4)), Floats((4, 3, 2, 3)), Floats((6,)), stride=(3, 1), groups=2, dilation=(1, 2)),
    ],
}  # fmt: skip

# Larger ones, in which the order of sums and the share of each thread matter.
BATCH, WIDE = Floats((512, 128), -1.7, 2.0), Floats((48, 1000), -3, 3.5)
HIDDEN = Floats((128,), 0.5, 1.5)
LARGE: dict[str, list[Case]] = {
    "sum": [call(BATCH), call(BATCH, 0), call(BATCH, 1), call(WIDE, 1), call(Floats((8, 64, 48), -1, 2), (0, 2))],
    "mean": [call(BATCH), call(BATCH, 0), call(BATCH, -1, True), call(Floats((30_000,), -1, 2))],
    "softmax": [call(BATCH, 1), call(WIDE, 1), call(Floats((8, 4, 64, 64), -4, 5), -1), call(BATCH, 0)],
    "log_softmax": [call(BATCH, 1), call(WIDE, 1), call(Floats((64, 10), -4, 5), 1)],
    "layer_norm": [
        call(BATCH, (128,), HIDDEN, HIDDEN), call(Floats((100, 64), -1, 2), (64,)),
        call(Floats((32, 768), -1, 2), (768,), Floats((768,), 0.5, 1.5), Floats((768,))),
    ],
    "rms_norm": [call(BATCH, (128,), HIDDEN), call(Floats((100, 64), -1, 2), (64,))],
    "batch_norm": [call(Floats((32, 8, 6, 6), -1, 2), Floats((8,), 0.5, 2), Floats((8,)), training=True)],
    "gelu": [call(Floats((20_000,), -6, 6)), call(Floats((20_000,), -6, 6), approximate="tanh")],
    "silu": [call(Floats((20_000,), -10, 10))],
    "sigmoid": [call(Floats((20_000,), -10, 10))],
    "tanh": [call(Floats((20_000,), -5, 5))],
    "softplus": [call(Floats((20_000,), -10, 25))],
    "exp": [call(Floats((20_000,), -15, 10))],
    "embedding": [call(Floats((50, 32)), Integers((8, 64), 50))],
    "index": [call(Floats((50, 32)), Integers((500,), 50))],
    "linear": [call(BATCH, Floats((64, 128), -0.3, 0.25), Floats((64,)))],
    "conv2d": [call(Floats((8, 4, 12, 12)), Floats((8, 4, 3, 3), -0.3, 0.25), Floats((8,)), padding=1)],
    "avg_pool2d": [call(Floats((4, 3, 16, 16)), 3, 2, 1)],
    "max_pool2d": [call(Floats((4, 3, 16, 16)), 3, 2, 1)],
    "mse_loss": [call(BATCH, Floats((512, 128)))],
    "nll_loss": [call(Floats((512, 50), -5, -0.1), Integers((512,), 50))],
    "binary_cross_entropy_with_logits": [call(BATCH, Floats((512, 128), 0, 1))],
    "elu": [call(Floats((20_000,), -10, 10))],
    "mish": [call(Floats((20_000,), -10, 10))],
    "hardswish": [call(Floats((20_000,), -10, 10))],
    "conv1d": [call(Floats((8, 4, 40)), Floats((8, 4, 5), -0.3, 0.25), Floats((8,)), padding=2)],
    "conv_transpose2d": [call(Floats((4, 6, 8, 8)), Floats((6, 4, 4, 4), -0.3, 0.25), Floats((4,)), stride=2)],
}  # fmt: skip

EVERY_CASE = [(name, case) for name, cases in CASES.items() for case in cases]
NAMES = [f"{name}-{number}" for name, cases in CASES.items() for number in range(len(cases))]
