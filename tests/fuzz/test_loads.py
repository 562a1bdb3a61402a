"""`load_state_dict` of modules, optimizers, schedules, scalers: what fits is taken to the bit, or nothing changes."""

from __future__ import annotations

import pickle
import re
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import strategies as st

import simfp as sf
from simfp import nn, optim
from simfp.amp import GradScaler
from simfp.formats import NAMED_FORMATS, Format
from simfp.optim.lr_scheduler import CosineAnnealingLR, StepLR
from tests import exact
from tests.fuzz.properties import fuzzed
from tests.fuzz.strategies import laid_out, layouts, near_values
from tests.samples import assert_same

REFUSALS = (RuntimeError, ValueError, TypeError, KeyError)  # what the docstrings name
FORMATS = [NAMED_FORMATS[name] for name in ("float32", "float16", "bfloat16", "float8_e5m2", "float8_e4m3fn")]
formats = st.sampled_from(FORMATS)

junk = st.one_of(
    st.none(), st.text(max_size=4), st.integers(), st.floats(), st.just([1.0, 2.0]), st.just({}), st.just(object()),
    st.sampled_from([
        np.array("text"), np.array([object()], object), np.zeros((3, 5), np.complex64), np.zeros((4, 3), "V7"),
        np.zeros((4, 3), "V2"), np.zeros(4, "M8[s]"), np.zeros((4, 3), bool), np.zeros((0, 3)), np.zeros((4, 3, 1)),
        np.full((4, 3), np.nan), np.full(4, np.inf), np.zeros((4, 3), ml_dtypes.bfloat16), np.array(2.5),
    ]),
)  # fmt: skip


def network(fmt: Format) -> nn.Module:
    """Parameters of one format, and buffers."""
    nn.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)).to(fmt)


def bits(state: Any) -> bytes:
    """All of a state, as bytes to be compared."""
    return pickle.dumps(
        [(key, np.asarray(value).dtype.str, np.asarray(value).tobytes()) for key, value in sorted(state.items())]
    )


@fuzzed(
    examples=40,
    drawn=formats.flatmap(lambda fmt: st.tuples(st.just(fmt), st.lists(near_values(fmt), min_size=12, max_size=12))),
    dtype=st.sampled_from([np.float32, np.float64]),
    layout=layouts,
)
def test_a_module_takes_values_rounded_once(
    drawn: tuple[Format, list[float]], dtype: type, layout: str
) -> None:  # fmt: skip
    fmt, values = drawn
    with np.errstate(over="ignore"):
        flat = np.array(values, dtype)
    moved = laid_out(flat, layout)
    given = moved[0] if layout == "broadcast" else moved
    model = network(fmt)
    state = model.state_dict() | {"0.weight": given.reshape(4, 3)}
    before = given.copy()
    found = model.load_state_dict(state)
    assert (found.missing_keys, found.unexpected_keys) == ([], [])
    wanted = [exact.round_exact(float(value), fmt, "nearest_even") for value in before.ravel()]
    assert_same(np.asarray(model[0].weight.data.values).ravel(), np.array(wanted, np.float64), before.ravel())
    assert given.tobytes() == before.tobytes()
    model[0].weight.data = sf.array(np.zeros((4, 3)), fmt)
    assert given.tobytes() == before.tobytes(), "what was given is nobody else's"


@fuzzed(examples=60, fmt=formats, changes=st.dictionaries(
    st.sampled_from(["0.weight", "0.bias", "1.running_mean", "1.num_batches_tracked", "2.weight", "9.weight", "", "1"]),
    st.one_of(junk, st.just("left out")), min_size=1, max_size=3), strict=st.booleans())  # fmt: skip
