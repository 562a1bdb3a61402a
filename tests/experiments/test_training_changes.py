"""A constant loss scale, and what can be changed between two steps of a run."""

import math
from typing import Any

import numpy as np
import pytest

from simfp.experiments.training.run import Training


def weights(training: Training) -> dict[str, Any]:
    return {name: value.copy() for name, value in training.model.state_dict().items()}


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all((one[name] == other[name]).all() for name in one)


def test_a_power_of_two_changes_no_bit_where_nothing_is_lost_and_many_where_much_is() -> None:
    runs = {}
    for recipe in ("fp32", "fp16"):
        for exponent in (0, 10, -22):
            training = Training("mlp", recipe, steps=4, batch=8, measure_every=0, loss_scale=2.0**exponent)
            training.run()
            assert [step.scale for step in training.history] == [2.0**exponent] * 4
            runs[recipe, exponent] = weights(training)
    assert same(runs["fp32", 0], runs["fp32", 10])
    assert same(runs["fp32", 0], runs["fp32", -22])
    start = weights(Training("mlp", "fp16"))
    assert same(runs["fp16", -22], start)  # every gradient is zero: nothing moves
    assert not same(runs["fp16", 0], start)


def test_a_constant_scale_does_what_a_grad_scaler_does_at_that_scale() -> None:
    constant = Training("mlp", "fp16", steps=5, batch=8, measure_every=0, loss_scale=2.0**12)
    scaler = Training("mlp", "fp16 + scaler", steps=5, batch=8, measure_every=0, scaler={"init_scale": 2.0**12})
    assert [step[:3] for step in constant.run()] == [step[:3] for step in scaler.run()]
    assert same(weights(constant), weights(scaler))


def test_too_large_a_constant_scale_ends_the_run_and_its_census_knows_where() -> None:
    training = Training("mlp", "fp16", steps=9, batch=8, measure_every=0, loss_scale=2.0**30, census=True)
    training.run()
    assert (training.status, training.diverged_at) == ("diverged", 1)
    assert training.census is not None
    origin = training.census.origins["infinite"]
    assert (origin.step, origin.phase, origin.fmt, origin.cause) == (0, "backward", "float16", "rounding")


@pytest.mark.parametrize("recipe", ["fp16", "fp16 + scaler"])
def test_what_is_changed_counts_from_the_next_step_on(recipe: str) -> None:
    training = Training("mlp", recipe, steps=9, batch=8, measure_every=0)
    training.change(lr=0.05, loss_scale=2.0**-5)
    training.step()
    training.change(lr=0.01)
    training.step()
    training.change(loss_scale=2.0**-7)
    training.step()
    scaler = 65536 if training.scaler else 1
    told = [(step.lr, step.scale / scaler, step.skipped) for step in training.history]
    assert told == [(0.05, 1 / 32, False), (0.01, 1 / 32, False), (0.01, 1 / 128, False)]


def test_a_run_that_was_changed_goes_on_to_the_same_bits_from_its_state() -> None:
    training = Training("mlp", "fp16", steps=6, batch=8, measure_every=0)
    training.step()
    training.change(lr=0.02, loss_scale=2.0**4)
    training.step()
    other = Training.from_state(training.state())
    training.run()
    other.run()
    assert training.history == other.history
    assert same(weights(training), weights(other))


@pytest.mark.parametrize("value", [0, -1.0, math.inf, math.nan, "1", True, 10**400])
@pytest.mark.parametrize("name", ["lr", "loss_scale"])
def test_what_is_no_number_above_zero_is_refused_and_changes_nothing(name: str, value: Any) -> None:
    training = Training("mlp", "fp16")
    before = training.settings
    with pytest.raises(ValueError, match=f"`{name}` must be a finite number above 0, got"):
        training.change(**{name: value})
    assert training.settings == before


def test_a_grad_scaler_makes_up_for_a_constant() -> None:
    one = Training("mlp", "fp16 + scaler", steps=5, batch=8, measure_every=0, scaler={"init_scale": 2.0**12})
    settings: dict[str, Any] = {"loss_scale": 2.0**-4, "scaler": {"init_scale": 2.0**16}}
    other = Training("mlp", "fp16 + scaler", steps=5, batch=8, measure_every=0, **settings)
    assert one.run() == other.run()
    assert same(weights(one), weights(other))


def test_a_constant_that_is_no_number_is_refused_and_one_of_numpy_taken() -> None:
    with pytest.raises(ValueError, match="`loss_scale` must be a finite number above 0"):
        Training("mlp", "fp16", loss_scale=0)
    with pytest.raises(ValueError, match="`loss_weight` must be a finite number above 0"):
        Training("mlp", "fp16", loss_weight=float("inf"))
    settings = Training("mlp", "fp16", loss_scale=np.float32(8), loss_weight=np.float32(0.5)).settings
    assert (settings.loss_scale, settings.loss_weight) == (8, 0.5)
    assert type(settings.loss_scale) is type(settings.loss_weight) is float
