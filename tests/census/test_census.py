"""The census counts what a recount by hand counts, names where it was, and tells where infinities and NaN began."""

from __future__ import annotations

import gc
from collections import Counter
from typing import Any

import numpy as np
import pytest

import simfp as sf
from simfp import nn, observe, optim
from simfp.amp import GradScaler, autocast
from simfp.census import COUNTS, FATES
from simfp.census.counting import HIGHEST, LOWEST
from simfp.kernels.tallies import BLOCK

RNG = np.random.default_rng(5)
INPUTS = RNG.standard_normal((24, 12)).astype(np.float32)
LABELS = RNG.integers(0, 5, 24)


class Run:
    """A small network in mixed precision, and steps of it."""

    def __init__(self, dtype: str = "float16", optimizer: str = "SGD", scale: float = 2.0**-6, **options: Any) -> None:
        nn.manual_seed(3)
        self.model = nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 5))
        self.optimizer = getattr(optim, optimizer)(self.model.parameters(), **({"lr": 0.05} | options))
        self.scaler = GradScaler(init_scale=scale)
        self.dtype = dtype

    def step(self) -> float:
        self.optimizer.zero_grad()
        with autocast(dtype=self.dtype):
            loss = nn.CrossEntropyLoss()(self.model(INPUTS), LABELS)
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return float(loss.item())


class Recount:
    """The same counts with NumPy alone, from the values that are told: nothing of the census, nor the told fates."""

    def __init__(self, model: nn.Module | None = None) -> None:
        self.counts: Counter[tuple[str, ...]] = Counter()
        self.binades: Counter[int] = Counter()
        self.layers: dict[Any, str] = {} if model is None else {m: name for name, m in model.named_modules()}
        self.owners = {}
        for name, p in model.named_parameters() if model else ():
            self.owners[id(p)] = name.rpartition(".")[0]

    def __call__(self, told: observe.Rounding) -> None:
        place, fmt = told.place, told.fmt
        layer = self.layers.get(place.layer, type(place.layer).__name__) if place.layer is not None else ""
        if place.parameter is not None:
            layer = self.owners[id(place.parameter)]
        before, after = told.before.astype(np.float64), told.after.astype(np.float64)
        nan, zero = np.isnan(before), before == 0
        infinite = np.isinf(before)
        overflowed = np.isinf(after) & ~infinite
        zeroed = (after == 0) & ~zero
        subnormal = (after != 0) & (np.abs(after) < fmt.smallest_normal)
        others = nan | overflowed | zeroed | subnormal
        sums = {
            "exact": ~others & (before == after), "rounded": ~others & (before != after), "subnormal": subnormal,
            "zeroed": zeroed, "overflowed": overflowed, "nan": nan, "zero": zero, "infinite": infinite,
        }  # fmt: skip
        if told.start is not None:
            sums["updates"] = before != told.start
            sums["absorbed"] = (before != told.start) & (after == told.start)
        for name, found in sums.items():
            self.counts[layer, place.phase, fmt.name, name] += int(found.sum())
        numbers = before[np.isfinite(before) & ~zero]
        exponents = np.clip(np.frexp(numbers)[1] - 1, LOWEST, HIGHEST)
        self.binades.update(exponents.tolist())


RUNS = {
    "scale too small": {"scale": 2.0**-16},
    "scale too large": {"scale": 2.0**24},
    "bf16": {"dtype": "bfloat16"},
    "adamw": {"optimizer": "AdamW", "lr": 1e-6},
    "kahan": {"kahan": True, "lr": 1e-9},
    "stochastic": {"update_rounding": "stochastic", "rng": 1, "lr": 1e-9},
    "momentum": {"momentum": 0.9},
}


