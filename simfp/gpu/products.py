"""Matrix products on a device: asked for with the inputs of `simfp.silicon.product_cases`, or with a prober's masks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from simfp.probing import Counts, as_counts, masks_for
from simfp.rounding import encode
from simfp.silicon.product_cases import Case, inputs

__all__ = ["TYPES", "Product", "answer", "count_on", "laid_out", "multiply", "on_device"]

TYPES = {
    "float16": torch.float16, "bfloat16": torch.bfloat16, "tfloat32": torch.float32, "float32": torch.float32,
    "float8_e4m3fn": torch.float8_e4m3fn, "float8_e5m2": torch.float8_e5m2,
}  # fmt: skip
Product = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
SIGNED = {1: np.int8, 2: np.int16, 4: np.int32}


def on_device(codes: NDArray[Any], fmt: str, device: str) -> torch.Tensor:
    """A tensor with these codes."""
    size = torch.empty((), dtype=TYPES[fmt]).element_size()
    plain = torch.from_numpy(codes.astype(f"u{size}").view(SIGNED[size]))
    return plain.to(device).view(TYPES[fmt])


def multiply(a: torch.Tensor, b: torch.Tensor, fmt: str, *, fast: bool = True) -> torch.Tensor:
    """a @ b as the device makes it of inputs of `fmt`, the sums in float32 where it has such."""
    torch.backends.cuda.matmul.allow_tf32 = fmt == "tfloat32"
    if fmt.startswith("float8"):
        one = torch.ones((), device=a.device)
        columns = b.t().contiguous().t()
        return torch._scaled_mm(a, columns, one, one, out_dtype=torch.float32, use_fast_accum=fast)
    if a.dtype == torch.float32 or a.device.type == "cpu":  # on a CPU, torch gives 16-bit products in 16 bits only
        return torch.mm(a, b)
    return torch.mm(a, b, out_dtype=torch.float32)


def answer(case: Case, device: str) -> NDArray[np.uint32]:
    """The codes of the sums that the device makes of the inputs of `case`."""
    a, b = (on_device(codes, fmt, device) for codes, fmt in zip(inputs(case), case.formats))
    made = multiply(a, b, case.fmt, fast=case.fast)
    return np.asarray(made.contiguous().view(torch.int32).cpu().numpy().view(np.uint32))


def laid_out(x: torch.Tensor, way: str) -> torch.Tensor:
    """The same matrix in memory row by row ("n") or column by column ("t")."""
    return x if way == "n" else x.t().contiguous().t()


def count_on(
    device: str, fmt: str, shape: tuple[int, int, int], layout: str = "nn", product: Product | None = None
) -> Counts:
    """How many terms survive between two huge ones in products of `shape`, (M, K, N), on the device.

    product: what makes a product of two matrices; `multiply` if not given. Its results may be of 16 bits: then only so
    many terms are tiny at a time, the others zero, as such a result counts exactly.
    """
    m, k, n = shape
    huge, tiny, factors = masks_for(fmt)
    make: Product = partial(multiply, fmt=fmt) if product is None else product
    if factors == 2:  # row r times column r is one question: the others' columns have their masks elsewhere
        huge, tiny = huge**0.5, tiny**0.5
    ones = laid_out(torch.ones(k, n, dtype=TYPES[fmt], device=device), layout[1])
    exact = int(2 / torch.finfo(make(laid_out(ones.new_zeros(m, k), layout[0]), ones).dtype).eps)
    at_once = m if factors == 1 else min(m, n)
    asked = at_once * max(1, min(256, (1 << 26) // (m * k)))  # of pairs

    def held(value: float) -> float:
        """What stands for a value in `_cells`."""
        return int(encode(value, fmt)) if factors == 2 else value

    def answers(pairs: torch.Tensor, low: int, high: int) -> torch.Tensor:
        """The sums for some pairs, where the terms from low to high are tiny."""
        number = -(-len(pairs) // at_once)
        rows = _blocks(number, (m, k), layout[0], ones)
        place = torch.arange(len(pairs), device=device)
        here = place // at_once, place % at_once
        cells = _cells(rows)
        cells[:, :, low:high] = held(tiny)
        cells[(*here, pairs[:, 0])] = held(huge)
        cells[(*here, pairs[:, 1])] = held(-huge)
        if factors == 2:
            columns = _blocks(number, (k, n), layout[1], ones)
            _cells(columns)[:, :, :at_once] = (cells[:, :at_once] & 0x7F).transpose(1, 2)  # without the sign
            made = torch.stack([make(a, b).diagonal() for a, b in zip(rows, columns, strict=True)])
            return made[:, :at_once].flatten()[: len(pairs)]
        made = torch.stack([make(block, ones) for block in rows])
        if not bool((made == made[:, :, :1]).all()):
            raise ValueError(f"the columns of one product are summed in different orders: {fmt} {shape} {layout}")
        return made[:, :, 0].flatten()[: len(pairs)]

    def count(pairs: NDArray[np.int64]) -> NDArray[np.int64]:
        total = np.zeros(len(pairs))
        every = torch.from_numpy(pairs).to(device)
        for start in range(0, len(pairs), asked):
            part = every[start : start + asked]
            for low in range(0, k, exact):
                found = answers(part, low, min(low + exact, k)).double().cpu().numpy()
                total[start : start + asked] += found / tiny**factors
        return as_counts(total, k)

    return count


def _cells(x: torch.Tensor) -> torch.Tensor:
    """What can be written to: the codes of 8-bit values, to which torch cannot write one by one, or the tensor."""
    return x.view(torch.uint8) if x.element_size() == 1 else x


def _blocks(number: int, shape: tuple[int, int], way: str, like: torch.Tensor) -> torch.Tensor:
    """Matrices of zeros, each laid out that way, and each beginning where memory of its own would: the kernel that a
    library takes depends on it."""
    rows, columns = shape if way == "n" else shape[::-1]
    size = -(-rows * columns * like.element_size() // 512) * 512 // like.element_size()
    memory = torch.zeros(number, size, dtype=like.dtype, device=like.device)
    blocks = memory[:, : rows * columns].unflatten(1, (rows, columns))
    return blocks if way == "n" else blocks.transpose(1, 2)
