"""Every lesson, opened in JupyterLab and run from its menu as a learner would."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.driving import REPOSITORY, WIDGET_VIEW, Lesson

pytestmark = pytest.mark.browser

LESSONS = sorted(path.name for path in (REPOSITORY / "lessons").glob("*.ipynb"))


# `make test` opens one: it runs each lesson by nbclient, and drives every widget in the files beside this one
@pytest.mark.parametrize("name", [LESSONS[0], *(pytest.param(name, marks=pytest.mark.long) for name in LESSONS[1:])])
def test_a_lesson_runs_in_the_browser_and_shows_all_its_widgets(
    open_notebook: Callable[[str], Lesson], name: str
) -> None:
    lesson = open_notebook(f"lessons/{name}")
    lesson.run_all()
    page = lesson.page
    outputs = lesson.outputs()
    assert [output["evalue"] for output in outputs if output["output_type"] == "error"] == []

    # a widget in an output is a widget on the page, and not its name in words
    promised = sum(WIDGET_VIEW in output.get("data", {}) for output in outputs)
    assert promised
    expect(page.locator(".jp-Notebook .jp-OutputArea-output.lm-Panel > .lm-Widget:not(:empty)")).to_have_count(promised)
    body = page.locator(".jp-Notebook").text_content() or ""
    assert not re.search(r"\b\w+\(children=|Error displaying widget|Loading widget", body)

    sources = lesson.sources()
    shown = page.locator(".jp-Notebook .jp-CodeCell .jp-InputPrompt")
    expect(shown).to_have_count(len(sources))  # cells far down are drawn when there is time
    prompts = shown.all_text_contents()
    for prompt, source in zip(prompts, sources, strict=True):
        assert re.fullmatch(r"\[\d+\]:" if source.strip() else r"\[ ?\]:", prompt.strip())
    assert lesson.outside == []
    assert lesson.errors == []
