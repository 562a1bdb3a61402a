"""Whole training loops: the one that the course starts from, word for word, and what people build around it."""

import copy
import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import simfp as sf
from simfp import nn, optim
from simfp.amp import GradScaler, autocast
from simfp.optim.lr_scheduler import StepLR

# a PyTorch page's loop; its import line was "from torch.cuda.amp import autocast, GradScaler", and nothing else changed
LOOP = """\
from simfp.amp import autocast, GradScaler

scaler = GradScaler()

for batch in dataloader:
    optimizer.zero_grad()

    with autocast():                      # forward in fp16
        output = model(batch["input"])
        loss = criterion(output, batch["label"])

    scaler.scale(loss).backward()         # backward in fp16, scaled
    scaler.step(optimizer)                # unscale + update in fp32
    scaler.update()                       # adjust scale factor
"""

CLASSES, FEATURES = 3, 8


def batches(count: int, size: int = 16, seed: int = 0) -> Iterator[dict[str, np.ndarray]]:
    """Points around a centre for each class."""
    rng = np.random.default_rng(seed)
    centres = 2 * rng.normal(size=(CLASSES, FEATURES))
    for _ in range(count):
        label = rng.integers(CLASSES, size=size)
        yield {"input": (centres[label] + rng.normal(size=(size, FEATURES))).astype(np.float32), "label": label}


def classifier(seed: int = 0) -> nn.Sequential:
    nn.manual_seed(seed)
    return nn.Sequential(nn.Linear(FEATURES, 16), nn.ReLU(), nn.LayerNorm(16), nn.Linear(16, CLASSES))


def bits(model: nn.Module) -> list[bytes]:
    return [array.tobytes() for array in model.state_dict().values()]


def step(model: nn.Module, optimizer: Any, scaler: GradScaler, batch: dict[str, np.ndarray]) -> float:
    """One iteration of the loop; the loss."""
    optimizer.zero_grad()
    with autocast():
        loss = nn.functional.cross_entropy(model(batch["input"]), batch["label"])
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()
    return loss.item()


# --- the loop, word for word ---------------------------------------------------------------------------------------


def run_loop(code: str = LOOP, steps: int = 40) -> dict[str, Any]:
    """What the loop leaves behind, and the loss of every step."""
    losses: list[float] = []
    criterion = nn.CrossEntropyLoss()

    def counted(output: Any, label: Any) -> sf.Tensor:
        loss = criterion(output, label)
        losses.append(loss.item())
        return loss

    model = classifier()
    names = {
        "dataloader": batches(steps),
        "model": model,
        "optimizer": optim.SGD(model.parameters(), lr=0.1),
        "criterion": counted,
        "losses": losses,
    }
    exec(code, names)
    return names


def test_the_pages_loop_learns() -> None:
    left = run_loop()
    assert np.mean(left["losses"][-5:]) < 0.3 * np.mean(left["losses"][:5])
    assert left["scaler"].get_scale() == 2.0**16
    assert left["output"].dtype == sf.float16
    assert left["loss"].dtype == sf.float32
    assert {p.dtype for p in left["model"].parameters()} == {sf.float32}


def test_the_pages_loop_skips_steps_until_a_huge_scale_has_come_down() -> None:
    huge = LOOP.replace("GradScaler()", "GradScaler(init_scale=2.0**40)")
    at_first, later = run_loop(huge, steps=3), run_loop(huge)
    assert bits(at_first["model"]) == bits(classifier())
    assert at_first["losses"][0] == run_loop(steps=1)["losses"][0]
    assert at_first["scaler"].get_scale() == 2.0**37
    assert 1 < later["scaler"].get_scale() < 2.0**30
    assert np.mean(later["losses"][-5:]) < 0.5 * later["losses"][0]


def test_gradients_are_float32_numbers_that_sixteen_bits_hold_times_the_scale() -> None:
    model, scaler = classifier(), GradScaler(init_scale=1024.0)
    batch = next(batches(1))
    with autocast():
        loss = nn.functional.cross_entropy(model(batch["input"]), batch["label"])
    scaler.scale(loss).backward()
    for layer in (model[0], model[3]):
        assert layer.weight.grad.dtype == sf.float32
        scaled = layer.weight.grad.values
        assert scaled.any()
        assert (sf.round_to(scaled, sf.float16) == scaled).all()


