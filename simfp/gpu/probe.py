"""Asks a device in which order it sums, and what its steps keep, without knowing anything beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from simfp.gpu.products import TYPES, count_on, multiply
from simfp.probing import (
    Step,
    Tree,
    describe,
    factors,
    find_step,
    masks_for,
    name_of,
    read_tree,
    summation_tree,
    survivors,
)

__all__ = ["Finding", "probe", "recording", "report"]


class Finding(NamedTuple):
    """What was found out about one kind of sum."""

    what: str
    tree: Tree
    step: Step
    names: list[str]  # of the generations whose tensor cores make such steps
    fmt: str  # of the inputs
    result: str  # the format of the sums
    shape: tuple[int, int, int]  # M, K, N


def probe(device: str, fmt: str, shape: tuple[int, int, int], *, fast: bool = True) -> Finding:
    """What a device does in products of `shape`, (M, K, N), with inputs of `fmt`.

    device: a torch device, or "numpy" for np.matmul, or "numpy.sum" for np.sum (of K terms); those two take float32.
    fast: of fp8: whether the sum stays in the core's own accumulator to the end.

    Raises ValueError for what such a device does not multiply, and for sums that change from call to call.
    """
    m, k, n = shape
    if device.startswith("numpy"):
        if fmt != "float32":
            raise ValueError(f"{device} is probed in float32 only, got {fmt}")
        made = _numpy_sum if device == "numpy.sum" else _numpy_rows(m, n)
        tree = summation_tree(survivors(made, k, masks_for(fmt)), k)
        what = f"{device}, sums of {k}" if device == "numpy.sum" else f"{device}, {fmt}, {m} x {k} x {n}"
        return Finding(what, tree, find_step(made, tree, k, fmt), [], fmt, fmt, shape)

    def product(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return multiply(a, b, fmt, fast=fast)

    tree = summation_tree(count_on(device, fmt, shape, product=product), k)
    both = masks_for(fmt).factors == 2
    step = find_step(_on_device(device, fmt, m, n, product, both), tree, k, fmt, both=both)
    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else device
    given = torch.zeros(16, 16, dtype=TYPES[fmt], device=device)
    result = str(product(given, given).dtype).removeprefix("torch.")
    how = "" if fast else ", promoted"
    return Finding(f"{name}, {fmt}{how}, {m} x {k} x {n}", tree, step, name_of(step, fmt), fmt, result, shape)


def report(finding: Finding) -> str:
    """A finding in words."""
    step = finding.step
    lines = [finding.what, describe(finding.tree)]
    if step.fraction_bits is None:
        lines.append(f"each step adds one term; the running sum is rounded {step.conversion.replace('_', ' ')}")
    else:
        lines.append(
            f"each step adds up to {step.terms} terms and keeps {step.fraction_bits} bits below the largest exponent, "
            f"cut {step.alignment.replace('_', ' ')}; the running sum is rounded {step.conversion.replace('_', ' ')}"
        )
        lines.append(f"so do the tensor cores of: {', '.join(finding.names) or 'none that is known'}")
    return "\n".join(lines)


def recording(findings: Sequence[Finding]) -> dict[str, Any]:
    """Findings as plain data; each tree in the words of `describe`, from which `read_tree` makes it again."""
    rows = []
    for finding in findings:
        told = describe(finding.tree)
        if describe(read_tree(told)) != told:
            raise ValueError(f"{finding.what}: this tree has no compact form: {told}")
        m, k, n = finding.shape
        row = {"what": finding.what, "format": finding.fmt, "result": finding.result, "m": m, "k": k, "n": n}
        rows.append(row | {"tree": told, "step": finding.step._asdict(), "names": finding.names})
    return {"what": "in which order sums are made, and what their steps keep, found by asking", "findings": rows}


def _numpy_sum(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([row.sum() for row in rows.astype(np.float32)], np.float64)


def _numpy_rows(m: int, n: int) -> Any:
    """Sums of rows by NumPy's products with ones."""

    def sums(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        found = np.empty(len(rows))
        ones = np.ones((rows.shape[1], n), np.float32)
        for start in range(0, len(rows), m):
            block = np.zeros((m, rows.shape[1]), np.float32)
            here = rows[start : start + m]
            block[: len(here)] = here
            found[start : start + m] = (block @ ones)[: len(here), 0]
        return found

    return sums


def _on_device(device: str, fmt: str, m: int, n: int, product: Any, both: bool) -> Any:
    """Sums of rows by products on a device: with ones, or of both factors of each term."""

    def on_device(rows: NDArray[np.float64], copies: int) -> torch.Tensor:
        return torch.from_numpy(np.tile(rows, (copies, 1))).to(TYPES[fmt]).to(device)

    def sums(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        found = []
        for row in rows:
            left, right = factors(row) if both else (row, np.ones(len(row)))
            made = product(on_device(left, m), on_device(right, n).t().contiguous())
            found.append(float(made[0, 0]))
        return np.array(found)

    return sums
