"""Matrix products with results of 16 bits: which are asked for, and the ways in which their sums may be made.

The sums of a tensor core are float32; where a kernel splits K, the parts may be rounded to 16 bits before they are
added, and every sum of parts again. Which of this a device does, and in which order, depends on the shape.
"""

from __future__ import annotations

import hashlib
import itertools
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simfp.accumulation import SequentialSum
from simfp.formats import as_format
from simfp.probing import Tree, product_along
from simfp.rounding import encode, round_to
from simfp.tensor_core import HOPPER, TensorCore

__all__ = [
    "FLOAT32_SUMS", "FP16_SUMS", "LAYERS", "SHAPES", "TRAINING", "WAYS", "Shape", "bias", "checksum", "inputs", "model",
    "summed",
]  # fmt: skip

LAYOUTS = ("nn", "nt", "tn", "tt")
FORMATS = ("float16", "bfloat16")


class Shape(NamedTuple):
    """One product: the format of its inputs, its shape, and how each factor lies in memory."""

    fmt: str
    m: int
    k: int
    n: int
    layout: str  # for each factor "n" if its rows lie in memory one after the other, "t" if its columns do

    @property
    def name(self) -> str:
        """What it is called in a recording."""
        return f"{self.fmt} {self.m}x{self.k}x{self.n} {self.layout}"

    @classmethod
    def named(cls, name: str) -> Shape:
        """The shape that is called so."""
        fmt, size, layout = name.split()
        m, k, n = map(int, size.split("x"))
        return cls(fmt, m, k, n, layout)


class Way(NamedTuple):
    """How the parts of a split sum become one: the formats that a part is rounded to, and each sum of parts."""

    kept: str
    reduction: str


WAYS = {
    "float32": Way("float32", "float32"),  # nothing is rounded to 16 bits before the end
    "narrow": Way("narrow", "narrow"),  # parts and sums of parts are; "narrow" stands for the format of the result
    "narrow parts": Way("narrow", "float32"),  # parts only
    "narrow sums": Way("float32", "narrow"),  # the sum so far only: the first part, and each sum
}
SIZES = ((10, 10), (10, 64), (64, 10), (64, 64), (100, 100), (128, 10), (128, 128), (256, 256), (64, 1000), (1000, 64))
LENGTHS = (32, 64, 100, 128, 256, 512, 784, 1000, 1024, 2048, 4096)
SHAPES = tuple(
    Shape(fmt, m, k, n, layout)
    for k, fmt, (m, n), layout in itertools.product(LENGTHS, FORMATS, SIZES, LAYOUTS)
)  # fmt: skip

BATCHES = (32, 64, 128, 256)
LAYERS = ((784, 256, 10), (64, 256, 256, 8))  # of the perceptrons whose training is reproduced


def _training() -> dict[str, tuple[Shape, ...]]:
    """The products that one step of training makes of these layers, with weights W of (out, in), by what they are."""
    found: dict[str, list[Shape]] = {"y = x W^T + b": [], "dW = g^T x": [], "dx = g W": [], "db = sum of g": []}
    for batch, fmt, widths in itertools.product(BATCHES, FORMATS, LAYERS):
        for number, (fan_in, fan_out) in enumerate(itertools.pairwise(widths)):
            found["y = x W^T + b"].append(Shape(fmt, batch, fan_in, fan_out, "nt"))
            found["dW = g^T x"].append(Shape(fmt, fan_out, batch, fan_in, "tn"))
            found["db = sum of g"].append(Shape(fmt, fan_out, batch, 1, "tn"))
            if number:  # nobody asks for the inputs' own gradient
                found["dx = g W"].append(Shape(fmt, batch, fan_out, fan_in, "nn"))
    return {what: tuple(dict.fromkeys(shapes)) for what, shapes in found.items()}


TRAINING = _training()

# Hopper's core with sums in float16, as torch.backends.cuda.matmul.allow_fp16_accumulation asks for
FP16_SUMS = TensorCore(16, 25, "float16", "nearest_even", inputs=("float16",))

FLOAT32_SUMS = SequentialSum("float32")  # no product: the gradient of a bias is a sum over the batch


def inputs(shape: Shape) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Normal random numbers in the format, (M, K) and (K, N)."""
    rng = np.random.default_rng([FORMATS.index(shape.fmt), shape.m, shape.k, shape.n, LAYOUTS.index(shape.layout)])
    sizes = (shape.m, shape.k), (shape.k, shape.n)
    a, b = (np.asarray(round_to(rng.standard_normal(size), shape.fmt)) for size in sizes)
    return a, b


def summed(shape: Shape) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The first of the inputs and ones, whose product is the sum of each of its rows."""
    return inputs(shape)[0], np.ones((shape.k, 1))


def bias(shape: Shape) -> NDArray[np.float64]:
    """N random numbers in the format, of the size of the sums."""
    x = np.random.default_rng([9, shape.n]).standard_normal(shape.n)
    return np.asarray(round_to(x * shape.k**0.5, shape.fmt))


def model(
    shape: Shape,
    tree: Tree | None = None,
    way: str = "float32",
    *,
    core: Any = HOPPER,
    add: NDArray[np.float64] | None = None,
    given: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None,
) -> NDArray[np.float64]:
    """The product of the inputs of `shape` (or of `given`) in its format, rounded once at the end.

    tree: the order of its sums; if not given, from the first k to the last in full steps.
    way: of WAYS: what becomes of the parts.
    core: the tensor core that multiplies.
    add: what is added to each row in float32, before the rounding.
    """
    a, b = inputs(shape) if given is None else given
    if tree is None:
        made = core.products(a, b, as_format(shape.fmt))
    else:
        kept, reduction = (shape.fmt if fmt == "narrow" else fmt for fmt in WAYS[way])
        made = product_along(tree, a, b, shape.fmt, core, reduction=reduction, partial_dtype=kept)
    if add is not None:
        made = round_to(made + add, "float32")
    return np.asarray(round_to(made, shape.fmt))


def checksum(values: NDArray[np.float64], fmt: str) -> str:
    """SHA-256 of the values' codes in `fmt`."""
    return hashlib.sha256(np.asarray(encode(values, fmt)).astype(np.uint16).tobytes()).hexdigest()
