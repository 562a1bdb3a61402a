"""Training runs: settled to the last bit by their settings, paused, stopped, kept and gone on with; and recipes."""

from __future__ import annotations

import math
import re
import threading
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import simfp as sf
from simfp import nn, optim, whole_files
from simfp.amp import GradScaler, autocast
from simfp.experiments.training import digits, text
from simfp.experiments.training.recipes import RECIPES, Products, Recipe, as_recipe
from simfp.experiments.training.run import Settings, Training
from simfp.experiments.training.tasks import TASKS

QUICK = {"batch": 8, "measure_every": 0}


def codes(training: Training) -> list[bytes]:
    """The bits of all weights."""
    return [p.data.codes.tobytes() for p in training.model.parameters()]


# --- data ---------------------------------------------------------------------------------------------------------


def test_the_digits_are_whole_levels_and_parted_for_good() -> None:
    known = digits.load()
    assert known.images.shape == (1437, 8, 8)
    assert known.test_images.shape == (360, 8, 8)
    whole = known.images * digits.LEVELS
    assert (whole == np.round(whole)).all()
    assert known.images.min() == 0
    assert known.images.max() == 1
    assert sorted(set(known.labels.tolist())) == list(range(10))
    assert (sf.round_to(known.images, "float8_e4m3fn") == known.images).mean() > 0.5
    learned = {image.tobytes() for image in known.images}
    assert sum(image.tobytes() in learned for image in known.test_images) == 0
    assert {"licence", "source", "authors", "script"} <= set(digits.provenance())


def test_the_text_is_always_the_same_and_what_it_says_is_true() -> None:
    corpus = text.corpus()
    assert len(corpus) == text.SIZE
    assert zlib.crc32(corpus.encode()) == 2489617518  # on any machine, in any version of Python
    assert corpus[:2000] == text.corpus(2000)
    assert corpus[:2000] != text.corpus(2000, seed=1)
    sums = [line.rstrip(".") for line in corpus.replace("\n", " ").split(". ") if "=" in line]
    assert len(sums) > 500
    for line in sums:
        left, _, right = line.partition(" = ")
        a, sign, b = left.split()
        assert {"+": int(a) + int(b), "-": int(a) - int(b), "x": int(a) * int(b)}[sign] == int(right)
    one, many = (
        rf"\b({'|'.join(names)}) " for names in (("ant", "dog", "cat", "bird"), ("ants", "dogs", "cats", "mice"))
    )
    sees, see = (rf"({'|'.join(pair[form] for pair in text.VERBS + text.MOVES)})\b" for form in (0, 1))
    assert [len(re.findall(noun + verb, corpus)) > 100 for noun in (one, many) for verb in (sees, see)] == [
        True, False, False, True
    ]  # fmt: skip
    assert not re.findall(one + see, corpus) + re.findall(many + sees, corpus)
    assert not any(wrong in corpus for wrong in ("two red ball ", " a ant", "mouses", "sheeps"))


def test_characters_have_numbers_and_others_are_refused() -> None:
    numbers = text.encode("The cat")
    assert "".join(text.vocabulary()[n] for n in numbers) == "The cat"
    with pytest.raises(ValueError, match="has no character 'ß'"):
        text.encode("Straße")
    with pytest.raises(ValueError, match="`size` must be an integer of at least 1, got 0"):
        text.corpus(0)


