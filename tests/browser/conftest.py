"""One Chromium and one JupyterLab for all browser tests."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize

from tests.browser import driving
from tests.browser.driving import Lesson

VIEWPORT: ViewportSize = {"width": 1200, "height": 1000}


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


@pytest.fixture(scope="session")
def context(running_chromium: Browser) -> Iterator[BrowserContext]:
    """What pages share: the cache, in which JupyterLab's own scripts lie after the first."""
    shared = running_chromium.new_context(viewport=VIEWPORT)
    shared.set_default_timeout(30_000)
    yield shared
    shared.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    opened = context.new_page()
    yield opened
    opened.close()


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


class Notebooks:
    """The notebook that a module's tests have open: the next test that wants the same one takes it over, begun anew."""

    def __init__(self, context: BrowserContext, lab: str, folder: Path) -> None:
        self._context, self._lab, self._folder = context, lab, folder
        self._opened: tuple[str, list[str], Lesson] | None = None

    def open(self, path: str) -> Lesson:
        wanted = [cell.source for cell in nbformat.read(self._folder / path, 4).cells if cell.cell_type == "code"]
        if self._opened and self._opened[:2] == (path, wanted):
            lesson = self._opened[2]
            lesson.page.set_viewport_size(VIEWPORT)
            lesson.begin_again()
            return lesson
        self.close()
        self._opened = path, wanted, Lesson(self._context.new_page(), self._lab, path)
        return self._opened[2]

    def close(self) -> None:
        """Shuts the kernel down and closes the page."""
        if self._opened:
            self._opened[2].shut_down()
            self._opened[2].page.close()
            self._opened = None


@pytest.fixture(scope="module")
def notebooks(context: BrowserContext, lab: str, course: Path) -> Iterator[Notebooks]:
    opened = Notebooks(context, lab, course)
    yield opened
    opened.close()


@pytest.fixture
def open_notebook(
    notebooks: Notebooks, context: BrowserContext, request: pytest.FixtureRequest
) -> Iterator[Callable[[str], Lesson]]:
    """Opens a notebook of the served folder. A test that fails leaves it to none that comes after."""
    failed = request.session.testsfailed
    yield notebooks.open
    context.clear_permissions()
    if request.session.testsfailed > failed:
        notebooks.close()
