"""The widgets of lesson 08: in JupyterLab dragged, started, stopped and gone on with; and on a bare page."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from simfp.experiments.mixed_precision import loss_scale
from simfp.experiments.mixed_precision.loss_scale import FATES, SCALES
from simfp.figures.mixed_precision import scale_words as figures
from simfp.figures.words import percent, scale
from simfp.widgets import LossScaleRun, ScalerMachine, ScaleWindow
from tests.browser.driving import Lesson, write_notebook

pytestmark = pytest.mark.browser

IMPORT = "from simfp.widgets import LossScaleRun, ScalerMachine, ScaleWindow\n"
RUN = IMPORT + 'r = LossScaleRun("mlp", steps=4000)\nr'
WINDOW = IMPORT + 'w = ScaleWindow(2, network="mlp")\nw'
MACHINE = IMPORT + "m = ScalerMachine()\nm"


@pytest.fixture
def opened(course: Path, open_notebook: Callable[[str], Lesson]) -> Callable[[str], Lesson]:
    def open_(cell: str) -> Lesson:
        write_notebook(course / "scaled.ipynb", cell)
        lesson = open_notebook("scaled.ipynb")
        lesson.run_all()
        expect(lesson.page.locator(".simfp")).to_have_count(1)
        return lesson

    return open_


# ---- the run, in JupyterLab ----


def test_a_run_is_started_steered_stopped_in_the_middle_and_gone_on_with(opened: Callable[[str], Lesson]) -> None:
    lesson = opened(RUN)
    page = lesson.page
    button = {
        name: page.locator(f'.simfp-buttons button[name="{name}"]') for name in ("start", "pause", "step", "stop")
    }
    state, slider = page.locator(".simfp-state"), page.locator(".simfp-slider")
    expect(state).to_have_text("ready")
    expect(button["pause"]).to_be_disabled()

    button["start"].click()
    expect(state).to_have_text("running")
    lesson.wait_for("len(r.run.points) > 5")
    slider.press("End")  # 2 to the 40th: every step is skipped until the scaler has come down again
    expect(page.locator(".simfp-factor")).to_have_text("set the scale to 2⁴⁰ = 1,099,511,627,776")
    lesson.wait_for("any(p.skipped and p.scale == 2.0**40 for p in r.run.points)")
    page.locator('input[name="lr"]').fill("0.05")
    page.locator('input[name="lr"]').press("Enter")
    lesson.wait_for("r.run.lr", "0.05")

    button["stop"].click()
    expect(state).to_have_text("stopped")
    counted = int(lesson.ask("len(r.run.points)"))
    assert 5 < counted < 4000
    expect(page.locator('dd[data-name="step"]')).to_have_text(f"{counted} of 4000")
    expect(page.locator(".simfp-skips")).to_have_attribute("d", re.compile("M"))

    button["step"].click()
    lesson.wait_for("len(r.run.points)", str(counted + 1))
    expect(state).to_have_text("paused")
    button["start"].click()
    expect(state).to_have_text("running")
    button["pause"].click()
    expect(state).to_have_text("paused")
    page.locator('input[name="by_hand"]').check()
    expect(page.locator('input[name="growth_factor"]')).to_be_disabled()
    slider.press("Home")
    button["start"].click()
    lesson.wait_for("r.run.points[-1].scale == 2.0**-20")
    lesson.tell("r.press('stop')")
    expect(state).to_have_text("stopped")
    assert lesson.errors == []
    assert lesson.outside == []


def test_a_run_that_blows_up_says_when_and_another_begins(opened: Callable[[str], Lesson]) -> None:
    lesson = opened(RUN)
    page = lesson.page
    lesson.tell("r.lr = 30.0")
    expect(page.locator('input[name="lr"]')).to_have_value("30")
    page.locator('button[name="start"]').click()
    expect(page.locator(".simfp-state")).to_have_text("diverged")
    at = lesson.ask("r.run.diverged_at")
    expect(page.locator(".simfp-verdict")).to_contain_text(f"at step {at}, in the forward pass")
    expect(page.locator('button[name="start"]')).to_be_disabled()
    page.locator('button[name="start over"]').click()
    expect(page.locator(".simfp-state")).to_have_text("ready")
    page.locator('input[name="growth_factor"]').fill("one")
    page.locator('input[name="growth_factor"]').press("Enter")
    expect(page.locator(".simfp-message")).to_have_text("growth factor must be a number, got 'one'; kept 2")
    page.locator('input[name="growth_factor"]').fill("1")
    page.locator('input[name="growth_factor"]').press("Enter")
    expect(page.locator(".simfp-message")).to_have_text(
        "growth_factor must be a number above 1 and at most 1024, got 1; kept 2.0"
    )
    expect(page.locator('input[name="growth_factor"]')).to_have_value("2")
    assert lesson.errors == []


# ---- the window, in JupyterLab ----


def test_the_window_moves_by_key_mouse_and_python_and_another_network_can_be_stopped(
    opened: Callable[[str], Lesson],
) -> None:
    lesson = opened(WINDOW)
    page = lesson.page
    slider, number = page.locator(".simfp-slider"), page.locator('input[name="k"]')
    for key, k in (("ArrowRight", 3), ("ArrowLeft", 2), ("End", 30), ("Home", -4)):
        slider.press(key)
        lesson.wait_for("w.k", str(k))
    box = slider.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 9 + (box["width"] - 18) * 16 / 34, box["y"] + box["height"] / 2)
    lesson.wait_for("w.k", "12")
    number.fill("31")
    number.press("Enter")
    expect(page.locator(".simfp-message")).to_have_text("k must be a whole number from -4 to 30, got '31'; kept 12")
    page.locator('button[data-step="200"]').press("Enter")
    lesson.wait_for("w.step", "200")
    expect(page.locator('button[data-step="200"]')).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".simfp-verdict")).to_have_text(f"after 200 steps: {reading(200, 12)}")

    page.locator('select[name="network"]').select_option("gpt")
    expect(page.locator(".simfp-work progress")).to_be_visible()
    page.locator('button[name="stop"]').click()
    expect(page.locator(".simfp-work")).to_be_hidden()
    lesson.wait_for("(w.network, w.runner.at_work)", "('mlp', False)")
    expect(page.locator('select[name="network"]')).to_have_value("mlp")
    assert lesson.errors == []
    assert lesson.outside == []


def reading(step: int, k: int) -> str:
    return figures.reading(next(each for each in loss_scale.windows("mlp") if each.step == step), k)


# ---- the machine, in JupyterLab ----


def test_buttons_make_calls_and_no_press_is_lost(opened: Callable[[str], Lesson]) -> None:
    lesson = opened(MACHINE)
    page = lesson.page
    for _ in range(3):  # faster than answers come
        page.locator('button[name="a whole iteration"]').click()
    lesson.wait_for("len(m.machine.history)", "15")
    expect(page.locator('dd[data-name="scale"]')).to_have_text("2¹⁷ = 131,072")
    page.locator('input[name="outlier_a"]').check()
    for call in ("zero_grad()", "scale(loss).backward()", "step(a)", "step(a)"):
        page.locator(f'button[name="{call}"]').press("Enter")
    row = page.locator('tr[data-part="a"]')
    expect(row.locator('[data-column="found_inf"]')).to_have_text("1")
    expect(row.locator('[data-column="stage"]')).to_have_text("STEPPED")
    latest = page.locator(".simfp-log li").first
    expect(latest).to_contain_text("RuntimeError: step() has already been called since the last update().")
    assert latest.get_attribute("class") == "simfp-refused"
    page.locator('button[name="start over"]').click()
    expect(page.locator(".simfp-log li")).to_have_count(0)
    assert lesson.errors == []


# ---- on a bare page ----


def a_run() -> LossScaleRun:
    widget = LossScaleRun("mlp", steps=60)
    widget.advance(20)
    widget.k = 30
    return widget.advance(10)


WIDGETS: dict[str, Callable[[], Any]] = {
    "window": lambda: ScaleWindow(12, network="mlp", step=200),
    "run": a_run,
    "machine": lambda: ScalerMachine().press("scale(loss).backward()", "step(a)", "step(a)"),
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", WIDGETS)
def test_it_fits_its_page(page: Page, shown: Callable[[Any], Any], name: str, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    widget = WIDGETS[name]()
    for width in (1200, 700):
        page.set_viewport_size({"width": width, "height": 1000})
        shown(widget)
        page.wait_for_timeout(100)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        wide = page.evaluate(
            """() => [...document.querySelectorAll('.simfp *')].filter((e) => !e.closest('.simfp-unseen, defs, pattern')
                && e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.outerHTML.slice(0, 80))"""
        )
        assert wide == []
    ink = page.evaluate("getComputedStyle(document.querySelector('.simfp')).color")
    assert ink == {"light": "rgb(31, 31, 31)", "dark": "rgb(232, 232, 232)"}[scheme]


@pytest.mark.parametrize("name", WIDGETS)
def test_every_control_has_a_name_and_a_removed_widget_listens_no_longer(
    page: Page, shown: Callable[[Any], Any], name: str
) -> None:
    shown(WIDGETS[name]())
    tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")
    roles = ("slider", "textbox", "combobox", "checkbox", "button", "image", "progressbar")
    named = [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in tree["nodes"]
        if not node["ignored"] and node["role"]["value"] in roles
    ]
    assert named
    assert [role for role, text in named if not text] == []
    page.wait_for_function("document.querySelector('[aria-live]').textContent.length > 20")
    page.evaluate("window.stop()")
    assert page.evaluate("Object.values(listeners).flat().length") == 0


def test_every_number_on_the_screen_is_counted_at_every_scale(page: Page, shown: Callable[[Any], Any]) -> None:
    shown(ScaleWindow(network="mlp"))
    lost, over = FATES.index("lost"), FATES.index("overflowed")
    for window in loss_scale.windows("mlp"):
        page.evaluate("(step) => model.set('step', step)", window.step)
        for place, k in enumerate(SCALES):
            page.evaluate("(k) => model.set('k', k)", k)
            counts = window.outcomes[place].counts
            told = page.locator(".simfp-told").all_text_contents()[: len(window.layers) + 1]
            for text, of in zip(told, [counts.sum(0), *counts], strict=True):
                size = int(of.sum())
                assert " ".join(text.split()) == f"lost {percent(of[lost], size)}, overflow {percent(of[over], size)}"
            assert page.locator(".simfp-factor").text_content() == f"the loss × {scale(2.0**k)}"
            verdict = page.locator(".simfp-verdict").text_content() or ""
            assert verdict.endswith(reading(window.step, k))


def test_the_thumb_stands_above_its_column(page: Page, shown: Callable[[Any], Any]) -> None:
    shown(ScaleWindow(network="mlp"))
    for k in (-4, 9, 30):
        page.evaluate("(k) => model.set('k', k)", k)
        thumb, line = page.evaluate(
            """(k) => { const box = document.querySelector('.simfp-slider').getBoundingClientRect();
                const strip = document.querySelector('.simfp-strip');
                const x = Number(strip.querySelector('.simfp-marker').getAttribute('x1'));
                return [box.left + 9 + (box.width - 18) * (k + 4) / 34, strip.getBoundingClientRect().left + x]; }""",
            k,
        )
        assert thumb == pytest.approx(line, abs=0.75)


def test_buttons_ask_and_do_nothing_else(page: Page, shown: Callable[[Any], Any]) -> None:
    shown(WIDGETS["run"]())
    page.locator('button[name="start"]').click()
    page.locator('button[name="stop"]').click()
    assert page.evaluate("window.sent") == ["start", "stop"]
    before = page.locator(".simfp-readings").text_content()
    assert before is not None
    assert "30 of 60" in before