# --- recipes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("recipe", "says"),
    [
        ({"autocast": "bfloat16", "scaler": True}, "a GradScaler is for float16, whose range is small; bfloat16"),
        ({"scaler": True}, "a GradScaler is for float16, whose range is small; float32"),
        ({"weights": "float16", "scaler": True}, "a GradScaler unscales gradients in float32, and those of float16"),
        ({"weights": "bfloat16", "autocast": "float16"}, "autocast casts float32 weights"),
        ({"autocast": "float16", "tf32": True}, "tf32 is a way to multiply float32 numbers"),
        ({"weights": "float17"}, "unknown format 'float17'; expected one of float32"),
        ({"update": "never"}, "unknown update 'never'; expected one of nearest, kahan, stochastic"),
    ],
)
def test_recipes_that_cannot_be_are_refused_with_the_reason(recipe: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Recipe("mine", **recipe)


def test_torch_and_simfp_refuse_fp16_gradients_as_the_recipe_says() -> None:
    p = nn.Parameter(sf.Tensor(sf.array([1.0], "float16")))
    p.grad = sf.array([1.0], "float16")
    scaler, optimizer = GradScaler(), optim.SGD([p])
    scaler.scale(sf.Tensor(sf.array([1.0], "float16")))
    with pytest.raises(ValueError, match="Attempting to unscale FP16 gradients"):
        scaler.unscale_(optimizer)


@pytest.mark.parametrize(
    ("name", "optimizer", "says"),
    [
        ("fp32", "AdamW", ()),
        ("bf16", "AdamW", ()),
        ("fp16 + scaler", "AdamW", ()),
        ("fp16", "SGD", ("without a GradScaler",)),
        ("pure bf16", "AdamW", ("smaller than about 2^-8 of its weight",)),
        ("pure bf16 + kahan", "AdamW", ()),
        ("pure fp16", "SGD", ("smaller than about 2^-11 of its weight",)),
        ("pure fp16 + kahan", "SGD", ()),
        ("pure fp16 + stochastic", "AdamW", ("AdamW's eps=1e-08 is 0 in float16",)),
        ("pure fp16", "AdamW", ("smaller than about 2^-11 of its weight", "AdamW's eps=1e-08 is 0 in float16")),
    ],
)
def test_a_recipe_warns_of_what_goes_wrong_with_it(name: str, optimizer: str, says: tuple[str, ...]) -> None:
    told = RECIPES[name].warnings(optimizer)
    assert len(told) == len(says)
    assert all(part in line for part, line in zip(says, told))


def test_adams_eps_that_is_zero_in_fp16_ends_a_run_and_a_larger_one_does_not() -> None:
    settings: dict[str, Any] = {"optimizer": "AdamW", "steps": 6, **QUICK}
    ended, whole = (Training("mlp", "pure fp16", options={"eps": eps}, **settings) for eps in (1e-8, 1e-4))
    ended.run()
    whole.run()
    assert (ended.status, whole.status) == ("diverged", "finished")
    assert any("eps=1e-08 is 0 in float16" in line for line in ended.warnings)
    assert not any("eps" in line for line in whole.warnings)


def test_unknown_recipes_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="unknown recipe 'fp17'; expected one of 'fp32', 'tf32'"):
        as_recipe("fp17")


def test_tf32_rounds_what_goes_into_products_and_nothing_else() -> None:
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal(shape).astype(np.float32) for shape in ((5, 7), (7, 3)))
    with autocast(enabled=False, accumulator=Products(sf.Float64Sum(), tf32=True)):
        made = sf.Tensor(a) @ sf.Tensor(b)
    rounded = [np.asarray(sf.round_to(x, "tf32"), np.float64) for x in (a, b)]
    assert made.dtype == sf.float32
    in_float64 = np.zeros((5, 3))
    for term in range(7):
        in_float64 += rounded[0][:, term, None] * rounded[1][term]
    np.testing.assert_array_equal(made.data.values, in_float64.astype(np.float32))
    with autocast(enabled=False, accumulator=Products(sf.HOPPER, tf32=True)):
        made = sf.Tensor(a) @ sf.Tensor(b)
    wanted = sf.HOPPER.products(*rounded, sf.tfloat32)
    np.testing.assert_array_equal(made.data.values, wanted.astype(np.float32))


