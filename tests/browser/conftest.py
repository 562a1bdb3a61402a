"""One Chromium and one JupyterLab for all browser tests."""

from collections.abc import Callable, Iterator
from pathlib import Path

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
def open_notebook(page: Page, lab: str) -> Callable[[str], Lesson]:
    """Opens a notebook of the served folder; its kernel is shut down with the server."""
    return lambda path: Lesson(page, lab, path)
