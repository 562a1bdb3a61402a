"""One Chromium and one JupyterLab for all browser tests."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser import driving
from tests.browser.driving import Lesson


@pytest.fixture(scope="session")
def running_chromium(chromium: str) -> Iterator[Browser]:
    with driving.browser(chromium) as running:
        yield running


@pytest.fixture(scope="session")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that JupyterLab serves, with a copy of the lessons."""
    folder = tmp_path_factory.mktemp("course")
    driving.copy_lessons(folder / "lessons")
    return folder


@pytest.fixture(scope="session")
def lab(course: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with driving.jupyterlab(course, tmp_path_factory.mktemp("home")) as address:
        yield address


@pytest.fixture
def page(running_chromium: Browser) -> Iterator[Page]:
    context = running_chromium.new_context(viewport={"width": 1200, "height": 1000})
    context.set_default_timeout(30_000)
    yield context.new_page()
    context.close()


@pytest.fixture
def shown(page: Page) -> Iterator[Callable[[Any], Any]]:
    """Shows a widget on a page without a kernel, and gives it back; what the page complains of fails the test."""
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)

    def show(widget: Any) -> Any:
        page.evaluate("window.ready = false")  # which a page that was shown before has set
        page.set_content(driving.plain_page(widget))
        page.wait_for_function("window.ready")
        return widget

    yield show
    assert complaints == []


@pytest.fixture
def open_notebook(page: Page, lab: str) -> Iterator[Callable[[str], Lesson]]:
    """Opens a notebook of the served folder; its kernel is shut down when the test is over."""
    opened: list[Lesson] = []

    def open_one(path: str) -> Lesson:
        opened.append(Lesson(page, lab, path))
        return opened[-1]

    yield open_one
    for lesson in opened:
        lesson.shut_down()
