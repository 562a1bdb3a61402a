"""The training dashboard without a browser: buttons, sliders, what is refused, shown and left behind."""

import base64
import io
import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image

from simfp.experiments.training.run import Training
from simfp.figures.training import dashboard as figures
from simfp.widgets import Dashboard
from simfp.widgets.dashboard.widget import CHOICES, SPAN
from simfp.widgets.parts import front_end
from simfp.widgets.parts.run_buttons import PRESSES

QUICK: dict[str, Any] = {"steps": 12, "batch": 8, "measure_every": 0}
LONG: dict[str, Any] = {"steps": 100_000, "batch": 8, "measure_every": 0}


@pytest.fixture
def board() -> Iterator[Dashboard]:
    made = Dashboard("mlp", "fp16", **LONG)
    yield made
    made.stop()
    made.wait(20)


def press(board: Dashboard, name: str) -> None:
    """As the screen does."""
    board.set_state({"_pressed": [board._pressed[0] + 1, name]})


def until(board: Dashboard, state: str) -> None:
    end = time.monotonic() + 20
    while board.state != state:
        assert time.monotonic() < end, (board.state, state)
        board.wait(0.01)
    board.wait(0)


def weights(training: Training) -> dict[str, Any]:
    return {name: value.copy() for name, value in training.model.state_dict().items()}


def test_it_trains_to_the_end_and_shows_every_step_of_it() -> None:
    board = Dashboard("mlp", ("fp16", "bf16"), **QUICK)
    assert board._live["said"] == "ready: step 0 of 12"
    press(board, "run")
    assert board.wait(60) == "finished"
    assert board._live["said"] == "finished: step 12 of 12"
    for told, training in zip(board._live["runs"], board.trainings, strict=True):
        assert told["status"] == "finished"
        assert told["losses"] == [[step.number, step.loss] for step in training.history]
        assert told["lost"] == [[step.number, 100 * (step.lost or 0)] for step in training.history]
        assert ["step", "12"] in told["readings"]
    plain = Training("mlp", "bf16", **QUICK)
    plain.run()
    assert board.trainings[1].history[-1].loss == plain.history[-1].loss


def test_every_button_does_what_it_says(board: Dashboard) -> None:
    press(board, "step")
    until(board, "paused")
    assert len(board.trainings[0].history) == 1
    press(board, "step")
    until(board, "paused")
    assert len(board.trainings[0].history) == 2
    press(board, "run")
    while len(board.trainings[0].history) < 5:
        board.wait(0.01)
    press(board, "pause")
    until(board, "paused")
    stood = len(board.trainings[0].history)
    board.wait(0.05)
    assert len(board.trainings[0].history) == stood
    press(board, "stop")
    until(board, "stopped")
    press(board, "run")
    while len(board.trainings[0].history) <= stood:
        board.wait(0.01)
    press(board, "again")
    assert (board.state, len(board.trainings[0].history)) == ("ready", 0)
    press(board, "nonsense")
    assert board.state == "ready"
    assert set(PRESSES) == {"run", "pause", "step", "stop", "again"}


def test_a_stopped_run_goes_on_to_the_same_bits() -> None:
    whole = Training("mlp", "fp16", **QUICK)
    whole.run()
    board = Dashboard("mlp", "fp16", **QUICK).train(5)
    board.stop()
    board.wait(20)
    board.run()
    assert board.wait(60) == "finished"
    for name, value in weights(whole).items():
        assert (board.trainings[0].model.state_dict()[name] == value).all()


def test_a_second_start_is_refused_with_a_sentence(board: Dashboard) -> None:
    press(board, "run")
    press(board, "run")
    assert board.message == "A run is running already; stop it before you start another."
    assert board.state == "running"
    press(board, "stop")
    until(board, "stopped")
    press(board, "step")
    assert board.message == ""


def test_learning_rate_and_scale_change_while_it_runs_from_the_next_step_on(board: Dashboard) -> None:
    board.train(2)
    board.set_state({"rate": -2})
    board.set_state({"scale": -4})
    press(board, "step")
    until(board, "paused")
    told = [(round(step.lr, 6), step.scale) for step in board.trainings[0].history]
    assert told == [(0.1, 1.0), (0.1, 1.0), (0.05, 2.0**-4)]
    assert (board._fixed["rate"], board._fixed["scale"]) == ("learning rate 0.05", "loss × 2⁻⁴")
    board.set_state({"scale": -6})  # in a pause
    press(board, "again")
    assert board.trainings[0].settings.loss_scale == 2.0**-6  # the sliders stay where they are


def test_task_and_recipe_begin_anew_and_are_refused_while_a_run_is_not_over(board: Dashboard) -> None:
    board.train(2)
    board.recipes = ["bf16"]
    assert board.recipes == ["fp16"]
    assert board.message == "The recipe can be changed when the run is over: stop it first."
    board.task = "cnn"
    assert board.task == "mlp"
    assert board.message.startswith("The task can be changed")
    assert len(board.trainings[0].history) == 2
    board.stop()
    until(board, "stopped")
    board.recipes = ["bf16"]
    assert [training.recipe.name for training in board.trainings] == ["bf16"]
    assert board._live["said"].startswith("ready: step 0")
    assert board._fixed["runs"][0]["label"] == "bf16"
    board.task = "cnn"
    assert board.trainings[0].settings.task == "cnn"


@pytest.mark.parametrize("name", CHOICES)
def test_every_recipe_can_be_chosen_and_takes_a_step(name: str) -> None:
    board = Dashboard("mlp", name, **QUICK).train(1)
    assert len(board.trainings[0].history) == 1
    assert board.alternative()
    board.stop()


