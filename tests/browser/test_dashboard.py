"""The training dashboard in JupyterLab: started, paused, stopped in the middle, gone on with; by mouse and by keys."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from simfp.widgets import Dashboard
from tests.browser.driving import Lesson, write_notebook

pytestmark = pytest.mark.browser

CELLS = (
    "from simfp.widgets import Dashboard\n"
    'board = Dashboard("mlp", ("fp16", "bf16"), steps=5000, batch=8, measure_every=0)\nboard',
)
TWO_POINTS = re.compile(r"^[\d.]+,[\d.]+ [\d.]+,[\d.]+")
QUICK: dict[str, Any] = {"steps": 12, "batch": 8, "measure_every": 0}


@pytest.fixture
def lesson(course: Path, open_notebook: Callable[[str], Lesson]) -> Iterator[Lesson]:
    write_notebook(course / "lessons" / "board.ipynb", *CELLS)
    opened = open_notebook("lessons/board.ipynb")
    opened.run_all()
    expect(opened.page.locator(".simfp-dashboard")).to_have_count(1)
    yield opened
    opened.tell("board.stop()")
    assert opened.outside == []
    assert opened.errors == []


STEPS = "len(board.trainings[0].history)"


def state(lesson: Lesson, name: str) -> None:
    """Waits until the board says that it stands so."""
    expect(lesson.page.locator(".simfp-said")).to_contain_text(f"{name}: step")


def steps(lesson: Lesson) -> int:
    return int(lesson.ask(STEPS))


def test_it_runs_is_paused_stepped_stopped_in_the_middle_and_gone_on_with(lesson: Lesson) -> None:
    page = lesson.page
    button = {name: page.locator(f'.simfp-button[name="{name}"]') for name in ("run", "pause", "step", "stop", "again")}
    button["run"].click()
    state(lesson, "running")
    # the first step may compile
    expect(page.locator(".simfp-curve").first).to_have_attribute("points", TWO_POINTS, timeout=60_000)
    expect(page.locator(".simfp-layers tbody tr")).to_have_count(8)
    button["run"].click()
    expect(page.locator(".simfp-message")).to_contain_text("A run is running already")
    button["pause"].click()
    state(lesson, "paused")
    stood = steps(lesson)
    assert 0 < stood < 5000
    button["step"].click()
    lesson.wait_for(STEPS, f"{stood + 1}")
    page.wait_for_timeout(200)
    assert steps(lesson) == stood + 1
    button["run"].click()
    state(lesson, "running")
    button["stop"].click()
    state(lesson, "stopped")
    stood = steps(lesson)
    page.wait_for_timeout(200)
    assert steps(lesson) == stood
    button["run"].click()
    lesson.wait_for(f"{STEPS} > {stood}")
    button["stop"].click()
    state(lesson, "stopped")
    assert steps(lesson) > stood
    button["again"].click()
    state(lesson, "ready")
    assert steps(lesson) == 0


def test_a_stop_reaches_two_networks_that_train_and_is_shown(lesson: Lesson) -> None:
    page = lesson.page
    page.locator('.simfp-button[name="run"]').click()
    state(lesson, "running")
    taken = page.evaluate(
        """() => new Promise((done) => {
          const root = document.querySelector(".simfp-dashboard"), began = performance.now();
          new MutationObserver(() => root.dataset.state === "stopped" && done(performance.now() - began))
            .observe(root, {attributes: true});
          root.querySelector('.simfp-button[name="stop"]').click();
        })"""
    )
    print(f"a stop was shown after {taken:.0f} ms")
    state(lesson, "stopped")


def test_keys_reach_its_controls_and_not_the_notebook(lesson: Lesson) -> None:
    page = lesson.page
    page.locator('input[name="scale"]').focus()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    expect(page.locator(".simfp-knob output").nth(1)).to_have_text("loss × 2⁻³")
    assert lesson.ask("board.scale") == "-3"
    page.locator('.simfp-button[name="run"]').focus()
    page.keyboard.press("Enter")
    state(lesson, "running")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")  # the next button: pause
    state(lesson, "paused")
    page.locator('input[name="rate"]').focus()
    page.keyboard.press("ArrowRight")  # also while it is paused
    expect(page.locator(".simfp-knob output").first).to_have_text("learning rate 0.141")
    page.locator('.simfp-button[name="step"]').focus()
    page.keyboard.press("Enter")
    lesson.wait_for("round(([0.0] + [each.lr for each in board.trainings[1].history])[-1], 4)", "0.1414")


def test_a_recipe_is_refused_while_it_runs_and_taken_after(lesson: Lesson) -> None:
    page = lesson.page
    choice = page.locator('select[name="recipe 2"]')
    page.locator('.simfp-button[name="step"]').click()
    state(lesson, "paused")
    choice.select_option("pure bf16")
    expect(page.locator(".simfp-message")).to_contain_text("can be changed when the run is over")
    expect(choice).to_have_value("bf16")
    page.locator('.simfp-button[name="stop"]').click()
    state(lesson, "stopped")
    choice.select_option("fp8 e5m2")
    expect(page.locator(".simfp-run").nth(1)).to_contain_text("fp8 e5m2: ready")
    assert lesson.ask("list(board.recipes)") == "['fp16', 'fp8 e5m2']"


@pytest.mark.parametrize("width", [1200, 700])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_leaves_its_page_and_everything_has_a_name(
    page: Page, shown: Callable[[Any], Any], width: int, scheme: Any
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    board = Dashboard("mlp", ("fp16", "bf16"), **QUICK)
    board.run()
    board.wait(60)
    shown(board)
    root = page.locator(".simfp-dashboard")
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    inside = """(root) => [...root.querySelectorAll("button, select, input, table, svg.simfp-plot")].filter((one) => {
      const box = one.getBoundingClientRect(), all = root.getBoundingClientRect();
      return box.left < all.left - 1 || box.right > all.right + 1;
    }).map((one) => one.outerHTML.slice(0, 80))"""
    assert root.evaluate(inside) == []
    nameless = """(root) => [...root.querySelectorAll("button, select, input, progress, [role=img], section")].filter(
      (one) => !(one.getAttribute("aria-label") || one.textContent.trim() || one.labels?.length))
      .map((one) => one.outerHTML.slice(0, 80))"""
    assert root.evaluate(nameless) == []


def test_a_chart_has_a_point_for_each_step_and_a_bar_for_each_binade(page: Page, shown: Callable[[Any], Any]) -> None:
    board = Dashboard("mlp", "fp16", scale=-16, **QUICK)
    board.run()
    board.wait(60)
    shown(board)
    root = page.locator(".simfp-dashboard")
    points = root.locator(".simfp-curve").first.get_attribute("points") or ""
    assert len(points.split()) == 12
    told = board._live["runs"][0]
    heights = root.locator(".simfp-count").evaluate_all(
        "(bars) => bars.map((bar) => Number(bar.getAttribute('height')))"
    )
    assert [height > 0 for height in heights] == [count > 0 for count in told["bars"]]
    assert root.locator(".simfp-count-zeroed").count() > 10
    for text in ("became zero", "subnormal", told["layers"][0][3], "CrossEntropyLoss"):
        expect(root).to_contain_text(text)
    expect(root.locator("[aria-live]")).to_contain_text("Became zero, by layer")


def test_a_run_that_diverged_shows_its_date_and_the_birth(page: Page, shown: Callable[[Any], Any]) -> None:
    board = Dashboard("mlp", "fp16", scale=30, **QUICK)
    board.run()
    board.wait(60)
    shown(board)
    root = page.locator(".simfp-dashboard")
    expect(root.locator(".simfp-story").first).to_contain_text("The first infinity arose at step 0")
    expect(root.locator(".simfp-story").last).to_contain_text("The loss was no number any more at step 1")
