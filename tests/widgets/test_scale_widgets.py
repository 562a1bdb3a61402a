"""The widgets of lesson 08 in plain Python: what their controls do, and that what they show is what simfp computed."""

import re
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from simfp.experiments.mixed_precision import loss_scale
from simfp.experiments.mixed_precision.loss_scale import FATES, SCALES
from simfp.experiments.mixed_precision.scaled_run import Point, ScaledRun
from simfp.experiments.mixed_precision.scaler_machine import ITERATION
from simfp.figures.mixed_precision import scale_words as drawn
from simfp.figures.mixed_precision import scaled_run as curves
from simfp.figures.words import percent
from simfp.widgets import LossScaleRun, ScalerMachine, ScaleWindow
from simfp.widgets.scale_window import widget as scale_window


@pytest.fixture(scope="module")
def mlp() -> tuple[loss_scale.Window, ...]:
    return loss_scale.windows("mlp")


@pytest.fixture
def run() -> Iterator[LossScaleRun]:
    widget = LossScaleRun("mlp", steps=60)
    yield widget
    widget.runner.stop()
    widget.runner.wait(10)


def until(true: Any) -> None:
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


# ---- the window ----


def test_every_number_of_the_table_is_counted_from_a_backward_pass(mlp: Any) -> None:
    table = ScaleWindow(network="mlp")._table
    assert [moment["step"] for moment in table["moments"]] == list(loss_scale.MOMENTS)
    order = [name for name, *_ in table["fates"]]
    for moment, window in zip(table["moments"], mlp, strict=True):
        assert [row["name"] for row in moment["layers"]] == ["all layers", "layer 0", "layer 2", "layer 4"]
        for place, k in enumerate(SCALES):
            counts = window.outcomes[place].counts
            for row, of in zip(moment["layers"], [counts.sum(0), *counts], strict=True):
                told = dict(zip(order, row["counts"][place], strict=True))
                assert told == dict(zip(FATES, of.tolist(), strict=True))
                texts = dict(zip(order, row["texts"][place], strict=True))
                assert texts["lost"] == percent(told["lost"], int(of.sum()))
            assert moment["readings"][place] == drawn.reading(window, k)
            fits = k in window.fits()
            assert moment["readings"][place].startswith("in the window") == fits
        first, last = moment["layers"][0]["fits"]
        assert [first, last] == [window.fits()[0], window.fits()[-1]]
        assert moment["window"] == drawn.span(window.fits())


def test_settings_move_what_is_told_and_wrong_ones_are_refused(mlp: Any) -> None:
    widget = ScaleWindow(3, network="mlp", step=200)
    assert widget.alternative().startswith("Loss scale 2³ = 8, mlp, after 200 steps: too small")
    widget.k = 14
    assert "in the window" in widget.alternative()
    for name, value, words in (("k", 31, "from -4 to 30, got 31; kept 14"),
                               ("step", 7, "0, 100, 200, 300, got 7; kept 200"),
                               ("network", "vgg", "unknown network 'vgg'; expected one of mlp")):  # fmt: skip
        setattr(widget, name, value)
        assert words in widget.message
    with pytest.raises(ValueError, match=r"k must be a whole number from -4 to 30, got 1\.5"):
        ScaleWindow(1.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="step must be one of 0, 100, 200, 300, got True"):
        ScaleWindow(step=True)


def test_another_network_is_trained_in_a_thread_and_shown_when_it_is_done(
    mlp: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scale_window, "Exploration", lambda name: loss_scale.Exploration(name, (0, 2)))
    widget = ScaleWindow(network="mlp")
    before = widget._table
    widget.network = "cnn"
    until(lambda: widget.runner.at_work or widget.runner.state == "finished")
    assert widget.runner.wait(60) == "finished"
    assert widget._table != before
    assert [window.task for window in widget.windows()] == ["cnn", "cnn"]
    assert not widget._work["working"]
    widget.network = "mlp"
    assert widget._table == before


def test_a_training_of_another_network_can_be_given_up(mlp: Any) -> None:
    widget = ScaleWindow(network="mlp")
    before = widget._table
    widget.network = "gpt"
    until(lambda: widget.runner.state == "running")
    began = time.monotonic()
    widget.stop()
    assert widget.runner.wait(10) == "stopped"
    assert time.monotonic() - began < 5
    assert (widget.network, widget._table) == ("mlp", before)
    assert not widget._work["working"]


