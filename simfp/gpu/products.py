"""Matrix products on a device: asked for with the inputs of `simfp.experiments.products`, or with a prober's masks."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from simfp.experiments.products import Case, inputs
from simfp.probing import Counts, masks_for, whole

__all__ = ["TYPES", "answer", "count_on", "multiply", "on_device"]

TYPES = {
    "float16": torch.float16, "bfloat16": torch.bfloat16, "tfloat32": torch.float32, "float32": torch.float32,
    "float8_e4m3fn": torch.float8_e4m3fn, "float8_e5m2": torch.float8_e5m2,
}  # fmt: skip
SIGNED = {1: np.int8, 2: np.int16, 4: np.int32}


def on_device(codes: NDArray[Any], fmt: str, device: str) -> torch.Tensor:
    """A tensor with these codes."""
    size = torch.empty((), dtype=TYPES[fmt]).element_size()
    plain = torch.from_numpy(codes.astype(f"u{size}").view(SIGNED[size]))
    return plain.to(device).view(TYPES[fmt])


def multiply(a: torch.Tensor, b: torch.Tensor, fmt: str, *, fast: bool = True) -> torch.Tensor:
    """a @ b as the device makes it of inputs of `fmt`, the sums in float32."""
    torch.backends.cuda.matmul.allow_tf32 = fmt == "tfloat32"
    if fmt.startswith("float8"):
        one = torch.ones((), device=a.device)
        columns = b.t().contiguous().t()
        return torch._scaled_mm(a, columns, one, one, out_dtype=torch.float32, use_fast_accum=fast)
    if a.dtype == torch.float32:
        return torch.mm(a, b)
    return torch.mm(a, b, out_dtype=torch.float32)


def answer(case: Case, device: str) -> NDArray[np.uint32]:
    """The codes of the sums that the device makes of the inputs of `case`."""
    a, b = (on_device(codes, case.fmt, device) for codes in inputs(case))
    made = multiply(a, b, case.fmt, fast=case.fast)
    return np.asarray(made.contiguous().view(torch.int32).cpu().numpy().view(np.uint32))


def laid_out(x: torch.Tensor, way: str) -> torch.Tensor:
    """The same matrix in memory row by row ("n") or column by column ("t")."""
    return x if way == "n" else x.t().contiguous().t()


def count_on(device: str, fmt: str, shape: tuple[int, int, int], layout: str = "nn") -> Counts:
    """How many terms survive between two huge ones in products of `shape`, (M, K, N), on the device."""
    m, k, n = shape
    huge, tiny = masks_for("float16" if fmt == "float16" else "bfloat16")
    ones = laid_out(torch.ones(k, n, dtype=TYPES[fmt], device=device), layout[1])

    def count(pairs: NDArray[np.int64]) -> NDArray[np.int64]:
        found = []
        places = torch.arange(m, device=device)
        for start in range(0, len(pairs), m):
            block = torch.from_numpy(pairs[start : start + m]).to(device)
            rows = torch.full((m, k), tiny, dtype=TYPES[fmt], device=device)
            rows[places[: len(block)], block[:, 0]] = huge
            rows[places[: len(block)], block[:, 1]] = -huge
            made = multiply(laid_out(rows, layout[0]), ones, fmt)[: len(block)]
            if not bool((made == made[:, :1]).all()):
                raise ValueError(f"the columns of one product are summed in different orders: {fmt} {shape} {layout}")
            found.append(made[:, 0])
        return whole(torch.cat(found).double().cpu().numpy() / tiny, k)

    return count
