"""Long work in a cell: a bar tells how far it is, and the notebook's own stop button ends it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Any

from simfp.course.display import WIDTH
from simfp.experiments.mixed_precision.loss_scale import Exploration
from simfp.experiments.training.run import Training
from simfp.figures.words import decimal

__all__ = ["Bar", "watch"]

INTERVAL = 0.2  # seconds from one look of the bar to the next


@dataclass(frozen=True)
class Bar:
    """How far the work is."""

    done: int
    most: int
    text: str

    def _repr_html_(self) -> str:
        name = escape(self.text, quote=True)
        bar = f'<progress value="{self.done}" max="{self.most}" aria-label="{name}" style="width:16em"></progress>'
        return f'<div style="margin:0.3em 0">{bar} {escape(self.text)}</div>'

    def __repr__(self) -> str:
        return textwrap.fill(self.text, WIDTH)


class InTurn:
    """Several runs, one after the other."""

    def __init__(self, runs: tuple[Training | Exploration, ...]) -> None:
        self.runs = runs

    def stop(self) -> None:
        """Ends the run that goes on, within its step."""
        for run in self.runs:
            run.stop()

    def __iter__(self) -> Iterator[Any]:
        for run in self.runs:
            yield from run
            if run.status == "stopped":
                return


def _counts(run: Training | Exploration) -> tuple[int, int]:
    """How much of a run is done, and how much there is to do."""
    if isinstance(run, Exploration):
        return run.taken, run.most
    return len(run.history), run.settings.steps or 0


def watch(*runs: Training | Exploration) -> Any:
    """Takes all steps that are left of each run, with a progress bar; the run, or all of them as a tuple.

    A run is a `Training`, or an `Exploration` of loss scales.

    An interrupt, which the ■ above a notebook sends, stops it within a step: the runs stand where they stand, and
    calling it again goes on from there.

    Raises what a run raises.
    """
    from IPython.display import display

    from simfp.widgets.parts.running import Runner  # the widgets' libraries are wanted here only

    trainings = [run.training if isinstance(run, Exploration) else run for run in runs]
    what = "steps and backward passes" if any(isinstance(run, Exploration) for run in runs) else "steps"

    def bar(text: str = "") -> Bar:
        done, most = (sum(_counts(run)[which] for run in runs) for which in (0, 1))
        latest = next((training.history[-1] for training in reversed(trainings) if training.history), None)
        told = f"{done} of {most} {what}" + (f", loss {decimal(latest.loss, 3)}" if latest else "")
        return Bar(done, most, f"{told}; {text or '■ in the toolbar stops it'}")

    shown = display(bar(), display_id=True)  # type: ignore[no-untyped-call]

    def show(text: str = "") -> None:
        if shown is not None:  # it is None outside of IPython
            shown.update(bar(text))

    over = False
    # the event loop may still hold a look of the bar when the cell has ended
    runner = Runner(lambda items: None if over else show(), interval=INTERVAL)
    runner.start(InTurn(runs))
    try:
        runner.wait()
    except KeyboardInterrupt:
        runner.stop()
        runner.wait(10)
    over = True
    if runner.exception is not None:
        raise runner.exception
    diverged = [f"diverged at step {training.diverged_at}" for training in trainings if training.status == "diverged"]
    stopped = ["stopped; run the cell's last call again to go on"] if runner.state == "stopped" else []
    show(", ".join(diverged + stopped) or "done")
    return runs[0] if len(runs) == 1 else runs