@pytest.mark.parametrize("options", RUNS.values(), ids=RUNS)
def test_a_recount_of_the_same_run_agrees_in_every_count(options: dict[str, Any]) -> None:
    run = Run(**options)
    recount = Recount(run.model)
    with observe.listening(recount), sf.Census(run.model) as census:
        for _ in range(4):
            run.step()
            census.step()
    rows = census.table(by=("layer", "phase", "fmt"))
    counted = {(r["layer"], r["phase"], r["fmt"], name): r[name] for r in rows for name in COUNTS if r[name]}
    assert counted == {key: count for key, count in recount.counts.items() if count}
    histogram = census.histogram()
    assert {h + histogram.lowest: n for h, n in enumerate(histogram.counts.tolist()) if n} == dict(recount.binades)
    assert census.total("values") == sum(census.total(name) for name in observe.FATES)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("fmt", "options"),
    [
        ("fp16", {}), ("fp16", {"rounding": "toward_negative"}), ("fp16", {"overflow": "saturate"}), ("fp32", {}),
        ("bf16", {"subnormals": "flush"}), ("e4m3", {}), (sf.Format("wide", exponent_bits=10, mantissa_bits=8), {}),
    ],
)  # fmt: skip
def test_any_number_of_values_of_any_kind_is_counted_as_a_recount_counts_it(
    dtype: type, fmt: Any, options: dict[str, Any]
) -> None:
    rng = np.random.default_rng(11)
    uint = np.uint32 if dtype == np.float32 else np.uint64
    for size in (0, 1, 3, BLOCK // 2 - 1, BLOCK // 2, BLOCK - 1, BLOCK + 2, 2 * BLOCK + 3):
        plain = rng.standard_normal(size).astype(dtype) * np.where(rng.random(size) < 0.1, dtype(0), dtype(0.01))
        wild = rng.integers(0, np.iinfo(uint).max, size, dtype=uint, endpoint=True).view(dtype)
        wild = np.where(np.isnan(wild), dtype(np.nan), wild)
        wild[::5], wild[1::7] = dtype(0), dtype(np.inf)
        wild[2::9] = np.arange(len(wild[2::9])) * np.finfo(dtype).smallest_subnormal
        for x in (plain, wild, np.concatenate([plain, wild[:7]])):
            with sf.Census() as census:
                sf.round_to(x, fmt, **options)
            words = Counter(np.atleast_1d(sf.fate(x, fmt, **options)).tolist())
            kinds = {"zero": int((x == 0).sum()), "infinite": int(np.isinf(x).sum())}
            counted = {name: census.total(name) for name in COUNTS}
            assert counted == {name: words.get(name, 0) for name in FATES} | kinds | {"updates": 0, "absorbed": 0}
            numbers = x[np.isfinite(x) & (x != 0)].astype(np.float64)
            binades = Counter(np.clip(np.frexp(numbers)[1] - 1, LOWEST, HIGHEST).tolist())
            lowest, counts = census.histogram()
            assert {h + lowest: n for h, n in enumerate(counts.tolist()) if n} == dict(binades)


def test_listening_changes_no_bit_of_a_run() -> None:
    for options in RUNS.values():
        alone, heard = Run(**options), Run(**options)
        losses = [alone.step() for _ in range(3)]
        with sf.Census(heard.model) as census:
            assert [heard.step() for _ in range(3)] == losses
            census.step()
        for p, q in zip(alone.model.parameters(), heard.model.parameters()):
            np.testing.assert_array_equal(p.data.codes, q.data.codes)


def test_gradients_lost_for_want_of_a_scale_are_counted_where_they_are_lost() -> None:
    low, high = Run(scale=2.0**-16), Run(scale=2.0**10)
    with sf.Census(low.model) as lost:
        low.step()
    with sf.Census(high.model) as kept:
        high.step()
    assert lost.total("zeroed", phase="backward") > 50
    assert kept.total("zeroed", phase="backward") == 0
    assert lost.total("zeroed", phase="forward") == kept.total("zeroed", phase="forward")
    weights = lost.table(by=("layer", "gradient"), phase="backward", operation="linear")
    assert {(row["layer"], row["gradient"]) for row in weights} == {
        ("0", "weight"), ("0", "bias"), ("2", "x"), ("2", "weight"), ("2", "bias")
    }  # fmt: skip
    assert sum(row["zeroed"] for row in weights) == lost.total("zeroed", phase="backward", operation="linear")


@pytest.mark.parametrize("fmt", ["fp16", "bf16", "fp32", "tf32"])
def test_what_float32_would_hide_is_counted(fmt: str) -> None:
    tiny, huge = (1e-30, 3e38) if fmt != "fp16" else (1e-6, 6e4)
    x, y = sf.Tensor(sf.array([tiny, huge, 0.0], fmt)), sf.Tensor(sf.array([tiny, huge, 5.0], fmt))
    with sf.Census() as census:
        x * y
    counted = {what: census.total(what, operation="mul") for what in ("zeroed", "overflowed", "zero")}
    assert counted == {"zeroed": 1, "overflowed": 1, "zero": 1}


def test_an_exactly_representable_subnormal_is_subnormal_and_a_zero_is_no_loss() -> None:
    with sf.Census() as census:
        sf.array([2.0**-24, 0.0, -0.0, np.inf, np.nan, 2.0**-25, 1.0, 1.0 + 2**-20, 1e6], "float16")
    counts = {name: census.total(name) for name in ("values", *COUNTS)}
    assert counts == {
        "values": 9, "exact": 4, "rounded": 1, "subnormal": 1, "zeroed": 1, "overflowed": 1, "nan": 1,
        "zero": 2, "infinite": 1, "updates": 0, "absorbed": 0,
    }  # fmt: skip
    assert census.share("zeroed") == 1 / 5


# --- absorbed updates -------------------------------------------------------------------------------------------


class Weights:
    """Parameters of 1.0 with gradients of one size, as an optimizer takes them."""

    def __init__(self, fmt: str, gradients: list[float], **options: Any) -> None:
        self.parameter = nn.Parameter(sf.Tensor(sf.array(np.ones(len(gradients)), fmt)))
        self.parameter.grad = sf.array(gradients, fmt)
        self.optimizer = optim.SGD([self.parameter], lr=1.0, **options)


@pytest.mark.parametrize(("fmt", "half_ulp"), [("bf16", 2.0**-8), ("fp16", 2.0**-11), ("fp32", 2.0**-24)])
def test_an_update_of_at_most_half_an_ulp_is_absorbed(fmt: str, half_ulp: float) -> None:
    # below 1 numbers lie half as far apart, so half of the distance is a quarter of an ulp of 1
    sizes = [-half_ulp * 2, -half_ulp, half_ulp, half_ulp / 2, 2.0**-60 if fmt != "fp16" else 2.0**-24, 0.0]
    weights = Weights(fmt, sizes)
    with sf.Census() as census:
        weights.optimizer.step()
    kept = weights.parameter.data.values == 1
    assert kept.tolist() == [False, True, False, True, True, True]
    assert census.total("updates", phase="update") == 5
    assert census.total("absorbed", phase="update") == 3
    assert census.share("absorbed") == 3 / 5
    assert (census.total("absorbed"), census.share("absorbed")) == (3, 3 / 5)  # the earlier name


def test_with_kahan_an_update_is_absorbed_only_where_the_compensation_loses_it() -> None:
    weights = Weights("bf16", [2.0**-12, 2.0**-12], kahan=True)
    with sf.Census() as census:
        weights.optimizer.step()
    assert (weights.parameter.data.values == 1).all()
    assert census.total("updates") == 2
    assert census.total("absorbed") == 0
    weights.parameter.grad = sf.array([2.0**-12, 2.0**-24], "bf16")
    with sf.Census() as census:
        weights.optimizer.step()
    assert census.total("absorbed") == 1


def test_absorbed_updates_are_counted_by_parameter_and_layer() -> None:
    run = Run(lr=1e-12)
    with sf.Census(run.model) as census:
        run.step()
    rows = census.table(by=("layer", "parameter"), phase="update")
    assert [(row["layer"], row["parameter"]) for row in rows] == [
        ("0", "0.weight"), ("0", "0.bias"), ("2", "2.weight"), ("2", "2.bias")
    ]  # fmt: skip
    assert all(row["absorbed"] for row in rows)
    assert census.total("absorbed", parameter="0.weight") == rows[0]["absorbed"]


# --- names and filters -------------------------------------------------------------------------------------------


def test_layers_have_the_models_names_and_a_filter_takes_what_is_within() -> None:
    nn.manual_seed(0)
    inner = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model = nn.Sequential(inner, nn.Linear(3, 1))
    with sf.Census(model) as census:
        nn.MSELoss()(model(np.ones((2, 3), np.float32)), np.zeros((2, 1), np.float32)).backward()
    names = [row["layer"] for row in census.table(by="layer")]
    assert names == ["", "0.0", "0.1", "1", "MSELoss"]
    inside = census.total("values", layer="0")
    assert inside == census.total("values", layer="0.0") + census.total("values", layer=inner[1])
    assert inside < census.total("values")


def test_without_a_model_layers_are_called_by_kind_and_number_and_losses_by_kind() -> None:
    run = Run()
    with sf.Census() as census:
        run.step()
        run.step()
    names = [row["layer"] for row in census.table(by="layer")]
    assert names == ["", "Linear 1", "ReLU", "Linear 2", "CrossEntropyLoss"]
    gc.collect()
    assert len(census.table()) == len(census.table(by=("layer", "operation", "phase", "fmt")))


def test_the_memory_of_a_census_does_not_grow_with_the_steps() -> None:
    run = Run()
    with sf.Census() as census:
        run.step()
        census.step()
        rows = len(census._counted)
        for _ in range(5):
            run.step()
            census.step()
    assert len(census._counted) == rows


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda c: c.total("lost"), "unknown count 'lost'; expected one of 'values', 'exact'"),
        (lambda c: c.total("zeroed", phase="backwards"), "unknown phase 'backwards'; expected one of 'forward'"),
        (lambda c: c.total("zeroed", layers="0"), "unknown filter 'layers'; expected one of 'layer'"),
        (
            lambda c: c.total("zeroed", layer="7"),
            "unknown layer '7'; expected one of '', 'Sequential', '0', '1', '2', ",
        ),
        (lambda c: c.total("zeroed", fmt="fp17"), "fp17"),
        (lambda c: c.share("exact"), "unknown share 'exact'; expected one of 'subnormal'"),
        (lambda c: c.table(by="place"), "unknown column 'place'"),
        (lambda c: c.last_step("never"), "unknown phase 'never'"),
        (lambda c: sf.Census(every=0), "`every` must be an integer of at least 1, got 0"),
    ],
)
def test_questions_that_make_no_sense_are_refused(ask: Any, says: str) -> None:
    run = Run()
    with sf.Census(nn.Sequential(*run.model)) as census:
        run.step()
    with pytest.raises(ValueError, match=says):
        ask(census)


