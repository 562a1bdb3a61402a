"""Both widgets about tensor cores, moved by mouse, by keyboard and by Python; and every bit on their screens."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

import simfp as sf
from simfp.experiments.numbers.fused_step import steps
from simfp.figures.numbers import fused_step as rows_of
from simfp.figures.silicon import tensor_core_bits as figures
from simfp.silicon import product_cases, recordings
from simfp.silicon.tensor_core_bits import compare, unit
from simfp.tensor_core import HOPPER
from simfp.widgets import FusedStep, TensorCoreBits
from tests.browser.driving import Lesson, write_notebook

pytestmark = pytest.mark.browser

ANSWERS = recordings.answers("h100_products")
BY_NAME = {row.case.name: row for row in ANSWERS}
FIRST = "float16 spread 48x64x48"
SOURCE = recordings.source(recordings.load("h100_products"))
CELLS = (
    "from simfp.course import recordings\nfrom simfp.widgets import FusedStep, TensorCoreBits\n"
    'w = TensorCoreBits(recordings.answers("h100_products"), row=3, column=5)\nw',
    "step = FusedStep(*w.element())\nstep",
)


@pytest.fixture
def lesson(course: Path, open_notebook: Callable[[str], Lesson]) -> Lesson:
    write_notebook(course / "lessons" / "core.ipynb", *CELLS)
    opened = open_notebook("lessons/core.ipynb")
    opened.run_all()
    expect(opened.page.locator(".simfp-core")).to_have_count(1)
    expect(opened.page.locator(".simfp-fused")).to_have_count(1)
    return opened


GLOWS = """() => {
  const plate = document.querySelector(".simfp-plate"), {rows, columns} = GRID;
  const cell = Number(plate.dataset.cell) * (plate.width / parseFloat(plate.style.width));
  const {data, width} = plate.getContext("2d").getImageData(0, 0, plate.width, plate.height);
  return Array.from({length: rows * columns}, (_, i) => {
    const [x, y] = [Math.floor((i % columns + 0.5) * cell), Math.floor((Math.floor(i / columns) + 0.5) * cell)];
    const [red, , blue] = data.slice(4 * (y * width + x), 4 * (y * width + x) + 3);
    return red > 120 && red > blue + 20;
  });
}"""


def glowing(page: Page, rows: int, columns: int) -> np.ndarray:
    """Which squares glow, read from the pixels."""
    script = GLOWS.replace("GRID", f"{{rows: {rows}, columns: {columns}}}")
    return np.array(page.evaluate(script)).reshape(rows, columns)


def test_keys_mouse_menus_and_python_move_the_same_core_until_it_is_dark(lesson: Lesson) -> None:
    page = lesson.page
    core = page.locator(".simfp-core")
    terms, bits = core.locator('input[name="terms"]'), core.locator('input[name="fraction_bits"]')
    count = core.locator(".simfp-count")

    def told(L: int, F: int, rounding: str, case: str = FIRST) -> str:
        return figures.reading(compare(BY_NAME[case], unit(BY_NAME[case].case, L, F, rounding)))

    expect(count).to_have_text(told(4, 20, "nearest_even"))
    for key, name, value in [("ArrowRight", "terms", 8), ("End", "terms", 32), ("ArrowLeft", "terms", 16)]:
        terms.press(key)
        lesson.wait_for(f"w.{name}", str(value))
    for key, value in [("ArrowUp", 21), ("End", 30), ("Home", 10)]:
        bits.press(key)
        lesson.wait_for("w.fraction_bits", str(value))
    expect(count).to_have_text(told(16, 10, "nearest_even"))

    bits.scroll_into_view_if_needed()
    box = bits.bounding_box()
    assert box
    x, y, width = box["x"] + 9, box["y"] + box["height"] / 2, box["width"] - 18
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + width * 15 / 20, y, steps=30)
    page.mouse.up()
    lesson.wait_for("w.fraction_bits", "25")
    expect(core.locator(".simfp-set").nth(1)).to_have_text("F = 25")
    expect(count).to_have_text(told(16, 25, "nearest_even"))
    assert glowing(page, 48, 48).sum() == 1548
    core.locator('select[name="rounding"]').select_option("toward_zero")
    expect(count).to_have_text("✓ 0 of 2,304 elements differ: every bit is the GPU's")
    assert not glowing(page, 48, 48).any()

    plate = core.locator(".simfp-plate")
    plate.scroll_into_view_if_needed()
    plate.click(position={"x": 105, "y": 25})
    lesson.wait_for("(w.row, w.column)", "(2, 10)")
    for key in ("ArrowDown", "ArrowRight", "ArrowUp", "ArrowUp"):
        plate.press(key)
    lesson.wait_for("(w.row, w.column)", "(1, 11)")
    expect(core.locator(".simfp-title")).to_have_text("row 1, column 11: equal, bit for bit")

    core.locator('select[name="case"]').select_option("tfloat32 spread 32x32x32")
    expect(count).to_have_text(told(16, 25, "toward_zero", "tfloat32 spread 32x32x32"))
    lesson.tell("w.terms = 8")
    expect(count).to_contain_text("0 of 1,024 elements differ")
    lesson.tell("w.case = 'none'")
    expect(core.locator(".simfp-message")).to_contain_text("unknown case 'none'")
    assert (lesson.errors, lesson.outside) == ([], [])


def test_the_step_follows_its_sliders(lesson: Lesson) -> None:
    page = lesson.page
    fused = page.locator(".simfp-fused")
    a, b = (x[3] if number == 0 else x[:, 5] for number, x in enumerate(product_cases.values(BY_NAME[FIRST].case)))
    for key, number in [("ArrowRight", 2), ("End", 4), ("Home", 1)]:
        fused.locator('input[name="step"]').press(key)
        lesson.wait_for("step.step", str(number))
        title = rows_of.title(steps(a, b, "fp16", HOPPER.core("fp16"))[number - 1], HOPPER.core("fp16"), 4)
        expect(fused.locator(".simfp-title")).to_have_text(f"fp16, {title}")
    fused.locator('input[name="terms"]').press("Home")
    expect(fused.locator(".simfp-set").nth(2)).to_have_text("step 1 of 64")
    fused.locator('input[name="step"]').press("End")
    lesson.wait_for("step.step", "64")
    lesson.tell("step.terms = 16")
    expect(fused.locator(".simfp-set").nth(2)).to_have_text("step 4 of 4")
    assert (lesson.errors, lesson.outside) == ([], [])


@pytest.mark.parametrize(
    ("case", "terms", "bits", "rounding"),
    [
        (FIRST, 16, 25, "toward_zero"),
        (FIRST, 8, 24, "toward_zero"),
        (FIRST, 32, 18, "nearest_even"),
        ("bfloat16 spread 48x64x48", 16, 26, "toward_zero"),
        ("tfloat32 spread 32x32x32", 8, 25, "nearest_even"),
        ("float8_e4m3fn near one 48x128x48", 32, 13, "toward_zero"),
        ("float8_e4m3fn near one 48x128x48", 16, 14, "toward_zero"),
    ],
)
def test_every_square_and_every_bit_on_the_screen_is_simfp_s(
    page: Page, shown: Callable[[Any], Any], case: str, terms: int, bits: int, rounding: str
) -> None:
    row = BY_NAME[case]
    core = unit(row.case, terms, bits, rounding)
    made = core.products(*product_cases.values(row.case), sf.as_format(row.case.fmt)).astype(np.float32).view(np.uint32)
    m, n = 3, 17
    shown(TensorCoreBits(ANSWERS, case=case, terms=terms, fraction_bits=bits, rounding=rounding, row=m, column=n))
    assert np.array_equal(glowing(page, *made.shape), made != row.answer)
    codes = [int(text.replace(" ", ""), 2) for text in page.locator(".simfp-line-of-bits code").all_text_contents()]
    assert codes[:2] == [int(row.answer[m, n]), int(made[m, n])]
    assert page.locator(".simfp-other").count() == 2 * (codes[0] ^ codes[1]).bit_count()


@pytest.mark.parametrize(("terms", "bits", "number"), [(16, 25, 2), (4, 18, 16), (32, 30, 1), (1, 10, 7)])
def test_every_bit_of_a_step_is_in_its_place(
    page: Page, shown: Callable[[Any], Any], terms: int, bits: int, number: int
) -> None:
    left, right = product_cases.values(BY_NAME[FIRST].case)
    core = sf.TensorCore(terms, bits)
    shown(FusedStep(left[3], right[:, 5], terms=terms, fraction_bits=bits, step=number))
    table = rows_of.rows(steps(left[3], right[:, 5], "fp16", core)[number - 1], core)
    read = """(all) => all.map((row) => [row.dataset.term, ...[".simfp-plus", ".simfp-kept", ".simfp-lost"].map(
        (part) => row.querySelector(part).textContent)])"""
    seen = page.locator(".simfp-terms tbody tr").evaluate_all(read)
    assert [(name, sign.strip(), kept, lost.rstrip()) for name, sign, kept, lost in seen] == [
        (row.name, row.sign.strip(), row.kept, row.lost.rstrip()) for row in table
    ]
    # one dashed line: what is kept ends at the same place in every row but the sum's
    ends = page.locator(".simfp-terms tbody tr:not(.simfp-total) .simfp-kept").evaluate_all(
        "(all) => all.map((part) => Math.round(part.getBoundingClientRect().right))"
    )
    assert max(ends) - min(ends) <= 1


@pytest.mark.parametrize("width", [1200, 700])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_fit_their_page(page: Page, shown: Callable[[Any], Any], width: int, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 1000})
    left, right = product_cases.values(BY_NAME[FIRST].case)
    for widget in (
        TensorCoreBits(ANSWERS, source=SOURCE),
        FusedStep(left[3], right[:, 5], terms=32, fraction_bits=30),
    ):
        shown(widget)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        edge = page.locator(".simfp").evaluate("(root) => root.getBoundingClientRect().right")
        inside = page.locator(".simfp *:not(.simfp-unseen)").evaluate_all(
            "(all) => Math.max(...all.map((one) => one.getBoundingClientRect().right))"
        )
        assert inside <= edge
        ink = page.evaluate("getComputedStyle(document.querySelector('.simfp')).color")
        assert ink == {"light": "rgb(31, 31, 31)", "dark": "rgb(232, 232, 232)"}[scheme]


def test_every_control_has_a_name_and_what_changed_is_spoken(page: Page, shown: Callable[[Any], Any]) -> None:
    def named() -> dict[str, list[str]]:
        tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")
        found: dict[str, list[str]] = {}
        for node in tree["nodes"]:
            if not node["ignored"]:
                found.setdefault(node["role"]["value"], []).append(node.get("name", {}).get("value", ""))
        return found

    shown(TensorCoreBits(ANSWERS, terms=16, fraction_bits=25, rounding="toward_zero"))
    found = named()
    assert {role: len(found.get(role, [])) for role in ("slider", "combobox", "image")} == {
        "slider": 2, "combobox": 2, "image": 1,
    }  # fmt: skip
    assert all(all(found[role]) for role in ("slider", "combobox", "image"))
    assert "0 of 2,304 elements differ" in found["image"][0]
    page.wait_for_function("document.querySelector('[aria-live]').textContent.includes('L = 16, F = 25')")
    shown(FusedStep([1, 2], [3, 4]))
    found = named()
    assert {role: len(found.get(role, [])) for role in ("slider", "combobox")} == {"slider": 3, "combobox": 1}
    assert all(all(found[role]) for role in ("slider", "combobox"))
    page.wait_for_function("document.querySelector('[aria-live]').textContent.includes('step 1 of 1')")


def test_removed_widgets_listen_no_longer(page: Page, shown: Callable[[Any], Any]) -> None:
    for widget in (TensorCoreBits(ANSWERS), FusedStep([1, 2], [3, 4])):
        shown(widget)
        assert page.evaluate("Object.values(listeners).flat().length") > 0
        page.evaluate("window.stop()")
        assert page.evaluate("Object.values(listeners).flat().length") == 0
