"""Optimizers: which roundings a step makes, in which formats; what is told of them; state, groups and bad input."""

from __future__ import annotations

import contextlib
import copy
import pickle
from typing import Any

import numpy as np
import pytest

import simfp as sf
from simfp import observe, optim
from simfp.foreach import Foreach, flat
from tests.parameters import Parameter, spread
from tests.samples import assert_same

SIXTEEN_BITS = [sf.float16, sf.bfloat16]
ARGUMENTS: dict[str, tuple[type[optim.Optimizer], dict[str, Any]]] = {
    "sgd": (optim.SGD, {"lr": 0.1}),
    "momentum": (optim.SGD, {"lr": 0.1, "momentum": 0.9}),
    "dampening": (optim.SGD, {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01, "maximize": True}),
    "nesterov": (optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    "adam": (optim.Adam, {"lr": 0.01}),
    "adam, L2": (optim.Adam, {"lr": 0.01, "weight_decay": 0.1, "maximize": True}),
    "adam, small beta": (optim.Adam, {"lr": 0.01, "betas": (0.3, 0.7)}),
    "adamw": (optim.AdamW, {"lr": 0.01}),
    "amsgrad": (optim.AdamW, {"lr": 0.01, "amsgrad": True, "weight_decay": 0.0}),
    "adamw, one by one": (optim.AdamW, {"lr": 0.01, "foreach": False}),
}
every_optimizer = pytest.mark.parametrize("name", ARGUMENTS)


def made(name: str, params: list[Any], **options: Any) -> optim.Optimizer:
    kind, arguments = ARGUMENTS[name]
    return kind(params, **arguments | options)


def hard_numbers(draw: np.random.Generator, size: int) -> np.ndarray:
    """Numbers of all magnitudes of float32, with subnormals, infinities and NaN."""
    values = spread(draw, size, low=-150, high=128)
    values[:6] = 0.0, -0.0, np.inf, -np.inf, np.nan, 2.0**-149
    return draw.permutation(values)


# --- one step --------------------------------------------------------------------------------------------------


@every_optimizer
@pytest.mark.parametrize("hard", [False, True])
def test_a_listened_step_gives_the_bits_of_the_fused_one(name: str, hard: bool) -> None:
    draw = np.random.default_rng(2)
    numbers = (lambda: hard_numbers(draw, 3000)) if hard else (lambda: spread(draw, 3000))
    start = numbers()
    fused, told = Parameter(start), Parameter(start)
    optimizers = made(name, [fused]), made(name, [told])
    heard: list[observe.Rounding] = []
    for _ in range(5):
        fused.grad = told.grad = sf.array(numbers())
        optimizers[0].step()
        with observe.listening(heard.append):
            optimizers[1].step()
        assert_same(told.data.values, fused.data.values, start)
    for key, value in optimizers[0].state[fused].items():
        other = optimizers[1].state[told][key]
        assert_same(getattr(other, "values", other), getattr(value, "values", value))
    operation = "sgd" if isinstance(optimizers[0], optim.SGD) else type(optimizers[0]).__name__.lower()
    assert {rounding.operation for rounding in heard} == {operation}


@every_optimizer
@pytest.mark.parametrize("fmt", SIXTEEN_BITS, ids=str)
def test_listening_does_not_change_16_bit_steps(name: str, fmt: sf.Format) -> None:
    draw = np.random.default_rng(3)
    quiet, told = (Parameter(np.ones(500), fmt) for _ in range(2))
    optimizers = made(name, [quiet]), made(name, [told])
    for _ in range(4):
        quiet.grad = told.grad = sf.array(spread(draw, 500), fmt)
        optimizers[0].step()
        with observe.listening(lambda rounding: None):
            optimizers[1].step()
        assert_same(told.data.values, quiet.data.values)


@pytest.mark.parametrize("listening", [False, True])
def test_one_by_one_adam_multiplies_by_a_reciprocal_that_was_taken_in_double(listening: bool) -> None:
    """As an H100 does: the quotient of the float32 numbers is another one, for this beta."""
    beta, rate = 0.98, 0.25
    factor = np.float32(1 / (1 - beta) ** 0.5)
    assert factor != np.float32(1) / np.float32((1 - beta) ** 0.5)
    g = spread(np.random.default_rng(4), 1000)
    p = Parameter(np.zeros(1000))
    p.grad = sf.array(g)
    with observe.listening(lambda rounding: None) if listening else contextlib.nullcontext():
        optim.Adam([p], lr=rate / 2, betas=(0.5, beta), eps=0.0, foreach=False).step()
    square = np.float32(1 - beta) * (g * g)
    assert_same(p.data.values, np.float32(-rate) * (np.float32(0.5) * g / (np.sqrt(square) * factor)))


def test_a_listener_hears_what_a_float32_update_lost() -> None:
    p = Parameter([1.0, 1.0], grad=[2.0**-30, 2.0**-10])
    heard: list[observe.Rounding] = []
    with observe.listening(heard.append):
        optim.SGD([p], lr=1.0).step()
    (update,) = heard
    assert [observe.FATES[fate] for fate in update.fates] == ["rounded", "exact"]
    assert update.before.tolist() == [1 - 2.0**-30, 1 - 2.0**-10]


def test_a_listener_hears_of_a_moment_that_vanished() -> None:
    p = Parameter([1.0], "float16", grad=[2.0**-14])
    heard: list[observe.Rounding] = []
    with observe.listening(heard.append):
        optim.AdamW([p]).step()
    zeroed = [rounding for rounding in heard if observe.FATES[rounding.fates[0]] == "zeroed"]
    assert [float(rounding.before[0]) for rounding in zeroed] == [
        float(np.float32(1 - 0.999)) * 2.0**-28,
        float(np.float32(1e-8)),
    ]


def test_every_operation_of_16_bit_momentum_rounds_to_16_bits() -> None:
    # 0.9 becomes float32(0.9); each line is one kernel
    p = Parameter([100.0], "bfloat16", grad=[3.0])
    optimizer = optim.SGD([p], lr=0.3, momentum=0.9)
    optimizer.step()
    assert p.data.item() == sf.round_to(np.float32(100) - np.float32(0.3) * np.float32(3), "bfloat16")
    optimizer.step()
    product = sf.round_to(np.float32(0.9) * np.float32(3), "bfloat16")
    assert optimizer.state[p]["momentum_buffer"].item() == sf.round_to(product + np.float32(3), "bfloat16")


def test_adams_epsilon_is_nothing_to_float16() -> None:
    p = Parameter([1.0], "float16", grad=[2.0**-14])
    optim.AdamW([p], weight_decay=0.0).step()
    assert p.data.item() == -np.inf  # the second moment vanished, and 1e-8 too: something over 0


@every_optimizer
@pytest.mark.parametrize("shape", [(), (0,), (3, 4), (2, 3, 5)])
def test_a_step_keeps_shape_and_format(name: str, shape: tuple[int, ...]) -> None:
    draw = np.random.default_rng(4)
    for fmt in (sf.float32, sf.bfloat16, sf.float8_e5m2):
        p = Parameter(spread(draw, *shape), fmt, grad=spread(draw, *shape))
        optimizer = made(name, [p])
        for _ in range(2):
            optimizer.step()
            assert (p.data.shape, p.data.dtype) == (shape, fmt)


@every_optimizer
def test_the_layout_of_weights_and_gradients_does_not_matter(name: str) -> None:
    draw = np.random.default_rng(5)
    p, turned = (Parameter(np.ones((6, 5))) for _ in range(2))
    turned.data = sf.array(np.ones((5, 6))).T
    optimizers = made(name, [p]), made(name, [turned])
    for i in range(4):
        p.grad = sf.array(spread(draw, 6, 5))
        turned.grad = sf.array(p.grad.values.T.copy()).T
        optimizers[0].step()
        with observe.listening(lambda rounding: None) if i == 1 else np.errstate():
            optimizers[1].step()
        assert_same(turned.data.values, p.data.values)


def test_a_step_writes_over_the_weights_and_leaves_the_gradient_as_it_was() -> None:
    p = Parameter([1.0, 2.0], grad=[1.0, 1.0])
    weights, grad = p.data, p.grad
    optim.SGD([p], lr=0.125, momentum=1, nesterov=True).step()
    assert p.data is weights
    assert weights.tolist() == [0.75, 1.75]
    assert p.grad is grad
    assert grad.tolist() == [1.0, 1.0]


def test_parameters_without_a_gradient_stay() -> None:
    p, q = Parameter([1.0]), Parameter([1.0], grad=[1.0])
    optimizer = optim.AdamW([p, q])
    optimizer.step()
    assert p.data.item() == 1.0
    assert q.data.item() < 1.0
    assert list(optimizer.state) == [q]


def test_a_format_beyond_float32s_exponents_is_computed_in_float64() -> None:
    wide = sf.Format("wide", exponent_bits=10, mantissa_bits=7)
    p = Parameter([2.0**300], wide, grad=[2.0**299])
    optim.SGD([p], lr=0.5).step()
    assert p.data.item() == 0.75 * 2.0**300


# --- formats of state, and how updates are rounded -------------------------------------------------------------


@pytest.mark.parametrize("name", ["momentum", "adamw", "amsgrad"])
def test_buffers_take_the_format_of_the_state(name: str) -> None:
    p = Parameter(np.ones(3), "bfloat16", grad=[0.1, 0.2, 0.3])
    optimizer = made(name, [p], state_dtype=sf.float32)
    for _ in range(2):
        optimizer.step()
    arrays = [value for value in optimizer.state[p].values() if isinstance(value, sf.Array)]
    assert arrays
    assert {value.dtype for value in arrays} == {sf.float32}
    assert p.data.dtype == sf.bfloat16


def test_float32_weights_with_16_bit_state_differ_from_float32_state_by_roundings_of_the_buffer_alone() -> None:
    p = Parameter([1.0], grad=[0.1])
    optimizer = optim.SGD([p], lr=1.0, momentum=0.9, state_dtype="bfloat16")
    optimizer.step()
    assert p.data.item() == np.float32(1) - sf.round_to(np.float32(0.1), "bfloat16")


def after_small_updates(steps: int, size: int, **options: Any) -> np.ndarray:
    """bfloat16 weights of 1 after updates of 2^-10, an eighth of the distance to the next one above."""
    p = Parameter(np.ones(size), "bfloat16")
    optimizer = optim.SGD([p], lr=2.0**-10, **options)
    for _ in range(steps):
        p.grad = sf.array(np.full(size, -1.0), "bfloat16")
        optimizer.step()
    return p.data.values.astype(np.float64)


def test_small_updates_of_bfloat16_weights_stall_to_nearest() -> None:
    assert (after_small_updates(100, 1) == 1.0).all()


def test_small_updates_of_bfloat16_weights_come_through_in_the_mean_of_stochastic_roundings() -> None:
    weights = after_small_updates(64, 4000, update_rounding="stochastic", rng=1)
    # each weight rises by 2^-7 with probability 1/8 a step: 64 steps have the mean 8 and the variance 7
    rises = (weights - 1) * 2**7
    assert (rises == rises.astype(int)).all()
    assert abs(rises.mean() - 8) < 5 * np.sqrt(7 / 4000)
    assert abs(rises.var() - 7) < 0.8


def test_small_updates_of_bfloat16_weights_are_exact_to_an_ulp_with_kahan() -> None:
    for steps in range(1, 100):
        (weight,) = after_small_updates(steps, 1, kahan=True)
        assert abs(weight - (1 + steps * 2.0**-10)) <= 2.0**-7


def test_the_same_seed_gives_the_same_weights() -> None:
    first, second, other = (after_small_updates(9, 50, update_rounding="stochastic", rng=rng) for rng in (1, 1, 2))
    assert (first == second).all()
    assert (first != other).any()


def test_adamws_decay_is_not_lost_to_kahan_nor_to_chance() -> None:
    # a decay of 2^-12 a step, below a quarter of the spacing: alone it would never come through
    runs = {}
    for label, options in {
        "nearest_even": {},
        "stochastic": {"update_rounding": "stochastic", "rng": 1},
        "kahan": {"kahan": True},
    }.items():
        p = Parameter(np.full(2000, 1.5), "bfloat16", grad=np.zeros(2000))
        optimizer = optim.AdamW([p], lr=2.0**-8, weight_decay=2.0**-4, **options)
        for _ in range(100):
            p.grad = sf.array(np.zeros(2000), "bfloat16")
            optimizer.step()
        runs[label] = p.data.values.astype(np.float64)
    exact = 1.5 * (1 - 2.0**-12) ** 100
    assert (runs["nearest_even"] == 1.5).all()
    assert abs(runs["stochastic"].mean() - exact) < 0.002
    assert (abs(runs["kahan"] - exact) <= 2.0**-7).all()


def test_kahans_buffer_keeps_the_weights_format_and_stays_small() -> None:
    p = Parameter([1.0], "bfloat16", grad=[-1.0])
    optimizer = optim.SGD([p], lr=2.0**-10, kahan=True, state_dtype="float32")
    optimizer.step()
    compensation = optimizer.state[p]["compensation"]
    assert (compensation.dtype, compensation.item()) == (sf.bfloat16, 2.0**-10)


def test_float32_weights_can_be_rounded_stochastically() -> None:
    p = Parameter(np.ones(20_000))
    optimizer = optim.SGD([p], lr=2.0**-25, update_rounding="stochastic", rng=3)
    p.grad = sf.array(np.full(20_000, -1.0))
    optimizer.step()
    share = (p.data.values == 1 + 2.0**-23).mean()
    assert abs(share - 0.25) < 5 * np.sqrt(0.25 * 0.75 / 20_000)


def test_options_of_a_group_hold_for_it_alone() -> None:
    p, q = (Parameter([1.0], "bfloat16", grad=[-1.0]) for _ in range(2))
    optimizer = optim.SGD([{"params": [p], "kahan": True}, {"params": [q]}], lr=2.0**-10)
    optimizer.step()
    assert [len(optimizer.state[each]) for each in (p, q)] == [1, 0]


# --- groups, state and what is refused -------------------------------------------------------------------------


def test_a_closure_is_called_first_and_its_loss_comes_back() -> None:
    p = Parameter([1.0])

    def closure() -> str:
        p.grad = sf.array([1.0])
        return "loss"

    optimizer = optim.SGD([p], lr=0.5)
    assert optimizer.step(closure) == "loss"
    assert p.data.item() == 0.5
    assert optimizer.step() is None


def test_zero_grad_gives_gradients_up_or_sets_them_to_zero() -> None:
    p, q = Parameter([1.0], "float16", grad=[2.0]), Parameter([1.0])
    optimizer = optim.SGD([p, q])
    optimizer.zero_grad(set_to_none=False)
    assert (p.grad.tolist(), p.grad.dtype, q.grad) == ([0.0], sf.float16, None)
    optimizer.zero_grad()
    assert p.grad is None


@every_optimizer
def test_a_loaded_state_goes_on_with_the_same_bits(name: str) -> None:
    draw = np.random.default_rng(6)
    for fmt in (sf.float32, sf.bfloat16, sf.Format("e4m9", exponent_bits=4, mantissa_bits=9)):
        p = Parameter(spread(draw, 40), fmt)
        optimizer = made(name, [p])
        gradients = [sf.array(spread(draw, 40), fmt) for _ in range(4)]
        for p.grad in gradients[:2]:
            optimizer.step()
        q = Parameter(p.data, fmt)
        other = made(name, [q], lr=123.0)
        other.load_state_dict(pickle.loads(pickle.dumps(optimizer.state_dict())))
        for grad in gradients[2:]:
            p.grad = q.grad = grad
            optimizer.step()
            other.step()
        assert_same(q.data.values, p.data.values)


def test_a_state_dict_holds_numpy_arrays_that_are_copies() -> None:
    p = Parameter([1.0, 2.0], "bfloat16", grad=[1.0, 1.0])
    optimizer = optim.AdamW([p])
    optimizer.step()
    state = optimizer.state_dict()["state"][0]
    assert {name: (type(value), str(value.dtype), value.shape) for name, value in state.items()} == {
        "step": (np.ndarray, "float32", ()),
        "exp_avg": (np.ndarray, "bfloat16", (2,)),
        "exp_avg_sq": (np.ndarray, "bfloat16", (2,)),
    }
    state["exp_avg"][:] = 0
    assert optimizer.state[p]["exp_avg"].values.all()


def test_state_that_is_no_array_of_numbers_is_kept_as_it_is() -> None:
    p = Parameter([1.0, 2.0])
    optimizer = optim.Optimizer([p], {})
    optimizer.state[p] |= {"rate": 0.5, "count": 3, "word": "text", "counts": np.array([1, 2, 3]), "none": None}
    other = optim.Optimizer([p], {})
    other.load_state_dict(optimizer.state_dict())
    assert repr(other.state[p]) == repr(optimizer.state[p])


@every_optimizer
def test_an_optimizer_can_be_pickled_and_copied_with_its_parameters(name: str) -> None:
    p = Parameter([1.0, 2.0], grad=[1.0, -1.0])
    optimizer = made(name, [p])
    optim.lr_scheduler.StepLR(optimizer, 2)
    optimizer.step()
    for twin in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        (q,) = twin.param_groups[0]["params"]
        assert q is not p
        assert set(twin.state) == ({q} if optimizer.state else set())
        q.grad = p.grad
        twin.step()
        reference = copy.deepcopy(optimizer)
        reference.step()
        assert_same(q.data.values, reference.param_groups[0]["params"][0].data.values)


def test_stochastic_rounding_goes_on_from_a_pickle_with_the_same_chances() -> None:
    p = Parameter(np.ones(100), "bfloat16", grad=np.full(100, -(2.0**-10)))
    optimizer = optim.SGD([p], lr=1.0, update_rounding="stochastic", rng=5)
    twin = pickle.loads(pickle.dumps(optimizer))
    optimizer.step()
    twin.step()
    assert_same(twin.param_groups[0]["params"][0].data.values, p.data.values)


P = Parameter([1.0])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: optim.SGD([P], fused=True), ValueError, "fused=True is another arithmetic"),
        (lambda: optim.AdamW([P], capturable=True), ValueError, "capturable=True is another arithmetic"),
        (lambda: optim.SGD([P], update_rounding="up"), ValueError, "unknown update_rounding 'up'; expected one of"),
        (lambda: optim.SGD([P], update_rounding="stochastic"), ValueError, "needs `rng`"),
        (lambda: optim.SGD([P], update_rounding="stochastic", rng=1, kahan=True), ValueError, "choose one of"),
        (lambda: optim.SGD([P], state_dtype="fp17"), ValueError, "unknown format 'fp17'"),
        (lambda: optim.AdamW([P], decoupled_weight_decay=False), TypeError, "decoupled_weight_decay"),
        (lambda: optim.SGD(sf.array([1.0])), TypeError, "iterable of Tensors or dicts, but got Array"),
        (lambda: optim.SGD([P], lr=float("nan")), ValueError, "Invalid learning rate: nan"),
        (lambda: optim.Optimizer([Parameter([1.0], grad=[1.0])], {}).step(), NotImplementedError, "neither an"),
    ],
)
def test_what_no_step_could_follow_is_refused(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("grad", [sf.array([1.0]), sf.array([1.0, 2.0], "float16")], ids=["shape", "format"])
def test_a_gradient_that_does_not_fit_is_refused(grad: sf.Array) -> None:
    p = Parameter([1.0, 2.0])
    p.grad = grad
    with pytest.raises(ValueError, match="does not fit a parameter of shape"):
        optim.SGD([p]).step()


def test_a_buffer_that_does_not_fit_is_refused() -> None:
    p = Parameter([1.0, 2.0], grad=[1.0, 1.0])
    optimizer = optim.SGD([p], momentum=0.9)
    optimizer.step()
    saved = optimizer.state_dict()
    p.data, p.grad = p.data[:1], p.grad[:1]
    with pytest.raises(ValueError, match="`momentum_buffer` of shape"):
        optimizer.step()
    with pytest.raises(ValueError, match="`momentum_buffer` of shape"):
        optimizer.load_state_dict(saved)


# --- the operations that steps are made of ---------------------------------------------------------------------


def test_an_operation_of_16_bits_is_one_of_float32_and_one_rounding() -> None:
    # in float32 the tie of 1 + 2^-8 is all that is left of 1 + 2^-8 + 2^-30, and goes to even
    bfloat = Foreach(sf.bfloat16, "test")
    assert bfloat.add(np.float32([1 + 2**-8]), np.float32([2**-30])).item() == 1.0


def test_a_stochastic_operation_rounds_the_exact_result() -> None:
    x = np.ones(1000, np.float32)
    chance = Foreach(sf.float32, "test", "stochastic", np.random.default_rng(1))
    assert set(chance.add(x, np.full(1000, 2.0**-24, np.float32)).tolist()) == {1.0, 1 + 2.0**-23}


def test_a_kernel_takes_arrays_as_they_are_where_it_can() -> None:
    values = np.ones((3, 4), np.float32)
    assert np.shares_memory(flat(values), values)
    assert not np.shares_memory(flat(values.T), values)
    values.flags.writeable = False
    assert not np.shares_memory(flat(values), values)