# fmt: off
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"task": "resnet"},             "unknown task 'resnet'; expected one of mlp, "),
    ({"recipes": "fp17"},            "unknown recipe 'fp17'; expected one of 'fp32', "),
    ({"recipes": []},                "recipes must be one or two names, got []"),
    ({"recipes": ["fp32"] * 3},      "recipes must be one or two names"),
    ({"recipes": [5]},               "unknown recipe 5"),
    ({"rate": 9},                    "rate must be a whole number from -8 to 8, got 9"),
    ({"scale": 0.5},                 "scale must be a whole number from -30 to 30, got 0.5"),
    ({"steps": 0},                   "`steps` must be an integer of at least 1, got 0"),
]
# fmt: on


@pytest.mark.parametrize(("settings", "said"), WRONG)
def test_a_wrong_value_to_begin_with_is_an_error(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        Dashboard(**settings)


def test_a_wrong_value_set_later_keeps_the_last_good_one_and_says_so(board: Dashboard) -> None:
    for name, value, said in (
        ("task", "x", "unknown task"),
        ("rate", 99, "rate must be"),
        ("recipes", ["x"], "unknown"),
    ):
        kept = getattr(board, name)
        setattr(board, name, value)
        assert getattr(board, name) == kept
        assert board.message.startswith(said)


@pytest.mark.parametrize("steps", [0, -1, 2.5, True, None])
def test_train_takes_a_whole_number_of_steps(board: Dashboard, steps: Any) -> None:
    with pytest.raises(ValueError, match="`steps` must be an integer of at least 1"):
        board.train(steps)


def test_a_run_that_diverges_is_dated_and_its_infinity_has_a_place() -> None:
    board = Dashboard("mlp", "fp16", scale=30, **QUICK)
    board.run()
    assert board.wait(60) == "finished"
    told = board._live["runs"][0]
    assert told["status"] == "diverged"
    assert told["story"][0].startswith("The first infinity arose at step 0, backward: layer CrossEntropyLoss")
    assert told["story"][-1] == "The loss was no number any more at step 1. The run ended there."
    assert "NaN" in board.alternative()
    json.loads(json.dumps(board._live["runs"][0]["losses"], allow_nan=False))


def test_an_error_of_the_run_is_shown_and_no_traceback(board: Dashboard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board.trainings[0].learner, "gradients", lambda *_given: 1 // 0)
    board.run()
    assert board.wait(20) == "failed"
    assert "It ended with an error: ZeroDivisionError" in board._live["said"]


def test_what_is_sent_is_small_and_holds_counts() -> None:
    board = Dashboard("mlp", ("fp16", "bf16"), **QUICK)
    board.run()
    board.wait(60)
    assert len(json.dumps(board._live)) < 20_000
    assert len(board._esm) + len(board._css) < 40_000
    told = board._live["runs"][0]
    assert sum(told["bars"]) == sum(layer.numbers for layer in board.shown()[0].frame.layers)  # type: ignore[union-attr]
    assert len(told["bars"]) == SPAN[1] - SPAN[0] + 1
    shares = [row[1] for row in told["layers"]]
    assert all(0 <= share <= 1 for share in shares)


def test_a_long_curve_is_thinned_and_keeps_its_last_point() -> None:
    board = Dashboard("mlp", "fp16", steps=300, batch=2, measure_every=0)
    board.train(261)
    points = board._live["runs"][0]["losses"]
    assert len(points) <= 240
    assert points[-1][0] == 260
    board.stop()


def test_a_reader_without_a_kernel_gets_a_picture_and_its_words() -> None:
    board = Dashboard("mlp", ("fp16", "bf16"), **QUICK)
    assert "step none yet" in board.alternative()
    assert board.figure() is not None  # nothing has run, and yet there is a picture
    board.train(3)
    data, metadata = board._repr_mimebundle_()
    assert data["text/plain"] == metadata["image/png"]["alt"] == board.alternative()
    assert "Became zero, by layer: 0: Linear 64 → 128" in board.alternative()
    assert Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).format == "PNG"
    assert board.figure(dark=True) is not None
    board.stop()


def test_zones_and_counts_agree_with_the_census() -> None:
    board = Dashboard("mlp", "fp16", scale=-10, **QUICK).train(3)
    run = board.shown()[0]
    assert run.frame is not None
    numbers, zeroed = (sum(getattr(layer, name) for layer in run.frame.layers) for name in ("numbers", "zeroed"))
    below = figures.counted(run)[0]
    # whole binades: the one from 2^-25 holds the tie at its lower end, which becomes zero too
    assert below <= zeroed
    assert zeroed - below < 0.01 * numbers
    assert sum(figures.counted(run)) == numbers
    board.stop()


def test_closing_it_ends_the_work() -> None:
    board = Dashboard("mlp", "fp16", **LONG)
    board.run()
    board.close()
    assert board.wait(20) == "stopped"


def test_another_board_that_starts_stops_the_first() -> None:
    first, second = Dashboard("mlp", "fp16", **LONG), Dashboard("mlp", "fp16", **LONG)
    first.run()
    second.run()
    assert first.wait(20) == "stopped"
    assert second.state == "running"
    second.stop()
    second.wait(20)


def test_the_front_end_is_one_module_that_asks_for_nothing() -> None:
    text = front_end.module("dashboard") + front_end.style("dashboard")
    assert re.findall(r"^(?:import|export).*", text, re.MULTILINE) == ["export default { render };"]
    assert set(re.findall(r"\w+://[^\"'`\s]+", text)) <= {"http://www.w3.org/2000/svg"}
    assert not re.search(r"\bfetch\(|XMLHttpRequest|WebSocket|@import|url\((?!#)", text)