def test_a_module_is_loaded_whole_or_not_at_all(fmt: Format, changes: dict[str, Any], strict: bool) -> None:
    model = network(fmt)
    state = {name: np.ones_like(value) for name, value in model.state_dict().items()}
    for name, value in changes.items():
        if value == "left out" if isinstance(value, str) else False:
            state.pop(name, None)
        else:
            state[name] = value
    before = bits(model.state_dict())
    try:
        found = model.load_state_dict(state, strict=strict)
    except (RuntimeError, TypeError) as error:
        assert bits(model.state_dict()) == before
        assert any(name in str(error) for name in changes)
        return
    after = model.state_dict()
    for name, value in after.items():
        if name not in found.missing_keys:
            wanted = np.asarray(state[name])
            kind = {np.dtype("V2"): value.dtype}.get(wanted.dtype)
            wanted = wanted.view(kind) if kind is not None else wanted
            assert_same(value.ravel(), wanted.astype(value.dtype).ravel())


@fuzzed(examples=20, wrong=st.one_of(junk, st.lists(junk, max_size=2)))
def test_what_is_no_state_at_all_is_refused(wrong: Any) -> None:
    model = network(NAMED_FORMATS["float16"])
    if isinstance(wrong, dict):
        return
    before = bits(model.state_dict())
    with pytest.raises(TypeError, match=re.escape("Expected state_dict to be dict-like, got")):
        model.load_state_dict(wrong)
    assert bits(model.state_dict()) == before


# --- optimizers, schedules, scalers --------------------------------------------------------------------------------


@st.composite
def spoiled(draw: st.DrawFn, state: Any) -> Any:
    """A state with a part replaced or left out, somewhere within."""
    if draw(st.integers(0, 5)) == 0 or not isinstance(state, (dict, list)) or not state:
        return draw(junk)
    if isinstance(state, dict):
        name = draw(st.sampled_from(sorted(state, key=str)))
        if draw(st.integers(0, 3)) == 0:
            return {key: value for key, value in state.items() if key != name}
        return state | {name: draw(spoiled(state[name]))}
    at = draw(st.integers(0, len(state) - 1))
    return [*state[:at], draw(spoiled(state[at])), *state[at + 1 :]]


def an_optimizer(kind: str) -> Any:
    model = network(NAMED_FORMATS["float32"])
    options = {"sgd": {"lr": 0.1, "momentum": 0.9}, "adamw": {"lr": 0.01}}[kind]
    optimizer = {"sgd": optim.SGD, "adamw": optim.AdamW}[kind](model.parameters(), **options)
    nn.functional.mse_loss(model(np.ones((2, 3), np.float32)), np.zeros((2, 2), np.float32)).backward()
    optimizer.step()
    return optimizer


def a_scaler(_: str = "") -> GradScaler:
    return GradScaler(init_scale=4.0)


def a_schedule(kind: str) -> Any:
    optimizer = optim.SGD([nn.Parameter(np.zeros(2, np.float32))], lr=0.1)
    return StepLR(optimizer, 3) if kind == "step" else CosineAnnealingLR(optimizer, 10)


MAKERS = {"sgd": an_optimizer, "adamw": an_optimizer, "scaler": a_scaler, "step": a_schedule, "cosine": a_schedule}
STATES = {kind: make(kind).state_dict() for kind, make in MAKERS.items()}


@fuzzed(
    examples=120,
    drawn=st.sampled_from(list(MAKERS)).flatmap(lambda kind: st.tuples(st.just(kind), spoiled(STATES[kind]))),
)
def test_an_optimizer_a_schedule_and_a_scaler_are_as_they_were_after_a_refusal(drawn: tuple[str, Any]) -> None:
    kind, state = drawn
    mine = MAKERS[kind](kind)
    before = repr(mine.state_dict())
    try:
        mine.load_state_dict(state)
    except REFUSALS as error:
        assert str(error)
        assert repr(mine.state_dict()) == before


@pytest.mark.parametrize("kind", MAKERS)
def test_a_state_that_is_whole_comes_back(kind: str) -> None:
    mine = MAKERS[kind](kind)
    state = mine.state_dict()
    mine.load_state_dict(state)
    assert repr(mine.state_dict()) == repr(state)
