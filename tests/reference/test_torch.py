"""PyTorch on a CPU, where it is right: casts from float32."""

from __future__ import annotations

import numpy as np
import pytest

import simfp as sf
from tests.samples import float32_boundaries

pytestmark = pytest.mark.torch


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float8_e5m2", "float8_e4m3fn"])
def test_float32_is_cast_to_the_same_codes(name: str) -> None:
    import torch

    fmt = sf.as_format(name)
    draw = np.random.default_rng(1)
    with np.errstate(over="ignore"):
        drawn = draw.normal(size=200_000) * 2.0 ** draw.integers(fmt.min_exponent - 9, fmt.max_exponent + 2, 200_000)
        x = np.concatenate([float32_boundaries(fmt), drawn.astype(np.float32)])
    x = x[~np.isnan(x)]
    # torch.float8_e4m3fn has no infinity and saturates; simfp does where it is told to
    overflow = "inf" if fmt.infinities else "saturate"
    if not fmt.infinities:
        x = x[np.isfinite(x)]
    codes = torch.from_numpy(x).to(getattr(torch, name)).view(torch.uint8 if fmt.bits == 8 else torch.uint16)
    wrong = np.flatnonzero(sf.encode(x, fmt, overflow=overflow) != codes.numpy())
    assert not wrong.size, x[wrong[:5]]


@pytest.mark.parametrize("fmt", ["float16", "bfloat16", "tfloat32", "float8_e5m2"])
def test_a_processor_told_to_flush_subnormals_does_not_change_rounding(fmt: str) -> None:
    import torch

    points = float32_boundaries(sf.as_format(fmt))
    before = sf.encode(points, fmt)
    assert torch.set_flush_denormal(True)
    try:
        after = sf.encode(points, fmt)
    finally:
        torch.set_flush_denormal(False)
    assert (after == before).all()
