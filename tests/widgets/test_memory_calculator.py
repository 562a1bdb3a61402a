"""The memory calculator's widget without a browser: what it takes, refuses, sends and leaves behind."""

import base64
import io
import json
import re
from typing import Any

import pytest
from PIL import Image

from simfp.experiments.memory.model_sizes import GPT_SIZES, RECIPES
from simfp.experiments.memory.training_step import BATCHES, CONTEXTS, ITEMS, memory
from simfp.figures.words import gib
from simfp.widgets import MemoryCalculator
from simfp.widgets.parts import front_end

# setting, a wrong value, and what is said of it
WRONG: list[tuple[str, Any, str]] = [
    ("batch", 3, "batch must be one of 1, 2, 4, 8, 16, 32, 64, got 3"),
    ("batch", True, "batch must be one of 1, 2, 4, 8, 16, 32, 64, got True"),
    ("batch", "4", "batch must be one of 1, 2, 4, 8, 16, 32, 64, got '4'"),
    ("context", 2048, "context must be one of 128, 256, 512, 1024, got 2048"),
    ("model", "GPT-3", "unknown model 'GPT-3'; expected one of GPT-2 124M, GPT-2 355M, GPT-2 774M, GPT-2 1.5B"),
    ("recipe", "fp8", "unknown recipe 'fp8'; expected one of fp32, tf32, fp16, bf16, bf16_weights"),
    ("attention", "flash", "unknown attention 'flash'; expected one of fused, written out"),
    ("checkpointing", 1, "checkpointing must be True or False, got 1"),
]
GOOD: dict[str, Any] = {
    "batch": 8,
    "context": 512,
    "model": "GPT-2 355M",
    "recipe": "bf16",
    "attention": "written out",
    "checkpointing": True,
}


@pytest.mark.parametrize(("name", "value", "said"), WRONG)
def test_a_wrong_value_set_later_keeps_the_last_good_one_and_says_so(name: str, value: Any, said: str) -> None:
    widget = MemoryCalculator(**GOOD)
    setattr(widget, name, value)
    assert getattr(widget, name) == GOOD[name]
    assert widget.message == f"{said}; kept {GOOD[name]!r}"
    widget.batch = 16
    assert widget.message == ""


@pytest.mark.parametrize(("name", "value", "said"), WRONG)
def test_a_wrong_value_to_begin_with_is_an_error(name: str, value: Any, said: str) -> None:
    with pytest.raises((ValueError, TypeError), match=re.escape(said)):
        MemoryCalculator(**{name: value})


def test_an_unknown_setting_is_an_error() -> None:
    with pytest.raises(TypeError, match="unknown setting 'size'; expected one of batch, context, model"):
        MemoryCalculator(size=3)


@pytest.mark.parametrize(("attention", "checkpointing"), [("fused", False), ("fused", True), ("written out", False)])
def test_every_reading_sent_is_the_calculator_s(attention: str, checkpointing: bool) -> None:
    widget = MemoryCalculator(attention=attention, checkpointing=checkpointing)
    options = {"checkpointing": checkpointing, "explicit": attention == "written out"}
    for row, context in zip(widget._table["cells"], CONTEXTS, strict=True):
        for cell, batch in zip(row, BATCHES, strict=True):
            told = {recipe.name: memory(GPT_SIZES[0], recipe, batch, context, **options) for recipe in RECIPES}
            widest = max(each.peak for each in told.values())
            for name, each in told.items():
                percent = 100 * each.peak / told["fp32"].peak
                assert cell[name]["reading"] == f"{gib(each.peak)}, {percent:.0f} % of fp32"
                assert sum(cell[name]["bar"]) == pytest.approx(each.peak / widest, abs=5e-4)
                for place, item in enumerate(ITEMS):
                    held = each.at_peak[item]
                    assert cell[name]["parts"][place][0] == (gib(held) if held else "–")


def test_what_is_sent_is_small() -> None:
    widget = MemoryCalculator(model="GPT-2 1.5B")
    assert len(json.dumps(widget._table)) < 100_000
    assert len(widget._esm) + len(widget._css) < 40_000


def test_the_table_follows_model_attention_and_checkpointing_and_nothing_else() -> None:
    widget = MemoryCalculator()
    seen = [widget._table]
    for name, value in [("model", "GPT-2 355M"), ("attention", "written out"), ("checkpointing", True)]:
        setattr(widget, name, value)
        assert all(widget._table != table for table in seen), name
        seen.append(widget._table)
    widget.batch, widget.context, widget.recipe = 2, 256, "tf32"
    assert widget._table == seen[-1]
    assert widget.memories()["tf32"] == memory(GPT_SIZES[1], "tf32", 2, 256, checkpointing=True, explicit=True)


def test_a_reader_without_a_kernel_gets_a_picture_and_its_words() -> None:
    widget = MemoryCalculator()
    data, metadata = widget._repr_mimebundle_()
    assert data["text/plain"] == metadata["image/png"]["alt"] == widget.alternative()
    picture = base64.b64decode(data["image/png"])
    assert len(picture) < 30_000
    assert Image.open(io.BytesIO(picture)).format == "PNG"
    assert "GPT-2 124M, 16 sequences of 1,024 tokens, fused attention, without checkpointing" in widget.alternative()


def test_its_front_end_is_one_module_that_asks_for_nothing() -> None:
    text = front_end.module("memory_calculator")
    assert re.findall(r"^(?:import|export).*", text, re.MULTILINE) == ["export default { render };"]
    assert not re.search(r"\bfetch\(|XMLHttpRequest|WebSocket|@import", text)
