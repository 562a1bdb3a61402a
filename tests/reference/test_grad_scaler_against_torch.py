"""GradScaler's behaviour, asked of ours and of torch's alike: each test runs for both."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

import simfp as sf
from simfp import observe, optim
from simfp.grad_scaler import GradScaler
from tests.parameters import Parameter

pytestmark = pytest.mark.torch

INF, NAN = float("inf"), float("nan")


class Library(NamedTuple):
    """What a scenario needs of a library."""

    name: str
    scaler: Callable[..., Any]
    array: Callable[[Any, str], Any]  # (values, format): a gradient, or a scale
    parameter: Callable[[Any, str], Any]  # a leaf
    sgd: Callable[..., Any]
    values: Callable[[Any], list[float]]  # of an array or a parameter

    def given(self, data: Any, grad: Any, fmt: str = "float32") -> Any:
        """A parameter with a gradient, or None for it."""
        p = self.parameter(data, fmt)
        p.grad = None if grad is None else self.array(grad, fmt)
        return p

    def started(self, **options: Any) -> Any:
        """A scaler that has scaled a loss."""
        scaler = self.scaler(**options)
        scaler.scale(self.parameter(1.0, "float32"))
        return scaler


SIMFP = Library(
    "simfp",
    lambda **options: GradScaler("cpu", **options),
    lambda values, fmt: sf.array(values, fmt),
    lambda values, fmt: Parameter(values, fmt),
    optim.SGD,
    lambda x: (x.data if isinstance(x, Parameter) else x).tolist(),
)
TORCH = Library(
    "torch",
    lambda **options: torch.amp.GradScaler("cpu", **options),
    lambda values, fmt: torch.tensor(values, dtype=getattr(torch, fmt)),
    lambda values, fmt: torch.tensor(values, dtype=getattr(torch, fmt), requires_grad=True),
    torch.optim.SGD,
    lambda x: x.detach().to(torch.float32).tolist(),
)


@pytest.fixture(params=[SIMFP, TORCH], ids=lambda library: library.name)
def library(request: pytest.FixtureRequest) -> Library:
    return request.param


def iterate(library: Library, scaler: Any, *gradients: float, lr: float = 1.0) -> list[float]:
    """The scale after each iteration with one gradient; the scaler is given them as they are."""
    p = library.parameter([0.0], "float32")
    optimizer = library.sgd([p], lr=lr)
    scales = []
    for grad in gradients:
        scaler.scale(p)
        p.grad = library.array([grad], "float32")
        scaler.step(optimizer)
        scaler.update()
        scales.append(scaler.get_scale())
    return scales


# --- the scale over time ---------------------------------------------------------------------------------------


def test_the_defaults(library: Library) -> None:
    scaler = library.scaler()
    assert (scaler.is_enabled(), scaler.get_scale(), scaler.get_growth_interval()) == (True, 65536.0, 2000)
    assert (scaler.get_growth_factor(), scaler.get_backoff_factor()) == (2.0, 0.5)


def test_the_scale_backs_off_after_an_overflow_and_grows_after_an_interval_of_good_steps(library: Library) -> None:
    scaler = library.scaler(init_scale=16.0, growth_interval=3)
    scales = iterate(library, scaler, 1, 1, 1, 1, INF, 1, 1, NAN, 1, 1, 1, 1, 1, 1)
    assert scales == [16, 16, 32, 32, 16, 16, 16, 8, 8, 8, 16, 16, 16, 32]


def test_an_overflow_restarts_the_count_of_good_steps(library: Library) -> None:
    scaler = library.scaler(init_scale=16.0, growth_interval=3)
    iterate(library, scaler, 1, 1)
    assert scaler.state_dict()["_growth_tracker"] == 2
    iterate(library, scaler, INF)
    assert scaler.state_dict()["_growth_tracker"] == 0


def test_factors_are_doubles_and_the_scale_a_float32(library: Library) -> None:
    scaler = library.scaler(init_scale=0.1, growth_factor=1.1, backoff_factor=0.3, growth_interval=1)
    scale = np.float32(0.1)
    for grad, factor in zip((1, 1, INF, 1, INF, 1, 1, 1), (1.1, 1.1, 0.3, 1.1, 0.3, 1.1, 1.1, 1.1)):
        scale = np.float32(np.float64(scale) * factor)
        assert iterate(library, scaler, grad) == [float(scale)]


def test_repeated_overflows_drive_the_scale_through_subnormals_to_zero(library: Library) -> None:
    scaler = library.scaler(init_scale=2.0**-120)
    scales = iterate(library, scaler, *[INF] * 31)
    assert scales[-4:] == [2.0**-148, 2.0**-149, 0.0, 0.0]
    assert iterate(library, scaler, 1.0) == [0.0]


def test_growth_stops_before_infinity_and_the_count_starts_over(library: Library) -> None:
    scaler = library.scaler(init_scale=2.0**126, growth_interval=2)
    assert iterate(library, scaler, *[1] * 6) == [2.0**126, 2.0**127, 2.0**127, 2.0**127, 2.0**127, 2.0**127]
    assert scaler.state_dict()["_growth_tracker"] == 0
    assert iterate(library, scaler, INF) == [2.0**126]


def test_the_scale_grows_where_the_count_equals_the_interval_not_beyond(library: Library) -> None:
    scaler = library.scaler(init_scale=4.0, growth_interval=5)
    iterate(library, scaler, 1, 1, 1)
    scaler.set_growth_interval(2)
    assert iterate(library, scaler, *[1] * 5) == [4.0] * 5
    assert scaler.state_dict()["_growth_tracker"] == 8
    iterate(library, scaler, INF)
    assert iterate(library, scaler, 1, 1) == [2.0, 4.0]


def test_factors_can_be_set(library: Library) -> None:
    scaler = library.scaler(init_scale=4.0, growth_interval=1)
    scaler.set_growth_factor(3.0)
    scaler.set_backoff_factor(0.25)
    assert iterate(library, scaler, 1, INF) == [12.0, 3.0]


@pytest.mark.parametrize("tensor", [False, True])
def test_a_new_scale_can_be_given(library: Library, tensor: bool) -> None:
    scaler = library.started(growth_interval=3)
    iterate(library, scaler, 1, 1)
    scaler.update(library.array(0.1, "float32") if tensor else 0.1)
    assert scaler.get_scale() == np.float32(0.1)
    assert scaler.state_dict()["_growth_tracker"] == 2
    assert iterate(library, scaler, 1) == [np.float32(0.2)]


@pytest.mark.parametrize("bad", ["two elements", "a gradient"])
def test_a_new_scale_is_one_number_without_a_gradient(library: Library, bad: str) -> None:
    scaler = library.started()
    given = library.array([1.0, 2.0], "float32") if bad == "two elements" else library.parameter(1.0, "float32")
    with pytest.raises(AssertionError, match="new_scale should be a float or a"):
        scaler.update(given)


def test_a_new_scale_discards_what_was_found(library: Library) -> None:
    scaler = library.started()
    optimizer = library.sgd([library.given([0.0], [INF])], lr=1.0)
    scaler.step(optimizer)
    scaler.update(8.0)
    with pytest.raises(AssertionError, match=r"No inf checks were recorded prior to update\."):
        scaler.update()
    assert scaler.get_scale() == 8.0


@pytest.mark.parametrize(("option", "value", "word"), [("growth_factor", 1.0, ">"), ("backoff_factor", 1.0, "<")])
def test_factors_on_the_wrong_side_of_one_are_refused(library: Library, option: str, value: float, word: str) -> None:
    with pytest.raises(AssertionError, match=f"^The {option.replace('_', ' ')} must be {word} 1.0.$"):
        library.scaler(**{option: value})
    library.scaler(**{option: value}, enabled=False)


@pytest.mark.parametrize("scale", [1e39, 3.4028235e38 * (1 + 2**-30)])
def test_a_scale_beyond_float32_is_refused(library: Library, scale: float) -> None:
    with pytest.raises(RuntimeError, match=r"^value cannot be converted to type float without overflow$"):
        library.started(init_scale=scale)


# --- scale -----------------------------------------------------------------------------------------------------


def test_outputs_are_multiplied_wherever_they_stand(library: Library) -> None:
    scaler = library.scaler(init_scale=4.0)
    one, two = library.parameter(1.0, "float32"), library.parameter([1.0, 2.0], "float32")
    assert library.values(scaler.scale(one)) == 4.0
    scaled = scaler.scale([one, (two, [one]), ()])
    assert (type(scaled), type(scaled[1]), scaled[2]) == (list, tuple, ())
    assert [library.values(each) for each in (scaled[0], scaled[1][0], scaled[1][1][0])] == [4.0, [4.0, 8.0], 4.0]


def test_other_iterables_are_scaled_as_they_are_gone_through(library: Library) -> None:
    scaler = library.scaler(init_scale=4.0)
    scaled = scaler.scale(library.parameter(x, "float32") for x in (1.0, 2.0))
    assert isinstance(scaled, Iterator)
    assert [library.values(each) for each in scaled] == [4.0, 8.0]


def test_what_is_no_output_is_refused(library: Library) -> None:
    with pytest.raises(ValueError, match=r"^outputs must be a Tensor or an iterable of Tensors$"):
        library.scaler().scale(1.0)


@pytest.mark.parametrize("fmt", ["float16", "bfloat16"])
def test_a_16_bit_loss_becomes_float32(library: Library, fmt: str) -> None:
    scaled = library.scaler().scale(library.parameter(3.0, fmt))
    assert (str(scaled.dtype).removeprefix("torch."), library.values(scaled)) == ("float32", 3 * 65536.0)


# --- unscale_ and step -----------------------------------------------------------------------------------------


def test_gradients_are_unscaled_before_the_step(library: Library) -> None:
    scaler = library.started(init_scale=8.0)
    p = library.given([1.0, 2.0], [8.0, -16.0])
    scaler.step(library.sgd([p], lr=1.0))
    assert library.values(p) == [0.0, 4.0]
    assert library.values(p.grad) == [1.0, -2.0]


def test_gradients_are_multiplied_by_the_float32_reciprocal(library: Library) -> None:
    draw = np.random.default_rng(1)
    scales, gradients = draw.uniform(1, 2, 50).astype(np.float32), draw.normal(size=100).astype(np.float32)
    for scale in scales:
        scaler = library.started(init_scale=float(scale))
        p = library.given(gradients * 0, gradients)
        scaler.unscale_(library.sgd([p], lr=1.0))
        assert library.values(p.grad) == (gradients * np.float32(1 / np.float64(scale))).tolist()


def test_a_scale_of_1_leaves_gradients_as_they_are(library: Library) -> None:
    scaler = library.started(init_scale=1.0)
    p = library.given([0.0], [2.0**-149])
    scaler.unscale_(library.sgd([p], lr=1.0))
    assert library.values(p.grad) == [2.0**-149]


def test_bfloat16_gradients_are_unscaled_in_float32_and_rounded(library: Library) -> None:
    scaler = library.started(init_scale=3.0)
    p = library.given([0.0, 0.0, 0.0], [1.0, 0.1, 1.40625], "bfloat16")
    scaler.unscale_(library.sgd([p], lr=1.0))
    expected = sf.round_to(sf.round_to(np.float32([1.0, 0.1, 1.40625]), "bfloat16") * np.float32(1 / 3), "bfloat16")
    assert library.values(p.grad) == expected.tolist()


def test_float16_gradients_are_refused_and_nothing_is_unscaled(library: Library) -> None:
    scaler = library.started()
    p, q = library.given([0.0], [1.0]), library.given([0.0], [1.0], "float16")
    optimizer = library.sgd([p, q], lr=1.0)
    for call in (scaler.unscale_, scaler.step):
        with pytest.raises(ValueError, match=r"^Attempting to unscale FP16 gradients\.$"):
            call(optimizer)
    assert library.values(p.grad) == [1.0]
    q.grad = None
    scaler.step(optimizer)
    assert library.values(p) == [-1 / 65536]


@pytest.mark.parametrize("bad", [INF, -INF, NAN])
def test_one_bad_gradient_skips_the_whole_step(library: Library, bad: float) -> None:
    scaler = library.started()
    p, q = library.given([1.0, 1.0], [1.0, bad]), library.given([1.0], [1.0])
    optimizer = library.sgd([p, q], lr=1.0, momentum=0.9)
    assert scaler.step(optimizer) is None
    assert (library.values(p), library.values(q), len(optimizer.state)) == ([1.0, 1.0], [1.0], 0)
    assert library.values(q.grad) == [1 / 65536]
    scaler.update()
    assert scaler.get_scale() == 32768.0


def test_an_overflow_is_looked_for_in_the_scaled_gradients(library: Library) -> None:
    # 2^100 is finite; with a scale of 2^-100 unscaling makes it infinite, and the step is made
    scaler = library.started(init_scale=2.0**-100)
    p = library.given([0.0], [2.0**100])
    scaler.step(library.sgd([p], lr=1.0))
    assert library.values(p) == [-INF]


def test_gradients_that_become_infinite_after_unscale_are_not_looked_at_again(library: Library) -> None:
    scaler = library.started()
    p = library.given([0.0], [1.0])
    optimizer = library.sgd([p], lr=1.0)
    scaler.unscale_(optimizer)
    p.grad = library.array([INF], "float32")
    scaler.step(optimizer)
    assert library.values(p) == [-INF]


def test_a_scale_of_zero_makes_nan_of_gradients_of_zero(library: Library) -> None:
    scaler = library.started(init_scale=0.0)
    p = library.given([1.0], [0.0])
    scaler.step(library.sgd([p], lr=1.0))
    assert np.isnan(library.values(p)).all()


class Telling:
    """An optimizer whose step tells what it was called with."""

    def __init__(self, params: list[Any]) -> None:
        self.param_groups = [{"params": params}]

    def step(self, *args: Any, **kwargs: Any) -> Any:
        return args, kwargs


def test_step_hands_its_arguments_on_and_returns_what_comes_back(library: Library) -> None:
    scaler = library.started()
    optimizer = Telling([library.given([0.0], [1.0])])
    assert scaler.step(optimizer, 1, two=2) == ((1,), {"two": 2})
    scaler.update()
    optimizer.param_groups[0]["params"][0].grad = library.array([INF], "float32")
    assert scaler.step(optimizer, 1, two=2) is None


def test_a_closure_is_refused(library: Library) -> None:
    optimizer = library.sgd([library.given([0.0], [1.0])], lr=1.0)
    with pytest.raises(RuntimeError, match=r"^Closure use is not currently supported if GradScaler is enabled\.$"):
        library.started().step(optimizer, closure=lambda: 0.0)
    assert library.scaler(enabled=False).step(optimizer, closure=lambda: 3.0) == 3.0


def test_parameters_without_gradients_are_left_alone(library: Library) -> None:
    scaler = library.started(init_scale=2.0)
    p, q = library.given([0.0], None), library.given([0.0], [2.0])
    scaler.step(library.sgd([p, q], lr=1.0))
    assert (p.grad, library.values(p), library.values(q)) == (None, [0.0], [-1.0])


def test_no_gradient_at_all_is_an_error_of_step_and_of_update(library: Library) -> None:
    scaler = library.started()
    optimizer = library.sgd([library.given([0.0], None)], lr=1.0)
    with pytest.raises(AssertionError, match=r"^No inf checks were recorded for this optimizer\.$"):
        scaler.step(optimizer)
    with pytest.raises(AssertionError, match=r"^No inf checks were recorded prior to update\.$"):
        scaler.update()


@pytest.mark.parametrize("call", ["unscale_", "step", "update"])
def test_nothing_works_before_a_loss_was_scaled(library: Library, call: str) -> None:
    scaler = library.scaler()
    optimizer = library.sgd([library.given([0.0], [1.0])], lr=1.0)
    with pytest.raises(AssertionError, match=f"^Attempted {call} but _scale is None.  This may indicate your script"):
        getattr(scaler, call)(*[optimizer] * (call != "update"))


ORDERS = {
    ("unscale_", "unscale_"): "unscale_() has already been called on this optimizer since the last update().",
    ("step", "unscale_"): "unscale_() is being called after step().",
    ("unscale_", "step", "unscale_"): "unscale_() is being called after step().",
    ("step", "step"): "step() has already been called since the last update().",
    ("unscale_", "step", "step"): "step() has already been called since the last update().",
}


@pytest.mark.parametrize("calls", ORDERS, ids=" ".join)
@pytest.mark.parametrize("grad", [1.0, INF])
def test_calls_in_a_wrong_order_are_refused(library: Library, calls: tuple[str, ...], grad: float) -> None:
    scaler = library.started()
    optimizer = library.sgd([library.given([0.0], [grad])], lr=1.0)
    *before, last = (getattr(scaler, call) for call in calls)
    for call in before:
        call(optimizer)
    with pytest.raises(RuntimeError) as caught:
        last(optimizer)
    assert str(caught.value) == ORDERS[calls]
    scaler.update()
    last(optimizer)


def test_update_after_unscale_alone_counts_what_was_found(library: Library) -> None:
    scaler = library.started()
    scaler.unscale_(library.sgd([library.given([0.0], [INF])], lr=1.0))
    scaler.update()
    assert scaler.get_scale() == 32768.0


def test_each_optimizer_steps_by_its_own_gradients_and_the_scale_backs_off_once(library: Library) -> None:
    scaler = library.started(init_scale=4.0, growth_interval=1)
    params = [library.given([0.0], [grad]) for grad in (4.0, INF, NAN, 8.0)]
    optimizers = [library.sgd([p], lr=1.0) for p in params]
    scaler.unscale_(optimizers[3])
    for optimizer in optimizers:
        scaler.step(optimizer)
    assert [library.values(p)[0] for p in params] == [-1.0, 0.0, 0.0, -2.0]
    scaler.update()
    assert scaler.get_scale() == 2.0
    for p, optimizer in zip(params, optimizers):
        p.grad = library.array([1.0], "float32")
        scaler.step(optimizer)
    scaler.update()
    assert scaler.get_scale() == 4.0


def test_gradients_of_several_groups_and_formats_are_looked_at(library: Library) -> None:
    scaler = library.started()
    groups = [
        {"params": [library.given([0.0], [1.0])]},
        {"params": [library.given([0.0], [INF], "bfloat16")], "lr": 3.0},
    ]
    scaler.step(library.sgd(groups, lr=1.0))
    assert library.values(groups[0]["params"][0]) == [0.0]


def test_gradients_can_be_accumulated_over_scaled_losses(library: Library) -> None:
    scaler = library.started(init_scale=8.0)
    p = library.given([0.0], [8.0])
    optimizer = library.sgd([p], lr=1.0)
    p.grad = p.grad + library.array([16.0], "float32")
    scaler.step(optimizer)
    scaler.update()
    assert library.values(p) == [-3.0]


# --- state -----------------------------------------------------------------------------------------------------


def test_a_state_dict_tells_all_and_can_be_loaded(library: Library) -> None:
    options = {"init_scale": 16.0, "growth_factor": 3.0, "backoff_factor": 0.25, "growth_interval": 4}
    scaler = library.scaler(**options)
    iterate(library, scaler, 1, 1, 1, 1, 1)
    state = scaler.state_dict()
    assert state == {
        "scale": 48.0,
        "growth_factor": 3.0,
        "backoff_factor": 0.25,
        "growth_interval": 4,
        "_growth_tracker": 1,
    }
    for other in (library.scaler(), library.started()):
        other.load_state_dict(state)
        assert other.state_dict() == state
        assert iterate(library, other, 1, 1, 1, INF) == [48.0, 48.0, 144.0, 36.0]


def test_a_fresh_state_dict_tells_the_first_scale(library: Library) -> None:
    assert library.scaler(init_scale=3.0).state_dict() == {
        "scale": 3.0,
        "growth_factor": 2.0,
        "backoff_factor": 0.5,
        "growth_interval": 2000,
        "_growth_tracker": 0,
    }


def test_an_empty_state_dict_is_refused(library: Library) -> None:
    message = "The source state dict is empty, possibly because it was saved from a disabled instance of GradScaler."
    with pytest.raises(RuntimeError) as caught:
        library.scaler().load_state_dict({})
    assert str(caught.value) == message


@pytest.mark.parametrize("key", ["scale", "growth_factor", "backoff_factor", "growth_interval", "_growth_tracker"])
def test_a_state_dict_that_lacks_a_key_is_refused(library: Library, key: str) -> None:
    state = library.scaler().state_dict()
    del state[key]
    with pytest.raises(KeyError, match=key):
        library.scaler().load_state_dict(state)


def test_state_dicts_go_from_one_library_to_the_other() -> None:
    scaler = TORCH.scaler(init_scale=16.0, growth_interval=2)
    iterate(TORCH, scaler, 1)
    ours = SIMFP.scaler()
    ours.load_state_dict(scaler.state_dict())
    assert iterate(SIMFP, ours, 1, 1, INF) == iterate(TORCH, scaler, 1, 1, INF)
    scaler.load_state_dict(ours.state_dict())
    assert scaler.state_dict() == ours.state_dict()


TWINS: dict[str, Callable[[Any], Any]] = {
    "pickle": lambda scaler: pickle.loads(pickle.dumps(scaler)),
    "deepcopy": copy.deepcopy,
}


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize("enabled", [True, False])
def test_a_scaler_can_be_pickled_and_copied_between_iterations(library: Library, twin: str, enabled: bool) -> None:
    scaler = library.scaler(init_scale=16.0, growth_interval=3, enabled=enabled)
    iterate(library, scaler, 1, 1)
    other = TWINS[twin](scaler)
    assert other.state_dict() == scaler.state_dict()
    assert iterate(library, other, 1, 1) == ([32.0, 32.0] if enabled else [1.0, 1.0])
    assert iterate(library, scaler, INF) == ([8.0] if enabled else [1.0])


@pytest.mark.parametrize("twin", TWINS)
def test_a_scaler_cannot_be_pickled_within_an_iteration(library: Library, twin: str) -> None:
    scaler = library.started()
    scaler.unscale_(library.sgd([library.given([0.0], [1.0])], lr=1.0))
    with pytest.raises(AssertionError, match=r"^A GradScaler instance may only be pickled at the beginning of an iter"):
        TWINS[twin](scaler)


def test_a_disabled_scaler_passes_everything_through(library: Library) -> None:
    scaler = library.scaler(init_scale=4.0, enabled=False)
    loss = library.parameter(1.0, "float32")
    p = library.given([0.0, 0.0], [INF, 1.0])
    optimizer = library.sgd([p], lr=1.0)
    assert scaler.scale(loss) is loss
    assert scaler.scale(5) == 5
    for _ in range(2):
        scaler.unscale_(optimizer)
        scaler.step(optimizer)
    scaler.update()
    scaler.update(3.0)
    assert (library.values(p), library.values(p.grad)) == ([-INF, -2.0], [INF, 1.0])
    assert (scaler.get_scale(), scaler.state_dict(), scaler.is_enabled()) == (1.0, {}, False)
    scaler.load_state_dict({"scale": 3.0})
    scaler.load_state_dict({})


# --- ours alone ------------------------------------------------------------------------------------------------


def test_a_scale_in_the_place_of_the_device_is_refused() -> None:
    with pytest.raises(TypeError, match=r"`device` must be a string .*, got 1024\.0; give init_scale by"):
        GradScaler(1024.0)  # type: ignore[arg-type]


def test_the_device_is_cuda_unless_another_is_named() -> None:
    assert GradScaler(init_scale=8.0).is_enabled()
    assert (
        GradScaler("cuda", 8.0, 3.0, 0.25, 7, True).state_dict()
        == GradScaler(init_scale=8.0, growth_factor=3.0, backoff_factor=0.25, growth_interval=7).state_dict()
    )


def test_a_new_scale_may_be_an_integer() -> None:
    scaler = SIMFP.started()
    scaler.update(8)
    assert scaler.get_scale() == 8.0


def test_a_float16_vector_takes_the_scale_as_a_gpu_does() -> None:
    # a 0-d tensor beside one with dimensions becomes float16 first, and 65536 is too large for it
    assert GradScaler().scale(sf.array([1.0, 0.5], "float16")).tolist() == [INF, INF]
    assert GradScaler(init_scale=1024.0).scale(sf.array([1.0, 0.5], "float16")).tolist() == [1024.0, 512.0]


def test_arrays_can_be_scaled() -> None:
    assert GradScaler(init_scale=4.0).scale([sf.array(3.0)])[0].item() == 12.0


def test_a_shallow_copy_counts_for_itself() -> None:
    scaler = SIMFP.scaler(init_scale=16.0, growth_interval=1)
    other = copy.copy(scaler)
    assert iterate(SIMFP, other, 1) == [32.0]
    assert scaler.get_scale() == 16.0


def test_a_listener_hears_what_unscaling_lost() -> None:
    scaler, optimizer = SIMFP.started(), optim.SGD([Parameter([0.0, 0.0], grad=[1.0, 2.0**-149])])
    heard: list[observe.Rounding] = []
    with observe.listening(heard.append):
        scaler.unscale_(optimizer)
    (rounding,) = heard
    assert (rounding.operation, rounding.before.tolist()) == ("unscale", [2.0**-16, 2.0**-165])
    assert [observe.FATES[fate] for fate in rounding.fates] == ["exact", "zeroed"]
