"""The three widgets of lessons 09 and 10 in plain Python: settings, buttons, and what they show."""

import base64
import io
import re
import time
from typing import Any

import numpy as np
import pytest
from PIL import Image

from simfp.experiments.mixed_precision.updates import update
from simfp.experiments.training.races import LAP, RATES, steps_at, stored
from simfp.figures.mixed_precision import autocast_trace as trace_figures
from simfp.figures.mixed_precision import updates as update_figures
from simfp.figures.training import races as race_figures
from simfp.widgets import AutocastTrace, UpdateRace, UpdateViewer

WRONG: list[tuple[Any, str, Any, str]] = [
    (AutocastTrace, "block", "mlp", "unknown block 'mlp'; expected one of transformer, cnn, shared, island"),
    (AutocastTrace, "dtype", "fp8", "unknown dtype 'fp8'; expected one of float16, bfloat16"),
    (AutocastTrace, "enabled", 1, "enabled must be True or False, got 1"),
    (AutocastTrace, "cache_enabled", None, "cache_enabled must be True or False, got None"),
    (AutocastTrace, "step", -1, "step must be a whole number from 0 to 998, got -1"),
    (UpdateViewer, "weight", 0.0, "weight must be above 0 to 1000, got 0.0"),
    (UpdateViewer, "lr", float("nan"), "lr must be a finite number, got nan"),
    (UpdateViewer, "gradient", 2e3, "gradient must be from −1000 to 1000, got 2000.0"),
    (UpdateViewer, "gradient", "1", "gradient must be a finite number, got '1'"),
    (UpdateRace, "lr", 0.3, "lr must be one of 0.00025, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, got 0.3"),
]


@pytest.mark.parametrize(("widget", "name", "value", "said"), WRONG)
def test_a_wrong_setting_is_an_error_and_set_later_it_is_not_taken(
    widget: Any, name: str, value: Any, said: str
) -> None:
    with pytest.raises((ValueError, TypeError), match=re.escape(said)):
        widget(**{name: value})
    made = widget()
    good = getattr(made, name)
    setattr(made, name, value)
    assert getattr(made, name) == good
    assert made.message == f"{said}; kept {good!r}"


def test_unknown_settings_are_refused() -> None:
    with pytest.raises(TypeError, match="unknown setting 'cache'; expected one of block, dtype, enabled"):
        AutocastTrace(cache=True)
    with pytest.raises(ValueError, match="seeds must be a whole number from 1 to 5, got 0"):
        UpdateRace(seeds=0)


@pytest.mark.parametrize(
    "widget", [AutocastTrace(step=6), UpdateViewer(), UpdateRace()], ids=lambda w: type(w).__name__
)
def test_readers_without_a_kernel_get_a_picture_and_words(widget: Any) -> None:
    data, metadata = widget._repr_mimebundle_()
    assert data["text/plain"] == widget.alternative() == metadata["image/png"]["alt"]
    for dark in (False, True):
        assert widget.figure(dark=dark).get_facecolor()[0] == pytest.approx(1.0 if not dark else 0x11 / 255)
    with Image.open(io.BytesIO(base64.b64decode(data["image/png"]))) as picture:
        assert picture.size[0] >= 700


def test_switches_change_what_runs_in_which_format() -> None:
    widget = AutocastTrace()
    fmts = {(): widget.trace().formats()}
    for changes in ({"dtype": "bfloat16"}, {"enabled": False}):
        for name, value in changes.items():
            setattr(widget, name, value)
        fmts[tuple(changes)] = widget.trace().formats()
    assert [*fmts.values()] == [
        {"float32": 6, "float16": 13}, {"float32": 6, "bfloat16": 13}, {"float32": 19},
    ]  # fmt: skip
    assert {row["rule"] for row in widget._table["rows"]} == {"autocast off"}
    assert "enabled=False" in widget._table["title"]
    widget = AutocastTrace("shared")
    assert "4 found in the cache" in widget._table["reading"]
    widget.cache_enabled = False
    assert "8 casts made (0 of them kept), 0 found" in widget._table["reading"]


@pytest.mark.parametrize("block", ["transformer", "cnn", "shared", "island"])
def test_every_step_is_told_with_its_rule_and_stands_in_its_row(block: str) -> None:
    widget = AutocastTrace(block, step=998)
    stops = trace_figures.stops(widget.trace())
    assert len(stops) == len(widget.trace()) == len(widget._table["stops"])
    assert stops[-1].title in widget.alternative()  # a step beyond the last is the last
    for stop, told in zip(stops, widget._table["stops"], strict=True):
        assert (stop.row, stop.place, stop.fmt) == (told["row"], told["place"], told["fmt"])
        assert stop.lines
        assert stop.why.endswith(".")
    forward = [stop for stop in stops if stop.place < 0]
    assert [stop.row for stop in forward] == [*range(len(widget._table["rows"]))]


