"""Mixed-precision scripts that a GPU ran, run here from the same weights, batches and noise, their imports changed."""

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import simfp as sf
from simfp.silicon import recordings
from tests import script_runs
from tests.script_runs import MIXED

RECORDING = recordings.load("h200_scripts")
ROWS = {row["name"]: row for row in RECORDING["runs"]}

# How far losses and norms may be from the GPU's, in proportion where they are above 1: 0 where every operation's bits
# are known. Scales, and with them the steps that were skipped, are the same in all.
BOUNDS = {
    "mixed_precision": 0.0,
    "mixed_precision_bfloat16": 0.0,
    "mixed_precision_cuda_amp": 0.0,
    "mixed_precision_clipping": 1e-2,  # the order in which CUDA adds up a norm is not followed
    "mixed_precision_cnn": 1e-2,  # cuDNN's order of additions is not followed
}


def told(row: dict[str, Any]) -> dict[str, list[float]]:
    """The lists of a recorded script, as they were."""
    return {key: np.frombuffer(base64.b64decode(text), np.float64).tolist() for key, text in row["lists"].items()}


def test_the_recording_has_every_script_as_it_is_and_says_on_what_it_ran() -> None:
    assert list(ROWS) == list(MIXED) == sorted(BOUNDS)
    assert RECORDING["provenance"]["device"] == "NVIDIA H200"
    for name, row in ROWS.items():
        assert row["script"] == hashlib.sha256(script_runs.source(name).encode()).hexdigest(), name


def test_steps_were_skipped_and_the_scale_grew() -> None:
    scales = [told(ROWS[name])["scales"] for name in ("mixed_precision", "mixed_precision_cuda_amp")]
    for each in scales:
        assert min(np.diff(each)) < 0 < max(np.diff(each))


def test_only_the_older_spelling_warned() -> None:
    assert [name for name, row in ROWS.items() if "FutureWarning" in row["warned"]] == ["mixed_precision_cuda_amp"]


@pytest.mark.parametrize("name", MIXED)
def test_a_script_comes_to_what_it_came_to_on_the_gpu(name: str, tmp_path: Path, say: Callable[[str], None]) -> None:
    expected = told(ROWS[name])
    made = script_runs.under_simfp(name, tmp_path, accumulator=sf.HOPPER)
    assert list(made.lists) == list(expected)
    assert made.lists.get("scales") == expected.get("scales")
    found = {}
    for key, values in expected.items():
        assert len(made.lists[key]) == len(values), key
        ours, theirs = np.array(made.lists[key]), np.array(values)
        same = (ours == theirs) | (np.isinf(ours) & np.isinf(theirs)) | (np.isnan(ours) & np.isnan(theirs))
        with np.errstate(invalid="ignore"):
            off = np.where(same, 0, np.abs(ours - theirs) / np.maximum(1, np.abs(theirs)))
        found[key] = float(off.max())
    say(f"{name}: {', '.join(f'{key} {off:.2g} off' for key, off in found.items())}")
    assert all(off <= BOUNDS[name] for off in found.values())
    if BOUNDS[name] == 0:
        weights = dict(made.names["model"].named_parameters())
        assert {key: script_runs.checksum(p.detach().numpy()) for key, p in weights.items()} == ROWS[name]["weights"]
