"""What lesson 06 computes: what a tensor core adds, in what order, and what it throws away."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simfp import HOPPER, ExactSum, SequentialSum, array, float16, matmul
from simfp.course.lessons.lesson_06 import answers
from simfp.experiments.numbers import adders
from simfp.formats import as_format
from simfp.probing import Tree
from simfp.silicon import product_cases, recordings, tensor_core_bits
from simfp.silicon.product_cases import Recorded

__all__ = ["additions", "mystery", "recorded_bits", "recorded_orders"]

FIRST = tensor_core_bits.SHOWN[0].name  # the product that the lesson looks at


def mystery(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sums that the unknown core of 06.c makes of rows of numbers, each multiplied by 1 in fp16."""
    return adders.model(answers.MYSTERY, float16)(rows)


def recorded_orders() -> list[dict[str, Any]]:
    """The recorded grid of shapes: a row for each."""
    names = ("h100_orders", "h100_orders_tfloat32_float32")
    return [row for name in names for row in recordings.load(name)["rows"]]


class Bits(NamedTuple):
    """Whose bits the recorded products of one format have."""

    elements: int
    fused: int  # those of the model of Hopper's tensor cores
    ordinary: int  # those of fp32 additions, one after the other
    source: str


@cache
def recorded_bits(fmt: str) -> Bits:
    """Of all recorded products of `fmt`, how many elements have which bits; any NaN counts as any other."""
    rows = [row for row in recordings.answers("h100_products") if row.case.fmt == fmt]
    elements = sum(row.answer.size for row in rows)
    ordinary = 0
    for row in rows:
        with np.errstate(all="ignore"):
            made = SequentialSum("float32", fma=True).products(*product_cases.values(row.case), as_format(fmt))
        told = row.answer.view(np.float32)
        ordinary += int(np.sum((made == told) | (np.isnan(made) & np.isnan(told))))
    fused = elements - sum(row.differing() for row in rows)
    return Bits(elements, fused, ordinary, recordings.source(recordings.load("h100_products")))


def as_rounded_once() -> float:
    """The share, in per cent, of the elements of FIRST that are the exact sum rounded once to fp32."""
    row: Recorded = next(row for row in recordings.answers("h100_products") if row.case.name == FIRST)
    best = ExactSum("float32").products(*product_cases.values(row.case), as_format(row.case.fmt))
    return 100 * float(np.mean(best == row.answer.view(np.float32)))


def additions(tree: Tree, term: int) -> int:
    """Through how many additions a term goes in a tree."""
    depth, node = 0, tree
    while isinstance(node, tuple):
        node = next(child for child in node if child == term or (isinstance(child, tuple) and _has(child, term)))
        depth += 1
    return depth


def _has(tree: Tree, term: int) -> bool:
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, tuple):
            waiting.extend(node)
        elif node == term:
            return True
    return False


def first_to_last() -> float:
    """The share, in per cent, of the recorded shapes that were summed from the first product to the last."""
    rows = recorded_orders()
    first: int = sum(row["expected"] == 0 for row in rows)
    return 100 * first / len(rows)


def vanishing() -> float:
    """1024 - 1024 + 2^-16 in a tensor core."""
    a, b = array([[32, -32, 2.0**-8]], "fp16"), array([[32], [32], [2.0**-8]], "fp16")
    return float(matmul(a, b, accumulator=HOPPER, out_dtype="fp32").values[0, 0])
