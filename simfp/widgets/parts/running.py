"""Long work behind a widget: a thread does it, buttons pause, step and stop it, the kernel's event loop shows it.

What is shown is shown in the thread that the widget lives in, never in the one that works, and at most ten times a
second. An error of the work is a result to be shown like any other.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from weakref import WeakSet

__all__ = ["STATES", "Runner", "kernel_loop"]

STATES = ("ready", "running", "paused", "stopped", "finished", "failed")
AT_WORK = ("running", "paused")
INTERVAL = 0.1  # seconds from one showing to the next, at least
ENDLESS = float("inf")

_at_work: WeakSet[Runner] = WeakSet()  # those whose thread lives


class Runner:
    """Takes a job's items in a daemon thread, and has them shown.

    show: called with a list of the items that have come since it was called last, in their order, and also, with an
    empty list perhaps, after each change of `state`. It is called in the thread of the kernel's event loop, between
    cells, and by `wait`; outside of a kernel, by `wait` alone. interval: seconds from one call to the next, at least.
    loop: another event loop, of asyncio, to call it in.

    A job is an iterable. If it has a method `stop`, as a `Training` has, this is called to end an item in the making,
    also for a pause; iterating the same job again goes on where it stood.

    state: one of STATES. error: what the job raised, in words, where the state is "failed"; `exception` is it.

    >>> shown = []
    >>> runner = Runner(shown.extend)
    >>> runner.start("abc")
    >>> runner.wait(), shown
    ('finished', ['a', 'b', 'c'])
    """

    def __init__(self, show: Callable[[list[Any]], Any], *, interval: float = INTERVAL, loop: Any = None) -> None:
        self.show, self.interval = show, interval
        self.exception: Exception | None = None
        self._state = "ready"
        self._job: Any = None
        self._thread: threading.Thread | None = None
        self._changed = threading.Condition(threading.RLock())  # guards all below
        self._left: float = 0  # items that may be taken until it pauses
        self._stopping = False
        self._broken = False  # whether a pause has called the job's `stop`, so that it is to be iterated anew
        self._asked: list[Callable[[], Any]] = []
        self._items: list[Any] = []
        self._loop = kernel_loop() if loop is None else loop
        self._due = False  # whether a showing is on its way
        self._shown_at = 0.0

    @property
    def state(self) -> str:
        """How the work stands."""
        return self._state

    @property
    def error(self) -> str:
        """What the job raised, in words; nothing where it raised nothing."""
        return f"{type(self.exception).__name__}: {self.exception}" if self.exception else ""

    @property
    def at_work(self) -> bool:
        """Whether there is a job that is not over: it runs, or is paused."""
        return self._state in AT_WORK

    # What buttons do. Each may be called from any thread, and returns at once.

    def start(self, job: Iterable[Any], items: float = ENDLESS) -> None:
        """Begins a job, or goes on with one that was stopped; after so many `items` it pauses.

        What another runner has under way is stopped: two would share the machine, and each would crawl.

        Raises RuntimeError, in a sentence for the reader, while a job of this runner is not over.
        """
        for other in [*_at_work]:
            if other is not self:
                other.stop()
        with self._changed:
            if self.at_work:
                raise RuntimeError(f"a run is {self._state} already; stop it before you start another")
            self._job, self._left, self.exception = job, items, None
            self._stopping = self._broken = False
            self._asked.clear()
            self._state = "running"
            # a daemon: whoever closes the kernel need not wait for it
            self._thread = threading.Thread(target=self._work, name="simfp run", daemon=True)
            _at_work.add(self)
            self._thread.start()
        self._tell()

    def pause(self) -> None:
        """Stands still; an item in the making is given up, and made anew when it goes on, if the job has a `stop`."""
        with self._changed:
            if self._state == "running" and hasattr(self._job, "stop"):
                self._broken = True
                self._job.stop()
            self._allow(lambda left: 0)

    def go_on(self) -> None:
        """Ends a pause."""
        self._allow(lambda left: ENDLESS)

    def step(self, items: int = 1) -> None:
        """Takes so many more items of a job that is paused; one that runs pauses after them."""
        self._allow(lambda left: items if left == ENDLESS else left + items)

    def stop(self) -> None:
        """Ends the work; an item in the making is given up if the job has a `stop`. It can be started again."""
        with self._changed:
            if not self.at_work:
                return
            self._stopping = True
            if hasattr(self._job, "stop"):
                self._job.stop()
            self._changed.notify_all()

    def ask(self, change: Callable[[], Any]) -> None:
        """Has `change` called between two items, by the thread that works; at once where none does."""
        with self._changed:
            if self.at_work:
                self._asked.append(change)
                self._changed.notify_all()
                return
        change()

    def wait(self, seconds: float | None = None, *, paused: bool = False) -> str:
        """Shows what comes until the work is over, or `seconds` are; the state then.

        It is for scripts, and for cells that need a result: it holds up whoever calls it. An interrupt stops the work.
        paused: whether a pause is an end too.
        """
        end = None if seconds is None else time.monotonic() + seconds
        try:
            while self.at_work and not (paused and self._state == "paused"):
                if end is not None and time.monotonic() >= end:
                    break
                with self._changed:
                    self._changed.wait(self.interval if end is None else min(self.interval, end - time.monotonic()))
                self._deliver()
        except KeyboardInterrupt:
            self.stop()
            raise
        self._deliver()
        return self._state

    # The thread.

    def _allow(self, items: Callable[[float], float]) -> None:
        """How many more items may be taken, of how many there were; nothing, if there is no work."""
        with self._changed:
            if not self.at_work:
                return
            self._left = items(self._left)
            if self._left:
                self._state = "running"
            self._changed.notify_all()
        self._tell()

    def _work(self) -> None:
        over = "failed"
        try:
            over = self._take()
        except Exception as error:
            self.exception = error
        with self._changed:
            _at_work.discard(self)
            self._state = over
            self._changed.notify_all()
        self._tell()

    def _take(self) -> str:
        """Takes the items; how it ended."""
        items = iter(self._job)
        while self._may_go_on():
            if self._broken:
                self._broken = False
                _close(items)
                items = iter(self._job)
            try:
                item = next(items)
            except StopIteration:
                if self._broken and not self._stopping:
                    continue  # into the pause
                return "stopped" if self._stopping else "finished"
            with self._changed:
                self._items.append(item)
            self._tell()
        _close(items)
        return "stopped"

    def _may_go_on(self) -> bool:
        """Does what was asked for, and waits while there is a pause; False once it was stopped."""
        while True:
            with self._changed:
                asked, self._asked[:] = [*self._asked], []
                if self._stopping:
                    return False
                if not asked and self._left > 0:
                    self._left -= 1
                    return True
                paused = not asked and self._state != "paused"
                if paused:
                    self._state = "paused"
                    self._changed.notify_all()
                elif not asked:
                    self._changed.wait()
            for change in asked:
                change()
            if asked or paused:
                self._tell()

    # Showing.

    def _tell(self) -> None:
        """Sees to it that what is new is shown soon, in the event loop's thread."""
        with self._changed:
            if self._due or self._loop is None:
                return
            self._due = True
            self._loop.call_soon_threadsafe(self._soon)

    def _soon(self) -> None:
        self._loop.call_later(max(0.0, self._shown_at + self.interval - time.monotonic()), self._deliver)

    def _deliver(self) -> None:
        """Shows what is new. If that fails, whoever waits is told, and the work stops."""
        with self._changed:
            self._due = False
            items, self._items = self._items, []
        self._shown_at = time.monotonic()
        try:
            self.show(items)
        except BaseException:
            self.stop()
            raise


def _close(items: Iterator[Any]) -> None:
    """Ends an iteration: a generator's `finally` is to run now, and in this thread."""
    if hasattr(items, "close"):
        items.close()


def kernel_loop() -> Any:
    """The event loop of the Jupyter kernel that this runs in; None outside of one."""
    from IPython import get_ipython

    kernel = getattr(get_ipython(), "kernel", None)  # type: ignore[no-untyped-call]
    tornado = getattr(kernel, "io_loop", None)
    return None if tornado is None else tornado.asyncio_loop
