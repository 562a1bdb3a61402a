"""The number line in JupyterLab, moved by mouse, by keyboard and by typing; and every number on its screen."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

import simfp as sf
from simfp.figures.words import decimal
from simfp.formats import NAMED_FORMATS
from simfp.widgets import NumberLine
from tests.browser.driving import Lesson, plain_page, write_notebook

pytestmark = pytest.mark.browser

CELLS = (
    'from simfp.widgets import NumberLine\nw = NumberLine("2049")\nw',
    'other = NumberLine("0.1", fmt="bf16")\nother',
)


@pytest.fixture
def lesson(course: Path, open_notebook: Callable[[str], Lesson]) -> Lesson:
    write_notebook(course / "line.ipynb", *CELLS)
    opened = open_notebook("line.ipynb")
    opened.run_all()
    expect(opened.page.locator(".simfp-numberline")).to_have_count(2)
    return opened


def told(page: Page) -> dict[str, str]:
    """What the first line's arrows say: mode to result."""
    arrows = page.locator(".simfp-numberline").first.locator(".simfp-arrow")
    pairs = arrows.evaluate_all("(all) => all.map((one) => [one.dataset.mode, one.dataset.result])")
    return dict(pairs)


def expected(x: float, fmt: str) -> dict[str, str]:
    return {mode: decimal(result, 9) for mode, result in NumberLine(x, fmt=fmt).results().items()}


def test_the_line_follows_keys_mouse_text_and_python_and_shows_what_simfp_says(lesson: Lesson) -> None:
    page = lesson.page
    handle = page.locator(".simfp-handle").first
    typed = page.locator("input[name=x]").first
    assert told(page) == expected(2049, "float16")

    handle.focus()
    for key, x in {"ArrowRight": 2049.125, "ArrowLeft": 2049, "PageUp": 2050, "t": 2051, "PageDown": 2050}.items():
        page.keyboard.press(key)
        expect(typed).to_have_value(repr(float(x)))
        assert told(page) == expected(x, "float16")
        lesson.wait_for("w.value", repr(float(x)))
    page.keyboard.press("End")
    lesson.wait_for("w.value", "65504.0")
    page.keyboard.press("ArrowUp")  # nothing above: it stays, and still listens
    page.keyboard.press("Home")
    lesson.wait_for("w.value", "-65504.0")

    typed.fill("2^-24")
    typed.press("Enter")
    lesson.wait_for("w.x", "'2^-24'")
    expect(handle).to_have_attribute("aria-valuetext", "2^-24, a number of fp16")
    typed.fill("1,5")
    typed.press("Enter")
    message = page.locator(".simfp-message").first
    expect(message).to_contain_text("cannot read '1,5' as a number; understood are decimals")
    expect(typed).to_have_value("2^-24")

    lesson.tell("w.x = 2049; w.fmt = 'bf16'; w.span = 3; w.rounding = 'toward_zero'")
    expect(typed).to_have_value("2049")
    expect(page.locator(".simfp-arrow.simfp-chosen").first).to_have_attribute("data-mode", "toward_zero")
    lesson.until(lambda: told(page) == expected(2049, "bfloat16"))

    box = page.locator(".simfp-line").first.bounding_box()
    assert box
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 64)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 64, steps=30)
    page.mouse.up()
    dropped = NumberLine(2049, fmt="bf16", span=3)._view().value((0.8 - 0.04) / 0.92)
    near = pytest.approx(dropped, abs=float(sf.ulp(dropped, "bf16")) / 8)
    lesson.until(lambda: float(lesson.ask("w.value")) == near)
    lesson.until(lambda: told(page) == expected(float(lesson.ask("w.value")), "bfloat16"))
    assert lesson.ask("other.x") == "'0.1'"  # the other line stood still

    ids = page.locator(".simfp-numberline [id]").evaluate_all("(all) => all.map((one) => one.id)")
    assert len(ids) == len(set(ids))
    assert (lesson.errors, lesson.outside) == ([], [])


@pytest.mark.parametrize("name", NAMED_FORMATS)
def test_the_screen_says_what_simfp_says_in_every_format(page: Page, name: str) -> None:
    fmt = sf.as_format(name)
    for x in (0.1, -1.3, fmt.max, fmt.max * 1.2, fmt.smallest_subnormal / 3, 0.0):
        page.set_content(plain_page(NumberLine(x, fmt=name)))
        page.locator(".simfp-numberline").wait_for()
        assert told(page) == expected(x, name)


@pytest.mark.parametrize("width", [1200, 700])
@pytest.mark.parametrize("span", [1, 2, 3])
def test_the_two_heaps_of_throws_stand_apart_and_clear_of_the_words(page: Page, width: int, span: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    for x in (2049, 2048.125):  # as many on either side, and nearly all on one
        page.set_content(plain_page(NumberLine(x, span=span)))
        page.locator(".simfp-throw").first.wait_for()
        page.wait_for_function("!document.querySelector('.simfp-throw').style.transform.includes('(-4.50px)')")
        boxes = [heap.bounding_box() for heap in page.locator(".simfp-heap").all()]
        words = page.locator(".simfp-told").last.bounding_box()
        picture = page.locator(".simfp-line").bounding_box()
        assert len(boxes) == 2
        assert words
        assert picture
        left, right = sorted((box for box in boxes if box), key=lambda box: box["x"])
        assert left["x"] + left["width"] < right["x"]
        assert min(left["y"], right["y"]) > words["y"] + words["height"] / 2 + 4
        assert max(box["y"] + box["height"] for box in (left, right)) < picture["y"] + picture["height"]
