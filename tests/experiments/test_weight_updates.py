"""What is left of an update: bit for bit, against fractions and against the optimizer; and a network's, against the
census."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

import simfp as sf
from simfp import optim
from simfp.experiments.mixed_precision.update_ratios import ratios
from simfp.experiments.mixed_precision.updates import is_absorbed, smallest_lr, update
from simfp.experiments.training import races
from simfp.experiments.training.races import LAP, Race, steps_at, stored
from simfp.experiments.training.run import Training
from simfp.figures.mixed_precision import updates as figures

FORMATS = ("float16", "bfloat16", "float32")


def nearest(x: Fraction, fmt: str) -> float:
    """`x` rounded once, from two neighbours that enclose it, by their distances; ties to the even code."""
    spec = sf.as_format(fmt)
    if x == 0:
        return 0.0
    exponent = max(int(np.floor(np.log2(abs(float(x))))), spec.min_exponent)
    unit = Fraction(2) ** (exponent - spec.mantissa_bits)
    low = x // unit
    rest = x - low * unit
    up = rest > unit / 2 or (rest == unit / 2 and low % 2 == 1)
    return float((low + up) * unit)


@pytest.mark.parametrize("fmt", FORMATS)
def test_an_update_is_the_exact_difference_rounded_once(fmt: str) -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        weight, gradient = rng.normal() * 2.0 ** rng.integers(-6, 6), rng.normal() * 2.0 ** rng.integers(-12, 2)
        told = update(weight, float(2.0 ** rng.uniform(-14, 0)), gradient, fmt)
        assert told.exact == Fraction(told.weight) - Fraction(told.lr) * Fraction(told.gradient)
        assert told.after == nearest(told.exact, fmt)
        assert told.absorbed == (told.after == told.weight and told.change != 0)


@pytest.mark.parametrize("fmt", ["float16", "bfloat16"])
def test_absorbed_is_asked_of_the_exact_difference(fmt: str) -> None:
    rng = np.random.default_rng(1)
    weights = np.asarray(sf.round_to(rng.normal(0, 1, 400) * 2.0 ** rng.integers(-4, 4, 400), fmt), np.float64)
    half = np.asarray(sf.ulp(weights, fmt)) / 2
    for change in (half, half * (1 + 2.0**-40), half * (1 - 2.0**-40), -half, half / 2, half * 2.0**-70, 0 * half):
        right = [
            nearest(Fraction(w) - Fraction(u), fmt) == w and u != 0
            for w, u in zip(weights.tolist(), change.tolist(), strict=True)
        ]
        assert is_absorbed(weights, change, fmt).tolist() == right


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("weight", [1.0, 1.5, 1.999, 0.01, -3.0])
def test_the_smallest_learning_rate_moves_and_the_one_below_does_not(fmt: str, weight: float) -> None:
    lr = smallest_lr(weight, 0.01, fmt)
    assert update(weight, lr, 0.01, fmt).made
    assert not update(weight, float(np.nextafter(np.float32(lr), np.float32(0))), 0.01, fmt).made


def test_what_cannot_be_updated_is_an_error() -> None:
    with pytest.raises(ValueError, match="`weight` must be a finite number of float16, got 70000"):
        update(70000.0, 0.1, 1.0, "fp16")
    with pytest.raises(ValueError, match="`gradient` must be a finite number of float32, got nan"):
        update(1.0, 0.1, float("nan"), "fp32")
    with pytest.raises(ValueError, match="no learning rate moves a weight by a gradient of 1e-09: in float16 it is 0"):
        smallest_lr(1.0, 1e-9, "fp16")


@pytest.mark.parametrize("fmt", FORMATS)
def test_the_rows_of_bits_are_the_numbers(fmt: str) -> None:
    rng = np.random.default_rng(2)
    for _ in range(100):
        told = update(2.0 ** rng.uniform(-4, 4), 2.0 ** rng.uniform(-12, 0), rng.normal(), fmt)
        weight, change, after = figures.lines(told)
        sizes = (told.weight, float(told.change), told.after)
        top = max(int(np.floor(np.log2(abs(x)))) for x in sizes if x) + 2

        def value(line: figures.Line, top: int = top) -> Fraction:
            text = (line.kept + line.lost).rstrip("…")
            bits = (Fraction(2) ** (top - 1 - place) for place, digit in enumerate(text) if digit == "1")
            return sum(bits, Fraction(0)) * (-1 if line.sign == "−" else 1)

        if "…" in weight.kept or "…" in after.kept:  # so far below its update that the columns end
            continue
        assert value(weight) == Fraction(told.weight)
        assert value(after) == Fraction(told.after)
        assert weight.lost == after.lost == ""
        short = abs(value(change) + told.change)
        assert short < Fraction(2) ** (top - figures.PLACES + 1)
        if "…" not in change.lost:
            assert not short


@pytest.mark.parametrize("recipe", ["fp32", "pure fp16", "pure bf16"])
def test_a_step_s_ratios_are_those_that_the_census_counts(recipe: str) -> None:
    training = Training("mlp", recipe, steps=4, measure_every=0, census=True, options={"lr": 0.02, "momentum": 0.0})
    for _ in range(3):
        training.step()
    told = ratios(training)
    assert training.census is not None
    assert told.share == training.history[-1].absorbed
    lost = training.census.last_step("update")
    assert (told.counts.sum(), told.absorbed.sum()) == (lost["updates"], lost["absorbed"])
    # below half of 2^-precision of the weight all is lost, and above it nothing
    line = -sf.as_format(told.fmt).precision - figures.FIRST
    assert (told.absorbed[: line - 1] == told.counts[: line - 1]).all()
    assert not told.absorbed[line:].any()


# ---- the race


@pytest.mark.parametrize(
    ("lr", "recipes"),
    [
        (0.002, ("fp32", "pure bf16 + stochastic")),
        (0.00025, ("pure fp16", "pure fp16 + kahan", "pure fp16 + stochastic")),
        (0.016, ("pure bf16", "pure bf16 + kahan")),
    ],
)
def test_the_stored_races_are_what_a_race_comes_to(lr: float, recipes: tuple[str, ...]) -> None:
    kept, race = stored(lr), Race(lr, recipes, seeds=(0, 2))
    points = 1 + (kept.every <= LAP)
    for _ in race:
        if race.standing().points == points:
            break
    made = race.standing()
    assert (made.every, made.losses.shape[2]) == (kept.every, kept.losses.shape[2])
    for i, recipe in enumerate(recipes):
        of = kept.losses[kept.recipes.index(recipe)][[0, 2], :points]
        assert np.allclose(made.losses[i][:, :points], of, rtol=1e-6, atol=0)  # BLAS of another machine may differ


def test_a_race_is_stored_for_every_rate_and_all_are_of_one_length() -> None:
    for lr in races.RATES:
        kept = stored(lr)
        assert (kept.recipes, kept.seeds, kept.lr) == (races.RECIPES, races.SEEDS, lr)
        assert np.isfinite(kept.losses).all()
        assert kept.points == kept.losses.shape[2]
        assert kept.points * kept.every == steps_at(lr)
        assert lr * steps_at(lr) == pytest.approx(races.DISTANCE)
    with pytest.raises(ValueError, match=r"`lr` must be one of 0\.00025, .*, got 0\.1"):
        stored(0.1)


def test_runs_take_turns_of_a_lap_and_the_laps_are_counted() -> None:
    race = Race(recipes=("fp32", "pure bf16"), seeds=(0, 3), steps=2 * LAP + 5)
    assert (race.laps, race.done, race.round()) == (12, 0, 4)
    laps = iter(race)
    assert next(laps) == ("fp32", 0, LAP)
    assert (race.done, race.round()) == (1, 3)
    assert [*laps][3:] == [
        (recipe, seed, steps) for steps in (20, 25) for recipe in race.recipes for seed in race.seeds
    ]
    assert (race.done, race.round()) == (12, 0)
    for row, losses in zip(race.trainings, race.standing().losses, strict=True):
        for training, points in zip(row, losses, strict=True):
            history = [step.loss for step in training.history]
            assert points.tolist() == [np.mean(history[5 * point : 5 * point + 5]) for point in range(5)]


@pytest.mark.parametrize("steps", [1, 4, 7])
def test_a_short_race_has_a_last_loss_too(steps: int) -> None:
    race = Race(recipes=("fp32",), seeds=(0,), steps=steps)
    assert np.isnan(race.standing().last("fp32")).all()
    for _ in race:
        pass
    standing = race.standing()
    first = [step.loss for step in race.trainings[0][0].history[: standing.every]]
    assert standing.points == 1
    assert standing.last("fp32").tolist() == [np.mean(first)]


@pytest.mark.parametrize("lr", [0.0, -1.0, float("inf"), float("nan")])
def test_a_race_at_a_learning_rate_that_is_none_is_refused(lr: float) -> None:
    with pytest.raises(ValueError, match="`lr` must be a finite number above 0, got"):
        Race(lr)


def test_a_race_that_was_stopped_goes_on_to_the_same_bits() -> None:
    whole = Race(recipes=("fp32", "pure bf16"), seeds=(0,), steps=2 * LAP)
    for _ in whole:
        pass
    broken = Race(recipes=("fp32", "pure bf16"), seeds=(0,), steps=2 * LAP)
    for lap in broken:
        if lap == ("pure bf16", 0, LAP):
            broken.stop()
    assert broken.done == 2
    assert [len(row[0].history) for row in broken.trainings] == [LAP, LAP]
    for _ in broken:
        pass
    assert np.array_equal(whole.standing().losses, broken.standing().losses)


def test_weights_in_both_16_bit_formats_stall_and_both_ways_out_save_both() -> None:
    slow = stored(0.00025)
    fp32 = slow.last("fp32")
    assert fp32.max() < 0.95
    for fmt in ("fp16", "bf16"):
        # every seed: not a tenth of the way down, and with either way out all of it
        assert (np.log(10) - slow.last(f"pure {fmt}") < (np.log(10) - fp32) / 10).all()
        for way in ("kahan", "stochastic"):
            assert np.abs(slow.last(f"pure {fmt} + {way}") - fp32).max() < 0.02


def test_at_every_rate_both_ways_out_come_as_far_as_fp32() -> None:
    for lr in races.RATES:
        for recipe in races.RECIPES:
            if "+" in recipe:
                assert abs(stored(lr).fallen(recipe) - 1).max() < 0.02, (lr, recipe)


def test_three_bits_more_are_worth_an_eighth_of_the_learning_rate() -> None:
    for fast, slow in zip(races.RATES[3:], races.RATES, strict=False):
        assert slow == fast / 8
        bf16, fp16 = stored(fast).fallen("pure bf16"), stored(slow).fallen("pure fp16")
        assert abs(bf16.mean() - fp16.mean()) < 0.13
    for recipe in ("pure fp16", "pure bf16"):
        shares = [stored(lr).fallen(recipe) for lr in races.RATES]
        assert all((less < more).all() for less, more in pairwise(shares))
    last = {recipe: stored().last(recipe) for recipe in stored().recipes}
    assert last["pure bf16"].min() > 2.1
    assert (last["pure fp16"] - last["fp32"]).max() < 0.1


def test_eps_of_adam_is_zero_in_float16_and_divides() -> None:
    p = sf.Tensor([1.0], requires_grad=True, dtype="float16")
    p.grad = sf.array([1e-5], "float16")
    optim.Adam([p], lr=1e-3).step()
    assert sf.round_to(1e-8, "fp16") == 0
    assert np.isinf(p.data.item())
