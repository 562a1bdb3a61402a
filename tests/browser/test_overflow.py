"""The overflow slider in JupyterLab, moved by mouse, by keyboard and by Python; and every number on its screen."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

import simfp as sf
from simfp.bits import bit_string
from simfp.experiments.numbers import gradients
from simfp.experiments.numbers.overflow import LOGITS, MASKED, MASKS, SHIFTS, SIGNIFICANDS, softmax
from simfp.figures.numbers.words import origins
from simfp.figures.words import decimal, numbers, percent
from simfp.widgets import Overflow
from tests.browser.driving import Lesson, write_notebook

pytestmark = pytest.mark.browser

CELL = "from simfp.widgets import Overflow\nw = Overflow(4)\nw"
FORMATS = {"fp32": sf.float32, "fp16": sf.float16, "bf16": sf.bfloat16} | {
    "fp8 e4m3": sf.float8_e4m3fn,
    "fp8 e5m2": sf.float8_e5m2,
}


@pytest.fixture
def lesson(course: Path, open_notebook: Callable[[str], Lesson]) -> Lesson:
    write_notebook(course / "overflow.ipynb", CELL)
    opened = open_notebook("overflow.ipynb")
    opened.run_all()
    expect(opened.page.locator(".simfp-overflow")).to_have_count(1)
    return opened


def test_mouse_keyboard_and_python_move_the_same_k(lesson: Lesson) -> None:
    page = lesson.page
    slider, number = page.locator(".simfp-slider"), page.locator('.simfp input[name="k"]')

    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    assert box is not None
    x, y, width = box["x"] + 9, box["y"] + box["height"] / 2, box["width"] - 18
    page.mouse.move(x + width * 4 / 140, y)
    page.mouse.down()
    page.mouse.move(x + width / 2, y, steps=20)
    page.mouse.up()
    expect(slider).to_have_value("70")
    expect(number).to_have_value("70")
    lesson.wait_for("w.k", "70")

    for key, k in [
        ("ArrowRight", 71),
        ("ArrowUp", 72),
        ("ArrowLeft", 71),
        ("ArrowDown", 70),
        ("Home", 0),
        ("End", 140),
    ]:
        slider.press(key)
        lesson.wait_for("w.k", str(k))

    lesson.tell("w.k = 15")
    expect(slider).to_have_value("15")
    number.fill("16")
    number.press("Enter")
    expect(slider).to_have_value("16")
    lesson.wait_for("w.k", "16")
    expect(page.locator('.simfp-value tr[data-format="fp16"] .simfp-became')).to_have_text("too large: ∞")
    assert lesson.errors == []
    assert lesson.outside == []


def test_settings_on_the_screen_and_in_python_are_the_same(lesson: Lesson) -> None:
    page = lesson.page
    page.locator('.simfp select[name="data"]').select_option("uniform")
    page.locator('.simfp select[name="significand"]').select_option("the tie")
    page.locator('.simfp select[name="mask"]').select_option("-65504")
    page.locator('.simfp input[name="subtract_max"]').check()
    lesson.wait_for("(w.data, w.significand, w.mask, w.subtract_max)", "('uniform', 'the tie', '-65504', True)")
    expect(page.locator(".simfp-caption")).to_contain_text("uniform")
    expect(page.locator(".simfp-softmax caption")).to_contain_text("the maximum subtracted, mask -65504")

    lesson.tell("w.mask = '-inf'; w.subtract_max = False; w.data = 'lognormal'")
    expect(page.locator('.simfp select[name="mask"]')).to_have_value("-inf")
    expect(page.locator('.simfp input[name="subtract_max"]')).not_to_be_checked()
    expect(page.locator(".simfp-softmax caption")).to_contain_text("the maximum not subtracted, mask -inf")

    for show, parts in [("value", (1, 0, 0)), ("histogram", (0, 1, 0)), ("softmax", (0, 0, 1)), ("all", (1, 1, 1))]:
        lesson.tell(f"w.show = '{show}'")
        for selector, there in zip((".simfp-value tr", ".simfp-share", ".simfp-softmax tr"), parts, strict=True):
            expect(page.locator(selector).first).to_have_count(there)
    lesson.tell("w.close()")
    expect(page.locator(".simfp-overflow")).to_have_count(0)
    assert lesson.errors == []


def test_a_wrong_value_keeps_the_last_good_one_and_says_so(lesson: Lesson) -> None:
    message, number = lesson.page.locator(".simfp-message"), lesson.page.locator('.simfp input[name="k"]')
    for typed in ("141", "-1", "1.5", "many", ""):
        number.fill(typed)
        number.press("Enter")
        expect(message).to_have_text(f"k must be a whole number from 0 to 140, got '{typed}'; kept 4")
        expect(number).to_have_value("4")
        expect(number).to_have_attribute("aria-invalid", "true")
    assert lesson.ask("w.k") == "4"
    lesson.tell("w.mask = 'none'")
    expect(message).to_have_text("unknown mask 'none'; expected one of -1e9, -inf, -65504; kept '-1e9'")
    lesson.tell("w.k = 5")
    expect(message).to_be_empty()


@pytest.mark.parametrize("width", [1200, 700])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_its_page(page: Page, shown: Callable[[Any], Any], width: int, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 1000})
    shown(Overflow(k=3, significand="below the tie"))
    for k in (3, 20, 140):
        page.evaluate("(k) => model.set('k', k)", k)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    ink = page.evaluate("getComputedStyle(document.querySelector('.simfp')).color")
    assert ink == {"light": "rgb(31, 31, 31)", "dark": "rgb(232, 232, 232)"}[scheme]


def test_the_thumb_stands_above_its_power_of_two(page: Page, shown: Callable[[Any], Any]) -> None:
    shown(Overflow())
    for k in (0, 17, 140):
        page.evaluate("(k) => model.set('k', k)", k)
        dot, left, width = page.evaluate(
            """() => { const box = document.querySelector('.simfp-slider').getBoundingClientRect();
                const lanes = document.querySelector('.simfp-lanes').getBoundingClientRect();
                const dot = Number(document.querySelector('.simfp-dot').getAttribute('cx'));
                return [dot, box.left - lanes.left, box.width]; }"""
        )
        assert dot == pytest.approx(left + 9 + (width - 18) * k / 140, abs=0.5)


@pytest.mark.parametrize("width", [1200, 700])
def test_a_softmax_alone_needs_no_ruler_and_its_cases_stand_side_by_side(
    page: Page, shown: Callable[[Any], Any], width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 1000})
    shown(Overflow(show="softmax", k=4))
    assert page.locator(".simfp-ruler, .simfp-lane").count() == 0
    slider, whole = page.locator(".simfp-slider").bounding_box(), page.locator(".simfp-lanes").bounding_box()
    assert slider
    assert whole
    assert (slider["x"], slider["width"]) == (whole["x"], whole["width"])
    cells = page.locator('.simfp-softmax tr[data-format="fp16"] td, .simfp-softmax thead th:not(:first-child)')
    boxes = [cell.bounding_box() for cell in cells.all()]
    heads, below = boxes[:3], boxes[3:]
    assert [box["x"] for box in heads if box] == [box["x"] for box in below if box]
    assert len({box["y"] for box in below if box}) == 1
    page.evaluate("model.set('show', 'all')")
    expect(page.locator(".simfp-ruler")).to_have_count(1)


def test_every_control_has_a_name_and_what_changed_is_spoken(page: Page, shown: Callable[[Any], Any]) -> None:
    shown(Overflow(k=3))
    tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")
    named: dict[str, list[str]] = {}
    for node in tree["nodes"]:
        if not node["ignored"]:
            named.setdefault(node["role"]["value"], []).append(node.get("name", {}).get("value", ""))
    counts = {role: len(named.get(role, [])) for role in ("slider", "textbox", "combobox", "checkbox", "image")}
    assert counts == {"slider": 1, "textbox": 1, "combobox": 3, "checkbox": 1, "image": 5 + 4}
    assert all(all(named[role]) for role in counts)
    assert page.locator(".simfp-slider").get_attribute("aria-valuetext") == "k 3, times 2 to the power 3"
    page.wait_for_function(
        "document.querySelector('[aria-live]').textContent.includes('fp16 softmax: no mask, 0  NaN')"
    )


def test_a_removed_widget_listens_no_longer(page: Page, shown: Callable[[Any], Any]) -> None:
    shown(Overflow())
    assert page.evaluate("Object.values(listeners).flat().length") > 0
    page.evaluate("window.stop()")
    assert page.evaluate("Object.values(listeners).flat().length") == 0


READ = """() => {
  const text = (root, selector) => root.querySelector(selector).textContent;
  const of = (selector, read) => Object.fromEntries(
    [...document.querySelectorAll(selector)].map((row) => [row.dataset.format, read(row)]));
  return {
    value: text(document, ".simfp-exact"),
    rows: of(".simfp-value tbody tr", (row) => [
      [...row.querySelectorAll(".simfp-bit")].map((bit) => bit.textContent).join(""), text(row, ".simfp-after")]),
    lanes: of(".simfp-lane-box", (lane) => [...lane.querySelectorAll(".simfp-share b")].map((b) => b.textContent)),
    softmax: of(".simfp-softmax tbody tr", (row) => Object.fromEntries([...row.querySelectorAll("td")].map(
      (cell) => [cell.dataset.case, [text(cell, ".simfp-weights"), text(cell, ".simfp-born")]]))),
  };
}"""


@pytest.mark.parametrize(
    ("significand", "data", "mask", "subtract"),
    [
        pytest.param("1", "recorded", "-1e9", False, marks=pytest.mark.long),
        ("the tie", "two heaps", "-65504", True),
        pytest.param("below the tie", "uniform", "-inf", True, marks=pytest.mark.long),
    ],
)
def test_every_number_on_the_screen_is_simfps_at_every_k(
    page: Page, shown: Callable[[Any], Any], significand: str, data: str, mask: str, subtract: bool
) -> None:
    shown(Overflow(significand=significand, data=data, mask=mask, subtract_max=subtract))
    values = gradients.load(data).values.astype(np.float64)
    for k in SHIFTS:
        page.evaluate("(k) => model.set('k', k)", k)
        seen = page.evaluate(READ)
        x = np.ldexp(SIGNIFICANDS[significand], k)
        assert seen["value"] == decimal(x, 10)
        for name, fmt in FORMATS.items():
            bits = bit_string(int(sf.encode(x, fmt)), fmt).replace(" ", "")
            assert seen["rows"][name] == [bits, decimal(float(sf.round_to(x, fmt)))], (name, k)
            for case, masked in MASKED.items():
                one = softmax(np.ldexp(LOGITS, k), fmt, masked, mask=MASKS[mask], subtract_max=subtract)
                assert seen["softmax"][name][case] == [numbers(one.weights[0]), origins(one, 0)], (name, case, k)
        if k % 10 == 0:  # a hundred thousand roundings each
            for name in list(FORMATS)[1:]:
                words = sf.fate(np.ldexp(values, k), FORMATS[name])
                counts = [np.sum((words == "exact") | (words == "rounded"))]
                counts += [np.sum(words == word) for word in ("subnormal", "zeroed", "overflowed")]
                assert seen["lanes"][name] == [percent(int(n), values.size) for n in counts], (name, k)
