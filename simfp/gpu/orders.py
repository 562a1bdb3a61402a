"""Finds, for a grid of shapes, in which order a device sums its products, and whether the model then has its bits."""

from __future__ import annotations

import itertools
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from simfp.accumulation import Accumulator, SequentialSum
from simfp.formats import as_format
from simfp.gpu.products import TYPES, count_on, laid_out, multiply
from simfp.probing import describe, product_along, summation_tree
from simfp.rounding import round_to
from simfp.silicon import recordings
from simfp.silicon.split_k_products import Shape
from simfp.tensor_core import HOPPER, predicted_order

__all__ = ["FORMATS", "LENGTHS", "SIZES", "compared", "grid", "orders"]

FORMATS = ("float16", "bfloat16", "tfloat32", "float32")
SIZES = (10, 64, 100, 128, 256, 512, 1000)  # of M and N
LENGTHS = (16, 32, 64, 100, 128, 200, 256, 512, 784, 1000, 1024, 2048, 4096)  # of K
LARGEST = 512 * 512 * 4096  # multiply-adds of one product
ORDINARY = {"fma": SequentialSum("float32", fma=True), "multiply, add": SequentialSum("float32")}


def grid() -> Iterator[Shape]:
    """All shapes: those of 16-bit inputs first, then by the length of their sums."""
    for formats in (FORMATS[:2], FORMATS[2:]):
        for k, fmt, m, n in itertools.product(LENGTHS, formats, SIZES, SIZES):
            for layout in ("nn", "nt", "tn", "tt") if 64 in (m, n) else ("nn", "nt"):
                if m * k * n <= LARGEST:
                    yield Shape(fmt, m, k, n, layout)


def orders(device: str, seconds: float = 3600.0, formats: Sequence[str] = FORMATS) -> dict[str, Any]:
    """For each shape of the grid that `seconds` allow: how many elements differ, and with which order.

    "expected": in the predicted order (or where there is no prediction, in the plain one). "found": along the tree that
    the prober found, for those that differ; with the index of the tree, and on which units the products were made.
    """
    began, rows = time.monotonic(), []
    trees: dict[str, int] = {}
    shapes = [shape for shape in grid() if shape.fmt in formats]
    for number, shape in enumerate(shapes):
        if time.monotonic() - began > seconds:
            print(f"\nstopped after {number:,} of {len(shapes):,} shapes", file=sys.stderr)
            break
        rows.append(_row(device, shape, number, trees))
        if number % 50 == 0:
            left = sum(row["found"] != 0 and row["expected"] != 0 for row in rows)
            print(f"\r{number:,} of {len(shapes):,} shapes, {left} unexplained ", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return {"what": "orders in which products are summed, by shape", "rows": rows, "trees": list(trees)}


def compared(device: str, names: Sequence[str], seconds: float = 3600.0) -> dict[str, Any]:
    """A sample of the shapes of recordings of orders, asked for again: which of them this device sums otherwise.

    names: of the recordings. Shapes that no model had come first, the others at random, as many as `seconds` allow.
    What is compared is the order, and how many elements are as in the plain one.
    """
    began = time.monotonic()
    told = [recordings.load(name) for name in names]
    every = [(name, number) for name, one in zip(names, told, strict=True) for number in range(len(one["rows"]))]
    drawn = [every[place] for place in np.random.default_rng(0).permutation(len(every))]
    open_first = sorted(drawn, key=lambda one: not told[names.index(one[0])]["rows"][one[1]]["found"])
    asked, same, otherwise, explained = Counter[str](), Counter[str](), [], 0
    for name, number in open_first:
        if time.monotonic() - began > seconds:
            break
        recording = told[names.index(name)]
        there = dict(recording["rows"][number])
        if "tree" in there:
            there["tree"] = recording["trees"][there["tree"]]
        trees: dict[str, int] = {}
        shape = Shape(*(there[field] for field in Shape._fields))
        here = _row(device, shape, number, trees)
        if "tree" in here:
            here["tree"] = [*trees][here["tree"]]
        asked[shape.fmt] += 1
        explained += not (here["expected"] and here["found"])
        if all(here.get(key) == there.get(key) for key in ("expected", "tree")):
            same[shape.fmt] += 1
        else:
            otherwise.append({"here": here, "there": there})
        if not asked.total() % 20:
            print(f"\r{asked.total():,} shapes, {len(otherwise)} otherwise ", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return {
        "what": "a sample of recorded shapes, asked for again: the order of each, and how many elements differ from it",
        "recorded": {name: one["provenance"]["device"] for name, one in zip(names, told, strict=True)},
        "asked": dict(asked),
        "same": dict(same),
        "explained": explained,
        "differing": otherwise,
    }


def _row(device: str, shape: Shape, seed: int, trees: dict[str, int]) -> dict[str, Any]:
    """What was found out about one shape."""
    fmt, m, k, n, layout = shape
    rng = np.random.default_rng(seed)
    a, b = (np.asarray(round_to(rng.standard_normal(size), fmt)) for size in ((m, k), (k, n)))
    left, right = (
        laid_out(torch.tensor(x).to(TYPES[fmt]).to(device), way) for x, way in zip((a, b), layout, strict=True)
    )
    made = multiply(left, right, fmt).double().cpu().numpy()
    predicted = predicted_order(fmt, m, k, n, layout)
    plain: Accumulator = ORDINARY["fma"] if fmt == "float32" else HOPPER.with_order(predicted)
    row: dict[str, Any] = shape._asdict() | {
        "predicted": predicted is not None,
        "expected": differing(plain.products(a, b, as_format(fmt)), made),
        "found": None,
    }
    if row["expected"]:
        tree = summation_tree(count_on(device, fmt, (m, k, n), layout), k)
        row["tree"] = trees.setdefault(describe(tree), len(trees))
        units: dict[str, tuple[Accumulator, bool]] = {name: (unit, False) for name, unit in ORDINARY.items()}
        units["fma, last terms apart"] = ORDINARY["fma"], True
        if fmt != "float32":
            units = {"tensor core": (HOPPER, False)} | (units if fmt == "tfloat32" else {})
        for name, (unit, apart) in units.items():
            found = differing(product_along(tree, a, b, fmt, unit, apart=apart), made)
            if row["found"] is None or found < row["found"]:
                row |= {"found": found, "unit": name}
            if not found:
                break
    return row


def differing(x: NDArray[Any], y: NDArray[Any]) -> int:
    """How many elements of two arrays are not the same number."""
    return int((x != y).sum())