def test_other_misuse_is_refused() -> None:
    with pytest.raises(TypeError, match="takes a module as its model, got 'model'"):
        sf.Census("model")
    census = sf.Census(histogram=False)
    with census, pytest.raises(RuntimeError, match="listens already"), census:
        pass
    with pytest.raises(RuntimeError, match="histogram=False"):
        census.histogram()


def test_two_censuses_at_once_count_the_same_and_each_ends_for_itself() -> None:
    outer, inner = sf.Census(), sf.Census()
    with outer:
        with inner:
            sf.round_to(0.1, "fp16")
        sf.round_to(0.1, "fp16")
    sf.round_to(0.1, "fp16")
    assert (outer.total("values"), inner.total("values")) == (2, 1)
    assert not observe.somebody_listens()


def test_a_census_may_be_entered_again_and_goes_on() -> None:
    census = sf.Census()
    for _ in range(2):
        with census:
            sf.round_to(0.1, "fp16")
    assert census.total("rounded") == 2
    census.reset()
    assert census.total("values") == 0


# --- steps -------------------------------------------------------------------------------------------------------


def test_each_so_many_th_step_is_counted() -> None:
    whole, some = Run(), Run()
    with sf.Census(whole.model) as census:
        whole.step()
    with sf.Census(some.model, every=3) as sparse:
        for _ in range(7):
            some.step()
            sparse.step()
    assert sparse.steps == 7
    assert sparse.total("values") == 3 * census.total("values")


