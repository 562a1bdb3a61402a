"""The widgets of lessons 09 and 10 in Chromium: by mouse, by keyboard, and live in JupyterLab."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from simfp.figures.mixed_precision import autocast_trace as figures
from simfp.figures.mixed_precision import updates as update_figures
from simfp.widgets import AutocastTrace, UpdateRace, UpdateViewer
from tests.browser.driving import Lesson, write_notebook

pytestmark = pytest.mark.browser

CELLS = (
    'from simfp.widgets import AutocastTrace, UpdateRace, UpdateViewer\nt = AutocastTrace("shared")\nt',
    "u = UpdateViewer()\nu",
    "r = UpdateRace(0.008, seeds=1, steps=3000)\nr",
)


@pytest.fixture
def lesson(course: Path, open_notebook: Callable[[str], Lesson]) -> Lesson:
    write_notebook(course / "lessons" / "autocast.ipynb", *CELLS)
    opened = open_notebook("lessons/autocast.ipynb")
    opened.run_all()
    for name in ("autocast", "update", "race"):
        expect(opened.page.locator(f".simfp-{name}")).to_have_count(1)
    return opened


def test_keys_mouse_menus_and_python_follow_the_same_passes(lesson: Lesson) -> None:
    page = lesson.page
    trace = page.locator(".simfp-autocast")
    slider = trace.locator('input[name="step"]')
    for key, step in (("ArrowRight", 1), ("ArrowRight", 2), ("End", 16), ("Home", 0)):
        slider.press(key)
        lesson.wait_for("t.step", str(step))
    trace.get_by_role("button", name="step on").click()
    lesson.wait_for("t.step", "1")
    trace.locator('[data-stop="10"]').click()
    lesson.wait_for("t.step", "10")
    expect(trace.locator(".simfp-detail .simfp-title")).to_contain_text("backward: linear, of step 4")
    expect(trace.locator(".simfp-counts")).to_contain_text("4 found in the cache")
    trace.locator('input[name="cache_enabled"]').uncheck()
    lesson.wait_for("t.cache_enabled", "False")
    expect(trace.locator(".simfp-counts")).to_contain_text("8 casts made (0 of them kept)")
    trace.locator('select[name="dtype"]').select_option("bfloat16")
    expect(trace.locator('[data-stop="0"]')).to_have_text("bf16")
    lesson.tell('t.block = "island"')
    expect(trace.locator('tr[data-row="2"] .simfp-rule')).to_have_text("autocast off")

    viewer = page.locator(".simfp-update")
    viewer.locator('input[name="lr"]').press("End")
    lesson.wait_for("u.lr", "0.5")
    expect(viewer.locator(".simfp-gone")).to_have_count(0)
    viewer.locator('input[name="gradient"]').press("Home")
    expect(viewer.locator('[data-format="fp16"] .simfp-gone')).to_contain_text("the gradient itself is 0")
    assert lesson.errors == []


def test_a_race_is_begun_stopped_in_the_middle_gone_on_with_and_begun_anew(lesson: Lesson) -> None:
    race = lesson.page.locator(".simfp-race")
    said = race.locator(".simfp-said")
    race.get_by_role("button", name="Run").click()
    expect(said).to_contain_text("running: step")
    lesson.page.wait_for_function("document.querySelectorAll('.simfp-race polyline').length === 7")
    race.get_by_role("button", name="Run").click()
    expect(race.locator(".simfp-message")).to_contain_text("A run is running already")
    race.get_by_role("button", name="Stop").click()
    expect(said).to_contain_text("stopped: step", timeout=5000)
    stood, left = int(lesson.ask("r.race.done")), int(lesson.ask("r.race.round()"))
    race.get_by_role("button", name="Step").press("Enter")
    expect(said).to_contain_text("paused: step", timeout=20_000)
    assert int(lesson.ask("r.race.done")) == stood + left
    assert lesson.ask("r.race.round()") == "7"  # all stand at the same step
    race.get_by_role("button", name="Stop").press(" ")
    expect(said).to_contain_text("stopped: step")
    race.get_by_role("button", name="Start over").click()
    expect(said).to_have_text("ready: step 0 of 3000")
    race.locator('select[name="lr"]').select_option("0.004")
    lesson.wait_for("r.race.lr", "0.004")
    assert lesson.errors == []


@pytest.mark.parametrize("block", ["transformer", "cnn", "shared", "island"])
def test_every_box_on_the_screen_has_its_step_s_format(page: Page, shown: Callable[[Any], Any], block: str) -> None:
    widget = AutocastTrace(block)
    shown(widget)
    labels = page.locator(".simfp-steps [data-stop]").evaluate_all(
        "(all) => all.map((box) => [Number(box.dataset.stop), box.textContent])"
    )
    told = figures.stops(widget.trace())
    assert dict(map(tuple, labels)) == {
        number: ("→" if stop.cast else "") + figures.format_name(stop.fmt) for number, stop in enumerate(told)
    }
    for number in (0, len(told) // 2, len(told) - 1):
        page.evaluate("(step) => window.model.set('step', step)", number)
        expect(page.locator(".simfp-detail li")).to_have_text(list(told[number].lines))
        expect(page.locator(".simfp-why")).to_have_text(told[number].why)


@pytest.mark.parametrize(("weight", "lr", "gradient"), [(1.5, 1e-3, 0.1), (1.0, 0.01, -0.2), (2.0**-10, 0.5, 1e-9)])
def test_every_bit_of_an_update_is_in_its_place(
    page: Page, shown: Callable[[Any], Any], weight: float, lr: float, gradient: float
) -> None:
    widget = UpdateViewer(weight, lr, gradient)
    shown(widget)
    read = """(all) => all.map((row) =>
        [".simfp-plus", ".simfp-kept", ".simfp-lost"].map((part) => row.querySelector(part).textContent))"""
    seen = page.locator(".simfp-block tr").evaluate_all(read)
    lines = [line for told in widget.updates() for line in update_figures.lines(told)]
    assert [(sign.strip(), kept, lost.rstrip()) for sign, kept, lost in seen] == [
        (line.sign.strip(), line.kept, line.lost.rstrip()) for line in lines
    ]


@pytest.mark.parametrize("width", [1200, 700])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_fit_their_page(page: Page, shown: Callable[[Any], Any], width: int, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 1000})
    for widget in (AutocastTrace(step=1), UpdateViewer(1.999, 2e-5, 5e-4), UpdateRace()):
        shown(widget)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        edge = page.locator(".simfp").evaluate("(root) => root.getBoundingClientRect().right")
        inside = page.locator(".simfp *:not(.simfp-unseen)").evaluate_all(
            "(all) => Math.max(...all.map((one) => one.getBoundingClientRect().right))"
        )
        assert inside <= edge + 0.5
        ink = page.evaluate("getComputedStyle(document.querySelector('.simfp')).color")
        assert ink == {"light": "rgb(31, 31, 31)", "dark": "rgb(232, 232, 232)"}[scheme]


def test_every_control_has_a_name_and_what_changed_is_spoken(page: Page, shown: Callable[[Any], Any]) -> None:
    wanted = {
        AutocastTrace: {"slider": 1, "combobox": 2, "checkbox": 2},
        UpdateViewer: {"slider": 3},
        UpdateRace: {"combobox": 1, "image": 1},
    }
    for kind, roles in wanted.items():
        shown(kind())
        tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")
        found: dict[str, list[str]] = {}
        for node in tree["nodes"]:
            if not node["ignored"]:
                found.setdefault(node["role"]["value"], []).append(node.get("name", {}).get("value", ""))
        assert {role: len(found.get(role, [])) for role in roles} == roles
        assert all(all(found[role]) for role in [*roles, *(["button"] if "button" in found else [])])
        page.wait_for_function("document.querySelector('[aria-live]').textContent.length > 20")


def test_removed_widgets_listen_no_longer(page: Page, shown: Callable[[Any], Any]) -> None:
    for widget in (AutocastTrace(), UpdateViewer(), UpdateRace()):
        shown(widget)
        assert page.evaluate("Object.values(listeners).flat().length") > 0
        page.evaluate("window.stop()")
        assert page.evaluate("Object.values(listeners).flat().length") == 0
