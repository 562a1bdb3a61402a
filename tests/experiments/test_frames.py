"""Runs that are watched: frames, side by side, stopped and gone on with."""

import threading
from typing import Any

import numpy as np
import pytest

from simfp.experiments.training.frames import WINDOW, Frame, SideBySide, Watched
from simfp.experiments.training.run import Training


def training(recipe: str = "fp16", **settings: Any) -> Training:
    return Training("mlp", recipe, **({"steps": 30, "batch": 8, "measure_every": 0, "census": True} | settings))


def test_a_frame_counts_the_last_steps_and_nothing_older() -> None:
    whole, last = training(), training()
    frames = [frame for _, frame in SideBySide([whole])]
    assert [frame.step.number for frame in frames] == list(range(30))
    for _ in range(30 - WINDOW):
        last.step()
    last.census.reset()  # type: ignore[union-attr]
    last.run()
    assert last.census is not None
    table = {row["layer"]: row for row in last.census.table(by="layer", phase="backward", fmt="float16")}
    assert [layer.name for layer in frames[-1].layers] == list(table)
    for layer in frames[-1].layers:
        row = table[layer.name]
        assert layer.numbers == row["values"] - row["zero"] - row["infinite"] - row["nan"] > 0
        assert layer[3:] == (row["zeroed"], row["subnormal"], row["overflowed"])
    counts = last.census.histogram(phase="backward", fmt="float16").counts
    assert (frames[-1].histogram.counts == counts).all()


def test_the_first_frames_count_from_the_beginning() -> None:
    run = training()
    first = next(iter(SideBySide([run])))[1]
    assert run.census is not None
    assert sum(layer.numbers for layer in first.layers) == first.histogram.counts.sum() > 0
    lost = sum(layer.zeroed for layer in first.layers) / sum(layer.numbers for layer in first.layers)
    assert lost == first.step.lost


def test_layers_are_called_by_kind_and_size() -> None:
    frame = next(iter(SideBySide([training()])))[1]
    labels = [layer.label for layer in frame.layers]
    assert labels == ["0: Linear 64 → 128", "2: Linear 128 → 128", "4: Linear 128 → 10", "CrossEntropyLoss"]


def test_two_runs_take_turns_and_the_longer_one_goes_on_alone() -> None:
    both = SideBySide([training(steps=2), training("bf16", steps=4)])
    assert [place for place, _ in both] == [0, 1, 0, 1, 1, 1]
    assert [run.status for run in both.trainings] == ["finished", "finished"]
    assert [*both] == []


def test_watching_changes_no_bit_and_a_stopped_pair_goes_on_to_the_same() -> None:
    plain = [training(name, census=False) for name in ("fp16", "bf16")]
    for run in plain:
        run.run()
    both = SideBySide([training("fp16"), training("bf16")])
    frames: list[tuple[int, Frame]] = []
    for item in both:
        frames.append(item)
        if len(frames) == 7:
            both.stop()
    assert [run.status for run in both.trainings] == ["stopped", "stopped"]
    assert abs(len(both.trainings[0].history) - len(both.trainings[1].history)) <= 1
    frames += [*both]
    assert [place for place, _ in frames] == [0, 1] * 30
    for one, other in zip(plain, both.trainings, strict=True):
        for name, weights in one.model.state_dict().items():
            assert (other.model.state_dict()[name] == weights).all()


def test_a_stop_from_another_thread_ends_it_within_a_step() -> None:
    both = SideBySide([training(steps=100_000)])
    threading.Timer(0.05, both.stop).start()
    taken = len([*both])
    assert 0 < taken < 100_000
    assert both.trainings[0].status == "stopped"


def test_a_run_that_diverges_is_a_result_and_says_where_its_infinity_was_born() -> None:
    broken, good = training(loss_scale=2.0**30), training("bf16", steps=3)
    frames = [*SideBySide([broken, good])]
    assert (broken.status, good.status) == ("diverged", "finished")
    last = [frame for place, frame in frames if place == 0][-1]
    assert np.isnan(last.step.loss)
    assert last.origins["infinite"].layer == "CrossEntropyLoss"


@pytest.mark.parametrize("census", [False, 5])
def test_a_run_that_is_not_counted_in_every_step_cannot_be_watched(census: Any) -> None:
    with pytest.raises(ValueError, match="needs a census of every step"):
        Watched(training(census=census))