# --- runs ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("recipe", RECIPES)
def test_every_task_runs_under_every_recipe_in_its_formats(task: str, recipe: str) -> None:
    options = {"eps": 1e-4} if task == "gpt" else {}
    training = Training(task, recipe, steps=2, batch=4, measure_every=0, options=options)
    first = training.run()[0]
    assert math.isfinite(first.loss)
    assert abs(first.loss - math.log(56 if task == "gpt" else 10)) < 0.7
    assert {p.dtype.name for p in training.model.parameters()} == {training.recipe.weights}
    assert first.scale == (65536.0 if training.recipe.scaler else 1.0)


@pytest.mark.parametrize("recipe", ["fp32", "fp16 + scaler", "pure bf16 + stochastic"])
def test_a_seed_settles_every_bit_and_another_gives_others(recipe: str) -> None:
    one, same, other = (Training("mlp", recipe, seed=seed, steps=4, **QUICK) for seed in (1, 1, 2))
    for training in (one, same, other):
        training.run()
    assert one.history == same.history
    assert codes(one) == codes(same) != codes(other)


def test_recipes_start_from_the_same_weights_and_see_the_same_samples() -> None:
    plain, narrow = Training("mlp", "fp32", steps=1, **QUICK), Training("mlp", "pure bf16", steps=1, **QUICK)
    for p, q in zip(plain.model.parameters(), narrow.model.parameters()):
        np.testing.assert_array_equal(sf.round_to(p.data.values, "bf16"), q.data.values)
    assert abs(plain.step().loss - narrow.step().loss) < 0.02


def test_training_is_the_loop_that_a_page_of_torch_shows() -> None:
    training = Training("mlp", "fp16 + scaler", steps=5, accumulator="hopper", **QUICK)
    model = TASKS["mlp"].model(np.random.default_rng([0, 0]))
    optimizer, scaler = optim.SGD(model.parameters(), lr=0.1, momentum=0.9), GradScaler()
    for number in range(5):
        batch = TASKS["mlp"].draw(np.random.default_rng([0, 1, number]), 8)
        optimizer.zero_grad()
        with autocast(accumulator=sf.HOPPER):
            loss = nn.CrossEntropyLoss()(model(sf.Tensor(batch.inputs)), batch.targets)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        assert training.step().loss == loss.item()
    assert codes(training) == [p.data.codes.tobytes() for p in model.parameters()]


