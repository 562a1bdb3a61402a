"""Operations to ask a GPU for, as data: each is written once, with torch's names, and runs on torch and on simfp alike.

A case is called with `F`, the names of one of the two, and with its inputs, that one's tensors. The inputs' codes come
from integers that a seed gives, so that every machine asks the same.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simfp.formats import Format, as_format
from simfp.rounding import encode

__all__ = [
    "CASES",
    "FEW",
    "FORMATS",
    "MANY",
    "RANGES",
    "SIXTEEN",
    "Case",
    "Drawn",
    "Labels",
    "drawn",
    "inputs",
    "patterns",
    "seeded",
]

FORMATS = ("float32", "float16", "bfloat16")
SIXTEEN = FORMATS[1:]
STEPS = 1 << 20  # that a significand is drawn from

Codes = NDArray[Any]


class Range(NamedTuple):
    """Which numbers are drawn: sizes by exponent (`high` not included), or evenly between two limits."""

    low: float
    high: float
    even: bool = False
    signed: bool = True


# fmt: off
RANGES = {
    #                 low   high
    "near one": Range(-6,   2),
    "positive": Range(-6,   3,   signed=False),
    "scores":   Range(-8.0, 8.0, even=True),
    "shares":   Range(0.0,  1.0, even=True),  # neither limit is drawn
    "few":      Range(-2.0, 2.0, even=True),  # multiples of 1/4: many are equal
}
# fmt: on


class Drawn(NamedTuple):
    """Numbers of the case's format."""

    shape: tuple[int, ...]
    kind: str = "near one"
    grad: bool = True


class Labels(NamedTuple):
    """Integers from 0 to `high` - 1."""

    shape: tuple[int, ...]
    high: int


class Every(NamedTuple):
    """All codes of a 16-bit format; of float32 some of every sign and exponent."""

    grad: bool = True


class Bits(NamedTuple):
    """Random codes of any kind: subnormal numbers, infinities and NaNs are among them."""

    grad: bool = True


class Count(NamedTuple):
    """How many elements the inputs without a shape of their own have."""

    patterns: int  # of Every, in float32; a multiple of 1024
    pairs: int  # of Bits


FEW, MANY = Count(1 << 18, 1 << 18), Count(1 << 21, 10_000_000)


class Case(NamedTuple):
    """One operation on certain inputs."""

    name: str
    suite: str
    run: Callable[..., Any]  # (F, *tensors) -> a tensor
    inputs: tuple[Any, ...]
    formats: Sequence[str] = FORMATS
    everywhere: Sequence[str] = ()  # the formats in which IEEE 754 leaves no choice, on a CPU neither
    frontier: str = ""  # the row of `frontier.FRONTIER` that tells in what it is not known to the bit
    recorded: bool = True  # False: it waits for a GPU; no recording has it yet


def seeded(name: str, *more: int) -> np.random.Generator:
    """Random numbers that belong to a name."""
    return np.random.default_rng([zlib.crc32(name.encode()), *more])


def inputs(case: Case, fmt: str, count: Count) -> list[Codes]:
    """The codes of the case's inputs in a format (of labels the integers themselves)."""
    rng = seeded(case.name, FORMATS.index(fmt))
    return [_codes(spec, as_format(fmt), rng, count) for spec in case.inputs]


def _codes(spec: Any, fmt: Format, rng: np.random.Generator, count: Count) -> Codes:
    if isinstance(spec, Labels):
        return rng.integers(0, spec.high, spec.shape)
    if isinstance(spec, Drawn):
        return drawn(spec.shape, spec.kind, fmt, rng)
    if isinstance(spec, Bits):
        return rng.integers(0, 1 << fmt.bits, count.pairs, dtype=fmt.code_dtype)
    return np.arange(1 << 16, dtype=np.uint16) if fmt.bits == 16 else patterns(count.patterns, rng)


