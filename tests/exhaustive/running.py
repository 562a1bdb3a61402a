"""Running suites in blocks: a line of progress, and a state on disk from which a stopped run goes on."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from functools import partial
from multiprocessing.pool import Pool
from pathlib import Path

from tests.exhaustive.suites import BLOCK, BLOCKS, CASES, Suite, Tally, check

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".exhaustive"
SAVE_EVERY = 2.0  # seconds
KERNELS = ("__init__", "codes", "intrinsics", "rounding", "round_to_odd")
GROUND = (*(f"kernels/{name}.py" for name in KERNELS), "formats.py", "bits.py", "observe.py", "rounding.py")
JUDGES = ("suites.py", "conversions.py", "arithmetic.py")
OPERATORS = (*GROUND, "arithmetic.py", "elementwise.py", "arrays.py")


@dataclass
class State:
    """How far a suite has come, and with which code."""

    source: str
    done: int = 0  # blocks, from the first one on
    seconds: float = 0.0
    date: str = ""  # of finishing ...
    commit: str = ""  # ... and what was checked out then
    routes: dict[str, Tally] = field(default_factory=dict)

    @property
    def wrong(self) -> int:
        """Wrong answers so far, by all routes."""
        return sum(tally.wrong for tally in self.routes.values())

    def add(self, tallies: dict[str, Tally]) -> None:
        """Counts one more block."""
        self.done += 1
        for route, tally in tallies.items():
            total = self.routes.setdefault(route, Tally())
            total.compared += tally.compared
            total.wrong += tally.wrong
            total.cases = [*total.cases, *tally.cases][:CASES]


def source_digest(suite: Suite, environment: dict[str, str]) -> str:
    """A short hash of all that decides a suite's answers: the code, without comments and docstrings, and versions."""
    answering = GROUND if suite.group == "conversions" else OPERATORS
    files = [path for name in answering for path in sorted((ROOT / "simfp").glob(name))]
    digest = hashlib.sha256(json.dumps(environment, sort_keys=True).encode())
    for path in [*files, *(Path(__file__).with_name(name) for name in JUDGES)]:
        digest.update(_code(path).encode())
    return digest.hexdigest()[:16]


def _code(path: Path) -> str:
    """A file's syntax tree as text, which comments, docstrings and line breaks do not change."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node, clean=False):
            del node.body[0]
    return ast.dump(tree)


def load(suite: Suite, source: str) -> State:
    """The state of a suite: as it was left, or new where there is none of this code."""
    try:
        stored = json.loads(_path(suite).read_text())
    except FileNotFoundError:
        return State(source)
    if stored["source"] != source:
        return State(source)
    return State(**stored | {"routes": {route: Tally(**tally) for route, tally in stored["routes"].items()}})


def save(suite: Suite, state: State) -> None:
    """Writes the state, whole or not at all."""
    write_whole(_path(suite), json.dumps(asdict(state)))


def write_whole(path: Path, text: str) -> None:
    """Writes a file such that whoever reads it, at any moment, finds the old text or the new."""
    path.parent.mkdir(exist_ok=True)
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    beside.write_text(text)
    os.replace(beside, path)


def forget(suite: Suite) -> None:
    """Removes the state."""
    _path(suite).unlink(missing_ok=True)


def commit() -> str:
    """The commit that is checked out, marked where simfp or these suites differ from it; "unknown" outside of git."""
    git = ["git", "-C", str(ROOT)]
    try:
        head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
        status = [*git, "status", "--porcelain", "--", "simfp/*.py", "simfp/kernels", "tests/exhaustive/*.py"]
        changed = subprocess.run(status, check=True, capture_output=True, text=True).stdout
    except (FileNotFoundError, subprocess.CalledProcessError):
        return "unknown"
    return head + (" with changes" if changed else "")


def _path(suite: Suite) -> Path:
    return FOLDER / f"{str(suite).replace(' ', '-')}.json"


def run(suite: Suite, state: State, pool: Pool, blocks: int = BLOCKS) -> None:
    """Runs what is left of a suite; however it is stopped, what was done is saved."""
    line = _Line(str(suite), state.done, blocks)
    last_save = started = time.monotonic()
    before = state.seconds
    try:
        for tallies in pool.imap(partial(check, suite), range(state.done, blocks)):
            state.add(tallies)
            now = time.monotonic()
            state.seconds = before + now - started
            line.show(state)
            if now - last_save > SAVE_EVERY:
                save(suite, state)
                last_save = now
        state.date, state.commit = time.strftime("%Y-%m-%d"), commit()
    finally:
        save(suite, state)
        line.end()


def leave_interrupts_to_the_parent() -> None:
    """For the processes of the pool: Ctrl-C stops the run in one place only."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class _Line:
    """One line of progress, rewritten in place; where that cannot be, one line every half minute."""

    def __init__(self, name: str, done: int, blocks: int) -> None:
        self.name, self.first, self.blocks = name, done, blocks
        self.in_place = sys.stderr.isatty()
        self.started = time.monotonic()
        self.shown = self.started - (30 if self.in_place else 0)

    def show(self, state: State) -> None:
        now = time.monotonic()
        if state.done < self.blocks and now - self.shown < (0.2 if self.in_place else 30):
            return
        self.shown = now
        rate = (state.done - self.first) / (now - self.started)
        left = int((self.blocks - state.done) / rate)
        bar = "#" * (20 * state.done // self.blocks)
        print(
            f"{self.name:<38} [{bar:<20}] {state.done / self.blocks:4.0%}  {rate * BLOCK / 1e6:5.1f} M/s  "
            f"{left // 60}:{left % 60:02} left  {state.wrong} wrong",
            end="\r" if self.in_place else "\n",
            file=sys.stderr,
            flush=True,
        )

    def end(self) -> None:
        if self.in_place:
            print(file=sys.stderr)
