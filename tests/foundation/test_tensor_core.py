"""Tensor cores: the two loops against a twin in fractions, the table of generations, orders, and what is refused."""

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import simfp as sf
from simfp.amp import accumulating
from simfp.tensor_core import GENERATIONS, Order, TensorCore
from tests import exact

HALF_FORMATS = ("float16", "bfloat16", "tfloat32")
FP8 = (sf.float8_e4m3fn, sf.float8_e5m2)


def numbers(fmt: str, shape: tuple[int, ...], seed: int, spread: int = 8, zeros: float = 0.1) -> np.ndarray:
    """Values of a format, of very different sizes, some of them zero."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape) * 2.0 ** rng.integers(-spread, spread + 1, shape)
    with np.errstate(over="ignore"):
        return np.asarray(sf.round_to(np.where(rng.random(shape) < zeros, 0.0 * x, x), fmt, overflow="saturate"))


def exponent_of(x: float, fmt: Any) -> int:
    """The exponent of a number other than zero as the core sees it: a subnormal number has that of the normal ones."""
    return max(math.frexp(x)[1] - 1, fmt.min_exponent)


def cut(x: Fraction, place: int) -> Fraction:
    """x truncated toward zero at 2^place."""
    steps = abs(x) / Fraction(2) ** place
    return math.copysign(1, x) * Fraction(math.floor(steps)) * Fraction(2) ** place if x else x


def slow_product(a: np.ndarray, b: np.ndarray, core: TensorCore, fmt: Any, steps: Any, right: Any = None) -> float:
    """One element, as the model is told."""
    total, right = 0.0, right or fmt
    for start, stop in steps:
        pairs = list(zip(a[start:stop].tolist(), b[start:stop].tolist(), strict=True))
        special = [x * y for x, y in pairs if not (math.isfinite(x) and math.isfinite(y))]
        if special or not math.isfinite(total):
            total = sum(special, total if not math.isfinite(total) else 0.0)
            continue
        terms = [(Fraction(x) * Fraction(y), exponent_of(x, fmt) + exponent_of(y, right)) for x, y in pairs if x and y]
        if total:
            terms.append((Fraction(total), exponent_of(total, core.format)))
        terms.append((Fraction(0), core.format.min_exponent - 7))  # the lowest that a step is aligned to
        lowest = max(exponent for _, exponent in terms) - core.fraction_bits
        added = sum((Fraction(cut(term, lowest)) for term, _ in terms), Fraction(0))
        size = exact.round_exact(abs(added), core.format, core.rounding)
        if abs(added) >= Fraction(2) ** (core.format.max_exponent + 1):
            size = math.inf
        total = math.copysign(size, added) if added and size else 0.0
    return total


def same(got: np.ndarray, expected: np.ndarray) -> bool:
    return np.array_equal(got, expected, equal_nan=True) and np.array_equal(
        np.signbit(got[~np.isnan(got)]), np.signbit(expected[~np.isnan(expected)])
    )


@pytest.mark.parametrize("fmt", HALF_FORMATS)
@pytest.mark.parametrize("parameters", [(16, 25), (8, 24), (4, 23), (3, 10), (40, 40), (1, 1), (16, 30)])
@pytest.mark.parametrize(
    "accumulator", [("float32", "toward_zero"), ("float16", "nearest_even"), ("float32", "nearest_even")]
)
def test_a_product_is_what_the_model_says_in_fractions(
    fmt: str, parameters: tuple[int, int], accumulator: tuple[str, str]
) -> None:
    core = TensorCore(*parameters, *accumulator)
    a, b = numbers(fmt, (6, 41), 1), numbers(fmt, (41, 5), 2)
    made = core.products(a, b, sf.as_format(fmt))
    (steps,) = core.order.parts(41, core.terms)
    slow = [[slow_product(a[m], b[:, n], core, sf.as_format(fmt), steps) for n in range(5)] for m in range(6)]
    assert same(made, np.array(slow))


@pytest.mark.parametrize("formats", [("float8_e4m3fn", "float8_e5m2"), ("float8_e5m2", "float8_e4m3fn")])
def test_the_factors_may_be_of_two_formats_where_a_unit_takes_both(formats: tuple[str, str]) -> None:
    left, right = map(sf.as_format, formats)
    core = sf.HOPPER.core(left)
    a, b = numbers(left.name, (6, 70), 8, spread=12), numbers(right.name, (70, 5), 9, spread=12)
    assert any(0 < abs(x) < fmt.smallest_normal for each, fmt in ((a, left), (b, right)) for x in each.flat)
    (steps,) = core.order.parts(70, core.terms)
    slow = [[slow_product(a[m], b[:, n], core, left, steps, right) for n in range(5)] for m in range(6)]
    assert same(core.products(a, b, left, right), np.array(slow))
    with pytest.raises(ValueError, match="this tensor core takes float16; got float16 and bfloat16"):
        sf.HOPPER.products(a, b, sf.float16, sf.bfloat16)


@pytest.mark.parametrize("fmt", HALF_FORMATS)
@pytest.mark.parametrize("kind", ["special", "subnormal", "tiny", "huge", "zero"])
def test_the_corners_are_what_the_model_says(fmt: str, kind: str) -> None:
    core, own = sf.HOPPER.core(fmt), sf.as_format(fmt)
    a, b = numbers(fmt, (8, 40), 3), numbers(fmt, (40, 8), 4)
    rng = np.random.default_rng(5)
    if kind == "special":
        for each in (a, b):
            places = rng.random(each.shape) < 0.02
            each[places] = rng.choice([math.inf, -math.inf, math.nan], places.sum())
    elif kind == "subnormal":
        a, b = (np.asarray(sf.round_to(each * own.smallest_normal, fmt)) for each in (a, b))
        b = np.asarray(sf.round_to(b / own.smallest_normal, fmt))
    elif kind == "tiny":
        a, b = (np.asarray(sf.round_to(each * 2.0 ** max(-70, own.min_exponent), fmt)) for each in (a, b))
    elif kind == "huge":
        a, b = (
            np.asarray(sf.round_to(each * 2.0 ** min(60, own.max_exponent), fmt, overflow="saturate"))
            for each in (a, b)
        )
    else:
        a, b = 0 * a, b
    made = core.products(a, b, own)
    (steps,) = core.order.parts(40, core.terms)
    slow = [[slow_product(a[m], b[:, n], core, own, steps) for n in range(8)] for m in range(8)]
    assert same(made, np.array(slow))


@pytest.mark.parametrize("fmt", HALF_FORMATS)
@pytest.mark.parametrize(("m", "k", "n"), [(1, 1, 1), (3, 16, 64), (17, 100, 65), (33, 257, 130), (64, 0, 3)])
def test_the_fast_loop_and_the_general_one_agree(
    fmt: str, m: int, k: int, n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = numbers(fmt, (m, k), 6), numbers(fmt, (k, n), 7)
    core = sf.HOPPER.core(fmt)
    fast = core.products(a, b, sf.as_format(fmt))
    monkeypatch.setattr(TensorCore, "_fast", lambda *_: None)
    assert same(fast, core.products(a, b, sf.as_format(fmt)))


@pytest.mark.parametrize("fmt", HALF_FORMATS)
@pytest.mark.parametrize("where", ["both", "left"])
def test_infinities_and_nan_come_out_of_the_fast_loop_as_of_the_general_one(
    fmt: str, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = numbers(fmt, (70, 48), 10, zeros=0.02), numbers(fmt, (48, 66), 11, zeros=0.02)
    rng = np.random.default_rng(12)
    for each in (a, b)[: 1 if where == "left" else 2]:
        places = rng.random(each.shape) < 0.01
        each[places] = rng.choice([math.inf, -math.inf, math.nan], places.sum(), p=[0.45, 0.45, 0.1])
    core = sf.HOPPER.core(fmt)
    monkeypatch.setattr(TensorCore, "_general", None)
    fast = core.products(a, b, sf.as_format(fmt))
    monkeypatch.undo()
    monkeypatch.setattr(TensorCore, "_fast", lambda *_: None)
    assert same(fast, core.products(a, b, sf.as_format(fmt)))
    assert all(kind.any() for kind in (np.isposinf(fast), np.isneginf(fast), np.isnan(fast), np.isfinite(fast)))


@pytest.mark.parametrize("exponent", [-20, -60, -100, -120])
def test_rows_far_smaller_than_others_keep_all_their_bits(exponent: int, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = numbers("bfloat16", (40, 48), 13, zeros=0.5), numbers("bfloat16", (48, 64), 14)
    a, b = a.copy(), b.copy()
    a[::2] *= 2.0**exponent
    a[1], b[:, 0] = a[1] * 2.0**60, b[:, 0] * 2.0**40
    b[:, 1::2] *= 2.0 ** max(exponent, -90)
    a, b = (np.asarray(sf.round_to(each, "bfloat16")) for each in (a, b))
    made = sf.HOPPER.products(a, b, sf.bfloat16)
    monkeypatch.setattr(TensorCore, "_fast", lambda *_: None)
    assert same(made, sf.HOPPER.products(a, b, sf.bfloat16))


@pytest.mark.parametrize("accumulator", [sf.HOPPER, sf.SequentialSum("float16"), sf.Float64Sum()])
def test_a_stack_of_products_is_the_stack_of_its_products(accumulator: Any) -> None:
    a, b = numbers("float16", (2, 3, 20, 33), 15), numbers("float16", (2, 3, 33, 70), 16)
    made = accumulator.products(a.astype(np.float32), b.astype(np.float32), sf.float16)
    for place in np.ndindex(2, 3):
        assert same(made[place], accumulator.products(a[place], b[place], sf.float16))
    assert made.shape == (2, 3, 20, 70)


@pytest.mark.parametrize(
    ("left", "right"),
    [((0, 4), (4, 3)), ((2, 4), (4, 0)), ((2, 0), (0, 3)), ((0, 2, 4), (0, 4, 3)), ((2, 0, 4), (2, 4, 3))],
)
def test_a_product_without_elements_or_without_terms_has_its_shape(
    left: tuple[int, ...], right: tuple[int, ...]
) -> None:
    for core in (sf.HOPPER, sf.HOPPER.with_order(split_k=2)):
        got = sf.matmul(*(sf.array(np.zeros(shape), "float16") for shape in (left, right)), accumulator=core)
        np.testing.assert_array_equal(got, np.zeros((*left[:-1], right[-1])))


def test_an_overflow_in_one_element_leaves_the_others_as_they_are() -> None:
    a, b = numbers("bfloat16", (40, 64), 8), numbers("bfloat16", (64, 70), 9)
    plain = sf.HOPPER.products(a, b, sf.bfloat16)
    a[3, 5], b[5, 7] = 2.0**100, 2.0**100
    made = sf.HOPPER.products(a, b, sf.bfloat16)
    assert made[3, 7] == math.inf
    others = np.ones(made.shape, bool)
    others[3, :], others[:, 7] = False, False
    assert same(made[others], plain[others])


# ---- orders ----


@pytest.mark.parametrize(
    ("order", "k", "steps"),
    [
        (Order(), 40, [[(0, 16), (16, 32), (32, 40)]]),
        (Order(terms=8), 20, [[(0, 8), (8, 16), (16, 20)]]),
        (Order(terms=100), 20, [[(0, 16), (16, 20)]]),
        (
            Order(tile=64, k_tail="first"),
            100,
            [[(0, 16), (16, 32), (32, 36), (36, 52), (52, 68), (68, 84), (84, 100)]],
        ),
        (Order(tile=64), 100, [[(0, 16), (16, 32), (32, 48), (48, 64), (64, 80), (80, 96), (96, 100)]]),
        (Order(tile=64, k_tail="first"), 128, [[(k, k + 16) for k in range(0, 128, 16)]]),
        (Order(tile=24), 40, [[(0, 16), (16, 24), (24, 40)]]),
        (Order(split_k=24), 40, [[(0, 16), (16, 24)], [(24, 40)]]),
        (Order(), 0, []),
    ],
)  # fmt: skip
def test_an_order_says_which_k_each_step_takes(order: Order, k: int, steps: Any) -> None:
    made = [[tuple(step) for step in part.tolist()] for part in order.parts(k, 16)]
    assert made == steps


def test_another_order_gives_other_bits_and_split_k_adds_its_parts_in_the_stated_format() -> None:
    a, b = numbers("float16", (40, 100), 10), numbers("float16", (100, 30), 11)
    plain = sf.HOPPER.products(a, b, sf.float16)
    first = sf.HOPPER.with_order(tile=64, k_tail="first").products(a, b, sf.float16)
    assert (plain != first).any()
    assert np.abs(plain - first).max() < 1e-3 * np.abs(plain).max()
    pieces = [
        sf.HOPPER.products(a[:, part], b[part], sf.float16) for part in (slice(0, 48), slice(48, 96), slice(96, 100))
    ]
    whole = sf.HOPPER.with_order(split_k=48).products(a, b, sf.float16)
    assert same(whole, ((pieces[0] + pieces[1]).astype(np.float32) + pieces[2]).astype(np.float32).astype(float))
    narrow = sf.HOPPER.with_order(split_k=48, reduction="float16").products(a, b, sf.float16)
    halves = [sf.round_to(each, "fp16") for each in pieces]
    assert same(narrow, np.asarray(sf.add(sf.add(halves[0], halves[1], "fp16"), halves[2], "fp16"), float))


# ---- through matmul ----


def test_matmul_rounds_the_sums_once_to_its_result_s_format() -> None:
    a, b = sf.array(numbers("float16", (5, 20), 12), "fp16"), sf.array(numbers("float16", (20, 6), 13), "fp16")
    sums = sf.matmul(a, b, accumulator=sf.HOPPER, out_dtype="float32")
    assert sums.dtype == sf.float32
    assert np.array_equal(sums.values, sf.HOPPER.products(a.values.astype(float), b.values.astype(float), sf.float16))
    assert np.array_equal(sf.matmul(a, b, accumulator=sf.HOPPER).values, sf.round_to(sums.values, "fp16"))


@pytest.mark.parametrize(("generation", "fmt"), [(sf.HOPPER, "float32"), (sf.VOLTA, "bfloat16"), (sf.VOLTA, "float32")])
def test_what_no_tensor_core_takes_is_added_by_fused_multiply_adds_on_both_roads(generation: Any, fmt: str) -> None:
    a, b = sf.array(numbers(fmt, (4, 33), 14), fmt), sf.array(numbers(fmt, (33, 3), 15), fmt)
    for m in range(4):
        for n in range(3):
            total = 0.0
            for x, y in zip(a.values[m].tolist(), b.values[:, n].tolist()):
                total = exact.round_exact(Fraction(x) * Fraction(y) + Fraction(total), sf.float32, "nearest_even")
            assert sf.matmul(a, b, accumulator=generation, out_dtype="float32").values[m, n] == np.float32(total)
    with accumulating(generation):
        product = sf.Tensor(a) @ sf.Tensor(b)
    assert np.array_equal(product.data.values, sf.matmul(a, b, accumulator=generation).values)


def test_two_formats_that_no_tensor_core_takes_together_are_refused() -> None:
    with pytest.raises(ValueError, match="Volta's tensor cores take float16; got float8_e4m3fn"):
        sf.VOLTA.products(np.ones((2, 2)), np.ones((2, 2)), *FP8)


# ---- the table ----


def test_every_generation_says_where_its_numbers_come_from_and_what_was_checked() -> None:
    assert list(GENERATIONS) == ["Volta", "Turing", "Ampere", "Ada", "Hopper", "Blackwell"]
    assert list(GENERATIONS.values()) == [sf.VOLTA, sf.TURING, sf.AMPERE, sf.ADA, sf.HOPPER, sf.BLACKWELL]
    for generation in GENERATIONS.values():
        assert generation.cores
        for fmt, core in generation.cores.items():
            assert core.inputs == (FP8 if fmt in FP8 else (fmt,))
            assert core.source
            assert core.checked in ("", "H200", "H100, H200")
            assert bool(core.checked) == (generation is sf.HOPPER)
            made = generation.products(numbers(fmt.name, (3, 40), 1, 2), numbers(fmt.name, (40, 3), 2, 2), fmt)
            assert np.isfinite(made).all()


# ---- what cannot be ----


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: TensorCore(0, 25), ValueError, "`terms` must be at least 1, got 0"),
        (lambda: TensorCore(65, 25), ValueError, "`terms` must be 1 to 64, got 65"),
        (lambda: TensorCore(16, 41), ValueError, "`fraction_bits` must be 1 to 40, got 41"),
        (lambda: TensorCore(16, 2.5), TypeError, "`fraction_bits` must be an integer, got 2.5"),
        (lambda: TensorCore(16, 25, rounding="up"), ValueError, "unknown rounding of a tensor core 'up'"),
        (lambda: TensorCore(16, 25, "float99"), ValueError, "unknown format 'float99'"),
        (lambda: TensorCore(16, 25, order=16), TypeError, "`order` must be an Order, got 16"),
        (lambda: Order(tile=0), ValueError, "`tile` must be at least 1, got 0"),
        (lambda: Order(k_tail="middle"), ValueError, "unknown k_tail 'middle'; expected first or last"),
        (lambda: sf.VOLTA.core("bf16"), ValueError, "Volta's tensor cores take float16; got bfloat16"),
        (lambda: sf.HOPPER.core("float32"), ValueError,
         "Hopper's tensor cores take float16, bfloat16, tfloat32, float8_e4m3fn, float8_e5m2; got float32"),
        (lambda: TensorCore(16, 25).products(np.ones((2, 2)), np.ones((2, 2)), sf.float32), ValueError,
         "takes formats of at most 12 bits' precision; got float32"),
        (lambda: sf.HOPPER.with_order(tiles=3), TypeError, "tiles"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_name(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("earlier", "today"),
    [
        ({"part": 24}, {"split_k": 24}),
        ({"kept": "fp16"}, {"partial_dtype": "fp16"}),
        ({"residue": "first"}, {"k_tail": "first"}),
    ],
    ids=str,
)
def test_an_order_takes_the_earlier_names_of_its_keywords(earlier: dict[str, Any], today: dict[str, Any]) -> None:
    assert Order(tile=8, **earlier) == Order(tile=8, **today) != Order(tile=8)
    for core in (sf.HOPPER, sf.HOPPER.core("fp16")):
        assert core.with_order(**earlier) == core.with_order(**today) != core
        assert core.with_order(**today).with_order(**earlier) == core.with_order(**today)
    ((old, _),) = earlier.items()
    with pytest.raises(TypeError, match=f"`{old}` is the earlier name of `{next(iter(today))}`; give one of them"):
        Order(**earlier, **today)