def test_the_counts_of_the_last_step_are_kept_apart() -> None:
    run = Run()
    with sf.Census(run.model, every=2) as census:
        run.step()
        assert census.last_step("backward")["values"] == 0
        census.step()
        first = census.last_step("backward")
        run.step()
        census.step()
        assert census.last_step("backward") == first
        run.step()
        census.step()
    assert census.last_step("backward")["values"] == first["values"]
    assert census.total("values", phase="backward") == 2 * first["values"]


# --- origins ---------------------------------------------------------------------------------------------------------


def test_the_birth_of_an_infinity_names_the_operation_and_what_it_was_given() -> None:
    run = Run(scale=2.0**24)
    with sf.Census(run.model) as census:
        run.step()
    origin = census.origins["infinite"]
    assert (origin.phase, origin.layer, origin.operation, origin.fmt, origin.step) == (
        "backward", "CrossEntropyLoss", "_to_copy", "float16", 0
    )  # fmt: skip
    assert origin.cause == "rounding"
    assert origin.largest_before > 65504
    (incoming, *_) = origin.inputs
    assert (incoming.name, incoming.fmt, incoming.infinite) == ("incoming gradient", "float32", 0)
    assert str(origin).startswith("first infinity: step 0, backward, layer 'CrossEntropyLoss', _to_copy")


