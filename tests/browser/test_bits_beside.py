"""BitsBeside on a page: the menu, the slider by keyboard, and the bits that are marked."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from simfp.silicon import recordings
from simfp.widgets import BitsBeside
from tests.browser.driving import Lesson, write_notebook

pytestmark = pytest.mark.browser

RECORDING = recordings.load("h200_operations")
CELL = (
    "from simfp.course import recordings\nfrom simfp.widgets import BitsBeside\n"
    'w = BitsBeside(recordings.load("h200_operations"), check="attention float16")\nw'
)


@pytest.mark.parametrize("name", ["attention float16", "gelu bfloat16"])
def test_both_codes_stand_on_the_page_and_what_differs_is_marked(
    name: str, page: Page, shown: Callable[[Any], Any]
) -> None:
    widget = BitsBeside(RECORDING, check=name)
    shown(widget)
    lines = page.locator(".simfp-line-of-bits code")
    assert [each.replace(" ", "") for each in lines.all_inner_texts()] == [
        bits.replace(" ", "") for _, bits, _ in widget._story["rows"]
    ]
    assert page.locator(".simfp-other").count() == 2 * sum(widget._story["marks"])
    expect(page.locator(".simfp-title")).to_have_text(f"{widget._story['title']}: {widget._story['told']}")
    expect(page.get_by_role("slider", name="which of the elements shown")).to_have_attribute("min", "0")


def test_menu_and_keys_move_it_and_python_answers(
    course: Path, open_notebook: Callable[[str], Lesson]
) -> None:  # fmt: skip
    write_notebook(course / "lessons" / "beside.ipynb", CELL)
    lesson = open_notebook("lessons/beside.ipynb")
    lesson.run_all()
    page = lesson.page
    title = page.locator(".simfp-beside .simfp-title")
    expect(title).to_contain_text("1 ulp apart")
    slider = page.locator(".simfp-beside input[type=range]")
    slider.focus()
    slider.press("End")
    expect(title).to_contain_text("equal, bit for bit")
    page.locator(".simfp-beside select").select_option("AdamW float32")
    expect(title).to_contain_text("weights after step 1")
    assert lesson.ask("w.check") == "'AdamW float32'"
