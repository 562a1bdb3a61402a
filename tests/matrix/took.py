"""What the libraries say that they took, in the process that asks: `python -m tests.matrix.took` prints it as JSON."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib import metadata
from typing import Any

import numba
import numpy as np
import threadpoolctl
from numba.core.registry import cpu_target
from numpy._core import _multiarray_umath as umath

PACKAGES = ("numpy", "ml_dtypes", "numba", "torch", "matplotlib", "jupyterlab", "ipywidgets", "anywidget", "pytest")
# A product and two convolutions, of which oneDNN and MKL tell when they are asked to.
WORK = """
import torch
x = torch.ones(64, 64)
x @ x
for dtype in (torch.float32, torch.float16):
    torch.nn.functional.conv2d(torch.ones(2, 4, 9, 9, dtype=dtype), torch.ones(4, 4, 3, 3, dtype=dtype))
"""


def dispatched() -> list[str]:
    """The names that NumPy takes in NPY_DISABLE_CPU_FEATURES: those that it has kernels of its own for."""
    return list(umath.__cpu_dispatch__)


def took() -> dict[str, Any]:
    """By library, what it uses here; what is not installed is not named."""
    np.ones((64, 64)) @ np.ones((64, 64))
    features = [name for name in dispatched() if umath.__cpu_features__.get(name)]
    blas = [each for each in threadpoolctl.threadpool_info() if each["internal_api"] == "openblas"]
    told = {
        "OpenBLAS": ", ".join(each["architecture"] for each in blas) or "none",
        "NumPy": " ".join(features) or "baseline only",
        "Numba": str(cpu_target.target_context.codegen().magic_tuple()[1]),
        "threads": f"OpenBLAS {', '.join(str(each['num_threads']) for each in blas)}, Numba {numba.get_num_threads()}",
    }
    if "torch" in versions():
        import torch

        told |= {"ATen": torch.backends.cpu.get_cpu_capability(), **verbose()}
        told["threads"] += f", torch {torch.get_num_threads()}"
    return told


def verbose() -> dict[str, str]:
    """What oneDNN and MKL say of themselves while they work."""
    asked = os.environ | {"ONEDNN_VERBOSE": "1", "MKL_VERBOSE": "1"}
    said = subprocess.run([sys.executable, "-c", WORK], env=asked, capture_output=True, text=True, check=True).stdout
    isa = re.search(r"info,cpu,isa:(.+)", said)
    kernels = dict(re.findall(r"exec,cpu,convolution,([^,]+),\w+,src:(f16|f32)", said))
    by = ", ".join(f"{fmt} by {kernel}" for kernel, fmt in kernels.items())
    mkl = re.search(r"64 architecture (.+?)(?: with support| enabled|, Lnx)", said)
    mode = re.search(r"CNR:(\S+)", said)
    return {
        "oneDNN": f"{isa.group(1).strip() if isa else 'silent'}; convolutions in {by or 'none of them'}",
        "MKL": f"{mkl.group(1).strip() if mkl else 'silent'}; reproducibility {mode.group(1) if mode else '-'}",
    }


def versions() -> dict[str, str]:
    """Of Python and the packages that are installed."""
    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


if __name__ == "__main__":
    print(json.dumps({"took": took(), "versions": versions(), "dispatched": dispatched()}))