def test_the_picture_and_the_words_say_the_same(mlp: Any) -> None:
    widget = ScaleWindow(16, network="mlp", step=100)
    above, below = widget.figure().axes
    words = widget.alternative()
    texts = [text.get_text() for text in (*above.texts, *below.texts)]
    for layer in ("layer 0", "layer 2", "layer 4"):
        assert layer in texts
        assert layer in words
    for window in mlp:
        assert f"{drawn.moment(window)}: {drawn.span(window.fits())}" in words
    assert widget.figure(dark=True).get_facecolor() != widget.figure().get_facecolor()
    data, metadata = widget._repr_mimebundle_()
    assert data["text/plain"] == metadata["image/png"]["alt"] == words


# ---- the run ----


def test_the_buttons_start_pause_step_and_stop(run: LossScaleRun) -> None:
    assert (run._run["state"], run._run["can"]) == ("ready", ["start", "step", "start over"])
    run.press("step")
    assert run.runner.wait(20, paused=True) == "paused"
    assert len(run.run.points) == 1
    run.press("step")
    until(lambda: len(run.run.points) == 2)
    run.runner.wait(20, paused=True)
    assert run._run["can"] == ["start", "step", "stop", "start over"]
    run.press("start")
    until(lambda: len(run.run.points) > 5)
    run.press("pause")
    run.runner.wait(20, paused=True)
    counted = len(run.run.points)
    time.sleep(0.1)
    assert len(run.run.points) == counted
    run.press("stop")
    assert run.runner.wait(20) == "stopped"
    run.press("start")
    assert run.runner.wait(60) == "finished"
    assert (run._run["state"], run._run["can"]) == ("finished", ["start over"])
    assert run.run.points == list(_fresh(60))
    run.press("start over")
    assert run.run.points == []
    assert run._run["reading"] == []


def _fresh(steps: int) -> ScaledRun:
    return ScaledRun("mlp", scale=2.0**16, steps=steps)


def test_stop_answers_at_once(run: LossScaleRun) -> None:
    run.press("start")
    until(lambda: run.run.points)
    thread = run.runner._thread
    assert thread is not None
    assert thread.daemon
    began = time.monotonic()
    run.press("stop")
    thread.join(10)
    assert not thread.is_alive()
    assert time.monotonic() - began < 5  # a fifth of a second where nothing else runs
    assert threading.current_thread() is not thread


def test_a_second_start_while_one_runs_is_refused_in_a_sentence(run: LossScaleRun) -> None:
    run.press("start")
    until(lambda: run.runner.state == "running")
    run.press("start")
    assert "already; stop it before you start another" in run.message or run.runner.state == "finished"


def test_every_control_counts_from_the_next_step_on(run: LossScaleRun) -> None:
    run.advance(3)
    run.k = 30
    run.advance(1)
    assert run.run.points[-1].scale == 2.0**30
    assert run.run.points[-1].skipped
    run.by_hand = True
    run.advance(2)
    assert [point.scale for point in run.run.points[-2:]] == [2.0**30, 2.0**30]
    run.by_hand, run.backoff_factor, run.growth_factor, run.growth_interval = False, 0.25, 8.0, 2
    run.advance(2)
    assert run.run.points[-1].scale == 2.0**28
    run.k = 10
    run.advance(3)
    assert [point.scale for point in run.run.points[-3:]] == [2.0**10, 2.0**10, 2.0**13]
    run.lr = 0.025
    run.advance(1)
    assert run.run.training.history[-1].lr == 0.025


def test_wrong_settings_keep_the_last_good_ones_and_say_so(run: LossScaleRun) -> None:
    for name, value, words in (
        ("growth_factor", 1.0, "growth_factor must be a number above 1 and at most 1024, got 1.0; kept 2.0"),
        ("backoff_factor", 1.0, "backoff_factor must be a number above 0 and at most 0.99, got 1.0; kept 0.5"),
        ("growth_interval", 0.5, "growth_interval must be a whole number from 1 to 100000, got 0.5; kept 50"),
        ("lr", -1.0, "lr must be a number above 0 and at most 100, got -1.0; kept 0.1"),
        ("k", 41, "k must be a whole number from -20 to 40, got 41; kept 16"),
        ("by_hand", "yes", "by_hand must be True or False, got 'yes'; kept False"),
    ):
        setattr(run, name, value)
        assert run.message == words
    with pytest.raises(TypeError, match="unknown setting 'speed'"):
        LossScaleRun(speed=2)
    with pytest.raises(ValueError, match="unknown network 'vgg'"):
        LossScaleRun("vgg")


