"""Recordings: what a device answers, bit for bit, kept in files so that people without one can check against it."""

from __future__ import annotations

import hashlib
import json
import platform
import re
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

import simfp as sf
from simfp import whole_files

__all__ = ["provenance", "subnormals", "write"]

FORMATS = {"float16": torch.float16, "bfloat16": torch.bfloat16}
Operation = Callable[[torch.Tensor], torch.Tensor]

# Each takes every subnormal number of a 16-bit format and, on a device that keeps them, gives it back unchanged.
# fmt: off
KEEPING: dict[str, tuple[str, Operation]] = {
    "cast":        ("float32 to 16 bits",                         lambda x: x.float().to(x.dtype)),
    "multiply":    ("x * 1, elementwise",                         lambda x: x * torch.ones_like(x)),
    "add":         ("(x + x) - x, elementwise",                   lambda x: (x + x) - x),
    "divide":      ("x / 1, elementwise",                         lambda x: x / torch.ones_like(x)),
    "matmul":      ("x @ identity, 16-bit result",                lambda x: x @ torch.eye(x.shape[1], dtype=x.dtype, device=x.device)),  # noqa: E501
    "matmul_left": ("identity @ x, 16-bit result",                lambda x: torch.eye(x.shape[0], dtype=x.dtype, device=x.device) @ x),  # noqa: E501
}
# fmt: on


def subnormals(device: str) -> dict[str, Any]:
    """Which operations of `device` ("cuda", "cpu") keep the subnormal numbers of fp16 and bf16.

    For each operation and format: how many numbers went in, how many came back unchanged, how many as zero,
    and the codes that came back for the powers of two.
    """
    rows = []
    for name, dtype in FORMATS.items():
        fmt = sf.as_format(name)
        magnitudes = np.arange(1, 1 << fmt.mantissa_bits, dtype=np.uint16)
        codes = np.concatenate([magnitudes, magnitudes | 0x8000])
        codes = np.resize(codes, (len(codes) // 32 + 1) * 32).reshape(-1, 32)  # whole rows for a tensor core
        given = torch.from_numpy(codes.view(np.int16).copy()).to(device).view(dtype)
        powers = [1 << bit for bit in range(fmt.mantissa_bits)]
        for operation, (meaning, run) in KEEPING.items():
            answer = run(given).view(torch.int16).cpu().numpy().view(np.uint16)
            first = {int(code): int(out) for code, out in zip(codes.ravel(), answer.ravel())}
            rows.append(
                {
                    "format": name,
                    "operation": operation,
                    "meaning": meaning,
                    "numbers": codes.size,
                    "kept": int((answer == codes).sum()),
                    "zeroed": int(((answer & 0x7FFF) == 0).sum()),
                    "powers_of_two": {str(code): first[code] for code in powers},
                    "sha256": hashlib.sha256(answer.tobytes()).hexdigest(),
                }
            )
    return {"what": "subnormal numbers through single operations", "rows": rows}


def provenance(device: str, command: str = "record") -> dict[str, Any]:
    """Which device answered, with which driver and software, and when."""
    found: dict[str, Any] = {"device": "CPU", "torch": torch.__version__, "numpy": np.__version__}
    if not device.startswith("cuda"):
        blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
        found |= {"device": _processor(), "driver": "none", "blas": f"{blas['name']} {blas['version']}"}
    if device.startswith("cuda"):
        query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        driver = subprocess.run(query, capture_output=True, text=True, check=True).stdout.split()[0]
        found["device"] = torch.cuda.get_device_name(device)
        found |= {"driver": driver, "cuda": torch.version.cuda}
    return found | {"date": datetime.now(UTC).date().isoformat(), "script": f"python -m simfp.gpu {command}"}


def _processor() -> str:
    """The name of this machine's processor, where the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*: (.*)", cpuinfo.read_text()) if cpuinfo.exists() else []
    return f"CPU, {names[0] if names else platform.processor() or platform.machine()}"


def write(path: Path, recording: dict[str, Any], device: str, command: str = "record") -> None:
    """Writes `recording` with its provenance and a checksum of its content; the whole file or nothing."""
    content = recording | {"provenance": provenance(device, command)}
    text = json.dumps(content, sort_keys=True)
    content["sha256"] = hashlib.sha256(text.encode()).hexdigest()
    whole_files.write(path, json.dumps(content, indent=1) + "\n")
