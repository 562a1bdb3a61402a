"""The memory calculator against what an H200's allocator and its autograd said, and against sums made by hand."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from simfp.experiments.memory.model_sizes import GPT, GPT_SIZES, MLP, MLPS, RECIPES, as_recipe
from simfp.experiments.memory.timeline import WIDTHS, Timeline
from simfp.experiments.memory.training_step import BATCHES, CONTEXTS, ITEMS, Memory, grid, memory, parameters
from simfp.figures.memory import peaks as drawn
from simfp.figures.memory.peaks import Setting
from simfp.silicon import measurements

RECORDING = json.loads((Path(__file__).parents[2] / "lessons" / "recordings" / "h200_measure.json").read_text())
ROWS = RECORDING["training"]
SMALL = GPT_SIZES[0]
OPTIONS = ("checkpointing", "explicit")

MODELS: dict[str, GPT | MLP] = {model.name: model for model in (*GPT_SIZES, *MLPS)}


def computed(row: dict[str, Any]) -> Memory:
    options = {name: True for name in OPTIONS if row.get(name)}
    return memory(MODELS[row["model"]], row["recipe"], row["batch"], row["context"], **options)


def name(row: dict[str, Any]) -> str:
    options = [each for each in OPTIONS if row.get(each)]
    return " ".join([row["model"], row["recipe"], str(row["batch"]), *options])


every_row = pytest.mark.parametrize("row", ROWS, ids=map(name, ROWS))


# ---- against the recording ----


@every_row
def test_peaks_are_the_allocator_s(row: dict[str, Any]) -> None:
    told = computed(row)
    # a perceptron's bias gradients are sums over many rows, whose kernel has a buffer that is not counted
    within = 0.01 if row["model"].startswith("GPT") else 0.08
    assert told.peak == pytest.approx(row["peak"], rel=within)
    assert told.phases["forward pass"] == pytest.approx(row["peak_forward"], rel=0.012)
    assert told.phases["backward pass"] == pytest.approx(row["peak_backward"], rel=within)
    assert told.phases["optimizer's step"] == pytest.approx(row["peak_step"], rel=0.04)
    assert told.after_forward == pytest.approx(row["after_forward"], rel=0.015)
    assert told.rest == pytest.approx(row["rest"], rel=0.04)


@every_row
def test_the_peak_falls_into_the_phase_in_which_it_was_measured(row: dict[str, Any]) -> None:
    phases = {"forward pass": "peak_forward", "backward pass": "peak_backward", "optimizer's step": "peak_step"}
    measured = max(phases, key=lambda phase: row[phases[phase]])
    assert computed(row).moment.startswith(f"{measured}, ")


def seen(row: dict[str, Any]) -> Counter[str]:
    """Bytes that autograd kept, by format; what was there before the forward pass, and single numbers, left out."""
    found: Counter[str] = Counter()
    for line in row["saved"]:
        node, tensor, dtype, shape, _, size = line.split()
        if dtype != "int64" and shape != "1" and (node, tensor) != ("MseLossBackward0", "target"):
            found[dtype] += int(size)
    return found


@pytest.mark.parametrize("row", [row for row in ROWS if "saved" in row], ids=lambda row: name(row))
def test_what_is_kept_is_what_autograd_kept_to_the_byte_and_in_its_format(row: dict[str, Any]) -> None:
    kept: Counter[str] = Counter()
    for each in computed(row).kept:
        if (each.operation, each.name) != ("mse_loss", "loss"):  # alive through the loss, not saved for backward
            kept[each.fmt] += each.bytes
    model, recipe = MODELS[row["model"]], as_recipe(row["recipe"])
    if isinstance(model, MLP) and recipe.autocast is None:  # the first layer keeps its inputs, which are there anyway
        kept[recipe.weights] += row["batch"] * model.widths[0] * WIDTHS[recipe.weights]
    assert kept == seen(row)


def test_the_recording_covers_every_recipe_and_what_the_lesson_asks_of_it() -> None:
    assert RECORDING["failed"] == []
    assert {row["recipe"] for row in ROWS} == {recipe.name for recipe in RECIPES}
    for recipe in RECIPES:
        for batch in measurements.BATCHES:
            for checkpointing in (False, True):
                row = measurements.training(recipe.name, batch, checkpointing=checkpointing)
                assert row["tokens_per_second"] == pytest.approx(batch * 1024 / row["seconds"])
    assert {row["scale"] for row in ROWS if row["recipe"] == "fp16"} == {1024.0}  # no step was skipped


# ---- against sums by hand ----


def test_weights_states_and_gradients_are_counted_by_parameter() -> None:
    by_hand = 50257 * 768 + 1024 * 768 + 12 * (12 * 768**2 + 13 * 768) + 2 * 768
    assert parameters(SMALL) == by_hand == 124_439_808
    told = memory(SMALL, "fp32", 1, 128)
    assert told.moment == "optimizer's step, AdamW"
    assert told.at_peak["weights"] == told.at_peak["gradients"] == told.at_peak["temporaries"] == 4 * by_hand
    assert told.at_peak["optimizer states"] == 8 * by_hand
    halved = memory(SMALL, "bf16_weights", 1, 128)
    assert {item: 2 * halved.at_peak[item] for item in ("weights", "gradients", "optimizer states")} == {
        item: told.at_peak[item] for item in ("weights", "gradients", "optimizer states")
    }


def test_a_block_keeps_64_bytes_a_value_of_the_stream_in_fp32_and_36_under_autocast() -> None:
    size = GPT("one block", layers=1, heads=1, width=512, vocabulary=7)
    rows, stream = 2 * 64, 2 * 64 * 512
    statistics = 4 * rows * (2 * 3 + 1)  # mean and rstd of three norms, logsumexp
    for recipe, block, last in (("fp32", 64, 8), ("fp16", 36, 6), ("bf16", 36, 6), ("bf16_weights", 32, 4)):
        kept = memory(size, recipe, 2, 64).kept
        assert sum(row.bytes for row in kept if row.item == "activations") == (block + last) * stream + statistics


def test_cross_entropy_keeps_its_output_twice_under_autocast() -> None:
    logits = 4 * 1024 * 50257
    for recipe, kept, at_peak in (("fp32", 4, 12), ("fp16", 6, 10), ("bf16_weights", 2, 6)):
        told = memory(SMALL, recipe, 4)
        assert sum(row.bytes for row in told.kept if row.item == "logits and loss") == kept * logits
        assert told.at_peak["logits and loss"] == at_peak * logits


def test_checkpointing_keeps_one_stream_a_block_and_no_copies_of_its_weights() -> None:
    size = GPT("four blocks", layers=4, heads=2, width=64, vocabulary=11)
    kept = memory(size, "fp16", 2, 32, checkpointing=True).kept
    stream = 2 * 32 * 64
    told = {(row.operation, row.name): (row.copies, row.bytes) for row in kept}
    assert told["add", "residual stream"] == (5, 5 * 4 * stream)
    assert {row.operation for row in kept if row.item == "cast weights"} == {"head"}
    assert not {"fc", "gelu", "attention"} & {row.operation for row in kept}


@pytest.mark.parametrize("recipe", [recipe.name for recipe in RECIPES])
@pytest.mark.parametrize("options", [{}, {"checkpointing": True}, {"explicit": True}], ids=str)
def test_after_a_step_only_weights_states_gradients_inputs_and_workspace_are_left(
    recipe: str, options: dict[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    size = GPT("tiny", layers=2, heads=2, width=8, vocabulary=13)
    ended: list[dict[str, int]] = []
    begin = Timeline.begin

    def watched(self: Timeline, phase: str) -> None:
        if phase == "optimizer's step":
            ended.append({item: size for item, size in self._by_item.items() if size})
        begin(self, phase)

    monkeypatch.setattr(Timeline, "begin", watched)
    memory(size, recipe, 2, 16, **options)
    memory(MLP("tiny", (8, 8, 8)), recipe, 4)
    for left, model in zip(ended, (size, MLP("tiny", (8, 8, 8))), strict=True):
        assert set(left) == {"weights", "optimizer states", "gradients", "inputs", "workspace"}
        assert left["gradients"] == left["weights"] == parameters(model) * WIDTHS[as_recipe(recipe).weights]


def test_the_peak_is_what_its_parts_add_up_to() -> None:
    for told in grid(SMALL, checkpointing=True).values():
        assert sum(told.at_peak.values()) == told.peak == max(told.phases.values())
        assert tuple(told.at_peak) == ITEMS


def test_more_tokens_take_more_and_narrow_recipes_take_no_more() -> None:
    told = grid(SMALL)
    assert len(told) == len(BATCHES) * len(CONTEXTS) * len(RECIPES)
    for recipe in RECIPES:
        for context in CONTEXTS:
            peaks = [told[context, batch, recipe.name].peak for batch in BATCHES]
            assert peaks == sorted(peaks)
    for context in CONTEXTS:
        for batch in BATCHES:
            assert told[context, batch, "bf16_weights"].peak < told[context, batch, "fp32"].peak
            assert told[context, batch, "tf32"] == told[context, batch, "fp32"]


def test_one_s_own_model_can_be_entered() -> None:
    mine = GPT("mine", layers=6, heads=6, width=384, vocabulary=65, positions=256)
    assert memory(mine, "bf16", 64, 256).peak < memory(mine, "fp32", 64, 256).peak


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: memory(SMALL, "fp8", 4), "unknown recipe 'fp8'; expected one of fp32, tf32, fp16, bf16, bf16_weights"),
        (lambda: memory(SMALL, "fp32", 0), "`batch` must be an integer of at least 1, got 0"),
        (lambda: memory(SMALL, "fp32", 2.5), "`batch` must be an integer of at least 1, got 2.5"),
        (lambda: memory(SMALL, "fp32", True), "`batch` must be an integer of at least 1, got True"),
        (lambda: memory(SMALL, "fp32", 1, -1), "`context` must be an integer of at least 1, got -1"),
        (
            lambda: memory(SMALL, "fp32", 1, 2048),
            "`context` must be at most 1024, the positions of GPT-2 124M, got 2048",
        ),
        (lambda: memory(MLP("m", (2, 2)), "fp32", 1, checkpointing=True), "are for a GPT"),
        (lambda: GPT("g", layers=0, heads=1, width=8), "`layers` must be an integer of at least 1, got 0"),
        (lambda: GPT("g", layers=1, heads=3, width=8), "`width` must be a multiple of `heads`, got 8 and 3"),
        (lambda: MLP("m", (5,)), "`widths` must be at least two integers above 0, got (5,)"),
        (lambda: measurements.training("fp32", 5), "not measured: GPT-2 124M, fp32, batch 5"),
        (lambda: measurements.matmul("float32", 7), "no product of size 7 in float32 was measured; sizes are 256, 512"),
        (lambda: measurements.operation("tanh", "float32"), "no 'tanh' in float32 was measured; expected one of copy"),
    ],
)
def test_what_cannot_be_counted_is_refused_with_a_word(call: Any, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        call()


# ---- pictures ----


def test_the_bars_are_as_long_as_the_peaks_and_say_so() -> None:
    setting = Setting(SMALL, 4, 1024, "fp16", False, False)
    axes = drawn.figure(setting).axes[0]
    ends: dict[int, float] = {}
    for bar in axes.patches:
        place = round(bar.get_y() + bar.get_height() / 2)
        ends[place] = max(ends.get(place, 0), bar.get_x() + bar.get_width())
    peaks = [told.peak / 2**30 for told in setting.memories().values()]
    assert [ends[place] for place in range(len(peaks))] == pytest.approx(peaks)
    assert [label.get_text() for label in axes.get_yticklabels()][2] == "▸ fp16 autocast + scaler"
    words = drawn.alternative(setting)
    assert "  fp16 autocast + scaler: 4.89 GiB, 81 % of fp32" in words.splitlines()
    assert "logits and loss 1.92 GiB" in words
