"""States that come from files, and loads that fail: these leave everything as it was."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import simfp as sf
from simfp import nn, optim
from simfp.amp import GradScaler

SAVED = ["float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"]


def through_a_file(state: dict[str, Any], folder: Path) -> dict[str, Any]:
    np.savez(folder / "state.npz", **state)
    with np.load(folder / "state.npz") as found:
        return dict(found)


@pytest.mark.parametrize("fmt", SAVED)
def test_a_module_comes_back_from_a_file_in_every_format_that_numpy_saves(fmt: str, tmp_path: Path) -> None:
    layer, other = nn.Linear(3, 5, rng=0, dtype=fmt), nn.Linear(3, 5, rng=1, dtype=fmt)
    state = layer.state_dict()
    if fmt == "float8_e5m2":  # NumPy writes a type for it, `<f1`, that it cannot read
        state = {name: each.view("V1") for name, each in state.items()}
    other.load_state_dict(through_a_file(state, tmp_path))
    for ours, theirs in zip(other.parameters(), layer.parameters()):
        np.testing.assert_array_equal(ours.data.codes, theirs.data.codes)


def test_bytes_of_a_value_without_their_format_are_refused_with_the_cure(tmp_path: Path) -> None:
    state = through_a_file(nn.Linear(3, 2, rng=0, dtype="bfloat16").state_dict(), tmp_path)
    layer = nn.Linear(3, 2, rng=1)
    before = layer.weight.data
    with pytest.raises(RuntimeError, match=r"`x\.view\(ml_dtypes\.bfloat16\)`, to load it into float32"):
        layer.load_state_dict(state)
    assert layer.weight.data is before
    layer.load_state_dict({name: each.view(ml_dtypes.bfloat16) for name, each in state.items()})
    with pytest.raises(RuntimeError, match="the bytes of each value"):
        nn.Linear(3, 2, dtype="float8_e5m2").load_state_dict(state)


@pytest.mark.parametrize("fmt", ["bfloat16", "float16"])
def test_an_optimizers_buffers_come_back_from_a_file(fmt: str, tmp_path: Path) -> None:
    def run(steps: int, folder: Path | None) -> sf.Array:
        layer = nn.Linear(4, 3, rng=0, dtype=fmt)
        optimizer = optim.AdamW(layer.parameters(), lr=0.01, kahan=True)
        for step in range(steps):
            optimizer.zero_grad()
            layer(sf.Tensor(np.random.default_rng(step).normal(size=(5, 4)), dtype=fmt)).sum().backward()
            optimizer.step()
            if step == 2 and folder is not None:
                saved, weights = optimizer.state_dict(), layer.state_dict()
                kept = {f"{i}.{name}": value for i, each in saved["state"].items() for name, value in each.items()}
                found = through_a_file(kept, folder)
                layer = nn.Linear(4, 3, rng=9, dtype=fmt)
                optimizer = optim.AdamW(layer.parameters(), lr=0.01, kahan=True)
                layer.load_state_dict(through_a_file(weights, folder))
                for i, each in saved["state"].items():
                    each.update({name: found[f"{i}.{name}"] for name in each})
                optimizer.load_state_dict(saved)
        return layer.weight.data

    np.testing.assert_array_equal(run(5, None).codes, run(5, tmp_path).codes)


# --- loads that fail -------------------------------------------------------------------------------------------------


def network() -> Any:
    return nn.Sequential(nn.Linear(3, 4, rng=0), nn.BatchNorm1d(4), nn.Linear(4, 2, rng=1))


def told(module: nn.Module) -> dict[str, Any]:
    return {name: copy.deepcopy(each) for name, each in module.state_dict().items()}


def same(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(np.array_equal(one, other, equal_nan=True)) if isinstance(one, np.ndarray) else bool(one == other)


BAD_STATES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a shape": lambda state: state | {"2.weight": np.zeros((3, 4), np.float32)},
    "a missing key": lambda state: {name: each for name, each in state.items() if name != "2.bias"},
    "an unknown key": lambda state: state | {"3.weight": np.zeros(2)},
    "text": lambda state: state | {"2.bias": np.array(["a", "b"])},
    "objects": lambda state: state | {"2.bias": np.array([None, 1.0])},
    "complex numbers": lambda state: state | {"2.bias": np.array([1j, 1.0])},
    "a list": lambda state: state | {"2.bias": [1.0, 2.0]},
    "bytes": lambda state: state | {"2.bias": np.zeros(2, "V2")},
    "a fraction of a batch": lambda state: state | {"1.num_batches_tracked": np.array(0.5)},
    "no number of batches": lambda state: state | {"1.num_batches_tracked": np.array(np.nan)},
}


@pytest.mark.parametrize("name", BAD_STATES)
def test_a_module_is_as_it_was_after_a_load_that_fails(name: str) -> None:
    model = network()
    model(np.ones((5, 3), np.float32))
    before = told(model)
    state = BAD_STATES[name]({key: each + 1 for key, each in before.items()})
    with pytest.raises(RuntimeError, match=r"Error\(s\) in loading state_dict for Sequential"):
        model.load_state_dict(state)
    assert same(told(model), before)


def test_a_whole_number_of_batches_may_come_as_a_float() -> None:
    layer = nn.BatchNorm1d(2)
    layer.load_state_dict(layer.state_dict() | {"num_batches_tracked": np.array(7.0)})
    assert layer.num_batches_tracked == 7
    assert layer.num_batches_tracked.dtype == sf.int64


def trained() -> optim.Optimizer:
    p = sf.Tensor([1.0, 2.0], requires_grad=True)
    optimizer = optim.SGD([p], lr=0.1, momentum=0.9)
    p.grad = sf.array([1.0, 1.0])
    optimizer.step()
    return optimizer


BAD_OPTIMIZERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "nothing": lambda state: None,
    "a list": lambda state: [state],
    "no state": lambda state: {"param_groups": state["param_groups"]},
    "no groups": lambda state: {"state": state["state"]},
    "more groups": lambda state: state | {"param_groups": state["param_groups"] * 2},
    "a shape": lambda state: state | {"state": {0: {"momentum_buffer": np.zeros(3, np.float32)}}},
    "text": lambda state: state | {"state": {0: {"momentum_buffer": np.zeros(2, "V3")}}},
    "no step": lambda state: state | {"state": {0: {"step": "many"}}},
    "an option": lambda state: state | {"param_groups": [state["param_groups"][0] | {"update_rounding": "up"}]},
}


@pytest.mark.parametrize("name", BAD_OPTIMIZERS)
def test_an_optimizer_is_as_it_was_after_a_load_that_fails(name: str) -> None:
    optimizer = trained()
    before = copy.deepcopy(optimizer.state_dict())
    bad = copy.deepcopy(before)
    bad["param_groups"][0]["lr"] = 0.7
    with pytest.raises((TypeError, KeyError, ValueError)):
        optimizer.load_state_dict(BAD_OPTIMIZERS[name](bad))
    assert same(optimizer.state_dict(), before)


def test_a_scaler_is_as_it_was_after_a_load_that_fails() -> None:
    scaler = GradScaler(init_scale=8.0)
    scaler.scale(sf.Tensor([1.0]))
    before = scaler.state_dict()
    changed = before | {"scale": 4.0, "growth_factor": 3.0}
    short = {name: value for name, value in changed.items() if name != "_growth_tracker"}
    for bad in (short, changed | {"backoff_factor": "half"}, changed | {"_growth_tracker": None}, [1, 2]):
        with pytest.raises((TypeError, KeyError)):
            scaler.load_state_dict(bad)  # type: ignore[arg-type]
        assert scaler.state_dict() == before
    scaler.load_state_dict(json.loads(json.dumps(changed)))
    assert scaler.get_scale() == 4.0


def test_chance_goes_on_from_where_it_stood() -> None:
    nn.manual_seed(3)
    nn.Linear(4, 4)
    state = json.loads(json.dumps(nn.get_rng_state()))
    first = nn.Linear(4, 4).weight.tolist()
    nn.set_rng_state(state)
    assert nn.Linear(4, 4).weight.tolist() == first
    assert nn.get_rng_state() != state
    before = nn.get_rng_state()
    for bad in (None, 7, {}, state | {"bit_generator": "MT19937"}, state | {"state": {"state": "x", "inc": 1}}):
        with pytest.raises((TypeError, ValueError), match=r"get_rng_state|no state of the shared generator"):
            nn.set_rng_state(bad)
        assert nn.get_rng_state() == before
