"""float32 sums by the processor's own additions: the bits of the loops that round to any format."""

from typing import Any

import numpy as np
import pytest

import simfp as sf
from simfp import accumulation
from simfp.accumulation import Accumulator, PairwiseSum, SequentialSum

ONES = np.ones((1, 1))
SUMS = (
    SequentialSum("float32"),
    SequentialSum("float32", fma=True),
    PairwiseSum("float32"),
    PairwiseSum("float32", fma=True, leaf=1, lanes=1),
    PairwiseSum("float32", leaf=40, lanes=4),
)
SIZES = ((1, 1, 1), (1, 1000, 1), (3, 257, 2), (5, 130, 64), (2, 300, 65))
# what both factors are multiplied by: ordinary, products and sums subnormal, sums infinite
SCALES = ((1.0, 1.0), (2.0**-100, 2.0**-44), (2.0**80, 2.0**45))


def factors(m: int, k: int, n: int, scales: tuple[float, float]) -> list[np.ndarray]:
    rng = np.random.default_rng([m, k, n])
    made = []
    for shape, scale in zip(((m, k), (k, n)), scales):
        x = rng.standard_normal(shape).astype(np.float32) * np.float32(scale)
        x[rng.random(shape) < 0.1] *= np.float32(-0.0)
        made.append(x.astype(np.float64))
    return made


def without_it(monkeypatch: pytest.MonkeyPatch, made: Any) -> Any:
    with monkeypatch.context() as patch, np.errstate(all="ignore"):
        patch.setattr(accumulation, "_in_float32", lambda x: None)
        return made()


def same(one: np.ndarray, other: np.ndarray) -> bool:
    there = ~np.isnan(one)
    signs = np.array_equal(np.signbit(one[there]), np.signbit(other[there]))
    return signs and np.array_equal(one, other, equal_nan=True)


@pytest.mark.parametrize("sums", SUMS, ids=repr)
@pytest.mark.parametrize("plain", [False, True], ids=["products", "plain"])
@pytest.mark.parametrize("special", [False, True], ids=["finite", "special"])
def test_bits_are_those_of_the_loops_for_any_format(
    sums: Accumulator, plain: bool, special: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = set()
    for size in SIZES:
        for scales in SCALES:
            a, b = factors(*size, scales)
            if special:
                b[np.random.default_rng(0).random(b.shape) < 0.01] = np.inf
                b[-1, -1] = np.nan
            a = ONES if plain else a
            made = sums.add_products(a, b, plain=plain)
            assert same(made, without_it(monkeypatch, lambda a=a, b=b: sums.add_products(a, b, plain=plain)))
            seen |= {("infinite", bool(np.isinf(made).any())), ("nan", bool(np.isnan(made).any()))}
            seen.add(("subnormal", bool(((made != 0) & (np.abs(made) < 2.0**-126)).any())))
    assert {("infinite", True), ("nan", special)} <= seen or plain
    assert ("subnormal", True) in seen or plain


def test_what_is_no_float32_value_takes_the_other_way_and_is_not_rounded_before() -> None:
    terms = np.array([[1.0], [2.0**-24 + 2.0**-50]])
    assert SequentialSum("float32").add_products(ONES, terms, plain=True)[0, 0] == 1 + 2.0**-23
    assert SequentialSum("float32").add_products(ONES, np.float32(terms).astype(float), plain=True)[0, 0] == 1


def test_other_modes_and_formats_take_the_other_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accumulation, "in_order32", None)
    terms = np.array([[1.0], [2.0**-24]])
    assert SequentialSum("float32", "toward_positive").add_products(ONES, terms, plain=True)[0, 0] == 1 + 2.0**-23
    assert SequentialSum("tfloat32").add_products(ONES, terms, plain=True)[0, 0] == 1
    with pytest.raises(TypeError, match="'NoneType' object is not callable"):
        SequentialSum("float32").add_products(ONES, terms, plain=True)


def test_an_array_in_float32_keeps_its_sum_in_numpys_order() -> None:
    x = np.random.default_rng(1).standard_normal(100_003).astype(np.float32)
    assert np.float32(PairwiseSum(sf.float32)(x)) == x.sum()