def test_a_run_that_blows_up_is_dated_and_no_traceback(run: LossScaleRun) -> None:
    run.lr = 30.0
    run.press("start")
    assert run.runner.wait(60) == "finished"
    assert run._run["state"] == "diverged"
    at = run.run.diverged_at
    assert re.fullmatch(rf"The loss became (NaN|infinite) at step {at}, in the forward pass\..*", run._run["story"])
    assert run._run["panels"][1]["heights"][-1] is None
    assert run.message == ""


def test_an_error_of_the_work_is_shown_in_words(run: LossScaleRun) -> None:
    del run.run.scaler
    run.press("start")
    assert run.runner.wait(20) == "failed"
    assert run.message.startswith("AttributeError: ")


def test_another_network_begins_anew_with_its_own_learning_rate(run: LossScaleRun) -> None:
    run.advance(2)
    run.network = "deep"
    assert (run.run.points, run.lr, run.run.lr) == ([], 2e-3, 2e-3)
    assert run.run.training.settings.task == "deep"


def test_curves_stay_within_their_panels_and_rise_with_what_they_show() -> None:
    powers = (0.0, 2.0**-60, 1.0, 2.0**16, 2.0**40)
    points = [Point(i, float(i), scale, lost, 0.0, False, 0) for i, (scale, lost) in
              enumerate(zip(powers, (0.0, 1e-7, 1e-4, 0.5, 1.0), strict=True))]  # fmt: skip
    for panel in curves.panels(points):
        heights = [height for height in panel.heights if height is not None]
        assert all(0 <= height <= 1 for height in heights), panel
        assert all(a <= b for a, b in pairwise(heights)), panel
        assert all(0 <= at <= 1 for at, _ in panel.ticks)
    stuck = ScaledRun("mlp")
    stuck.points = [Point(i, 2.3, 2.0**30, 0.0, 1.0, True, 0) for i in range(20)]
    assert curves.story(stuck).startswith("Every one of the last 20 steps was skipped")
    stuck.points = [Point(0, 2.3, 0.0, 1.0, 0.0, False, 0)]
    assert curves.story(stuck).startswith("The scale is 0")


def test_the_run_s_picture_and_words_tell_its_last_step(run: LossScaleRun) -> None:
    assert run.alternative() == "A run of mlp under a loss scale, not begun."
    run.advance(4)
    words = run.alternative()
    assert "step 4 of 60" in words
    titles = [axes.get_title(loc="left") for axes in run.figure().axes]
    assert titles == ["loss scale", "loss", "gradients lost"]
    data, _ = run._repr_mimebundle_()
    assert data["text/plain"] == words


# ---- the machine ----


def test_a_press_makes_the_call_and_shows_what_came_of_it() -> None:
    widget = ScalerMachine()
    widget.press("zero_grad()", "scale(loss).backward()", "step(a)", "step(a)")
    latest = widget._state["log"][0]
    assert latest == [4, "step(a)", "RuntimeError: step() has already been called since the last update().", True]
    stages = {row[0]: row[1:3] for row in widget._state["rows"]}
    assert stages == {"a": ["STEPPED", "0"], "b": ["READY", "not looked"]}
    widget.outlier_b = True
    widget.press("start over", "a whole iteration")
    assert dict(widget._state["held"])["scale"] == "2¹⁵ = 32,768"
    assert [line[1] for line in reversed(widget._state["log"])] == list(ITERATION)
    with pytest.raises(ValueError, match="unknown call 'jump'"):
        widget.press("jump")


def test_a_message_of_the_front_end_is_a_press_and_nonsense_is_none() -> None:
    widget = ScalerMachine()
    for content in ("a whole iteration", "jump", 5, None, {"call": "update()"}):
        widget._handle_custom_msg(content, [])
    assert len(widget.machine.history) == 5
    words = widget.alternative()
    assert "growth tracker 1 of 3" in words
    assert "update(): a good step: the tracker went from 0 to 1" in words
    texts = [text.get_text() for text in widget.figure().axes[0].texts]
    assert "a good step: the tracker went from 0 to 1" in texts
