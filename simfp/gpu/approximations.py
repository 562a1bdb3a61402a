"""Records what a GPU's own approximations answer: 2^x, 1/x and 1/sqrt(x), one instruction each, over every argument."""

from __future__ import annotations

import hashlib
import io
import json
import lzma
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from simfp import whole_files
from simfp.gpu import record
from simfp.kernels.cuda_math import ANSWERS
from simfp.ops.cuda_math import PLACES, needed

__all__ = ["INSTRUCTIONS", "arguments", "on_cuda", "recording", "write"]

Ask = Callable[[str, NDArray[np.float32]], NDArray[np.float32]]  # an instruction's answers to some arguments
INSTRUCTIONS = {"ex2": "ex2.approx.ftz.f32", "rcp": "rcp.approx.ftz.f32", "rsqrt": "rsqrt.approx.ftz.f32"}
AT_ONCE = 1 << 20


def arguments(name: str) -> Iterator[NDArray[np.float32]]:
    """All that matter: of "ex2" k / 2^23, of "rcp" 1 + k / 2^23, of "rsqrt" these and then twice these; k < 2^23."""
    for scale in (1, 2) if name == "rsqrt" else (1,):
        for first in range(0, PLACES, AT_ONCE):
            fraction = np.arange(first, first + AT_ONCE) / PLACES
            yield (fraction if name == "ex2" else scale * (1 + fraction)).astype(np.float32)  # exact


def recording(ask: Ask) -> tuple[dict[str, NDArray[np.uint8]], dict[str, str]]:
    """For each instruction how far its answers are from the nearest float32, compressed; and SHA-256 of the answers.

    Raises ValueError for an answer farther off than a table can hold.
    """
    tables, digests = {}, {}
    for name in INSTRUCTIONS:
        off, digest, first = [], hashlib.sha256(), 0
        exact = needed(name, np.full(PLACES * (2 if name == "rsqrt" else 1) // 4, 0b10_10_10_10, np.uint8))
        for given in arguments(name):
            told, nearest = ask(name, given), np.empty(given.size, np.float32)
            ANSWERS[name](first, nearest, exact)
            distance = told.view(np.int32).astype(np.int64) - nearest.view(np.int32)
            for place in np.flatnonzero((distance < -2) | (distance > 1)):
                raise ValueError(
                    f"{INSTRUCTIONS[name]} of {given[place]} is {distance[place]} ulps off; a table holds -2 to 1"
                )
            off.append(distance.astype(np.int8))
            digest.update(told.tobytes())
            first += given.size
        tables[name] = np.frombuffer(
            lzma.compress(np.concatenate(off).tobytes(), preset=9 | lzma.PRESET_EXTREME), np.uint8
        )
        digests[name] = digest.hexdigest()
    return tables, digests


def on_cuda(device: str) -> Ask:
    """Asks a CUDA device, each instruction in a kernel of its own.

    Raises ValueError for another device, RuntimeError where a kernel cannot be compiled, and for a torch that compiles
    none (before 2.9).
    """
    if not device.startswith("cuda"):
        raise ValueError(f"only a CUDA device has these instructions, got {device!r}")
    if not hasattr(torch.cuda, "_compile_kernel"):
        raise RuntimeError(f"torch {torch.__version__} compiles no kernels; 2.9 or newer does")
    kernels = {
        name: torch.cuda._compile_kernel(SOURCE.format(instruction), "ask")
        for name, instruction in INSTRUCTIONS.items()
    }

    def ask(name: str, given: NDArray[np.float32]) -> NDArray[np.float32]:
        x = torch.from_numpy(given).to(device)
        out = torch.empty_like(x)
        kernels[name](grid=(-(-x.numel() // 256), 1, 1), block=(256, 1, 1), args=[x, out, x.numel()])
        return np.asarray(out.cpu().numpy())

    return ask


SOURCE = """
extern "C" __global__ void ask(const float* x, float* out, int size) {{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < size) asm volatile("{} %0, %1;" : "=f"(out[i]) : "f"(x[i]));
}}
"""


def write(path: Path, device: str) -> dict[str, str]:
    """Asks a device and writes the table that `simfp.ops.cuda_math` reads, whole or not at all: its checksums."""
    tables, digests = recording(on_cuda(device))
    told: dict[str, Any] = {
        "what": "how far a GPU's approximations are from the nearest float32, in ulps: ex2.approx.ftz of k / 2^23, "
        "rcp.approx.ftz of 1 + k / 2^23, rsqrt.approx.ftz of 1 + k / 2^23 and of twice that"
    }
    told |= record.provenance(device, "approximations") | {"tables": digests}
    file = io.BytesIO()
    np.savez(file, **tables, provenance=np.array(json.dumps(told)))  # type: ignore[arg-type]
    whole_files.write(path, file.getvalue())
    return digests
