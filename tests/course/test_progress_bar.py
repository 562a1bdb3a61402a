"""Training in a cell: its bar, its end, its stop and its error."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from simfp.course import watch
from simfp.course.progress_bar import Bar, InTurn
from simfp.experiments.mixed_precision import loss_scale
from simfp.experiments.mixed_precision.loss_scale import SCALES, Exploration
from simfp.experiments.training.run import Training

QUICK: dict[str, Any] = {"steps": 6, "batch": 4, "measure_every": 0}


class Handle:
    """What IPython's display gives back."""

    def __init__(self, bars: list[Bar]) -> None:
        self.bars = bars

    def update(self, bar: Bar) -> None:
        self.bars.append(bar)


@pytest.fixture
def bars(monkeypatch: pytest.MonkeyPatch) -> list[Bar]:
    import IPython.display

    shown: list[Bar] = []

    def display(bar: Bar, *, display_id: bool) -> Handle:
        assert display_id
        shown.append(bar)
        return Handle(shown)

    monkeypatch.setattr(IPython.display, "display", display)
    return shown


def test_it_takes_all_steps_and_gives_the_run_back(bars: list[Bar]) -> None:
    training = Training("mlp", "fp16", **QUICK)
    assert watch(training) is training
    assert training.status == "finished"
    assert str(bars[0]) == "0 of 6 steps; ■ in the toolbar stops it"
    assert (bars[-1].done, bars[-1].most) == (6, 6)
    assert bars[-1].text.startswith("6 of 6 steps, loss 2.")
    assert bars[-1].text.endswith("; done")
    assert '<progress value="6" max="6" aria-label="6 of 6 steps' in bars[-1]._repr_html_()


def test_several_runs_follow_one_another(bars: list[Bar]) -> None:
    first, second = Training("mlp", "fp16", **QUICK), Training("mlp", "bf16", **QUICK)
    assert watch(first, second) == (first, second)
    assert [run.status for run in (first, second)] == ["finished", "finished"]
    assert bars[-1].most == 12


def test_an_exploration_of_scales_has_a_bar_of_steps_and_passes(bars: list[Bar]) -> None:
    exploration = Exploration("mlp", (0, 3))
    assert watch(exploration) is exploration
    assert exploration.status == "finished"
    most = 3 + 2 * len(SCALES)
    assert str(bars[0]) == f"0 of {most} steps and backward passes; ■ in the toolbar stops it"
    assert (bars[-1].done, bars[-1].most) == (most, most)
    assert bars[-1].text.startswith(f"{most} of {most} steps and backward passes, loss 2.")
    assert bars[-1].text.endswith("; done")


def test_an_interrupt_stops_an_exploration_and_the_next_call_goes_on(
    bars: list[Bar], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loss_scale, "_explorations", {})
    moments = (0, 100_000)
    with monkeypatch.context() as patched:
        # the first call makes the exploration: the reader presses ■ when it has taken two steps
        patched.setattr(loss_scale.Exploration, "__init__", told_of(made := [], loss_scale.Exploration.__init__))
        patched.setattr("simfp.widgets.parts.running.Runner.wait", interrupted(made))
        with pytest.raises(KeyboardInterrupt, match="the next call goes on from there"):
            loss_scale.windows("mlp", moments, watch=watch)
    (exploration,) = made
    assert exploration.status == "stopped"
    assert "stopped; run the cell's last call again to go on" in bars[-1].text
    plain = Training("mlp", "fp16 + scaler", steps=len(exploration.training.history), measure_every=0)
    assert plain.run() == exploration.training.history
    assert loss_scale._explorations["mlp", moments] is exploration


def test_a_run_that_diverges_says_when(bars: list[Bar]) -> None:
    watch(Training("mlp", "fp16", loss_scale=2.0**30, **QUICK))
    assert bars[-1].text.endswith("loss NaN; diverged at step 1")


def test_an_interrupt_stops_it_between_two_steps_and_it_can_be_gone_on_with(
    bars: list[Bar], monkeypatch: pytest.MonkeyPatch
) -> None:
    training = Training("mlp", "fp16", **(QUICK | {"steps": 100_000}))
    monkeypatch.setattr("simfp.widgets.parts.running.Runner.wait", interrupted([training]))
    assert watch(training) is training
    assert training.status == "stopped"
    assert "stopped; run the cell's last call again to go on" in bars[-1].text
    taken = len(training.history)
    plain = Training("mlp", "fp16", **(QUICK | {"steps": 100_000}))
    for _ in range(taken + 1):
        plain.step()
    training.step()
    assert training.history == plain.history


def told_of(made: list[Any], init: Any) -> Any:
    """A constructor that puts what it makes into a list, too."""

    def building(this: Any, *given: Any, **named: Any) -> None:
        init(this, *given, **named)
        made.append(this)

    return building


def interrupted(runs: list[Any]) -> Any:
    """A Runner.wait in which the reader presses ■ after two steps."""
    from simfp.widgets.parts.running import Runner

    wait, pressed = Runner.wait, []

    def pressing(runner: Runner, *arguments: Any, **named: Any) -> str:
        if pressed:
            return wait(runner, *arguments, **named)
        pressed.append(True)
        while len(getattr(runs[0], "training", runs[0]).history) < 2:
            threading.Event().wait(0.002)
        raise KeyboardInterrupt

    return pressing


def test_an_error_of_a_run_is_raised(bars: list[Bar], monkeypatch: pytest.MonkeyPatch) -> None:
    training = Training("mlp", "fp16", **QUICK)
    monkeypatch.setattr(training.learner, "gradients", lambda *_given: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        watch(training)


def test_outside_of_a_notebook_it_works_all_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    training = watch(Training("mlp", "fp16", **QUICK))
    assert len(training.history) == 6


def test_a_stop_reaches_the_run_that_goes_on() -> None:
    runs = tuple(Training("mlp", "fp16", **QUICK) for _ in range(2))
    job = InTurn(runs)
    for _ in job:
        job.stop()
    assert [len(run.history) for run in runs] == [1, 0]


def test_the_last_word_stays_though_the_event_loop_still_holds_a_look_of_the_bar(
    bars: list[Bar], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cell() -> None:
        loop = asyncio.get_running_loop()
        monkeypatch.setattr("simfp.widgets.parts.running.kernel_loop", lambda: loop)
        watch(Training("mlp", "fp16", **QUICK))
        await asyncio.sleep(0.5)

    with ThreadPoolExecutor(1) as pool:  # browsers tested before left their loop in this thread
        pool.submit(asyncio.run, cell()).result()
    assert bars[-1].text.endswith("; done")
