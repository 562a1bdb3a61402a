"""What all tests share: Hypothesis's profiles, Chromium's place, a progress file, a last word on what was not run."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

os.environ["MPLBACKEND"] = "agg"  # no window, here and in the kernels that tests start
IN_CI = os.environ.get("CI", "").lower() == "true"

# no deadline: a machine may be slow; in CI the same examples each time, so that a red run can be run again
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if IN_CI else "here")

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MAC_CHROME = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")

not_run = pytest.StashKey[int]()


def find_chromium() -> str | None:
    """Path of a Chromium or Chrome: what $CHROMIUM says, else the first one installed."""
    named = os.environ.get("CHROMIUM")
    if named:
        return shutil.which(named)
    found = (shutil.which(name) for name in (*CHROMIUM_NAMES, str(MAC_CHROME)))
    return next((path for path in found if path), None)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the Chromium to drive."""
    path = find_chromium()
    assert path, "tests that use `chromium` must be marked `browser`"
    return path


@pytest.fixture
def progress_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the course keeps progress: a file of the test's own."""
    file = tmp_path / "mine" / "progress.json"
    monkeypatch.setenv("SIMFP_PROGRESS", str(file))
    return file


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without a Chromium, the tests that drive one are left out, and counted."""
    config.stash[not_run] = 0
    if find_chromium():
        return
    left_out = [item for item in items if item.get_closest_marker("browser")]
    if left_out:
        items[:] = [item for item in items if item not in left_out]
        config.stash[not_run] = len(left_out)
        config.hook.pytest_deselected(items=left_out)


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    """In CI, nothing may be left out."""
    if IN_CI and session.config.stash.get(not_run, 0) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    return (yield)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The last lines say what was not run, and how to run it."""
    count = config.stash.get(not_run, 0)
    if count:
        terminalreporter.section("NOT RUN", red=True, bold=True)
        asked = os.environ.get("CHROMIUM")
        why = f"CHROMIUM={asked} is no program" if asked else "no Chromium or Chrome was found"
        terminalreporter.line(f"{count} browser tests: {why}.")
        terminalreporter.line("Install one (Debian: apt-get install chromium), or set CHROMIUM to its path.")
        if IN_CI:
            terminalreporter.line("CI=true: this run has failed.")
