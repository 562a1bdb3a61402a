"""The loops are compiled once: a second process finds all of them in Numba's cache."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from numba.core.caching import _CacheLocator

from simfp import kernels

EVERY_LOOP = """
import numpy as np, simfp as sf
for dtype in (np.float32, np.float64):
    x = np.ones(3, dtype)
    for rounding in ("nearest_even", "toward_zero", "stochastic"):
        sf.round_to(x, "float16", rounding)
    sf.fate(x, "float16")
    sf.decode(sf.encode(x, "float16"), "float16")
    for operation in (sf.add, sf.multiply, sf.divide):
        operation(x, x, "float16")
    sf.sqrt(x, "float16")
    sf.fma(x, x, x, "float16")
a = sf.array([1.0, 2.0], dtype="bfloat16")
a + a, a @ a, np.exp(a)
from simfp import optim
class Parameter:
    data, grad, is_leaf = sf.array([1.0]), sf.array([1.0]), True
with sf.Census():
    for dtype in (np.float32, np.float64):
        sf.round_to(np.ones(3, dtype), "float16")
    sf.multiply(np.float32(1), np.float32(1), "float16")
    a * a, optim.SGD([Parameter()], lr=0.1).step()
for kind in (optim.SGD, optim.AdamW):
    for options in ({}, {"kahan": True}, {"update_rounding": "stochastic", "rng": 1}):
        kind([Parameter()], **options).step()
from simfp.nn import functional as F
t = sf.Tensor(np.ones((4, 4)), requires_grad=True)
F.gelu(F.softmax(F.layer_norm(t, (4,)), dim=1)).sum().backward()
"""


def test_a_second_process_compiles_nothing(tmp_path: Path) -> None:
    # a cache of its own, which nobody else writes to; what is compiled already need not be once more
    place = tmp_path / _CacheLocator.get_suitable_cache_subpath(kernels.__file__)
    place.mkdir()
    for file in Path(kernels.__file__).parent.glob("__pycache__/*.nb[ci]"):
        shutil.copy2(file, place)
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path), "NUMBA_DEBUG_CACHE": "1"}
    _, second = (
        subprocess.run(
            [sys.executable, "-c", EVERY_LOOP], check=True, capture_output=True, text=True, env=environment
        ).stdout
        for _ in range(2)
    )
    assert f"data loaded from '{place}" in second
    assert [line for line in second.splitlines() if "saved" in line] == []
