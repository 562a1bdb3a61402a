"""The experiments on lost gradients, absorbed updates, and recipes beside one another."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import simfp as sf
from simfp import observe
from simfp.experiments.mixed_precision.lost_gradients import census_by_scale, usable
from simfp.experiments.training.run import Training
from simfp.experiments.training.sweeps import summary, sweep

QUICK: dict[str, Any] = {"batch": 16}
SMALL_STEPS: dict[str, Any] = {
    "optimizer": "SGD", "options": {"lr": 2e-3, "momentum": 0.9}, "steps": 120, "measure_every": 0,
}  # fmt: skip


def test_scaling_saves_gradients_in_every_layer() -> None:
    lost = {}
    for recipe in ("fp16", "fp16 + scaler"):
        training = Training("mlp", recipe, census=40, steps=121, measure_every=0)
        training.run()
        assert training.census is not None
        for row in training.census.table(by=("layer", "gradient"), phase="backward", fmt="float16"):
            lost[recipe, row["layer"], row["gradient"]] = row["share_zeroed"]
    for place in (("2", "x"), ("4", "x"), ("0", "weight"), ("2", "weight"), ("4", "weight")):
        assert lost["fp16", *place] > lost["fp16 + scaler", *place]


def test_a_loss_of_small_weight_stalls_in_fp16_without_a_scaler_and_nothing_says_so() -> None:
    settings: dict[str, Any] = {
        "optimizer": "AdamW", "options": {"lr": 1e-3}, "loss_weight": 2.0**-16, "steps": 60, "measure_every": 0,
    }  # fmt: skip
    last = {}
    for recipe in ("fp32", "fp16", "fp16 + scaler", "bf16"):
        training = Training("mlp", recipe, **settings)
        steps = training.run()
        assert training.status == "finished"
        last[recipe] = sum(step.loss for step in steps[-10:]) / 10
    assert last["fp16"] > 2.2  # nothing was learned: ln 10 is 2.3
    assert all(last[recipe] < 1.5 for recipe in last if recipe != "fp16")


def test_a_scale_window_is_what_rounding_the_exact_gradients_says() -> None:
    exponents = (0, 8, 30)
    rows = census_by_scale(exponents=exponents, after=100)
    training = Training("mlp", "fp16 + scaler", steps=101, measure_every=0)
    for _ in range(100):
        training.step()
    for exponent, row in zip(exponents, rows):
        counts = np.zeros(3, np.int64)

        def listen(told: observe.Rounding, counts: Any = counts) -> None:
            if told.place.phase == "backward" and told.fmt == sf.float16:
                before = told.before
                numbers = np.isfinite(before) & (before != 0)
                lost = numbers & (told.after == 0)
                counts[:] += [numbers.sum(), lost.sum(), (numbers & np.isinf(told.after)).sum()]

        with observe.listening(listen):
            finite = training.backward(2.0**exponent)
        assert row["zeroed"] == counts[1] / counts[0]
        assert row["overflows"] == counts[2]
        assert row["finite"] == finite
    assert rows[0]["zeroed"] > rows[1]["zeroed"]
    assert not rows[2]["finite"]
    assert usable(rows, lost=1.0) == [0, 8]


def test_looking_at_a_scale_changes_nothing() -> None:
    looked, plain = (Training("mlp", "fp16 + scaler", steps=3, measure_every=0, **QUICK) for _ in range(2))
    looked.backward(1024.0)
    assert looked.run() == plain.run()


def test_small_updates_are_absorbed_in_bf16_but_not_with_kahan_or_stochastic_rounding() -> None:
    share, loss = {}, {}
    for recipe in ("fp32", "pure fp16", "pure bf16", "pure bf16 + kahan", "pure bf16 + stochastic"):
        training = Training("mlp", recipe, census=10, **SMALL_STEPS)
        steps = training.run()
        assert training.census is not None
        share[recipe] = training.census.share("absorbed")
        loss[recipe] = np.mean([step.loss for step in steps[-20:]])
        assert sum(step.absorbed is not None for step in steps) == 12
        layers = {row["layer"]: row["share_absorbed"] for row in training.census.table(by="layer", phase="update")}
        assert set(layers) == {"0", "2", "4"}
        assert min(layers.values()) <= share[recipe] <= max(layers.values())
    assert share["pure bf16"] > 0.8
    assert share["pure bf16"] > share["pure fp16"] > share["fp32"]
    assert share["pure bf16 + kahan"] < 0.2
    behind = loss["pure bf16"] - loss["fp32"]
    assert behind > 0.02
    for rescued in ("pure bf16 + kahan", "pure bf16 + stochastic"):
        assert abs(loss[rescued] - loss["fp32"]) < behind / 5


def test_a_sweep_has_a_row_for_each_recipe_and_seed_and_repeats() -> None:
    told: list[tuple[int, int]] = []
    settings = {"recipes": ("bf16", "fp32"), "seeds": range(2), "steps": 20, **QUICK}
    rows = sweep(told=lambda row, done, count: told.append((done, count)), **settings)
    assert [(row["seed"], row["recipe"]) for row in rows] == [(0, "bf16"), (0, "fp32"), (1, "bf16"), (1, "fp32")]
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert rows == sweep(**settings)
    first, second = summary(rows)
    assert (first["recipe"], second["recipe"]) == ("fp32", "bf16")
    assert first["points_from_fp32"] == 0
    away = [100 * (rows[i]["accuracy"] - rows[i + 1]["accuracy"]) for i in (0, 2)]
    assert second["points_from_fp32"] == pytest.approx(sum(away) / 2)


def test_a_sweep_dates_divergence_and_can_be_stopped() -> None:
    stop = threading.Event()
    rows = sweep(recipes=("pure fp16",), seeds=(0,), optimizer="AdamW", options={}, steps=20, **QUICK)
    assert rows[0]["accuracy"] is None
    assert rows[0]["diverged_at"] < 20
    assert summary(rows)[0]["diverged"] == 1
    stop.set()
    assert sweep(stop=stop, steps=20, **QUICK) == []