def test_the_viewer_shows_each_format_s_own_update() -> None:
    widget = UpdateViewer(1.5, 0.01, 0.2)
    assert [row["lost"] for row in widget._table["formats"]] == [True, False, False]
    widget.weight = 2.0**-10
    assert [row["lost"] for row in widget._table["formats"]] == [False, False, False]
    widget.gradient = 1e-9
    assert widget._table["formats"][1]["verdict"].startswith("the gradient itself is 0 in fp16")
    widget.gradient = -0.2
    for told, row in zip(widget.updates(), widget._table["formats"], strict=True):
        assert told == update(2.0**-10, 0.01, -0.2, told.fmt)
        assert row["lines"] == [list(line) for line in update_figures.lines(told)]
    assert widget._table["sliders"]["weight"]["now"] == "weight = 2⁻¹⁰"


def test_a_race_runs_pauses_steps_stops_and_goes_on() -> None:
    widget = UpdateRace(0.008, seeds=1, steps=3 * LAP)
    assert widget._live["said"] == f"ready: step 0 of {3 * LAP}"
    widget._pressed = [1, "step"]
    deadline = time.monotonic() + 60
    while widget.state != "paused" and time.monotonic() < deadline:
        widget.wait(0.1)
    assert (widget.state, widget._live["said"]) == ("paused", f"paused: step {LAP} of {3 * LAP}")
    assert (widget.race.done, widget.race.round()) == (7, 7)
    widget.lr = 0.004  # not while a run is not over
    assert (widget.lr, widget.message[:26]) == (0.008, "The learning rate can be c")
    widget.run()
    began = time.monotonic()
    widget.stop()
    assert widget.wait(10) == "stopped"
    assert time.monotonic() - began < 5
    widget.run()
    assert widget.wait(60) == "finished"
    assert widget._live["done"] == widget._live["most"] == 3 * 7
    whole = UpdateRace(0.008, seeds=1, steps=3 * LAP)
    whole.run()
    whole.wait(60)
    assert np.array_equal(whole.standing().losses, widget.standing().losses)
    widget.again()
    assert (widget.state, widget.standing().points) == ("ready", 0)
    widget.lr = 0.004
    assert widget.race.lr == 0.004
    widget.close()


def test_a_second_start_is_refused_with_a_sentence() -> None:
    widget = UpdateRace(0.016, seeds=1, steps=5000)
    widget.run()
    widget.run()
    assert widget.message == "A run is running already; stop it before you start another."
    widget.stop()
    assert widget.wait(10) == "stopped"


def test_an_error_in_a_run_is_shown() -> None:
    widget = UpdateRace(0.008, seeds=1, steps=LAP)
    widget.race.trainings[0][0]._taken = lambda: 1 / 0  # type: ignore[method-assign,assignment]
    widget.run()
    assert widget.wait(30) == "failed"
    assert "ended with an error: ZeroDivisionError" in widget._live["said"]


def test_before_it_runs_the_race_shows_the_stored_one_and_says_so() -> None:
    widget = UpdateRace()
    for lr in RATES:
        widget.lr = lr
        assert widget.standing() is stored(lr)
        assert widget._live["said"] == "shown: a run that was stored; Run makes it anew"
        assert widget._live["steps"] == steps_at(lr)
    assert UpdateRace(steps=30).standing().points == UpdateRace(seeds=2).standing().points == 0
    assert "not yet run" in UpdateRace(steps=30).alternative()


def test_curves_that_lie_upon_one_another_can_be_told_apart() -> None:
    curves = UpdateRace()._live["curves"]
    assert len({curve["label"] for curve in curves}) == 7
    looks = {(curve["color"], *curve["dash"]) for curve in curves}
    assert len(looks) == 7
    dashed = [curve for curve in curves if curve["dash"]]
    # the dashes of one format stand in the gaps of the other's
    for ink, gap in {tuple(curve["dash"]) for curve in dashed}:
        shifts = [curve["shift"] for curve in dashed if curve["dash"] == (ink, gap)]
        assert len(shifts) == 2
        assert ink <= abs(shifts[0] - shifts[1]) <= gap


def test_the_ends_of_the_races_are_drawn_and_told() -> None:
    standings = [stored(lr) for lr in RATES]
    axes = race_figures.ends(standings)
    words = race_figures.describe(standings)
    for line, recipe in zip(axes.lines, standings[0].recipes, strict=True):
        name = race_figures.label(recipe)
        assert line.get_label() == name
        fallen = [np.mean((np.log(10) - each.last(recipe)) / (np.log(10) - each.last("fp32"))) for each in standings]
        assert np.allclose(line.get_xdata(), RATES)
        assert np.allclose(line.get_ydata(), 100 * np.array(fallen))
        if recipe != "fp32":
            assert f"{name}: " + ", ".join(f"{share:.1%}".replace("%", " %") for share in fallen) in words
