"""How soon a widget's training stands still after a click on Stop or Pause, while it runs and is drawn.

An event loop takes the clicks and shows what comes, as a kernel's does. A click comes from another thread, at some
moment of the training; the time counts from there until the thread that works has ended, or stands in a pause, and
until the widget says so. The slowest of CLICKS counts, after one that does not: loops may have to be compiled first.

Run as `python -m benchmarks.stopping`, from the top of the repository; `python -m benchmarks` has its rows, too.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from benchmarks.row import Row
from simfp.experiments.mixed_precision import loss_scale
from simfp.widgets import Dashboard, LossScaleRun, ScaleWindow, UpdateRace
from simfp.widgets.parts import running

LIMIT = 0.2  # seconds
CLICKS = 12
SHOWN = "until the widget says so"
PATIENCE = 30.0  # seconds; whoever needs more has failed


class Bench(NamedTuple):
    """A widget, and how it is worked."""

    make: Callable[[], Any]
    start: Callable[[Any], Any]
    stop: Callable[[Any], Any]
    pause: Callable[[Any], Any] | None
    runner: Callable[[Any], running.Runner]
    shown: Callable[[Any], str]  # what its screen says of how it stands


def _pressing(name: str) -> Callable[[Any], Any]:
    """A press of a button, as the front end sends it."""
    return lambda widget: widget.set_trait("_pressed", [widget._pressed[0] + 1, name])


def _dashboard(task: str, *recipes: str, **settings: Any) -> Bench:
    return Bench(
        lambda: Dashboard(task, recipes, steps=100_000, measure_every=7, **settings),
        _pressing("run"), _pressing("stop"), _pressing("pause"),
        lambda widget: widget._runner, lambda widget: widget._live["state"],
    )  # fmt: skip


def _scaled(network: str) -> Bench:
    return Bench(
        lambda: LossScaleRun(network, steps=100_000),
        lambda widget: widget.press("start"), lambda widget: widget.press("stop"), lambda widget: widget.press("pause"),
        lambda widget: widget.runner, lambda widget: widget._run["state"],
    )  # fmt: skip


def _window(network: str) -> Bench:
    return Bench(
        lambda: ScaleWindow(network="mlp"),
        lambda widget: widget.set_trait("network", network), lambda widget: widget.stop(), None,
        lambda widget: widget.runner, lambda widget: "running" if widget._work["working"] else "stopped",
    )  # fmt: skip


def _race() -> Bench:
    return Bench(
        lambda: UpdateRace(0.00025),
        _pressing("run"), _pressing("stop"), _pressing("pause"),
        lambda widget: widget._runner, lambda widget: widget._live["state"],
    )  # fmt: skip


BENCHES = {
    "Dashboard, mlp": _dashboard("mlp", "fp16"),
    "Dashboard, two GPTs": _dashboard("gpt", "fp16", "bf16"),
    "Dashboard, two CNNs": _dashboard("cnn", "fp16", "bf16"),
    "Dashboard, two GPTs, Hopper": _dashboard("gpt", "fp16", "bf16", accumulator="hopper"),
    "LossScaleRun, mlp": _scaled("mlp"),
    "LossScaleRun, GPT": _scaled("gpt"),
    "ScaleWindow, GPT": _window("gpt"),
    "UpdateRace": _race(),
}


class Answer(NamedTuple):
    """Seconds from a click: until the work stood still, and until the screen said so."""

    still: float
    shown: float


def stopping() -> Iterator[Row]:
    """A row for each widget and button: seconds, of the slowest answer."""
    loss_scale.windows("mlp")  # what ScaleWindow begins with
    for name, bench in BENCHES.items():
        for button in ("stop", *(["pause"] if bench.pause else [])):
            answers = asyncio.run(_clicked(bench, button))
            others = {SHOWN: max(answer.shown for answer in answers)}
            yield Row(f"{button}, {name}", "s", max(answer.still for answer in answers), LIMIT, others)


async def _clicked(bench: Bench, button: str) -> list[Answer]:
    """What CLICKS clicks were answered with, each while the training runs, after a wait of its own."""
    loop = asyncio.get_running_loop()
    there = running.kernel_loop
    running.kernel_loop = lambda: loop
    try:
        widget = bench.make()
        found = []
        for wait in [2.0, *np.random.default_rng(0).uniform(0.2, 0.8, CLICKS)]:
            found.append(await loop.run_in_executor(None, _click, loop, bench, widget, button, float(wait)))
        bench.runner(widget).stop()
        _until(lambda: not bench.runner(widget).at_work)
        return found[1:]
    finally:
        running.kernel_loop = there


def _click(loop: Any, bench: Bench, widget: Any, button: str, wait: float) -> Answer:
    """Starts the work, waits, clicks, and waits for the answer; in a thread that is not the event loop's."""
    loop.call_soon_threadsafe(bench.start, widget)
    _until(lambda: bench.shown(widget) == "running")
    time.sleep(wait)
    click: Any = bench.stop if button == "stop" else bench.pause
    end = "stopped" if button == "stop" else "paused"
    began = time.perf_counter()
    loop.call_soon_threadsafe(click, widget)
    _until(lambda: bench.runner(widget).state == end)
    still = time.perf_counter() - began
    _until(lambda: bench.shown(widget) != "running")
    return Answer(still, time.perf_counter() - began)


def _until(true: Callable[[], bool]) -> None:
    end = time.perf_counter() + PATIENCE
    while not true():
        if time.perf_counter() > end:
            raise TimeoutError(f"no answer within {PATIENCE:g} s")
        time.sleep(0.001)


def main() -> int:
    """Prints a line for each; 1 where a limit is missed."""
    missed = 0
    for row in stopping():
        missed += not row.met
        print(f"{row.what:40}{1e3 * row.simfp:6.0f} ms   shown after {1e3 * row.others[SHOWN]:4.0f} ms", flush=True)
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
