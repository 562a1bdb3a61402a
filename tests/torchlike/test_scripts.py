"""Scripts as tutorials write them: under torch as they are, under simfp with their import lines changed, and alike."""

import re
from pathlib import Path

import pytest

import simfp as sf
from simfp import precision
from tests import script_runs
from tests.script_runs import MIXED, SCRIPTS

pytestmark = pytest.mark.torch

BOUND = 1e-4  # of the difference of two float32 losses, in proportion to the loss where that is above 1


def test_there_are_scripts_of_every_kind() -> None:
    kinds = {
        "classifier", "cnn", "gpt", "lstm", "vae", "gradient_accumulation", "checkpoint", "early_stopping", "ema",
        "mixed_precision", "mixed_precision_cuda_amp", "clipping", "schedules",
    }  # fmt: skip
    assert kinds <= set(SCRIPTS)


@pytest.mark.parametrize("name", SCRIPTS)
def test_only_import_lines_are_changed(name: str) -> None:
    text = script_runs.source(name)
    before, after = text.splitlines(), script_runs.for_simfp(text).splitlines()
    assert len(before) == len(after)
    changed = [(old, new) for old, new in zip(before, after) if old != new]
    assert changed
    for old, new in changed:
        assert re.match(r"\s*(import|from) torch\b", old)
        dotted = re.fullmatch(r"(\s*)import torch\.[\w.]+", old)  # which binds torch
        assert new.replace("simfp.torchlike as torch", "torch").replace("simfp.torchlike", "torch") == (
            f"{dotted[1]}import torch" if dotted else old
        )
    assert not any(re.match(r"\s*(import|from) torch\b", line) for line in after)


@pytest.mark.parametrize("name", [name for name in SCRIPTS if name not in MIXED])
def test_a_script_has_torchs_losses_at_every_step(name: str, tmp_path: Path) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "simfp").mkdir()
    theirs = script_runs.under_torch(name, tmp_path / "torch")
    ours = script_runs.under_simfp(name, tmp_path / "simfp")
    assert list(ours.lists) == list(theirs.lists)
    for key, values in theirs.lists.items():
        assert len(ours.lists[key]) == len(values), key
        for step, (x, y) in enumerate(zip(ours.lists[key], values)):
            assert abs(x - y) <= BOUND * max(1.0, abs(y)), (key, step, x, y)


@pytest.mark.parametrize("name", MIXED)
def test_a_mixed_precision_script_runs_in_16_bits(name: str, tmp_path: Path) -> None:
    with sf.Trace() as trace:
        ours = script_runs.under_simfp(name, tmp_path, accumulator=sf.HOPPER)
    products = {step.fmt for step in trace.forward if step.operation in ("linear", "matmul", "convolution")}
    assert products == {"bfloat16" if "bfloat16" in name else "float16"}
    assert ours.lists["losses"][-1] < ours.lists["losses"][0]
    deprecated = ["FutureWarning"] if "cuda_amp" in name else []
    assert [each for each in ours.warned if each == "FutureWarning"] == deprecated


def test_what_a_script_leaves_behind_is_no_region_of_autocast(tmp_path: Path) -> None:
    before = precision.current()
    script_runs.under_simfp("mixed_precision_cuda_amp", tmp_path, accumulator=sf.HOPPER)
    assert precision.current() is before