# --- what people build around it -----------------------------------------------------------------------------------


def test_gradients_of_several_batches_add_up_in_float32_and_the_scale_moves_once() -> None:
    model, scaler = classifier(), GradScaler(growth_interval=1)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    each = []
    for batch in batches(3):
        optimizer.zero_grad()
        with autocast():
            loss = nn.functional.cross_entropy(model(batch["input"]), batch["label"]) / 3
        scaler.scale(loss).backward()
        each.append([p.grad.values.copy() for p in model.parameters()])
    optimizer.zero_grad()
    for batch in batches(3):
        with autocast():
            loss = nn.functional.cross_entropy(model(batch["input"]), batch["label"]) / 3
        scaler.scale(loss).backward()
    for p, (first, second, third) in zip(model.parameters(), zip(*each)):
        assert (p.grad.values == (first + second) + third).all()
    scaler.step(optimizer)
    scaler.update()
    assert scaler.get_scale() == 2.0**17


def test_clipping_after_unscaling_bounds_the_true_gradients() -> None:
    model, scaler = classifier(), GradScaler()
    optimizer = optim.SGD(model.parameters(), lr=1.0)
    before = model.state_dict()
    batch = next(batches(1))
    with autocast():
        loss = nn.functional.cross_entropy(model(batch["input"]), batch["label"])
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    norm = nn.utils.clip_grad_norm_(model.parameters(), 0.01)
    assert norm.item() > 0.01
    scaler.step(optimizer)
    scaler.update()
    moved = np.sqrt(sum(((model.state_dict()[key] - before[key]) ** 2).sum() for key in before))
    assert 0.0099 < moved < 0.0101


def test_several_optimizers_and_losses_are_scaled_and_skipped_each_for_itself() -> None:
    body, heads = classifier(0), [nn.Linear(CLASSES, 1, rng=seed) for seed in (1, 2)]
    optimizers = [optim.SGD([*head.parameters()], lr=0.1) for head in heads]
    scaler = GradScaler(init_scale=256.0)
    x = next(batches(1))["input"]
    with autocast():
        shared = body(x)
        losses = [(head(shared) * factor).sum() for head, factor in zip(heads, (1.0, 1e6))]
    before = [bits(head) for head in heads]
    for loss, again in zip(losses, (True, False)):
        scaler.scale(loss).backward(retain_graph=again)
    for optimizer in optimizers:
        scaler.step(optimizer)
    scaler.update()
    assert bits(heads[0]) != before[0]
    assert bits(heads[1]) == before[1]
    assert scaler.get_scale() == 128.0


def test_a_schedule_moves_on_over_a_skipped_step_and_warns_of_it() -> None:
    model, scaler = classifier(), GradScaler(init_scale=2.0**60)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    schedule = StepLR(optimizer, step_size=1, gamma=0.5)
    for batch in batches(1):
        step(model, optimizer, scaler, batch)
        with pytest.warns(UserWarning, match="A GradScaler that skipped the step causes it"):
            schedule.step()
    assert bits(model) == bits(classifier())
    assert schedule.get_last_lr() == [0.05]


def test_a_nan_loss_is_skipped_and_the_next_step_is_made() -> None:
    model, scaler = classifier(), GradScaler()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    good, bad = batches(2)
    bad["input"][0, 0] = np.nan
    assert np.isnan(step(model, optimizer, scaler, bad))
    assert (bits(model), scaler.get_scale()) == (bits(classifier()), 2.0**15)
    assert np.isfinite(step(model, optimizer, scaler, good))
    assert bits(model) != bits(classifier())


