"""Checks, and how answers are compared: codes with one NaN, ulps between them, inputs alike on every machine."""

import hashlib
from operator import attrgetter

import numpy as np
import pytest

import simfp as sf
from simfp.formats import NAMED_FORMATS
from simfp.silicon import device_checks, product_cases, recordings, reproducible_runs
from simfp.silicon.backends import Answer, Names, Noted, Simulated, canonical, checksum, compare, steps
from simfp.silicon.device_checks import SUITES, checks
from simfp.silicon.frontier import FRONTIER
from simfp.silicon.operation_cases import CASES, FEW, FORMATS, RANGES, Case, Drawn, drawn, inputs, patterns, seeded

FMTS = ("float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2")


def answer(values: list[float], fmt: str) -> Answer:
    return Answer(np.asarray(sf.encode(np.array(values), fmt)), fmt)


@pytest.mark.parametrize("fmt", FMTS)
def test_neighbours_are_one_step_apart_and_the_zeros_none(fmt: str) -> None:
    wide = NAMED_FORMATS[fmt]
    x = np.array([-1.0, -wide.smallest_subnormal, 1.0, wide.max])
    below = np.asarray(sf.next_down(x, fmt))
    apart = steps(np.asarray(sf.encode(x, fmt)), wide) - steps(np.asarray(sf.encode(below, fmt)), wide)
    assert apart.tolist() == [1, 1, 1, 1]
    zeros = compare(answer([0.0], fmt), answer([-0.0], fmt))
    assert (zeros.differing, zeros.worst_ulp) == (1, 0)


@pytest.mark.parametrize("fmt", FMTS)
def test_every_nan_counts_as_one_and_nothing_else_does(fmt: str) -> None:
    wide = NAMED_FORMATS[fmt]
    codes = (np.arange(1 << min(wide.bits, 16)) << max(wide.bits - 16, 0)).astype(wide.code_dtype)
    with np.errstate(invalid="ignore"):
        nan = np.isnan(sf.decode(codes, fmt))
    one = canonical(codes, wide)
    assert nan.any()
    assert len(set(one[nan].tolist())) == 1
    assert (one[~nan] == codes[~nan]).all()


def test_what_differs_is_counted_placed_and_measured_in_both_ways() -> None:
    found = compare(answer([1.0, 2.0, 1024.0, 3.0], "float16"), answer([1.0, 2.0 + 2**-8, 1024.0, 3.0], "float16"))
    assert (found.elements, found.differing, found.worst_ulp, found.places) == (4, 1, 2, [1])
    assert found.of_largest == 2**-8
    worst = compare(answer([np.inf, 1.0], "float16"), answer([1.0, 1.0], "float16"))
    assert worst.of_largest == float(np.finfo(np.float32).max)
    with pytest.raises(ValueError, match="not of one kind: float16 of shape"):
        compare(answer([1.0], "float16"), answer([1.0], "bfloat16"))


def test_names_of_checks_are_their_own_and_every_suite_has_some() -> None:
    every = checks()
    assert len({check.name for check in every}) == len(every)
    assert tuple(dict.fromkeys(check.suite for check in every)) == SUITES
    assert {check.frontier for check in every} == {"", *FRONTIER}


def test_inputs_are_the_same_on_every_machine() -> None:
    """Of the cases that are recorded: one that waits for a GPU has no place in the digest."""
    made = hashlib.sha256()
    for case in filter(attrgetter("recorded"), CASES):
        for codes in inputs(case, case.formats[0], FEW):
            made.update(np.ascontiguousarray(codes).tobytes())
    assert made.hexdigest() == "fe70d0b5359c9de098b73ac80efdc416614760b949f673ecbd9a5f3c4c14278f"


def test_a_case_may_wait_for_a_gpu_anywhere_in_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = Case("two thirds", "elementwise", lambda F, x: x * 2 / 3, (Drawn((4, 8)),), recorded=False)
    before = [check.name for check in checks() if check.recorded]
    monkeypatch.setattr(device_checks, "CASES", (*CASES[:5], waiting, *CASES[5:]))
    every = checks()
    assert [check.name for check in every if check.recorded] == before
    found = [check for check in every if check.name.startswith("two thirds ")]
    assert [(check.name, check.recorded) for check in found] == [(f"two thirds {fmt}", False) for fmt in FORMATS]
    assert set(found[0].ask(Simulated(sf.HOPPER), True)) == {"result", "gradient 0"}


