"""The memory calculator in JupyterLab, moved by keyboard, by mouse and by Python; and the numbers on its screen."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from simfp.experiments.memory.model_sizes import GPT_SIZES, RECIPES
from simfp.experiments.memory.training_step import ITEMS, memory
from simfp.figures.words import gib
from simfp.widgets import MemoryCalculator
from tests.browser.driving import Lesson, write_notebook

pytestmark = pytest.mark.browser

CELL = "from simfp.widgets import MemoryCalculator\nw = MemoryCalculator(batch=4)\nw"


@pytest.fixture
def lesson(course: Path, open_notebook: Callable[[str], Lesson]) -> Lesson:
    write_notebook(course / "memory.ipynb", CELL)
    opened = open_notebook("memory.ipynb")
    opened.run_all()
    expect(opened.page.locator(".simfp-memory")).to_have_count(1)
    return opened


def test_keyboard_menus_and_python_set_the_same(lesson: Lesson) -> None:
    page = lesson.page
    batch, context = page.locator('.simfp input[name="batch"]'), page.locator('.simfp input[name="context"]')
    for key, value in [("ArrowRight", 8), ("ArrowUp", 16), ("ArrowLeft", 8), ("End", 64), ("Home", 1)]:
        batch.press(key)
        lesson.wait_for("w.batch", str(value))
    context.press("ArrowLeft")
    lesson.wait_for("w.context", "512")
    assert context.get_attribute("aria-valuetext") == "512 tokens"
    page.locator('.simfp select[name="recipe"]').select_option("bf16_weights")
    page.locator('.simfp input[name="checkpointing"]').check()
    lesson.wait_for("(w.recipe, w.checkpointing)", "('bf16_weights', True)")

    lesson.tell("w.model = 'GPT-2 355M'; w.batch = 16; w.context = 1024; w.recipe = 'fp16'")
    told = memory(GPT_SIZES[1], "fp16", 16, checkpointing=True)
    reading = page.locator('.simfp-bar-row[data-recipe="fp16"] .simfp-peak')
    expect(reading).to_contain_text(gib(told.peak))
    page.locator('.simfp-bar-row[data-recipe="tf32"]').click()
    lesson.wait_for("w.recipe", "'tf32'")
    lesson.tell("w.batch = 3")
    expect(page.locator(".simfp-message")).to_contain_text(
        "batch must be one of 1, 2, 4, 8, 16, 32, 64, got 3; kept 16"
    )
    lesson.tell("w.close()")
    expect(page.locator(".simfp-memory")).to_have_count(0)
    assert lesson.errors == []
    assert lesson.outside == []


@pytest.mark.parametrize("width", [1200, 700, 420])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_its_page(page: Page, shown: Callable[[Any], Any], width: int, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 1000})
    shown(MemoryCalculator())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    ink = page.evaluate("getComputedStyle(document.querySelector('.simfp')).color")
    assert ink == {"light": "rgb(31, 31, 31)", "dark": "rgb(232, 232, 232)"}[scheme]


def test_bars_are_in_proportion_and_the_table_says_what_they_show(page: Page, shown: Callable[[Any], Any]) -> None:
    shown(MemoryCalculator(attention="written out"))
    for batch, context in [(1, 128), (64, 1024), (4, 512)]:
        page.evaluate(f"model.set('batch', {batch}); model.set('context', {context})")
        told = {r.name: memory(GPT_SIZES[0], r, batch, context, explicit=True) for r in RECIPES}
        widths = {
            name: page.evaluate(
                f"""Array.from(document.querySelectorAll('[data-recipe="{name}"] .simfp-part'))
                    .reduce((sum, part) => sum + part.getBoundingClientRect().width, 0)"""
            )
            for name in told
        }
        whole = page.locator(".simfp-bar").first.bounding_box()
        assert whole
        widest = max(each.peak for each in told.values())
        for name, each in told.items():
            assert widths[name] / whole["width"] == pytest.approx(each.peak / widest, abs=0.005)
        chosen = told["fp16"]
        cells = page.locator(".simfp-parts tbody td:nth-child(2)").all_inner_texts()
        assert cells == [gib(chosen.at_peak[item]) if chosen.at_peak[item] else "–" for item in ITEMS]


def test_every_control_has_a_name_and_what_changed_is_spoken(page: Page, shown: Callable[[Any], Any]) -> None:
    shown(MemoryCalculator(batch=4))
    tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")
    named: dict[str, list[str]] = {}
    for node in tree["nodes"]:
        if not node["ignored"]:
            named.setdefault(node["role"]["value"], []).append(node.get("name", {}).get("value", ""))
    counts = {role: len(named.get(role, [])) for role in ("slider", "combobox", "checkbox")}
    assert counts == {"slider": 2, "combobox": 3, "checkbox": 1}
    assert all(all(named[role]) for role in counts)
    page.evaluate("model.set('batch', 8)")
    page.wait_for_function("document.querySelector('[aria-live]').textContent.includes('fp16 autocast + scaler: 8.')")


def test_a_widget_that_is_taken_away_listens_no_more(page: Page, shown: Callable[[Any], Any]) -> None:
    shown(MemoryCalculator())
    page.evaluate("window.stop()")
    assert page.evaluate("Object.values(window.listeners).flat().length") == 0
