"""Products whose orders of summation were found by asking, carried along them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simfp.accumulation import Accumulator
from simfp.formats import NAMED_FORMATS, Format, as_format
from simfp.probing import Tree, product_along
from simfp.rounding import round_array
from simfp.tensor_core import HOPPER

__all__ = ["MeasuredOrders"]

FLOAT32 = NAMED_FORMATS["float32"]


@dataclass(frozen=True)
class MeasuredOrders(Accumulator):
    """float32 products along the trees that a prober found, each by its shape.

    Parameters
    ----------
    trees
        For each (M, K, N, layout) the tree of its sums; see `simfp.probing`. Of a layout such as "nt", which kernels
        go by too, the first letter is the first factor's: "n" if its rows lie in memory one after the other, "t" if
        its columns do.
    inputs
        "float32": products on CUDA cores, added by fused multiply-adds. "tfloat32": inputs are rounded to nearest
        there, and Hopper's tensor cores add their products.

    Raises ValueError for other inputs.
    """

    trees: Mapping[tuple[int, int, int, str], Tree]
    inputs: str = "float32"

    def __post_init__(self) -> None:
        if self.inputs not in ("float32", "tfloat32"):
            raise ValueError(f"`inputs` must be float32 or tfloat32, got {self.inputs!r}")

    @property
    def format(self) -> Format:
        """The format that sums come in."""
        return FLOAT32

    def add_products(self, a: NDArray[Any], b: NDArray[Any], *, plain: bool = False) -> NDArray[np.float64]:
        """As `products`; a plain sum is refused with TypeError, for nobody asked in which order one is made."""
        if plain:
            raise TypeError("MeasuredOrders adds up products; give it to `matmul`")
        return self.products(a, b, FLOAT32)

    def products(self, a: NDArray[Any], b: NDArray[Any], fmt: Format) -> NDArray[np.float64]:
        """(M, K) and (K, N) float32 values to (M, N); also stacks of such matrices, one after the other.

        Raises ValueError for a shape whose order is not known, naming those that are, and for other formats.
        """
        if fmt != FLOAT32:
            raise ValueError(f"these orders are of products of float32, got {fmt}")
        if not a.size or not b.size:
            return np.zeros((*a.shape[:-1], b.shape[-1]))
        if a.ndim > 2:
            return np.stack([self.products(*pair, fmt) for pair in zip(a, b, strict=True)])
        tree = self._tree(a, b)
        a, b = (np.asarray(x, np.float64) for x in (a, b))
        if self.inputs == "float32":
            return product_along(tree, a, b, fmt, HOPPER.cuda_cores)
        narrow = as_format(self.inputs)
        a, b = (round_array(np.array(x, np.float64), narrow, in_place=True) for x in (a, b))
        return product_along(tree, a, b, narrow, HOPPER)

    def _tree(self, a: NDArray[Any], b: NDArray[Any]) -> Tree:
        shape = (a.shape[0], a.shape[1], b.shape[1])
        layouts = [first + second for first in _layouts(a) for second in _layouts(b)]
        for layout in layouts:
            if (*shape, layout) in self.trees:
                return self.trees[*shape, layout]
        known = ", ".join(f"{m}x{k}x{n} {layout}" for m, k, n, layout in self.trees)
        raise ValueError(
            f"the order of a product {'x'.join(map(str, shape))} {layouts[0]} is not known; known are {known}"
        )


def _layouts(x: NDArray[Any]) -> str:
    """How a matrix lies in memory: "n" by rows, "t" by columns, "nt" if both are true, as of a single row."""
    return "nt" if x.flags.c_contiguous and x.flags.f_contiguous else "t" if x.flags.f_contiguous else "n"
