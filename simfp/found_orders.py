"""Products whose orders of summation were found by asking, carried along them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simfp.accumulation import Accumulator, SequentialSum
from simfp.formats import NAMED_FORMATS, Format, as_format
from simfp.probing import Tree, product_along
from simfp.rounding import round_array
from simfp.tensor_core import HOPPER

__all__ = ["FoundOrders"]

FLOAT32 = NAMED_FORMATS["float32"]


@dataclass(frozen=True)
class FoundOrders(Accumulator):
    """float32 products along the trees that a prober found, each by its shape.

    Parameters
    ----------
    trees
        For each (M, K, N) the tree of its sums; see `simfp.probing`.
    inputs
        "float32": products on ordinary cores, added by fused multiply-adds. "tfloat32": inputs are rounded to nearest
        there, and Hopper's tensor cores add their products.

    Raises ValueError for other inputs.
    """

    trees: Mapping[tuple[int, int, int], Tree]
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
            raise TypeError("FoundOrders adds up products; give it to `matmul`")
        return self.products(a, b, FLOAT32)

    def products(self, a: NDArray[Any], b: NDArray[Any], fmt: Format) -> NDArray[np.float64]:
        """(M, K) and (K, N) float32 values to (M, N); also stacks of such matrices, one after the other.

        Raises ValueError for a shape whose order is not known, naming those that are, and for other formats.
        """
        if fmt != FLOAT32:
            raise ValueError(f"these orders are of products of float32, got {fmt}")
        if a.ndim > 2:
            return np.stack([self.products(*pair, fmt) for pair in zip(a, b, strict=True)])
        shape = (a.shape[0], a.shape[1], b.shape[1])
        if shape not in self.trees:
            known = ", ".join("x".join(map(str, each)) for each in self.trees)
            raise ValueError(f"the order of a product {'x'.join(map(str, shape))} is not known; known are {known}")
        a, b = (np.asarray(x, np.float64) for x in (a, b))
        if self.inputs == "float32":
            return product_along(self.trees[shape], a, b, fmt, SequentialSum(FLOAT32, fma=True))
        narrow = as_format(self.inputs)
        a, b = (round_array(np.array(x, np.float64), narrow, in_place=True) for x in (a, b))
        return product_along(self.trees[shape], a, b, narrow, HOPPER)