@pytest.mark.parametrize(
    "settings",
    [
        {"recipe": "fp32"},
        {"recipe": "fp16 + scaler", "scaler": {"init_scale": 2.0**30, "growth_interval": 2}},
        {"recipe": "pure bf16 + kahan"},
        {"recipe": "pure bf16 + stochastic"},
        {"recipe": "pure fp16"},
        {"recipe": "bf16", "optimizer": "AdamW", "options": {"lr": 1e-3, "betas": (0.9, 0.99)}, "schedule": "cosine"},
    ],
    ids=lambda settings: settings["recipe"],
)
def test_a_run_goes_on_to_the_same_bits_from_its_state_and_from_its_file(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    whole = Training("mlp", steps=9, **QUICK, **settings)
    whole.run()
    begun = Training("mlp", steps=9, **QUICK, **settings)
    for _ in range(4):
        begun.step()
    begun.save(tmp_path / "run.npz")
    kept = begun.state()
    begun.run()  # what was taken is a copy: this must not change it
    for resumed in (Training.from_state(kept), Training.load(tmp_path / "run.npz")):
        assert len(resumed.history) == 4
        resumed.run()
        assert resumed.history == whole.history == begun.history
        assert codes(resumed) == codes(whole) == codes(begun)
    assert [path.name for path in tmp_path.iterdir()] == ["run.npz"]


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.npz"
    training = Training("mlp", steps=3, **QUICK)
    training.step()
    training.save(path)
    before = path.read_bytes()
    monkeypatch.setattr(whole_files.os, "fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        training.save(path)
    assert [each.name for each in tmp_path.iterdir()] == ["run.npz"]
    assert path.read_bytes() == before


def test_what_is_no_run_is_no_run(tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    with pytest.raises(FileNotFoundError):
        Training.load(path)
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match=r"run\.npz holds no arrays: it is damaged, or no \.npz"):
        Training.load(path)
    np.savez(path, x=np.ones(3))
    with pytest.raises(ValueError, match="holds no training run"):
        Training.load(path)
    mine = Training("mlp", accumulator=sf.ExactSum("float32"), steps=1, **QUICK)
    with pytest.raises(ValueError, match="this one has another"):
        mine.save(path)


def test_steps_are_plain_data() -> None:
    training = Training("mlp", "fp16 + scaler", steps=4, batch=8, measure_every=2, schedule="cosine", census=True)
    steps = list(training)
    assert [step.number for step in steps] == [0, 1, 2, 3]
    assert [step.accuracy is None for step in steps] == [True, False, True, False]
    assert [step.lr for step in steps] == pytest.approx([0.1, 0.1 * (1 + 0.5**0.5) / 2, 0.05, 0.1 * (1 - 0.5**0.5) / 2])
    assert all(0 <= step.lost < 1 and 0 <= step.absorbed < 1 for step in steps)
    assert training.census.steps == 4
    assert steps == training.history
    with pytest.raises(RuntimeError, match="this run is finished after 4 steps"):
        training.step()


def test_the_lost_share_is_that_of_the_steps_own_roundings_to_the_recipes_format() -> None:
    training = Training("mlp", "fp16", steps=3, census=2, **QUICK)
    steps = training.run()
    assert [step.lost is None for step in steps] == [False, True, False]
    alone = Training("mlp", "fp16", steps=1, census=True, **QUICK)
    first = alone.run()[0]
    assert first.lost == steps[0].lost == alone.census.share("zeroed", phase="backward", fmt="fp16")
    assert first.absorbed == alone.census.share("absorbed")


def test_skipped_steps_change_no_weight_and_the_scale_comes_down() -> None:
    training = Training("mlp", "fp16 + scaler", steps=40, scaler={"init_scale": 2.0**40}, **QUICK)
    before = codes(training)
    first = training.step()
    assert (first.skipped, first.scale, codes(training) == before) == (True, 2.0**40, True)
    steps = training.run()
    assert not steps[-1].skipped
    assert [step.scale for step in steps if step.skipped] == [
        2.0 ** (40 - n) for n in range(sum(s.skipped for s in steps))
    ]


def test_divergence_is_a_result_with_a_date() -> None:
    training = Training("mlp", "fp16", steps=50, options={"lr": 1e4}, census=True, **QUICK)
    steps = training.run()
    assert training.status == "diverged"
    assert training.diverged_at == steps[-1].number == len(steps) - 1
    assert all(math.isfinite(step.loss) for step in steps[:-1])
    assert not math.isfinite(steps[-1].loss)
    assert training.census.origins["infinite"].step <= training.diverged_at
    with pytest.raises(RuntimeError, match="this run is diverged"):
        training.step()


# --- pausing and stopping ---------------------------------------------------------------------------------------------


class Slow(sf.Float64Sum):
    """An accumulator that takes its time."""

    def products(self, a: Any, b: Any, fmt: Any) -> Any:
        time.sleep(0.03)
        return super().products(a, b, fmt)


def in_a_thread(training: Training) -> threading.Thread:
    thread = threading.Thread(target=training.run, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("every", [1, 2])  # the step that is stopped in is counted, or is not
def test_stopping_within_a_step_leaves_the_run_as_if_it_had_not_begun(every: int) -> None:
    whole = Training("mlp", "fp16 + scaler", steps=3, census=every, **QUICK)
    whole.run()
    slow = Training("mlp", "fp16 + scaler", steps=3, census=every, accumulator=Slow(), **QUICK)  # 8 products a step
    slow.step()
    thread = in_a_thread(slow)
    time.sleep(0.1)
    asked = time.monotonic()
    slow.stop()
    thread.join(5)
    assert time.monotonic() - asked < 2  # it is 0.03 s or so; a busy machine may take longer
    assert slow.status == "stopped"
    assert slow.history == whole.history[: len(slow.history)]
    assert len(slow.history) < 3
    slow.run()
    assert slow.history == whole.history
    assert codes(slow) == codes(whole)
    for what in ("values", "zeroed", "rounded", "absorbed"):
        assert slow.census.total(what) == whole.census.total(what)
    np.testing.assert_array_equal(slow.census.histogram().counts, whole.census.histogram().counts)


@pytest.mark.parametrize("kept", [False, True], ids=["the same run", "a run made from its state"])
def test_stopping_within_a_measure_leaves_the_step_done_and_going_on_begins_with_the_measure(
    kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: dict[str, Any] = {"steps": 4, "batch": 8, "measure_every": 2}
    whole = Training("mlp", "fp16 + scaler", **settings)
    whole.run()
    run = Training("mlp", "fp16 + scaler", **settings)
    inner, stops = Products.products, []

    def products(this: Products, *given: Any) -> Any:
        taken = len(run.history)
        if taken in (2, 4) and taken not in stops and run.history[-1].accuracy is None:
            stops.append(len(run.history))
            run.stop()
        return inner(this, *given)

    monkeypatch.setattr(Products, "products", products)
    for steps, seen in ((2, [0]), (4, [1, 2])):
        assert [step.number for step in run] == seen
        assert (run.status, len(run.history)) == ("stopped", steps)
        assert run.history[-1] == whole.history[steps - 1]._replace(accuracy=None)
        if kept:
            run = Training.from_state(run.state())
            assert run.status == "ready"
    assert run.step() == whole.history[-1]  # the measure that was left, and no fifth step
    assert run.status == "finished"
    assert run.history == whole.history
    assert codes(run) == codes(whole)
    assert stops == [2, 4]


def test_a_backward_pass_that_is_stopped_leaves_no_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    training = Training("mlp", steps=2, batch=8, measure_every=0)
    inner, made = Products.products, []

    def products(this: Products, *given: Any) -> Any:
        made.append(given)
        if len(made) == 5:  # three make the forward pass
            training.stop()
        return inner(this, *given)

    monkeypatch.setattr(Products, "products", products)
    with pytest.raises(RuntimeError, match="the backward pass was stopped before its end"):
        training.backward()
    assert all(p.grad is None for p in training.model.parameters())
    assert training.backward()
    assert all(p.grad is not None for p in training.model.parameters())


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"task": "resnet"}, "unknown task 'resnet'; expected one of 'mlp', 'deep', 'cnn', 'gpt'"),
        ({"recipe": "fp8"}, "unknown recipe 'fp8'"),
        ({"steps": 0}, "`steps` must be an integer of at least 1, got 0"),
        ({"batch": 2.5}, "`batch` must be an integer of at least 1, got 2.5"),
        ({"seed": -1}, "`seed` must be an integer of at least 0, got -1"),
        ({"optimizer": "Lion"}, "unknown optimizer 'Lion'; expected one of SGD, Adam, AdamW"),
        ({"schedule": "warm"}, "unknown schedule 'warm'; expected one of constant, cosine"),
        ({"accumulator": "volta"}, "unknown accumulator 'volta'; expected one of 'float64', 'hopper'"),
        ({"loss_weight": 0.0}, "`loss_weight` must be a finite number above 0, got 0.0"),
        ({"scaler": {"init_scale": 2.0}}, "recipe 'fp32' has no GradScaler"),
        ({"options": {"lr": -1.0}}, "Invalid learning rate: -1.0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Training(**({"task": "mlp"} | settings))


def test_settings_say_what_a_run_was_made_with() -> None:
    training = Training("gpt", "bf16", accumulator=sf.HOPPER)
    assert training.settings.accumulator == "hopper"
    assert (training.settings.optimizer, training.settings.batch, training.settings.steps) == ("AdamW", 16, 300)
    assert Training(training.settings).settings == training.settings
    assert Settings("mlp", "bf16").whole().recipe is RECIPES["bf16"]
