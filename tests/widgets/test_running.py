"""Runner: the thread behind a dashboard, its buttons, and where and how often it shows what has come."""

import asyncio
import threading
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest

from simfp.experiments.training.run import Training
from simfp.widgets.parts.running import STATES, Runner, kernel_loop

LONG = 20.0  # seconds; nothing here takes so long unless it hangs


class Counting:
    """A job without end: numbers, as fast as they are asked for or one every `seconds`."""

    def __init__(self, seconds: float = 0.001) -> None:
        self.seconds, self.next = seconds, 0
        self.threads: set[threading.Thread] = set()

    def __iter__(self) -> Iterator[int]:
        while True:
            self.threads.add(threading.current_thread())
            time.sleep(self.seconds)
            self.next += 1
            yield self.next - 1


def until(true: Any) -> None:
    """Waits for what a thread is about to do."""
    end = time.monotonic() + LONG
    while not true():
        assert time.monotonic() < end
        time.sleep(0.002)


def in_a_loop(work: Coroutine[Any, Any, Any]) -> Any:
    """What `work` comes to in an event loop of its own, in a thread of its own: browsers tested before left theirs."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


@pytest.fixture
def shown() -> list[Any]:
    return []


@pytest.fixture
def runner(shown: list[Any]) -> Iterator[Runner]:
    made = Runner(shown.extend)
    yield made
    made.stop()
    assert made.wait(LONG) not in ("running", "paused")


def test_all_items_are_shown_in_order_and_the_work_is_done_in_a_daemon_thread(runner: Runner, shown: list[Any]) -> None:
    assert (runner.state, runner.at_work) == ("ready", False)
    at = []
    runner.start(at.append(threading.current_thread()) or number for number in range(1000))
    assert runner.wait(LONG) == "finished"
    assert shown == list(range(1000))
    assert threading.current_thread() not in at
    assert all(thread.daemon for thread in at)


def test_a_stop_ends_it_and_the_same_job_goes_on_when_it_is_started_again(runner: Runner, shown: list[Any]) -> None:
    job = Counting()
    runner.start(job)
    until(lambda: job.next > 3)
    runner.stop()
    assert runner.wait(LONG) == "stopped"
    stood = job.next
    assert shown == list(range(stood))
    time.sleep(0.02)
    assert job.next == stood  # nothing goes on behind
    runner.start(job)
    until(lambda: job.next > stood + 2)
    runner.stop()
    runner.wait(LONG)
    assert shown == list(range(job.next))
    assert len(job.threads) == 2


def test_a_pause_holds_it_and_steps_go_on_one_by_one(runner: Runner, shown: list[Any]) -> None:
    job = Counting()
    runner.start(job)
    until(lambda: job.next > 2)
    runner.pause()
    assert runner.wait(LONG, paused=True) == "paused"
    stood = job.next
    for more in (1, 2):
        runner.step()
        until(lambda: runner.state == "paused")
        assert job.next == stood + more
    runner.step()
    runner.step()
    runner.step()
    until(lambda: job.next == stood + 5 and runner.state == "paused")
    runner.go_on()
    until(lambda: job.next > stood + 8)
    runner.step()  # of one that runs: one more, then it stands
    until(lambda: runner.state == "paused")
    runner.stop()
    assert runner.wait(LONG) == "stopped"
    assert shown == list(range(job.next))


class Slow:
    """A job whose items are not done until `finish` is called, and that `stop` ends within one."""

    def __init__(self) -> None:
        self.next, self.begun = 0, 0
        self.ended = threading.Semaphore(0)
        self.stopping = False

    def finish(self) -> None:
        self.ended.release()

    def stop(self) -> None:
        self.stopping = True
        self.ended.release()

    def __iter__(self) -> Iterator[int]:
        self.stopping = False
        while True:
            self.begun += 1
            self.ended.acquire()
            if self.stopping:
                return
            self.next += 1
            yield self.next - 1


def test_a_pause_gives_up_a_long_item_which_is_made_anew(runner: Runner, shown: list[Any]) -> None:
    job = Slow()
    runner.start(job)
    for items in range(3):
        begun = job.begun
        job.finish()
        until(lambda: job.next == items + 1 and job.begun > begun)  # noqa: B023
        runner.pause()
        assert runner.wait(LONG, paused=True) == "paused"
        assert job.next == items + 1
        assert shown == list(range(job.next))
        begun = job.begun
        runner.pause()  # it stands already, and nothing is given up
        runner.go_on()
        until(lambda: job.begun == begun + 1)  # noqa: B023
    job.finish()
    until(lambda: job.next == 4)
    runner.stop()
    assert runner.wait(LONG) == "stopped"
    assert shown == [0, 1, 2, 3]


def test_a_run_paused_at_any_moment_and_gone_on_with_comes_to_the_same_bits(runner: Runner, shown: list[Any]) -> None:
    settings: dict[str, Any] = {"steps": 40, "batch": 4, "measure_every": 7}
    whole = Training("mlp", "fp16 + scaler", **settings)
    whole.run()
    paused = Training("mlp", "fp16 + scaler", **settings)
    runner.start(paused)
    pauses = 0
    while runner.at_work and pauses < 400:
        time.sleep(0.0005 * (pauses % 7))
        runner.pause()
        until(lambda: runner.state != "running")
        runner.go_on()
        pauses += 1
    assert runner.wait(LONG) == "finished"
    assert shown == paused.history == whole.history
    assert pauses > 3
    for name, weights in whole.model.state_dict().items():
        assert (paused.model.state_dict()[name] == weights).all(), name


def test_it_can_be_started_for_so_many_items(runner: Runner, shown: list[Any]) -> None:
    runner.start(Counting(), 3)
    assert runner.wait(LONG, paused=True) == "paused"
    assert shown == [0, 1, 2]


def test_a_second_start_is_refused_with_a_sentence(runner: Runner, shown: list[Any]) -> None:
    job, other = Counting(), Counting()
    runner.start(job)
    with pytest.raises(RuntimeError, match="a run is running already; stop it before you start another"):
        runner.start(other)
    runner.pause()
    until(lambda: runner.state == "paused")
    with pytest.raises(RuntimeError, match="a run is paused already"):
        runner.start(other)
    assert other.next == 0
    runner.go_on()
    before = job.next
    until(lambda: job.next > before)  # the first one took no harm


def test_what_another_runner_has_under_way_is_stopped(runner: Runner) -> None:
    other = Runner(lambda items: None)
    other.start(Counting())
    runner.start(Counting())
    assert other.wait(LONG) == "stopped"
    assert runner.state == "running"


def test_an_error_is_a_result_in_words(runner: Runner, shown: list[Any]) -> None:
    runner.start(6 // (3 - number) for number in range(9))
    assert runner.wait(LONG) == "failed"
    assert shown == [2, 3, 6]
    assert runner.error.startswith("ZeroDivisionError: ")
    assert isinstance(runner.exception, ZeroDivisionError)
    runner.start([1])
    assert runner.wait(LONG) == "finished"
    assert runner.error == ""


def test_a_job_that_is_no_iterable_is_an_error_of_the_job(runner: Runner) -> None:
    runner.start(5)  # type: ignore[arg-type]
    assert runner.wait(LONG) == "failed"
    assert runner.error == "TypeError: 'int' object is not iterable"


def test_changes_are_made_between_two_items_also_in_a_pause_and_at_once_where_nothing_works(runner: Runner) -> None:
    made: list[Any] = []

    def change() -> None:
        made.append(threading.current_thread())

    job = Counting()
    runner.ask(change)
    assert made == [threading.current_thread()]
    runner.start(job)
    runner.ask(change)
    until(lambda: len(made) == 2)
    runner.pause()
    until(lambda: runner.state == "paused")
    runner.ask(change)
    until(lambda: len(made) == 3)
    assert runner.state == "paused"
    assert set(made[1:]) == job.threads
    runner.stop()
    runner.wait(LONG)
    runner.ask(change)
    assert made[3] is threading.current_thread()


def test_a_change_that_fails_is_an_error_of_the_work(runner: Runner) -> None:
    runner.start(Counting())
    runner.ask(lambda: 1 // 0)
    assert runner.wait(LONG) == "failed"
    assert "ZeroDivisionError" in runner.error


def test_buttons_without_work_do_nothing(runner: Runner, shown: list[Any]) -> None:
    for press in (runner.stop, runner.pause, runner.go_on, runner.step):
        press()
    assert runner.wait(0) == "ready"
    assert shown == []


def test_waiting_ends_when_its_time_is_over(runner: Runner) -> None:
    runner.start(Counting())
    assert runner.wait(0.05) == "running"


def test_a_stop_reaches_a_job_in_the_middle_of_an_item(runner: Runner) -> None:
    class Slow:
        def __init__(self) -> None:
            self.stopped = threading.Event()

        def stop(self) -> None:
            self.stopped.set()

        def __iter__(self) -> Iterator[int]:
            self.stopped.wait(LONG)
            yield from ()

    runner.start(Slow())
    runner.stop()
    assert runner.wait(LONG) == "stopped"


def test_a_generator_is_closed_in_the_thread_that_ran_it(runner: Runner) -> None:
    closed: list[Any] = []

    def job() -> Iterator[int]:
        try:
            while True:
                time.sleep(0.001)
                yield 1
        finally:
            closed.append(threading.current_thread())

    runner.start(job())
    runner.wait(0.02)
    runner.stop()
    runner.wait(LONG)
    assert len(closed) == 1
    assert closed[0] is not threading.current_thread()


def test_with_an_event_loop_it_shows_there_and_no_more_often_than_it_may() -> None:
    calls: list[tuple[float, Any, int]] = []
    interval = 0.05

    async def watch() -> threading.Thread:
        runner = Runner(
            lambda items: calls.append((time.monotonic(), threading.current_thread(), len(items))),
            interval=interval,
            loop=asyncio.get_running_loop(),
        )
        job = Counting(0.001)
        runner.start(job)
        await asyncio.sleep(0.5)
        runner.stop()
        while runner.at_work:
            await asyncio.sleep(0.01)
        await asyncio.sleep(2 * interval)  # the last showing
        assert sum(count for *_, count in calls) == job.next
        shown = len(calls)
        await asyncio.sleep(2 * interval)
        assert len(calls) == shown  # nothing new, nothing shown
        return threading.current_thread()

    loops = in_a_loop(watch())
    assert len(calls) > 1
    assert {thread for _, thread, _ in calls} == {loops}
    gaps = [after - before for (before, *_), (after, *_) in pairwise(calls)]
    assert min(gaps) > 0.9 * interval


def test_a_change_of_state_is_shown_though_no_item_came() -> None:
    states: list[str] = []

    async def watch() -> None:
        runner = Runner(lambda items: states.append(runner.state), interval=0.01, loop=asyncio.get_running_loop())
        runner.start(Counting())
        for press, state in ((runner.pause, "paused"), (runner.go_on, "running"), (runner.stop, "stopped")):
            press()
            while not states or states[-1] != state:
                await asyncio.sleep(0.005)

    in_a_loop(asyncio.wait_for(watch(), LONG))
    assert set(states) <= set(STATES)


def test_where_showing_fails_the_work_stops_and_whoever_waits_is_told() -> None:
    def show(items: list[Any]) -> None:
        raise LookupError("no such bar")

    runner = Runner(show)
    runner.start(Counting())
    with pytest.raises(LookupError, match="no such bar"):
        runner.wait(LONG)
    until(lambda: runner.state == "stopped")


def test_an_interrupt_while_a_cell_waits_stops_the_work() -> None:
    def show(items: list[Any]) -> None:
        if items:
            raise KeyboardInterrupt

    runner = Runner(show)
    runner.start(Counting())
    with pytest.raises(KeyboardInterrupt):
        runner.wait(LONG)
    until(lambda: runner.state == "stopped")


def test_a_training_run_that_is_stopped_and_started_again_comes_to_the_same_bits(
    runner: Runner, shown: list[Any]
) -> None:
    whole = Training("mlp", "fp16 + scaler", steps=6, batch=4, measure_every=0)
    whole.run()
    stopped = Training("mlp", "fp16 + scaler", steps=6, batch=4, measure_every=0)
    runner.start(stopped)
    until(lambda: len(stopped.history) >= 2)
    runner.stop()
    runner.wait(LONG)
    if stopped.status != "finished":
        runner.start(stopped, 1)
        runner.wait(LONG, paused=True)
        runner.go_on()
    assert runner.wait(LONG) == "finished"
    assert shown == whole.history
    for name, weights in whole.model.state_dict().items():
        assert (stopped.model.state_dict()[name] == weights).all(), name


def test_a_kernel_s_loop_is_found_and_no_other_is_taken_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    class Shell:
        class kernel:
            class io_loop:
                asyncio_loop = "the kernel's"

    async def inside() -> Any:
        return kernel_loop()

    assert in_a_loop(inside()) is None
    monkeypatch.setattr("IPython.get_ipython", Shell)
    assert kernel_loop() == "the kernel's"