def drawn(shape: tuple[int, ...], kind: str, fmt: Format, rng: np.random.Generator) -> Codes:
    """Codes of numbers of one of RANGES, each rounded once to the format."""
    low, high, even, signed = RANGES[kind]
    if kind == "few":
        return np.asarray(encode(rng.integers(4 * int(low), 4 * int(high) + 1, shape) / 4.0, fmt))
    steps = rng.integers(1, STEPS, shape) / STEPS
    if even:
        return np.asarray(encode(low + (high - low) * steps, fmt))
    size = np.ldexp(1 + steps, rng.integers(int(low), int(high), shape))
    return np.asarray(encode(size * (rng.integers(0, 2, shape) * 2 - 1) if signed else size, fmt))


def patterns(count: int, rng: np.random.Generator) -> NDArray[np.uint32]:
    """Codes of float32: of each sign and exponent the same number, and some beside the halfway points of 16 bits."""
    each = count // 512
    mantissas = rng.integers(0, 1 << 23, (512, each), dtype=np.uint32)
    halfway = [
        half + beside for bits in (13, 16, 20, 21) for half in (1 << bits - 1, 3 << bits - 1) for beside in (-1, 0, 1)
    ]
    corners = np.array([0, 1, (1 << 23) - 1, (1 << 22), *halfway], np.uint32)[: each // 2]
    mantissas[:, : len(corners)] = corners
    return ((np.arange(512, dtype=np.uint32)[:, None] << np.uint32(23)) | mantissas).reshape(-1)


def _unary(name: str, run: Callable[..., Any], everywhere: Sequence[str] = (), frontier: str = "") -> Case:
    return Case(name, "elementwise", run, (Every(),), everywhere=everywhere, frontier=frontier)


def _binary(name: str, run: Callable[..., Any], everywhere: Sequence[str] = FORMATS) -> Case:
    return Case(name, "elementwise", run, (Bits(), Bits()), everywhere=everywhere)


def _of(suite: str, name: str, run: Callable[..., Any], *given: Any, **options: Any) -> Case:
    return Case(name, suite, run, given, **options)


ROWS, WIDE = Drawn((96, 256)), Drawn((33, 1000))
LOGITS, CLASSES = Drawn((128, 64), "scores"), Labels((128,), 64)
PAIR = (Drawn((64, 80)), Drawn((64, 80)))
FEW_VALUES = Drawn((64, 80), "few")
IMAGES = Drawn((4, 16, 14, 14), "positive")
STATISTICS = Drawn((32,), grad=False), Drawn((32,), "positive", grad=False)

# fmt: off
CASES: tuple[Case, ...] = (
    # elementwise, of one number
    _unary("neg",          lambda F, x: F.neg(x), FORMATS),
    _unary("abs",          lambda F, x: F.abs(x), FORMATS),
    _unary("relu",         lambda F, x: F.relu(x)),
    _unary("sqrt",         lambda F, x: F.sqrt(x)),
    _unary("reciprocal",   lambda F, x: F.reciprocal(x)),
    _unary("rsqrt",        lambda F, x: F.rsqrt(x)),
    _unary("exp",          lambda F, x: F.exp(x)),
    _unary("log",          lambda F, x: F.log(x)),
    _unary("tanh",         lambda F, x: F.tanh(x)),
    _unary("sigmoid",      lambda F, x: F.sigmoid(x)),
    _unary("silu",         lambda F, x: F.silu(x)),
    _unary("gelu",         lambda F, x: F.gelu(x)),
    _unary("gelu tanh",    lambda F, x: F.gelu(x, approximate="tanh")),
    _unary("softplus",     lambda F, x: F.softplus(x)),
    _unary("leaky_relu",   lambda F, x: F.leaky_relu(x, 0.01)),
    _unary("clamp",        lambda F, x: F.clamp(x, -0.5, 2.0), FORMATS),
    _unary("square",       lambda F, x: F.pow(x, 2)),
    _unary("pow 2.5",      lambda F, x: F.pow(x, 2.5)),
    _unary("pow -0.7",     lambda F, x: F.pow(x, -0.7)),
    _unary("times 0.1",    lambda F, x: x * 0.1),
    _unary("over 3",       lambda F, x: x / 3),
    # and of two
    _binary("add",         lambda F, x, y: x + y),
    _binary("sub",         lambda F, x, y: x - y),
    _binary("mul",         lambda F, x, y: x * y),
    _binary("div",         lambda F, x, y: x / y, ()),
    _binary("maximum",     lambda F, x, y: F.maximum(x, y), ()),
    _binary("minimum",     lambda F, x, y: F.minimum(x, y), ()),
    _of("elementwise", "pow of two", lambda F, x, y: F.pow(x, y), Drawn((512, 512), "positive"), Drawn((512, 512))),
    # sums
    _of("sums", "sum of all",        lambda F, x: F.sum(x), ROWS),
    _of("sums", "sum of rows",       lambda F, x: F.sum(x, 1), WIDE),
    _of("sums", "sum of columns",    lambda F, x: F.sum(x, 0), WIDE),
    _of("sums", "sum of long rows",  lambda F, x: F.sum(x, 1), Drawn((3, 40_000))),
    _of("sums", "sum of two axes",   lambda F, x: F.sum(x, (0, 2)), Drawn((24, 18, 50))),
    _of("sums", "sum of the middle", lambda F, x: F.sum(x, 1), Drawn((24, 180, 50))),
    _of("sums", "mean of all",       lambda F, x: F.mean(x), WIDE),
    _of("sums", "mean of rows",      lambda F, x: F.mean(x, 1), ROWS),
    _of("sums", "mean of columns",   lambda F, x: F.mean(x, 0), ROWS),
    _of("sums", "broadcast add",     lambda F, x, b: x + b, ROWS, Drawn((256,))),
    _of("sums", "var",               lambda F, x: F.var(x, 1), WIDE),
    _of("sums", "var of all",        lambda F, x: F.var(x), WIDE),
    _of("sums", "var of columns",    lambda F, x: F.var(x, 0), Drawn((1000, 36))),
    _of("sums", "var of two axes",   lambda F, x: F.var(x, (0, 2)), Drawn((24, 18, 50))),
    _of("sums", "std",               lambda F, x: F.std(x, 1), ROWS),
    _of("sums", "std of long rows",  lambda F, x: F.std(x, 1), Drawn((3, 40_001))),
    _of("sums", "amax",              lambda F, x: F.amax(x, 1), Drawn((96, 64), "few")),
    # linear, with bias
    _of("linear", "linear 64x64x128",   lambda F, x, w, b: F.linear(x, w, b), Drawn((64, 64)), Drawn((128, 64)), Drawn((128,)), formats=SIXTEEN),  # noqa: E501
    _of("linear", "linear 128x256x64",  lambda F, x, w, b: F.linear(x, w, b), Drawn((128, 256)), Drawn((64, 256)), Drawn((64,)), formats=SIXTEEN),  # noqa: E501
    _of("linear", "linear 8x16x64x192", lambda F, x, w, b: F.linear(x, w, b), Drawn((8, 16, 64)), Drawn((192, 64)), Drawn((192,)), formats=SIXTEEN),  # noqa: E501
    _of("linear", "linear no bias",     lambda F, x, w: F.linear(x, w), Drawn((64, 128)), Drawn((256, 128)), formats=SIXTEEN),  # noqa: E501
    _of("linear", "matmul 64x128x64",   lambda F, a, b: F.matmul(a, b), Drawn((64, 128)), Drawn((128, 64)), formats=SIXTEEN),  # noqa: E501
    _of("linear", "matmul of stacks",   lambda F, a, b: F.matmul(a, b), Drawn((6, 32, 64)), Drawn((6, 64, 32)), formats=SIXTEEN),  # noqa: E501
    _of("linear", "matmul float32",     lambda F, a, b: F.matmul(a, b), Drawn((64, 300), "positive"), Drawn((300, 64), "positive"), formats=FORMATS[:1], frontier="float32 products"),  # noqa: E501
    _of("linear", "conv2d",             lambda F, x, w: F.conv2d(x, w, padding=1), IMAGES, Drawn((32, 16, 3, 3), "positive"), frontier="conv2d"),  # noqa: E501
    _of("linear", "attention",          lambda F, q, k, v: F.scaled_dot_product_attention(q, k, v), Drawn((2, 4, 64, 32)), Drawn((2, 4, 64, 32)), Drawn((2, 4, 64, 32), "positive"), formats=SIXTEEN, frontier="attention"),  # noqa: E501
    # softmax
    _of("softmax", "softmax of 10",        lambda F, x: F.softmax(x, -1), Drawn((64, 10), "scores")),
    _of("softmax", "softmax of 64",        lambda F, x: F.softmax(x, -1), LOGITS),
    _of("softmax", "softmax of 1000",      lambda F, x: F.softmax(x, -1), Drawn((33, 1000), "scores")),
    _of("softmax", "softmax of 1024",      lambda F, x: F.softmax(x, -1), Drawn((16, 1024), "scores")),
    _of("softmax", "log_softmax of 10",    lambda F, x: F.log_softmax(x, -1), Drawn((64, 10), "scores")),
    _of("softmax", "log_softmax of 64",    lambda F, x: F.log_softmax(x, -1), LOGITS),
    _of("softmax", "log_softmax of 1000",  lambda F, x: F.log_softmax(x, -1), Drawn((33, 1000), "scores")),
    _of("softmax", "softmax of 1500",      lambda F, x: F.softmax(x, -1), Drawn((5, 1500), "scores")),
    _of("softmax", "softmax of 4096",      lambda F, x: F.softmax(x, -1), Drawn((16, 4096), "scores")),
    _of("softmax", "softmax of 10,000",    lambda F, x: F.softmax(x, -1), Drawn((5, 10_000), "scores")),
    _of("softmax", "softmax of 50,257",    lambda F, x: F.softmax(x, -1), Drawn((5, 50_257), "scores")),
    _of("softmax", "softmax of columns",   lambda F, x: F.softmax(x, 0), LOGITS),
    _of("softmax", "softmax of the middle",    lambda F, x: F.softmax(x, 1), Drawn((4, 100, 33), "scores")),
    _of("softmax", "log_softmax of 2049",  lambda F, x: F.log_softmax(x, -1), Drawn((5, 2049), "scores")),
    _of("softmax", "log_softmax of 4096",  lambda F, x: F.log_softmax(x, -1), Drawn((16, 4096), "scores")),
    _of("softmax", "log_softmax of 50,257",    lambda F, x: F.log_softmax(x, -1), Drawn((5, 50_257), "scores")),
    _of("softmax", "log_softmax of columns",   lambda F, x: F.log_softmax(x, 0), Drawn((63, 70), "scores")),
    # norms and embedding
    _of("norms", "layer_norm of 64",    lambda F, x, w, b: F.layer_norm(x, (64,), w, b), Drawn((70, 64)), Drawn((64,), "positive"), Drawn((64,))),  # noqa: E501
    _of("norms", "layer_norm of 768",   lambda F, x, w, b: F.layer_norm(x, (768,), w, b), Drawn((128, 768)), Drawn((768,), "positive"), Drawn((768,))),  # noqa: E501
    _of("norms", "layer_norm of 1024",  lambda F, x: F.layer_norm(x, (1024,)), Drawn((33, 1024))),
    _of("norms", "rms_norm of 64",      lambda F, x, w: F.rms_norm(x, (64,), w), Drawn((70, 64)), Drawn((64,), "positive")),  # noqa: E501
    _of("norms", "rms_norm of 768",     lambda F, x, w: F.rms_norm(x, (768,), w), Drawn((300, 768)), Drawn((768,), "positive")),  # noqa: E501
    _of("norms", "embedding",           lambda F, i, w: F.embedding(i, w), Labels((8, 64), 50), Drawn((50, 96))),
    _of("norms", "embedding of 3072",   lambda F, i, w: F.embedding(i, w), Labels((3072,), 200), Drawn((200, 64))),
    _of("norms", "embedding of 4000",   lambda F, i, w: F.embedding(i, w), Labels((4000,), 200), Drawn((200, 64))),
    _of("norms", "embedding, used often",   lambda F, i, w: F.embedding(i, w), Labels((4000,), 20), Drawn((20, 64)), frontier="atomic embedding"),  # noqa: E501
    _of("norms", "layer_norm of 62",    lambda F, x, w, b: F.layer_norm(x, (62,), w, b), Drawn((70, 62)), Drawn((62,), "positive"), Drawn((62,))),  # noqa: E501
    _of("norms", "layer_norm of 1025, no weight",   lambda F, x, b: F.layer_norm(x, (1025,), None, b), Drawn((33, 1025)), Drawn((1025,))),  # noqa: E501
    _of("norms", "rms_norm of 255",     lambda F, x, w: F.rms_norm(x, (255,), w), Drawn((70, 255)), Drawn((255,), "positive")),  # noqa: E501
    _of("norms", "group_norm",          lambda F, x, w, b: F.group_norm(x, 8, w, b), Drawn((4, 32, 10)), Drawn((32,), "positive"), Drawn((32,))),  # noqa: E501
    _of("norms", "group_norm of planes",    lambda F, x, w, b: F.group_norm(x, 4, w, b), IMAGES, Drawn((16,), "positive"), Drawn((16,))),  # noqa: E501
    _of("norms", "group_norm of single values", lambda F, x, w, b: F.group_norm(x, 4, w, b), Drawn((140, 32)), Drawn((32,), "positive"), Drawn((32,))),  # noqa: E501
    _of("norms", "batch_norm",          lambda F, x, w, b: F.batch_norm(x, None, None, w, b, training=True), Drawn((64, 32)), Drawn((32,), "positive"), Drawn((32,))),  # noqa: E501
    _of("norms", "batch_norm of 9000",  lambda F, x, w, b: F.batch_norm(x, None, None, w, b, training=True), Drawn((9000, 40)), Drawn((40,), "positive"), Drawn((40,))),  # noqa: E501
    _of("norms", "batch_norm, running", lambda F, x, m, v, w, b: F.batch_norm(x, m, v, w, b), Drawn((64, 32)), *STATISTICS, Drawn((32,), "positive"), Drawn((32,))),  # noqa: E501
    _of("norms", "batch_norm of planes",    lambda F, x, w, b: F.batch_norm(x, None, None, w, b, training=True), IMAGES, Drawn((16,), "positive"), Drawn((16,)), formats=SIXTEEN),  # noqa: E501
    _of("norms", "batch_norm by cuDNN", lambda F, x, w, b: F.batch_norm(x, None, None, w, b, training=True), IMAGES, Drawn((16,), "positive"), Drawn((16,)), formats=FORMATS[:1], frontier="batch_norm"),  # noqa: E501
    # losses
    _of("losses", "mse_loss",           lambda F, x, t: F.mse_loss(x, t), *PAIR),
    _of("losses", "mse_loss sum",       lambda F, x, t: F.mse_loss(x, t, reduction="sum"), *PAIR),
    _of("losses", "l1_loss",            lambda F, x, t: F.l1_loss(x, t), *PAIR),
    _of("losses", "l1_loss, equal",     lambda F, x, t: F.l1_loss(x, t), FEW_VALUES, FEW_VALUES),
    _of("losses", "smooth_l1_loss",     lambda F, x, t: F.smooth_l1_loss(x, t), *PAIR),
    _of("losses", "huber_loss",         lambda F, x, t: F.huber_loss(x, t, delta=0.3), *PAIR),
    _of("losses", "cross_entropy",      lambda F, i, x: F.cross_entropy(x, i), CLASSES, LOGITS),
    _of("losses", "cross_entropy of 1000", lambda F, i, x: F.cross_entropy(x, i), Labels((48,), 1000), Drawn((48, 1000), "scores")),  # noqa: E501
    _of("losses", "nll_loss",           lambda F, i, x: F.nll_loss(x, i), CLASSES, LOGITS),
    _of("losses", "binary_cross_entropy", lambda F, x, t: F.binary_cross_entropy(x, t), Drawn((64, 80), "shares"), Drawn((64, 80), "shares", grad=False)),  # noqa: E501
    _of("losses", "bce with logits",    lambda F, x, t: F.binary_cross_entropy_with_logits(x, t), Drawn((64, 80), "scores"), Drawn((64, 80), "shares", grad=False)),  # noqa: E501
)
# fmt: on
