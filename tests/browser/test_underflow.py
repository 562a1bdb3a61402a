"""The underflow slider in JupyterLab, moved by mouse, by keyboard and by Python; and every number on its screen."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

import simfp as sf
from simfp.bits import bit_string
from simfp.experiments.numbers import gradients
from simfp.experiments.numbers.underflow import SHIFTS, SIGNIFICANDS
from simfp.figures.words import percent
from simfp.observe import FATES, Rounding, listening
from simfp.widgets import Underflow
from tests.browser import metering
from tests.browser.driving import Lesson, write_notebook

pytestmark = pytest.mark.browser

CELLS = (
    "from simfp.widgets import Underflow\nw = Underflow(k=4)\nw",
    'other = Underflow(show="gradients", close_up=True)\nother',
)
FORMATS = {"fp32": sf.float32, "fp16": sf.float16, "bf16": sf.bfloat16} | {
    "fp8 e4m3": sf.float8_e4m3fn,
    "fp8 e5m2": sf.float8_e5m2,
}


@pytest.fixture
def lesson(course: Path, open_notebook: Callable[[str], Lesson]) -> Lesson:
    write_notebook(course / "slider.ipynb", *CELLS)
    opened = open_notebook("slider.ipynb")
    opened.run_all()
    expect(opened.page.locator(".simfp-underflow")).to_have_count(2)
    return opened


def drag(page: Page, slider: Any, to: float) -> None:
    """Drags the thumb to a fraction of the slider's width."""
    box = slider.bounding_box()
    least, most = int(slider.get_attribute("min")), int(slider.get_attribute("max"))
    at = (most - int(slider.input_value())) / (most - least)
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 9 + at * (box["width"] - 18), y)
    page.mouse.down()
    page.mouse.move(box["x"] + 9 + to * (box["width"] - 18), y, steps=20)
    page.mouse.up()


def test_mouse_keyboard_and_python_move_the_same_k(lesson: Lesson) -> None:
    page = lesson.page
    slider = page.locator(".simfp-slider").first
    number = page.locator('.simfp input[name="k"]').first

    drag(page, slider, 0.5)  # half way: 2^-55
    expect(slider).to_have_value("55")
    expect(number).to_have_value("55")
    lesson.wait_for("w.k", "55")

    for key, k in [("ArrowLeft", 56), ("ArrowUp", 57), ("ArrowRight", 56), ("ArrowDown", 55)]:
        slider.press(key)
        lesson.wait_for("w.k", str(k))
    slider.press("PageUp")
    assert int(slider.input_value()) > 60
    slider.press("Home")
    lesson.wait_for("w.k", "-30")
    slider.press("End")
    lesson.wait_for("w.k", "140")

    lesson.tell("w.k = 24")
    expect(slider).to_have_value("24")
    expect(number).to_have_value("24")
    expect(page.locator('.simfp tr[data-format="fp16"] .simfp-became').first).to_have_text(
        "subnormal, exact: 1 of 11 bits left"
    )
    number.fill("25")
    number.press("Enter")
    expect(slider).to_have_value("25")
    lesson.wait_for("w.k", "25")
    assert lesson.ask("other.k") == "0"  # the other widget stood still
    assert page.locator(".jp-Notebook .jp-mod-noHeading, .jp-collapsed").count() == 0
    assert lesson.errors == []


def test_switches_on_the_screen_and_in_python_are_the_same(lesson: Lesson) -> None:
    page = lesson.page
    page.locator('.simfp select[name="data"]').first.select_option("uniform")
    page.locator('.simfp select[name="significand"]').first.select_option("1.5")
    page.locator('.simfp select[name="subnormals"]').first.select_option("flush")
    page.locator('.simfp input[name="close_up"]').first.check()
    lesson.wait_for("(w.data, w.significand, w.subnormals, w.close_up)", "('uniform', '1.5', 'flush', True)")
    expect(page.locator(".simfp-caption").first).to_contain_text("uniform")
    expect(page.locator(".simfp-limits").first).to_have_text("normal from 2⁻¹⁴, nothing below")
    expect(page.locator(".simfp-slider").first).to_have_attribute("max", "50")

    lesson.tell("w.data = 'lognormal'; w.subnormals = 'keep'; w.close_up = False")
    expect(page.locator('.simfp select[name="data"]').first).to_have_value("lognormal")
    expect(page.locator('.simfp select[name="subnormals"]').first).to_have_value("keep")
    expect(page.locator(".simfp-caption").first).to_contain_text("lognormal")
    lesson.tell("w.show = 'value'")
    expect(page.locator(".simfp-underflow").first.locator(".simfp-share")).to_have_count(0)