def test_a_run_that_is_saved_and_goes_on_elsewhere_has_the_same_bits() -> None:
    def state(model: nn.Module, optimizer: Any, scaler: GradScaler) -> bytes:
        return pickle.dumps((model.state_dict(), optimizer.state_dict(), scaler.state_dict()))

    model, scaler = classifier(), GradScaler(growth_interval=3)
    optimizer = optim.AdamW(model.parameters(), lr=0.01)
    data = [*batches(10)]
    for batch in data[:5]:
        step(model, optimizer, scaler, batch)
    saved = state(model, optimizer, scaler)
    clone = copy.deepcopy(model)
    for batch in data[5:]:
        step(model, optimizer, scaler, batch)

    other, others_scaler = classifier(seed=1), GradScaler()
    others_optimizer = optim.AdamW(other.parameters())
    for each, part in zip((other, others_optimizer, others_scaler), pickle.loads(saved)):
        each.load_state_dict(part)
    assert bits(other) == bits(clone)
    for batch in data[5:]:
        step(other, others_optimizer, others_scaler, batch)
    assert bits(other) == bits(model)
    assert others_scaler.state_dict() == scaler.state_dict()


def test_model_and_optimizer_can_be_pickled_together() -> None:
    model, scaler = classifier(), GradScaler()
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    first, second = batches(2)
    step(model, optimizer, scaler, first)
    other, others_optimizer, others_scaler = pickle.loads(pickle.dumps((model, optimizer, scaler)))
    for each in ((model, optimizer, scaler), (other, others_optimizer, others_scaler)):
        step(*each, second)
    assert bits(other) == bits(model)


@pytest.mark.parametrize("fmt", [sf.float16, sf.bfloat16, sf.float8_e5m2], ids=str)
@pytest.mark.parametrize("accumulator", [None, sf.HOPPER, "float32"], ids=str)
def test_a_network_learns_in_other_formats_and_with_other_accumulators(fmt: sf.Format, accumulator: Any) -> None:
    model = classifier()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    losses = []
    for batch in batches(30):
        optimizer.zero_grad()
        with autocast(dtype=fmt, accumulator=accumulator):
            loss = nn.functional.cross_entropy(model(batch["input"]).float(), batch["label"])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert np.mean(losses[-5:]) < 0.5 * losses[0]


# --- what goes wrong -------------------------------------------------------------------------------------------------


def test_parameters_of_sixteen_bits_are_refused_by_the_scaler() -> None:
    model, scaler = classifier().half(), GradScaler(init_scale=1.0)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(ValueError, match=r"Attempting to unscale FP16 gradients\."):
        step(model, optimizer, scaler, next(batches(1)))


def test_probabilities_lose_too_much_for_a_binary_loss_under_autocast() -> None:
    p, target = nn.Sigmoid()(np.zeros((2, 1), np.float32)), np.ones((2, 1), np.float32)
    with autocast():
        with pytest.raises(RuntimeError, match="are unsafe to autocast"):
            nn.BCELoss()(p, target)
        assert nn.BCEWithLogitsLoss()(p, target).dtype == sf.float32
        with autocast(enabled=False):
            assert nn.BCELoss()(p, target).item() == pytest.approx(np.log(2))


def test_a_second_backward_and_one_of_many_values_are_refused() -> None:
    model, x = classifier(), next(batches(1))["input"]
    with autocast():
        y = model(x)
    with pytest.raises(RuntimeError, match="grad can be implicitly created only for scalar outputs"):
        y.backward()
    loss = y.sum()
    loss.backward()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        loss.backward()


def test_gradients_of_gradients_are_refused_by_name() -> None:
    loss = classifier()(next(batches(1))["input"]).sum()
    with pytest.raises(NotImplementedError, match="create_graph=True: gradients of gradients"):
        loss.backward(create_graph=True)


def test_an_optimizer_of_a_module_without_parameters_is_refused() -> None:
    with pytest.raises(ValueError, match="optimizer got an empty parameter list"):
        optim.SGD(nn.ReLU().parameters(), lr=0.1)


def test_a_parameter_without_a_gradient_is_no_infinite_one() -> None:
    unused, scaler = nn.Linear(1, 1), GradScaler()
    optimizer = optim.SGD(unused.parameters(), lr=0.1)
    scaler.scale(sf.Tensor(1.0, requires_grad=True)).backward()
    with pytest.raises(AssertionError, match=r"No inf checks were recorded for this optimizer\."):
        scaler.step(optimizer)