def test_a_birth_reads_as_lines_of_whole_words_that_no_notebook_has_to_break() -> None:
    run = Run(scale=2.0**24)
    with sf.Census(run.model) as census:
        run.step()
    origin = census.origins["infinite"]
    lines = str(origin).splitlines()
    assert max(map(len, lines)) <= 96
    assert len(lines) > 1 + len(origin.inputs)  # the first is too long for one line
    words = " ".join(str(origin).split())
    assert words.startswith("first infinity: step 0, backward, layer 'CrossEntropyLoss', _to_copy, gradient of x, in ")
    assert words.endswith(" ".join(map(str, origin.inputs)))
    assert [line for line in lines if line.startswith("  ") and line[2] != " "] == [
        line for line in lines if line.startswith(tuple(f"  {each.name} (" for each in origin.inputs))
    ]


def test_the_birth_of_nan_is_the_operation_that_made_it_of_what_was_none() -> None:
    x = sf.Tensor(sf.array([6e4, 1.0], "fp16"))
    with sf.Census() as census:
        high = x * 2.0  # infinite
        census.step()
        lost = high - high  # NaN
        lost * 2.0
    assert (census.origins["infinite"].operation, census.origins["infinite"].step) == ("mul", 0)
    origin = census.origins["nan"]
    assert (origin.operation, origin.step, origin.cause, origin.count, origin.size) == ("sub", 1, "operation", 1, 2)
    assert [each.infinite for each in origin.inputs[:2]] == [1, 1]
    assert "its inputs had none" in str(origin)


def test_a_mask_of_infinities_is_no_birth_and_nan_in_the_data_is_given() -> None:
    with sf.Census() as census:
        scores = sf.Tensor(sf.array([1.0, 2.0], "fp16")) + sf.array([0.0, -np.inf], "fp16")
        nn.functional.softmax(scores, -1)
        assert census.origins == {}
        sf.array([1.0, np.nan], "fp16")
    assert list(census.origins) == ["nan"]
    assert census.origins["nan"].cause == "given"


# --- how it is shown ---------------------------------------------------------------------------------------------


def test_a_table_is_plain_data_and_reads_well() -> None:
    with sf.Census() as census:
        sf.array([1e-9, 0.5, 0.25], "float16")
    table = census.table()
    (row,) = table.rows
    assert (row["operation"], row["phase"], row["fmt"], row["values"]) == ("array", "forward", "float16", 3)
    assert row["share_zeroed"] == 1 / 3
    assert str(table).splitlines()[0].split() == ["layer", "operation", "phase", "fmt", "values", "exact", "zeroed"]
    assert "1 (33.3 %)" in str(table)
    html = table._repr_html_()
    assert html.count("<tr>") == 2
    assert "1 (33.3 %)" in html
    assert str(sf.Census().table()) == "nothing was rounded"
