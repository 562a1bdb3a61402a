"""Loss scales: what becomes of gradients, the window, a run whose scale is moved, and GradScaler step by step."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import simfp as sf
from simfp import amp, nn
from simfp.experiments.mixed_precision import loss_scale
from simfp.experiments.mixed_precision.loss_scale import FATES, SCALES, Exploration, compare, gradients, layer_names
from simfp.experiments.mixed_precision.scaled_run import ScaledRun
from simfp.experiments.mixed_precision.scaler_machine import CALLS, ITERATION, MAX_NORM, PARTS, Machine
from simfp.experiments.training.recipes import Products
from simfp.experiments.training.run import Training
from simfp.experiments.training.tasks import TASKS
from simfp.grad_scaler import Progress, Stage


@pytest.fixture(scope="module")
def windows() -> tuple[loss_scale.Window, ...]:
    exploration = Exploration("mlp", (0, 12))
    done = list(exploration)
    assert done[-1] == 1
    assert all(a < b for a, b in pairwise(done))
    return tuple(exploration.windows)


# ---- what becomes of gradients ----


def test_gradients_are_those_that_a_training_step_makes() -> None:
    training = Training("mlp", "fp16 + scaler", steps=5, measure_every=0)
    training.step()
    batch = training.batch()
    for scale in (1.0, 2.0**12, 2.0**23):
        made = gradients(training.model, batch, "float16", scale)[1]
        finite = training.backward(scale)
        assert finite == all(np.isfinite(values).all() for values in made.values())
        for name, p in training.model.named_parameters():
            assert p.grad is not None
            assert np.array_equal(made[name], p.grad.values, equal_nan=True), name
        training.optimizer.zero_grad()


def test_every_gradient_that_is_not_zero_in_tf32_has_one_fate() -> None:
    inf, nan = math.inf, math.nan
    wanted = {"0.weight": np.array([1, -1, 2, 3, 4, 5, 0, 0], np.float32), "1.bias": np.array([7], np.float32)}
    scaled = {"0.weight": np.array([8, -8, 16.5, 0, inf, nan, 0, 1], np.float32), "1.bias": np.array([56], np.float32)}
    counts, spoiled = compare(scaled, wanted, 8.0, ("0", "1"))
    assert dict(zip(FATES, counts[0].tolist(), strict=True)) == {"same": 2, "changed": 1, "lost": 1, "overflowed": 2}
    assert dict(zip(FATES, counts[1].tolist(), strict=True)) == {"same": 1, "changed": 0, "lost": 0, "overflowed": 0}
    assert spoiled
    assert compare(scaled | {"0.weight": np.zeros(8, np.float32)}, wanted, 8.0, ("0", "1")).lost == 6 / 7
    hidden = {"0.weight": np.array([8, 8, 8, 8, 8, 8, nan, 8], np.float32), "1.bias": np.array([56], np.float32)}
    assert compare(hidden, wanted, 8.0, ("0", "1")).spoiled  # NaN where tf32 has a zero


def test_a_power_of_two_leaves_bits_alone_and_another_number_does_not(windows: Any) -> None:
    first = windows[0]
    size = first.outcomes[0].counts.sum()
    same = FATES.index("same")
    assert first.at(2.0**15).counts.sum(0)[same] == size  # every bit of every gradient
    assert first.at(40_000.0).counts.sum(0)[same] < 0.02 * size
    assert not first.at(40_000.0).spoiled


def test_a_window_asked_for_a_scale_again_says_the_same(windows: Any) -> None:
    for window in windows:
        for place in (0, 10, 24, 34):
            again = window.at(2.0 ** SCALES[place])
            assert np.array_equal(again.counts, window.outcomes[place].counts)
            assert again.spoiled == window.outcomes[place].spoiled


def test_what_fits_is_what_loses_little_and_spoils_nothing(windows: Any) -> None:
    for window in windows:
        good = [k for k, each in zip(SCALES, window.outcomes, strict=True) if each.lost <= 0.001 and not each.spoiled]
        assert window.fits() == good
        assert good
        assert good == list(range(good[0], good[-1] + 1))
        assert not window.outcomes[SCALES.index(good[-1] + 1)].lost > 0.001
    assert windows[0].step == 0
    assert windows[1].step == 12
    assert windows[0].layers == layer_names(TASKS["mlp"].model(np.random.default_rng(0))) == ("0", "2", "4")


def test_the_ceiling_of_the_logits_gradient_is_where_arithmetic_puts_it(windows: Any) -> None:
    # (p - 1) / 64 of the right class: at most 1/64 in size, so that 2^21 * 63/64 / 64 is the last that must fit
    spoiled = [each.spoiled for each in windows[0].outcomes]
    assert spoiled[SCALES.index(23)]
    assert not spoiled[SCALES.index(15)]


def test_an_exploration_left_and_gone_on_with_finds_the_same(windows: Any) -> None:
    exploration = Exploration("mlp", (0, 12))
    for part in (5, 30, 9):
        for _, _ in zip(range(part), exploration, strict=False):
            pass
    *_, last = exploration
    assert last == 1
    for one, other in zip(exploration.windows, windows, strict=True):
        assert one.step == other.step
        for a, b in zip(one.outcomes, other.outcomes, strict=True):
            assert np.array_equal(a.counts, b.counts)


def test_an_exploration_stopped_between_two_steps_takes_no_more_of_them() -> None:
    exploration = Exploration("mlp", (4,))
    for _ in exploration:
        exploration.stop()
    assert (exploration.taken, exploration.status) == (1, "stopped")
    next(iter(exploration))
    assert (exploration.taken, exploration.status) == (2, "running")


class Pressed:
    """Stops an exploration before the so many-th of the products that its thread is about to make."""

    def __init__(self, exploration: Exploration, monkeypatch: pytest.MonkeyPatch) -> None:
        self.exploration, self.left = exploration, -1
        inner = Products.products

        def products(this: Products, *given: Any) -> Any:
            self.left -= 1
            if self.left == 0:
                exploration.stop()
            return inner(this, *given)

        monkeypatch.setattr(Products, "products", products)

    def run(self, products: int) -> None:
        self.left = products
        for _ in self.exploration:
            pass


def test_an_exploration_stopped_within_a_step_or_a_pass_goes_on_to_the_same_bits(
    windows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    exploration = Exploration("mlp", (0, 12))
    pressed = Pressed(exploration, monkeypatch)
    # in the pass in tf32, in a pass of a scale, in a step, and in the passes that follow
    stood = []
    for products in (2, 13, 300, 30, 200):
        pressed.run(products)
        assert exploration.status == "stopped"
        stood.append(exploration.taken)
        assert all(p.grad is None for p in exploration.training.model.parameters())
    assert stood == sorted(stood)
    assert stood[0] == 0
    assert stood[-1] > len(SCALES) + 12
    pressed.run(0)
    assert (exploration.status, exploration.taken) == ("finished", exploration.most)
    for one, other in zip(exploration.windows, windows, strict=True):
        assert (one.loss, one.layers) == (other.loss, other.layers)
        assert all(np.array_equal(one.weights[name], other.weights[name]) for name in other.weights)
        for a, b in zip(one.outcomes, other.outcomes, strict=True):
            assert np.array_equal(a.counts, b.counts)


def test_windows_that_were_stopped_are_gone_on_with_and_kept_when_they_are_whole(
    windows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loss_scale, "_explorations", {})
    seen: list[Exploration] = []

    def pressing(exploration: Exploration) -> None:
        seen.append(exploration)
        for share in exploration:
            if share > 0.3 * len(seen):
                exploration.stop()

    for done in (25, 50):
        with pytest.raises(KeyboardInterrupt, match=f"stopped after {done} of 82 steps and backward passes"):
            loss_scale.windows("mlp", (0, 12), watch=pressing)
    found = loss_scale.windows("mlp", (0, 12))
    assert seen[0] is seen[1]
    assert loss_scale.windows("mlp", (0, 12), watch=pressing) == found
    assert len(seen) == 2
    for one, other in zip(found, windows, strict=True):
        assert all(np.array_equal(a.counts, b.counts) for a, b in zip(one.outcomes, other.outcomes, strict=True))


def test_an_interrupt_from_outside_leaves_nothing_half_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loss_scale, "_explorations", {})

    def interrupted(exploration: Exploration) -> None:
        for _ in exploration:  # in the middle of whatever it is at
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        loss_scale.windows("mlp", (0, 12), watch=interrupted)
    assert loss_scale._explorations == {}


def test_an_exploration_whose_training_diverges_says_so() -> None:
    exploration = Exploration("mlp", (0, 2))
    exploration.training.change(lr=1e30)
    exploration.moments = (40,)
    with pytest.raises(RuntimeError, match=r"diverged.* has no step left, and 40 were to be looked at"):
        list(exploration)


@pytest.mark.parametrize("moments", [(), (5, 5), (-1,), (3, 2), (True,), (1.5,)])
def test_moments_that_make_no_sense_are_refused(moments: Any) -> None:
    with pytest.raises(ValueError, match="rising integers from 0 on"):
        Exploration("mlp", moments)


@pytest.mark.parametrize("scale", [0.0, -1.0, math.inf, math.nan, 1e60, 1e-60])
def test_a_scale_that_float32_cannot_hold_is_refused(windows: Any, scale: float) -> None:
    with pytest.raises(ValueError, match="a finite number above 0"):
        windows[0].at(scale)


# ---- a run whose scale is moved ----


def test_a_run_left_alone_has_the_bits_of_a_training_with_a_grad_scaler() -> None:
    run = ScaledRun("mlp", scale=2.0**22, steps=12)
    training = Training("mlp", "fp16 + scaler", steps=12, measure_every=0, scaler={"init_scale": 2.0**22})
    points, steps = list(run), training.run()
    assert [(p.loss, p.scale, p.skipped) for p in points] == [(s.loss, s.scale, s.skipped) for s in steps]
    assert any(p.skipped for p in points)
    for ours, theirs in zip(run.training.model.parameters(), training.model.parameters(), strict=True):
        assert np.array_equal(ours.data.values, theirs.data.values)


def test_a_run_stopped_and_gone_on_with_has_the_same_bits() -> None:
    whole = list(ScaledRun("mlp", steps=8))
    run = ScaledRun("mlp", steps=8)
    for point in run:
        if point.step == 2:
            run.stop()
            break
    list(run)
    assert run.points == whole


def test_a_run_stopped_in_the_pass_that_looks_ahead_has_not_begun_its_step(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, run = list(ScaledRun("mlp", steps=4)), ScaledRun("mlp", steps=4)
    inner = Products.products

    def products(this: Products, a: Any, b: Any, fmt: Any) -> Any:
        if fmt == sf.tfloat32 and len(run.points) == 2:
            run.stop()
        return inner(this, a, b, fmt)

    monkeypatch.setattr(Products, "products", products)
    assert list(run) == whole[:2]
    monkeypatch.undo()
    list(run)
    assert run.points == whole


def test_a_held_scale_stays_and_a_scaler_s_backs_off() -> None:
    run = ScaledRun("mlp", scale=2.0**30, steps=30)
    run.by_hand = True
    steps = iter(run)
    first = [next(steps) for _ in range(4)]
    assert {(point.scale, point.skipped) for point in first} == {(2.0**30, True)}
    assert {point.overflowed for point in first} == {1.0}
    before = [p.data.values.copy() for p in run.training.model.parameters()]
    run.by_hand = False
    later = [next(steps) for _ in range(4)]
    assert [point.scale for point in later] == [2.0**30, 2.0**29, 2.0**28, 2.0**27]
    assert all(np.array_equal(a, p.data.values) for a, p in zip(before, run.training.model.parameters(), strict=True))
    run.set_scale(2.0**10)
    assert (next(steps).scale, run.points[-1].skipped) == (2.0**10, False)
    assert not all(
        np.array_equal(a, p.data.values) for a, p in zip(before, run.training.model.parameters(), strict=True)
    )


def test_a_scale_that_is_far_too_low_loses_gradients() -> None:
    run = ScaledRun("mlp", scale=2.0**-14, steps=2)
    run.by_hand = True
    assert all(0.2 < point.lost < 0.8 for point in run)


def test_a_learning_rate_that_blows_it_up_ends_the_run_with_a_date() -> None:
    run = ScaledRun("mlp", steps=40)
    run.lr = 30.0
    points = list(run)
    assert run.diverged_at == points[-1].step < 39
    assert not math.isfinite(points[-1].loss)
    assert run.lr == 30.0
    assert list(run) == []


def test_gradients_are_seen_before_they_are_unscaled() -> None:
    seen: list[dict[str, Any]] = []

    def look() -> None:
        seen.append({name: p.grad.values.copy() for name, p in training.model.named_parameters()})

    settings: dict[str, Any] = {"steps": 2, "measure_every": 0, "scaler": {"init_scale": 2.0**10}}
    training, twin = (
        Training("mlp", "fp16 + scaler", before_update=look, **settings),
        Training("mlp", "fp16 + scaler", **settings),
    )
    for number in range(2):
        assert twin.backward(2.0**10)
        assert not training.step().skipped
        for name, p in twin.model.named_parameters():
            assert np.array_equal(seen[number][name], p.grad.values)
        twin.step()
    assert len(seen) == 2


def test_how_far_an_optimizer_has_come_is_told_and_not_to_be_changed() -> None:
    model = nn.Linear(2, 1)
    scaler, optimizer = amp.GradScaler(init_scale=2.0**16), sf.optim.SGD(model.parameters(), lr=0.5)
    other = sf.optim.SGD(model.parameters(), lr=0.5)
    assert scaler.progress(optimizer) == Progress(Stage.READY, None)
    for x, overflowed in ((1.0, False), (math.inf, True)):
        optimizer.zero_grad()
        scaler.scale(model(np.full((1, 2), x, np.float32)).sum()).backward()
        scaler.unscale_(optimizer)
        assert scaler.progress(optimizer) == Progress(Stage.UNSCALED, overflowed)
        scaler.progress(optimizer).stage = Stage.READY
        scaler.step(optimizer)
        assert scaler.progress(optimizer) == Progress(Stage.STEPPED, overflowed)
        assert scaler.progress(other) == Progress()
        scaler.update()
        assert scaler.progress(optimizer) == Progress()


# ---- the machine ----


def pressed(machine: Machine, *calls: str) -> list[str]:
    return [machine.press(call).told for call in calls]


def test_a_right_iteration_raises_nothing_moves_both_and_counts_one() -> None:
    machine = Machine()
    before = [machine.part(name).weights for name in PARTS]
    machine.iterate()
    assert [each.call for each in machine.history] == list(ITERATION)
    assert not any(each.wrong for each in machine.history)
    assert [machine.part(name).weights != w for name, w in zip(PARTS, before, strict=True)] == [True, True]
    assert (machine.scale, machine.tracker) == (2.0**16, 1)
    machine.iterate()
    machine.iterate()
    assert (machine.scale, machine.tracker) == (2.0**17, 0)
    assert machine.history[-1].told == "3 consecutive good steps: the scale went from 65,536 to 131,072"


def test_an_overflow_in_one_part_skips_its_step_alone_and_halves_the_scale() -> None:
    machine = Machine()
    machine.overflows = {"b"}
    before = machine.part("b").weights
    told = pressed(machine, "zero_grad()", "scale(loss).backward()", "unscale_(a)", "unscale_(b)")
    assert (machine.part("a").found_inf, machine.part("b").found_inf) == (False, True)
    assert "an infinite or NaN one was found" in told[-1]
    told = pressed(machine, "step(a)", "step(b)", "update()")
    assert told == [
        "a's weights moved",
        "skipped: b's weights are as they were",
        "an overflow was found: the scale went from 65,536 to 32,768",
    ]
    assert machine.part("b").weights == before
    assert {machine.part(name).stage for name in PARTS} == {"READY"}


# fmt: off
ORDERS = [
    (("update()",), "AssertionError: Attempted update but _scale is None."),
    (("step(a)",), "AssertionError: Attempted step but _scale is None."),
    (("scale(loss).backward()", "update()"), "AssertionError: No inf checks were recorded prior to update."),
    (("scale(loss).backward()", "unscale_(a)", "unscale_(a)"),
     "RuntimeError: unscale_() has already been called on this optimizer since the last update()."),
    (("scale(loss).backward()", "step(a)", "unscale_(a)"), "RuntimeError: unscale_() is being called after step()."),
    (("scale(loss).backward()", "step(a)", "step(a)"),
     "RuntimeError: step() has already been called since the last update()."),
    (("scale(loss).backward()", "zero_grad()", "step(a)"),
     "AssertionError: No inf checks were recorded for this optimizer."),
]
# fmt: on


@pytest.mark.parametrize(("calls", "message"), ORDERS)
def test_a_wrong_order_is_told_in_torch_s_words(calls: tuple[str, ...], message: str) -> None:
    machine = Machine()
    assert pressed(machine, *calls)[-1].startswith(message)
    assert [each.wrong for each in machine.history] == [False] * (len(calls) - 1) + [True]


@pytest.mark.torch
@pytest.mark.parametrize(("calls", "message"), ORDERS)
def test_torch_says_the_same_of_a_wrong_order(calls: tuple[str, ...], message: str) -> None:
    import torch

    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu")
    made = {
        "zero_grad()": optimizer.zero_grad,
        "scale(loss).backward()": lambda: scaler.scale(model(torch.ones(1, 2)).sum()).backward(),
        "unscale_(a)": lambda: scaler.unscale_(optimizer),
        "step(a)": lambda: scaler.step(optimizer),
        "update()": scaler.update,
    }
    for call in calls[:-1]:
        made[call]()
    kind, text = message.split(": ", 1)
    with pytest.raises(Exception, match=r".") as caught:
        made[calls[-1]]()
    assert type(caught.value).__name__ == kind
    assert str(caught.value).startswith(text)


def test_clipping_too_early_is_told_and_mixing_too() -> None:
    machine = Machine()
    told = pressed(machine, "scale(loss).backward()", "clip(a)", "unscale_(a)", "scale(loss).backward()")
    assert "each still 65,536 times too large" in told[1]
    assert told[-1].endswith("and were added to a's, divided already: a senseless sum")
    machine = Machine()
    told = pressed(machine, "scale(loss).backward()", "unscale_(a)", "clip(a)")
    gradients = machine.part("a").gradients
    assert gradients is not None
    assert math.hypot(*gradients) == pytest.approx(MAX_NORM, rel=1e-4)
    assert told[-1] == "the norm of a's gradients was 0.01532; now it is 0.01"


def test_an_unknown_call_is_refused() -> None:
    with pytest.raises(ValueError, match=r"unknown call 'unscale_\(\)'; expected one of zero_grad\(\), "):
        Machine().press("unscale_()")
    assert len(CALLS) == 9
    assert isinstance(Machine().scaler, amp.GradScaler)
