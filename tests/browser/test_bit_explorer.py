"""The bit explorer in JupyterLab, by mouse, by keyboard and by typing; and every text on its screen."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

import simfp as sf
from simfp.bits import bit_string, exact_decimal
from simfp.formats import NAMED_FORMATS
from simfp.widgets import BitExplorer
from tests.browser.driving import Lesson, plain_page, write_notebook
from tests.examples import some

pytestmark = pytest.mark.browser

CELLS = (
    'from simfp.widgets import BitExplorer\nw = BitExplorer("0.1")\nw',
    'other = BitExplorer(formats=["fp16"])\nother',
)


@pytest.fixture
def lesson(course: Path, open_notebook: Callable[[str], Lesson]) -> Lesson:
    write_notebook(course / "bits.ipynb", *CELLS)
    opened = open_notebook("bits.ipynb")
    opened.run_all()
    expect(opened.page.locator(".simfp-explorer")).to_have_count(2)
    return opened


def row(page: Page, label: str) -> Locator:
    return page.locator(".simfp-explorer").first.locator(f'.simfp-row[data-format="{label}"]')


def bits_of(where: Locator) -> str:
    return "".join(where.locator(".simfp-bit").all_inner_texts())


def fact(where: Locator, name: str) -> Locator:
    return where.locator(f'[data-fact="{name}"]')


def shows(where: Locator, code: int, fmt: Any) -> None:
    """The row says what simfp says of this code, once the kernel has answered."""
    fmt = sf.as_format(fmt)
    expect(fact(where, "code")).to_have_text(f"0x{code:0{(fmt.bits + 3) // 4}x}")
    value = float(sf.decode(code, fmt))
    expect(fact(where, "decimal")).to_have_text(exact_decimal(value) if math.isfinite(value) else str(value))
    expect(where.locator("input[name=code]")).to_have_value(f"0x{code:0{(fmt.bits + 3) // 4}x}")
    assert bits_of(where) == bit_string(code, fmt).replace(" ", "")


def test_bits_follow_clicks_drags_keys_text_and_python_and_all_rows_show_the_value(lesson: Lesson) -> None:
    page = lesson.page
    half, brain = row(page, "fp16"), row(page, "bf16")
    shows(half, int(sf.encode(0.1, "fp16")), "fp16")

    lesson.tell("w.value = '1'")
    shows(half, 0x3C00, "fp16")
    half.locator(".simfp-bit").nth(15).click()  # the last bit of 1: its upper neighbour
    shows(half, 0x3C01, "fp16")
    shows(brain, int(sf.encode(1 + 2**-10, "bf16")), "bf16")
    shows(row(page, "fp32"), int(sf.encode(1 + 2**-10, "fp32")), "fp32")

    page.keyboard.press("Space")  # the clicked bit has the focus
    shows(half, 0x3C00, "fp16")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    shows(half, 0x3C02, "fp16")
    page.keyboard.press("PageUp")
    shows(half, 0x3C03, "fp16")
    page.keyboard.press("+")
    shows(half, 0x3C04, "fp16")
    page.keyboard.press("-")
    shows(half, 0x3C03, "fp16")
    expect(fact(half, "next below")).to_have_text(exact_decimal(1 + 2 * 2.0**-10))
    expect(fact(half, "next above")).to_have_text(exact_decimal(1 + 4 * 2.0**-10))
    page.keyboard.press("Home")
    page.keyboard.press("Space")
    shows(half, 0xBC03, "fp16")

    lesson.tell("w.set_code('float16', 0)")
    shows(half, 0, "fp16")
    boxes = [half.locator(".simfp-bit").nth(bit).bounding_box() for bit in (6, 15)]
    assert boxes[0]
    assert boxes[1]
    page.mouse.move(boxes[0]["x"] + 5, boxes[0]["y"] + 8)
    page.mouse.down()
    page.mouse.move(boxes[1]["x"] + 5, boxes[1]["y"] + 8, steps=12)
    page.mouse.up()
    shows(half, 0x03FF, "fp16")  # ten mantissa bits: the largest subnormal

    for name, value in {
        "max": sf.float16.max,
        "one": 1.0,
        "smallest normal": sf.float16.smallest_normal,
        "smallest subnormal": sf.float16.smallest_subnormal,
        "infinity": float("inf"),
    }.items():
        half.locator(f'[data-landmark="{name}"]').click()
        shows(half, int(sf.encode(value, "fp16")), "fp16")
    typed = half.locator("input[name=code]")
    typed.fill("4248")
    typed.press("Enter")
    shows(half, 0x4248, "fp16")
    typed.fill("0x12345")
    typed.press("Enter")
    message = page.locator(".simfp-explorer").first.locator(".simfp-message")
    expect(message).to_contain_text(
        "no code of fp16: '0x12345'; a code is hexadecimal, from 0x0 to 0xffff; kept 0x4248"
    )
    shows(half, 0x4248, "fp16")
    half.locator('[data-landmark="NaN"]').click()
    expect(fact(half, "decimal")).to_have_text("nan")
    expect(row(page, "fp8 e4m3").locator('[data-landmark="infinity"]')).to_have_attribute("aria-disabled", "true")

    typed = page.locator(".simfp-explorer").first.locator("input[name=value]")
    for text in ("2^-24", "0x1.8p-14", "-0", "1e-400"):
        typed.fill(text)
        typed.press("Enter")
        expect(message).to_have_text("")
        shows(half, sf.explain(text, "fp16").code or 0, "fp16")
    for text in ("1,5", "", "two"):
        typed.fill(text)
        typed.press("Enter")
        expect(message).to_contain_text("understood are decimals (6e-8)")
        expect(typed).to_have_value("1e-400")

    assert lesson.ask("other.value") == "'1'"  # the other explorer stood still
    ids = page.locator(".simfp-explorer [id]").evaluate_all("(all) => all.map((one) => one.id)")
    assert len(ids) == len(set(ids))
    assert (lesson.errors, lesson.outside) == ([], [])


@pytest.mark.parametrize("name", some(NAMED_FORMATS, every=3))
def test_the_screen_says_what_simfp_says_of_every_tenth_of_a_formats_codes(page: Page, name: str) -> None:
    fmt = sf.as_format(name)
    explorer = BitExplorer("1", formats=[fmt])
    page.set_content(plain_page(explorer))
    where = page.locator(".simfp-row")
    where.wait_for()
    for code in range(0, 1 << fmt.bits, max(1, (1 << fmt.bits) // 61)):
        explorer.set_code(name, code)
        page.evaluate("(table) => window.model.set('_table', table)", explorer._table)
        if sf.decode(code, fmt) == sf.decode(code, fmt):
            shows(where, code, fmt)


ODD = (
    "from simfp.widgets import BitExplorer\nimport simfp as sf\n"
    'bare = sf.Format("bare", exponent_bits=4, mantissa_bits=0, infinities=False, nans=False)\n'
    'w = BitExplorer("1", formats=[bare, "fp16"])\nw',
    "w",
)


def test_a_format_of_ones_own_without_mantissa_or_nan_is_touched_in_two_places_at_once(
    course: Path, open_notebook: Callable[[str], Lesson]
) -> None:
    write_notebook(course / "odd.ipynb", *ODD)
    lesson = open_notebook("odd.ipynb")
    lesson.run_all()
    bare = sf.Format("bare", exponent_bits=4, mantissa_bits=0, infinities=False, nans=False)
    page, odd = lesson.page, lesson.page.locator('.simfp-row[data-format="bare"]')
    expect(odd).to_have_count(2)
    expected = int(sf.encode(1, bare))
    for move in range(6):
        odd.nth(move % 2).locator(".simfp-bit").nth(2).focus()
        page.keyboard.press("+")
        expected += 1
        for where in (odd.first, odd.last):
            shows(where, expected, bare)
            expect(fact(where, "next above")).to_have_text(exact_decimal(float(sf.decode(expected + 1, bare))))
    odd.last.locator(".simfp-bit").first.click()
    shows(odd.first, expected | 16, bare)
    page.locator('.simfp-row[data-format="fp16"] [data-landmark="NaN"]').first.click()
    expect(fact(odd.last, "formula")).to_have_text("bare has no code for it")
    assert bits_of(odd.first) == "–" * 5
    expect(odd.first.locator('[data-landmark="NaN"]')).to_have_attribute("aria-disabled", "true")
    odd.first.locator(".simfp-bit").last.click()
    shows(odd.last, 1, bare)
    assert (lesson.errors, lesson.outside) == ([], [])


def test_what_is_copied_lies_on_the_clipboard(lesson: Lesson) -> None:
    page = lesson.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    lesson.tell("w.value = '1'")
    shows(row(page, "fp16"), 0x3C00, "fp16")
    for what, text in {"code": "0x3c00", "Python": 'sf.decode(0x3c00, "float16")'}.items():
        page.get_by_label(f"fp16: copy the {what}").first.click()
        expect(row(page, "fp16").locator(".simfp-said")).to_have_text(f"copied: {text}")
        assert page.evaluate("navigator.clipboard.readText()") == text
    row(page, "fp16").locator(".simfp-bit").last.click()
    expect(row(page, "fp16").locator(".simfp-said")).to_have_text("")  # it holds something else now


def test_the_older_way_to_copy_is_taken_where_there_is_no_clipboard(page: Page) -> None:
    page.set_content(plain_page(BitExplorer("1", formats=["fp16"])))
    button = page.get_by_label("fp16: copy the code")
    button.wait_for()
    assert page.evaluate("navigator.clipboard === undefined")  # the page is none of a server's
    button.click()
    expect(page.locator(".simfp-said")).to_have_text("copied: 0x3c00")
    expect(button).to_be_focused()
    expect(page.get_by_label("to copy by hand")).to_be_hidden()
    typed = page.locator("input[name=value]")
    typed.fill("")
    page.keyboard.press("Control+v")
    expect(typed).to_have_value("0x3c00")


def test_a_copy_that_fails_is_said_and_the_text_stands_selected(page: Page) -> None:
    page.set_content(plain_page(BitExplorer("1", formats=["fp16", "bf16"])))
    page.locator(".simfp-row").first.wait_for()
    page.evaluate(
        """() => {
        const board = { writeText: async () => { throw new DOMException("no", "NotAllowedError"); } };
        Object.defineProperty(navigator, "clipboard", { configurable: true, value: board });
        document.execCommand = () => false;
        }"""
    )
    for label, text in {"fp16": 'sf.decode(0x3c00, "float16")', "bf16": 'sf.decode(0x3f80, "bfloat16")'}.items():
        page.get_by_label(f"{label}: copy the Python").click()
        where = page.locator(f'.simfp-row[data-format="{label}"]')
        expect(where.locator(".simfp-said")).to_have_text(
            "the browser did not let it be copied; selected, to copy by hand:"
        )
        expect(page.get_by_label(f"{label}: to copy by hand")).to_be_focused()
        assert page.evaluate("getSelection().toString()") == text
    expect(page.locator(".simfp-said").first).to_have_text("")  # one row tells of a copy, the last
    expect(page.get_by_label("fp16: to copy by hand")).to_be_hidden()


@pytest.mark.parametrize("width", [1200, 700])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_its_page_and_nothing_is_cut_off(page: Page, width: int, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 1000})
    for value in ("0.1", "0x1.fffffep-126", "nan", "-inf"):
        page.set_content(plain_page(BitExplorer(value)))
        page.locator(".simfp-row").first.wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        cut = "(all) => all.filter((one) => one.scrollWidth > one.clientWidth + 1).length"
        assert page.locator(".simfp-fact dd, .simfp-button").evaluate_all(cut) == 0
