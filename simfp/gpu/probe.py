"""Asks a device in which order it sums, and what its steps keep, without knowing anything beforehand."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from simfp.gpu.products import TYPES, count_on, multiply
from simfp.probing import Step, Tree, describe, find_step, masks_for, name_of, summation_tree, survivors

__all__ = ["Finding", "probe", "report"]


class Finding(NamedTuple):
    """What was found out about one kind of sum."""

    what: str
    tree: Tree
    step: Step
    names: list[str]  # of the generations whose tensor cores make such steps


def probe(device: str, fmt: str, shape: tuple[int, int, int]) -> Finding:
    """What a device does in products of `shape`, (M, K, N), with inputs of `fmt`.

    device: a torch device, or "numpy" for np.matmul, or "numpy.sum" for np.sum (of K terms); those two take float32.

    Raises ValueError for what such a device does not multiply, and for sums that change from call to call.
    """
    m, k, n = shape
    if device.startswith("numpy") or device == "cpu":
        if fmt != "float32":
            raise ValueError(f"on {device} only float32 is probed, got {fmt}")
        made = _numpy_sum if device == "numpy.sum" else _rows(device, m, n)
        tree = summation_tree(survivors(made, k, masks_for(fmt)), k)
        what = f"{device}, sums of {k}" if device == "numpy.sum" else f"{device}, {fmt}, {m} x {k} x {n}"
        return Finding(what, tree, find_step(made, tree, k, fmt), [])
    tree = summation_tree(count_on(device, fmt, shape), k)
    step = find_step(_on_device(device, fmt, m, n), tree, k, "float16" if fmt == "float16" else "bfloat16")
    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else device
    return Finding(f"{name}, {fmt}, {m} x {k} x {n}", tree, step, name_of(step, fmt))


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


def _numpy_sum(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([row.sum() for row in rows.astype(np.float32)], np.float64)


def _rows(device: str, m: int, n: int) -> Any:
    """Sums of rows by products with ones, on the CPU."""

    def sums(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        found = np.empty(len(rows))
        ones = np.ones((rows.shape[1], n), np.float32)
        for start in range(0, len(rows), m):
            block = np.zeros((m, rows.shape[1]), np.float32)
            here = rows[start : start + m]
            block[: len(here)] = here
            if device == "cpu":
                made = torch.mm(torch.from_numpy(block), torch.from_numpy(ones)).numpy()
            else:
                made = block @ ones
            found[start : start + m] = made[: len(here), 0]
        return found

    return sums


def _on_device(device: str, fmt: str, m: int, n: int) -> Any:
    def sums(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        ones = torch.ones(rows.shape[1], n, dtype=TYPES[fmt], device=device)
        found = []
        for row in rows:
            block = torch.zeros(m, rows.shape[1], dtype=torch.float64)
            block[:] = torch.from_numpy(row)
            found.append(float(multiply(block.to(TYPES[fmt]).to(device), ones, fmt)[0, 0]))
        return np.array(found)

    return sums