@pytest.mark.parametrize("kind", RANGES)
@pytest.mark.parametrize("fmt", FORMATS)
def test_what_is_drawn_lies_where_it_should(kind: str, fmt: str) -> None:
    wide = NAMED_FORMATS[fmt]
    x = np.asarray(sf.decode(drawn((4000,), kind, wide, seeded(kind)), fmt))
    low, high, even, signed = RANGES[kind]
    limits = (low, high) if even else (2.0**low, 2.0**high)
    size = x if even else np.abs(x)
    assert size.min() >= limits[0]
    assert size.max() <= limits[1]
    assert (x.min() < 0) == (signed and low < 0) or not even
    if kind == "shares":
        assert x.min() > 0


def test_patterns_have_every_sign_and_exponent_equally_often() -> None:
    codes = patterns(1 << 15, np.random.default_rng(0))
    assert (np.bincount(codes >> np.uint32(23), minlength=512) == 64).all()
    assert {0x3F801000, 0x3F808000, 0x3F808001} <= set(codes.tolist())  # halfway points of fp16 and bf16, and beside


def test_a_backend_is_noted_with_what_it_was_given() -> None:
    check = next(check for check in checks() if check.name == "mul float16")
    first, second = Noted(Simulated(sf.HOPPER)), Noted(Simulated(sf.HOPPER))
    with np.errstate(all="ignore"):
        one, other = check.ask(first, True), check.ask(second, True)
    assert first.inputs.hexdigest() == second.inputs.hexdigest() != hashlib.sha256().hexdigest()
    assert {name: checksum(each) for name, each in one.items()} == {
        name: checksum(each) for name, each in other.items()
    }


def test_an_operation_that_is_not_there_is_named() -> None:
    with pytest.raises(AttributeError, match="there is no operation 'fft' here"):
        Names(np.linalg).fft  # noqa: B018


def test_a_cast_to_fp8_follows_the_release_of_torch_that_answers() -> None:
    codes = np.asarray(sf.encode(np.array([448.0, 464.0, 464.5, -1e6]), "float32"))
    saturated = Simulated(sf.HOPPER).cast(codes, "float32", "float8_e4m3fn")
    assert sf.decode(saturated, "float8_e4m3fn").tolist() == [448, 448, 448, -448]
    others = sf.decode(Simulated(sf.HOPPER, saturates=False).cast(codes, "float32", "float8_e4m3fn"), "float8_e4m3fn")
    assert others[:2].tolist() == [448, 448]
    assert np.isnan(others[2:]).all()


@pytest.mark.parametrize("name", ["fp32", "tf32"])
def test_a_run_without_autocast_goes_along_the_orders_that_were_found_for_it(name: str) -> None:
    row = next(row for row in recordings.load("h200_training")["runs"] if row["name"] == name)
    asked: list[str] = []

    def found(run: reproducible_runs.Run) -> dict[str, str]:
        asked.append(run.name)
        return dict(row["orders"])

    check = next(check for check in checks() if check.name == f"training, {name}")
    made = check.ask(Simulated(sf.HOPPER, orders=found), True)["losses"]
    _, told = reproducible_runs.recorded(row, made.codes.size)
    assert asked == [name]
    assert np.array_equal(made.codes, told.losses.view(np.uint32))


@pytest.mark.parametrize(
    "case", [case for case in product_cases.CASES if case.by and case.k == 32], ids=lambda case: case.name
)
def test_products_of_two_formats_are_asked_for_in_both(case: product_cases.Case) -> None:
    told = {row["name"]: row["answer"] for row in recordings.load("h200_products")["cases"]}
    codes = Simulated(sf.HOPPER).sums_of_products(case)
    made = np.where(np.isnan(codes.view(np.float32)), np.uint32(0x7FFFFFFF), codes)
    assert hashlib.sha256(made.tobytes()).hexdigest() == told[case.name]