def test_a_wrong_value_keeps_the_last_good_one_and_says_so(lesson: Lesson) -> None:
    page = lesson.page
    message = page.locator(".simfp-message").first
    number = page.locator('.simfp input[name="k"]').first
    expect(message).to_be_empty()

    for typed in ("999", "1.5", "many", ""):
        number.fill(typed)
        number.press("Enter")
        expect(message).to_have_text(f"k must be a whole number from -30 to 140, got '{typed}'; kept 4")
        expect(number).to_have_value("4")
        expect(number).to_have_attribute("aria-invalid", "true")
    assert lesson.ask("w.k") == "4"

    lesson.tell("w.k = 999")
    expect(message).to_have_text("k must be a whole number from -30 to 140, got 999; kept 4")
    lesson.tell("w.data = 'nope'")
    expect(message).to_contain_text("unknown data 'nope'; expected one of recorded, lognormal")
    expect(page.locator('.simfp select[name="data"]').first).to_have_value("recorded")

    lesson.tell("w.k = 5")
    expect(message).to_be_empty()
    expect(number).to_have_attribute("aria-invalid", "false")


def test_nothing_is_asked_of_the_outside_and_closing_leaves_nothing(lesson: Lesson) -> None:
    lesson.tell("w.close()")
    expect(lesson.page.locator(".simfp-underflow")).to_have_count(1)
    assert lesson.outside == []
    assert lesson.errors == []


def test_the_picture_follows_the_hand(lesson: Lesson) -> None:
    page = lesson.page
    slider, picture = page.locator(".simfp-slider").first, page.locator(".simfp-lanes").first
    slider.press("Home")
    box = slider.bounding_box()
    assert box
    dragged = metering.drag(page, slider, picture, box["x"] + box["width"] - 9, box["x"] + 9)
    assert dragged.offered > 60
    assert dragged.drawn > 0
    lesson.wait_for("w.k", "140")


@pytest.mark.parametrize("width", [700, 1200])
def test_the_widget_fits_its_page_in_light_and_dark(lesson: Lesson, width: int) -> None:
    page = lesson.page
    page.set_viewport_size({"width": width, "height": 1000})
    root = page.locator(".simfp-underflow").first
    expect(root.locator(".simfp-lane")).to_have_count(4)
    lesson.until(lambda: root.evaluate("(root) => root.scrollWidth <= root.clientWidth"))
    assert root.evaluate("(root) => root.getBoundingClientRect().right <= innerWidth")
    lanes, slider = root.locator(".simfp-lane").first.bounding_box(), root.locator(".simfp-slider").bounding_box()
    assert lanes
    assert slider
    assert abs(lanes["width"] - slider["width"]) < 1  # the thumb stands above its place on the ruler

    ink = {}
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        lesson.theme(theme)
        ink[theme] = root.evaluate("(root) => getComputedStyle(root).color")
        floor = root.locator(".simfp-floor").first.evaluate("(floor) => getComputedStyle(floor).fill")
        assert floor == ink[theme]
    assert luminance(ink["JupyterLab Dark"]) > 0.5 > luminance(ink["JupyterLab Light"])


def luminance(color: str) -> float:
    red, green, blue = (float(part) for part in color[color.index("(") + 1 : -1].split(",")[:3])
    return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255


# ---- the front end on a page of its own, without a kernel


def test_every_control_and_picture_has_a_name_for_those_who_cannot_see_it(
    page: Page, shown: Callable[[Any], Any]
) -> None:
    shown(Underflow(k=20))
    tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")
    named: dict[str, list[str]] = {}
    for node in tree["nodes"]:
        if not node["ignored"]:
            named.setdefault(node["role"]["value"], []).append(node.get("name", {}).get("value", ""))
    counts = {role: len(named.get(role, [])) for role in ("slider", "textbox", "combobox", "checkbox", "image")}
    assert counts == {"slider": 1, "textbox": 1, "combobox": 3, "checkbox": 1, "image": 5 + 4}
    for role in counts:
        assert all(named[role]), role
    assert "sign 0, exponent 00000, mantissa 0000010000" in named["image"]
    assert page.locator(".simfp-slider").get_attribute("aria-valuetext") == "k 20, times 2 to the power -20"
    assert page.locator("[aria-live=polite]").count() == 1
    page.wait_for_function("document.querySelector('[aria-live]').textContent.includes('fp16 gradients')")


