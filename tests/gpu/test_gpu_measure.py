"""What measures memory, speed and quality on a GPU, on a CPU: small models, the same code, no allocator to ask."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from simfp.experiments.memory.model_sizes import GPT, MLP, RECIPES, as_recipe
from simfp.experiments.memory.training_step import memory

pytestmark = pytest.mark.torch

TINY = GPT("tiny", layers=2, heads=2, width=16, vocabulary=96, positions=16)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything measured in a size for a test."""
    from simfp.gpu import measure, quality

    monkeypatch.setattr(measure, "GPT_SIZES", (TINY, GPT("less tiny", layers=3, heads=2, width=16, vocabulary=96)))
    monkeypatch.setattr(measure, "MLPS", (MLP("one", (8, 8, 8)), MLP("other", (8, 4, 2))))
    monkeypatch.setattr(measure, "MLP_BATCHES", (4, 2))
    monkeypatch.setattr(measure, "CONTEXT", 16)
    monkeypatch.setattr(measure, "STEPS", 1)
    monkeypatch.setattr(measure, "products", partial(measure.products, sizes=(16, 32)))
    monkeypatch.setattr(measure, "elementwise", partial(measure.elementwise, values=1 << 10, row=32))
    few = partial(quality.quality, steps=20, seeds=2, size=TINY, batch=4, characters=20_000, held_out=2_000)
    monkeypatch.setattr(quality, "quality", few)


@pytest.mark.usefixtures("small")
def test_all_is_measured_and_kept_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from simfp.gpu import __main__ as command

    assert command.main(["measure", "--device", "cpu", "--out", str(tmp_path)]) == 0
    assert "tiny, fp32, batch 4" in capsys.readouterr().out
    found = json.loads((tmp_path / "cpu_measure.json").read_text())
    assert found["failed"] == []
    assert found["provenance"]["script"] == "python -m simfp.gpu measure"
    rows = {(r["model"], r["recipe"], r["batch"], r.get("checkpointing"), r.get("explicit")) for r in found["training"]}
    assert len(rows) == len(found["training"]) == len(RECIPES) * (6 + 1 + 1 + 2)
    assert {(row["format"], row["size"]) for row in found["products"]} == {
        (fmt, size) for fmt in ("float32", "tfloat32", "float16", "bfloat16") for size in (16, 32)
    }
    assert len(found["elementwise"]) == 15
    assert all(row["seconds"] > 0 for part in ("training", "products", "elementwise") for row in found[part])
    assert [each.name for each in tmp_path.iterdir()] == ["cpu_measure.json"]


@pytest.mark.usefixtures("small")
def test_small_models_are_trained_under_every_recipe_from_the_same_weights(tmp_path: Path) -> None:
    from simfp.gpu import __main__ as command

    assert command.main(["quality", "--device", "cpu", "--out", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "cpu_quality.json").read_text())
    assert [run["run"] for run in found["runs"]] == ["fp32", "tf32", "fp16", "bf16", "fp32 nudged"]
    starts = [run["curve"][0]["validation"] for run in found["runs"]]
    ends = [run["validation"] for run in found["runs"]]
    assert np.ptp(starts, axis=0).max() < 1e-3  # the same weights and batches: recipes have not parted yet
    assert all(np.less(end, start).all() for start, end in zip(starts, ends))
    assert len(set(ends[0])) == 2  # each seed is a model of its own
    text = found["text"]
    assert (text["characters"], text["held_out"]) == (20_000, 2_000)


def test_seeds_side_by_side_learn_as_each_would_alone() -> None:
    import torch

    from simfp.gpu.quality import Seeds, _losses

    tokens = torch.randint(96, (3, 4, 17), generator=torch.Generator().manual_seed(0))
    together = Seeds(TINY, 3).double()
    _losses(together, tokens).sum().backward()
    for seed in range(3):
        alone = Seeds(TINY, 3).double()
        with torch.no_grad():
            for parameter in alone.parameters():
                parameter.copy_(parameter[seed].expand_as(parameter).clone())
        _losses(alone, tokens[seed].expand(3, -1, -1))[0].backward()
        for one, all_of_them in zip(alone.parameters(), together.parameters()):
            assert torch.allclose(one.grad[0], all_of_them.grad[seed], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("recipe", ["fp32", "bf16_weights"])
def test_the_calculator_s_bytes_are_those_that_autograd_keeps_here(recipe: str) -> None:
    import torch

    from simfp.gpu.gpt import Model
    from simfp.gpu.measure import Training, saved_by_autograd
    from simfp.gpu.operations import TYPES

    size = GPT("other", layers=3, heads=4, width=32, vocabulary=50, positions=64)
    tokens = torch.randint(size.vocabulary, (2, 64))
    training = Training(Model(size, explicit=True), as_recipe(recipe), "cpu", (tokens, tokens))
    addresses = {p.untyped_storage().data_ptr() for p in training.model.parameters()}
    lines = [line.split() for line in saved_by_autograd(training.forward(), addresses)]
    told = memory(size, recipe, 2, 64, explicit=True)
    dtypes = {str(TYPES[row.fmt]).removeprefix("torch.") if row.fmt in TYPES else row.fmt for row in told.kept}
    kept = sum(int(line[-1]) for line in lines if line[2] in dtypes and line[3] != "1")
    counted = sum(row.bytes for row in told.kept)
    if recipe == "fp32":
        assert kept == counted
    else:  # on a CPU a layer_norm of bfloat16 keeps its mean and rstd in bfloat16
        rows = 2 * 64 * (2 * size.layers + 1)
        assert kept in (counted, counted - 2 * 2 * rows)


def test_fused_and_explicit_attention_and_checkpointing_give_the_same_gradients() -> None:
    import torch

    from simfp.gpu.gpt import Model

    tokens = torch.randint(96, (2, 16))
    made = []
    for options in ({}, {"explicit": True}, {"checkpointing": True}):
        torch.manual_seed(0)
        model = Model(TINY, **options).double()
        model(tokens, tokens.flip(0)).backward()
        made.append([parameter.grad for parameter in model.parameters()])
    for other in made[1:]:
        assert all(torch.allclose(one, two, rtol=1e-9, atol=1e-12) for one, two in zip(made[0], other))


def test_what_fails_is_told_and_the_rest_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    from simfp.gpu import measure

    def failing(device: str) -> object:
        raise RuntimeError("out of memory")
        yield

    monkeypatch.setattr(measure, "training", failing)
    monkeypatch.setattr(measure, "products", failing)
    monkeypatch.setattr(measure, "elementwise", partial(measure.elementwise, values=1 << 10, row=32))
    found = measure.measure("cpu")
    assert found["failed"] == ["training: out of memory", "products: out of memory"]
    assert len(found["elementwise"]) == 15
