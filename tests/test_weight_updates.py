"""What is left of an update: bit for bit, against fractions and against the optimizer; and a network's, against the
census."""

from fractions import Fraction

import numpy as np
import pytest

import simfp as sf
from simfp import optim
from simfp.experiments import races
from simfp.experiments.races import LAP, Race, stored
from simfp.experiments.training import Training
from simfp.experiments.updates import is_swallowed, ratios, smallest_lr, update
from simfp.figures import updates as figures

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
        assert told.swallowed == (told.after == told.weight and told.change != 0)


@pytest.mark.parametrize("fmt", ["float16", "bfloat16"])
def test_swallowed_is_asked_of_the_exact_difference(fmt: str) -> None:
    rng = np.random.default_rng(1)
    weights = np.asarray(sf.round_to(rng.normal(0, 1, 400) * 2.0 ** rng.integers(-4, 4, 400), fmt), np.float64)
    half = np.asarray(sf.ulp(weights, fmt)) / 2
    for change in (half, half * (1 + 2.0**-40), half * (1 - 2.0**-40), -half, half / 2, half * 2.0**-70, 0 * half):
        right = [
            nearest(Fraction(w) - Fraction(u), fmt) == w and u != 0
            for w, u in zip(weights.tolist(), change.tolist(), strict=True)
        ]
        assert is_swallowed(weights, change, fmt).tolist() == right


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
    assert told.share == training.history[-1].swallowed
    lost = training.census.last_step("update")
    assert (told.counts.sum(), told.swallowed.sum()) == (lost["updates"], lost["swallowed"])
    # below half of 2^-precision of the weight all is lost, and above it nothing
    line = -sf.as_format(told.fmt).precision - figures.FIRST
    assert (told.swallowed[: line - 1] == told.counts[: line - 1]).all()
    assert not told.swallowed[line:].any()


# ---- the race


def test_the_stored_race_is_what_a_race_comes_to() -> None:
    race = Race(recipes=("fp32", "pure bf16 + stochastic"), seeds=(0, 2), steps=2 * LAP)
    assert [lap.number for lap in race] == [1, 2]
    kept, made = stored(), race.standing()
    for i, recipe in enumerate(race.recipes):
        of = kept.losses[kept.recipes.index(recipe)]
        assert np.allclose(made.losses[i], of[[0, 2], :2], rtol=1e-6, atol=0)  # BLAS of another machine may differ
    assert (kept.recipes, kept.seeds, kept.lr, kept.laps) == (races.RECIPES, races.SEEDS, races.RATE, 60)


def test_a_race_that_was_stopped_goes_on_to_the_same_bits() -> None:
    whole = Race(recipes=("fp32", "pure bf16"), seeds=(0,), steps=2 * LAP)
    for _ in whole:
        pass
    broken = Race(recipes=("fp32", "pure bf16"), seeds=(0,), steps=2 * LAP)
    for lap in broken:
        if lap.number == 1:
            broken.stop()
            break
    assert broken.standing().laps == 1
    for _ in broken:
        pass
    assert np.array_equal(whole.standing().losses, broken.standing().losses)


def test_what_the_stored_race_says_is_the_story_of_the_lesson() -> None:
    last = {recipe: stored().last(recipe) for recipe in stored().recipes}
    assert last["pure bf16"].min() > 2.1
    assert last["fp32"].max() < 1.05
    for rescued in ("pure bf16 + kahan", "pure bf16 + stochastic"):
        assert np.abs(last[rescued] - last["fp32"]).max() < 0.02


def test_eps_of_adam_is_zero_in_float16_and_divides() -> None:
    p = sf.Tensor([1.0], requires_grad=True, dtype="float16")
    p.grad = sf.array([1e-5], "float16")
    optim.Adam([p], lr=1e-3).step()
    assert sf.round_to(1e-8, "fp16") == 0
    assert np.isinf(p.data.item())
