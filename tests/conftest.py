"""What all tests share: Hypothesis's profiles, Chromium's place, a progress file, and the last words of a run."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import settings

from tests import examples, side_by_side

os.environ["MPLBACKEND"] = "agg"  # no window, here and in the kernels that tests start
IN_CI = os.environ.get("CI", "").lower() == "true"

# no deadline: a machine may be slow; in CI the same examples each time, so that a red run can be run again
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if IN_CI else "here")

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MAC_CHROME = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")

left_out = pytest.StashKey[dict[str, int]]()  # how many tests, by the marker that kept them out
locks = pytest.StashKey[str]()  # the folder of side_by_side's locks


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


@pytest.fixture
def say(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Says something in the last lines of the run, from whichever worker: what was compared, and how much of it."""
    return lambda words: record_property("said", words)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--without-long", action="store_true", help="leave out tests marked `long`, and say how many")


def pytest_configure(config: pytest.Config) -> None:
    """Before workers are started, and in each of them: what they share."""
    config.stash[left_out] = {}
    if config.getoption("without_long"):
        examples.share = 0.25
    workers = config.getoption("tx", None)
    if hasattr(config, "workerinput"):
        side_by_side.compile_one_at_a_time(Path(config.workerinput["locks"]))
    elif workers:
        side_by_side.share_the_cores(len(workers))
        folder = TemporaryDirectory(prefix="simfp-locks-")
        config.stash[locks] = folder.name
        config.add_cleanup(folder.cleanup)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tells a new worker where the locks are."""
    node.workerinput["locks"] = node.config.stash[locks]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Every worker collects the same tests, and counts what is left out."""
    node.config.stash[left_out] |= getattr(node, "workeroutput", {}).get("left out", {})


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out, and counts, what drives a Chromium where there is none, and long tests where that is asked for."""
    unwanted = {"browser": not find_chromium(), "long": config.getoption("without_long")}
    for marker in (marker for marker, is_unwanted in unwanted.items() if is_unwanted):
        removed = [item for item in items if item.get_closest_marker(marker)]
        if removed:
            items[:] = [item for item in items if not item.get_closest_marker(marker)]
            config.stash[left_out][marker] = len(removed)
            config.hook.pytest_deselected(items=removed)
    if hasattr(config, "workeroutput"):
        config.workeroutput["left out"] = config.stash[left_out]


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    """In CI, a browser must be there."""
    if IN_CI and "browser" in session.config.stash[left_out] and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    return (yield)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The last lines say what tests have to say, and what was not run, and how to run it."""
    reports = [report for outcome in ("passed", "failed") for report in terminalreporter.stats.get(outcome, ())]
    words = [str(value) for report in reports for name, value in report.user_properties if name == "said"]
    if words:
        terminalreporter.section("SAID")
        for line in words:
            terminalreporter.line(line)
    counts = config.stash[left_out]
    if "browser" in counts:
        terminalreporter.section("NOT RUN", red=True, bold=True)
        asked = os.environ.get("CHROMIUM")
        why = f"CHROMIUM={asked} is no program" if asked else "no Chromium or Chrome was found"
        terminalreporter.line(f"{counts['browser']} browser tests: {why}.")
        terminalreporter.line("Install one (Debian: apt-get install chromium), or set CHROMIUM to its path.")
        if IN_CI:
            terminalreporter.line("CI=true: this run has failed.")
    if "long" in counts:
        terminalreporter.section("LEFT FOR make test-all")
        terminalreporter.line(f"{counts['long']} long tests, which repeat others or take more of the same.")