def test_a_removed_widget_listens_no_longer(page: Page, shown: Callable[[Any], Any]) -> None:
    shown(Underflow())
    assert page.evaluate("Object.values(listeners).flat().length") > 0
    page.evaluate("window.stop()")
    assert page.evaluate("Object.values(listeners).flat().length") == 0


def test_the_marker_stands_below_the_thumb_and_the_bars_move_with_it(page: Page, shown: Callable[[Any], Any]) -> None:
    shown(Underflow())
    for k in (-30, 0, 17, 140):
        page.evaluate("(k) => model.set('k', k)", k)
        at, bars, slider = page.evaluate(
            """() => [Number(document.querySelector('.simfp-dot').getAttribute('cx')),
                document.querySelector('.simfp-bars').getAttribute('transform'),
                document.querySelector('.simfp-slider').clientWidth]"""
        )
        unit = (slider - 18) / 170
        assert at == pytest.approx(9 + (140 - k) * unit)
        assert float(bars[len("translate(") :].split(",")[0]) == pytest.approx(-k * unit)


READ_THE_SCREEN = """(shifts) => shifts.map((k) => {
  model.set('k', k);
  const text = (element) => element.textContent;
  const all = (root, what) => Array.from(root.querySelectorAll(what));
  return {
    rows: Object.fromEntries(all(document, 'tbody tr').map((row) => [row.dataset.format, {
      bits: all(row, '.simfp-field').map(text).join(' '),
      after: text(row.querySelector('.simfp-after')),
      error: text(row.querySelector('.simfp-error')),
      became: text(row.querySelector('.simfp-became')),
    }])),
    lanes: Object.fromEntries(all(document, '.simfp-lane-box').map((lane) => [lane.dataset.format,
      all(lane, '.simfp-share b').map(text)])),
    reading: text(document.querySelector('.simfp-factor')),
    field: document.querySelector('input[name=k]').value,
  };
})"""


@pytest.mark.parametrize("subnormals", ["keep", pytest.param("flush", marks=pytest.mark.long)])
@pytest.mark.parametrize(("data", "significand"), list(zip(gradients.NAMES, SIGNIFICANDS, strict=True)))
def test_every_number_on_the_screen_is_simfps_at_every_k(
    page: Page, shown: Callable[[Any], Any], data: str, significand: str, subnormals: str
) -> None:
    shown(Underflow(data=data, significand=significand, subnormals=subnormals))
    values = gradients.load(data).values.astype(np.float64)
    screens = page.evaluate(READ_THE_SCREEN, list(SHIFTS))
    for k, screen in zip(SHIFTS, screens, strict=True):
        assert screen["field"] == str(k)
        assert float(screen["reading"].split()[-1]) == float(f"{2.0**-k:.6g}")
        x = SIGNIFICANDS[significand] * 2.0**-k
        for label, fmt in FORMATS.items():
            row = screen["rows"][label]
            after = float(sf.round_to(x, fmt, subnormals=subnormals))
            assert row["bits"] == bit_string(int(sf.encode(x, fmt, subnormals=subnormals)), fmt)
            assert repr(float(row["after"].replace("∞", "inf"))) == repr(float(f"{after:.6g}"))
            assert same(error_of(row["error"]), float(f"{100 * (after - x) / x:.3g}"))
            assert word_of(row["became"]) == sf.fate(x, fmt, subnormals=subnormals)
        for label, shown_shares in screen["lanes"].items():
            counts = rounded_one_by_one(np.ldexp(values, -k), FORMATS[label], subnormals)
            assert shown_shares == [percent(count, values.size) for count in counts]


def same(a: float, b: float) -> bool:
    return a == b or (np.isnan(a) and not np.isfinite(b))


def error_of(text: str) -> float:
    if text == "—":  # there is no such thing for infinity and NaN
        return np.nan
    return float(text.removesuffix(" %").replace("−", "-"))


def word_of(became: str) -> str:
    words = {"zero": "zeroed", "flushed": "zeroed", "too": "overflowed"}
    first = became.replace(",", " ").replace(":", " ").split()[0]
    return words.get(first, first)


def rounded_one_by_one(values: Any, fmt: sf.Format, subnormals: str) -> list[int]:
    """How many values are normal, subnormal, zeroed, overflowed when each of them is rounded."""
    told: list[Rounding] = []
    with listening(told.append):
        sf.round_to(values, fmt, subnormals=subnormals)
    count = dict(zip(FATES, np.bincount(told[0].fates, minlength=len(FATES)).tolist(), strict=True))
    assert count["nan"] == 0
    return [count["exact"] + count["rounded"], count["subnormal"], count["zeroed"], count["overflowed"]]
