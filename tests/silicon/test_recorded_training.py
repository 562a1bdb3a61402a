"""Training runs that a GPU made under autocast, made again here from the same start: losses, scales and all weights."""

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import simfp as sf
from simfp.silicon import recordings, reproducible_runs

RECORDING = recordings.load("h200_training")
ROWS = {row["name"]: row for row in RECORDING["runs"]}


def test_the_recording_has_every_run_and_says_on_what_it_was_made() -> None:
    assert list(ROWS) == [run.name for run in reproducible_runs.RUNS]
    assert RECORDING["provenance"]["device"] == "NVIDIA H200"


def accumulator_of(row: dict[str, Any]) -> Any:
    """What carries the products of a recorded run: Hopper's tensor cores, or the orders found for its shapes."""
    if "orders" not in row:
        return sf.HOPPER
    return reproducible_runs.along(
        next(run for run in reproducible_runs.RUNS if run.name == row["name"]), row["orders"]
    )


def made_again(name: str, steps: int | None, say: Callable[[str], None]) -> reproducible_runs.Outcome:
    """A run's first steps, or all of them: with the GPU's losses, scales and, after each step, weights."""
    row = ROWS[name]
    run, told = reproducible_runs.recorded(row, steps)
    made = reproducible_runs.train(run, reproducible_runs.simulated(accumulator_of(row)))
    weights = sum(values.size for values in made.weights.values())
    differing = np.flatnonzero(made.checksums != told.checksums)
    found = f"first differ after step {differing[0]}" if differing.size else "0 differ after any"
    say(f"{name}: {weights:,} weights, {run.steps} of {row['steps']} steps: {found}")
    assert made.inputs == told.inputs
    assert not differing.size
    assert np.array_equal(made.losses.view(np.uint32), told.losses.view(np.uint32))
    assert np.array_equal(made.scales, told.scales)
    return made


@pytest.mark.parametrize("name", ROWS)
def test_a_training_run_begins_with_the_gpus_bits(name: str, say: Callable[[str], None]) -> None:
    made_again(name, 5 if "gpt" in name else 50, say)  # of 200 to 1000


@pytest.mark.long
@pytest.mark.parametrize("name", ROWS)
def test_a_training_run_comes_out_with_the_gpus_bits(name: str, say: Callable[[str], None]) -> None:
    made = made_again(name, None, say)
    at_the_end = {key: hashlib.sha256(values.tobytes()).hexdigest() for key, values in made.weights.items()}
    assert at_the_end == ROWS[name]["weights"]


def test_the_order_of_a_tf32_product_depends_on_how_its_factors_lie() -> None:
    row = ROWS["tf32"]
    assert row["orders"]["64x128x128 nt"] != row["orders"]["64x128x128 nn"]
    run, told = reproducible_runs.recorded(row, 20)
    swapped = row | {"orders": row["orders"] | {"64x128x128 nn": row["orders"]["64x128x128 nt"]}}
    made = reproducible_runs.train(run, reproducible_runs.simulated(accumulator_of(swapped)))
    assert made.losses[0] == told.losses[0]  # forward
    assert (made.checksums != told.checksums).all()


def test_the_scale_was_taken_back_and_grew_in_every_fp16_run() -> None:
    for name, row in ROWS.items():
        scales = [scale for _, scale in row["scales"]]
        if "fp16" in name:
            assert min(np.diff(scales)) < 0 < max(np.diff(scales)), name
        else:
            assert scales == [1.0], name


@pytest.mark.parametrize(("change", "name"), [({"terms": 8}, "sgd fp16"), ({"fraction_bits": 24}, "sgd fp16")])
def test_another_tensor_core_would_have_made_other_weights(change: dict[str, Any], name: str) -> None:
    run, told = reproducible_runs.recorded(ROWS[name], 20)
    core = {"terms": 16, "fraction_bits": 25} | change
    made = reproducible_runs.train(run, reproducible_runs.simulated(sf.TensorCore(**core)))
    assert (made.checksums != told.checksums).any()


def test_a_run_that_there_is_no_longer_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown run 'sgd fp64'; expected one of sgd fp16, "):
        reproducible_runs.recorded({"name": "sgd fp64"})
